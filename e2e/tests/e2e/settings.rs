//! What an administrator does in the viewer: sets the camera, makes a key for a guest and ends it again, and sees who looks.

use crate::keyboard::{press, tab_to, type_text};
use anyhow::{Context as _, Result, ensure};
use pistreamer_e2e::axe::Axe;
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::Locked;
use serde_json::json;
use std::process::Command;

/// A camera of which nothing is fixed but the rate.
const PATTERN: [&str; 4] = ["--source", "pattern", "--fps", "15"];

const LOOK: &str = "
    window.camera = document.querySelector('pi-camera');
    window.part = selector => camera.shadowRoot.querySelector(selector);
    window.tab = name => part(`#tab-${name}`).click();
    window.row = name => [...part('#settings-body').querySelectorAll('li')].find(row => row.textContent.includes(name));
    0";

/// A live viewer of the owner's, whose settings are open.
async fn setting<'a>(browser: &'a Browser, locked: &Locked) -> Result<Page<'a>> {
    let page = browser.open(&locked.link()?).await?;
    page.wait_for("document.querySelector('pi-camera')?.dataset.state === 'live'")
        .await?;
    page.eval(LOOK).await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#b-settings')?.checkVisibility()")
        .await?;
    page.eval_clicked("part('#b-settings').click()").await?;
    page.wait_for("part('#settings')?.open && part('#s-name')?.checkVisibility()")
        .await?;
    Ok(page)
}

/// What the QR code on the screen says.
async fn scanned(page: &Page<'_>, name: &str) -> Result<String> {
    page.emulate(1280, 720, false, "light").await?;
    page.eval("part('#made img').scrollIntoView({block: 'center'})")
        .await?;
    let picture = page.screenshot(name).await?;
    let said = Command::new("zbarimg")
        .args(["--quiet", "--nodbus", "--raw"])
        .arg(picture)
        .output()
        .context("zbarimg is missing: ./dev test says what has it")?;
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}

#[tokio::test]
async fn an_admin_names_and_sizes_the_camera_and_everybody_sees_it() -> Result<()> {
    let (axe, locked) = (Axe::installed()?, Locked::start(&PATTERN)?);
    let (one, other) = (Browser::start().await?, Browser::start().await?);
    // Whatever it has time for.
    let link = locked.link()?.replace("/#", "/?size=full#");
    let seen = other.open(&link).await?;
    seen.wait_for("document.querySelector('pi-camera')?.dataset.state === 'live'")
        .await?;
    let page = setting(&one, &locked).await?;
    axe.judge_looks(&page, "settings_camera", "part('#settings')")
        .await?;
    let fixed = page
        .eval(
            "[part('#s-fps').disabled, part('#s-fps-hint').textContent, part('#s-name').disabled]",
        )
        .await?;
    ensure!(fixed == json!([true, "Fixed by --fps", false]), "{fixed}");
    page.eval(
        "part('#s-name').value = 'Front door'; part('#s-size').value = '640x480';
         part('#settings-body form').requestSubmit()",
    )
    .await?;
    page.wait_for("part('#settings-status').textContent === 'Saved'")
        .await?;
    for page in [&page, &seen] {
        page.wait_for(
            "(camera => camera.dataset.state === 'live' && camera.shadowRoot.querySelector('#name').textContent === 'Front door')\
             (document.querySelector('pi-camera'))",
        )
        .await?;
    }
    seen.wait_for(
        "document.querySelector('pi-camera').shadowRoot.querySelector('canvas').width === 640",
    )
    .await?;
    // It is kept, shown as set, and taken back.
    page.wait_for("part('#s-size-hint').textContent === 'Otherwise 1280x720'")
        .await?;
    page.eval("part('#s-size-hint').parentElement.querySelector('button').click()")
        .await?;
    page.wait_for("part('#s-size')?.value === '1280x720'")
        .await?;
    let kept = std::fs::read_to_string(locked.state.path().join("settings.json"))?;
    ensure!(
        kept.contains("Front door") && !kept.contains("size"),
        "{kept}"
    );
    // What is typed there is no key of the viewer's.
    page.eval("part('#s-name').focus()").await?;
    press(&page, "m").await?;
    ensure!(
        page.eval("part('#s-name').value.endsWith('m') && !camera.mirror")
            .await?
            == true
    );
    page.expect_no_complaints(&["401"])
}

