//! Other people's pages: the element on another origin, the viewer in an iframe, the stream in an `<img>`, the examples.

use anyhow::{Context as _, Result, bail};
use pistreamer_e2e::browser::{Browser, Page, poll};
use pistreamer_e2e::server::{PATTERN, Server};
use pistreamer_e2e::site::Site;

/// A server that lets a site's pages in.
fn server_for(site: &Site, more: &[&str]) -> Result<Server> {
    let origin = site.origin();
    Server::start(&[&PATTERN[..], &["--allow-origin", &origin], more].concat())
}

/// The page of an example, with the test's server in the place of the one in its text.
fn example(name: &str, server: &Server) -> Result<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let page = std::fs::read_to_string(format!("{path}/{name}"))?;
    Ok(page.replace(
        "raspberrypi.local:8000",
        &format!("127.0.0.1:{}", server.port()),
    ))
}

/// Waits until that many elements are live and each has drawn `frames` more.
async fn wait_all_live(page: &Page<'_>, cameras: usize) -> Result<()> {
    page.wait_for(&format!(
        "(() => {{
            const cameras = [...document.querySelectorAll('pi-camera')];
            return cameras.length === {cameras} && cameras.every(camera =>
                camera.dataset.state === 'live' && Number(camera.dataset.drawn) >= 5);
        }})()"
    ))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_camera_that_is_scrolled_away_rests_until_it_is_seen_again() -> Result<()> {
    let mut site = Site::reserve().await?;
    let server = server_for(&site, &[])?;
    let url = server.url();
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{url}embed.js'></script>
        <style>pi-camera {{ width: 320px; height: 240px; display: block }} div {{ height: 5000px }}</style>
        <pi-camera src='{url}'></pi-camera><div></div>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    wait_all_live(&page, 1).await?;
    page.eval("scrollTo(0, 3000)").await?;
    page.wait_for("document.querySelector('pi-camera').dataset.state === 'hidden'")
        .await?;
    page.eval("document.querySelector('pi-camera').dataset.drawn = 0; scrollTo(0, 0)")
        .await?;
    wait_all_live(&page, 1).await?;
    Ok(())
}

#[tokio::test]
async fn one_page_shows_three_cameras_of_two_servers_and_takes_them_out_and_in_again() -> Result<()>
{
    let mut site = Site::reserve().await?;
    let two = server_for(&site, &["--source", "pattern"])?;
    let one = server_for(&site, &[])?;
    let (two, one) = (two.url(), one.url());
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{two}embed.js'></script>
        <style>pi-camera {{ width: 320px; height: 240px; display: inline-block }}</style>
        <pi-camera src='{two}' camera=0></pi-camera><pi-camera src='{two}' camera=1></pi-camera><pi-camera src='{one}'></pi-camera>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    wait_all_live(&page, 3).await?;

    page.eval("window.taken = [...document.querySelectorAll('pi-camera')]; taken.forEach(camera => camera.remove())")
        .await?;
    poll("the workers are gone", async || {
        Ok(page.workers().is_empty().then_some(()))
    })
    .await?;
    page.eval(
        "taken.forEach(camera => { camera.dataset.drawn = 0; document.body.append(camera); })",
    )
    .await?;
    wait_all_live(&page, 3).await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn a_page_that_is_not_allowed_is_told_how_to_be() -> Result<()> {
    let mut site = Site::reserve().await?;
    let server = Server::start(&PATTERN)?;
    let url = server.url();
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{url}embed.js'></script><pi-camera src='{url}'></pi-camera>
        <script>
            window.told = [];
            document.querySelector('pi-camera').addEventListener('error', ({{detail}}) => told.push(detail.message));
        </script>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    let wanted = format!("--allow-origin {}", site.origin());
    poll("the element says what to do", async || {
        Ok(page
            .visible_text()
            .await
            .unwrap_or_default()
            .contains(&wanted)
            .then_some(()))
    })
    .await?;
    assert_eq!(page.count("data-drawn").await?, 0);
    let told = page.eval("told.join()").await?;
    assert!(
        told.as_str().is_some_and(|told| told.contains(&wanted)),
        "{told}"
    );
    Ok(())
}

#[tokio::test]
async fn a_page_that_asks_for_a_camera_that_is_not_there_is_told_which_ones_are() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&format!("{}?camera=7", server.url())).await?;
    poll("the element says which", async || {
        let text = page.visible_text().await.unwrap_or_default();
        Ok(text.contains("there is no camera \"7\"").then_some(()))
    })
    .await
}

