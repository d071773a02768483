//! The size of the picture: as large as its place on the screen, as the user pins it, and as the link carries it.

use anyhow::{Context as _, Result, ensure};
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::fake::{FakeServer, frame, picture};
use pistreamer_e2e::server::Server;
use pistreamer_e2e::site::Site;
use pistreamer_protocol::message::ViewerMessage;
use serde_json::json;
use std::time::Duration;

const LARGE: [&str; 6] = ["--source", "pattern", "--size", "1280x720", "--fps", "15"];

/// Waits until the pictures are so wide, and frames come.
async fn wait_width(page: &Page<'_>, element: &str, width: u32) -> Result<()> {
    page.wait_for(&format!(
        "(() => {{
            const camera = document.querySelector('{element}');
            return camera?.dataset.state === 'live' && camera.shadowRoot.querySelector('canvas')?.width === {width};
        }})()"
    ))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_small_element_pulls_a_small_picture_and_a_pinned_one_what_it_is_pinned_to() -> Result<()>
{
    let mut site = Site::reserve().await?;
    let origin = site.origin();
    let server = Server::start(&[&LARGE[..], &["--allow-origin", &origin]].concat())?;
    let url = server.url();
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{url}embed.js'></script>
        <style>pi-camera {{ width: 300px; height: 200px; display: block }}</style>
        <pi-camera id=auto src='{url}' overlay></pi-camera><pi-camera id=full size=full src='{url}'></pi-camera>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    wait_width(&page, "#auto", 320).await?;
    wait_width(&page, "#full", 1280).await?;
    page.wait_for(
        "document.querySelector('#auto').shadowRoot.querySelector('#o-why')?.textContent === 'automatic: fits the screen'",
    )
    .await?;
    page.eval("document.querySelector('#auto').style.width = '600px'; document.querySelector('#auto').style.height = '400px'")
        .await?;
    wait_width(&page, "#auto", 640).await?;
    page.eval("document.querySelector('#full').setAttribute('size', 'half')")
        .await?;
    wait_width(&page, "#full", 640).await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn the_first_picture_is_no_larger_than_its_place_on_the_screen() -> Result<()> {
    let mut server = FakeServer::start().await?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    page.emulate(390, 844, true, "dark").await?;
    page.call("Page.navigate", json!({"url": server.url()}))
        .await?;
    let mut viewer = server.viewer().await?;
    let (_, width) = viewer
        .target
        .split_once("width=")
        .context("no width is asked for")?;
    // Two pixels of the screen for each of the page's, and stretched a little.
    let width: f64 = width.parse()?;
    assert_eq!(width, (390.0 * 2.0 / 1.1_f64).ceil());
    let want = viewer
        .until(|message| matches!(message, ViewerMessage::Want(_)))
        .await?;
    let same = format!(r#""max_width":{width}"#);
    ensure!(want.to_json().contains(&same), "{want:?}");
    Ok(())
}

#[tokio::test]
async fn the_statistics_tell_the_size_of_the_picture_that_is_shown() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, size) in [("1", (640, 480)), ("2", (640, 360))] {
        let name = folder.path().join(format!("{name}.jpg"));
        std::fs::write(name, picture(size, 90)?)?;
    }
    let source = format!("files:{}", folder.path().display());
    let server = Server::start(&["--source", &source, "--fps", "10"])?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval("document.querySelector('pi-camera').setAttribute('overlay', '')")
        .await?;
    page.wait_for(
        "document.querySelector('pi-camera').shadowRoot.getElementById('o-size')?.textContent",
    )
    .await?;
    let told = page
        .eval(
            "new Promise(done => {
                const camera = document.querySelector('pi-camera');
                const part = id => camera.shadowRoot.getElementById(id);
                const told = [];
                camera.addEventListener('frame', () => {
                    const {width, height} = part('picture').style;
                    told.push([`${width} × ${height}`.replaceAll('px', ''), part('o-size').textContent]);
                    if (told.length === 20) done({told, fit: getComputedStyle(part('picture').firstChild).objectFit});
                });
            })",
        )
        .await?;
    let frames = told["told"].as_array().map_or(&[][..], Vec::as_slice);
    ensure!(frames.len() == 20, "{told}");
    for frame in frames {
        assert_eq!(frame[0], frame[1], "{told}");
    }
    assert!(
        frames.iter().any(|frame| frame[0] != frames[0][0]),
        "{told}"
    );
    // Else a picture is stretched until the page has laid it out.
    assert_eq!(told["fit"], "contain");
    Ok(())
}

