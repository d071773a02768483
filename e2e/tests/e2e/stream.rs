//! What people see: the camera's newest picture, in every place where they open the viewer.

use anyhow::{Context as _, Result};
use pistreamer_e2e::browser::{Browser, poll};
use pistreamer_e2e::fake::{FakeServer, frame};
use pistreamer_e2e::server::{PATTERN, Server};
use pistreamer_protocol::message::{CameraState, CameraStatus, ServerMessage};

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

#[tokio::test]
async fn a_camera_that_starts_anew_is_shown_as_starting_and_under_its_new_name() -> Result<()> {
    let mut server = FakeServer::start().await?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    let mut viewer = server.viewer().await?;
    viewer.hello().await?;
    viewer.frame(&frame(1, 60)?).await?;
    viewer.drawn(1).await?;
    page.wait_state("live").await?;
    page.wait_for("document.title === 'Fake – pistreamer'")
        .await?;
    let text = page.visible_text().await?;
    assert!(text.contains("Live Fake"), "shown: {text}");
    for (state, name, shown) in [
        (CameraState::Starting, Some("The gate"), "starting"),
        (CameraState::Live, None, "starting"),
    ] {
        let status = CameraStatus {
            state,
            name: name.map(str::to_owned),
            ..CameraStatus::default()
        };
        let told = ServerMessage::State(status);
        viewer.text(&told.to_json()).await?;
        page.wait_state(shown).await?;
        let title = page.eval("document.title").await?;
        assert_eq!(title, "The gate – pistreamer");
    }
    viewer
        .text(r#"{"type":"state","state":"of-the-future"}"#)
        .await?;
    viewer.frame(&frame(2, 90)?).await?;
    viewer.drawn(2).await?;
    page.wait_state("live").await?;
    let text = page.visible_text().await?;
    assert!(text.contains("Live The gate"), "shown: {text}");
    page.expect_no_complaints(&[])
}
