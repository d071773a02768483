//! Reads arbitrary bytes as what an MQTT broker sends: the same packets wherever they are cut, none longer than what is there, and a
//! message of its own that is written again means the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_alerts::mqtt::{Packet, publish, read};

/// Nothing longer is read, with what stands before it.
const LARGEST: usize = (64 << 10) + 5;

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Ok(found) = read(rest) {
        let Some((packet, length)) = found else {
            assert!(rest.len() < LARGEST, "it waits for more and more");
            break;
        };
        assert!(length >= 2 && length <= rest.len() && length <= LARGEST);
        assert_eq!(read(&rest[..length]), Ok(Some((packet, length))));
        for end in [0, 1, 2, 3, 4, 5, length / 2, length - 1] {
            if end < length {
                assert_eq!(read(&rest[..end]), Ok(None));
            }
        }
        if let Packet::Published(message, _) = packet {
            let bytes = publish(&message, 7);
            let again = (Packet::Published(message, Some(7)), bytes.len());
            // With its number it may be longer than what is read.
            if bytes.len() <= LARGEST - 5 {
                assert_eq!(read(&bytes), Ok(Some(again)));
            }
        }
        rest = &rest[length..];
    }
});
