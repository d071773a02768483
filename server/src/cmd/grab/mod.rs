//! `pistreamer grab`: a server's frames into files, or to another program.
//!
//! Receiving belongs to `pistreamer-client`, names and writing to `output`, the line about progress to `progress`.

mod config;
mod output;
mod progress;
mod writer;

use super::process::{every_core, finish, shutdown_signal};
use crate::cli;
use config::Config;
use output::{Output, OutputError};
use pistreamer_client::{Error, Event, Subscription};
use progress::Progress;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};
use writer::Writer;

/// Why grabbing failed. Frames that were written before stay.
#[derive(Debug, thiserror::Error)]
pub(super) enum GrabError {
    /// The server could not be reached, refused, or went away before the first frame.
    #[error(transparent)]
    NoServer(#[from] Error),
    /// The server is there, and its camera delivers nothing.
    #[error("no frame came in {} s{}", .waited.as_secs_f64().round(), because(.reason))]
    NoFrame {
        /// How long.
        waited: Duration,
        /// What the server says about its camera; may be empty.
        reason: String,
    },
    /// A frame could not be written.
    #[error("{error}; frames written before: {written}")]
    Output {
        /// What went wrong.
        error: OutputError,
        /// Frames written before.
        written: u64,
    },
}

fn because(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}

/// Time in which the first frame has to come. Generous, since cameras deliver as rarely as once in ten seconds.
const PATIENCE: Duration = Duration::from_secs(25);

/// Time in which the frame that is being written at the end has to be written. What takes nothing for longer is left to itself:
/// a pipe that is not read would hold up the end for ever.
const LAST_FRAME: Duration = Duration::from_secs(1);

/// Writes frames until there are enough of them, the time is over, or the process is told to end.
///
/// # Errors
/// Where the configuration is wrong, no frame came, or one could not be written.
pub(super) fn run(typed: &cli::Grab) -> anyhow::Result<()> {
    let config = Config::new(typed)?;
    finish(every_core()?, async {
        Ok(grab(config, shutdown_signal()?).await?)
    })
}

/// Writes frames until there are enough of them, the time is over, or `stop` is done.
///
/// A connection that is lost later is made again for as long as it takes.
///
/// # Errors
/// Where no frame came, or one could not be written.
async fn grab(config: Config, stop: impl Future<Output = ()>) -> Result<(), GrabError> {
    let failed = |error, written| GrabError::Output { error, written };
    let output = Output::open(&config.target).map_err(|error| failed(error, 0))?;
    let mut writer =
        Writer::start(output).map_err(|error| failed(OutputError::NoThread(error), 0))?;
    let mut progress = Progress::new();
    let mut stop = pin!(stop);
    let start = Instant::now();
    let ends = config.duration.map(|duration| start + duration);
    let gives_up = start + PATIENCE;
    let mut subscription = Subscription::start(config.subscription);
    let mut reason = String::new();
    let finished = loop {
        let first = progress.frames() == 0;
        let deadline = [ends, first.then_some(gives_up)]
            .into_iter()
            .flatten()
            .min();
        let event = tokio::select! {
            // While a frame is written, newer ones take each other's place in the subscription.
            event = subscription.event(), if !writer.is_busy() => event,
            written = writer.written() => {
                match written {
                    Ok(bytes) => progress.count(bytes),
                    Err(error) => break Err(failed(error, progress.frames())),
                }
                if config.count == Some(progress.frames()) {
                    break Ok(());
                }
                continue;
            }
            () = async { sleep_until(deadline.unwrap_or(start)).await }, if deadline.is_some() => break Ok(()),
            () = progress.due() => {
                progress.show(subscription.stats());
                continue;
            }
            () = &mut stop => break Ok(()),
        };
        match event {
            None => break Ok(()),
            Some(Err(error)) => break Err(error.into()),
            Some(Ok(Event::Frame(frame))) => writer.write(frame),
            Some(Ok(Event::Lost { error, .. })) if first => break Err(error.into()),
            Some(Ok(Event::Lost { error, .. })) => {
                progress.note(&format!("{error}; connecting again"))
            }
            Some(Ok(Event::Status(status))) => reason = status.reason.text,
            Some(Ok(Event::Hello(hello))) => reason = hello.status.reason.text,
            Some(Ok(_)) => {}
        }
    };
    let mut finished = finished;
    if writer.is_busy() {
        let written = timeout(LAST_FRAME, writer.written()).await;
        match written.unwrap_or(Err(OutputError::Stalled)) {
            Ok(bytes) => progress.count(bytes),
            // What was written before is whole, and its reader may have had enough.
            Err(OutputError::Stalled) if progress.frames() > 0 => {}
            Err(error) => finished = finished.and(Err(failed(error, progress.frames()))),
        }
    }
    progress.finish(subscription.stats());
    match finished {
        Ok(()) if progress.frames() == 0 => Err(GrabError::NoFrame {
            waited: start.elapsed(),
            reason,
        }),
        finished => finished,
    }
}
