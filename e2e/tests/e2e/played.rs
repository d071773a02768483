//! What a page plays of the server's recordings.

use crate::keyboard::press;
use anyhow::{Result, ensure};
use pistreamer_e2e::axe::Axe;
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::Server;
use serde_json::Value;

const LOOK: &str = "
    window.camera = document.querySelector('pi-camera');
    window.part = selector => camera.shadowRoot.querySelector(selector);
    window.shown = () => Number(part('#recordings').dataset.shown);
    0";

/// Unix time in ms of the frame that is shown.
async fn shown(page: &Page<'_>) -> Result<f64> {
    Ok(page.eval("shown()").await?.as_f64().unwrap_or_default())
}

/// Waits until a frame is shown of which that is true.
async fn wait_shown(page: &Page<'_>, is: &str) -> Result<()> {
    page.wait_for(&format!("(at => {is})(shown())")).await?;
    Ok(())
}

#[tokio::test]
async fn what_was_recorded_is_played_forwards_backwards_and_step_by_step_and_never_called_live()
-> Result<()> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("recordings").display().to_string();
    let pattern = ["--source", "pattern", "--size", "320x240"];
    let record = ["--record", &directory, "--record-fps", "15"];
    let server = Server::start(&[&pattern[..], &record].concat())?;
    let (axe, browser) = (Axe::installed()?, Browser::start().await?);
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(LOOK).await?;
    // Something to look back to.
    page.wait_for(
        "fetch('api/v1/recordings').then(it => it.json()).then(({cameras: [it]}) => it.to_us - it.from_us > 4e6)",
    )
    .await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#b-recordings')?.checkVisibility()")
        .await?;
    page.eval_clicked("part('#b-recordings').click()").await?;
    page.wait_for(
        "part('#recordings')?.open && shown() > 0 && part('#r-picture').naturalWidth === 320",
    )
    .await?;
    let first = page.eval("fetch('api/v1/recordings').then(it => it.json()).then(({cameras: [it]}) => it.from_us / 1000)");
    let first = first.await?.as_f64().unwrap_or_default();
    press(&page, "Home").await?;
    wait_shown(&page, &format!("at === {first}")).await?;
    // Step by step, and back.
    press(&page, ".").await?;
    wait_shown(&page, &format!("at > {first}")).await?;
    let second = shown(&page).await?;
    ensure!(second < first + 1000.0, "{first}, then {second}");
    press(&page, ".").await?;
    wait_shown(&page, &format!("at > {second}")).await?;
    press(&page, ",").await?;
    wait_shown(&page, &format!("at === {second}")).await?;
    // Forwards, and pause.
    press(&page, "[").await?;
    press(&page, " ").await?;
    wait_shown(&page, &format!("at > {second} + 800")).await?;
    page.screenshot("recordings_playing").await?;
    press(&page, " ").await?;
    page.wait_for("part('#r-play').title === 'Play back'")
        .await?;
    // A clip.
    ensure!(page.eval("part('#r-share').disabled").await? == true);
    press(&page, "]").await?;
    page.wait_for("!part('#r-share').disabled").await?;
    // Backwards, to the beginning.
    press(&page, "j").await?;
    wait_shown(&page, &format!("at <= {second}")).await?;
    page.wait_for(&format!(
        "shown() === {first} && part('#r-play').title === 'Play back'"
    ))
    .await?;
    // A tap to the right of the middle goes on in time.
    page.eval(
        "(strip => { const {left, top, width} = strip.getBoundingClientRect();
            for (const type of ['pointerdown', 'pointerup'])
                strip.dispatchEvent(new PointerEvent(type, {bubbles: true, isPrimary: true, pointerId: 1, clientX: left + width * .5 + 2, clientY: top + 9})); })(
            (strip => (strip.setPointerCapture = () => {}, strip))(part('#r-strip')))",
    )
    .await?;
    wait_shown(&page, &format!("at > {first}")).await?;
    for (width, height, phone) in [(1280, 720, false), (390, 844, true), (844, 390, true)] {
        for scheme in ["light", "dark"] {
            page.emulate(width, height, phone, scheme).await?;
            page.screenshot(&format!("recordings_{width}_{scheme}"))
                .await?;
            axe.judge(&page, &format!("recordings, {width}, {scheme}"))
                .await?;
            let fits = "(it => it.scrollWidth <= it.clientWidth && it.scrollHeight <= it.clientHeight)(part('#recordings'))";
            ensure!(page.eval(fits).await? == true, "it does not fit {width}");
        }
    }
    let badge = page.eval("part('#r-badge').innerText").await?;
    let badge = badge.as_str().unwrap_or_default();
    ensure!(
        badge.starts_with("Recording") && !badge.contains("Live"),
        "{badge:?}"
    );
    press(&page, "Escape").await?;
    page.wait_for("!part('#recordings').open").await?;
    page.wait_state("live").await?;
    ensure!(page.eval("camera.dataset.state").await? == Value::from("live"));
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn what_happened_is_listed_with_pictures_and_played_with_a_tap() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("recordings").display().to_string();
    let pattern = ["--source", "pattern", "--size", "320x240"];
    let record = [
        "--record",
        &directory,
        "--record-mode",
        "events",
        // More than the page goes back to before an event.
        "--record-before",
        "3",
    ];
    let server = Server::start(&[&pattern[..], &record].concat())?;
    let (axe, browser) = (Axe::installed()?, Browser::start().await?);
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(LOOK).await?;
    page.wait_for("camera.dataset.recording === 'recording' || fetch('api/v1/status').then(it => it.json()).then(it => it.cameras[0].recording?.frames > 0)")
        .await?;
    let tell = "fetch('api/v1/events', {method: 'POST', body: JSON.stringify({label: 'bell', seconds: 2})}).then(it => it.json()).then(it => it.start_us / 1000)";
    let start = page.eval(tell).await?.as_f64().unwrap_or_default();
    ensure!(start > 0.0, "it is not taken");
    page.wait_for(
        "fetch('api/v1/events').then(it => it.json()).then(({events: [it]}) => it.end_us > 0)",
    )
    .await?;
    page.wait_for(&format!(
        "fetch('api/v1/recordings/frame.jpg?near=nearest&at_us={}').then(it => it.headers.get('pistreamer-class') === 'event')",
        start * 1000.0
    ))
    .await?;
    // Three taps: the menu, recordings, events.
    page.emulate(390, 844, true, "dark").await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#b-recordings')?.checkVisibility()")
        .await?;
    page.eval_clicked("part('#b-recordings').click()").await?;
    page.wait_for("part('#recordings')?.open && shown() > 0")
        .await?;
    page.eval_clicked("part('#r-events').click()").await?;
    page.wait_for(
        "part('#r-list img')?.naturalWidth === 320 && part('#r-list').innerText.includes('bell')",
    )
    .await?;
    for (width, height, phone) in [(390, 844, true), (844, 390, true), (1280, 720, false)] {
        page.emulate(width, height, phone, "dark").await?;
        page.screenshot(&format!("events_{width}")).await?;
        axe.judge(&page, &format!("events, {width}")).await?;
    }
    // One is played from before it on, and found again by a key.
    page.eval("part('#r-list button').click()").await?;
    let near = format!("at > {start} - 2500 && at < {start} + 4000");
    wait_shown(&page, &near).await?;
    page.wait_for("part('#r-list').hidden").await?;
    press(&page, " ").await?;
    press(&page, "End").await?;
    wait_shown(&page, &format!("at > {start} + 1500")).await?;
    let before = "part('#r-strip').dispatchEvent(new KeyboardEvent('keydown', {key: 'E', shiftKey: true, bubbles: true}))";
    page.eval(before).await?;
    wait_shown(&page, &format!("at > {start} - 2500 && at < {start}")).await?;
    page.screenshot("events_strip").await?;
    page.expect_no_complaints(&[])
}
