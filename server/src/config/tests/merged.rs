//! What several places make together: the last one wins, and each value is shown with where it is from, without secrets.

use super::*;

#[test]
fn the_last_place_that_says_something_wins_and_each_value_says_where_it_is_from() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let one = "[limits]\nviewers = 1\nconnections = 11\n[[camera]]\nsource = \"pattern\"\n[[camera]]\nsource = \"ingest\"";
    let two = "[limits]\nviewers = 2\n[[camera]]\nname = \"b\"\nsource = \"http://me:hunter2@cam/?pw=hunter2\"\nfps = 5\n\
               size = \"64x64\"";
    let places = Places {
        usual: vec![
            file("1", one),
            directory.path().join("none"),
            file("2", two),
        ],
        named: Some(file("3", "[log]\njson = true\n")),
        memory: board::MEMORY.into(),
    };
    let typed = Serve {
        no_auth: true,
        capture: cli::Capture {
            fps: Some(7.0),
            ..Default::default()
        },
        ..Serve::default()
    };
    let loaded = Loaded::from(&places, &typed).unwrap();
    let config = &loaded.config;
    assert_eq!((config.limits.viewers, config.limits.members), (2, 11));
    assert_eq!(
        config.cameras.len(),
        1,
        "the cameras are replaced as a whole"
    );
    assert_eq!(config.cameras[0].capture.fps, 7.0);
    assert_eq!(loaded.files.len(), 3);
    let shown = loaded.shown();
    let at = |name: &str, place: &str| format!("{}:{place}", directory.path().join(name).display());
    for line in [
        format!("viewers = 2  # {}", at("2", "2:11")),
        format!("connections = 11  # {}", at("1", "3:15")),
        format!("json = true  # {}", at("3", "2:8")),
        "no_auth = true  # --no-auth".into(),
        "fps = 7  # --fps".into(),
        "quality = 80  # default".into(),
        "[[camera]]\nid = \"cam-".into(),
        format!(
            "source = \"http://me:***@cam/?pw=***\"  # {}",
            at("2", "5:10")
        ),
    ] {
        assert!(shown.contains(&line), "{line}: {shown}");
    }
    assert!(!shown.contains("hunter2"), "{shown}");
    // It is a configuration itself, but for what was left out.
    let again = Config::from_toml(&shown.replace("***", "hunter2")).unwrap();
    assert_eq!(again.cameras[0].capture, config.cameras[0].capture);
    let missing = Places {
        usual: Vec::new(),
        named: Some("/no/such/file.toml".into()),
        memory: board::MEMORY.into(),
    };
    let said = Loaded::from(&missing, &typed).unwrap_err().to_string();
    assert_eq!(said, "/no/such/file.toml: there is no such file");
}

#[test]
fn a_machine_with_512_mb_has_a_lower_rate_unless_one_is_set() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let loaded = |kilobytes: &str, cameras: &str, typed: &Serve| {
        let memory = format!("MemTotal:       {kilobytes} kB\nMemFree:          100 kB\n");
        let places = Places {
            usual: vec![file("pistreamer.toml", cameras)],
            named: None,
            memory: file("meminfo", &memory),
        };
        Loaded::from(&places, typed).unwrap()
    };
    let open = Serve {
        no_auth: true,
        ..Serve::default()
    };
    let two = "[[camera]]\nsource = \"pattern\"\n[[camera]]\nsource = \"auto\"\nfps = 30\nsize = \"1920x1080\"";
    let rates = |loaded: &Loaded| -> Vec<_> {
        let cameras = loaded.config.cameras.iter();
        cameras
            .map(|camera| (camera.capture.width, camera.capture.fps))
            .collect()
    };
    // A Zero 2 W without and with memory for the GPU, and a Pi 3.
    for kilobytes in ["524288", "437612"] {
        let small = loaded(kilobytes, two, &open);
        assert_eq!(rates(&small), [(1280, 15.0), (1920, 30.0)]);
        let shown = small.shown();
        assert!(
            shown.contains(
                "size = \"1280x720\"  # default for 512 MB\nfps = 15  # default for 512 MB"
            ),
            "{shown}"
        );
        let said = small.decided_by_memory().unwrap();
        assert!(
            said.contains("the default for 512 MB is 15 frames a second"),
            "{said}"
        );
    }
    for kilobytes in ["524289", "948280", "much"] {
        let large = loaded(kilobytes, two, &open);
        assert_eq!(rates(&large), [(1280, 30.0), (1920, 30.0)], "{kilobytes}");
        assert_eq!(large.decided_by_memory(), None);
        assert!(!large.shown().contains("512 MB"));
    }
    let typed = Serve {
        capture: cli::Capture {
            fps: Some(25.0),
            ..Default::default()
        },
        ..open.clone()
    };
    let small = loaded("437612", two, &typed);
    assert_eq!(rates(&small), [(1280, 25.0), (1920, 25.0)]);
    assert_eq!(small.decided_by_memory(), None);
    let without = Places {
        usual: Vec::new(),
        named: None,
        memory: "/no/such/file".into(),
    };
    assert_eq!(
        rates(&Loaded::from(&without, &open).unwrap()),
        [(1280, 30.0)]
    );
}

