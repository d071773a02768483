//! What a viewer lacks of a picture: a mosaic of the strips that are newer than what it has, shared by all that lack as much.
//!
//! What they lack is rounded up to powers of two of frames, so that few messages exist for a frame, however differently its viewers
//! are behind. A mosaic for one that is further behind is right for others.

use super::envelope::Payload;
use crate::hub::{Form, Frame, Strips};
use bytes::Bytes;
use pistreamer_protocol::Stamp;
use pistreamer_protocol::WireFormat;
use pistreamer_protocol::pack;
use pistreamer_protocol::strips::{MAX_LINES, Mosaic, Run, Tiles};
use std::marker::PhantomData;
use std::sync::OnceLock;

/// What a viewer keeps of what it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Nothing: each frame is a whole picture to it.
    #[default]
    Nothing,
    /// Its strips: those of that series, as they were at that frame; `None` where it has none yet.
    Strips(Option<(u64, u64)>),
}

impl Kept {
    /// Returns true if the viewer has all of this frame.
    pub(crate) fn has(self, frame: &Frame) -> bool {
        match (self, frame.strips()) {
            (Self::Strips(Some((series, seq))), Some(strips)) => {
                series == strips.series().id && strips.newest <= seq
            }
            _ => false,
        }
    }

    /// What it keeps once it has been sent this frame.
    pub(crate) fn after(self, frame: &Frame) -> Self {
        match self {
            Self::Nothing => self,
            Self::Strips(_) => {
                let strips = frame.strips();
                Self::Strips(strips.map(|strips| (strips.series().id, frame.seq)))
            }
        }
    }
}

/// Rungs of the ladder: a viewer that is further behind than 2⁹ frames is sent the whole picture.
const RUNGS: usize = 10;

/// A share of the strips in percent from which on a whole picture costs no more.
const MOST_PERCENT: usize = 85;

/// A frame's messages for viewers that keep strips, in one wire format.
struct Ladder<W> {
    whole: OnceLock<Payload>,
    /// For those that are 2ⁿ frames behind, by n. `None` is the whole picture.
    rungs: [OnceLock<Option<Payload>>; RUNGS],
    wire: PhantomData<W>,
}

/// A wire format.
trait Wire: Send + Sync + 'static {
    fn packed(jpeg: Bytes) -> Bytes;
}

struct Raw;

impl Wire for Raw {
    fn packed(jpeg: Bytes) -> Bytes {
        jpeg
    }
}

struct Packed;

impl Wire for Packed {
    fn packed(jpeg: Bytes) -> Bytes {
        pack(&jpeg).into()
    }
}

impl<W: Wire> Form for Ladder<W> {
    fn of(_: &Frame) -> Self {
        Self {
            whole: OnceLock::new(),
            rungs: Default::default(),
            wire: PhantomData,
        }
    }
}

impl<W: Wire> Ladder<W> {
    fn message(&self, frame: &Frame, strips: &Strips, kept: Option<(u64, u64)>) -> &Payload {
        let behind = kept
            .filter(|(series, _)| *series == strips.series().id)
            .map(|(_, seq)| frame.seq.saturating_sub(seq).max(1));
        let rung = behind.map(|behind| behind.next_power_of_two().ilog2() as usize);
        let mosaic = rung.and_then(|rung| {
            let made = self.rungs.get(rung)?.get_or_init(|| {
                let mosaic = mosaic(frame, strips, frame.seq.saturating_sub(1 << rung));
                mosaic.map(|jpeg| Payload::new(W::packed(jpeg)))
            });
            made.as_ref()
        });
        mosaic.unwrap_or_else(|| {
            let jpeg = || strips.jpeg(frame.seq, frame.captured_us);
            self.whole.get_or_init(|| Payload::new(W::packed(jpeg())))
        })
    }
}

/// The message of a frame to a viewer that keeps that.
pub(super) fn message<'a>(
    frame: &'a Frame,
    strips: &Strips,
    wire: WireFormat,
    kept: Option<(u64, u64)>,
) -> &'a Payload {
    match wire {
        WireFormat::Jpeg => frame.form::<Ladder<Raw>>().message(frame, strips, kept),
        WireFormat::GzipBase64 => frame.form::<Ladder<Packed>>().message(frame, strips, kept),
    }
}

/// A mosaic of all strips that are newer than `base`; `None` where the whole picture costs no more, or it would be too tall.
fn mosaic(frame: &Frame, strips: &Strips, base: u64) -> Option<Bytes> {
    let series = strips.series();
    let (columns, count) = (series.columns, strips.all.len());
    let is_newer = |number: &usize| strips.all[*number].seq > base;
    // Those below each other together: their colours need no separators.
    let by_columns = (0..columns).flat_map(|column| (column..count).step_by(columns));
    let newer: Vec<usize> = by_columns.filter(is_newer).collect();
    if newer.is_empty() || 100 * newer.len() >= MOST_PERCENT * count {
        return None;
    }
    let mut runs: Vec<Run> = Vec::new();
    let mut separators = Vec::new();
    for (place, &strip) in newer.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| newer[before]);
        match runs.last_mut() {
            Some(run) if before == strip.checked_sub(columns) => run.count += 1,
            _ => {
                let separator = before.and_then(|before| separator(strips, before, strip));
                runs.push(Run {
                    strip: strip as u32,
                    count: 1,
                    is_separated: separator.is_some(),
                });
                separators.push(separator);
            }
        }
    }
    let mut rows: Vec<&[u8]> = Vec::new();
    for (run, separator) in runs.iter().zip(&separators) {
        rows.extend(separator.as_deref());
        let numbers = (0..run.count as usize).map(|row| run.strip as usize + row * columns);
        rows.extend(numbers.map(|number| strips.bytes(number)));
    }
    if rows.len() as u32 * series.kind.strip_size().1 > MAX_LINES {
        return None;
    }
    let others = strips
        .all
        .iter()
        .map(|strip| strip.seq)
        .filter(|seq| *seq <= base);
    let tiles = Tiles {
        since: others.max()?,
        size: series.size,
        runs,
    };
    let stamp = Stamp {
        seq: frame.seq,
        captured_us: frame.captured_us,
        camera: series.camera.clone(),
    };
    let mosaic = Mosaic::write(&series.kind, &stamp, &tiles, rows.into_iter());
    Some(mosaic.expect("they are strips of that picture").into())
}

/// A row that keeps the colours of two strips apart; `None` where they are about the same, or do not mix.
fn separator(strips: &Strips, above: usize, below: usize) -> Option<Vec<u8>> {
    /// Levels by which colours may differ unseen.
    const ABOUT: u8 = 3;
    let separators = strips.series().separators.as_ref()?;
    let (above, below) = (strips.edges(above).1, strips.edges(below).0);
    let mut pairs = above.as_flattened().iter().zip(below.as_flattened());
    if pairs.all(|(above, below)| above.abs_diff(*below) < ABOUT) {
        return None;
    }
    let separator = separators.strip(above, below);
    Some(separator.expect("there are colours of each MCU"))
}
