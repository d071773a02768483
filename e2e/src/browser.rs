//! A Chromium of a test's own, and its pages.
//!
//! What the viewer's element shows belongs to [`crate::camera`].

use crate::PATIENCE;
use crate::devtools::{DevTools, Event, Refused, text};
use crate::server::artifacts;
use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// The pause between two looks at something that a test waits for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A headless Chromium with a fresh profile. It ends, and its profile goes, with this value.
#[derive(Debug)]
pub struct Browser {
    devtools: DevTools,
    _process: Process,
}

/// Removes the profile after the process has ended: fields drop in this order.
#[derive(Debug)]
struct Process {
    child: Child,
    _profile: TempDir,
}

/// A tab, with the workers that it starts.
#[derive(Debug)]
pub struct Page<'a> {
    browser: &'a Browser,
    target: String,
    session: String,
}

impl Browser {
    /// Starts Chromium: the program in `CHROMIUM`, else `chromium`. `raspberrypi.local` is this machine.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start() -> Result<Self> {
        Self::with_window(1280, 800).await
    }

    /// The same, which takes every certificate for good.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn trusting() -> Result<Self> {
        Self::launch((1280, 800), &["--ignore-certificate-errors"]).await
    }

    /// The same with a window of this size in pixels, its frame included. A page may look at itself with `getDisplayMedia`.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn with_window(width: u32, height: u32) -> Result<Self> {
        Self::launch((width, height), &[]).await
    }

    async fn launch((width, height): (u32, u32), more: &[&str]) -> Result<Self> {
        let profile = tempfile::tempdir()?;
        let program = std::env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into());
        let child = Command::new(&program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-quic", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync"])
            .args(["--no-first-run", "--mute-audio", "--disable-dev-shm-usage"])
            .args([
                "--remote-debugging-port=0",
                "--auto-accept-this-tab-capture",
            ])
            .arg(format!("--window-size={width},{height}"))
            .arg("--host-resolver-rules=MAP raspberrypi.local 127.0.0.1")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(more)
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let port_file = profile.path().join("DevToolsActivePort");
        let process = Process {
            child,
            _profile: profile,
        };
        let url = poll("Chromium listens", async || {
            let content = std::fs::read_to_string(&port_file).unwrap_or_default();
            let (port, path) = content.split_once('\n').unwrap_or_default();
            let ready = path.starts_with("/devtools/");
            Ok(ready.then(|| format!("ws://127.0.0.1:{port}{}", path.trim_end())))
        })
        .await?;
        let devtools = DevTools::connect(&url).await?;
        Ok(Self {
            devtools,
            _process: process,
        })
    }

    /// Opens a tab in front of the others. Commands and reports reach its workers, too, from their first line on.
    ///
    /// # Errors
    /// Where the page cannot be loaded.
    pub async fn open(&self, url: &str) -> Result<Page<'_>> {
        let created = self
            .call("Target.createTarget", json!({"url": "about:blank"}))
            .await?;
        let target = text(&created["targetId"]);
        let attached = self
            .call(
                "Target.attachToTarget",
                json!({"targetId": target, "flatten": true}),
            )
            .await?;
        let page = Page {
            browser: self,
            target,
            session: text(&attached["sessionId"]),
        };
        let workers = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true});
        page.call("Target.setAutoAttach", workers).await?;
        for domain in ["Page", "Network", "Performance"] {
            page.call(&format!("{domain}.enable"), json!({})).await?;
        }
        if !url.is_empty() {
            let loaded = page.call("Page.navigate", json!({"url": url})).await?;
            ensure!(loaded["errorText"].is_null(), "{url}: {loaded}");
        }
        Ok(page)
    }

    /// Runs a command of the browser itself.
    ///
    /// # Errors
    /// Where Chromium refuses it.
    pub async fn call(&self, method: &str, params: Value) -> Result<Value> {
        self.devtools.call("", method, params).await
    }

    /// The connection to it.
    pub fn devtools(&self) -> &DevTools {
        &self.devtools
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its other processes end when it does. It may have crashed already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Page<'_> {
    /// Runs a command in the page.
    ///
    /// # Errors
    /// Where Chromium refuses it.
    pub async fn call(&self, method: &str, params: Value) -> Result<Value> {
        let devtools = &self.browser.devtools;
        devtools.call(&self.session, method, params).await
    }

    /// The browser that shows it.
    pub fn browser(&self) -> &Browser {
        self.browser
    }

    /// Value of a JavaScript expression; a promise is awaited.
    ///
    /// # Errors
    /// Where it throws.
    pub async fn eval(&self, expression: &str) -> Result<Value> {
        self.evaluate(expression, false).await
    }

    /// The same, as if the user had just clicked: what pages may only do then is allowed.
    ///
    /// # Errors
    /// Where it throws.
    pub async fn eval_clicked(&self, expression: &str) -> Result<Value> {
        self.evaluate(expression, true).await
    }

    async fn evaluate(&self, expression: &str, clicked: bool) -> Result<Value> {
        let params = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": clicked
        });
        let mut answer = self.call("Runtime.evaluate", params).await?;
        if let Some(exception) = answer.get("exceptionDetails") {
            bail!("{expression}: {}", exception_text(exception));
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until a JavaScript expression is truthy, in this document or in one that takes its place; that value.
    ///
    /// # Errors
    /// Where that takes longer than [`PATIENCE`], or the expression throws.
    pub async fn wait_for(&self, expression: &str) -> Result<Value> {
        let found = poll(expression, async || {
            let value = match self.eval(expression).await {
                // The document goes away while it is asked, as that of the login does.
                Err(error) if is_navigation(&error) => return Ok(None),
                value => value?,
            };
            let falsy = [json!(null), json!(false), json!(0), json!("")];
            Ok((!falsy.contains(&value)).then_some(value))
        });
        match found.await {
            Ok(value) => Ok(value),
            Err(error) => Err(error.context(self.situation().await)),
        }
    }

    /// Loads the page again, and waits until the new document is there: until then, expressions see the old one.
    ///
    /// # Errors
    /// Where that takes longer than [`PATIENCE`].
    pub async fn reload(&self) -> Result<()> {
        self.eval("window.isBeforeReload = true; location.reload()")
            .await?;
        self.wait_for("!window.isBeforeReload && document.readyState === 'complete'")
            .await?;
        Ok(())
    }

    /// Brings the tab in front of the others.
    ///
    /// # Errors
    /// Where Chromium refuses it.
    pub async fn activate(&self) -> Result<()> {
        let params = json!({"targetId": self.target});
        self.browser.call("Target.activateTarget", params).await?;
        Ok(())
    }

    /// Gives the page a size in CSS pixels, as on a phone or on a desk, and a colour scheme: `light` or `dark`.
    ///
    /// # Errors
    /// Where Chromium refuses it.
    pub async fn emulate(&self, width: u32, height: u32, phone: bool, scheme: &str) -> Result<()> {
        let scale = if phone { 2 } else { 1 };
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone});
        self.call("Emulation.setDeviceMetricsOverride", metrics)
            .await?;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", media).await?;
        Ok(())
    }

    /// Saves a screenshot as `target/e2e/NAME.png`; its path.
    ///
    /// # Errors
    /// Where it cannot be taken or written.
    pub async fn screenshot(&self, name: &str) -> Result<PathBuf> {
        let shot = self
            .call("Page.captureScreenshot", json!({"format": "png"}))
            .await?;
        let png = BASE64_STANDARD.decode(text(&shot["data"]))?;
        let path = artifacts()?.join(format!("{name}.png"));
        std::fs::write(&path, png)?;
        Ok(path)
    }

    /// Sessions of the page's workers that run now.
    pub fn workers(&self) -> Vec<String> {
        let mut workers = Vec::new();
        for event in self.browser.devtools.events() {
            if event.session != self.session {
                continue;
            }
            let session = text(&event.params["sessionId"]);
            match event.method.as_str() {
                "Target.attachedToTarget" => workers.push(session),
                "Target.detachedFromTarget" => workers.retain(|worker| *worker != session),
                _ => {}
            }
        }
        workers
    }

    /// The page's own session, and those of its workers.
    pub(crate) fn sessions(&self) -> Vec<String> {
        let mut sessions = self.workers();
        sessions.push(self.session.clone());
        sessions
    }

    /// Everything that the page and its workers complained about, exceptions and console errors, one text each.
    pub fn complaints(&self) -> Vec<String> {
        let events = self.browser.devtools.events();
        events.iter().filter_map(complaint).collect()
    }

    /// Fails the test where the page or a worker complained, but for texts that contain one of these.
    ///
    /// # Errors
    /// With the complaints.
    pub fn expect_no_complaints(&self, but: &[&str]) -> Result<()> {
        let mut complaints = self.complaints();
        complaints.retain(|text| !but.iter().any(|expected| text.contains(expected)));
        ensure!(complaints.is_empty(), "the page complains: {complaints:#?}");
        Ok(())
    }

    /// What a person would look at first when a test fails.
    async fn situation(&self) -> String {
        let page = self
            .eval("document.querySelector('pi-camera')?.outerHTML ?? document.documentElement.outerHTML.slice(0, 2000)")
            .await
            .unwrap_or_default();
        format!(
            "page: {}\nworkers: {}\ncomplaints: {:#?}",
            text(&page),
            self.workers().len(),
            self.complaints()
        )
    }
}

