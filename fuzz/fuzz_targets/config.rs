//! Reads arbitrary lines as flags: what is accepted is within its limits, an error says why, and a password in a URL is
//! never shown.
//!
//! Each line is a flag's first letter and its value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer::config::{Camera, Config, Problems, Push};
use std::cell::LazyCell;
use std::io::Write;
use tempfile::NamedTempFile;

const PASSWORD: &str = "hunter2";

/// What stands behind these is a path or an address, which has no password.
const NO_URLS: [&str; 2] = ["files", "tcp-listen"];

/// Stands for a placeholder, which stands for the password in a file.
const HERE: char = '\u{1}';

fn file() -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("there is room for a file");
    writeln!(file, "{PASSWORD}").expect("there is room for a line");
    file
}

thread_local! {
    static FILE: LazyCell<NamedTempFile> = LazyCell::new(file);
}

/// The flag that begins with a letter.
fn flag(letter: char) -> Option<&'static str> {
    Some(match letter {
        's' => "--source",
        'z' => "--size",
        'f' => "--fps",
        'q' => "--quality",
        'r' => "--rotate",
        't' => "--send-timeout",
        'n' => "--renditions",
        'c' => "--max-connections",
        'a' => "--max-per-address",
        'g' => "--max-unauthenticated",
        'v' => "--max-viewers",
        'o' => "--allow-origin",
        'h' => "--host",
        'p' => "--trusted-proxy",
        'l' => "--listen",
        'T' => "--tls",
        _ => return None,
    })
}

/// Flags with their values.
fn typed(text: &str) -> Vec<(&'static str, String)> {
    let mut typed = Vec::new();
    for line in text.lines() {
        let Some(letter) = line.chars().next() else {
            continue;
        };
        let value = &line[letter.len_utf8()..];
        // Whatever it is, it stands before a password.
        let is_scheme =
            || !value.contains('/') && !NO_URLS.iter().any(|kind| value.starts_with(kind));
        if letter == '@' && is_scheme() {
            typed.push(("--source", format!("{value}://me:{PASSWORD}@cam/")));
        } else if letter == '$' && !value.contains(['/', '?', '#', '@', '\\']) {
            let path = FILE.with(|file| file.path().display().to_string());
            let secret = value.replace(HERE, &format!("${{file:{path}}}"));
            typed.push(("--source", format!("http://me:{secret}@cam/")));
        } else if let Some(flag) = flag(letter) {
            typed.push((flag, value.into()));
        }
    }
    typed
}

/// As arguments of which each is one, whatever its value begins with.
fn arguments(typed: &[(&str, String)]) -> Vec<String> {
    let one = |(flag, value): &(&str, String)| format!("{flag}={value}");
    typed.iter().map(one).collect()
}

fn check(camera: &Camera) {
    let (capture, quality) = (&camera.capture, camera.quality);
    for side in [capture.width, capture.height] {
        assert!((64..=8192).contains(&side) && side % 2 == 0);
    }
    assert!((0.1..=240.0).contains(&capture.fps) && (1..=100).contains(&quality));
    assert!(capture.transform.rotate % 90 == 0 && capture.transform.rotate < 360);
    assert!((1..=16).contains(&camera.renditions));
}

/// Whether the password is there because somebody typed it; hosts are shown in lower case.
fn says_it(text: &str) -> bool {
    text.to_ascii_lowercase().contains(PASSWORD)
}

/// An error says something, and never the password.
fn said(error: &Problems, text: &str) {
    let said = format!("{error} {error:?}");
    assert!(!error.to_string().is_empty());
    assert!(says_it(text) || !said.contains(PASSWORD), "{said}");
}

fuzz_target!(|text: &str| {
    let typed = typed(text);
    let mut serve = arguments(&typed);
    serve.push("--no-auth".into());
    match Config::from_flags(serve) {
        Ok(config) => {
            config.cameras.iter().for_each(check);
            let sources = typed.iter().filter(|(flag, _)| *flag == "--source");
            assert_eq!(config.cameras.len(), sources.count().max(1));
            assert!(!config.listen.is_empty());
            assert!((0.1..=3600.0).contains(&config.sessions.send_timeout.as_secs_f64()));
            let limits = config.limits;
            for limit in [
                limits.members,
                limits.per_address,
                limits.guests,
                limits.viewers,
            ] {
                assert!((1..=1_000_000).contains(&limit));
            }
            assert!(
                config
                    .proxies
                    .iter()
                    .all(|proxy| *proxy == proxy.to_canonical())
            );
            let shown = format!("{config:?}");
            assert!(says_it(text) || !shown.contains(PASSWORD), "{shown}");
        }
        Err(error) => said(&error, text),
    }
    let mut push: Vec<_> = typed
        .into_iter()
        .filter_map(|(flag, value)| match flag {
            "--source" | "--size" | "--fps" | "--quality" | "--rotate" => Some((flag, value)),
            "--send-timeout" => Some(("--duration", value)),
            _ => None,
        })
        .collect();
    // Each may be given once.
    push.sort_by_key(|(flag, _)| *flag);
    push.dedup_by_key(|(flag, _)| *flag);
    let target = text.lines().next().unwrap_or_default();
    let behind = ["--".to_owned(), target.into()];
    match Push::from_flags(arguments(&push).into_iter().chain(behind)) {
        Ok(push) => {
            check(&push.camera);
            assert!(!push.camera.source.takes_pushes());
            assert!(push.duration.is_none_or(|duration| !duration.is_zero()));
        }
        Err(error) => said(&error, text),
    }
});
