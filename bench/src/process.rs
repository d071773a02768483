//! A server under measurement: started, asked for its CPU time and memory, and ended.

use anyhow::{Context, bail};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A process. One that was started here ends with the value.
#[derive(Debug)]
pub struct Server {
    pid: u32,
    child: Option<Child>,
}

impl Server {
    /// One that runs already.
    pub fn running(pid: u32) -> Self {
        Self { pid, child: None }
    }

    /// Starts a shell command and waits until it prints a URL.
    ///
    /// # Errors
    /// Where it doesn't start or ends without printing one.
    pub fn start_and_listen(command: &str) -> anyhow::Result<(Self, String)> {
        let mut child = shell(command).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("the output is a pipe")?;
        let server = Self {
            pid: child.id(),
            child: Some(child),
        };
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some(at) = line.find("http://") {
                return Ok((server, line[at..].trim().to_owned()));
            }
        }
        bail!("{command:?} ended without a URL")
    }

    /// Starts a shell command that says nothing useful.
    ///
    /// # Errors
    /// Where there is no shell.
    pub fn start(command: &str) -> anyhow::Result<Self> {
        let child = shell(command)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            pid: child.id(),
            child: Some(child),
        })
    }

    /// CPU time of all of its living threads so far.
    ///
    /// # Errors
    /// Where the process is gone.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let mut total = 0;
        for task in
            fs::read_dir(format!("/proc/{}/task", self.pid)).context("the server is gone")?
        {
            // A thread may end between the listing and the look.
            let stat = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            total += stat
                .split(' ')
                .next()
                .and_then(|ns| ns.parse().ok())
                .unwrap_or(0);
        }
        Ok(Duration::from_nanos(total))
    }

    /// Open file descriptors.
    ///
    /// # Errors
    /// Where the process is gone.
    pub fn descriptors(&self) -> anyhow::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid))?.count())
    }

    /// Resident memory in MB (10⁶ bytes).
    ///
    /// # Errors
    /// Where the process is gone.
    pub fn resident_mb(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|value| value.split_whitespace().next())
            .context("the process has no VmRSS")?
            .parse::<f64>()?;
        Ok(kib * 1024.0 / 1e6)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("exec {command}")])
        .stdin(Stdio::null());
    shell
}
