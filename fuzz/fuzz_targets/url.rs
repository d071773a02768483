//! Reads arbitrary text as the URL of a server: what is understood is a host and a path that no request can be smuggled in,
//! means the same when it is written again, and a password in it is never shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_client::{Config, Endpoint};

const SCHEMES: [(&str, bool); 2] = [("http", false), ("https", true)];
const PASSWORD: &str = "hunter2";

fn check(endpoint: &Endpoint) {
    let plain = |letter: char| letter.is_ascii_graphic();
    assert!(!endpoint.host.is_empty() && endpoint.host.chars().all(plain));
    assert!(!endpoint.host.contains(['/', '?', '#', '@']));
    assert!(endpoint.path.starts_with('/') && endpoint.port != 0);
    assert!(
        !endpoint
            .path
            .contains(|letter: char| letter.is_ascii_control() || letter == ' ')
    );
    let scheme = if endpoint.tls { "https" } else { "http" };
    let written = format!("{scheme}://{}{}", endpoint.authority(), endpoint.path);
    let again = Endpoint::parse(&written, &SCHEMES);
    let expected = Endpoint {
        credentials: None,
        code: None,
        ..endpoint.clone()
    };
    assert_eq!(again.as_ref(), Ok(&expected), "{written:?}");
}

fuzz_target!(|text: &str| {
    if let Ok(endpoint) = Endpoint::parse(text, &SCHEMES) {
        check(&endpoint);
    }
    if let Ok(endpoint) = Endpoint::websocket(text, "ws") {
        check(&endpoint);
    }
    let _ = Config::new(text);
    // A host may be the password once it is in lower case and decoded.
    let is_host = Endpoint::parse(&format!("http://{text}"), &SCHEMES)
        .is_ok_and(|endpoint| endpoint.host.contains(PASSWORD));
    if is_host || text.to_lowercase().contains(PASSWORD) {
        return;
    }
    for url in [
        format!("http://me:{PASSWORD}@{text}"),
        format!("{text}://me:{PASSWORD}@cam/"),
        format!("http://{text}:{PASSWORD}@cam/"),
        format!("http://me:{PASSWORD}{text}@cam/"),
    ] {
        let shown = match Endpoint::parse(&url, &SCHEMES) {
            // What stands behind the host is a path, not a password.
            Ok(endpoint) if endpoint.credentials.is_none() => continue,
            Ok(endpoint) => {
                let shown = format!("{endpoint} {:?}", endpoint.credentials);
                shown
            }
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains(PASSWORD), "{url:?} is shown as {shown}");
    }
});
