//! Firefox, by WebDriver BiDi (W3C), whose messages look like those of Chromium.

use super::{Engine, Process};
use crate::browser::poll;
use crate::devtools::{DevTools, text};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::process::Command;

/// A Firefox of a test's own.
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
        Self::start_in("light").await
    }

    /// The same in that colour scheme, `light` or `dark`.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start_in(scheme: &str) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let dark = u8::from(scheme == "dark");
        let setting = format!("user_pref(\"ui.systemUsesDarkTheme\", {dark});\n");
        std::fs::write(home.path().join("user.js"), setting)?;
        let mut command = Command::new("firefox-esr");
        command
            .args(["--headless", "--no-remote", "--profile"])
            .arg(home.path())
            .args(["--remote-debugging-port", "0", "about:blank"]);
        let mut process = Process::start(&mut command, home)?;
        let port = process.port().await?;
        let url = format!("ws://127.0.0.1:{port}/session");
        let connection = poll("Firefox listens", async || {
            Ok(DevTools::connect(&url).await.ok())
        })
        .await?;
        let session = json!({"capabilities": {"alwaysMatch": {"acceptInsecureCerts": true}}});
        connection.call("", "session.new", session).await?;
        let tab = json!({"type": "tab"});
        let created = connection.call("", "browsingContext.create", tab).await?;
        let firefox = Self {
            connection,
            context: text(&created["context"]),
            _process: process,
        };
        firefox.show().await?;
        Ok(firefox)
    }

    async fn activate(&self, context: &str) -> Result<()> {
        let shown = json!({"context": context});
        let activate = "browsingContext.activate";
        self.connection.call("", activate, shown).await?;
        Ok(())
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

    async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let params =
            json!({"context": self.context, "viewport": {"width": width, "height": height}});
        let set = "browsingContext.setViewport";
        self.connection.call("", set, params).await?;
        Ok(())
    }

    async fn shot(&self) -> Result<String> {
        let params = json!({"context": self.context});
        let capture = "browsingContext.captureScreenshot";
        let shot = self.connection.call("", capture, params).await?;
        Ok(text(&shot["data"]))
    }

    async fn hide(&self) -> Result<()> {
        let tab = json!({"type": "tab"});
        let create = "browsingContext.create";
        let other = self.connection.call("", create, tab).await?;
        self.activate(&text(&other["context"])).await
    }

    async fn show(&self) -> Result<()> {
        self.activate(&self.context).await
    }
}
