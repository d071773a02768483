//! What a page shows of the server's own recording.

use anyhow::Result;
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::Server;

/// Waits until that stands beside the badge; nothing where it is empty.
async fn wait_said(page: &Page<'_>, said: &str) -> Result<()> {
    page.wait_for(&format!(
        "document.querySelector('pi-camera').shadowRoot.querySelector('#recorded')?.innerText.trim() === {said:?}"
    ))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_page_shows_whether_the_server_records_and_why_not_while_the_picture_stays_live()
-> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let (disk, away) = (path("recordings"), path("away"));
    let directory = disk.display().to_string();
    let pattern = ["--source", "pattern", "--size", "320x240"];
    let server = Server::start(&[&pattern[..], &["--record", &directory]].concat())?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    wait_said(&page, "REC").await?;
    page.screenshot("recorded").await?;
    std::fs::rename(&disk, &away)?;
    std::fs::create_dir(&disk)?;
    wait_said(&page, "Not recording: no disk").await?;
    page.wait_drawn(5).await?;
    page.wait_state("live").await?;
    page.screenshot("not-recorded").await?;
    std::fs::remove_dir(&disk)?;
    std::fs::rename(&away, &disk)?;
    wait_said(&page, "REC").await?;
    page.expect_no_complaints(&[])
}
