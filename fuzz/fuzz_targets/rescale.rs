//! Rescales arbitrary JPEGs: what comes out is a whole one of the size that was promised, and the same whatever was rescaled
//! before.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_picture::Rescaler;
use pistreamer_protocol::jpeg::{self, Mended};
use std::cell::RefCell;

thread_local! {
    /// One that has seen every input so far.
    static USED: RefCell<Rescaler> = RefCell::new(Rescaler::new().expect("there is memory"));
}

/// Larger pictures take long, and nothing else.
const SIDE: u16 = 512;

fuzz_target!(|data: &[u8]| {
    let Some(([halvings, quality], picture)) = data.split_first_chunk() else {
        return;
    };
    let (halvings, quality) = (halvings % 4, quality % 100 + 1);
    // As in the server: nothing else comes so far.
    let Ok(Mended {
        jpeg: picture,
        info,
        ..
    }) = jpeg::mend(picture)
    else {
        return;
    };
    let picture = &*picture;
    if info.width > SIDE || info.height > SIDE {
        return;
    }
    let (mut out, mut again) = (Vec::new(), Vec::new());
    let mut fresh = Rescaler::new().expect("there is memory");
    let done = fresh.rescale(picture, halvings, quality, &mut out);
    let done_again =
        USED.with_borrow_mut(|used| used.rescale(picture, halvings, quality, &mut again));
    assert_eq!(
        done.as_ref().map_err(ToString::to_string),
        done_again.as_ref().map_err(ToString::to_string)
    );
    if let Ok(size) = done {
        assert_eq!(out, again);
        let by = 1 << halvings;
        let expected = (info.width.div_ceil(by), info.height.div_ceil(by));
        assert_eq!(size, (expected.0.into(), expected.1.into()));
        let made = jpeg::inspect(&out).expect("what is made is whole");
        assert_eq!((made.width, made.height), expected);
        assert_eq!(made.orientation, info.orientation);
    }
});
