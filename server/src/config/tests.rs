//! What files and flags mean, and what is told of values that mean nothing.

mod listed;
mod merged;
mod told;

use super::load::Places;
use super::*;
use crate::cli::Serve;
use crate::source::Spec;

fn config(change: impl FnOnce(&mut Serve)) -> Result<Config, Problems> {
    let mut typed = Serve::default();
    change(&mut typed);
    Config::new(&typed)
}

/// Everything that is wrong in a file, a problem a line.
fn wrong(text: &str) -> String {
    Config::from_toml(text).unwrap_err().to_string()
}

#[test]
fn nothing_typed_is_a_complete_configuration() {
    let config = config(|_| {}).unwrap();
    let [camera] = config.cameras.as_slice() else {
        panic!("{config:?}");
    };
    assert_eq!(camera.source, Spec::parse("auto").unwrap());
    assert_eq!(
        (camera.capture.width, camera.capture.height, camera.quality),
        (1280, 720, 80)
    );
    assert_eq!(config.listen, ["0.0.0.0:8000".parse().unwrap()]);
}

#[test]
fn bad_sizes_are_named() {
    for bad in [
        "",
        "1280",
        "1280x",
        "x720",
        "1281x720",
        "0x0",
        "1280x720x3",
        "99999x720",
        "-2x720",
    ] {
        let error = config(|typed| typed.capture.size = Some(bad.into())).unwrap_err();
        let expected = ConfigError::BadSize(bad.into());
        assert_eq!(error.to_string(), format!("--size: {expected}"));
    }
    let config = config(|typed| typed.capture.size = Some("640×480".into())).unwrap();
    assert_eq!(config.cameras[0].capture.width, 640);
}

#[test]
fn impossible_numbers_are_refused() {
    assert!(config(|typed| typed.capture.fps = Some(f64::NAN)).is_err());
    assert!(config(|typed| typed.capture.fps = Some(0.0)).is_err());
    assert!(config(|typed| typed.capture.quality = Some(0)).is_err());
    assert!(config(|typed| typed.capture.rotate = Some(45)).is_err());
    assert!(config(|typed| typed.renditions = Some(0)).is_err());
    assert!(config(|typed| typed.allow_origin = vec!["*".into()]).is_err());
}

#[test]
fn a_target_is_pushed_to_by_one_camera() {
    let pushing = |sources: &[&str]| {
        config(|typed| {
            typed.source = sources.iter().map(ToString::to_string).collect();
            typed.push = vec!["ws://me:hunter2@server".into(), "pc:8500".into()];
        })
    };
    let shown = |config: Config| format!("{:?}", config.cameras[0].push);
    let one = shown(pushing(&["pattern"]).unwrap());
    assert!(one.contains("Ingest") && one.contains("Tcp") && !one.contains("hunter2"));
    let error = pushing(&["pattern", "ingest"]).unwrap_err().to_string();
    assert!(
        error.contains("another camera pushes to server already") && !error.contains("hunter2")
    );
    let said = wrong(
        "[[camera]]\nsource = \"pattern\"\npush = \"ws://a:b@server/ingest\"\n\
         [[camera]]\nsource = \"ingest\"\npush = \"http://c:d@SERVER/\"",
    );
    assert!(
        said.starts_with("pistreamer.toml:6:8: another camera pushes to server"),
        "{said}"
    );
    let said = wrong("[[camera]]\npush = [\"pc:1\", \"tcp://PC:1\"]");
    assert!(
        said.starts_with("pistreamer.toml:2:8: it pushes to pc:1 twice"),
        "{said}"
    );
    let error = config(|typed| typed.push = vec!["udp://pc:1".into()]).unwrap_err();
    assert!(error.to_string().starts_with("--push: "), "{error}");
}