#[tokio::test]
async fn a_guest_comes_in_by_the_qr_code_and_is_out_when_the_key_is_ended() -> Result<()> {
    let (axe, locked) = (Axe::installed()?, Locked::start(&PATTERN)?);
    let (one, other) = (Browser::start().await?, Browser::start().await?);
    let page = setting(&one, &locked).await?;
    page.eval("tab('keys')").await?;
    page.wait_for("part('#k-name')").await?;
    page.eval("part('#k-name').value = 'guest'; part('#new-key').requestSubmit()")
        .await?;
    page.wait_for("part('#made img')?.complete").await?;
    let link = scanned(&page, "settings_qr").await?;
    let shown = page.eval("part('#made input').value").await?;
    ensure!(
        link.contains("#key=") && shown == link.as_str(),
        "{link} {shown}"
    );
    axe.judge_looks(&page, "settings_keys", "part('#settings')")
        .await?;
    let guest = other.open(&link).await?;
    guest
        .wait_for("document.querySelector('pi-camera')?.dataset.state === 'live'")
        .await?;
    // Who is no administrator is not offered settings.
    guest.eval(LOOK).await?;
    guest.eval_clicked("part('#b-more').click()").await?;
    guest.wait_for("part('#menu')?.checkVisibility()").await?;
    ensure!(guest.eval("part('#b-settings').hidden").await? == true);

    page.eval("tab('viewers')").await?;
    page.wait_for("row('guest') && row('owner')").await?;
    axe.judge_looks(&page, "settings_viewers", "part('#settings')")
        .await?;
    page.eval("tab('devices')").await?;
    page.wait_for("row('guest') && row('owner')").await?;
    axe.judge_looks(&page, "settings_devices", "part('#settings')")
        .await?;

    // A further device, by a link that is good once.
    page.eval("tab('keys')").await?;
    page.wait_for("row('guest')").await?;
    page.eval("row('guest').querySelector('[part~=link]').click()")
        .await?;
    page.wait_for("part('#made input')?.value.includes('#code=')")
        .await?;
    let link = scanned(&page, "settings_code").await?;
    let third = Browser::start().await?;
    let phone = third.open(&link).await?;
    phone
        .wait_for("document.querySelector('pi-camera')?.dataset.state === 'live'")
        .await?;

    // It asks once more before it ends anything.
    page.eval("row('guest').querySelector('[part~=end]').click()")
        .await?;
    page.wait_for("row('guest').querySelector('[part~=end]').textContent === 'End the key guest?'")
        .await?;
    ensure!(guest.eval("document.forms.length").await? == 0);
    page.eval("row('guest').querySelector('[part~=end]').click()")
        .await?;
    page.wait_for(
        "part('#settings-status').textContent === 'The key guest is ended' && !row('guest')",
    )
    .await?;
    for page in [&guest, &phone] {
        page.wait_for("document.forms.length === 1").await?;
    }
    page.wait_for("camera.dataset.state === 'live'").await?;
    page.expect_no_complaints(&["401"])
}

