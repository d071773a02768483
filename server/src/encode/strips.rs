//! Encodes only what has changed, where viewers keep strips: the changed ones together in one small JPEG, of which each is cut out.
//!
//! Which have changed is decided in [`pistreamer_tiles`]. What viewers are sent of them belongs to [`crate::form`].

use super::jpeg::{LARGEST, planes};
use super::restarts::Restarts;
use super::{FrameError, bounded};
use crate::hub::{Frame, Published, Series, Strip, Strips};
use crate::source::Yuv;
use pistreamer_protocol::Stamp;
use pistreamer_protocol::strips::{Cut, Separators};
use pistreamer_tiles::{Config, Grid, Look, Plane, Sampling, Scene};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use turbojpeg::{Subsamp, YuvPlanesImage};

/// What is kept of a rendition's picture from frame to frame: one thread at a time goes on from it.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The last frame.
    seq: u64,
    /// Planes for what lies otherwise in the camera's memory.
    copies: [Vec<u8>; 3],
    encoder: Option<Restarts>,
    kept: Kept,
}

#[derive(Debug, Default)]
enum Kept {
    #[default]
    Nothing,
    /// Pictures of this kind have no strips that are worth it, as was found then.
    Unfit(Wanted, (u32, u32), Instant),
    Picture(Box<Picture>),
}

/// How a picture is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// JPEG quality.
    pub(super) quality: u8,
    /// How changes are looked for.
    pub(super) config: Config,
}

/// A picture in strips.
#[derive(Debug)]
struct Picture {
    wanted: Wanted,
    size: (u32, u32),
    began: Instant,
    at: Instant,
    scene: Scene,
    strips: Arc<Strips>,
    /// Strips that are encoded of the present frame as they were captured, and as averages.
    captured: Vec<u32>,
    means: Vec<u32>,
    /// Their samples.
    together: [Vec<u8>; 3],
}

/// What is older was captured for viewers that have left.
const LONGEST_GAP: Duration = Duration::from_secs(2);

/// Then pictures that had no strips that are worth it may have some.
const AGAIN: Duration = Duration::from_secs(10);

impl Memory {
    /// Makes a frame, and publishes it before another one is begun. `whole`: it is wanted as one new JPEG, too.
    pub(super) fn make(
        &self,
        yuv: &Yuv<'_>,
        wanted: Wanted,
        whole: bool,
        stamp: &Stamp,
        publish: impl FnOnce(Frame) -> Published,
    ) -> Result<Published, FrameError> {
        // What a panic left is not gone on from.
        let mut state = self.0.lock().unwrap_or_else(|poisoned| {
            self.0.clear_poison();
            let mut state = PoisonError::into_inner(poisoned);
            state.kept = Kept::Nothing;
            state
        });
        let State {
            seq,
            copies,
            encoder,
            kept,
        } = &mut *state;
        if *seq >= stamp.seq {
            return Ok(Published::Overtaken);
        }
        let image = planes(yuv, copies)?;
        let encoder = match encoder {
            Some(encoder) => encoder,
            None => encoder.insert(Restarts::new()?),
        };
        let size = (yuv.width, yuv.height);
        let now = Instant::now();
        let frame = match kept {
            Kept::Picture(picture) if picture.goes_on(wanted, size, now) => {
                picture.next(&image, encoder, whole, stamp, now)
            }
            Kept::Unfit(of, as_large, at)
                if *of == wanted && *as_large == size && now < *at + AGAIN =>
            {
                encoder
                    .encode(&image, wanted.quality, 0)
                    .map_err(FrameError::from)
                    .and_then(|jpeg| without_strips(jpeg, size, stamp))
            }
            _ => begin(kept, &image, encoder, wanted, stamp, now),
        };
        if frame.is_err() {
            *kept = Kept::Nothing;
        }
        let frame = frame?;
        *seq = stamp.seq;
        Ok(publish(frame))
    }
}

