//! Ends programs that drive a camera, and remembers those that do not end, as where a driver does not come back: no other one
//! is started beside them.

use crate::source::SourceError;
use pistreamer_protocol::message::Cause;
use std::process::{Child, ChildStderr, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the system may take to tear down one that was killed: much memory, or a device that streams.
const TEARS_DOWN: Duration = Duration::from_secs(2);

/// How often is looked whether one has ended.
const LOOK: Duration = Duration::from_millis(5);

/// Those that were killed and have not ended, with the cameras that they were for.
static LEFT: Mutex<Vec<(Option<String>, Child)>> = Mutex::new(Vec::new());

fn left() -> MutexGuard<'static, Vec<(Option<String>, Child)>> {
    // Nothing panics while it holds this lock.
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether another program may be started for that camera.
///
/// # Errors
/// Where one is left that cannot be ended.
pub(super) fn check(which: Option<&str>) -> Result<(), SourceError> {
    let mut left = left();
    left.retain_mut(|(_, child)| matches!(child.try_wait(), Ok(None)));
    match left.iter().any(|(other, _)| other.as_deref() == which) {
        true => Err(Cause::DriverHangsForGood.into()),
        false => Ok(()),
    }
}

/// A running program. It is ended when this drops.
#[derive(Debug)]
pub(super) struct Process {
    which: Option<String>,
    /// `None` once it is among those that do not end.
    child: Option<Child>,
}

impl Process {
    /// The one that was started for that camera.
    pub(super) fn new(child: Child, which: Option<&str>) -> Self {
        Self {
            which: which.map(str::to_owned),
            child: Some(child),
        }
    }

    pub(super) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.as_mut()?.stderr.take()
    }

    /// Kills it where it has not ended by itself within that time. `None` where it does not end all the same.
    pub(super) fn end(&mut self, patience: Duration) -> Option<ExitStatus> {
        let child = self.child.as_mut()?;
        let status = ended(child, patience).or_else(|| {
            // It may have ended just now.
            let _ = child.kill();
            ended(child, TEARS_DOWN)
        });
        if status.is_none()
            && let Some(child) = self.child.take()
        {
            tracing::warn!(
                process = child.id(),
                "a camera's process was killed and does not end: its driver does not come back"
            );
            left().push((self.which.take(), child));
        }
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A camera that stays open cannot be opened again.
        self.end(Duration::ZERO);
    }
}

fn ended(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => sleep(LOOK),
            _ => return None,
        }
    }
}
