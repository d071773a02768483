//! WebKit, by WebDriver Classic (W3C).

use super::{Engine, Process};
use crate::devtools::text;
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Where Debian has the browsers that the drivers start.
const GTK_BROWSER: &str = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";
const WPE_BROWSER: &str = "/usr/lib/x86_64-linux-gnu/wpe-webkit-1.1/MiniBrowser";

/// A WebKit of a test's own.
#[derive(Debug)]
pub struct WebKit {
    port: u16,
    session: String,
    _driver: Process,
    _screen: Option<Process>,
}

impl WebKit {
    /// Starts WebKitGTK, which is close to today's Safari, on a screen of its own.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn of_today() -> Result<Self> {
        Self::of_today_in("light").await
    }

    /// The same in that colour scheme, `light` or `dark`.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn of_today_in(scheme: &str) -> Result<Self> {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-nolisten", "tcp"]);
        command.args(["-screen", "0", "1400x1000x24"]);
        let (screen, said) = Process::start_listened_to(&mut command, tempfile::tempdir()?)?;
        let mut number = String::new();
        BufReader::new(said).read_line(&mut number)?;
        let mut driver = Command::new("WebKitWebDriver");
        driver.env("DISPLAY", format!(":{}", number.trim()));
        // Through buffers that are shared with a graphics card, which there is none of, it draws at half the rate.
        driver.env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
        if scheme == "dark" {
            driver.env("GTK_THEME", "Adwaita:dark");
        }
        let options = json!({"binary": GTK_BROWSER, "args": ["--automation"]});
        Self::start(driver, "webkitgtk:browserOptions", options, Some(screen)).await
    }

    /// Starts WPE WebKit 2.38, whose engine is that of Safari 16.0. It needs no screen.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn as_of_safari_16() -> Result<Self> {
        let driver = Command::new("WPEWebDriver");
        let options = json!({"binary": WPE_BROWSER, "args": ["--automation", "--headless"]});
        Self::start(driver, "wpe:browserOptions", options, None).await
    }

    async fn start(
        mut driver: Command,
        name: &str,
        options: Value,
        screen: Option<Process>,
    ) -> Result<Self> {
        driver.arg("--port=0");
        let mut process = Process::start(&mut driver, tempfile::tempdir()?)?;
        let port = process.port().await?;
        let wanted =
            json!({"browserName": "MiniBrowser", "acceptInsecureCerts": true, name: options});
        let wanted = json!({"capabilities": {"alwaysMatch": wanted}});
        let created = ask(port, "POST", "/session", &wanted).await?;
        Ok(Self {
            port,
            session: text(&created["sessionId"]),
            _driver: process,
            _screen: screen,
        })
    }

    async fn call(&self, command: &str, body: &Value) -> Result<Value> {
        let path = format!("/session/{}/{command}", self.session);
        ask(self.port, "POST", &path, body).await
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

    async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let (mut more_width, mut more_height) = (0, 0);
        // The first time, its own bars take a part.
        for _ in 0..2 {
            let rect = json!({"width": i64::from(width) + more_width, "height": i64::from(height) + more_height});
            self.call("window/rect", &rect).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            let less =
                |inner: Value, outer: u32| i64::from(outer) - inner.as_i64().unwrap_or_default();
            more_width += less(self.eval("innerWidth").await?, width);
            more_height += less(self.eval("innerHeight").await?, height);
        }
        Ok(())
    }

    async fn shot(&self) -> Result<String> {
        let path = format!("/session/{}/screenshot", self.session);
        Ok(text(&ask(self.port, "GET", &path, &json!({})).await?))
    }
}

/// Gives a command to a driver of this machine; the answer's `value`.
async fn ask(port: u16, method: &str, path: &str, body: &Value) -> Result<Value> {
    let body = body.to_string();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
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
