//! A program of this machine that is told: JSON on its standard input, and the path of the picture among it.
//!
//! No shell is between: what an event is called cannot become a command.

use pistreamer_alerts::outbox::Picture;
use pistreamer_alerts::{Alert, Outcome};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// How often it is looked whether it has ended.
const POLL: Duration = Duration::from_millis(50);

/// What a program has of the server's environment: the rest may hold secrets of other receivers and cameras.
const ENVIRONMENT: [&str; 9] = [
    "HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER",
];

/// A program that runs. Dropping it ends it, with what it has started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(None)) {
            return;
        }
        if let Some(group) = Pid::from_raw(self.0.id() as i32) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        // It is dead, or will be at once.
        let _ = self.0.wait();
    }
}

/// Runs the program to its end. It has the message when it ends with success.
pub(super) async fn run(program: &Path, alert: &Arc<Alert>, picture: Option<&Picture>) -> Outcome {
    let path = picture.and_then(|picture| match picture {
        Picture::File(path) => path.to_str().map(str::to_owned),
        Picture::Memory(_) => None,
    });
    let (command, alert) = (program.to_owned(), Arc::clone(alert));
    let started = spawn_blocking(move || start(&command, &alert, path)).await;
    let mut running = match started {
        Ok(Ok(running)) => running,
        Ok(Err(error)) => return Outcome::unreached(format!("it cannot be started: {error}")),
        Err(error) => return Outcome::unreached(error),
    };
    loop {
        match running.0.try_wait() {
            Ok(Some(status)) if status.success() => return Outcome::Delivered,
            Ok(Some(status)) => {
                return Outcome::Later {
                    reason: format!("it ended with {status}; what it said is in the log"),
                    answered: true,
                    after: None,
                };
            }
            Ok(None) => sleep(POLL).await,
            Err(error) => return Outcome::unreached(error),
        }
    }
}

fn start(program: &Path, alert: &Alert, picture: Option<String>) -> io::Result<Running> {
    let mut json = serde_json::to_value(alert)?;
    json["picture"] = picture.into();
    let kept = ENVIRONMENT.map(|name| (name, std::env::var_os(name)));
    let kept = kept
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let child = Command::new(program)
        .env_clear()
        .envs(kept)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()?;
    // From here on it is ended also where nobody waits for it any more.
    let mut running = Running(child);
    if let Some(mut stdin) = running.0.stdin.take() {
        // A message is smaller than a pipe, so that this does not wait. A program need not read it.
        let _ = writeln!(stdin, "{json}");
    }
    Ok(running)
}