#[test]
fn environment_stands_between_files_and_flags() {
    let variables = |name: &str| {
        let value = match name {
            "PISTREAMER_FPS" => "9",
            "PISTREAMER_SIZE" => "640x480",
            "PISTREAMER_SOURCE" => "pattern 'files:/my pictures'",
            "PISTREAMER_NO_AUTH" => "yes",
            "PISTREAMER_QUALITY" => "",
            _ => return None,
        };
        Some(value.into())
    };
    let file = file::parse(
        "[[camera]]\nfps = 3\nname = \"x\"",
        Path::new("pistreamer.toml"),
    );
    let typed = Serve {
        capture: cli::Capture {
            size: Some("320x240".into()),
            ..Default::default()
        },
        ..Serve::default()
    };
    let layers = [
        file.0,
        flags::environment(variables).unwrap(),
        flags::layer(&typed).unwrap(),
    ];
    let config = checked::checked(&Layer::merged(&layers), Vec::new())
        .unwrap()
        .config;
    assert_eq!(config.cameras.len(), 2);
    for camera in &config.cameras {
        assert_eq!((camera.capture.fps, camera.capture.width), (9.0, 320));
        assert_eq!(camera.quality, 80);
    }
    assert_eq!(config.cameras[1].source.to_string(), "files:/my pictures");
    assert!(config.keys.is_none());
    let bad = |name: &str| (name == "PISTREAMER_SOURCE").then(|| "'files:/a".into());
    let said = flags::environment(bad).unwrap_err().to_string();
    assert!(said.contains("quotes in it have no end"), "{said}");
    let bad = |name: &str| (name == "PISTREAMER_FPS").then(|| "fast".into());
    assert_eq!(
        flags::environment(bad).unwrap_err().to_string(),
        "$PISTREAMER_FPS: it takes a number, such as 30, and is \"fast\""
    );
}

#[test]
fn flags_for_tls_replace_the_choice_of_a_file() {
    let file = file::parse(
        "[tls]\nkind = \"self-signed\"",
        Path::new("pistreamer.toml"),
    );
    let typed = Serve {
        tls_cert: Some("cert.pem".into()),
        tls_key: Some("key.pem".into()),
        ..Serve::default()
    };
    let merged = Layer::merged(&[file.0, flags::layer(&typed).unwrap()]);
    let config = checked::checked(&merged, Vec::new()).unwrap().config;
    let expected = Certificate::Files("cert.pem".into(), "key.pem".into());
    assert_eq!(config.certificate, Some(expected));
}

#[test]
fn what_is_shown_has_no_secret_of_a_query_with_an_at_sign() {
    let text = "[[camera]]\nsource = \"http://cam:8080/s?user=me@x.org&password=hunter2\"";
    let layer = file::parse(text, Path::new("pistreamer.toml")).0;
    let merged = Layer::merged(&[layer]);
    let shown = show::shown(&merged, &[]);
    assert!(
        shown.contains("http://cam:8080/s?user=***&password=***"),
        "{shown}"
    );
    let config = checked::checked(&merged, Vec::new()).unwrap().config;
    assert_eq!(config.cameras[0].source.to_string(), "http://cam:8080/s");
}

#[test]
fn a_placeholder_is_no_password_and_what_stands_there_itself_is() {
    for (url, holds) in [
        ("http://me:pw@cam/", true),
        ("http://me:a${X}@cam/", true),
        ("http://pi:8000/#key=abc", true),
        ("http://me:${X}@cam/", false),
        ("http://${file:/a/b}:${file:/a:b}@cam/", false),
        ("http://pi:8000/#key=${KEY}", false),
        ("http://me@cam:8080/a:b@c", false),
        ("http://cam/video?user=admin&pwd=hunter2", true),
        ("ws://pi:8000/ws?key=abc", true),
        (
            "http://cam/video?channel=1&user=admin&pwd=${file:/a?b}",
            false,
        ),
        ("files:/a:b@c", false),
    ] {
        assert_eq!(show::holds_password(url), holds, "{url}");
    }
}
