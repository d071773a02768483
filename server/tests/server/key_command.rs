//! The commands that texts name for showing the keys: they can be called as they stand.

use crate::process::pistreamer;
use crate::support::Running;
use crate::words::said;
use pistreamer::access::Store;
use std::path::Path;
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pistreamer");

#[test]
fn commands_in_texts_can_be_called_as_they_stand() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("its state");
    let command = |path: &str| {
        let mut command = pistreamer(&["--listen", "127.0.0.1:0", "--source", "pattern"]);
        command.arg("--state-dir").arg(&state).env("PATH", path);
        command
    };
    let ask = |path: &str| {
        let mut server = Running(command(path).stderr(Stdio::null()).spawn().unwrap());
        let lines = said(&mut server.0, "the access key is shown by: ");
        let url = lines[0].split(' ').next_back().unwrap();
        let page = Command::new("curl").args(["-s", url]).output().unwrap();
        let page = String::from_utf8(page.stdout).unwrap();
        let shown = lines.last().unwrap();
        (shown.split(": ").last().unwrap().to_owned(), page)
    };
    let (elsewhere, page) = ask("/usr/bin:/bin");
    assert!(
        elsewhere.starts_with(&format!("{PROGRAM} key")),
        "{elsewhere}"
    );
    // Who sees this page need not know where the program lies.
    assert!(
        page.contains("<code>target/debug/pistreamer key</code>"),
        "{page}"
    );
    let shell = Command::new("sh")
        .args(["-c", &elsewhere])
        .output()
        .unwrap();
    let shown = String::from_utf8(shell.stdout).unwrap();
    assert!(shown.contains("owner"), "{elsewhere}: {shown}");
    let own = Path::new(PROGRAM).parent().unwrap().to_str().unwrap();
    let (on_path, page) = ask(&format!("{own}:/usr/bin:/bin"));
    assert!(
        on_path.starts_with("pistreamer key --state-dir '"),
        "{on_path}"
    );
    assert!(page.contains("<code>pistreamer key</code>"), "{page}");
}

#[test]
fn the_command_that_a_server_names_shows_its_keys_wherever_it_is_called() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().join("it's here");
    std::fs::create_dir_all(here.join("etc")).unwrap();
    let file = |path: &str, state: &str| {
        let text = format!("server.state_dir = \"{state}\"\n");
        std::fs::write(here.join(path), text).unwrap();
    };
    let shown = |command: &str, state: &str| {
        let shell = Command::new("sh")
            .args(["-c", command])
            .current_dir("/")
            .output()
            .unwrap();
        let keys = Store::new(here.join(state)).read().unwrap();
        let key = keys.owners().unwrap().as_str().to_owned();
        let said = String::from_utf8(shell.stdout).unwrap();
        assert!(said.contains(&key), "{command}: {said}");
        let (_, links) = said.split_once("for new ones: ").unwrap();
        let command = links.lines().next().unwrap().to_owned();
        (said, command)
    };
    file("etc/named.toml", "keys of a file");
    file("pistreamer.toml", "found");
    let named = ["--config", "etc/named.toml"];
    for (arguments, variable, state) in [
        (&["--state-dir", "flag"][..], "", "flag"),
        (&named, "", "etc/keys of a file"),
        (&[], "variable", "variable"),
        (&[], "", "found"),
    ] {
        let mut command = pistreamer(&["--listen", "127.0.0.1:0", "--source", "pattern"]);
        command.args(arguments).current_dir(&here);
        command.env("PISTREAMER_STATE_DIR", variable);
        let mut server = Running(command.stderr(Stdio::null()).spawn().unwrap());
        let lines = said(&mut server.0, "the access key is shown by: ");
        let (_, command) = lines.last().unwrap().split_once("shown by: ").unwrap();
        let (_, again) = shown(command, state);
        shown(&again, state);
        if arguments == named {
            // So does the one that the other command names.
            let mut key = pistreamer(&["key"]);
            let key = key.args(named).current_dir(&here).output().unwrap();
            let key = String::from_utf8(key.stdout).unwrap();
            let (_, links) = key.split_once("for new ones: ").unwrap();
            shown(links.lines().next().unwrap(), state);
        }
    }
}
