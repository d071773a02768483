//! The threads that encode one camera's frames.
//!
//! One slot stands before them, and only the newest frame waits in it: what a newer one overtakes is counted, never queued. A JPEG
//! that is wanted in its full size only needs none of the threads, and goes on at once. What is made of a frame belongs to
//! [`super::making`].

use super::making::{Maker, Tools};
use super::{Config, FrameError, Health};
use crate::hub::{Feed, Rendition};
use crate::source::{Image, Pauses, RawFrame};
use crate::util::panics;
use pistreamer_protocol::message::{Cause, Reason};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The threads that encode one camera's frames. Dropping it ends them, and waits for none: the last one to hold it may
/// be a task.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    maker: Maker,
    health: Arc<dyn Health>,
    pauses: Pauses,
    slot: Mutex<Slot>,
    filled: Condvar,
    /// Panics since the last frame that was encoded.
    panics: AtomicU32,
    /// What the camera is said to fail for.
    failure: Mutex<Reason>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("maker", &self.maker)
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
            maker: Maker::new(camera, feed),
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

    /// Takes a frame and returns at once. A frame without consumers is dropped.
    pub fn submit(&self, frame: RawFrame) {
        if !self.shared.feed().demand().wanted() {
            return;
        }
        if self.shared.goes_on_whole(&frame) {
            if let Err(panic) = self.shared.handle(frame, &mut Tools::default()) {
                self.shared.panicked(panic);
            }
            return;
        }
        let overtaken = self.shared.slot().newest.replace(frame);
        self.shared.filled.notify_one();
        if overtaken.is_some() {
            let counters = &self.shared.feed().counters;
            counters.overtaken.fetch_add(1, Ordering::Relaxed);
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
    fn feed(&self) -> &Feed {
        self.maker.feed()
    }

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
    fn goes_on_whole(&self, frame: &RawFrame) -> bool {
        let width = self.feed().width();
        let is_whole = |rendition: &Rendition| *rendition == Rendition::FULL;
        let is_ready = !matches!(frame.image, Image::Yuv(_)) && frame.turn.is_upright();
        is_ready && self.feed().plan(width).renditions().iter().all(is_whole)
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
                    self.panicked(panic);
                    self.rest(backoff.pause(fastrand::f64()));
                }
            }
        }
    }

    /// Encodes and publishes a frame, or counts it as broken.
    ///
    /// # Errors
    /// What it says where that panicked.
    fn handle(&self, frame: RawFrame, tools: &mut Tools) -> Result<(), String> {
        let counters = &self.feed().counters;
        let encoded = panics::caught(|| self.maker.make(frame, tools));
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
        let times = counters.broken.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            let camera = self.maker.camera();
            tracing::warn!(camera, times, "a picture cannot be used: {error}");
        }
        match error {
            FrameError::Panic(panic) => Err(panic),
            _ => Ok(()),
        }
    }

    /// One panic costs one frame. Where nothing can be encoded between two, the camera has no picture to show.
    fn panicked(&self, panic: String) {
        if self.panics.fetch_add(1, Ordering::Relaxed) > 0 {
            let mut failure = self.failure();
            let reason = Cause::EncoderBug { panic }.into();
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

    fn failure(&self) -> MutexGuard<'_, Reason> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Config as Renditions, Limits};
    use crate::source::{Layout, Pixels, Plane, Yuv};
    use pistreamer_protocol::jpeg::Orientation;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// Why the camera fails, while it does.
    #[derive(Default)]
    struct Failing(Mutex<Option<Reason>>);

    impl Failing {
        fn why(&self) -> Option<String> {
            let reason = self.0.lock().unwrap();
            reason.as_ref().map(Reason::to_string)
        }
    }

    impl Health for Failing {
        fn fail(&self, reason: &Reason) -> bool {
            let before = self.0.lock().unwrap().replace(reason.clone());
            before.is_none()
        }
        fn mend(&self, reason: &Reason) {
            assert_eq!(self.0.lock().unwrap().take().as_ref(), Some(reason));
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
            tiles: None,
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
                turn: Orientation::UPRIGHT,
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

    /// Samples that cannot be had before they may be.
    struct Withheld(SyncSender<()>, Mutex<Receiver<()>>);

    impl Pixels for Withheld {
        fn yuv(&self) -> Yuv<'_> {
            self.0.send(()).unwrap();
            self.1.lock().unwrap().recv().unwrap();
            panic!("nothing waits for them")
        }
    }

    #[test]
    fn letting_go_of_a_camera_waits_for_no_encoder() {
        let renditions = Renditions {
            most: 1,
            quality: 80,
            tiles: None,
        };
        let feed = Arc::new(Feed::new(renditions));
        let _view = feed.view(Limits::default());
        let config = Config {
            workers: 1,
            pauses: Pauses::default(),
        };
        let pool = Pool::spawn(config, "0", feed, Arc::new(Failing::default())).unwrap();
        let ((begin, begun), (go_on, goes_on)) = (sync_channel(1), sync_channel(1));
        pool.submit(RawFrame {
            seq: 1,
            captured_us: 1,
            turn: Orientation::UPRIGHT,
            image: Image::Yuv(Box::new(Withheld(begin, Mutex::new(goes_on)))),
        });
        begun.recv().unwrap();
        let (gone, is_gone) = sync_channel(1);
        std::thread::spawn(move || {
            drop(pool);
            gone.send(())
        });
        // Where it waits for the encoder, no time is too long.
        let gone = is_gone.recv_timeout(Duration::from_secs(60));
        go_on.send(()).unwrap();
        gone.expect("it waits for the encoder");
    }
}
