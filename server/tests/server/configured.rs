//! Configuration files: found, merged, checked and shown by the program itself.

use crate::process::{pistreamer, refused, said, started};
use crate::reloaded::{HEAD, Server, camera};
use crate::support::{Running, TestServer, TestViewer};
use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program in a directory, with no configuration from elsewhere.
fn there(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = pistreamer(arguments);
    command.current_dir(directory);
    command
}

#[test]
fn config_check_says_everything_that_is_wrong_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        std::fs::write(directory.path().join("a.toml"), text).unwrap();
        said(there(directory.path(), &["config", "check", "a.toml"]))
    };
    let (right, text) = check("[[camera]]\nqualty = 3\n[limits]\nviewrs = 3\n");
    assert!(!right);
    for line in [
        "a.toml:2:1: there is no \"qualty\" in [[camera]]: did you mean quality?",
        "a.toml:4:1: there is no \"viewrs\" in [limits]: did you mean viewers?",
    ] {
        assert!(text.contains(line), "{text}");
    }
    // Each line begins with its place, and they follow the file.
    let (_, text) = check("[limits]\nviewers = 0\n[[camera]]\nfps = 0\nqualty = 3\nhflip = true\n");
    let lines: Vec<_> = text.lines().collect();
    let starts = [
        "a.toml:2:11: ",
        "a.toml:4:7: ",
        "a.toml:5:1: ",
        "a.toml:6:1: ",
    ];
    assert_eq!(lines.len(), starts.len(), "{text}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{text}");
    }
    let (right, text) = check("[[camera]]\n[[camera]]\nsource = \"pattern\"\n");
    assert!(right && text == "a.toml: no errors, 2 cameras\n", "{text}");
    assert!(refused(&["config", "check", "/no/such.toml"]).contains("there is no such file"));
    assert!(refused(&["--config", "/no/such.toml"]).contains("there is no such file"));
}

/// A path that begins with this one and is not UTF-8.
fn not_utf8(within: &Path) -> PathBuf {
    within.join(OsStr::from_bytes(b"caf\xe9"))
}

#[test]
fn a_path_that_is_not_utf8_is_refused_and_no_other_directory_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let odd = not_utf8(directory.path());
    let started = |change: &dyn Fn(&mut Command)| {
        let mut command = there(directory.path(), &[]);
        change(&mut command);
        let (right, said) = said(command);
        assert!(!right, "{said}");
        said
    };
    for flag in ["--state-dir", "--tls-cert", "--tls-key"] {
        let said = started(&|command| _ = command.arg(flag).arg(&odd));
        assert!(
            said.contains(flag) && said.contains("is not UTF-8 text: "),
            "{said}"
        );
    }
    let said = started(&|command| _ = command.env("PISTREAMER_STATE_DIR", &odd));
    assert!(
        said.contains("$PISTREAMER_STATE_DIR: ") && said.contains("is not UTF-8 text: "),
        "{said}"
    );
    let source = OsStr::from_bytes(b"files:caf\xe9");
    let said = started(&|command| _ = command.arg("--source").arg(source));
    assert!(
        said.contains("\"files:caf\u{fffd}\" is not UTF-8 text: "),
        "{said}"
    );

    std::fs::create_dir(&odd).unwrap();
    let file = odd.join("a.toml");
    for text in [
        "[server]\nstate_dir = \"state\"\n",
        "[[camera]]\nsource = \"files:pictures\"\n",
        "[[camera]]\nsource = \"ws://h\"\nkey_file = \"key\"\n",
        "[[camera]]\npush = \"ws://camera:${file:key}@h\"\n",
    ] {
        std::fs::write(&file, text).unwrap();
        let said = started(&|command| _ = command.arg("--config").arg(&file));
        assert!(said.contains("write an absolute path"), "{text}: {said}");
    }
    let found: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn an_error_about_a_file_speaks_of_what_the_file_says() {
    let directory = tempfile::tempdir().unwrap();
    for source in ["files:", "files:/no/such", "tcp-listen:x", "webcam"] {
        let file = directory.path().join("a.toml");
        std::fs::write(&file, format!("[[camera]]\nsource = \"{source}\"\n")).unwrap();
        let (right, said) = said(there(directory.path(), &["config", "check", "a.toml"]));
        assert!(!right && said.contains("a.toml:2:10: "), "{said}");
        assert!(!said.contains("--"), "{said}");
    }
}

