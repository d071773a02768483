//! Reads arbitrary bytes as the answer of a server on the local network: what is listed of it is short, and has no character
//! that a terminal acts on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer::lan::{Found, heard};
use std::net::Ipv4Addr;

fuzz_target!(|data: &[u8]| {
    let servers = heard(data, Ipv4Addr::new(192, 0, 2, 1));
    assert!(servers.len() <= 16);
    for Found {
        url,
        server,
        name,
        cameras,
        tls,
        version,
    } in servers
    {
        assert!(url.starts_with(if tls { "https://" } else { "http://" }) && url.is_ascii());
        assert!(cameras.len() <= 64);
        for text in cameras.iter().chain([&url, &server, &name, &version]) {
            assert!(text.len() <= 1200 && !text.chars().any(char::is_control));
        }
    }
});
