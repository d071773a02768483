//! Walks arbitrary bytes as a JPEG: every function agrees with the others on where it ends and what stands in it, and what is
//! mended needs no mending.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_protocol::jpeg;
use std::borrow::Cow;

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
    if let jpeg::Step::End(end) = jpeg::Walk::default().go(data) {
        let whole = &data[..end];
        assert_eq!(jpeg::mend_ended(whole), jpeg::mend(whole));
    }
    let _ = jpeg::parts(data);
    if let Ok(mended) = jpeg::mend(data) {
        assert!(mended.taken <= data.len());
        assert_eq!(jpeg::inspect(&mended.jpeg), Ok(mended.info));
        let again = jpeg::mend(&mended.jpeg).expect("it is mended");
        assert!(matches!(again.jpeg, Cow::Borrowed(same) if same == &*mended.jpeg));
        assert!(!again.was_open);
        if let Ok(info) = prefix {
            let size = |info: jpeg::Info| (info.width, info.height, info.orientation);
            assert_eq!(size(info), size(mended.info));
        }
    }
});