/// The first picture, in strips where they are worth it.
fn begin(
    kept: &mut Kept,
    image: &YuvPlanesImage<&[u8]>,
    encoder: &mut Restarts,
    wanted: Wanted,
    stamp: &Stamp,
    now: Instant,
) -> Result<Frame, FrameError> {
    let size = (image.width as u32, image.height as u32);
    let sampling = match image.subsamp {
        Subsamp::Sub2x2 => Sampling::Quarter,
        _ => Sampling::Half,
    };
    let jpeg = encoder.encode(image, wanted.quality, 0)?;
    let grid = Grid::fitting(image.width, image.height, sampling, jpeg.len());
    let sides = u16::try_from(image.width)
        .ok()
        .zip(u16::try_from(image.height).ok());
    let (Some(grid), Some(sides)) = (grid, sides) else {
        *kept = Kept::Unfit(wanted, size, now);
        return without_strips(jpeg, size, stamp);
    };
    let mut scene = Scene::new(grid, wanted.config);
    scene.look(&lent(image), 0);
    let jpeg = encoder.encode(image, wanted.quality, grid.mcus())?;
    let cut = Cut::read(jpeg)?;
    let separators = match sampling {
        Sampling::Quarter => Some(Separators::new(cut.kind())?),
        Sampling::Half => None,
    };
    static SERIES: AtomicU64 = AtomicU64::new(1);
    let series = Series {
        id: SERIES.fetch_add(1, Ordering::Relaxed),
        camera: stamp.camera.clone(),
        kind: cut.kind().clone(),
        separators,
        size: sides,
        columns: grid.columns(),
        mcus: grid.mcus(),
    };
    let all = strips(&grid, &lent(image), &cut, stamp.seq);
    let strips = Arc::new(Strips::new(series, all));
    let frame = without_strips(jpeg, size, stamp)?.with_strips(Arc::clone(&strips));
    *kept = Kept::Picture(Box::new(Picture {
        wanted,
        size,
        began: now,
        at: now,
        scene,
        strips,
        captured: Vec::new(),
        means: Vec::new(),
        together: Default::default(),
    }));
    Ok(frame)
}

impl Picture {
    /// Returns true if the next frame goes on from this one.
    fn goes_on(&self, wanted: Wanted, size: (u32, u32), now: Instant) -> bool {
        self.wanted == wanted && self.size == size && now < self.at + LONGEST_GAP
    }

    /// The next frame.
    fn next(
        &mut self,
        image: &YuvPlanesImage<&[u8]>,
        encoder: &mut Restarts,
        whole: bool,
        stamp: &Stamp,
        now: Instant,
    ) -> Result<Frame, FrameError> {
        self.at = now;
        let picture = lent(image);
        let grid = *self.scene.grid();
        let quality = self.wanted.quality;
        self.captured.clear();
        self.means.clear();
        match self
            .scene
            .look(&picture, (now - self.began).as_micros() as u64)
        {
            Look::All => {
                let jpeg = encoder.encode(image, quality, grid.mcus())?;
                let all = strips(&grid, &picture, &Cut::read(jpeg)?, stamp.seq);
                self.strips = Arc::new(self.strips.with_all(all));
                let frame = without_strips(jpeg, self.size, stamp)?;
                return Ok(frame.with_strips(Arc::clone(&self.strips)));
            }
            Look::Strips { captured, means } => {
                self.captured.extend_from_slice(captured);
                self.means.extend_from_slice(means);
            }
        }
        let mut frame = None;
        let mut made = 0;
        if whole {
            let jpeg = encoder.encode(image, quality, grid.mcus())?;
            let cut = Cut::read(jpeg)?;
            let strips = Arc::make_mut(&mut self.strips);
            for number in self.captured.drain(..) {
                let edges = grid.edges(&picture, number as usize);
                let bytes = cut.strip(number).unwrap_or_default();
                strips.replace(number as usize, Strip::new(stamp.seq, &edges, bytes));
            }
            frame = Some(without_strips(jpeg, self.size, stamp)?);
        }
        self.captured.append(&mut self.means);
        if !self.captured.is_empty() {
            made = self.encode_together(encoder, stamp.seq)?;
        }
        let strips = Arc::clone(&self.strips);
        Ok(match frame {
            Some(frame) => frame.with_strips(strips),
            None => Frame::of_strips(stamp.seq, stamp.captured_us, strips, made),
        })
    }

    /// Encodes strips as they are remembered, below each other, as many at a time as a JPEG has lines for. Returns how many bytes that
    /// took.
    fn encode_together(&mut self, encoder: &mut Restarts, seq: u64) -> Result<usize, FrameError> {
        let grid = *self.scene.grid();
        let parts = grid.parts();
        let [(width, lines), (chroma_width, _), _] = parts;
        let mut made = 0;
        for numbers in self.captured.chunks(LARGEST / lines) {
            self.together.iter_mut().for_each(Vec::clear);
            for number in numbers {
                let mut samples = self.scene.strip(*number);
                for (plane, (width, lines)) in self.together.iter_mut().zip(parts) {
                    let (part, rest) = samples.split_at(width * lines);
                    plane.extend_from_slice(part);
                    samples = rest;
                }
            }
            let [y, u, v] = &self.together;
            let image = YuvPlanesImage {
                y_plane: &y[..],
                u_plane: &u[..],
                v_plane: &v[..],
                width,
                height: lines * numbers.len(),
                y_stride: width,
                u_stride: chroma_width,
                v_stride: chroma_width,
                subsamp: match grid.sampling() {
                    Sampling::Quarter => Subsamp::Sub2x2,
                    Sampling::Half => Subsamp::Sub2x1,
                },
            };
            let jpeg = encoder.encode(&image, self.wanted.quality, grid.mcus())?;
            made += jpeg.len();
            let cut = Cut::read(jpeg)?;
            // One column of as many strips.
            let column = Grid::new(width, image.height, grid.sampling(), grid.mcus());
            let column = column.expect("it is as wide as a strip");
            let planes = lent(&image);
            let strips = Arc::make_mut(&mut self.strips);
            for (row, number) in numbers.iter().enumerate() {
                let edges = column.edges(&planes, row);
                let bytes = cut.strip(row as u32).unwrap_or_default();
                strips.replace(*number as usize, Strip::new(seq, &edges, bytes));
            }
        }
        Ok(made)
    }
}