#[tokio::test]
async fn the_size_is_pinned_by_key_and_by_menu_and_remembered() -> Result<()> {
    let server = Server::start(&LARGE)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    open_menu(&page).await?;
    page.eval(
        "document.querySelector('pi-camera').shadowRoot.querySelector('[data-do=size-quarter]').click()",
    )
    .await?;
    wait_width(&page, "pi-camera", 320).await?;
    page.reload().await?;
    wait_width(&page, "pi-camera", 320).await?;
    open_menu(&page).await?;
    // From a quarter to automatic, full, half.
    page.eval(
        "for (let n = 0; n < 3; n++)
            document.querySelector('pi-camera').dispatchEvent(new KeyboardEvent('keydown', {key: 'q', bubbles: true, composed: true}))",
    )
    .await?;
    wait_width(&page, "pi-camera", 640).await?;
    page.wait_for(
        "document.querySelector('pi-camera').shadowRoot.querySelector('[data-do=size-half]').getAttribute('aria-checked') === 'true'",
    )
    .await?;
    page.expect_no_complaints(&[])
}

/// Opens the viewer's menu, and waits until it has been loaded.
async fn open_menu(page: &Page<'_>) -> Result<()> {
    page.eval(
        "document.querySelector('pi-camera').shadowRoot.querySelector('[data-do=menu]').click()",
    )
    .await?;
    page.wait_for("document.querySelector('pi-camera').shadowRoot.querySelector('[data-do=size-half]') !== null")
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_picture_that_is_not_sent_again_stays_live() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("1.jpg"), picture((640, 480), 90)?)?;
    let source = format!("files:{}", folder.path().display());
    let server = Server::start(&["--source", &source, "--fps", "10"])?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    let before = page.count("data-seq").await?;
    let states = page
        .eval(
            "new Promise(done => {
                const camera = document.querySelector('pi-camera');
                const states = new Set();
                let frames = 0;
                camera.addEventListener('frame', () => {
                    states.add(camera.dataset.state);
                    if (++frames === 40) done([...states].join());
                });
            })",
        )
        .await?;
    assert_eq!(states, "live");
    assert!(page.count("data-seq").await? >= before + 40);
    let sent = page
        .eval("fetch('api/v1/status').then(answer => answer.json()).then(status => status.viewers[0].sent)")
        .await?;
    ensure!(
        sent.as_u64().is_some_and(|sent| sent < 20),
        "{sent} frames were sent"
    );
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn where_two_of_three_frames_are_missing_fewer_are_asked_for_and_the_reason_is_shown()
-> Result<()> {
    let mut server = FakeServer::start().await?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    let mut viewer = server.viewer().await?;
    viewer.hello().await?;
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    let mut seq = 1;
    let want = loop {
        pace.tick().await;
        seq += 3;
        viewer.frame(&frame(seq, 90)?).await?;
        let said = viewer
            .until(|message| match message {
                ViewerMessage::Ack { seq: drawn } => *drawn == seq,
                message => matches!(message, ViewerMessage::Want(want) if want.max_fps.is_some()),
            })
            .await?;
        if let ViewerMessage::Want(want) = said {
            break want;
        }
    };
    let fps = want.max_fps.unwrap_or(f64::INFINITY);
    ensure!((5.0..10.0).contains(&fps), "{want:?}");
    page.eval("document.querySelector('pi-camera').setAttribute('overlay', '')")
        .await?;
    let why = "document.querySelector('pi-camera').shadowRoot.querySelector('#o-why')?.textContent";
    page.wait_for(&format!("/^automatic: link carries .* per s$/.test({why})"))
        .await?;
    Ok(())
}

#[tokio::test]
async fn an_element_with_use_for_few_pictures_asks_for_no_more() -> Result<()> {
    let mut server = FakeServer::start().await?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    let mut viewer = server.viewer().await?;
    viewer.hello().await?;
    let mut asks = async |fps: Option<f64>| -> Result<()> {
        let asked = |message: &ViewerMessage| matches!(message, ViewerMessage::Want(want) if want.max_fps == fps);
        viewer.until(asked).await.map(drop)
    };
    asks(None).await?;
    page.eval("document.querySelector('pi-camera').setAttribute('max-fps', '5')")
        .await?;
    asks(Some(5.0)).await?;
    page.eval("document.querySelector('pi-camera').maxFps = 2.5")
        .await?;
    asks(Some(2.0)).await?;
    page.eval("document.querySelector('pi-camera').maxFps = null")
        .await?;
    asks(None).await
}
