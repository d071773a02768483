//! Reads arbitrary lines as flags: what is accepted is within its limits, an error says why, and a password in a URL is
//! never shown.
//!
//! Each line is a flag's first letter and its value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer::camera::Settings;
use pistreamer::cli::{Push, Serve};
use pistreamer::config::{self, Config};

use std::net::{IpAddr, SocketAddr};

const PASSWORD: &str = "hunter2";

/// What stands behind these is a path or an address, which has no password.
const NO_URLS: [&str; 2] = ["files", "tcp-listen"];

fn typed(text: &str) -> Serve {
    let mut typed = Serve {
        no_auth: true,
        ..Serve::default()
    };
    for line in text.lines() {
        let Some(flag) = line.chars().next() else {
            continue;
        };
        let value = &line[flag.len_utf8()..];
        let number = || value.parse().ok();
        match flag {
            's' => typed.source.push(value.into()),
            // Whatever it is, it stands before a password.
            '@' if !value.contains('/') && !NO_URLS.iter().any(|kind| value.starts_with(kind)) => {
                typed.source.push(format!("{value}://me:{PASSWORD}@cam/"));
            }
            'z' => typed.capture.size = Some(value.into()),
            'f' => typed.capture.fps = value.parse().ok(),
            'q' => typed.capture.quality = value.parse().ok(),
            'r' => typed.capture.rotate = value.parse().ok(),
            't' => typed.send_timeout = value.parse().ok(),
            'n' => typed.renditions = number(),
            'c' => typed.max_connections = number(),
            'a' => typed.max_per_address = number(),
            'g' => typed.max_unauthenticated = number(),
            'v' => typed.max_viewers = number(),
            'o' => typed.allow_origin.push(value.into()),
            'h' => typed.host.push(value.into()),
            'p' => typed.trusted_proxy.extend(value.parse::<IpAddr>()),
            'l' => typed.listen.extend(value.parse::<SocketAddr>()),
            'T' => typed.tls = Some(value.into()),
            _ => {}
        }
    }
    typed
}

fn check(camera: &Settings) {
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
fn said(error: &config::Problems, text: &str) {
    let said = format!("{error} {error:?}");
    assert!(!error.to_string().is_empty());
    assert!(says_it(text) || !said.contains(PASSWORD), "{said}");
}

fuzz_target!(|text: &str| {
    let serve = typed(text);
    match Config::new(&serve) {
        Ok(config) => {
            config.cameras.iter().for_each(check);
            assert_eq!(config.cameras.len(), serve.source.len().max(1));
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
    let target = text.lines().next().unwrap_or_default();
    let push = Push {
        target: target.into(),
        duration: serve.send_timeout,
        source: serve.source.first().cloned(),
        capture: serve.capture,
        ..Push::default()
    };
    match config::Push::new(&push) {
        Ok(push) => {
            check(&push.camera);
            assert!(!push.camera.source.takes_pushes());
            assert!(push.duration.is_none_or(|duration| !duration.is_zero()));
        }
        Err(error) => said(&error, text),
    }
});
