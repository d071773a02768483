//! Where the viewer is worked on: a copy of the project, in which `trunk serve` or `./dev serve` runs on ports of its own.
//!
//! A copy, because it is edited, and because what Trunk builds there is not the viewer that the other tests open.

use crate::server::{artifacts, forward, program};
use anyhow::{Context as _, Result, ensure};
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// What is built, and what is not the project's.
const LEFT_OUT: [&str; 3] = [".git", "dist", "target"];

/// The copy.
#[derive(Debug)]
pub struct Workshop {
    tree: TempDir,
    port: u16,
}

/// A running command. It is ended with this value, and what it started with it.
#[derive(Debug)]
pub struct Running(Child);

impl Workshop {
    /// Copies the project for a server on that port of this machine.
    ///
    /// # Errors
    /// Where it cannot be copied.
    pub fn beside(server: u16) -> Result<Self> {
        // Not in Cargo's folder, in which Trunk sees no changes.
        let tree = tempfile::tempdir()?;
        let project = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        copy(project, tree.path())?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let workshop = Self { tree, port };
        workshop.edit("Trunk.toml", |text| {
            let text = text.replace("127.0.0.1:8000", &format!("127.0.0.1:{server}"));
            text.replace("port = 8080", &format!("port = {port}"))
        })?;
        Ok(workshop)
    }

    /// The address of the viewer.
    pub fn url(&self) -> String {
        format!("http://localhost:{}/", self.port)
    }

    /// Changes a file.
    ///
    /// # Errors
    /// Where it cannot be read or written, or stays as it was.
    pub fn edit(&self, path: &str, change: impl FnOnce(&str) -> String) -> Result<()> {
        let path = self.tree.path().join(path);
        let before = fs::read_to_string(&path)?;
        let after = change(&before);
        ensure!(before != after, "{} is as it was", path.display());
        Ok(fs::write(path, after)?)
    }

    /// `trunk serve`, once the viewer is built.
    ///
    /// # Errors
    /// Where it ends before.
    pub fn trunk(&self) -> Result<Running> {
        self.run("trunk", &["serve", "--offline", "--locked"])
    }

    /// `./dev serve` with these arguments, once the viewer is built. The server is the one of the other tests.
    ///
    /// # Errors
    /// Where it ends before.
    pub fn dev(&self, args: &[&str]) -> Result<Running> {
        self.run("./dev", &[&["serve"], args].concat())
    }

    fn run(&self, command: &str, args: &[&str]) -> Result<Running> {
        let target = artifacts()?;
        let child = Command::new(command)
            .args(args)
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", target.parent().context("a folder")?)
            .env("PISTREAMER_BIN", program()?.canonicalize()?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {command}"))?;
        let mut running = Running(child);
        let (lines, said) = mpsc::sync_channel(LINES);
        if let Some(stdout) = running.0.stdout.take() {
            forward(stdout, lines.clone());
        }
        if let Some(stderr) = running.0.stderr.take() {
            forward(stderr, lines);
        }
        // How long the build takes is the machine's affair.
        let mut listens = said.iter().map(|line| line.contains("server listening at"));
        ensure!(listens.any(|listens| listens), "{command} {args:?} ended");
        // As on the next day: the older a file, the longer browsers take it for fresh where they are not told to ask.
        let style = self.tree.path().join("dist/page.css");
        let yesterday = SystemTime::now() - DAY;
        File::options()
            .append(true)
            .open(style)?
            .set_modified(yesterday)?;
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let process = self.0.id().to_string();
        // Asked rather than killed: ./dev ends what it has started.
        if Command::new("kill").arg(&process).status().is_ok() {
            drop(self.0.wait());
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Lines that wait to be read while the viewer is built.
const LINES: usize = 1024;

/// Copies a folder with the times of its files, by which Cargo knows what is new.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let copied = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy(&path, &copied)?;
        } else {
            fs::copy(&path, &copied)?;
            let modified = entry.metadata()?.modified()?;
            File::options()
                .append(true)
                .open(&copied)?
                .set_modified(modified)?;
        }
    }
    Ok(())
}