/// Whether an expression had no answer because its document made room for another.
fn is_navigation(error: &anyhow::Error) -> bool {
    /// Chromium's number for "Inspected target navigated or closed", "Cannot find context" and their like. A tab that is
    /// gone has another.
    const SERVER_ERROR: i64 = -32000;
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| refused.code == SERVER_ERROR)
}

fn complaint(event: &Event) -> Option<String> {
    let params = &event.params;
    match event.method.as_str() {
        "Runtime.exceptionThrown" => Some(exception_text(&params["exceptionDetails"])),
        "Log.entryAdded" if params["entry"]["level"] == "error" => {
            let [text, url] = ["text", "url"].map(|key| text(&params["entry"][key]));
            Some(format!("{text} ({url})"))
        }
        "Runtime.consoleAPICalled" if params["type"] == "error" || params["type"] == "assert" => {
            Some(params["args"].to_string())
        }
        "Inspector.targetCrashed" | "Target.targetCrashed" => Some("the page crashed".into()),
        _ => None,
    }
}

fn exception_text(details: &Value) -> String {
    match details["exception"]["description"].as_str() {
        Some(description) => description.into(),
        None => format!(
            "{} {}",
            text(&details["text"]),
            details["exception"]["value"]
        ),
    }
}

/// Looks again and again until there is a value.
///
/// # Errors
/// Where that takes longer than [`PATIENCE`], or looking fails.
pub async fn poll<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = look().await? {
            return Ok(value);
        }
        ensure!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
