//! Stamps arbitrary bytes: what is written can be read back, and writing it again changes nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_protocol::{Stamp, jpeg};

fuzz_target!(|data: &[u8]| {
    let _ = Stamp::read(data);
    let Some((numbers, rest)) = data.split_first_chunk::<16>() else {
        return;
    };
    let (seq, captured_us) = numbers.split_at(8);
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
    let id_len = rest.len().min(usize::from(numbers[0] % 64));
    let (id, picture) = rest.split_at(id_len);
    let stamp = Stamp {
        seq: number(seq),
        captured_us: number(captured_us),
        camera: String::from_utf8_lossy(id).chars().take(60).collect(),
    };
    let Ok(stamped) = stamp.write(picture) else {
        return;
    };
    assert_eq!(Stamp::read(&stamped).as_ref(), Some(&stamp));
    assert_eq!(stamp.write(&stamped).as_deref(), Ok(stamped.as_slice()));
    let size = |bytes| jpeg::inspect(bytes).map(|info| (info.width, info.height));
    // How many pixels are believed goes by the bytes: those of a stamp, written or replaced, make or break a claim.
    if let (Ok(before), Ok(after)) = (size(picture), size(&stamped)) {
        assert_eq!(after, before);
    }
});
