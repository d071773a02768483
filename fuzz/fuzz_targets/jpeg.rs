//! Walks arbitrary bytes as a JPEG: every function agrees with the others on where it ends and what stands in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_protocol::jpeg;

fuzz_target!(|data: &[u8]| {
    let mut end = 0;
    for segment in jpeg::segments(data).map_while(Result::ok) {
        assert!(segment.at >= end && segment.end() <= data.len());
        end = segment.end();
    }
    let prefix = jpeg::inspect_prefix(data);
    if let Ok(info) = prefix {
        let whole = &data[..info.len];
        assert!(jpeg::is_framed(whole));
        assert_eq!(jpeg::inspect(whole), Ok(info));
    }
    if let Ok(info) = jpeg::inspect(data) {
        assert_eq!(info.len, data.len());
    }
    if let Ok(with) = jpeg::with_huffman_tables(data) {
        assert_eq!(jpeg::with_huffman_tables(&with).as_deref(), Ok(&*with));
        let size = |info: jpeg::Info| (info.width, info.height);
        assert_eq!(
            jpeg::inspect(&with).map(size).ok(),
            jpeg::inspect(data).map(size).ok()
        );
    }
});