#[tokio::test]
async fn all_of_it_is_done_by_keys_alone() -> Result<()> {
    let locked = Locked::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = setting(&browser, &locked).await?;
    let focused =
        "camera.shadowRoot.activeElement?.id || camera.shadowRoot.activeElement?.textContent";
    ensure!(page.eval(focused).await? == "tab-camera");
    for (key, expected) in [
        ("ArrowLeft", "tab-viewers"),
        ("ArrowRight", "tab-camera"),
        ("ArrowRight", "tab-keys"),
        ("Home", "tab-camera"),
    ] {
        press(&page, key).await?;
        page.wait_for(&format!("({focused}) === {expected:?}"))
            .await?;
    }
    page.wait_for("part('#s-name')").await?;
    press(&page, "Tab").await?;
    page.wait_for(&format!("({focused}) === 's-name'")).await?;
    type_text(&page, "Door").await?;
    press(&page, "Enter").await?;
    page.wait_for("part('#settings-status').textContent === 'Saved'")
        .await?;
    // It is the same field as before, with the focus in it.
    ensure!(page.eval(focused).await? == "s-name");
    ensure!(page.eval("part('#s-name').value").await? == "Door");
    // A key is made, shown, and ended by pressing twice, without the focus being lost.
    let at = |part: &str| format!("part('{part}') === camera.shadowRoot.activeElement");
    press(&page, "Shift+Tab").await?;
    page.wait_for(&at("#tab-camera")).await?;
    press(&page, "ArrowRight").await?;
    page.wait_for("part('#k-name')").await?;
    tab_to(&page, &at("#k-name")).await?;
    type_text(&page, "guest").await?;
    tab_to(&page, &at("#k-life")).await?;
    press(&page, "Tab").await?;
    press(&page, "Enter").await?;
    page.wait_for(&at("#made")).await?;
    page.wait_for("row('guest')").await?;
    tab_to(&page, &at("#made input")).await?;
    tab_to(
        &page,
        "row('guest').querySelector('[part~=link]') === camera.shadowRoot.activeElement",
    )
    .await?;
    press(&page, "Enter").await?;
    page.wait_for("part('#made input')?.value.includes('#code=')")
        .await?;
    page.wait_for(&at("#made")).await?;
    tab_to(
        &page,
        "row('guest').querySelector('[part~=end]') === camera.shadowRoot.activeElement",
    )
    .await?;
    press(&page, "Enter").await?;
    page.wait_for("row('guest').querySelector('[part~=end]').textContent === 'End the key guest?'")
        .await?;
    press(&page, "Enter").await?;
    page.wait_for(&format!("!row('guest') && {}", at("#settings-body")))
        .await?;
    // The lists of devices and viewers: what ends each is reached.
    tab_to(&page, &at("#settings [part~=close]")).await?;
    tab_to(&page, &at("#tab-keys")).await?;
    for (list, act) in [("#tab-devices", "Sign out"), ("#tab-viewers", "Disconnect")] {
        press(&page, "ArrowRight").await?;
        page.wait_for(&at(list)).await?;
        page.wait_for("row('owner')").await?;
        tab_to(
            &page,
            &format!("camera.shadowRoot.activeElement?.textContent === '{act}'"),
        )
        .await?;
        tab_to(&page, &at(list)).await?;
    }
    press(&page, "Escape").await?;
    page.wait_for("!part('#settings').open").await?;
    Ok(())
}

#[tokio::test]
async fn a_late_answer_takes_neither_the_focus_nor_what_is_typed() -> Result<()> {
    let locked = Locked::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = setting(&browser, &locked).await?;
    // Answers about settings come when the test says so.
    page.eval(
        "window.held = [];
        const real = window.fetch;
        window.fetch = (url, options) => /\\/settings$/.test(new URL(url, location).pathname)
            ? new Promise(answer => held.push(() => answer(real(url, options))))
            : real(url, options);
        tab('keys');
        tab('camera');
        0",
    )
    .await?;
    page.wait_for("held.length === 1").await?;
    page.eval("tab('keys'); tab('camera')").await?;
    page.wait_for("held.length === 2").await?;
    page.eval("held.pop()()").await?;
    page.wait_for("part('#s-name')").await?;
    page.eval("part('#s-name').focus(); part('#s-name').value = 'Door'")
        .await?;
    let typed = "[camera.shadowRoot.activeElement?.id, part('#s-name').value, part('#s-quality').value].join()";
    // The answer to the first look, of which nothing is seen.
    page.eval("held.pop()(); new Promise(later => setTimeout(later, 300))")
        .await?;
    assert_eq!(page.eval(typed).await?, "s-name,Door,80");
    // What is changed while it is being saved is not lost, and saved with the next press.
    press(&page, "Enter").await?;
    page.wait_for("held.length === 1").await?;
    page.eval("part('#s-quality').focus(); part('#s-quality').value = 55; held.pop()()")
        .await?;
    page.wait_for("part('#settings-status').textContent === 'Saved'")
        .await?;
    assert_eq!(page.eval(typed).await?, "s-quality,Door,55");
    press(&page, "Enter").await?;
    page.wait_for("held.length === 1").await?;
    // It is said again.
    assert_eq!(page.eval("part('#settings-status').textContent").await?, "");
    page.eval("held.pop()()").await?;
    page.wait_for("part('#settings-status').textContent === 'Saved'")
        .await?;
    let kept = std::fs::read_to_string(locked.state.path().join("settings.json"))?;
    ensure!(
        kept.contains("\"Door\"") && kept.contains("\"quality\": 55"),
        "{kept}"
    );
    page.expect_no_complaints(&["401"])
}
