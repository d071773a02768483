//! Firefox and WebKit, as far as one smoke test needs them.
//!
//! Chromium, in which everything else is tested, is [`crate::browser`].

use crate::browser::poll;
use crate::devtools::{DevTools, text};
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Where Debian's WPE WebKit has the browser that its driver starts.
const WPE_BROWSER: &str = "/usr/lib/x86_64-linux-gnu/wpe-webkit-1.1/MiniBrowser";

/// A browser with one page.
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

    /// Value of a JavaScript expression, or `null` where it is not one of JSON.
    ///
    /// # Errors
    /// Where it throws.
    async fn eval(&self, expression: &str) -> Result<Value>;

    /// Waits until a JavaScript expression is truthy.
    ///
    /// # Errors
    /// Where that takes longer than [`crate::PATIENCE`], or the expression throws.
    async fn wait_for(&self, expression: &str) -> Result<()> {
        let truthy = format!("Boolean({expression})");
        poll(expression, async || {
            Ok((self.eval(&truthy).await? == true).then_some(()))
        })
        .await
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
        let child = command
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .env("NO_AT_BRIDGE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        Ok(Self { child, _home: home })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // They may have ended already. kill(1) may take the number of a group for a signal's.
        let group = Pid::from_child(&self.child);
        let _ = kill_process_group(group, Signal::KILL);
        drop(self.child.wait());
    }
}

/// An unused port: these programs have to be given one.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Firefox, by WebDriver BiDi (W3C), whose messages look like those of Chromium.
#[derive(Debug)]
pub struct Firefox {
    connection: DevTools,
    context: String,
    _process: Process,
}

impl Firefox {
    /// Starts it with a fresh profile.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start() -> Result<Self> {
        let (home, port) = (tempfile::tempdir()?, free_port()?);
        let mut command = Command::new("firefox-esr");
        command
            .args(["--headless", "--no-remote", "--profile"])
            .arg(home.path())
            .args(["--remote-debugging-port", &port.to_string(), "about:blank"]);
        let process = Process::start(&mut command, home)?;
        let url = format!("ws://127.0.0.1:{port}/session");
        let connection = poll("Firefox listens", async || {
            Ok(DevTools::connect(&url).await.ok())
        })
        .await?;
        let session = json!({"capabilities": {}});
        connection.call("", "session.new", session).await?;
        let tab = json!({"type": "tab"});
        let created = connection.call("", "browsingContext.create", tab).await?;
        let context = text(&created["context"]);
        let shown = json!({"context": context});
        connection
            .call("", "browsingContext.activate", shown)
            .await?;
        Ok(Self {
            connection,
            context,
            _process: process,
        })
    }
}

impl Engine for Firefox {
    async fn navigate(&self, url: &str) -> Result<()> {
        let params = json!({"context": self.context, "url": url, "wait": "interactive"});
        let navigate = "browsingContext.navigate";
        self.connection.call("", navigate, params).await?;
        Ok(())
    }

    async fn eval(&self, expression: &str) -> Result<Value> {
        let params = json!({
            "expression": expression, "awaitPromise": false, "target": {"context": self.context}
        });
        let mut answer = self.connection.call("", "script.evaluate", params).await?;
        if answer["type"] == "exception" {
            bail!("{expression}: {}", answer["exceptionDetails"]["text"]);
        }
        Ok(answer["result"]["value"].take())
    }
}

/// WPE WebKit 2.38, which is that of Safari 16.0, by WebDriver Classic (W3C).
#[derive(Debug)]
pub struct WebKit {
    port: u16,
    session: String,
    _process: Process,
}

impl WebKit {
    /// Starts it.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start() -> Result<Self> {
        let (home, port) = (tempfile::tempdir()?, free_port()?);
        let mut command = Command::new("WPEWebDriver");
        command.arg(format!("--port={port}"));
        let process = Process::start(&mut command, home)?;
        let options = json!({"binary": WPE_BROWSER, "args": ["--automation", "--headless"]});
        let wanted = json!({"browserName": "MiniBrowser", "wpe:browserOptions": options});
        let wanted = json!({"capabilities": {"alwaysMatch": wanted}});
        poll("the driver listens", async || {
            Ok(TcpStream::connect(("127.0.0.1", port)).await.ok())
        })
        .await?;
        let created = post(port, "/session", &wanted).await?;
        Ok(Self {
            port,
            session: text(&created["sessionId"]),
            _process: process,
        })
    }

    async fn call(&self, command: &str, body: &Value) -> Result<Value> {
        let path = format!("/session/{}/{command}", self.session);
        post(self.port, &path, body).await
    }
}

impl Engine for WebKit {
    async fn navigate(&self, url: &str) -> Result<()> {
        self.call("url", &json!({"url": url})).await?;
        Ok(())
    }

    async fn eval(&self, expression: &str) -> Result<Value> {
        let body = json!({"script": format!("return ({expression})"), "args": []});
        self.call("execute/sync", &body).await
    }
}

/// Posts a command to a driver of this machine; the answer's `value`.
async fn post(port: u16, path: &str, body: &Value) -> Result<Value> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let talk = async {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
        socket.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = tokio::time::timeout(crate::PATIENCE, talk).await;
    let answer = answer.with_context(|| format!("{path} is not answered"))??;
    let answer = String::from_utf8(answer)?;
    let (_, content) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    let mut answer: Value = serde_json::from_str(content).with_context(|| content.to_owned())?;
    if !answer["value"]["error"].is_null() {
        bail!("{path}: {}", answer["value"]);
    }
    Ok(answer["value"].take())
}
