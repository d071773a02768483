//! The viewer's own program fails: that is told, the plain stream is shown, and nothing of it stays half alive.

use anyhow::{Context as _, Result};
use pistreamer_e2e::browser::{Browser, Page, poll};
use pistreamer_e2e::server::{PATTERN, Server};
use serde_json::json;

/// Keeps the details of the element's events.
const WATCH: &str = "window.told = [];
    window.camera = document.querySelector('pi-camera');
    for (const name of ['statechange', 'error'])
        camera.addEventListener(name, ({detail}) => told.push({name, ...detail}));";

/// What the program calls from then on does what no browser does, until `mend()`.
const SABOTAGE: &str = "(prototype, name, instead) => {
    const real = prototype[name];
    prototype[name] = instead;
    window.mend = () => prototype[name] = real;
}";

/// Waits until the plain stream is shown in the element's place, and no worker runs.
async fn wait_plain(page: &Page<'_>) -> Result<()> {
    page.wait_state("failed").await?;
    page.wait_for("camera.shadowRoot.querySelector('img')?.naturalWidth === 640")
        .await?;
    poll("the workers are gone", async || {
        Ok(page.workers().is_empty().then_some(()))
    })
    .await
}

/// Clicks the button with that text in it.
async fn click(page: &Page<'_>, text: &str) -> Result<()> {
    let click = format!(
        "[...camera.shadowRoot.querySelectorAll('button')].find(button => button.innerText === '{text}').click()"
    );
    page.eval_clicked(&click).await?;
    Ok(())
}

#[tokio::test]
async fn a_panic_shows_the_plain_stream_with_a_report_until_the_viewer_is_started_again()
-> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(WATCH).await?;
    // What it has shown stays as it is, until something else is to be shown.
    page.eval(&format!(
        "({SABOTAGE})(ShadowRoot.prototype, 'getElementById', () => null); camera.pause()"
    ))
    .await?;
    wait_plain(&page).await?;
    let text = page.visible_text().await?;
    assert!(text.contains("The viewer has failed"), "shown: {text}");
    page.screenshot("failed").await?;
    let told = page.eval("told").await?;
    let words = "the template has every part that is asked for";
    assert_eq!(
        told[0],
        json!({"name": "statechange", "state": "failed", "reason": words})
    );
    let report = told[1]["report"].as_str().context("no report")?;
    for part in [
        "panicked at web-client/src/chrome/",
        words,
        "viewer_bg.wasm",
        "Chrome",
    ] {
        assert!(report.contains(part), "{part} is not in: {report}");
    }
    assert_eq!(
        page.eval("[told.length, camera.state, camera.reason, camera.seq, camera.report]")
            .await?,
        json!([2, "failed", words, null, report])
    );

    click(&page, "Copy a report").await?;
    let copied = page
        .eval("camera.shadowRoot.querySelector('textarea').value")
        .await?;
    assert_eq!(copied, report);
    page.eval("mend(); camera.play()").await?;
    click(&page, "Start it again").await?;
    page.wait_state("live").await?;
    page.wait_drawn(5).await?;
    assert_eq!(page.workers().len(), 1);
    assert_eq!(page.eval("camera.report").await?, json!(null));
    page.expect_no_complaints(&["panicked at", "the viewer has failed"])
}

#[tokio::test]
async fn every_element_of_a_program_that_fails_gives_up_and_lives_again_when_it_is_put_back()
-> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(&format!(
        "{WATCH} window.other = document.createElement('pi-camera'); document.body.append(other);"
    ))
    .await?;
    page.wait_for("other.state === 'live'").await?;
    // Neither a panic nor a trap: what it calls throws what no code of it expects, in the midst of it.
    page.eval(&format!(
        "({SABOTAGE})(Performance.prototype, 'now', () => {{ throw new TypeError('no clock'); }})"
    ))
    .await?;
    wait_plain(&page).await?;
    assert_eq!(
        page.eval("[camera.state, other.state, other.reason]")
            .await?,
        json!(["failed", "failed", "TypeError: no clock"])
    );
    page.eval("mend(); camera.remove()").await?;
    assert_eq!(page.eval("camera.state").await?, "");
    page.eval("document.body.prepend(camera)").await?;
    page.wait_state("live").await?;
    assert_eq!(page.eval("other.state").await?, "failed");
    page.eval("other.restart()").await?;
    page.wait_for("other.state === 'live'").await?;
    page.expect_no_complaints(&["the viewer has failed"])
}

#[tokio::test]
async fn a_worker_that_traps_gives_way_to_the_page() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(WATCH).await?;
    let workers = page.workers();
    let worker = workers.first().context("no worker")?;
    let sabotage = "Performance.prototype.now = () => { throw new TypeError('no clock'); }";
    let params = json!({"expression": sabotage});
    let devtools = browser.devtools();
    devtools.call(worker, "Runtime.evaluate", params).await?;
    page.wait_for("told.some(({name}) => name === 'error')")
        .await?;
    page.wait_state("live").await?;
    page.wait_drawn(5).await?;
    assert!(page.workers().is_empty());
    let told = page
        .eval("told.find(({name}) => name === 'error').message")
        .await?;
    let told = told.as_str().context("no message")?;
    assert!(told.contains("because of the worker"), "{told}");
    page.expect_no_complaints(&["no clock"])
}
