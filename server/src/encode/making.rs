//! Turns one frame into its renditions: mirrors and rotates where the source has not, scales,
//! encodes and stamps each one, and publishes it as soon as it is ready.
//!
//! Scheduling this on threads belongs to [`super::pool`].

use super::scale::Planes;
use super::strips::{Memory, Wanted};
use super::{FrameError, JpegEncoder, bounded};
use crate::hub::{Feed, Frame, MOST_HALVINGS, Published, Rendition};
use crate::source::{Image, Pixels, RawFrame, Yuv};
use crate::util::handover::publishing;
use pistreamer_picture::{RescaleError, Rescaler, Whole};
use pistreamer_protocol::Stamp;
use pistreamer_protocol::jpeg::Orientation;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Turns what a camera's source delivers into frames.
#[derive(Debug)]
pub(super) struct Maker {
    /// The camera's id, for stamps.
    camera: String,
    feed: Arc<Feed>,
}

impl Maker {
    pub(super) fn new(camera: &str, feed: Arc<Feed>) -> Self {
        Self {
            camera: camera.into(),
            feed,
        }
    }

    pub(super) fn camera(&self) -> &str {
        &self.camera
    }

    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Makes and publishes each rendition of the frame that has consumers.
    pub(super) fn make(&self, frame: RawFrame, tools: &mut Tools) -> Result<Made, FrameError> {
        let RawFrame {
            seq,
            captured_us,
            turn,
            image,
        } = frame;
        let stamp = Stamp {
            seq,
            captured_us,
            camera: self.camera.clone(),
        };
        match image {
            Image::Yuv(pixels) => self.encode_samples(pixels, turn, &stamp, tools),
            Image::Jpeg(picture) => {
                let picture = turned(picture, turn)?.with(&stamp)?;
                self.rescale_jpeg(picture, &stamp, None, tools)
            }
            Image::Stamped(picture) => {
                let stamp = Stamp::read(picture.jpeg()).unwrap_or(stamp);
                let arrived = Some(Instant::now());
                self.rescale_jpeg(turned(picture, turn)?, &stamp, arrived, tools)
            }
        }
    }

