//! Pictures of the viewer in each state, size, colour scheme and engine, to be looked at: target/screenshots.
//!
//!     ./dev screenshots [ENGINE]
//!
//! Whether what they show is right is tested in `tests/e2e/`. This is for eyes.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pistreamer_e2e::browser::Browser;
use pistreamer_e2e::engines::{Engine, Firefox, WebKit};
use pistreamer_e2e::server::{Locked, Server};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SIZES: [(u32, u32); 3] = [(390, 844), (844, 390), (1280, 720)];
const PATTERN: [&str; 6] = ["--source", "pattern", "--size", "1280x720", "--fps", "15"];
const PART: &str = "(window.part = selector => document.querySelector('pi-camera').shadowRoot.querySelector(selector), 0)";

/// Pause before a screenshot, in which animations end.
const STILL: Duration = Duration::from_millis(700);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let only = std::env::args().nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    for scheme in ["light", "dark"] {
        if wanted("chromium") {
            let browser = Browser::start().await?;
            let page = browser.open("").await?;
            let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
            page.call("Emulation.setEmulatedMedia", media).await?;
            all(&page, &folder("chromium")?, scheme).await?;
        }
        if wanted("firefox") {
            all(
                &Firefox::start_in(scheme).await?,
                &folder("firefox")?,
                scheme,
            )
            .await?;
        }
        if wanted("webkit") {
            all(
                &WebKit::of_today_in(scheme).await?,
                &folder("webkit")?,
                scheme,
            )
            .await?;
        }
    }
    Ok(())
}

fn folder(engine: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    // It is in a profile's folder.
    let target = program.ancestors().nth(2).context("in no folder")?;
    let folder = target.join("screenshots").join(engine);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

async fn all(engine: &impl Engine, folder: &Path, scheme: &str) -> Result<()> {
    let shoot = async |state: &str, wake: &str| -> Result<()> {
        for (width, height) in SIZES {
            engine.resize(width, height).await?;
            engine.eval(wake).await?;
            tokio::time::sleep(STILL).await;
            let png = BASE64_STANDARD.decode(engine.shot().await?)?;
            let name = format!("{state}-{width}x{height}-{scheme}.png");
            std::fs::write(folder.join(&name), png)?;
        }
        println!("{}: {state}, {scheme}", folder.display());
        Ok(())
    };
    // The controls go after a while.
    let wake =
        "(document.querySelector('pi-camera').dispatchEvent(new PointerEvent('pointermove')), 0)";
    let is =
        |state: &str| format!("document.querySelector('pi-camera')?.dataset.state === '{state}'");
    let server = Server::start(&PATTERN)?;
    engine.navigate(&server.url()).await?;
    engine.wait_for(&is("live")).await?;
    engine.eval(PART).await?;
    shoot("live", wake).await?;
    engine.eval("(part('#b-more').click(), 0)").await?;
    engine.wait_for("part('#menu')?.hidden === false").await?;
    shoot("menu", wake).await?;
    engine
        .eval("(part('#menu [data-do=overlay]').click(), part('#b-more').click(), 0)")
        .await?;
    engine.wait_for("part('#o-fps').textContent").await?;
    shoot("statistics", wake).await?;
    engine
        .eval("(part('#menu [data-do=overlay]').click(), 0)")
        .await?;
    server.signal("STOP")?;
    engine.wait_for(&is("stale")).await?;
    shoot("stale", wake).await?;
    drop(server);
    engine.wait_for(&is("lost")).await?;
    shoot("lost", wake).await?;
    let nothing = Server::start(&["--source", "http://127.0.0.1/none.mjpg"])?;
    engine.navigate(&nothing.url()).await?;
    engine.wait_for(&is("no-signal")).await?;
    shoot("no-signal", wake).await?;
    engine
        .navigate(&format!("{}?camera=none", nothing.url()))
        .await?;
    engine.wait_for(&is("refused")).await?;
    shoot("refused", wake).await?;
    let locked = Locked::start(&PATTERN)?;
    engine.navigate(&locked.server.url()).await?;
    engine.wait_for("document.forms.length === 1").await?;
    // WebKitGTK waits for a next frame, which a page without movement has not.
    let moves = "(window.moves ??= setInterval(() => {
        document.body.style.opacity = document.body.style.opacity === '1' ? '.999' : '1';
    }, 40), 0)";
    shoot("login", moves).await
}
