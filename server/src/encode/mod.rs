//! Raw frame → stamped JPEG, on a pool of threads.
//!
//! One slot stands before the pool, and only the newest frame waits in it: what a newer one overtakes is counted, never
//! queued. A JPEG of which nobody wants a smaller one needs no thread of the pool, and goes on at once. One picture is
//! made in every size that somebody wants, once for all of them, and in no other. Where frames come from belongs to
//! [`crate::source`], who gets them to [`crate::hub`].

mod jpeg;
mod meaning;
mod placard;
pub(crate) mod rescale;
mod scale;

pub use jpeg::{EncodeError, JpegEncoder};
pub(crate) use placard::placard;

use crate::hub::{Feed, Frame, MOST_HALVINGS, Published, Rendition};
use crate::source::{Image, Pauses, Pixels, RawFrame, Whole, Yuv};
use crate::util::panics;
use bytes::Bytes;
use pistreamer_protocol::jpeg::JpegError;
use pistreamer_protocol::{DEFAULT_FRAME_LIMIT, Stamp};
use rescale::Rescaler;
use scale::Planes;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How frames are encoded. In which sizes and qualities is up to the feed's plan.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Number of threads, at least 1.
    pub workers: usize,
    /// How long a thread rests after a panic.
    pub pauses: Pauses,
}

/// Why a frame is left out.
#[derive(Debug, thiserror::Error)]
enum FrameError {
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error("the jpeg cannot be used: {0}")]
    Jpeg(#[from] JpegError),
    #[error("its jpeg has {0} bytes, and {DEFAULT_FRAME_LIMIT} are the most that receivers take")]
    TooLarge(usize),
    #[error("a bug in the encoder: {0}")]
    Panic(String),
}

/// Is told whether anything can be encoded.
pub trait Health: Send + Sync {
    /// Nothing can, and why. Tells whether this reason is shown.
    fn fail(&self, reason: &str) -> bool;
    /// Something can again, after it failed for that reason.
    fn mend(&self, reason: &str);
}

