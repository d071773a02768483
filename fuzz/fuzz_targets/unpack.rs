//! Unpacks arbitrary messages both ways: the short one must give what the general one gives, within the frame limit.
//!
//! Every input also goes through pack and back. Errors by name are tested in `protocol/tests/`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_protocol::{UnpackError, Unpacker, pack};

const LIMIT: usize = 1 << 16;

fn agree(message: &[u8]) -> Result<Vec<u8>, UnpackError> {
    let short = Unpacker::new(LIMIT).unpack(message).map(<[u8]>::to_vec);
    let general = Unpacker::new(LIMIT).unpack_any(message).map(<[u8]>::to_vec);
    assert_eq!(short, general);
    short
}

fuzz_target!(|data: &[u8]| {
    if let Ok(jpeg) = agree(data) {
        assert!(jpeg.len() <= LIMIT);
        assert_eq!(agree(&pack(&jpeg)), Ok(jpeg));
    }
    let jpeg = [b"\xff\xd8", data, b"\xff\xd9"].concat();
    let mut message = pack(&jpeg);
    assert_eq!(agree(&message), Ok(jpeg));
    // One change at a place that the input chooses: still the same answer both ways, and never wrong bytes.
    if let [a, b, change, ..] = data {
        let at = usize::from(u16::from_le_bytes([*a, *b])) % message.len();
        message[at] ^= change;
        let _ = agree(&message);
        message.truncate(at);
        let _ = agree(&message);
    }
});
