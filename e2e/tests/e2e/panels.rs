//! What the first view leaves away: it is loaded when it is wanted, and a server that is gone is told.

use anyhow::Result;
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::{PATTERN, Server};
use pistreamer_e2e::site::Site;
use serde_json::json;

/// Whether the page has loaded the panels' script.
const LOADED: &str =
    "performance.getEntriesByType('resource').some(({name}) => name.includes('panels.js'))";
/// Whether a selector finds something to be seen in the element.
const SEES: &str = "window.sees = selector =>
    document.querySelector('pi-camera').shadowRoot.querySelector(selector)?.checkVisibility() === true";

/// Clicks a button of the element.
async fn click(page: &Page<'_>, selector: &str) -> Result<()> {
    let click = format!(
        "document.querySelector('pi-camera').shadowRoot.querySelector('{selector}').click()"
    );
    page.eval_clicked(&click).await?;
    Ok(())
}

#[tokio::test]
async fn the_first_view_is_live_without_them_and_they_come_when_they_are_wanted() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.wait_drawn(5).await?;
    page.eval(SEES).await?;
    assert_eq!(page.eval(LOADED).await?, false);
    click(&page, "#b-more").await?;
    page.wait_for("sees('#menu')").await?;
    assert_eq!(page.eval("sees('#wires')").await?, false);
    click(&page, "#menu [data-do=overlay]").await?;
    page.wait_for("sees('#overlay') && !sees('#overlay dd:empty') && sees('#wires')")
        .await?;
    click(&page, "#menu [data-do=help]").await?;
    page.wait_for("sees('#help') && !sees('#menu')").await?;
    page.screenshot("help").await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn a_server_that_is_gone_when_they_are_wanted_is_told_and_they_come_when_it_is_back()
-> Result<()> {
    let server = Server::start(&PATTERN)?;
    let port = server.port();
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(SEES).await?;
    drop(server);
    page.wait_state("lost").await?;
    click(&page, "#b-more").await?;
    page.wait_for("sees('#toast')").await?;
    let text = page.visible_text().await?;
    assert!(text.contains("This cannot be loaded"), "shown: {text}");
    let _server = Server::start_on(port, &PATTERN)?;
    page.wait_state("live").await?;
    click(&page, "#b-more").await?;
    page.wait_for("sees('#menu')").await?;
    page.expect_no_complaints(&["ERR_CONNECTION", "WebSocket connection to"])
}

#[tokio::test]
async fn on_another_origins_page_with_a_strict_policy_they_come_from_the_server() -> Result<()> {
    let mut site = Site::reserve().await?;
    let origin = site.origin();
    let server = Server::start(&[&PATTERN[..], &["--allow-origin", &origin]].concat())?;
    let url = server.url();
    let policy = format!(
        "default-src 'none'; script-src {url} 'wasm-unsafe-eval'; connect-src {url} {}; worker-src blob: {url}",
        url.replace("http", "ws")
    );
    let page = site.serve(&format!(
        "<!doctype html><meta http-equiv=Content-Security-Policy content=\"{policy}\">
        <script type=module src='{url}embed.js'></script><pi-camera controls></pi-camera>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    page.wait_state("live").await?;
    page.eval(SEES).await?;
    click(&page, "#b-more").await?;
    page.wait_for("sees('#menu')").await?;
    let colour = "getComputedStyle(document.querySelector('pi-camera').shadowRoot.querySelector('#menu')).position";
    assert_eq!(page.eval(colour).await?, json!("absolute"));
    Ok(())
}

#[tokio::test]
async fn the_statistics_read_well() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    let figures = page
        .eval(
            "(async () => {
                const {default: Panels} = await import('/panels.js');
                const shadow = document.createElement('div').attachShadow({mode: 'open'});
                shadow.innerHTML = '<div id=root><div id=top></div><div id=notice></div><div id=toolbar></div></div>';
                const panels = new Panels(shadow, (node, _, text) => (node.textContent = text), () => {});
                panels.write_figures(29.97, -3.2, 12499, 0.04, undefined, 82.6, 1234560, 7, 2, 640, 480, 'as chosen',
                    undefined, 1234567);
                return [...shadow.querySelectorAll('dd[id]')].map(figure => figure.textContent);
            })()",
        )
        .await?;
    let expected = json!([
        "30.0 per s",
        "-3 ms",
        "12.5 s",
        "0.0 Mbit/s",
        "–",
        "83 ms",
        "1\u{202f}234\u{202f}567 + 2 broken",
        "640 × 480",
        "as chosen",
        "–",
        "1\u{202f}234\u{202f}567",
    ]);
    assert_eq!(figures, expected);
    Ok(())
}
