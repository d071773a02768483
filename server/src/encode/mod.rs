//! Raw frame → stamped JPEG, on a pool of threads.
//!
//! One slot stands before the pool, and only the newest frame waits in it: what a newer one overtakes is counted, never
//! queued. Where frames come from belongs to [`crate::source`], who gets them to [`crate::hub`].

mod jpeg;

pub use jpeg::{EncodeError, JpegEncoder};

use crate::hub::{Camera, Frame};
use crate::source::{Image, RawFrame};
use pistreamer_protocol::{Stamp, jpeg as container};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// How frames are encoded.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// Number of threads, at least 1.
    pub workers: usize,
}

/// Why a frame is left out.
#[derive(Debug, thiserror::Error)]
enum FrameError {
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error("the jpeg cannot be used: {0}")]
    Jpeg(#[from] container::JpegError),
}

/// The threads that encode one camera's frames. Dropping it ends them.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    camera: Arc<Camera>,
    quality: u8,
    slot: Mutex<Slot>,
    filled: Condvar,
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
    pub fn spawn(config: Config, camera: Arc<Camera>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            camera,
            quality: config.quality,
            slot: Mutex::default(),
            filled: Condvar::new(),
        });
        let mut pool = Self {
            shared,
            workers: Vec::new(),
        };
        for number in 0..config.workers.max(1) {
            let shared = Arc::clone(&pool.shared);
            let name = format!("encode-{number}");
            pool.workers.push(
                std::thread::Builder::new()
                    .name(name)
                    .spawn(move || shared.work())?,
            );
        }
        Ok(pool)
    }

    /// Takes over a frame and returns at once. A frame that nobody wants is let go.
    pub fn submit(&self, frame: RawFrame) {
        if !self.shared.camera.demand().wanted() {
            return;
        }
        let overtaken = self.shared.slot().newest.replace(frame);
        self.shared.filled.notify_one();
        if overtaken.is_some() {
            self.shared
                .camera
                .counters
                .overtaken
                .fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.slot().stopping = true;
        self.shared.filled.notify_all();
        for worker in self.workers.drain(..) {
            if worker.join().is_err() {
                tracing::error!("an encoder thread had panicked");
            }
        }
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

    fn work(&self) {
        let mut encoder = None;
        let mut buffer = Vec::new();
        while let Some(frame) = self.take() {
            match self.encode(frame, &mut encoder, &mut buffer) {
                Ok(frame) => self.camera.publish(frame),
                Err(error) => {
                    self.camera.counters.broken.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(%error, "left out a frame");
                }
            }
        }
    }

    fn encode(
        &self,
        frame: RawFrame,
        encoder: &mut Option<JpegEncoder>,
        buffer: &mut Vec<u8>,
    ) -> Result<Frame, FrameError> {
        let RawFrame {
            seq,
            captured_us,
            image,
        } = frame;
        let stamp = Stamp {
            seq,
            captured_us,
            camera: self.camera.identity().id.clone(),
        };
        let (size, stamped) = match image {
            Image::Jpeg(jpeg) => {
                let info = container::inspect(&jpeg)?;
                ((info.width.into(), info.height.into()), stamp.write(&jpeg)?)
            }
            Image::Stamped(jpeg) => {
                let info = container::inspect(&jpeg)?;
                let size = (info.width.into(), info.height.into());
                return Ok(Frame::new(seq, captured_us, size, jpeg));
            }
            Image::Yuv(pixels) => {
                let encoder = match encoder {
                    Some(encoder) => encoder,
                    None => encoder.insert(JpegEncoder::new()?),
                };
                let yuv = pixels.yuv();
                let size = (yuv.width, yuv.height);
                encoder.encode(&yuv, self.quality, buffer)?;
                // The source gets its memory back before the stamp is written.
                drop(pixels);
                (size, stamp.write(buffer)?)
            }
        };
        Ok(Frame::new(seq, captured_us, size, stamped.into()))
    }
}