/// The threads that encode one camera's frames. Dropping it ends them, and waits for none: the last one to hold it may
/// be a task.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    /// The camera's id, for stamps.
    camera: String,
    feed: Arc<Feed>,
    health: Arc<dyn Health>,
    pauses: Pauses,
    slot: Mutex<Slot>,
    filled: Condvar,
    /// Panics since the last frame that was encoded.
    panics: AtomicU32,
    /// What the camera is said to fail for.
    failure: Mutex<String>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("camera", &self.camera)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Slot {
    newest: Option<RawFrame>,
    stopping: bool,
}

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn spawn(
        config: Config,
        camera: &str,
        feed: Arc<Feed>,
        health: Arc<dyn Health>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            camera: camera.into(),
            feed,
            health,
            pauses: config.pauses,
            slot: Mutex::default(),
            filled: Condvar::new(),
            panics: AtomicU32::new(0),
            failure: Mutex::default(),
        });
        let pool = Self { shared };
        for number in 0..config.workers.max(1) {
            let shared = Arc::clone(&pool.shared);
            std::thread::Builder::new()
                .name(format!("encode-{number}"))
                .spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Takes over a frame and returns at once. A frame that nobody wants is let go.
    pub fn submit(&self, frame: RawFrame) {
        if !self.shared.feed.demand().wanted() {
            return;
        }
        if self.shared.goes_on_whole(&frame.image) {
            if let Err(panic) = self.shared.handle(frame, &mut Tools::default()) {
                self.shared.panicked(&panic);
            }
            return;
        }
        let overtaken = self.shared.slot().newest.replace(frame);
        self.shared.filled.notify_one();
        if overtaken.is_some() {
            self.shared
                .feed
                .counters
                .overtaken
                .fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut slot = self.shared.slot();
        slot.stopping = true;
        let left = slot.newest.take();
        drop(slot);
        self.shared.filled.notify_all();
        drop(left);
    }
}

impl Shared {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        // Nothing panics while it holds this lock, and the slot is valid at every point.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest frame, as soon as there is one; `None` at the end.
    fn take(&self) -> Option<RawFrame> {
        let mut slot = self
            .filled
            .wait_while(self.slot(), |slot| slot.newest.is_none() && !slot.stopping)
            .unwrap_or_else(PoisonError::into_inner);
        if slot.stopping {
            None
        } else {
            slot.newest.take()
        }
    }

    /// Whether there is nothing to be made of a picture but its stamp.
    fn goes_on_whole(&self, image: &Image) -> bool {
        let width = self.feed.width();
        let is_whole = |rendition: &Rendition| *rendition == Rendition::FULL;
        !matches!(image, Image::Yuv(_)) && self.feed.plan(width).renditions().iter().all(is_whole)
    }

    fn work(&self) {
        let mut tools = Tools::default();
        let mut backoff = self.pauses.backoff();
        while let Some(frame) = self.take() {
            match self.handle(frame, &mut tools) {
                Ok(()) => backoff.reset(),
                Err(panic) => {
                    // Whatever the panic left them in.
                    tools = Tools::default();
                    self.panicked(&panic);
                    self.rest(backoff.pause(fastrand::f64()));
                }
            }
        }
    }

    /// Encodes and publishes a frame, or counts it as broken.
    ///
    /// # Errors
    /// Where that panicked.
    fn handle(&self, frame: RawFrame, tools: &mut Tools) -> Result<(), FrameError> {
        let counters = &self.feed.counters;
        let encoded = panics::caught(|| self.encode(frame, tools));
        let error = match encoded.unwrap_or_else(|panic| Err(FrameError::Panic(panic))) {
            Ok(made) => {
                if made.is_overtaken() {
                    counters.overtaken.fetch_add(1, Ordering::Relaxed);
                }
                self.recover();
                return Ok(());
            }
            Err(error) => error,
        };
        counters.broken.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(%error, "left out a frame");
        match error {
            FrameError::Panic(_) => Err(error),
            _ => Ok(()),
        }
    }

    /// One panic costs one frame. Where nothing can be encoded between two, the camera has no picture to show.
    fn panicked(&self, panic: &FrameError) {
        if self.panics.fetch_add(1, Ordering::Relaxed) > 0 {
            let mut failure = self.failure();
            let reason = panic.to_string();
            if self.health.fail(&reason) {
                *failure = reason;
            }
        }
    }

    fn rest(&self, pause: Duration) {
        let rested = self
            .filled
            .wait_timeout_while(self.slot(), pause, |slot| !slot.stopping);
        drop(rested);
    }

    fn recover(&self) {
        if self.panics.load(Ordering::Relaxed) > 0 && self.panics.swap(0, Ordering::Relaxed) > 1 {
            self.health.mend(&self.failure());
        }
    }

    fn failure(&self) -> MutexGuard<'_, String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes every rendition of the frame that somebody wants, and publishes each as soon as it is made.
    fn encode(&self, frame: RawFrame, tools: &mut Tools) -> Result<Made, FrameError> {
        let RawFrame {
            seq,
            captured_us,
            image,
        } = frame;
        let stamp = Stamp {
            seq,
            captured_us,
            camera: self.camera.clone(),
        };
        match image {
            Image::Yuv(pixels) => self.encode_samples(pixels, &stamp, tools),
            Image::Jpeg(picture) => self.rescale_jpeg(picture.with(&stamp)?, &stamp, None, tools),
            Image::Stamped(picture) => {
                let stamp = Stamp::read(picture.jpeg()).unwrap_or(stamp);
                self.rescale_jpeg(picture, &stamp, Some(Instant::now()), tools)
            }
        }
    }

    fn encode_samples(
        &self,
        pixels: Box<dyn Pixels>,
        stamp: &Stamp,
        tools: &mut Tools,
    ) -> Result<Made, FrameError> {
        let Tools {
            encoder,
            levels,
            buffer,
            ..
        } = tools;
        let encoder = match encoder {
            Some(encoder) => encoder,
            None => encoder.insert(JpegEncoder::new()?),
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
        // Where nobody wants the full size, the source gets its memory back now.
        let pixels = (!large.is_empty()).then_some(pixels);
        let mut made = Made::default();
        let mut publish = |yuv: &Yuv<'_>, rendition: Rendition| -> Result<(), FrameError> {
            let quality = rendition.quality.unwrap_or(plan.config().quality);
            encoder.encode(yuv, quality, buffer)?;
            let jpeg = bounded(stamp.write(buffer)?.into())?;
            let size = (yuv.width, yuv.height);
            let frame = Frame::new(stamp.seq, stamp.captured_us, size, jpeg).of(full);
            made.add(self.feed.publish(rendition, frame));
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
        // The full one first: there is nothing to be made of it.
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
                    // It goes on as it came: browsers may know better.
                    Err(error) => {
                        self.unscaled(&error);
                        whole()
                    }
                }
            };
            let frame = frame.from_elsewhere(from_elsewhere);
            made.add(self.feed.publish(*rendition, frame));
        }
        Ok(made)
    }

    /// A smaller picture cannot be made.
    fn unscaled(&self, error: &EncodeError) {
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

/// Makes a smaller picture of a JPEG.
fn rescale<'a>(
    jpeg: &[u8],
    halvings: u8,
    quality: u8,
    tools: &'a mut Tools,
) -> Result<((u32, u32), &'a [u8]), EncodeError> {
    let rescaler = match &mut tools.rescaler {
        Some(rescaler) => rescaler,
        None => tools.rescaler.insert(Rescaler::new()?),
    };
    let size = rescaler.rescale(jpeg, halvings, quality, &mut tools.buffer)?;
    Ok((size, &tools.buffer))
}

