//! Reads arbitrary lines as `Set-Cookie` headers of a camera: cookies go back to the host that set them alone, within bounds.

#![no_main]

use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use pistreamer_client::Endpoint;
use pistreamer_network_camera::cookies::Jar;

const SECRET: &str = "hunter2";

/// What is kept of one source: 32 cookies of 4 KiB.
const MOST: usize = 32 * (4096 + 2);

fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url, &[("http", false), ("https", true)]).expect("this is a URL")
}

fn set(value: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([(header::SET_COOKIE, value)])
}

fuzz_target!(|data: &[u8]| {
    let [one, other] = ["http://cam/", "http://door/"].map(endpoint);
    let mut jar = Jar::default();
    let secret = format!("secret={SECRET}; Secure");
    jar.keep(&one, &set(secret.parse().expect("it is a value")));
    let lines = data.split(|byte| *byte == b'\n');
    for value in lines.filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        jar.keep(&one, &set(value));
        assert_eq!(jar.header(&other), None);
    }
    let said = |to: &Endpoint| {
        jar.header(to)
            .map_or(Vec::new(), |it| it.as_bytes().to_vec())
    };
    assert!(said(&one).len() <= MOST);
    if !data
        .windows(SECRET.len())
        .any(|bytes| bytes == SECRET.as_bytes())
    {
        let says_it = |bytes: &[u8]| {
            bytes
                .windows(SECRET.len())
                .any(|it| it == SECRET.as_bytes())
        };
        assert!(!says_it(&said(&one)), "it is seen on the way");
        assert!(!says_it(format!("{jar:?}").as_bytes()));
    }
});
