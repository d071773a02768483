//! `phone LINK`: opens a link as a phone does, and ends well once the picture is live and new frames are drawn.
//! packaging/first-minute.sh calls it.

use anyhow::{Context as _, Result};
use pistreamer_e2e::browser::Browser;
use serde_json::json;

#[tokio::main]
async fn main() -> Result<()> {
    let link = std::env::args().nth(1).context("phone LINK")?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    page.emulate(390, 844, true, "light").await?;
    page.call("Page.navigate", json!({"url": link})).await?;
    page.wait_state("live").await?;
    page.wait_drawn(5).await?;
    let width = page.eval("innerWidth").await?;
    anyhow::ensure!(width == 390, "the page is {width} wide");
    // The page that exchanges the link for a session has none itself yet.
    page.expect_no_complaints(&["401 (Unauthorized)"])?;
    println!("live on a phone");
    Ok(())
}