#[test]
fn each_camera_of_a_file_has_settings_of_its_own() {
    let config = Config::from_toml(
        r#"
        [server]
        listen = "127.0.0.1:0"
        [access]
        no_auth = true
        [[camera]]
        id = "door"
        name = "Front door"
        source = "pattern"
        size = "640x480"
        fps = 12.5
        transform = { hflip = true, rotate = 180 }
        [[camera]]
        source = "ingest"
        quality = 40
        renditions = 1
        [camera.controls]
        AwbMode = "Daylight"
        AeEnable = false
        ExposureTime = 20_000
        ScalerCrop = [0.25, 0.25, 0.5, 0.5]
        "#,
    )
    .unwrap();
    let [door, other] = config.cameras.as_slice() else {
        panic!("{config:?}");
    };
    assert_eq!(
        (&*door.id, door.name.as_deref()),
        ("door", Some("Front door"))
    );
    let capture = &door.capture;
    assert_eq!(
        (capture.width, capture.height, capture.fps),
        (640, 480, 12.5)
    );
    let transform = &capture.transform;
    assert_eq!(
        (transform.hflip, transform.vflip, transform.rotate),
        (true, false, 180)
    );
    assert_eq!((door.quality, other.quality), (80, 40));
    assert_eq!((door.renditions, other.renditions), (3, 1));
    let controls = serde_json::to_value(&other.controls).unwrap();
    let expected = serde_json::json!({
        "AwbMode": "Daylight", "AeEnable": 0.0, "ExposureTime": 20_000.0, "ScalerCrop": [0.25, 0.25, 0.5, 0.5]
    });
    assert_eq!((controls, door.controls.len()), (expected, 0));
    assert_eq!(
        (other.source.clone(), other.capture.width),
        (Spec::parse("ingest").unwrap(), 1280)
    );
}

#[test]
fn what_is_no_setting_is_told_with_its_place_and_the_name_that_was_meant() {
    for (text, place, said) in [
        ("[[camera]]\nqualty = 8", "2:1", "did you mean quality?"),
        ("[[camera]]\n  fsp = 8", "2:3", "did you mean fps?"),
        ("[sever]\nlisten = 1", "1:2", "did you mean [server]?"),
        ("[[cameras]]", "1:3", "did you mean [[camera]]?"),
        ("size = \"64x64\"", "1:1", "write size below [[camera]]"),
        ("[server]\nno-auth = true", "2:1", "it belongs in [access]"),
        ("[server]\nmax_viewers = 3", "2:1", "it belongs in [limits]"),
        ("[server]\nzzz = 3", "2:1", "there are listen, host"),
        ("[[camera]]\nTitle = \"x\"", "2:1", "write name"),
        ("[[camera]]\nframerate = 3", "2:1", "write fps"),
        ("[[camera]]\nurl = \"x\"", "2:1", "write source"),
        ("[log]\nlevel = \"info\"", "2:1", "write filter"),
        ("resolution = \"x\"", "1:1", "write size below [[camera]]"),
        ("[camera]", "1:2", "[[camera]], with two brackets"),
        ("server = 3", "1:1", "server is a section: write [server]"),
        (
            "[[camera]]\ntransform.hflop = true",
            "2:11",
            "did you mean transform.hflip?",
        ),
        (
            "[[camera]]\ntransform = 3",
            "2:13",
            "transform takes a table",
        ),
        (
            "[[camera]]\nfps = \"ä\"",
            "2:7",
            "fps takes a number, such as 30, and this is a text",
        ),
        (
            "[limits]\nviewers = -3",
            "2:11",
            "viewers takes a whole number, 0 or more",
        ),
        (
            "[server]\nlisten = [8000]",
            "2:10",
            "listen takes a list of texts, such as",
        ),
        ("[log]\nfilter = \"info\" x", "2:17", "this is not TOML"),
        (
            "[log]\njson = true\njson = true",
            "3:1",
            "this is not TOML: duplicate key",
        ),
    ] {
        let line = wrong(text);
        let expected = format!("pistreamer.toml:{place}: ");
        assert!(line.starts_with(&expected), "{text:?}: {line}");
        assert!(line.contains(said), "{text:?}: {line}");
    }
}

