//! The server under the soak: started, counted, and ended in good order.

use crate::PATIENCE;
use crate::server::program;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A running server. It is killed with this value.
#[derive(Debug)]
pub struct Subject {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What the server has while only the census is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Open descriptors.
    pub descriptors: usize,
    /// Its own threads. The runtime keeps others for calls that block, as many as there were at a time.
    pub threads: usize,
    /// Tasks, one for each connection and session besides the server's own.
    pub tasks: usize,
    /// Resident memory in bytes.
    pub memory: u64,
}

/// What memory may grow by, in bytes: what allocators keep, and caches.
const GROWTH: u64 = 32 << 20;

impl Census {
    /// Whether nothing is left that was not there before.
    pub fn is_within(self, before: Self) -> bool {
        self.descriptors <= before.descriptors
            && self.threads <= before.threads
            && self.tasks <= before.tasks
            && self.memory <= before.memory + GROWTH
    }
}

impl Subject {
    /// Starts the program with these arguments, on a port of its own, and its log in that file.
    ///
    /// # Errors
    /// Where it doesn't start, or does not say where it listens.
    pub fn start(args: &[&str], log: &Path) -> Result<Self> {
        let program = program()?;
        let mut child = Command::new(&program)
            .args(["--listen", "127.0.0.1:0", "--no-auth"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let mut said = String::new();
        let output = child.stdout.take().context("the output is a pipe")?;
        BufReader::new(output).read_line(&mut said)?;
        let mut subject = Self {
            child,
            log: log.to_owned(),
            address: ([127, 0, 0, 1], 0).into(),
        };
        let address = said
            .split_once("http://")
            .and_then(|(_, address)| address.trim().trim_end_matches('/').parse().ok());
        let nowhere = || format!("the server said {said:?} and {}", subject.said());
        subject.address = address.with_context(nowhere)?;
        Ok(subject)
    }

    /// Counts, once all clients have disconnected.
    ///
    /// # Errors
    /// Where a client is still connected after a while.
    pub async fn count(&self) -> Result<Census> {
        let deadline = Instant::now() + PATIENCE;
        // The census is a connection, and no viewer.
        while metric(self.address, "pistreamer_viewers").await? > 0.0
            || metric(self.address, "pistreamer_connections").await? > 1.0
            || metric(self.address, "pistreamer_strangers").await? > 0.0
        {
            ensure!(Instant::now() < deadline, "a client is still connected");
            tokio::time::sleep(PATIENCE / 200).await;
        }
        let tasks = metric(self.address, "pistreamer_tasks").await? as usize;
        let process = format!("/proc/{}", self.child.id());
        let entries =
            |what| Ok::<_, anyhow::Error>(fs::read_dir(format!("{process}/{what}"))?.count());
        let status = fs::read_to_string(format!("{process}/status"))?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(Census {
            descriptors: entries("fd")?,
            threads: own_threads(Path::new(&process))?,
            tasks,
            memory: memory.context("the process has no VmRSS")? << 10,
        })
    }

    /// The end of its log so far.
    pub fn said(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(20).collect();
        lines
            .into_iter()
            .rev()
            .map(|line| format!("\n{line}"))
            .collect()
    }

    /// Ends it as an administrator does, and returns its log.
    ///
    /// # Errors
    /// Where it doesn't end, or not in good order.
    pub async fn end(mut self) -> Result<String> {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status()?;
        ensure!(told.success(), "the server was gone before its end");
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(Instant::now() < deadline, "the server does not end");
            tokio::time::sleep(PATIENCE / 200).await;
        };
        let log = fs::read_to_string(&self.log)?;
        if !status.success() {
            bail!("the server ended with {status}: {log}");
        }
        Ok(log)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn metric(server: SocketAddr, name: &str) -> Result<f64> {
    let answer = get(server, "/metrics").await?;
    let answer = String::from_utf8_lossy(&answer);
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
    let found = answer.lines().find_map(value);
    found.with_context(|| format!("there is no metric {name} in {answer:?}"))
}

/// Frames that the first camera has lost before they could be sent to any viewer.
///
/// # Errors
/// Where the server does not answer.
pub async fn lost(server: SocketAddr) -> Result<i64> {
    let mut lost = 0.0;
    for name in [
        "pistreamer_frames_overtaken_total",
        "pistreamer_frames_broken_total",
    ] {
        lost += metric(server, &format!(r#"{name}{{camera="pattern"}}"#)).await?;
    }
    Ok(lost as i64)
}

/// A whole answer to a request on a connection of its own.
///
/// # Errors
/// Where there is none within patience.
pub async fn get(server: SocketAddr, path: &str) -> Result<Vec<u8>> {
    let asking = async {
        let mut stream = TcpStream::connect(server).await?;
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, anyhow::Error>(answer)
    };
    timeout(PATIENCE, asking)
        .await
        .map_err(|_| anyhow!("no answer to {path}"))?
}

/// How many threads of a process the runtime has not started.
fn own_threads(process: &Path) -> Result<usize> {
    let mut own = 0;
    for thread in fs::read_dir(process.join("task"))? {
        // It may have ended meanwhile.
        let name = fs::read_to_string(thread?.path().join("comm")).unwrap_or_default();
        own += usize::from(!name.is_empty() && !name.starts_with("tokio-rt"));
    }
    Ok(own)
}
