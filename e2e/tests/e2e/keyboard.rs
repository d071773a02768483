//! The viewer without a mouse: every control by keys alone, with a focus that can be seen and is never lost.

use anyhow::{Result, bail, ensure};
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::{PATTERN, Server};
use serde_json::{Value, json};

/// Short for what is in the element, and for what has the focus there.
const SHORT: &str = "
    window.camera = document.querySelector('pi-camera');
    window.part = selector => camera.shadowRoot.querySelector(selector);
    window.focused = () => {
        const button = camera.shadowRoot.activeElement;
        if (!button) return document.activeElement === camera ? 'camera' : '';
        const {outlineStyle, outlineWidth} = getComputedStyle(button);
        const seen = button.matches(':focus-visible') && outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2;
        return (seen ? '' : 'unseen ') + (button.dataset.do ?? button.textContent);
    }";

pub(crate) async fn press(page: &Page<'_>, key: &str) -> Result<()> {
    let (key, modifiers) = match key.strip_prefix("Shift+") {
        Some(key) => (key, 8),
        None => (key, 0),
    };
    let (code, text) = match key {
        "Tab" => (9, ""),
        "Enter" => (13, "\r"),
        "Escape" => (27, ""),
        "End" => (35, ""),
        "Home" => (36, ""),
        "ArrowLeft" => (37, ""),
        "ArrowUp" => (38, ""),
        "ArrowRight" => (39, ""),
        "ArrowDown" => (40, ""),
        " " => (32, " "),
        letter => (i64::from(letter.to_ascii_uppercase().as_bytes()[0]), letter),
    };
    let kind = if text.is_empty() {
        "rawKeyDown"
    } else {
        "keyDown"
    };
    let code_name = if key == " " { "Space" } else { key };
    for kind in [kind, "keyUp"] {
        let text = if kind == "keyDown" { text } else { "" };
        let event = json!({
            "type": kind, "key": key, "code": code_name, "windowsVirtualKeyCode": code, "text": text, "modifiers": modifiers
        });
        page.call("Input.dispatchKeyEvent", event).await?;
    }
    Ok(())
}

/// Types a text of ASCII's letters and signs.
pub(crate) async fn type_text(page: &Page<'_>, text: &str) -> Result<()> {
    for letter in text.chars() {
        press(page, letter.encode_utf8(&mut [0; 4])).await?;
    }
    Ok(())
}

/// Presses Tab until an expression of the page says that the focus is where it is to be.
pub(crate) async fn tab_to(page: &Page<'_>, there: &str) -> Result<()> {
    for _ in 0..40 {
        press(page, "Tab").await?;
        if page.eval(&format!("Boolean({there})")).await? == true {
            return Ok(());
        }
    }
    bail!("Tab leads nowhere where {there}")
}

async fn is_focused(page: &Page<'_>, expected: &str) -> Result<()> {
    let there = format!("focused() === {expected:?}");
    if let Err(error) = page.wait_for(&there).await {
        let has: Value = page.eval("focused()").await?;
        return Err(error.context(format!("{has} has the focus, and not {expected}")));
    }
    Ok(())
}

async fn open<'a>(browser: &'a Browser, server: &Server) -> Result<Page<'a>> {
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(SHORT).await?;
    page.wait_drawn(3).await?;
    Ok(page)
}

