//! The real server, as a process of its own.
//!
//! A server that misbehaves on purpose is [`crate::fake`].

use crate::PATIENCE;
use anyhow::{Context as _, Result, anyhow, ensure};
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Instant;
use tempfile::TempDir;

/// The test pattern, small, so that a slow machine keeps up: 640x480 at 30 frames a second.
pub const PATTERN: [&str; 6] = ["--source", "pattern", "--size", "640x480", "--fps", "30"];

/// A running `pistreamer`. It is killed with this value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    /// What it keeps, where no other place is named: nothing of a test is left for the next one.
    _state: TempDir,
}

impl Server {
    /// Starts the server on a free port of this machine, with these arguments besides.
    ///
    /// # Errors
    /// Where it does not say that it listens.
    pub fn start(args: &[&str]) -> Result<Self> {
        Self::start_on(0, args)
    }

    /// Starts the server on that port.
    ///
    /// # Errors
    /// Where it does not say that it listens.
    pub fn start_on(port: u16, args: &[&str]) -> Result<Self> {
        Self::launch(port, args, &[])
    }

    /// Starts the server on a free port, with these variables in its environment.
    ///
    /// # Errors
    /// Where it does not say that it listens.
    pub fn start_with(args: &[&str], environment: &[(&str, &OsStr)]) -> Result<Self> {
        Self::launch(0, args, environment)
    }

    fn launch(port: u16, args: &[&str], environment: &[(&str, &OsStr)]) -> Result<Self> {
        let program = program()?;
        let state = tempfile::tempdir()?;
        let mut child = Command::new(&program)
            .env("XDG_STATE_HOME", state.path())
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .envs(environment.iter().copied())
            .args(open_unless_keyed(args))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let (lines, said) = mpsc::sync_channel(LINES);
        if let Some(stdout) = child.stdout.take() {
            forward(stdout, lines.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            forward(stderr, lines);
        }
        // From here on, an early return kills it.
        let mut server = Self {
            child,
            port,
            _state: state,
        };
        server.port = listening_port(&said)?;
        Ok(server)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends it a signal: `STOP` freezes it, `CONT` lets it go on.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn signal(&self, name: &str) -> Result<()> {
        let process = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &process]).status()?;
        ensure!(status.success(), "kill -s {name} {process}: {status}");
        Ok(())
    }

    /// The address of its viewer.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A server that wants a key. It is killed with this value.
#[derive(Debug)]
pub struct Locked {
    /// The server.
    pub server: Server,
    /// Its key.
    pub key: String,
    /// Where it keeps that.
    pub state: TempDir,
}

impl Locked {
    /// Starts the server on a free port of this machine, with these arguments besides.
    ///
    /// # Errors
    /// Where it does not say that it listens, or has made no key.
    pub fn start(args: &[&str]) -> Result<Self> {
        let state = tempfile::tempdir()?;
        let directory = state.path().to_str().context("a path of letters")?;
        let server = Server::start(&[args, &["--state-dir", directory]].concat())?;
        let kept = std::fs::read_to_string(state.path().join("keys.json"))?;
        let kept: serde_json::Value = serde_json::from_str(&kept)?;
        let key = kept["keys"][0]["secret"]["key"]
            .as_str()
            .context("there is no key")?
            .to_owned();
        Ok(Self { server, key, state })
    }

    /// What `pistreamer key` says with these arguments.
    ///
    /// # Errors
    /// Where it refuses.
    pub fn run_key(&self, args: &[&str]) -> Result<String> {
        let output = Command::new(program()?)
            .arg("key")
            .args(args)
            .arg("--state-dir")
            .arg(self.state.path())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "pistreamer key {args:?}: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// A link that lets one device in.
    ///
    /// # Errors
    /// Where `pistreamer key` prints none.
    pub fn link(&self) -> Result<String> {
        let shown = self.run_key(&[])?;
        let mut words = shown.split_whitespace();
        let link = words.find(|word| word.contains("#code="));
        Ok(link.context("no link is printed")?.to_owned())
    }

    /// A further key with that name, which may only look.
    ///
    /// # Errors
    /// Where it can't be added.
    pub fn view_key(&self, name: &str) -> Result<String> {
        let added = self.run_key(&["add", name])?;
        let key = added.split_whitespace().last();
        Ok(key.context("no key is printed")?.to_owned())
    }
}

/// Access is tested where `--state-dir` is given; elsewhere the server is open.
fn open_unless_keyed(args: &[&str]) -> Option<&'static str> {
    (!args.contains(&"--state-dir")).then_some("--no-auth")
}

/// Lines that wait to be read while the server starts; once it runs, they are dropped unread.
const LINES: usize = 64;

pub(crate) fn forward(output: impl Read + Send + 'static, lines: SyncSender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Shown by the test runner where a test fails.
            println!("server: {line}");
            drop(lines.try_send(line));
        }
    });
}

fn listening_port(said: &Receiver<String>) -> Result<u16> {
    let deadline = Instant::now() + PATIENCE;
    let mut lines = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match said.recv_timeout(left) {
            Ok(line) => match port_in(&line) {
                Some(port) => return Ok(port),
                None => lines.push(line),
            },
            Err(error) => {
                let what = match error {
                    RecvTimeoutError::Timeout => "does not say where it listens",
                    RecvTimeoutError::Disconnected => "ended",
                };
                return Err(anyhow!("the server {what}; it said: {lines:#?}"));
            }
        }
    }
}

/// The port in `…http://127.0.0.1:PORT…`, or `…https://…`.
fn port_in(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("http")?;
    let (_, rest) = rest.split_once("://")?;
    let (_, rest) = rest.split_once(':')?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The program: what `PISTREAMER_BIN` says, else the one of this profile.
///
/// # Errors
/// Where Cargo's folder is not found.
pub fn program() -> Result<PathBuf> {
    match std::env::var_os("PISTREAMER_BIN") {
        Some(path) => Ok(path.into()),
        None => Ok(profile_dir()?.join("pistreamer")),
    }
}

/// Cargo's folder for this profile, such as `target/debug`: this test's executable is in its `deps`.
fn profile_dir() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent);
    Ok(folder
        .context("the test is in no folder of Cargo's")?
        .into())
}

/// Where tests leave what people may want to look at.
///
/// # Errors
/// Where the folder cannot be made.
pub fn artifacts() -> Result<PathBuf> {
    let target = profile_dir()?.parent().map(|target| target.join("e2e"));
    let folder = target.context("Cargo's folder has no parent")?;
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_found_in_a_line_for_people() {
        let line = "  On this machine:  http://127.0.0.1:40123/  (viewer)";
        assert_eq!(port_in(line), Some(40123));
        assert_eq!(port_in("12:30:01 INFO starting http"), None);
    }
}
