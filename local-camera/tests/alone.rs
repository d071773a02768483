//! The program that drives cameras, by itself. What it does for a server is tested with one, in `server/tests/libcamera`.

use pistreamer_local_camera::process::{News, Order, Socket, VERSION};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pistreamer-camera"))
}

#[test]
fn called_by_hand_it_says_what_it_is_for() {
    let output = program().stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("pistreamer, which starts it"), "{text}");
}

#[test]
fn it_ends_with_its_server() {
    let (ours, theirs) = Socket::pair().unwrap();
    let mut child = program().stdin(OwnedFd::from(theirs)).spawn().unwrap();
    let (hello, _) = ours.receive::<News>().unwrap().unwrap();
    let version = VERSION.into();
    assert_eq!(hello, News::Hello { version });
    // Out of turn, it is nothing.
    ours.send(&Order::Home {
        opened: 1,
        number: 7,
    });
    drop(ours);
    assert!(child.wait().unwrap().success());
}
