//! The browser's engines as the tests drive them: Chromium's, Firefox's, and WebKit's as of today and as of Safari 16.0.
//!
//! What only Chromium is asked for is [`crate::browser`], whose page is an [`Engine`] as well.
//!
//! * [`firefox`]: by WebDriver BiDi, without a program between.
//! * [`webkit`]: by WebDriver Classic.

mod firefox;
mod webkit;

pub use firefox::Firefox;
pub use webkit::WebKit;

use crate::browser::{Page, poll};
use crate::camera::{Picture, READ_CANVAS};
use crate::server::artifacts;
use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// A browser with one page. It takes every certificate for good.
#[expect(
    async_fn_in_trait,
    reason = "the tests call it by concrete types alone"
)]
pub trait Engine {
    /// Loads a page.
    ///
    /// # Errors
    /// Where the browser refuses.
    async fn navigate(&self, url: &str) -> Result<()>;

    /// Value of a JavaScript expression: a text, a number, a truth value or none.
    ///
    /// # Errors
    /// Where it throws.
    async fn eval(&self, expression: &str) -> Result<Value>;

    /// A picture of the page, as PNG in base64.
    ///
    /// # Errors
    /// Where the browser takes none.
    async fn shot(&self) -> Result<String>;

    /// Gives the page this size in CSS pixels, as far as the browser has windows so small.
    ///
    /// # Errors
    /// Where the browser refuses.
    async fn resize(&self, width: u32, height: u32) -> Result<()>;

    /// Hides the page, as behind another tab. Where a driver knows only one, the page is told that it is hidden.
    ///
    /// # Errors
    /// Where the browser refuses.
    async fn hide(&self) -> Result<()> {
        self.eval(
            "(Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true}),
              Object.defineProperty(document, 'hidden', {value: true, configurable: true}),
              document.dispatchEvent(new Event('visibilitychange')))",
        )
        .await?;
        Ok(())
    }

    /// Shows the page that was hidden.
    ///
    /// # Errors
    /// Where the browser refuses.
    async fn show(&self) -> Result<()> {
        self.eval(
            "(delete document.visibilityState, delete document.hidden,
              document.dispatchEvent(new Event('visibilitychange')))",
        )
        .await?;
        Ok(())
    }

    /// Waits until a JavaScript expression is truthy, in this document or in one that takes its place.
    ///
    /// # Errors
    /// Where that takes longer than [`crate::PATIENCE`]: with what the expression threw last, and what the page shows.
    async fn wait_for(&self, expression: &str) -> Result<()> {
        let truthy = format!("Boolean({expression})");
        let mut thrown = None;
        let waited = poll(expression, async || match self.eval(&truthy).await {
            Ok(value) => Ok((value == true).then_some(())),
            // The document may be about to go.
            Err(error) => {
                thrown = Some(error);
                Ok(None)
            }
        });
        let Err(error) = waited.await else {
            return Ok(());
        };
        let shown = "(document.querySelector('pi-camera') ?? document.documentElement).outerHTML.slice(0, 2000)";
        let page = self.eval(shown).await.unwrap_or_default();
        Err(error.context(format!("thrown: {thrown:?}\npage: {page}")))
    }

    /// What is on the canvas of the page's first camera.
    ///
    /// # Errors
    /// Where there is none.
    async fn picture(&self) -> Result<Picture> {
        Picture::parse(&self.eval(READ_CANVAS).await?)
    }

    /// Saves a screenshot as `target/e2e/NAME.png`; its path.
    ///
    /// # Errors
    /// Where it cannot be taken or written.
    async fn screenshot(&self, name: &str) -> Result<PathBuf> {
        let path = artifacts()?.join(format!("{name}.png"));
        std::fs::write(&path, BASE64_STANDARD.decode(self.shot().await?)?)?;
        Ok(path)
    }
}

impl Engine for Page<'_> {
    async fn navigate(&self, url: &str) -> Result<()> {
        self.call("Page.navigate", json!({"url": url})).await?;
        Ok(())
    }

    async fn eval(&self, expression: &str) -> Result<Value> {
        Page::eval(self, expression).await
    }

    async fn shot(&self) -> Result<String> {
        let params = json!({"format": "png"});
        let shot = self.call("Page.captureScreenshot", params).await?;
        Ok(crate::devtools::text(&shot["data"]))
    }

    async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics)
            .await?;
        Ok(())
    }

    async fn hide(&self) -> Result<()> {
        self.browser().open("").await?.activate().await
    }

    async fn show(&self) -> Result<()> {
        self.activate().await
    }
}

/// A program with a home of its own. Both go with this value, and so does what the program has started: a driver that is
/// killed would leave its browser behind.
#[derive(Debug)]
struct Process {
    child: Child,
    _home: TempDir,
}

impl Process {
    fn start(command: &mut Command, home: TempDir) -> Result<Self> {
        Self::start_with(command, home, Stdio::null())
    }

    /// Starts it; what it says, too.
    fn start_listened_to(command: &mut Command, home: TempDir) -> Result<(Self, ChildStdout)> {
        let mut process = Self::start_with(command, home, Stdio::piped())?;
        let said = process.child.stdout.take();
        Ok((process, said.context("what it says cannot be heard")?))
    }

    fn start_with(command: &mut Command, home: TempDir, stdout: Stdio) -> Result<Self> {
        let child = command
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .env("NO_AT_BRIDGE", "1")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        Ok(Self { child, _home: home })
    }

    /// The port on which it listens, as soon as it does. The program itself has to be told to take any: one that was free
    /// before may be another's by then.
    async fn port(&mut self) -> Result<u16> {
        poll("the program listens", async || {
            if let Some(ended) = self.child.try_wait()? {
                bail!("it has ended: {ended}");
            }
            // Where it is just ending, the next look says so.
            Ok(listens(self.child.id()).unwrap_or_default())
        })
        .await
    }
}

/// A port of this machine's IPv4 address on which a process listens (proc_pid_fd(5), proc_pid_net(5)).
fn listens(process: u32) -> Result<Option<u16>> {
    let files = std::fs::read_dir(format!("/proc/{process}/fd"))?;
    let open = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    let open: Vec<_> = open.collect();
    let sockets = std::fs::read_to_string(format!("/proc/{process}/net/tcp"))?;
    let port = sockets.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, address, _, LISTENS, _, _, _, _, _, inode, ..] = *fields else {
            return None;
        };
        let socket = PathBuf::from(format!("socket:[{inode}]"));
        let (_, port) = address.split_once(':').filter(|_| open.contains(&socket))?;
        u16::from_str_radix(port, 16).ok()
    });
    Ok(port)
}

/// The state of a socket that listens, as the system writes it.
const LISTENS: &str = "0A";

impl Drop for Process {
    fn drop(&mut self) {
        // They may have ended already. kill(1) may take the number of a group for a signal's.
        let group = Pid::from_child(&self.child);
        let _ = kill_process_group(group, Signal::KILL);
        drop(self.child.wait());
    }
}