#[test]
fn values_that_mean_nothing_are_told_with_their_place_and_all_at_once() {
    let said = wrong(
        "[server]\nlisten = [\"pi.local\"]\n[[camera]]\nid = \"7\"\nfps = 0\nsize = \"1x1\"\nquality = 500\n\
         transform.rotate = 45\nsource = \"webcam\"\n",
    );
    let mut lines = said.lines();
    for (place, text) in [
        ("2:10", "\"pi.local\" is not an address"),
        ("4:6", "\"7\" is no id for a camera: a number is a place"),
        ("5:7", "choose one from 0.1 to 240"),
        ("6:8", "\"1x1\" is not WIDTHxHEIGHT"),
        ("7:11", "choose one from 1 to 100"),
        ("8:20", "choose 0, 90, 180 or 270"),
        ("9:10", "unknown source \"webcam\""),
    ] {
        let line = lines.next().unwrap_or_default();
        let start = format!("pistreamer.toml:{place}: ");
        assert!(line.starts_with(&start) && line.contains(text), "{said}");
    }
    assert_eq!(lines.next(), None);
    let tiny = wrong("[[camera]]\nsource = \"pattern\"\nsize = \"64x64\"");
    assert!(
        tiny.starts_with("pistreamer.toml:3:8: the test pattern cannot be read at 64x64"),
        "{tiny}"
    );
    let twice = "[[camera]]\nid = \"a\"\n[[camera]]\nid = \"a\"\n";
    assert!(wrong(twice).contains("pistreamer.toml:4:6: pistreamer.toml:2:6 has this id already"));
    let alike = "[[camera]]\nsource = \"ingest\"\n[[camera]]\nsource = \"ingest\"\n";
    let said = wrong(alike);
    assert!(
        said.starts_with("pistreamer.toml:4:10: another camera has the id \"ingest\" as well")
            && said.contains("id = \"ingest-2\" in its [[camera]]"),
        "{said}"
    );
    Config::from_toml(&alike.replacen("[[camera]]", "[[camera]]\nid = \"ingest-2\"", 1)).unwrap();
}

#[test]
fn a_key_file_is_the_password_of_a_sources_url() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("${a} key}");
    std::fs::write(&key, "p/w\n").unwrap();
    let source = |url: &str| {
        let text = format!("[[camera]]\nsource = \"{url}\"\nkey_file = {key:?}");
        Config::from_toml(&text).unwrap().cameras.remove(0).source
    };
    let typed = |url: &str| Spec::parse(url).unwrap();
    assert_eq!(
        source("http://me@cam/a?b=c"),
        typed("http://me:p%2Fw@cam/a?b=c")
    );
    assert_eq!(
        source("wss://pi.local"),
        typed("wss://camera:p%2Fw@pi.local")
    );
    let said = wrong(&format!(
        "[[camera]]\nsource = \"http://me:x@cam\"\nkey_file = {key:?}"
    ));
    assert!(said.contains("has a password already"), "{said}");
    for source in ["files:///srv/x", "tcp-listen://1.2.3.4:8500", "pattern"] {
        let said = wrong(&format!(
            "[[camera]]\nsource = {source:?}\nkey_file = {key:?}"
        ));
        let named = said.contains("key_file is for a source that is an http");
        assert!(
            named && !said.contains("p/w") && !said.contains("p%2Fw"),
            "{said}"
        );
    }
    let said = wrong("[[camera]]\nsource = \"http://me@cam\"\nkey_file = \"/no/such\"");
    assert!(said.contains("key_file /no/such cannot be used"), "{said}");
}

#[test]
fn a_name_that_cannot_be_shown_is_refused() {
    for (name, good) in [
        ("Front door", true),
        (&"x".repeat(100), true),
        ("", false),
        (&"x".repeat(101), false),
        ("\u{1b}[2J", false),
    ] {
        let text = serde_json::Value::from(name).to_string();
        let config = Config::from_toml(&format!("[[camera]]\nname = {text}"));
        assert_eq!(config.is_ok(), good, "{name:?}: {config:?}");
    }
}
