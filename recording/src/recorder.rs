//! The recorder, for those who start it and ask how it does. What runs on its thread is [`crate::writer`]'s, and what a camera sees of it
//! [`crate::lane`]'s.

use crate::lane::Lane;
use crate::progress::{Room, Shared, Status};
use crate::ring::Ring;
use crate::session::{Now, Plan};
use crate::writer::{Config, Writer};
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// The thread that records. Its end closes all files.
#[derive(Debug)]
pub struct Recorder {
    ring: Arc<Ring>,
    shared: Arc<Shared>,
    has_ended: Arc<AtomicBool>,
    /// Whether all that waited was written.
    is_done: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    /// Starts the thread. What is wrong with the directory is told as its state, and tried again.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(config: Config) -> io::Result<Self> {
        let (ring, shared) = (Arc::new(Ring::new(config.memory)), Arc::<Shared>::default());
        let (has_ended, is_done) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let writer = Writer::new(config, Arc::clone(&ring), Arc::clone(&shared));
        let (ended, done) = (Arc::clone(&has_ended), Arc::clone(&is_done));
        let thread = Builder::new().name("recorder".into()).spawn(move || {
            done.store(writer.run(), Relaxed);
            ended.store(true, Relaxed);
        })?;
        Ok(Self {
            ring,
            shared,
            has_ended,
            is_done,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Records a camera as long as the lane lives.
    pub fn lane(&self, plan: Plan) -> Lane {
        Lane::new(Arc::clone(&self.ring), Arc::clone(&self.shared), plan)
    }

    /// Its state.
    pub fn status(&self) -> Status {
        self.shared.status(Now::read())
    }

    /// The disk, and what recordings take of it.
    pub fn room(&self) -> Room {
        self.shared.room()
    }

    /// How often the disk failed.
    pub fn errors(&self) -> u64 {
        self.shared.errors.load(Relaxed)
    }

    /// Writes what waits, closes all files, and ends. Blocks until that is done, at most so long; then what waits is lost.
    /// Returns whether it was done.
    pub fn end(&self, at_most: Duration) -> bool {
        self.ring.end();
        let deadline = Instant::now() + at_most;
        while !self.has_ended.load(Relaxed) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let has_ended = self.has_ended.load(Relaxed);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if has_ended && let Some(thread) = thread.take() {
            // Panics are caught on it.
            let _ = thread.join();
        }
        has_ended && self.is_done.load(Relaxed)
    }
}
