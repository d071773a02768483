//! What people see: the camera's newest picture, in every place where they open the viewer.

use anyhow::{Context as _, Result};
use pistreamer_e2e::browser::{Browser, poll};
use pistreamer_e2e::server::{PATTERN, Server};

#[tokio::test]
async fn the_canvas_shows_the_frames_that_the_server_sends_now() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.wait_drawn(10).await?;
    // What a worker has drawn is on the page with the next picture of the screen, and drawn before it is told.
    let first = poll("what is painted is what is told", async || {
        let before = page.count("data-seq").await?;
        let picture = page.picture().await?;
        let after = page.count("data-seq").await?;
        assert_eq!((picture.width, picture.height), (640, 480));
        let painted = picture.painted().context("the strip cannot be read")?;
        Ok((before..=after + 1)
            .contains(&painted.seq)
            .then_some(painted))
    })
    .await?;
    page.wait_drawn(10).await?;
    let second = poll("ten frames later ten more are painted", async || {
        let painted = page.picture().await?.painted();
        let painted = painted.context("the strip cannot be read")?;
        Ok((painted.seq >= first.seq + 10).then_some(painted))
    })
    .await?;
    assert!(second.captured_us > first.captured_us);
    assert_eq!(page.count("data-corrupt").await?, 0);
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn both_wire_formats_show_the_same_picture() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    for (wire, name) in [
        ("jpeg", "pistreamer.jpeg.v1"),
        ("gzip-base64", "pistreamer.gzip-base64.v1"),
    ] {
        let page = browser
            .open(&format!("{}?wire={wire}", server.url()))
            .await?;
        page.wait_state("live").await?;
        page.wait_drawn(5).await?;
        assert!(name.contains(&page.attribute("data-wire").await?));
        assert!(page.picture().await?.painted().is_some(), "{wire}");
    }
    Ok(())
}

#[tokio::test]
async fn it_runs_on_plain_http_in_the_local_network() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let url = format!("http://raspberrypi.local:{}/", server.port());
    let page = browser.open(&url).await?;
    page.wait_state("live").await?;
    page.wait_drawn(5).await?;
    // Addresses of this very machine count as secure; what people use does not.
    assert_eq!(page.eval("isSecureContext").await?, false);
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn it_fits_phones_and_desks_by_day_and_by_night() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    for (device, width, height, phone) in [
        ("phone", 390, 844, true),
        ("phone-turned", 844, 390, true),
        ("desktop", 1280, 800, false),
    ] {
        for scheme in ["light", "dark"] {
            page.emulate(width, height, phone, scheme).await?;
            page.wait_for(&format!("innerWidth === {width}")).await?;
            page.wait_drawn(5).await?;
            let overflow =
                page.eval("document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight");
            assert_eq!(overflow.await?, false, "{device}: the page scrolls");
            let inside = page.eval(PICTURE_INSIDE).await?;
            assert_eq!(inside, true, "{device}: the picture is cut off or squeezed");
            let path = page.screenshot(&format!("{device}-{scheme}")).await?;
            assert!(path.metadata()?.len() > 10_000);
        }
    }
    page.expect_no_complaints(&[])
}

/// The whole picture is on the screen, in its own proportions.
const PICTURE_INSIDE: &str = "(() => {
    const canvas = document.querySelector('pi-camera').shadowRoot.querySelector('canvas');
    const box = canvas.getBoundingClientRect();
    return box.left >= -1 && box.top >= -1 && box.right <= innerWidth + 1 && box.bottom <= innerHeight + 1
        && box.width > 200 && Math.abs(box.width / box.height - canvas.width / canvas.height) < 0.02;
})()";