/// All strips of a JPEG.
fn strips(grid: &Grid, picture: &[Plane<'_>; 3], cut: &Cut<'_>, seq: u64) -> Vec<Strip> {
    let strips = cut.strips().enumerate();
    strips
        .map(|(number, bytes)| Strip::new(seq, &grid.edges(picture, number), bytes))
        .collect()
}

/// A frame of a whole JPEG.
fn without_strips(jpeg: &[u8], size: (u32, u32), stamp: &Stamp) -> Result<Frame, FrameError> {
    let jpeg = bounded(stamp.write(jpeg)?.into())?;
    Ok(Frame::new(stamp.seq, stamp.captured_us, size, jpeg))
}

fn lent<'a>(image: &YuvPlanesImage<&'a [u8]>) -> [Plane<'a>; 3] {
    let plane = |data, stride| Plane { data, stride };
    [
        plane(image.y_plane, image.y_stride),
        plane(image.u_plane, image.u_stride),
        plane(image.v_plane, image.v_stride),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::JpegEncoder;
    use crate::form::{Kept, payload};
    use crate::source::{Layout, Plane as Lines};
    use pistreamer_protocol::WireFormat;
    use pistreamer_protocol::strips::Mosaic;

    const SIZE: (usize, usize) = (320, 200);
    const WANTED: Wanted = Wanted {
        quality: 90,
        config: Config { averaging: true },
    };

    /// A camera's samples: a scene, in which squares change.
    struct Samples {
        planes: [Vec<u8>; 3],
        random: fastrand::Rng,
    }

    impl Samples {
        fn new() -> Self {
            let mut random = fastrand::Rng::with_seed(7);
            let (width, height) = SIZE;
            let mut plane = |len: usize| {
                let texture = (0..len).map(|place| (place % 97) as u8 + random.u8(..60) + 40);
                texture.collect()
            };
            Self {
                planes: [
                    plane(width * height),
                    plane(width * height / 4),
                    plane(width * height / 4),
                ],
                random,
            }
        }

        /// Changes a square somewhere.
        fn change(&mut self) {
            let (x, y) = (
                self.random.usize(..SIZE.0 - 16),
                self.random.usize(..SIZE.1 - 16),
            );
            let level = self.random.u8(..);
            for line in y..y + 16 {
                self.planes[0][line * SIZE.0 + x..][..16].fill(level);
            }
            for plane in &mut self.planes[1..] {
                for line in y / 2..y / 2 + 8 {
                    plane[line * SIZE.0 / 2 + x / 2..][..8].fill(level);
                }
            }
        }

        fn yuv(&self) -> Yuv<'_> {
            let lines = |plane: usize, stride| Lines {
                data: &self.planes[plane],
                stride,
            };
            let half = SIZE.0 / 2;
            Yuv {
                width: SIZE.0 as u32,
                height: SIZE.1 as u32,
                layout: Layout::I420([lines(0, SIZE.0), lines(1, half), lines(2, half)]),
            }
        }
    }

    fn stamp(seq: u64) -> Stamp {
        Stamp {
            seq,
            captured_us: 1_000_000 + seq,
            camera: "door".into(),
        }
    }

    fn made(memory: &Memory, samples: &Samples, seq: u64, whole: bool) -> Frame {
        let mut frame = None;
        let publish = |made| {
            frame = Some(made);
            Published::Newest
        };
        let published = memory.make(&samples.yuv(), WANTED, whole, &stamp(seq), publish);
        assert_eq!(published.unwrap(), Published::Newest);
        frame.unwrap()
    }

    /// A viewer that keeps strips, and how often it takes a frame.
    struct Viewer {
        every: u64,
        kept: Kept,
        seen: Vec<u8>,
        /// Bytes of what it was sent, and of whole pictures in their place.
        sent: usize,
        whole: usize,
    }

    impl Viewer {
        fn new(every: u64) -> Self {
            Self {
                every,
                kept: Kept::Strips(None),
                seen: Vec::new(),
                sent: 0,
                whole: 0,
            }
        }

        fn take(&mut self, frame: &Frame) {
            self.whole += frame.jpeg().len();
            if self.kept.has(frame) {
                self.kept = self.kept.after(frame);
                return;
            }
            let packed = payload(frame, WireFormat::GzipBase64, self.kept)
                .body()
                .clone();
            let body = payload(frame, WireFormat::Jpeg, self.kept).body().clone();
            let mut unpacker = pistreamer_protocol::Unpacker::default();
            assert_eq!(unpacker.unpack(&packed).unwrap(), &body[..]);
            self.kept = self.kept.after(frame);
            self.sent += body.len();
            assert_eq!(Stamp::read(&body), Some(stamp(frame.seq)));
            self.seen = match Mosaic::read(&body).unwrap() {
                None => body.to_vec(),
                Some(mosaic) => mosaic.onto(&Cut::read(&self.seen).unwrap()).unwrap(),
            };
        }

        fn sees(&self, frame: &Frame) {
            let seen = Cut::read(&self.seen).unwrap();
            let strips = frame.strips().unwrap();
            assert_eq!(seen.count() as usize, strips.all.len());
            for (number, strip) in seen.strips().enumerate() {
                assert!(
                    strip == strips.bytes(number),
                    "strip {number} of frame {}",
                    frame.seq
                );
            }
        }
    }

    #[test]
    fn viewers_that_miss_frames_have_the_strips_that_the_server_has() {
        let (memory, mut samples) = (Memory::default(), Samples::new());
        let mut viewers = [1, 2, 3, 7].map(Viewer::new);
        for seq in 1..=120 {
            if seq % 4 != 0 {
                samples.change();
            }
            // Somebody wants whole pictures now and then.
            let frame = made(&memory, &samples, 3 * seq, seq % 10 < 3);
            for viewer in &mut viewers {
                if seq % 50 == 0 {
                    viewer.kept = Kept::Strips(None);
                }
                if seq % viewer.every == 0 {
                    viewer.take(&frame);
                    viewer.sees(&frame);
                }
            }
            // Whole to others, and the same but for what is noise.
            Cut::read(frame.jpeg()).unwrap();
        }
        for viewer in viewers {
            let share = viewer.sent as f64 / viewer.whole as f64;
            let most = if viewer.every < 7 { 0.5 } else { 0.7 };
            assert!(share < most, "every {}: {share}", viewer.every);
        }
    }

    #[test]
    fn what_has_changed_is_encoded_as_in_the_whole_picture() {
        let (memory, mut samples) = (Memory::default(), Samples::new());
        let first = made(&memory, &samples, 1, false);
        let mut encoder = JpegEncoder::new().unwrap();
        let decoded = |jpeg: &[u8]| jpeg_decoder::Decoder::new(jpeg).decode().unwrap();
        let plain = encoder.encode(&samples.yuv(), 90).unwrap();
        assert!(decoded(first.jpeg()) == decoded(plain));
        samples.change();
        let next = made(&memory, &samples, 2, false);
        let plain = encoder.encode(&samples.yuv(), 90).unwrap();
        assert!(decoded(next.jpeg()) == decoded(plain));
        assert!(next.encoded() < first.encoded() / 2);
        assert_eq!(Stamp::read(next.jpeg()), Some(stamp(2)));
    }

    #[test]
    fn of_a_picture_that_is_too_small_for_strips_whole_ones_are_made() {
        let memory = Memory::default();
        let mut samples = Samples::new();
        for plane in &mut samples.planes {
            plane.fill(99);
        }
        for seq in 1..3 {
            let frame = made(&memory, &samples, seq, false);
            assert!(frame.strips().is_none());
            assert!(!frame.jpeg().windows(2).any(|marker| marker == b"\xff\xdd"));
        }
    }

    #[test]
    fn an_older_frame_than_the_last_is_left_out_and_after_a_change_a_new_series_begins() {
        let (memory, samples) = (Memory::default(), Samples::new());
        let first = made(&memory, &samples, 5, false);
        let late = memory.make(&samples.yuv(), WANTED, false, &stamp(4), |_| {
            panic!("it is late")
        });
        assert_eq!(late.unwrap(), Published::Overtaken);
        let other = Wanted {
            quality: 80,
            ..WANTED
        };
        let mut viewer = Viewer::new(1);
        viewer.take(&first);
        let publish = |frame: Frame| {
            assert_ne!(
                frame.strips().unwrap().series().id,
                first.strips().unwrap().series().id
            );
            assert!(!viewer.kept.has(&frame));
            viewer.take(&frame);
            viewer.sees(&frame);
            Published::Newest
        };
        memory
            .make(&samples.yuv(), other, false, &stamp(6), publish)
            .unwrap();
    }
}
