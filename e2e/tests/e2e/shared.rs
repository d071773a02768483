//! What was recorded, for others: as a film for a chat, and by a link that shows it and nothing else.

use anyhow::{Context as _, Result, ensure};
use pistreamer_e2e::axe::Axe;
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::Locked;

const LOOK: &str = "
    window.camera = document.querySelector('pi-camera');
    window.part = selector => camera.shadowRoot.querySelector(selector);
    0";

/// A phone that hands files to others: what it was given stands in `shared`.
const HANDS_OVER: &str = "
    navigator.canShare = () => true;
    navigator.share = async given => { window.shared = given; };
    0";

const SIZES: [(u32, u32, bool); 3] = [(390, 844, true), (844, 390, true), (1280, 720, false)];

/// Looks at a page in every size, in the dark and in the light.
async fn look(page: &Page<'_>, axe: &Axe, what: &str) -> Result<()> {
    for (width, height, phone) in SIZES {
        for scheme in ["dark", "light"] {
            page.emulate(width, height, phone, scheme).await?;
            page.screenshot(&format!("{what}_{width}_{scheme}")).await?;
            axe.judge(page, &format!("{what}, {width}, {scheme}"))
                .await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_happened_goes_to_a_chat_as_a_film_and_to_others_by_a_link_that_shows_nothing_else()
-> Result<()> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("recordings").display().to_string();
    let locked = Locked::start(&[
        "--source",
        "pattern",
        "--size",
        "320x240",
        "--record",
        &directory,
        "--record-mode",
        "events",
    ])?;
    let (axe, browser) = (Axe::installed()?, Browser::start().await?);
    let page = browser.open(&locked.link()?).await?;
    page.wait_for("document.querySelector('pi-camera')?.dataset.state === 'live'")
        .await?;
    page.eval(LOOK).await?;
    page.eval(HANDS_OVER).await?;
    let tell = "fetch('api/v1/events', {method: 'POST', body: JSON.stringify({label: 'bell', seconds: 2})}).then(it => it.json()).then(it => it.start_us)";
    let start = page.eval(tell).await?.as_f64().unwrap_or_default();
    page.wait_for(&format!(
        "fetch('api/v1/events').then(it => it.json()).then(({{events: [it]}}) => it.end_us > 0).then(ended => ended &&
            fetch('api/v1/recordings/frame.jpg?near=before&at_us={}')).then(it => it && it.headers.get('x-timestamp') * 1e6 > {start} + 1.5e6)",
        start + 1e7
    ))
    .await?;
    // Three taps to what happened, and one to what can be done with it.
    page.emulate(390, 844, true, "dark").await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#b-recordings')?.checkVisibility()")
        .await?;
    page.eval_clicked("part('#b-recordings').click()").await?;
    page.wait_for("part('#recordings')?.open && part('#r-share').disabled")
        .await?;
    page.eval_clicked("part('#r-events').click()").await?;
    page.wait_for("part('#r-list button')?.innerText.includes('bell')")
        .await?;
    page.eval_clicked("part('#r-list button').click()").await?;
    page.wait_for("!part('#r-share').disabled").await?;
    page.eval_clicked("part('#r-share').click()").await?;
    page.wait_for("part('#r-out')?.open && part('#s-send') && !part('#s-status').textContent")
        .await?;
    look(&page, &axe, "share").await?;
    // The film is that event, and plays.
    page.eval_clicked("part('#s-send').click()").await?;
    page.wait_for("window.shared?.files?.[0].size > 10000")
        .await?;
    let film = page
        .eval("(([it]) => `${it.name} ${it.type}`)(shared.files)")
        .await?;
    let film = film.as_str().unwrap_or_default();
    ensure!(
        film.starts_with("pattern-20") && film.ends_with(".mp4 video/mp4"),
        "{film}"
    );
    page.eval(
        "window.film = Object.assign(document.createElement('video'), {muted: true, src: URL.createObjectURL(shared.files[0])});
        document.body.append(film); 0",
    )
    .await?;
    page.wait_for("film.error || (film.videoWidth === 320 && film.duration > 3)")
        .await?;
    page.eval("film.currentTime = 2; 0").await?;
    page.wait_for("film.error || (!film.seeking && film.currentTime === 2 && film.readyState > 1)")
        .await?;
    let failed = page.eval("film.error?.message ?? null").await?;
    ensure!(failed.is_null(), "it does not play: {failed}");
    page.eval("film.remove()").await?;
    // A link, which another browser opens that has no key.
    page.eval_clicked("part('#s-make').click()").await?;
    page.wait_for("part('#s-link')?.value && part('#r-out .acts img')?.naturalWidth > 0")
        .await?;
    page.emulate(390, 844, true, "dark").await?;
    page.screenshot("share_link").await?;
    axe.judge(&page, "a link").await?;
    let link = page.eval("part('#s-link').value").await?;
    let link = link.as_str().context("there is no link")?;
    let guests = Browser::start().await?;
    let guest = guests.open(link).await?;
    guest.wait_for("window.part = selector => document.getElementById('host')?.shadowRoot?.querySelector(selector)").await?;
    guest
        .wait_for("part('#recordings')?.open && part('#r-picture').naturalWidth === 320")
        .await?;
    ensure!(
        guest
            .eval("part('#r-events').checkVisibility() || part('#r-from').checkVisibility()")
            .await?
            == false
    );
    // It cannot be left for anything else, ends with its span, and is saved.
    guest
        .wait_for("part('#r-play').title === 'Play back'")
        .await?;
    let shown = guest
        .eval("Number(part('#recordings').dataset.shown)")
        .await?
        .as_f64();
    let shown = shown.unwrap_or_default() * 1000.0;
    ensure!(
        (start - 3e6..start + 4e6).contains(&shown),
        "{shown} {start}"
    );
    look(&guest, &axe, "clip").await?;
    guest.eval_clicked("part('#r-share').click()").await?;
    guest
        .wait_for("part('#r-out')?.open && part('#s-mp4') && !part('#s-make').checkVisibility()")
        .await?;
    guest.screenshot("clip_share").await?;
    let live = guest
        .eval("fetch('snapshot.jpg' + '?key=' + location.hash.slice(1)).then(it => it.status)")
        .await?;
    ensure!(live == 403, "{live}");
    // Its owner sees it among the keys, and ends it.
    page.eval_clicked("part('#r-out form button').click()")
        .await?;
    page.eval_clicked("part('#r-live').click()").await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.eval_clicked("part('#b-settings').click()").await?;
    page.wait_for("part('#settings')?.open").await?;
    page.eval_clicked("part('#tab-keys').click()").await?;
    page.wait_for("part('#links li')?.innerText.includes('Test pattern')")
        .await?;
    page.screenshot("share_links").await?;
    axe.judge(&page, "links in the settings").await?;
    page.eval("part('#links').scrollIntoView()").await?;
    page.eval_clicked("part('#links button').click()").await?;
    page.eval_clicked("part('#links button').click()").await?;
    page.wait_for("!part('#links')").await?;
    guest.reload().await?;
    guest.wait_for("document.getElementById('host')?.shadowRoot?.querySelector('#c-note')?.textContent.includes('has ended')").await?;
    guest.screenshot("clip_ended").await?;
    // The page before it was signed in.
    page.expect_no_complaints(&["401"])
}
