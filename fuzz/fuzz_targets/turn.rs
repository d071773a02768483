//! Turns arbitrary JPEGs: what comes out is a whole one that is no larger, says the same of itself, and can be turned back.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use pistreamer_picture::Mended;
use pistreamer_protocol::jpeg::Orientation;

/// Larger pictures take long, and nothing else.
const SIDE: u16 = 512;

fuzz_target!(|data: &[u8]| {
    let Some((turn, picture)) = data.split_first() else {
        return;
    };
    let turn = Orientation::of(turn & 4 != 0, turn % 4);
    // As in the server: nothing else comes so far.
    let Ok(picture) = Mended::copy_of(picture).and_then(Mended::whole) else {
        return;
    };
    if picture.info.width > SIDE || picture.info.height > SIDE {
        return;
    }
    let Ok(turned) = picture.turned(turn) else {
        return;
    };
    assert_eq!(turned.info.orientation, picture.info.orientation);
    let (width, height) = turn.displayed(picture.info.displayed());
    let (turned_width, turned_height) = turned.info.displayed();
    assert!(turned_width <= width && turned_height <= height);
    let received = Mended::new(Bytes::copy_from_slice(turned.jpeg()));
    let again = received
        .and_then(Mended::whole)
        .expect("what is made is whole");
    assert_eq!(
        (again.info.width, again.info.height),
        (turned.info.width, turned.info.height)
    );
    // Nothing but the cut edge was in its way.
    let back = turned
        .turned(turn.inverse())
        .expect("it can be turned back");
    assert_eq!(
        back.info.displayed(),
        turn.inverse().displayed(turned.info.displayed())
    );
});