#[tokio::test]
async fn every_control_is_reached_by_keys_alone_and_the_focus_is_seen_and_comes_back() -> Result<()>
{
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server).await?;
    press(&page, "Tab").await?;
    is_focused(&page, "camera").await?;
    press(&page, "Tab").await?;
    is_focused(&page, "pause").await?;
    // The arrow keys are loaded by now, or soon.
    page.wait_for("part('#menu') !== null").await?;
    for (key, expected) in [
        ("ArrowRight", "snapshot"),
        ("ArrowRight", "record"),
        ("ArrowRight", "rotate"),
        ("End", "fullscreen"),
        ("ArrowRight", "pause"),
        ("ArrowLeft", "fullscreen"),
        ("ArrowLeft", "menu"),
    ] {
        press(&page, key).await?;
        is_focused(&page, expected).await?;
    }
    // One stop for Tab: it leaves, and comes back.
    press(&page, "Shift+Tab").await?;
    is_focused(&page, "camera").await?;
    press(&page, "Tab").await?;
    is_focused(&page, "pause").await?;
    press(&page, "End").await?;
    press(&page, "ArrowLeft").await?;
    is_focused(&page, "menu").await?;

    // The menu takes the focus, and gives it back.
    press(&page, "Enter").await?;
    is_focused(&page, "rotate").await?;
    for expected in [
        "mirror",
        "fit",
        "overlay",
        "adjust",
        "All cameras",
        "Settings",
        "pip",
        "help",
        "size-auto",
    ] {
        press(&page, "Tab").await?;
        is_focused(&page, expected).await?;
    }
    press(&page, "ArrowDown").await?;
    is_focused(&page, "size-full").await?;
    page.wait_for("part('[data-do=size-full]').getAttribute('aria-checked') === 'true'")
        .await?;
    press(&page, "Shift+Tab").await?;
    is_focused(&page, "help").await?;
    // Into a choice where it is made.
    press(&page, "Tab").await?;
    is_focused(&page, "size-full").await?;
    press(&page, "Escape").await?;
    is_focused(&page, "menu").await?;
    page.wait_for("part('#menu').hidden").await?;

    // The list of keys, too.
    press(&page, "Enter").await?;
    is_focused(&page, "rotate").await?;
    for _ in 0..8 {
        press(&page, "Tab").await?;
    }
    is_focused(&page, "help").await?;
    press(&page, "Enter").await?;
    page.wait_for("part('#help').open").await?;
    is_focused(&page, "Close").await?;
    press(&page, "Enter").await?;
    page.wait_for("!part('#help').open").await?;
    is_focused(&page, "menu").await?;

    // Pausing offers a button, whose use takes it away.
    press(&page, "Home").await?;
    is_focused(&page, "pause").await?;
    press(&page, "Enter").await?;
    page.wait_state("paused").await?;
    press(&page, "Shift+Tab").await?;
    page.wait_for("camera.shadowRoot.activeElement?.id === 'notice-play'")
        .await?;
    press(&page, " ").await?;
    page.wait_state("live").await?;
    page.wait_for("camera.shadowRoot.activeElement?.id === 'b-pause'")
        .await?;
    is_focused(&page, "pause").await?;
    // So does resetting the zoom.
    press(&page, "+").await?;
    page.wait_for("!part('#b-zoom').hidden").await?;
    for _ in 0..3 {
        press(&page, "ArrowRight").await?;
    }
    is_focused(&page, "zoom-reset").await?;
    press(&page, "Enter").await?;
    page.wait_for("part('#b-zoom').hidden").await?;
    is_focused(&page, "pause").await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn a_screen_reader_is_told_of_one_group_named_after_the_camera() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server).await?;
    let camera = page
        .call("Runtime.evaluate", json!({"expression": "camera"}))
        .await?;
    let of = json!({"objectId": camera["result"]["objectId"], "fetchRelatives": false});
    page.call("Accessibility.enable", json!({})).await?;
    let tree = page
        .call("Accessibility.getPartialAXTree", of.clone())
        .await?;
    let (role, name) = (
        &tree["nodes"][0]["role"]["value"],
        &tree["nodes"][0]["name"]["value"],
    );
    ensure!(role == "group" && name == "Test pattern", "{role} {name}");
    // The page's own word counts more.
    page.eval("camera.setAttribute('aria-label', 'Yard'), camera.setAttribute('role', 'region')")
        .await?;
    let tree = page.call("Accessibility.getPartialAXTree", of).await?;
    let (role, name) = (
        &tree["nodes"][0]["role"]["value"],
        &tree["nodes"][0]["name"]["value"],
    );
    ensure!(role == "region" && name == "Yard", "{role} {name}");
    Ok(())
}