#[test]
fn config_show_merges_files_environment_and_flags_and_hides_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).unwrap();
    };
    write(
        "pistreamer.toml",
        "[limits]\nviewers = 3\n[[camera]]\nsource = \"http://me:hunter2@cam/\"\nfps = 3\nquality = 3\nsize = \"64x64\"\n",
    );
    write("named.toml", "[limits]\nviewers = 4\n");
    let mut command = there(
        directory.path(),
        &["config", "show", "--config", "named.toml", "--fps", "5"],
    );
    command
        .env("PISTREAMER_FPS", "4")
        .env("PISTREAMER_QUALITY", "4");
    let (right, text) = said(command);
    assert!(right, "{text}");
    for line in [
        "viewers = 4  # named.toml:2:11",
        "source = \"http://me:***@cam/\"  # pistreamer.toml:4:10",
        "size = \"64x64\"  # pistreamer.toml:7:8",
        "quality = 4  # $PISTREAMER_QUALITY",
        "fps = 5  # --fps",
        "connections = 512  # default",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn config_example_is_a_file_that_the_program_takes_and_the_reference_holds_it() {
    let directory = tempfile::tempdir().unwrap();
    let (right, example) = said(there(directory.path(), &["config", "example"]));
    assert!(right);
    std::fs::write(directory.path().join("pistreamer.toml"), &example).unwrap();
    let (right, text) = said(there(
        directory.path(),
        &["config", "check", "pistreamer.toml"],
    ));
    assert!(right, "{text}");
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let reference = std::fs::read_to_string(reference).unwrap();
    assert!(
        reference.contains(&format!("```toml\n{example}```\n")),
        "docs/configuration.md is not `pistreamer config example`:\n{example}"
    );
}

#[test]
fn a_file_that_was_found_is_not_read_where_another_user_can_have_written_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pistreamer.toml");
    let shown = |arguments: &[&str]| {
        let arguments = [&["config", "show"], arguments].concat();
        said(there(directory.path(), &arguments))
    };
    std::fs::write(&path, "[limits]\nviewers = 3\n").unwrap();
    let (right, text) = shown(&[]);
    assert!(right && text.contains("viewers = 3"), "{text}");
    std::fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    let (right, text) = shown(&[]);
    assert!(
        !right && text.contains("chmod o-w pistreamer.toml"),
        "{text}"
    );
    // One that was named was chosen.
    let (right, text) = shown(&["--config", "pistreamer.toml"]);
    assert!(right && text.contains("viewers = 3"), "{text}");
    // Only root can give a file away.
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    if chown(&path, Some(65_534), None).is_ok() {
        let (right, text) = shown(&[]);
        assert!(
            !right && text.contains("the user with the id 65534"),
            "{text}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    let pipe = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(pipe.success());
    let (right, text) = shown(&[]);
    assert!(!right && text.contains("not a regular file"), "{text}");
}

#[test]
fn a_password_in_a_file_that_every_user_may_read_is_warned_of() {
    let far = |password: &str| {
        camera(
            "far",
            &format!("source = \"http://me:{password}@127.0.0.1:9/\""),
        )
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pistreamer.toml");
    std::fs::write(&path, HEAD.to_owned() + &far("hunter2")).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let mut server = Server::start_in(directory, &path);
    let line = server.log("every user of this machine may read the passwords");
    assert!(
        line.contains("pistreamer.toml") && !line.contains("hunter2"),
        "{line}"
    );
}

#[test]
fn a_server_serves_what_its_file_says_and_key_finds_its_keys() {
    let directory = tempfile::tempdir().unwrap();
    let file = "[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\n[[camera]]\nsource = \"pattern\"\nsize = \"320x240\"\n";
    std::fs::create_dir(directory.path().join("etc")).unwrap();
    std::fs::write(directory.path().join("etc/own.toml"), file).unwrap();
    let (child, url) = started(there(directory.path(), &["--config", "etc/own.toml"]));
    let _server = Running(child);
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    // Relative paths start at the file.
    assert!(directory.path().join("etc/state/keys.json").exists());
    let (right, text) = said(there(
        directory.path(),
        &["key", "--config", "etc/own.toml"],
    ));
    assert!(right && text.starts_with("owner "), "{text}");
    // A camera that its file does not name may be a slip, or there later.
    let key = ["key", "--config", "etc/own.toml", "add"];
    for (name, camera, warned) in [("anna", "pattern", false), ("ben", "patern", true)] {
        let arguments = [&key[..], &[name, "--role", "view", "--camera", camera]].concat();
        let (right, text) = said(there(directory.path(), &arguments));
        let warning = "warning: the configuration has no camera patern: it has pattern\n";
        assert!(right && text.contains(warning) == warned, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_cameras_of_a_file_have_names_sizes_and_rates_of_their_own() {
    let server = TestServer::configured(
        r#"
        [[camera]]
        id = "door"
        name = "Front door"
        source = "pattern"
        size = "320x240"
        [[camera]]
        id = "yard"
        source = "pattern"
        size = "160x120"
        fps = 12.5
        "#,
    );
    for (id, name, width, fps) in [
        ("door", "Front door", 320, 30.0),
        ("yard", "Test pattern", 160, 12.5),
    ] {
        let path = format!("/ws?camera={id}");
        let mut viewer = TestViewer::connect_with(&server, &path, &[]).await.unwrap();
        let hello = viewer.hello().await;
        assert_eq!(
            (hello.camera.id.as_str(), hello.camera.name.as_str()),
            (id, name)
        );
        viewer.frame().await;
        let cameras = server.get("/api/v1/cameras").await;
        let cameras: serde_json::Value =
            serde_json::from_str(cameras.split_once("\r\n\r\n").unwrap().1).unwrap();
        let mut cameras = cameras["cameras"].as_array().unwrap().iter();
        let camera = cameras.find(|camera| camera["id"] == id).unwrap();
        assert_eq!(
            (camera["width"].as_u64(), camera["fps"].as_f64()),
            (Some(width), Some(fps))
        );
    }
    server.stop().await;
}

#[test]
fn config_check_tells_what_fails_at_a_start_and_what_does_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        std::fs::write(directory.path().join("a.toml"), text).unwrap();
        said(there(directory.path(), &["config", "check", "a.toml"]))
    };
    let (right, text) = check("[tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n");
    assert!(!right && text.starts_with("a.toml:2:13: "), "{text}");
    assert!(text.contains("cert.pem"), "{text}");
    let (right, text) = check(
        "[[camera]]\nid = \"a\"\nsource = \"libcamera\"\n[[camera]]\nid = \"b\"\nsource = \"auto\"\n",
    );
    if cfg!(feature = "libcamera") {
        assert!(!right && text.starts_with("a.toml:6:10: "), "{text}");
        assert!(
            text.contains("the camera a has this device already"),
            "{text}"
        );
    }
    let (right, text) = check("[[camera]]\nsource = \"http://cam/\"\nsize = \"640x480\"\n");
    assert!(right, "{text}");
    assert!(
        text.starts_with("a.toml:3:8: warning: size does nothing here: http://cam/ decides")
            && text.ends_with("a.toml: no errors, 1 camera\n"),
        "{text}"
    );
    let (_, text) =
        check("[server]\nlisten = \"9\"\n[[camera]]\nsource = \"tcp-listen:127.0.0.1:9\"\n");
    assert!(text.starts_with("a.toml:4:10: "), "{text}");
    let (_, text) = check("[server]\nhost = \"http://cam.example.org/\"\n");
    assert!(
        text.starts_with("a.toml:2:8: ") && !text.contains("--"),
        "{text}"
    );
    let (_, text) = check("[[camera]]\nname = \"caf\u{e9}\"\n");
    assert!(text.contains("no errors"), "{text}");
    std::fs::write(
        directory.path().join("a.toml"),
        b"[[camera]]\nname = \"caf\xe9\"\n",
    )
    .unwrap();
    let (_, text) = said(there(directory.path(), &["config", "check", "a.toml"]));
    assert!(text.starts_with("a.toml:2:12: this is not UTF-8"), "{text}");
}

#[test]
fn key_prints_where_each_of_several_cameras_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.toml");
    let text = "[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\n\
                [[camera]]\nid = \"door\"\nname = \"Front door\"\nsource = \"pattern\"\n\
                [[camera]]\nid = \"yard\"\nsource = \"ingest\"\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let (child, url) = started(pistreamer(&["--config", file]));
    let (right, text) = said(there(directory.path(), &["key", "--config", "a.toml"]));
    drop(Running(child));
    assert!(right, "{text}");
    let url = url.trim_end_matches('/');
    for line in [
        format!("pistreamer: camera door (Front door) is at {url}/?camera=door\n"),
        format!("pistreamer: camera yard is at {url}/?camera=yard\n"),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
}

#[test]
fn a_change_over_which_a_flag_wins_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pistreamer.toml");
    let text = |size: &str| {
        let size = format!("source = \"pattern\"\nsize = \"{size}\"");
        HEAD.to_owned() + &camera("door", &size)
    };
    std::fs::write(&path, text("640x480")).unwrap();
    let flags = ["--config", path.to_str().unwrap(), "--size", "320x240"];
    let mut server = Server::run(directory, pistreamer(&flags));
    server.replace(&text("160x120"));
    server.hang_up();
    let line = server.log("a change has no effect");
    assert!(
        line.contains("pistreamer.toml:9:8: --size wins over what stands here"),
        "{line}"
    );
}
