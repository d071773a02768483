//! The viewer as phones are held and used: upright, by fingers, from the home screen, and without going to sleep.

use anyhow::{Result, ensure};
use pistreamer_e2e::axe::Axe;
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::{PATTERN, Server};
use serde_json::{Value, json};

const PART: &str = "window.part = selector => document.querySelector('pi-camera').shadowRoot.querySelector(selector)";

/// Before any script of the page: a phone's screen is touched, and `also` holds.
async fn phone<'a>(browser: &'a Browser, server: &Server, also: &str) -> Result<Page<'a>> {
    let page = browser.open("").await?;
    page.emulate(390, 844, true, "light").await?;
    let touch = json!({"enabled": true, "maxTouchPoints": 5});
    page.call("Emulation.setTouchEmulationEnabled", touch)
        .await?;
    let source = json!({"source": also});
    page.call("Page.addScriptToEvaluateOnNewDocument", source)
        .await?;
    page.call("Page.navigate", json!({"url": server.url()}))
        .await?;
    page.wait_for("document.querySelector('pi-camera')?.dataset.state === 'live'")
        .await?;
    page.eval(PART).await?;
    ensure!(page.eval("matchMedia('(pointer: coarse)').matches").await? == true);
    Ok(page)
}

#[tokio::test]
async fn held_upright_it_offers_to_fill_the_window_or_to_turn() -> Result<()> {
    const OFFERS: &str = "part('#offer').checkVisibility()";
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = phone(&browser, &server, "").await?;
    page.wait_for(OFFERS).await?;
    page.screenshot("phone_upright").await?;
    let width = "part('canvas').getBoundingClientRect().height";
    let before = page.eval(width).await?.as_f64().unwrap_or_default();
    page.eval("part('#offer [data-do=rotate]').click()").await?;
    page.wait_for(&format!("!{OFFERS}")).await?;
    let turned = page.eval(width).await?.as_f64().unwrap_or_default();
    ensure!(turned > before * 1.5, "{before} became {turned}");
    for _ in 0..3 {
        page.eval("part('#toolbar [data-do=rotate]').click()")
            .await?;
    }
    page.wait_for(OFFERS).await?;
    page.eval("part('#offer [data-do=fit]').click()").await?;
    page.wait_for(&format!("!{OFFERS}")).await?;
    // Wide enough.
    page.emulate(844, 390, true, "light").await?;
    page.eval("localStorage.clear()").await?;
    page.reload().await?;
    page.wait_for("document.querySelector('pi-camera')?.dataset.state === 'live'")
        .await?;
    page.eval(PART).await?;
    ensure!(
        page.eval(OFFERS).await? == false,
        "it offers to fill a window that is filled"
    );
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn when_the_controls_go_for_the_first_time_it_says_how_they_come_back() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    for told in [true, false] {
        let page = phone(&browser, &server, "").await?;
        page.wait_for("part('#root').classList.contains('idle')")
            .await?;
        let words = "part('#toast').checkVisibility() && part('#toast').textContent";
        let expected = json!("A tap on the picture brings the controls back");
        let said = page.eval(words).await?;
        ensure!((said == expected) == told, "said: {said}");
        if told {
            page.screenshot("phone_hint").await?;
        }
    }
    Ok(())
}

/// Counts what keeps the screen on.
pub(crate) const LOCKS: &str = "window.locks = 0;
    Object.defineProperty(navigator, 'wakeLock', {value: {request: async kind => {
        if (window.refuses) { window.asked = true; throw new DOMException('', 'NotAllowedError'); }
        locks += kind === 'screen' ? 1 : NaN;
        return {release: async () => { locks -= 1; }};
    }}});";

#[tokio::test]
async fn the_screen_stays_on_while_the_picture_is_live_and_no_longer() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = phone(&browser, &server, LOCKS).await?;
    page.wait_for("locks === 1").await?;
    page.eval("document.querySelector('pi-camera').pause()")
        .await?;
    page.wait_for("locks === 0").await?;
    page.eval("document.querySelector('pi-camera').play()")
        .await?;
    page.wait_for("locks === 1").await?;
    let other = browser.open("").await?;
    page.wait_for("locks === 0").await?;
    page.activate().await?;
    page.wait_for("locks === 1").await?;
    drop(other);
    page.eval("document.querySelector('pi-camera').remove()")
        .await?;
    page.wait_for("locks === 0").await?;
    // Where it takes a tap.
    let page = phone(
        &browser,
        &server,
        &format!("{LOCKS} window.refuses = true;"),
    )
    .await?;
    page.wait_for("window.asked").await?;
    page.eval("window.refuses = false, document.body.click()")
        .await?;
    page.wait_for("locks === 1").await?;
    // On a desk, a page that is left open lets the screen sleep.
    let page = browser.open("").await?;
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({"source": LOCKS}),
    )
    .await?;
    page.call("Page.navigate", json!({"url": server.url()}))
        .await?;
    page.wait_for("document.querySelector('pi-camera')?.dataset.drawn > 20")
        .await?;
    ensure!(page.eval("locks").await? == 0);
    Ok(())
}

