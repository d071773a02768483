//! The viewer in other engines than Chromium's: Firefox's, and WebKit's as of today and as of Safari 16.0.
//!
//! Each is started by the protocol that it has: Firefox by WebDriver BiDi, WebKit by WebDriver Classic. `./dev test` leaves
//! out, and says so, what the system has not.

use anyhow::{Context as _, Result};
use pistreamer_e2e::engines::{Engine, Firefox, WebKit};
use pistreamer_e2e::server::{PATTERN, Server};

/// Counts what the element has drawn, once it is live.
const DRAWN: &str = "(camera => camera?.dataset.state === 'live' ? Number(camera.dataset.drawn) : 0)\
                     (document.querySelector('pi-camera'))";
/// Whether the menu is there, which another module brings.
const MENU: &str =
    "document.querySelector('pi-camera').shadowRoot.querySelector('#menu')?.hidden === false";
const FAILED: &str = "(camera => camera.dataset.state === 'failed' && camera.shadowRoot.querySelector('img')?.naturalWidth)\
                      (document.querySelector('pi-camera'))";

/// Live pictures, the menu, and a program that fails and is started again.
async fn is_live(engine: &impl Engine) -> Result<()> {
    let server = Server::start(&PATTERN)?;
    engine.navigate(&server.url()).await?;
    engine.wait_for(&format!("{DRAWN} > 10")).await?;
    engine
        .eval("document.querySelector('pi-camera').shadowRoot.querySelector('#b-more').click()")
        .await?;
    engine.wait_for(MENU).await?;
    engine
        .eval("(window.realNow = Performance.prototype.now, Performance.prototype.now = () => { throw new TypeError('no clock'); }, 0)")
        .await?;
    engine.wait_for(FAILED).await?;
    engine
        .eval("(Performance.prototype.now = realNow, void document.querySelector('pi-camera').restart())")
        .await?;
    engine.wait_for(&format!("{DRAWN} > 10")).await?;
    Ok(())
}

#[tokio::test]
async fn firefox_shows_live_pictures_and_survives_a_program_that_fails() -> Result<()> {
    is_live(&Firefox::start().await?)
        .await
        .context("in Firefox")
}

#[tokio::test]
async fn webkit_as_of_safari_16_shows_live_pictures_and_survives_a_program_that_fails() -> Result<()>
{
    is_live(&WebKit::start().await?)
        .await
        .context("in WPE WebKit")
}
