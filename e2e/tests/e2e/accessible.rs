//! Every page and state as axe-core judges it. By keys alone: see `keyboard`.

use crate::keyboard::{press, tab_to, type_text};
use anyhow::Result;
use pistreamer_e2e::axe::Axe;
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::{Locked, PATTERN, Server};

const PART: &str = "window.part = selector => document.querySelector('pi-camera').shadowRoot.querySelector(selector)";

/// Judges it by day and by night.
async fn judge(axe: &Axe, page: &Page<'_>, what: &str) -> Result<()> {
    for scheme in ["light", "dark"] {
        page.emulate(1280, 720, false, scheme).await?;
        axe.judge(page, &format!("{what}, {scheme}")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn no_state_of_the_viewer_keeps_people_out() -> Result<()> {
    let axe = Axe::installed()?;
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(PART).await?;
    judge(&axe, &page, "live").await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#menu')?.checkVisibility()").await?;
    judge(&axe, &page, "the menu").await?;
    page.eval_clicked("part('#menu [data-do=overlay]').click()")
        .await?;
    page.wait_for("part('#overlay').checkVisibility() && part('#o-fps').textContent")
        .await?;
    judge(&axe, &page, "the statistics").await?;
    page.eval_clicked("part('#menu [data-do=help]').click()")
        .await?;
    page.wait_for("part('#help').open").await?;
    judge(&axe, &page, "the list of keys").await?;
    page.eval("part('#help').close()").await?;
    page.emulate(390, 844, true, "dark").await?;
    page.wait_for("part('#offer').checkVisibility()").await?;
    axe.judge(&page, "a phone that is held upright").await?;
    page.eval("document.querySelector('pi-camera').pause()")
        .await?;
    page.wait_state("paused").await?;
    judge(&axe, &page, "paused").await?;
    page.eval("document.querySelector('pi-camera').play()")
        .await?;
    page.wait_state("live").await?;
    server.signal("STOP")?;
    page.wait_state("stale").await?;
    axe.judge(&page, "stale").await?;
    drop(server);
    page.wait_state("lost").await?;
    judge(&axe, &page, "lost").await
}

#[tokio::test]
async fn no_refusal_failure_or_sign_in_keeps_people_out() -> Result<()> {
    let axe = Axe::installed()?;
    let browser = Browser::start().await?;
    let nothing = Server::start(&["--source", "http://127.0.0.1/none.mjpg"])?;
    let page = browser.open(&nothing.url()).await?;
    page.wait_state("no-signal").await?;
    judge(&axe, &page, "no signal").await?;
    let page = browser
        .open(&format!("{}?camera=none", nothing.url()))
        .await?;
    page.wait_state("refused").await?;
    judge(&axe, &page, "refused").await?;
    let page = browser.open(&nothing.url()).await?;
    page.wait_state("no-signal").await?;
    page.eval("window.now = Performance.prototype.now; Performance.prototype.now = () => { throw new TypeError('no clock'); }; 0")
        .await?;
    page.wait_for("document.querySelector('pi-camera').shadowRoot.querySelector('#notice button')")
        .await?;
    page.wait_for("document.querySelector('pi-camera').dataset.state === 'failed'")
        .await?;
    page.eval("void (Performance.prototype.now = now)").await?;
    judge(&axe, &page, "failed").await?;
    let locked = Locked::start(&PATTERN)?;
    let page = browser
        .open(&format!("{}#key=wrong", locked.server.url()))
        .await?;
    page.wait_for("document.getElementById('message')?.textContent")
        .await?;
    judge(&axe, &page, "the sign-in").await?;
    page.eval("document.querySelector('details').open = true")
        .await?;
    axe.judge_looks(&page, "sign_in", "document.documentElement")
        .await?;
    // In by keys alone, from what has the focus at once.
    let at = |name: &str| format!("document.activeElement.name === '{name}'");
    page.reload().await?;
    page.wait_for(&at("key")).await?;
    type_text(&page, "wrong").await?;
    press(&page, "Enter").await?;
    page.wait_for("document.getElementById('message').textContent === 'That is not the key.'")
        .await?;
    page.wait_for(&at("key")).await?;
    press(&page, "Tab").await?;
    press(&page, "Enter").await?;
    tab_to(&page, &at("name")).await?;
    tab_to(&page, "document.activeElement.type === 'submit'").await?;
    for _ in 0..3 {
        press(&page, "Shift+Tab").await?;
    }
    page.wait_for(&at("key")).await?;
    page.eval("document.activeElement.value = ''").await?;
    type_text(&page, &locked.key).await?;
    press(&page, "Enter").await?;
    page.wait_for("document.querySelector('pi-camera')?.dataset.state === 'live'")
        .await?;
    Ok(())
}