#[tokio::test]
async fn over_plain_http_a_picture_that_plays_keeps_the_screen_on() -> Result<()> {
    const VIDEO: &str = "document.querySelector('pi-camera').shadowRoot.querySelector('video')";
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let gone = "delete Navigator.prototype.wakeLock";
    let page = phone(&browser, &server, gone).await?;
    page.wait_for(&format!(
        "{VIDEO} && !{VIDEO}.paused && {VIDEO}.videoWidth === 2"
    ))
    .await?;
    // Which Chromium counts where most of it is in the window.
    let seen = format!(
        "(({{left, top, width}}) => left >= 0 && top >= 0 && width > 0)({VIDEO}.getBoundingClientRect())"
    );
    ensure!(page.eval(&seen).await? == true);
    page.eval("document.querySelector('pi-camera').pause()")
        .await?;
    page.wait_for(&format!("!{VIDEO}")).await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn it_can_be_put_on_the_home_screen_and_opens_there_in_full() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    let manifest = page.call("Page.getAppManifest", json!({})).await?;
    ensure!(manifest["errors"] == json!([]), "{manifest}");
    let read: Value = serde_json::from_str(manifest["data"].as_str().unwrap_or_default())?;
    ensure!(read["display"] == "fullscreen", "{read}");
    let errors = page.call("Page.getInstallabilityErrors", json!({})).await?;
    ensure!(errors["installabilityErrors"] == json!([]), "{errors}");
    let icons = "Promise.all([...document.querySelectorAll('link[rel=apple-touch-icon], link[rel=icon]')].map(link => {
        const icon = new Image();
        icon.src = link.href;
        return icon.decode().then(() => icon.naturalWidth);
    }))";
    let icons = page.eval(icons).await?;
    ensure!(
        icons
            .as_array()
            .is_some_and(|icons| icons.contains(&json!(180))),
        "{icons}"
    );
    // Another address than the manifest's goes there as it is.
    let page = browser.open(&format!("{}?camera=0", server.url())).await?;
    page.wait_state("live").await?;
    let manifest = page.call("Page.getAppManifest", json!({})).await?;
    ensure!(manifest["url"] == "", "{manifest}");
    page.expect_no_complaints(&[])
}

/// A recorder in the place of the browser's, which the test feeds.
const RECORDER: &str = "window.MediaRecorder = class {
    static isTypeSupported(type) { return type.startsWith('video/mp4'); }
    constructor() { this.mimeType = 'video/mp4'; this.state = 'inactive'; window.recorder = this; }
    start() { this.state = 'recording'; }
    stop() { this.state = 'inactive'; setTimeout(() => this.onstop()); }
    gives(size) { this.ondataavailable({data: Object.defineProperty(new Blob(['x']), 'size', {value: size})}); }
};
window.saved = [];
HTMLAnchorElement.prototype.click = function () { saved.push(this.download); };";

#[tokio::test]
async fn a_clip_is_saved_at_its_limit_and_one_that_stays_empty_is_told_of() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = phone(&browser, &server, RECORDER).await?;
    page.eval_clicked("part('#b-record').click()").await?;
    page.wait_for("part('#rec').checkVisibility()").await?;
    page.wait_for("part('#toast').textContent.startsWith('Nothing is being recorded')")
        .await?;
    page.eval("recorder.gives(200e6)").await?;
    ensure!(page.eval("part('#rec').checkVisibility()").await? == true);
    page.eval("recorder.gives(60e6)").await?;
    page.wait_for("part('#toast').textContent.includes('256 MB')")
        .await?;
    page.wait_for("!part('#rec').checkVisibility()").await?;
    ensure!(
        page.eval("saved.length === 1 && saved[0].endsWith('.mp4')")
            .await?
            == true
    );
    Ok(())
}

/// The app on an iPhone's home screen, which shares files where it can.
const APP: &str = "window.saved = [];
HTMLAnchorElement.prototype.click = function () { saved.push(this.download); };
Object.defineProperty(navigator, 'standalone', {value: true});
Navigator.prototype.canShare = undefined;";
const SHARES: &str = "window.shared = [];
Navigator.prototype.canShare = ({files}) => files.length === 1;
Navigator.prototype.share = async ({files: [file]}) => {
    if (window.refuses) throw new DOMException('', refuses);
    shared.push(file.name + ' ' + file.type);
};";

