//! Takes arbitrary bytes for a picture and a mosaic of it: what is cut can be put together byte for byte, what can be drawn is in the
//! picture, and what becomes of both is whole again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_protocol::Stamp;
use pistreamer_protocol::jpeg::{self, JpegError};
use pistreamer_protocol::strips::{Cut, Mosaic, Separators, StripsError, Tiles};

fuzz_target!(|data: &[u8]| {
    // Two JPEGs, one after the other.
    let end = jpeg::inspect_prefix(data).map_or(data.len(), |info| info.len);
    let (one, other) = data.split_at(end);
    if let Ok(Some(tiles)) = Tiles::read(one) {
        assert!(!tiles.runs.is_empty() && tiles.rows() <= 1024);
        let (width, height) = tiles.size;
        assert!(u32::from(width) * u32::from(height) <= jpeg::MAX_PIXELS);
    }
    let Ok(cut) = Cut::read(one) else { return };
    assert_eq!(cut.strips().len(), cut.count() as usize);
    let stamp = Stamp::read(one).unwrap_or_default();
    let whole = cut.whole(&stamp, cut.strips()).expect("they are its own");
    if let Some(again) = believed(Cut::read(&whole)) {
        assert!(again.strips().eq(cut.strips()) && again.is_like(&cut));
    }
    if let Ok(separators) = Separators::new(cut.kind()) {
        let _ = separators.strip(&[[0, 255]; 3], &[[255, 0]; 3]);
    }
    let Ok(Some(mosaic)) = Mosaic::read(other) else {
        return;
    };
    let (width, height) = mosaic.tiles().size;
    for draw in mosaic.draws() {
        assert!(draw.to.0 + draw.size.0 <= width.into() && draw.size.0 > 0);
        assert!(draw.to.1 + draw.size.1 <= height.into() && draw.size.1 > 0);
    }
    if let Ok(whole) = mosaic.onto(&cut) {
        if let Some(drawn) = believed(Cut::read(&whole)) {
            let mut strips = mosaic.strips();
            assert!(strips.all(|(number, bytes)| drawn.strip(number) == Some(bytes)));
        }
    }
    // Of the same frame, so that nothing is left of the older one.
    if let Ok(merged) = mosaic.after(&mosaic) {
        if let Some(merged) = believed(Mosaic::read(&merged)) {
            assert!(merged.expect("it has tiles").strips().eq(mosaic.strips()));
        }
    }
});

/// How many pixels are believed goes by the bytes: those of a stamp make or break a claim. Nothing else may be wrong.
fn believed<T>(read: Result<T, StripsError>) -> Option<T> {
    match read {
        Err(StripsError::Jpeg(JpegError::TooFewBytes { .. })) => None,
        read => Some(read.expect("it is put together of what was read")),
    }
}
