//! The photo in full resolution: offered to whom may have it where the camera takes larger pictures than it streams, and saved.
//!
//! The test pattern takes none: what the server answers is scripted in the page.

use anyhow::Result;
use pistreamer_e2e::browser::Browser;
use pistreamer_e2e::server::{PATTERN, Server};

/// A server that takes a photo of 4056x3040 pixels once, and then refuses.
const SCRIPT: &str = "
    window.camera = document.querySelector('pi-camera');
    window.part = selector => camera.shadowRoot.querySelector(selector);
    window.saved = [];
    HTMLAnchorElement.prototype.click = function () { saved.push(this.download); };
    window.asked = [];
    const real = window.fetch;
    window.fetch = async (url, options = {}) => {
        if (!String(url).includes('/still.jpg')) return real(url, options);
        const method = options.method ?? 'GET';
        asked.push(`${method} ${new URL(url).search}`);
        const headers = { 'pistreamer-still': 'full', 'x-timestamp': '1764000000.5' };
        if (method === 'HEAD') return new Response(null, { headers });
        if (asked.length > 2) return new Response('try again in 4 s', { status: 429 });
        return new Response(new Blob(['photo'], { type: 'image/jpeg' }), { headers });
    };
    0";

#[tokio::test]
async fn a_photo_in_full_resolution_is_offered_taken_by_key_and_saved() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(SCRIPT).await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#b-still')?.checkVisibility()").await?;
    page.screenshot("still").await?;
    page.eval_clicked("part('#b-still').click()").await?;
    page.wait_for("saved[0] === 'pattern-2025-11-24T160000Z.jpg'")
        .await?;
    page.wait_for("part('#toast').textContent === 'Saved pattern-2025-11-24T160000Z.jpg'")
        .await?;
    page.wait_for("part('#menu').hidden").await?;
    // By its key, and why there is none.
    page.eval("camera.dispatchEvent(new KeyboardEvent('keydown', { key: 'i', bubbles: true, composed: true })), 0")
        .await?;
    page.wait_for("part('#toast').textContent === 'No photo: try again in 4 s'")
        .await?;
    page.wait_for(
        "asked.join() === 'HEAD ?camera=pattern,GET ?camera=pattern,GET ?camera=pattern'",
    )
    .await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn no_photo_is_offered_where_the_stream_is_as_large() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval("window.part = selector => document.querySelector('pi-camera').shadowRoot.querySelector(selector), 0")
        .await?;
    page.eval_clicked("part('#b-more').click()").await?;
    // Both are asked for when it is opened.
    page.wait_for("part('#b-settings')?.checkVisibility()")
        .await?;
    page.wait_for(
        "performance.getEntriesByType('resource').some(({ name }) => name.includes('/still.jpg'))",
    )
    .await?;
    page.wait_for("part('#b-still').hidden").await?;
    page.expect_no_complaints(&[])
}
