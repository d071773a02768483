//! Reads arbitrary lines as the `WWW-Authenticate` headers of a camera: what is answered is Basic or Digest, and the
//! password is not in a Digest.

#![no_main]

use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use pistreamer_client::Endpoint;
use pistreamer_network_camera::login::{Login, Scheme};

const PASSWORD: &str = "Circle-of-Life";

fuzz_target!(|data: &[u8]| {
    let url = format!("http://Mufasa:{PASSWORD}@cam/dir/index.html");
    let endpoint = Endpoint::parse(&url, &[("http", false)]).expect("this is a URL");
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(8) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(header::WWW_AUTHENTICATE, value);
        }
    }
    let mut login = Login::default();
    assert_eq!(login.header(&endpoint), None);
    if login.challenged(&headers, &endpoint).is_err() {
        return;
    }
    for _ in 0..2 {
        let answer = login.header(&endpoint);
        match (login.scheme(), &answer) {
            (Scheme::Basic, Some(answer)) => assert!(answer.as_bytes().starts_with(b"Basic ")),
            (Scheme::Digest(_), Some(answer)) => {
                assert!(answer.is_sensitive() && answer.as_bytes().starts_with(b"Digest "));
                let mut windows = answer.as_bytes().windows(PASSWORD.len());
                // A camera that knows the password may say it.
                assert!(data.windows(PASSWORD.len()).any(is_password) || !windows.any(is_password));
            }
            // A realm or nonce that no header can carry.
            (Scheme::Digest(_), None) => {}
            _ => panic!("{answer:?}"),
        }
    }
    if matches!(login.scheme(), Scheme::Digest(_)) {
        login.begin_anew();
        let mut asks = HeaderMap::new();
        asks.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        assert!(login.challenged(&asks, &endpoint).is_err());
        assert_eq!(login.header(&endpoint), None);
    }
});

fn is_password(window: &[u8]) -> bool {
    window == PASSWORD.as_bytes()
}