/// A JPEG that receivers take.
fn bounded(jpeg: Bytes) -> Result<Bytes, FrameError> {
    if jpeg.len() > DEFAULT_FRAME_LIMIT {
        return Err(FrameError::TooLarge(jpeg.len()));
    }
    Ok(jpeg)
}

/// What a thread keeps from one frame to the next.
#[derive(Debug, Default)]
struct Tools {
    encoder: Option<JpegEncoder>,
    rescaler: Option<Rescaler>,
    /// The picture in half its width, a quarter, …
    levels: [Planes; MOST_HALVINGS as usize],
    buffer: Vec<u8>,
}

/// What became of one frame in all its renditions.
#[derive(Debug, Default)]
struct Made {
    newest: bool,
    overtaken: bool,
}

impl Made {
    fn add(&mut self, published: Published) {
        self.newest |= published == Published::Newest;
        self.overtaken |= published == Published::Overtaken;
    }

    /// Whether newer frames took its place everywhere.
    fn is_overtaken(&self) -> bool {
        self.overtaken && !self.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Config as Renditions, Limits};
    use crate::source::{Layout, Plane};

    /// Why the camera fails, while it does.
    #[derive(Default)]
    struct Failing(Mutex<Option<String>>);

    impl Failing {
        fn why(&self) -> Option<String> {
            self.0.lock().unwrap().clone()
        }
    }

    impl Health for Failing {
        fn fail(&self, reason: &str) -> bool {
            self.0.lock().unwrap().replace(reason.into()).is_none()
        }
        fn mend(&self, reason: &str) {
            assert_eq!(self.0.lock().unwrap().take().as_deref(), Some(reason));
        }
    }

    /// Samples whose memory is lost, or not.
    struct Samples(bool);

    impl Pixels for Samples {
        fn yuv(&self) -> Yuv<'_> {
            assert!(!self.0, "the samples' memory is lost");
            let plane = |data, stride| Plane { data, stride };
            Yuv {
                width: 16,
                height: 16,
                layout: Layout::I420([
                    plane(&[99; 256], 16),
                    plane(&[128; 64], 8),
                    plane(&[128; 64], 8),
                ]),
            }
        }
    }

    #[tokio::test]
    async fn an_encoder_that_panics_encodes_the_next_frame_and_says_so_where_it_cannot() {
        let renditions = Renditions {
            most: 1,
            quality: 80,
        };
        let feed = Arc::new(Feed::new(renditions));
        let failing = Arc::new(Failing::default());
        let config = Config {
            workers: 1,
            pauses: Pauses {
                first: Duration::ZERO,
                longest: Duration::ZERO,
            },
        };
        let health = Arc::clone(&failing) as Arc<dyn Health>;
        let pool = Pool::spawn(config, "0", Arc::clone(&feed), health).unwrap();
        let mut view = feed.view(Limits::default());
        let mut seq = 0;
        let mut submit = |is_lost| {
            seq += 1;
            let before = feed.counters.broken.load(Ordering::Relaxed);
            pool.submit(RawFrame {
                seq,
                captured_us: 1,
                image: Image::Yuv(Box::new(Samples(is_lost))),
            });
            while is_lost && feed.counters.broken.load(Ordering::Relaxed) == before {
                std::thread::yield_now();
            }
        };
        submit(true);
        submit(false);
        assert_eq!(view.newest().await.seq, 2);
        assert_eq!(failing.why(), None);
        submit(true);
        submit(true);
        let why = loop {
            tokio::task::yield_now().await;
            if let Some(why) = failing.why() {
                break why;
            }
        };
        assert!(why.contains("the samples' memory is lost"), "{why}");
        submit(false);
        assert_eq!(view.newest().await.seq, 5);
        while failing.why().is_some() {
            tokio::task::yield_now().await;
        }
    }
}