#[tokio::test]
async fn in_the_app_on_the_home_screen_a_file_is_shared_or_shown_with_a_way_back() -> Result<()> {
    const SNAPSHOT: &str = "part('#toolbar [data-do=snapshot]').click()";
    const ONE: &str = "shared.length === 1 && /^pistreamer-.*[.]jpg image.jpeg$/.test(shared[0])";
    let axe = Axe::installed()?;
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = phone(&browser, &server, &format!("{APP}{SHARES}")).await?;
    page.eval_clicked(SNAPSHOT).await?;
    page.wait_for(ONE).await?;
    // Where the tap was too long ago, there is a button.
    page.eval("shared.length = 0, window.refuses = 'NotAllowedError'")
        .await?;
    page.eval_clicked(SNAPSHOT).await?;
    page.wait_for("part('#file')?.open").await?;
    page.screenshot("phone_share").await?;
    axe.judge(&page, "what offers a file").await?;
    page.eval("void (window.refuses = undefined)").await?;
    page.eval_clicked("part('#file [type=button]').click()")
        .await?;
    page.wait_for(&format!("{ONE} && !part('#file')")).await?;
    // Who closes the sheet has decided.
    page.eval("window.refuses = 'AbortError'").await?;
    page.eval_clicked(SNAPSHOT).await?;
    page.eval("document.querySelector('pi-camera').snapshot()")
        .await?;
    ensure!(page.eval("!part('#file') && saved.length === 0").await? == true);
    // Over plain HTTP there is no sheet: a picture can be kept by holding it, and a clip not at all.
    let page = phone(&browser, &server, APP).await?;
    ensure!(page.eval("part('#b-record').checkVisibility()").await? == false);
    page.eval_clicked(SNAPSHOT).await?;
    page.wait_for("part('#file img')?.naturalWidth > 0").await?;
    page.screenshot("phone_hold").await?;
    axe.judge(&page, "a picture to hold").await?;
    page.eval_clicked("part('#file [part~=close]').click()")
        .await?;
    page.wait_for("!part('#file')").await?;
    ensure!(page.eval("saved.length").await? == 0);
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn in_the_app_a_clip_that_was_not_shared_is_kept_until_it_is_or_until_there_is_another_one()
-> Result<()> {
    const RECORD: &str = "part('#b-record').click()";
    const SAVE: &str = "part('#clip [part~=save-clip]').click()";
    let axe = Axe::installed()?;
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = phone(&browser, &server, &format!("{RECORDER}{APP}{SHARES}")).await?;
    let records = async || {
        page.eval_clicked(RECORD).await?;
        page.wait_for("part('#rec').checkVisibility()").await?;
        page.eval("recorder.gives(1)").await?;
        page.eval_clicked(RECORD).await
    };
    // Who closes the sheet of a clip has it still.
    page.eval("void (window.refuses = 'AbortError')").await?;
    records().await?;
    page.wait_for("part('#clip')?.textContent.includes('not saved yet')")
        .await?;
    page.screenshot("phone_clip").await?;
    axe.judge(&page, "a clip that waits").await?;
    page.eval_clicked(SAVE).await?;
    page.eval("void (window.refuses = undefined)").await?;
    ensure!(
        page.eval("shared.length === 0 && Boolean(part('#clip'))")
            .await?
            == true
    );
    page.eval_clicked(SAVE).await?;
    page.wait_for("!part('#clip') && shared.length === 1")
        .await?;
    ensure!(page.eval("shared[0].endsWith('.mp4 video/mp4')").await? == true);
    // While the sheet of one clip is open, there can be no other: the newer one is kept, and the older one is not brought back.
    page.eval("const {share} = Navigator.prototype;
        Navigator.prototype.share = (files) => new Promise((_, reject) => {
            window.dismiss = () => reject(new DOMException('', 'AbortError'));
            Navigator.prototype.share = async () => { throw new DOMException('', 'InvalidStateError'); };
            window.back = () => { Navigator.prototype.share = share; };
        });
        shared.length = 0")
        .await?;
    records().await?;
    page.wait_for("Boolean(window.dismiss)").await?;
    records().await?;
    page.wait_for("Boolean(part('#clip'))").await?;
    page.eval("dismiss(); back()").await?;
    page.eval_clicked(SAVE).await?;
    page.wait_for("!part('#clip') && shared.length === 1")
        .await?;
    // Or it is thrown away.
    page.eval("shared.length = 0, window.refuses = 'NotAllowedError'")
        .await?;
    records().await?;
    page.wait_for("Boolean(part('#clip'))").await?;
    page.eval_clicked("part('#clip [part~=discard]').click()")
        .await?;
    page.wait_for("!part('#clip')").await?;
    ensure!(page.eval("shared.length + saved.length").await? == 0);
    page.expect_no_complaints(&[])
}