    fn encode_samples(
        &self,
        pixels: Box<dyn Pixels>,
        turn: Orientation,
        stamp: &Stamp,
        tools: &mut Tools,
    ) -> Result<Made, FrameError> {
        let Tools {
            encoder,
            turned,
            levels,
            ..
        } = tools;
        let encoder = match encoder {
            Some(encoder) => encoder,
            None => encoder.insert(JpegEncoder::new()?),
        };
        let pixels = if turn.is_upright() {
            Samples::Lent(pixels)
        } else {
            turned.turn(&pixels.yuv(), turn)?;
            Samples::Turned(turned)
        };
        let yuv = pixels.yuv();
        let full = (yuv.width, yuv.height);
        let plan = self.feed.plan(yuv.width);
        let halvings = |made: &Rendition| usize::from(made.halvings);
        for level in 0..plan.renditions().iter().map(halvings).max().unwrap_or(0) {
            let (before, this) = levels.split_at_mut(level);
            match before.last() {
                Some(larger) => this[0].halve(&larger.yuv())?,
                None => this[0].halve(&yuv)?,
            }
        }
        let small = plan.renditions().partition_point(|made| made.halvings > 0);
        let (small, large) = plan.renditions().split_at(small);
        // Without consumers of the full size, the source's buffer is released here.
        let pixels = (!large.is_empty()).then_some(pixels);
        let mut made = Made::default();
        let mut publish = |yuv: &Yuv<'_>, rendition: Rendition| -> Result<(), FrameError> {
            let quality = rendition.quality.unwrap_or(plan.config().quality);
            if let Some(config) = plan.config().tiles
                && plan.is_kept_in_strips(rendition)
            {
                let wanted = Wanted { quality, config };
                let whole = plan.is_wanted_whole(rendition);
                let memory = self.feed.memory::<Memory>(rendition);
                let published = memory.make(yuv, wanted, whole, stamp, |frame| {
                    publishing(|| self.feed.publish(rendition, frame.of(full)))
                });
                made.add(published?);
                return Ok(());
            }
            let jpeg = stamp.write(encoder.encode(yuv, quality)?)?;
            let jpeg = bounded(jpeg.into())?;
            let size = (yuv.width, yuv.height);
            let frame = Frame::new(stamp.seq, stamp.captured_us, size, jpeg).of(full);
            made.add(publishing(|| self.feed.publish(rendition, frame)));
            Ok(())
        };
        for rendition in small {
            publish(&levels[halvings(rendition) - 1].yuv(), *rendition)?;
        }
        if let Some(pixels) = pixels {
            for rendition in large {
                publish(&pixels.yuv(), *rendition)?;
            }
        }
        Ok(made)
    }

    fn rescale_jpeg(
        &self,
        picture: Whole,
        stamp: &Stamp,
        from_elsewhere: Option<Instant>,
        tools: &mut Tools,
    ) -> Result<Made, FrameError> {
        let info = picture.info;
        let jpeg = bounded(picture.into_jpeg())?;
        let full = info.displayed();
        let mut made = Made::default();
        // The full size comes first, because it needs no work.
        let plan = self.feed.plan(full.0);
        let own = plan.config().quality;
        for rendition in plan.renditions().iter().rev() {
            let whole = || Frame::new(stamp.seq, stamp.captured_us, full, jpeg.clone());
            let frame = if *rendition == Rendition::FULL {
                whole()
            } else {
                let quality = rendition.quality.unwrap_or(own);
                match rescale(&jpeg, rendition.halvings, quality, tools) {
                    Ok((size, smaller)) if smaller.len() < jpeg.len() => {
                        let smaller = stamp.write(smaller)?.into();
                        let size = info.orientation.displayed(size);
                        Frame::new(stamp.seq, stamp.captured_us, size, smaller).of(full)
                    }
                    Ok(_) => whole(),
                    // Pass it on unchanged: a browser may still decode it.
                    Err(error) => {
                        self.unscaled(&error);
                        whole()
                    }
                }
            };
            let frame = frame.from_elsewhere(from_elsewhere);
            made.add(publishing(|| self.feed.publish(*rendition, frame)));
        }
        Ok(made)
    }

    /// Counts a picture that could not be scaled, and logs some of them.
    fn unscaled(&self, error: &RescaleError) {
        let counters = &self.feed.counters;
        let times = counters.unscaled.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            let camera = &self.camera;
            tracing::warn!(
                camera,
                times,
                "a picture cannot be scaled, and is sent in its full size: {error}"
            );
        }
    }
}

/// Scales a JPEG down. Returns its size and its bytes.
fn rescale<'a>(
    jpeg: &[u8],
    halvings: u8,
    quality: u8,
    tools: &'a mut Tools,
) -> Result<((u32, u32), &'a [u8]), RescaleError> {
    let rescaler = match &mut tools.rescaler {
        Some(rescaler) => rescaler,
        None => tools.rescaler.insert(Rescaler::new()?),
    };
    let size = rescaler.rescale(jpeg, halvings, quality, &mut tools.rescaled)?;
    Ok((size, &tools.rescaled))
}

/// The picture as it is shown.
pub(super) fn turned(picture: Whole, turn: Orientation) -> Result<Whole, FrameError> {
    if turn.is_upright() {
        return Ok(picture);
    }
    Ok(picture.turned(turn)?)
}

/// The samples that are encoded.
enum Samples<'a> {
    /// The source's own.
    Lent(Box<dyn Pixels>),
    Turned(&'a Planes),
}

impl Samples<'_> {
    fn yuv(&self) -> Yuv<'_> {
        match self {
            Self::Lent(pixels) => pixels.yuv(),
            Self::Turned(planes) => planes.yuv(),
        }
    }
}

/// State that a thread reuses from frame to frame.
#[derive(Debug, Default)]
pub(super) struct Tools {
    encoder: Option<JpegEncoder>,
    rescaler: Option<Rescaler>,
    turned: Planes,
    /// The picture at half its width, a quarter, …
    levels: [Planes; MOST_HALVINGS as usize],
    rescaled: Vec<u8>,
}

/// The outcome of one frame over all its renditions.
#[derive(Debug, Default)]
pub(super) struct Made {
    newest: bool,
    overtaken: bool,
}

impl Made {
    fn add(&mut self, published: Published) {
        self.newest |= published == Published::Newest;
        self.overtaken |= published == Published::Overtaken;
    }

    /// Returns true if newer frames replaced it in every rendition.
    pub(super) fn is_overtaken(&self) -> bool {
        self.overtaken && !self.newest
    }
}
