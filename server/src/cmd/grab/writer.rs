//! Writes frames on a thread of its own: a disk or a pipe that takes nothing holds up neither the connection, nor the
//! time that grabbing may take, nor a signal to stop.
//!
//! What is written where belongs to [`super::output`].

use super::OutputError;
use super::output::Output;
use pistreamer_client::Frame;
use tokio::sync::{mpsc, oneshot};

/// The thread. It ends with this value, or with the program where it hangs.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    /// Of the frame that is being written: its bytes, once it is.
    under_way: Option<oneshot::Receiver<Result<usize, OutputError>>>,
}

#[derive(Debug)]
struct Job {
    frame: Frame,
    done: oneshot::Sender<Result<usize, OutputError>>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system gives none.
    pub(super) fn start(mut output: Output) -> std::io::Result<Self> {
        // One at a time: the next frame is taken when this one is written, and is the newest then.
        let (jobs, mut queue) = mpsc::channel::<Job>(1);
        std::thread::Builder::new()
            .name("grab-writer".into())
            .spawn(move || {
                while let Some(Job { frame, done }) = queue.blocking_recv() {
                    let written = output.write(&frame).map(|()| frame.jpeg.len());
                    // The caller may have given up.
                    let _ = done.send(written);
                }
            })?;
        Ok(Self {
            jobs,
            under_way: None,
        })
    }

    /// Whether a frame is being written.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// Begins to write a frame. Only while none is being written.
    pub(super) fn write(&mut self, frame: Frame) {
        let (done, under_way) = oneshot::channel();
        // There is room, unless the thread has panicked: then the receiver tells.
        drop(self.jobs.try_send(Job { frame, done }));
        self.under_way = Some(under_way);
    }

    /// The bytes of the frame that was being written, as soon as it is; never where there is none. Cancel-safe.
    ///
    /// # Errors
    /// Where it could not be written.
    pub(super) async fn written(&mut self) -> Result<usize, OutputError> {
        match &mut self.under_way {
            Some(under_way) => {
                let written = under_way.await;
                self.under_way = None;
                written.unwrap_or(Err(OutputError::Panicked))
            }
            None => std::future::pending().await,
        }
    }
}
