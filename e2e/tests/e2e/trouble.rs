//! What goes wrong on the way, and that people are told and the picture comes back.

use anyhow::{Context as _, Result, ensure};
use pistreamer_e2e::browser::{Browser, poll};
use pistreamer_e2e::fake::{FakeServer, frame, frame_captured, now_us};
use pistreamer_e2e::server::{PATTERN, Server};
use pistreamer_protocol::message::{ServerMessage, ViewerMessage};
use std::time::{Duration, Instant};

#[tokio::test]
async fn the_button_back_shows_the_picture_and_no_lost_server_before_it() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(
        "window.states = [];
         document.querySelector('pi-camera').addEventListener('statechange', ({detail}) => states.push(detail.state));
         location.href = 'login.css'",
    )
    .await?;
    page.wait_for("location.pathname === '/login.css' && document.readyState === 'complete'")
        .await?;
    page.eval("void history.back()").await?;
    // The very same document.
    page.wait_for("window.states?.at(-1) === 'live'").await?;
    let states = page.eval("states.join()").await?;
    ensure!(
        !states
            .as_str()
            .is_some_and(|states| states.contains("lost")),
        "{states}"
    );
    Ok(())
}

#[tokio::test]
async fn a_lost_server_is_told_and_its_return_is_live_without_reload() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let port = server.port();
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.wait_drawn(30).await?;
    page.eval("window.sameDocument = true").await?;
    drop(server);
    page.wait_state("lost").await?;
    let text = page.visible_text().await?;
    assert!(text.contains("Server lost"), "shown: {text}");
    let restarted_us = now_us();
    let server = Server::start_on(port, &PATTERN)?;
    page.wait_state("live").await?;
    page.wait_drawn(3).await?;
    // A frame of the new server, which counts from 1 again.
    let painted = page.picture().await?.painted();
    let painted = painted.context("the strip cannot be read")?;
    assert!(painted.captured_us > restarted_us);
    assert_eq!(page.eval("window.sameDocument").await?, true);
    let text = page.visible_text().await?;
    assert!(!text.contains("Server lost"), "shown: {text}");
    drop(server);
    page.expect_no_complaints(&["ERR_CONNECTION", "WebSocket connection to"])
}

#[tokio::test]
async fn broken_frames_are_counted_and_the_next_good_one_is_drawn() -> Result<()> {
    let mut server = FakeServer::start().await?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    let mut viewer = server.viewer().await?;
    viewer.hello().await?;
    viewer.frame(&frame(1, 60)?).await?;
    viewer.drawn(1).await?;
    page.wait_state("live").await?;

    let good = viewer.message(&frame(2, 90)?);
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 0x10;
    let broken = [
        Vec::new(),
        vec![0x55; 5000],
        good[..good.len() / 2].to_vec(),
        good[..good.len() - 1].to_vec(),
        flipped,
        // An intact envelope, with no picture in it.
        viewer.message(b"\xff\xd8 this is no picture \xff\xd9"),
    ];
    for (before, message) in broken.into_iter().enumerate() {
        viewer.binary(message).await?;
        page.wait_at_least("data-corrupt", before as u64 + 1)
            .await?;
        viewer.frame(&frame(10 + before as u64, 120)?).await?;
        viewer.drawn(10 + before as u64).await?;
    }
    viewer.text("this is no JSON").await?;
    viewer.text(r#"{"type":"of-the-future"}"#).await?;
    viewer.frame(&frame(100, 200)?).await?;
    viewer.drawn(100).await?;
    page.wait_at_least("data-seq", 100).await?;
    // What a worker has drawn is on the page with the next picture of the screen.
    poll("the last frame is seen", async || {
        let shown = page.picture().await?.mean();
        Ok(((shown - 200.0).abs() < 3.0).then_some(()))
    })
    .await?;
    assert_eq!(page.count("data-corrupt").await?, 6);
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn what_a_standstill_held_up_is_drawn_only_if_nothing_newer_comes() -> Result<()> {
    const STANDSTILL: Duration = Duration::from_secs(3);
    let mut server = FakeServer::start().await?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    let mut viewer = server.viewer().await?;
    viewer.hello().await?;
    for seq in 1..=10 {
        viewer.frame(&frame(seq, 60)?).await?;
        viewer.drawn(seq).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let stopped_us = now_us();
    tokio::time::sleep(STANDSTILL).await;
    for seq in [11, 12] {
        viewer.frame(&frame_captured(seq, 90, stopped_us)?).await?;
    }
    viewer.drawn(12).await?;
    let unchanged = ServerMessage::Unchanged {
        seq: 13,
        captured_us: now_us(),
    };
    viewer.text(&unchanged.to_json()).await?;
    // It is what is shown over there, so it is needed.
    page.wait_at_least("data-seq", 12).await?;
    viewer.frame(&frame(14, 120)?).await?;
    viewer.drawn(14).await?;
    page.wait_at_least("data-drawn", 12).await?;
    assert_eq!(page.count("data-drawn").await?, 12);
    assert_eq!(page.count("data-skipped").await?, 2);

    tokio::time::sleep(STANDSTILL).await;
    viewer
        .frame(&frame_captured(15, 90, now_us() - 2_500_000)?)
        .await?;
    viewer.drawn(15).await?;
    assert_eq!(page.count("data-seq").await?, 14);
    // Nothing newer comes.
    page.wait_at_least("data-seq", 15).await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn a_snapshot_is_byte_for_byte_the_frame_that_was_sent() -> Result<()> {
    let mut server = FakeServer::start().await?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    let mut viewer = server.viewer().await?;
    viewer.hello().await?;
    for seq in 1..=3 {
        let jpeg = frame(seq, 50 * seq as u8)?;
        viewer.frame(&jpeg).await?;
        viewer.drawn(seq).await?;
        assert!(page.snapshot().await? == jpeg, "frame {seq}");
    }
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn a_hidden_page_asks_for_no_frames_and_is_live_at_once_when_it_is_seen_again() -> Result<()>
{
    let mut server = FakeServer::start().await?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    let mut viewer = server.viewer().await?;
    viewer.hello().await?;
    viewer.frame(&frame(1, 60)?).await?;
    viewer.drawn(1).await?;

    let other = browser.open("").await?;
    other.activate().await?;
    viewer
        .until(|message| *message == ViewerMessage::Pause)
        .await?;
    page.wait_state("hidden").await?;

    page.activate().await?;
    let seen = Instant::now();
    viewer
        .until(|message| *message == ViewerMessage::Resume)
        .await?;
    viewer.frame(&frame(2, 120)?).await?;
    viewer.drawn(2).await?;
    let took = seen.elapsed();
    // A person waits no longer; it is some 50 ms where nothing else runs.
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    page.wait_state("live").await?;
    page.expect_no_complaints(&[])
}
