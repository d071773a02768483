//! What was recorded, for those who look at it: reading that no hung disk and no other key holds up, and playing it.
//!
//! Files and what is in them belong to [`pistreamer_recording::library`], writing them to [`crate::record`].

mod mp4;
mod player;
mod position;

pub(crate) use mp4::{MOST as MP4S, Missing, Mp4, encode};
pub(crate) use player::{Played, Player, Plays};

use crate::util::turns::Turns;
use pistreamer_recording::library::Library;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

/// Readers of the disk at a time: a hung disk takes no more threads. Each key has one of them, so that none keeps the others waiting.
const READERS: usize = 4;

/// For how long a disk may be silent until that is the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was recorded. Clones share it.
#[derive(Clone, Debug)]
pub struct Recordings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    library: Library,
    readers: Arc<Semaphore>,
    /// Of each key that reads.
    turns: Turns,
}

impl Recordings {
    /// Those below a directory.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self(Arc::new(Inner {
            library: Library::new(root),
            readers: Arc::new(Semaphore::new(READERS)),
            turns: Turns::default(),
        }))
    }

    /// Does something with the disk, on a thread that may wait for it.
    ///
    /// # Errors
    /// Those of `work`, and where the disk does not answer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        key: Option<&str>,
        work: impl FnOnce(&Library) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (inner, key) = (Arc::clone(&self.0), key.map(ToOwned::to_owned));
        // A task of its own: whoever waits may be busy with a socket, and a turn is not to wait with it.
        let done = tokio::spawn(async move {
            let own = inner.turns.take(key.as_deref()).await;
            let readers = Arc::clone(&inner.readers);
            let turn = readers.acquire_owned().await.map_err(io::Error::other)?;
            let library = inner.library.clone();
            let work = move || {
                let _turns = (own, turn);
                work(&library)
            };
            let done = tokio::task::spawn_blocking(work).await;
            done.unwrap_or_else(|error| Err(io::Error::other(error)))
        });
        match timeout(PATIENCE, AbortOnDropHandle::new(done)).await {
            Ok(done) => done.unwrap_or_else(|error| Err(io::Error::other(error))),
            Err(_) => {
                let text =
                    "the disk takes more than 5 s, or other requests with this key come first";
                Err(io::Error::new(io::ErrorKind::TimedOut, text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;
    use futures::stream::FuturesUnordered;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_whose_reads_hang_keeps_no_other_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let recordings = Recordings::new(directory.path().into());
        let (release, released) = channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let mut hanging: FuturesUnordered<_> = (0..2 * READERS)
            .map(|_| {
                let released = Arc::clone(&released);
                recordings.read(Some("greedy"), move |_| {
                    let _ = released.lock().unwrap().recv();
                    Ok(())
                })
            })
            .collect();
        // Each of them has its place in the queue.
        assert!(futures::poll!(hanging.next()).is_pending());
        for key in [Some("guest"), None] {
            let days = recordings.read(key, |library| library.days("door")).await;
            assert!(days.is_ok_and(|days| days.is_empty()), "{key:?}");
        }
        drop(release);
        while let Some(read) = hanging.next().await {
            assert!(read.is_ok());
        }
    }
}