#[tokio::test]
async fn the_embedded_viewer_has_the_chrome_that_its_address_asks_for() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    for (query, attributes) in [
        ("embed", ""),
        (
            "embed?controls=0&overlay=0&fit=cover&wire=jpeg",
            "fit=cover wire=jpeg",
        ),
        (
            "embed?controls=1&overlay&mirror=1&camera=0",
            "camera=0 controls= overlay= mirror=",
        ),
        ("?controls=0&overlay=off", ""),
        ("?overlay=1", "controls= overlay="),
        ("", "controls="),
    ] {
        let page = browser.open(&format!("{}{query}", server.url())).await?;
        page.wait_state("live").await?;
        page.wait_drawn(3).await?;
        let set = page
            .eval(
                "['camera', 'fit', 'wire', 'controls', 'overlay', 'mirror']
                    .map(name => [name, document.querySelector('pi-camera').getAttribute(name)])
                    .filter(([name, value]) => value !== null)
                    .map(([name, value]) => `${name}=${value}`).join(' ')",
            )
            .await?;
        assert_eq!(set, attributes, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn an_img_shows_each_frame_when_it_comes_and_not_when_the_next_one_does() -> Result<()> {
    const TRIES: usize = 10;
    // A browser that waits for the next part before it shows one is a whole second behind here.
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&format!("{}healthz", server.url())).await?;
    page.eval(
        "document.body.innerHTML = '<img src=\"stream.mjpg?fps=1\">';
        window.read = () => {
            const image = document.querySelector('img');
            if (!image.naturalWidth) return '';
            const context = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext('2d');
            context.drawImage(image, 0, 0);
            const {data} = context.getImageData(0, 0, image.naturalWidth, image.naturalHeight);
            let luma = '';
            for (let at = 0; at < data.length; at += 4) luma += String.fromCharCode(data[at + 1]);
            return btoa(luma);
        }",
    )
    .await?;
    // Thirty frames pass in a second: one in time is enough, as a browser that waits never shows any. Looking takes time,
    // too, on a machine that does much else.
    let mut shown = next_shown(&page, 0).await?;
    let mut behind = Vec::new();
    for _ in 0..TRIES {
        shown = next_shown(&page, shown).await?;
        behind.push(newest(&page).await? - shown);
        if behind.last() < Some(&20) {
            return Ok(());
        }
    }
    bail!("frames of delay of each picture shown: {behind:?}");
}

/// Waits until the image shows a frame after that one; its number.
async fn next_shown(page: &Page<'_>, after: u64) -> Result<u64> {
    use base64::Engine as _;
    poll("the image shows another frame", async || {
        let luma = page.eval("read()").await?;
        let luma = base64::prelude::BASE64_STANDARD.decode(luma.as_str().unwrap_or_default())?;
        let painted = pistreamer_pattern::read_back(&luma, 640, 640, 480);
        Ok(painted
            .map(|painted| painted.seq)
            .filter(|seq| *seq > after))
    })
    .await
}

/// The number of the camera's newest frame.
async fn newest(page: &Page<'_>) -> Result<u64> {
    let stamp = page
        .eval("fetch('snapshot.jpg').then(answer => answer.blob()).then(blob => blob.slice(0, 400).text())")
        .await?;
    let stamp = stamp.as_str().unwrap_or_default();
    let (_, rest) = stamp.split_once("seq=").context("no stamp")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    digits
        .and_then(|digits| digits.parse().ok())
        .context("no number")
}

#[tokio::test]
async fn the_example_page_draws_without_any_library() -> Result<()> {
    let mut site = Site::reserve().await?;
    let server = server_for(&site, &[])?;
    let url = site.serve(&example("page.html", &server)?);
    let browser = Browser::start().await?;
    let page = browser.open(&url).await?;
    page.wait_for("document.getElementById('camera')?.naturalWidth === 640")
        .await?;
    page.eval("window.before = camera.src").await?;
    page.wait_for("camera.src !== before").await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn the_example_dashboard_shows_one_camera_three_ways() -> Result<()> {
    let mut site = Site::reserve().await?;
    let server = server_for(&site, &[])?;
    let url = site.serve(&example("dashboard.html", &server)?);
    let browser = Browser::start().await?;
    let page = browser.open(&url).await?;
    page.wait_state("live").await?;
    page.wait_drawn(5).await?;
    page.wait_for("document.querySelector('img').naturalWidth === 640")
        .await?;
    page.wait_for("document.getElementById('age').value.endsWith(' ms old')")
        .await?;
    // The iframe is another origin's, so its server is asked instead: two viewers draw, one takes MJPEG.
    let viewers = format!(
        "fetch('{}api/v1/status').then(answer => answer.json()).then(({{viewers}}) =>
            viewers.filter(viewer => viewer.ack_age_ms !== null && viewer.ack_age_ms < 1000).length === 2
            && viewers.filter(viewer => viewer.wire === 'mjpeg' && viewer.sent > 1).length === 1)",
        server.url()
    );
    page.wait_for(&viewers).await?;
    page.screenshot("dashboard").await?;
    page.expect_no_complaints(&[])
}
