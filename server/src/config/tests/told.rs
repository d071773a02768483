//! Mistakes in a file: each is told, with the line, in words that do not contradict it.

use super::*;

#[test]
fn the_name_of_a_flag_is_answered_with_the_setting_that_it_stands_for() {
    for (text, place, said) in [
        (
            "[[camera]]\nhflip = true",
            "2:1",
            "there is no \"hflip\" in [[camera]]: write transform.hflip",
        ),
        (
            "[[camera]]\nrotate = 90",
            "2:1",
            "there is no \"rotate\" in [[camera]]: write transform.rotate",
        ),
        (
            "[limits]\nmax_viewers = 3",
            "2:1",
            "there is no \"max_viewers\" in [limits]: write viewers",
        ),
        (
            "[server]\nmax-viewers = 3",
            "2:1",
            "there is no \"max-viewers\" in [server]: it belongs in [limits], as viewers",
        ),
        (
            "[server]\nNO_AUTH = true",
            "2:1",
            "there is no \"NO_AUTH\" in [server]: it belongs in [access]",
        ),
        ("[[camera]]\nID = \"door\"", "2:1", "did you mean id?"),
        ("[Server]\n", "1:2", "did you mean [server]?"),
        (
            "listen = [\"8000\"]",
            "1:1",
            "\"listen\" stands outside any section: write listen below [server]",
        ),
        (
            "max_viewers = 3",
            "1:1",
            "\"max_viewers\" stands outside any section: write viewers below [limits]",
        ),
        (
            "[listen]\n",
            "1:2",
            "there is no section \"listen\": it belongs in [server]",
        ),
    ] {
        let expected = format!("pistreamer.toml:{place}: ");
        let line = wrong(text);
        assert!(line.starts_with(&expected), "{text:?}: {line}");
        assert!(line.ends_with(said), "{text:?}: {line}");
    }
}

#[test]
fn what_is_said_of_a_value_is_not_what_its_setting_takes() {
    for (text, said) in [
        ("[limits]\nper_address = -1", "and this is a negative one"),
        (
            "[limits]\nper_address = 99999999999999999999",
            "and this is one that is too large",
        ),
        (
            "[server]\nlisten = [8000, 8001]",
            "and this is a list with a whole number in it",
        ),
        (
            "[[camera]]\nfps = 0x1e",
            "and this is a number that is not written in decimal",
        ),
        ("[limits]\nviewers = true", "and this is true or false"),
    ] {
        let line = wrong(text);
        assert!(line.ends_with(said), "{text:?}: {line}");
    }
}

#[test]
fn a_name_or_a_type_that_is_wrong_hides_no_value_that_is_wrong_and_all_follow_the_file() {
    let said = wrong(
        "[limits]\nper_address = -1\nviewers = 0\n[[camera]]\nquality = 500\nqualty = 3\nsize = 3\nfps = 0\n\
         [[camera]]\nsource = \"webcam\"\n[server]\nlisten = [\"x y\"]\n",
    );
    let lines: Vec<_> = said.lines().collect();
    let starts = [
        "2:15", "3:11", "5:11", "6:1", "7:8", "8:7", "10:10", "12:10",
    ];
    assert_eq!(lines.len(), starts.len(), "{said}");
    for (line, place) in lines.iter().zip(starts) {
        let start = format!("pistreamer.toml:{place}: ");
        assert!(line.starts_with(&start), "{start}: {said}");
    }
}

#[test]
fn nothing_is_told_that_only_follows_from_another_mistake() {
    for text in [
        "[[camera]]\nid = 1\nsource = \"ingest\"\n[[camera]]\nid = 2\nsource = \"ingest\"\n",
        "[tls]\ncert_file = 3\n[[camera]]\nsource = 3\nkey_file = \"/no/such\"\n",
        "[server]\nstate_dir = \"\"\n[[camera]]\nkey_file = \"\"\nsource = \"http://cam/\"\n",
    ] {
        let said = wrong(text);
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}

#[test]
fn an_empty_path_is_refused() {
    let said = wrong("[server]\nstate_dir = \"\"\n");
    assert_eq!(
        said,
        "pistreamer.toml:2:13: state_dir is empty: write a path, or leave it out"
    );
}

#[test]
fn a_variable_is_told_that_is_like_one_of_the_programs_and_no_other() {
    let misspelt = |name: &str| flags::misspelt([name.into()].into_iter()).pop();
    for (name, meant) in [
        ("PISTREAMER_FSP", "PISTREAMER_FPS"),
        ("PISTREAMER_MAX_VIEWRS", "PISTREAMER_MAX_VIEWERS"),
        ("PISTREAMER_CONFG", "PISTREAMER_CONFIG"),
    ] {
        assert_eq!(misspelt(name), Some((name.into(), meant.into())));
    }
    // Those of tests, of other programs, and of secrets.
    for name in [
        "PISTREAMER_FPS",
        "PISTREAMER_CONFIG",
        "PISTREAMER_BIN",
        "PISTREAMER_SEED",
        "PISTREAMER_TEST_ALONE",
        "PISTREAMER_TEST_ISOLATED",
        "PISTREAMER_TEST_LIBCAMERA",
        "PISTREAMER_PASSWORD",
        "FSP",
    ] {
        assert_eq!(misspelt(name), None);
    }
}

fn shown(text: &str) -> String {
    let (layer, problems) = file::parse(text, Path::new("pistreamer.toml"));
    assert_eq!(problems, []);
    show::shown(&Layer::merged(&[layer]), &[])
}

#[test]
fn what_is_shown_can_be_used_where_it_holds_no_secret_and_is_refused_where_one_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    std::fs::write(&key, "hunter2\n").unwrap();
    for source in [
        "http://admin@cam.local/",
        "ws://pi.local/?camera=door",
        "http://cam.local/video?channel=2",
    ] {
        let text = format!("[[camera]]\nsource = \"{source}\"\nkey_file = {key:?}\n");
        let shown = shown(&text);
        assert!(shown.contains(&format!("source = \"{source}\"")), "{shown}");
        let [again, before] = [&shown, &text].map(|text| Config::from_toml(text).unwrap());
        assert_eq!(again.cameras[0].source, before.cameras[0].source);
    }
    for setting in [
        "source = \"http://token@cam.local/\"",
        "source = \"http://me:hunter2@cam.local/\"",
        "source = \"http://cam.local/?usr=me&pwd=hunter2\"",
        "source = \"http://cam.local/?camera=a-key-that-is-longer-than-names\"",
        "source = \"http://cam.local/?hunter2\"",
        "source = \"http://pi.local/#key=hunter2\"",
        "push = [\"ws://me:hunter2@pi.local\"]",
    ] {
        let shown = shown(&format!("[[camera]]\n{setting}\n"));
        for secret in ["token", "hunter2", "a-key"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let said = wrong(&shown);
        assert!(
            said.contains("*** stands here in place of a secret"),
            "{shown}{said}"
        );
    }
    Config::from_toml("[[camera]]\nsource = \"http://cam.local/***/a***\"").unwrap();
}
