//! What must not grow: memory while a page stands open, and what is left behind by elements that come and go.

use anyhow::Result;
use pistreamer_e2e::browser::{Browser, poll};
use pistreamer_e2e::fake::{FakeServer, Open, frame};
use pistreamer_e2e::memory::Memory;
use pistreamer_e2e::server::{PATTERN, Server};

/// Frames until everything is loaded, compiled and pooled: 15 s.
const WARM_UP: u64 = 450;
/// Frames between two measurements: 10 s.
const LAP: u64 = 300;
/// Measurements after the warm-up.
const LAPS: usize = 4;

#[tokio::test]
async fn a_page_that_stands_open_does_not_grow() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    let mut frames = WARM_UP;
    page.wait_at_least("data-drawn", frames).await?;
    let start = page.memory().await?;
    let mut laps: Vec<Memory> = Vec::new();
    for _ in 0..LAPS {
        frames += LAP;
        page.wait_at_least("data-drawn", frames).await?;
        laps.push(page.memory().await?);
    }
    // The least of the laps: a leak is in all of them, garbage that waits to be collected is not.
    let least = |part: fn(&Memory) -> u64| laps.iter().map(part).min().unwrap_or_default();
    let (heap, renderer) = (least(|lap| lap.heap), least(|lap| lap.renderer));
    println!("{start:?}, then {laps:?}");
    // A kept JPEG per frame would add 20 MB a lap, a kept bitmap 1 MB a frame.
    assert!(
        heap < start.heap * 3 / 2 + (1 << 20),
        "JavaScript heap: {start:?}, {laps:?}"
    );
    assert!(
        renderer < start.renderer * 5 / 4,
        "renderer: {start:?}, {laps:?}"
    );
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn elements_that_come_and_go_leave_nothing_behind() -> Result<()> {
    let mut server = FakeServer::start().await?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    let open = Open::default();
    let mut seq = 0;
    for _ in 0..50 {
        // Each time the element connects anew, and draws.
        let mut viewer = server.viewer().await?;
        viewer.hello().await?;
        seq += 1;
        viewer.frame(&frame(seq, 100)?).await?;
        viewer.drawn(seq).await?;
        open.hold(viewer);
        page.eval("window.camera = document.querySelector('pi-camera'); camera.remove(); document.body.append(camera)")
            .await?;
    }
    // At once, so that it goes while its worker starts and its socket opens.
    page.eval("for (let i = 0; i < 50; i++) { camera.remove(); document.body.append(camera); }")
        .await?;
    page.eval("camera.remove()").await?;
    poll("every worker has ended", async || {
        Ok(page.workers().is_empty().then_some(()))
    })
    .await?;
    poll("every socket is closed", async || {
        Ok((open.count() == 0).then_some(()))
    })
    .await?;
    page.expect_no_complaints(&[])
}
