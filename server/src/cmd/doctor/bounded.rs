//! Calls with a time limit: a disk or driver that hangs is what doctor has to report.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Polling interval.
const POLL: Duration = Duration::from_millis(20);

/// How long a process that has ended, or was killed, may take to be gone with what it wrote.
const GONE: Duration = Duration::from_secs(1);

/// Most bytes that are read of each of a program's outputs.
const MOST: u64 = 64 << 10;

/// What is found in time. A thread that is late is left alone: it ends with this program.
pub(super) fn within<T: Send + 'static>(
    patience: Duration,
    find: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    aside(find)?.recv_timeout(patience).ok()
}

fn aside<T: Send + 'static>(find: impl FnOnce() -> T + Send + 'static) -> Option<Receiver<T>> {
    let (sender, found) = sync_channel(1);
    let thread = thread::Builder::new().name("doctor".into());
    thread
        .spawn(move || {
            // Nothing is waited for any more where that fails.
            let _ = sender.send(find());
        })
        .ok()?;
    Some(found)
}

/// How a program ended, and what it wrote.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) success: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs a program, and kills it with its children where it does not end in time.
///
/// # Errors
/// Where it cannot be started, or does not end in time.
pub(super) fn output(command: &mut Command, patience: Duration) -> Result<Output, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| {
            format!(
                "{} cannot be started: {error}",
                command.get_program().display()
            )
        })?;
    let stdout = child.stdout.take().and_then(|pipe| aside(|| text(pipe)));
    let stderr = child.stderr.take().and_then(|pipe| aside(|| text(pipe)));
    let success = ended(&mut child, patience);
    if success.is_none() {
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended just now.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let killed = ended(&mut child, GONE);
        return Err(format!(
            "it hangs, and was ended after {} s{}",
            patience.as_secs(),
            if killed.is_none() {
                ", but does not even end"
            } else {
                ""
            }
        ));
    }
    let written = |pipe: Option<Receiver<String>>| {
        let text = pipe.and_then(|pipe| pipe.recv_timeout(GONE).ok());
        text.unwrap_or_default()
    };
    Ok(Output {
        success: success == Some(true),
        stdout: written(stdout),
        stderr: written(stderr),
    })
}

/// Whether it ended well; `None` where it does not end in time.
fn ended(child: &mut Child, patience: Duration) -> Option<bool> {
    let deadline = Instant::now() + patience;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
            _ => return None,
        }
    }
}

fn text(pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    // Whatever could be read of it.
    let _ = pipe.take(MOST).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{OFlags, fcntl_setfl};
    use std::os::unix::fs::OpenOptionsExt;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let mut open = std::fs::OpenOptions::new();
        let nonblocking = OFlags::NONBLOCK.bits() as i32;
        let mut reader = open
            .read(true)
            .custom_flags(nonblocking)
            .open(&pipe)
            .unwrap();
        // All of them hold it as long as they live.
        let script = format!(
            "trap '' TERM; exec 3>'{}'; sleep 1000 & wait",
            pipe.display()
        );
        let said = output(&mut shell(&script), Duration::from_millis(200)).unwrap_err();
        assert!(said.contains("it hangs"), "{said}");
        fcntl_setfl(&reader, OFlags::empty()).unwrap();
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn endless_output_is_cut() {
        let said = output(&mut shell("yes; exit 1"), Duration::from_secs(60)).unwrap();
        assert_eq!(said.stdout.len() as u64, MOST);
        assert!(!said.success);
    }

    #[test]
    fn what_is_late_is_not_waited_for() {
        let (hold, held) = sync_channel::<()>(1);
        assert_eq!(within(Duration::from_millis(20), move || held.recv()), None);
        drop(hold);
        assert_eq!(within(Duration::from_secs(60), || 1), Some(1));
    }
}
