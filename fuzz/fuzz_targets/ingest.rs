//! Takes arbitrary messages apart as they come from a pusher, and hands their pictures on as a source does: each good picture
//! comes out once, whole and numbered upwards, each bad one not at all.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use pistreamer::demand::Demand;
use pistreamer::source::{Image, Port, RawFrame, Report, Sink};
use pistreamer_picture::{Mended, Whole};
use pistreamer_protocol::{Stamp, Unpacker, jpeg, pack};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

/// What browsers count exactly (ECMA-262 §21.1.2.6), so that a viewer can acknowledge it.
const COUNTABLE: u64 = 1 << 53;

#[derive(Default)]
struct Seen {
    frames: usize,
    last: u64,
    broken: usize,
}

#[derive(Default)]
struct Watcher(Mutex<Seen>);

impl Watcher {
    /// Frames, broken pictures, and the last seq.
    fn counts(&self) -> (usize, usize, u64) {
        let seen = self.seen();
        (seen.frames, seen.broken, seen.last)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Watcher {
    fn frame(&self, frame: RawFrame) {
        let mut seen = self.seen();
        assert!(frame.seq > seen.last && frame.seq < COUNTABLE);
        seen.last = frame.seq;
        seen.frames += 1;
        let picture: Whole = match frame.image {
            Image::Yuv(_) => unreachable!("nobody sent samples"),
            Image::Jpeg(picture) => {
                assert_eq!(Stamp::read(picture.jpeg()), None);
                picture
            }
            Image::Stamped(picture) => {
                let stamp = Stamp::read(picture.jpeg()).expect("it is said to be stamped");
                assert_eq!(
                    (stamp.seq, stamp.captured_us),
                    (frame.seq, frame.captured_us)
                );
                picture
            }
        };
        // What is told of it is what it is, so that nothing further on has to look again.
        assert_eq!(jpeg::inspect(picture.jpeg()), Ok(picture.info));
        let mended = jpeg::mend(picture.jpeg()).map(|mended| mended.jpeg);
        assert!(matches!(mended, Ok(Cow::Borrowed(_))));
    }
    fn again(&self, frame: RawFrame) {
        let mut seen = self.seen();
        assert_eq!(frame.seq, seen.last);
        seen.frames += 1;
    }
    fn report(&self, report: Report<'_>) {
        if let Report::Broken(_) = report {
            self.seen().broken += 1;
        }
    }
}

/// A message: its kind, its length, a seq, and so many bytes.
fn message(data: &[u8]) -> Option<(Bytes, &[u8])> {
    let ([kind, low, high, seq, shift], rest) = data.split_first_chunk()?;
    let len = usize::from(u16::from_le_bytes([*low, *high]) % 2048).min(rest.len());
    let (content, rest) = rest.split_at(len);
    let stamp = Stamp {
        // Also the ones right below a power of two.
        seq: u64::from(*seq)
            .rotate_left(u32::from(*shift))
            .wrapping_sub(u64::from(*kind >> 2 & 1)),
        captured_us: 1,
        camera: String::new(),
    };
    let stamped = || stamp.write(content).unwrap_or_else(|_| content.to_vec());
    let bytes = match kind % 4 {
        0 => content.to_vec(),
        1 => pack(content),
        2 => stamped(),
        _ => pack(&stamped()),
    };
    Some((bytes.into(), rest))
}

fuzz_target!(|data: &[u8]| {
    let watcher = Arc::new(Watcher::default());
    let sink = Arc::clone(&watcher) as Arc<dyn Sink>;
    let port = Port::new(sink, Demand::default());
    let mut unpacker = Unpacker::default();
    let mut rest = data;
    while let Some((bytes, left)) = message(rest) {
        rest = left;
        let (frames, broken, _) = watcher.counts();
        let mended = Mended::unpacked(&mut unpacker, bytes).map_err(|error| error.to_string());
        let whole = mended.and_then(|mended| mended.whole().map_err(|error| error.to_string()));
        let taken = whole.and_then(|whole| port.arrived(whole).map_err(|error| error.to_string()));
        match taken {
            Ok(seq) => assert_eq!(watcher.counts(), (frames + 1, broken, seq)),
            Err(problem) => {
                assert_eq!(watcher.counts().0, frames);
                port.broken(&problem);
                assert_eq!(watcher.counts().1, broken + 1);
            }
        }
    }
});
