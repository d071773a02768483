//! The viewer behind what stands between a browser and the server: Trunk while the viewer is worked on, and proxies with
//! bad habits.

use anyhow::{Context as _, Result, ensure};
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::proxy::{Habit, Proxy};
use pistreamer_e2e::server::{Locked, PATTERN, Server};
use pistreamer_e2e::site::Site;
use pistreamer_e2e::workshop::Workshop;

/// A page that shows new pictures in that wire format, whenever Trunk last loaded it again.
async fn wait_live(page: &Page<'_>, wire: &str) -> Result<()> {
    page.wait_for(&format!(
        "(camera => camera?.state === 'live' && camera.dataset.drawn > 5
            && camera.dataset.wire === 'pistreamer.{wire}.v1')(document.querySelector('pi-camera'))"
    ))
    .await?;
    ensure!(page.picture().await?.painted().is_some(), "no picture");
    Ok(())
}

/// Both wire formats show the camera, and a change of the style is seen without a hand at the browser.
async fn both_wires_are_live_and_an_edit_is_seen(
    workshop: &Workshop,
    page: &Page<'_>,
    width: u8,
) -> Result<()> {
    wait_live(page, "gzip-base64").await?;
    let url = format!("{}?wire=jpeg", workshop.url());
    let jpeg = page.browser().open(&url).await?;
    wait_live(&jpeg, "jpeg").await?;
    // A page behind another rests.
    page.activate().await?;
    let style = format!("\nbody {{ outline: {width}px solid }}\n");
    workshop.edit("web-client/page.css", |css| css.to_owned() + &style)?;
    page.wait_for(&format!(
        "(style => style?.outlineStyle === 'solid' && style.outlineWidth === '{width}px')(
            document.body && getComputedStyle(document.body))"
    ))
    .await?;
    wait_live(page, "gzip-base64").await
}

#[tokio::test]
async fn trunk_serve_and_dev_serve_show_the_camera_with_its_key_and_without() -> Result<()> {
    let Locked { server, key, state } = Locked::start(&PATTERN)?;
    let port = server.port();
    let workshop = Workshop::beside(port)?;
    let (url, linked) = (workshop.url(), format!("{}#key={key}", workshop.url()));
    let trunk = workshop.trunk()?;

    let browser = Browser::start().await?;
    let page = browser.open(&url).await?;
    page.wait_for("document.forms.length === 1").await?;
    let page = browser.open(&format!("{url}#key=wrong")).await?;
    page.wait_for("document.getElementById('message')?.textContent === 'That is not the key.'")
        .await?;
    ensure!(page.eval("location.href").await? == url.as_str());
    // Pasted where the page already stands, the link loads nothing anew.
    page.eval(&format!("location.href = '{linked}'")).await?;
    wait_live(&page, "gzip-base64").await?;
    ensure!(page.eval("location.href").await? == url.as_str());
    page.eval(&format!("location.href = '{url}#key=wrong'"))
        .await?;
    page.wait_for("location.hash === ''").await?;
    wait_live(&page, "gzip-base64").await?;
    let answers = "Promise.all(['snapshot.jpg', 'snapshot', 'metrics', 'healthz', 'api/v1/status', 'embed'].map(
        path => fetch(path).then(answer => answer.status)))";
    ensure!(page.eval(answers).await? == serde_json::json!([200, 200, 200, 200, 200, 200]));
    both_wires_are_live_and_an_edit_is_seen(&workshop, &page, 3).await?;
    let unknown = browser.open(&format!("{url}?camera=9")).await?;
    unknown
        .wait_for("document.querySelector('pi-camera')?.reason?.includes('there is no camera')")
        .await?;

    drop(server);
    let server = Server::start_on(port, &PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&url).await?;
    both_wires_are_live_and_an_edit_is_seen(&workshop, &page, 5).await?;
    // A page on another port of this machine gets nothing through Trunk, though the server is open.
    let mut site = Site::reserve().await?;
    let beside = format!(
        "<!doctype html><script>
            const socket = new WebSocket('{}ws');
            socket.onmessage = () => window.got = 'a message';
            socket.onclose = () => window.got ??= 'nothing';
        </script>",
        url.replace("http:", "ws:")
    );
    let other = browser.open(&site.serve(&beside)).await?;
    ensure!(other.wait_for("window.got").await? == "nothing");
    drop((trunk, server));

    let listen = format!("127.0.0.1:{port}");
    let listen = [&PATTERN[..], &["--listen", &listen]].concat();
    let state = state.path().to_str().context("a path of letters")?;
    let dev = workshop.dev(&[&listen[..], &["--state-dir", state]].concat())?;
    let browser = Browser::start().await?;
    let page = browser.open(&linked).await?;
    both_wires_are_live_and_an_edit_is_seen(&workshop, &page, 7).await?;
    drop(dev);
    let _dev = workshop.dev(&[&listen[..], &["--no-auth"]].concat())?;
    let browser = Browser::start().await?;
    let page = browser.open(&url).await?;
    both_wires_are_live_and_an_edit_is_seen(&workshop, &page, 9).await
}

#[tokio::test]
async fn the_camera_is_seen_through_proxies_that_lose_subprotocols_or_queries() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    for (habit, wire) in [
        (Habit::LosesSubprotocols, "jpeg"),
        // What was asked for does not arrive, and what comes is shown.
        (Habit::LosesQueries, "gzip-base64"),
    ] {
        let proxy = Proxy::before(server.port(), habit).await?;
        let page = browser.open(&format!("{}?wire=jpeg", proxy.url())).await?;
        wait_live(&page, wire).await?;
    }
    Ok(())
}

#[tokio::test]
async fn behind_a_proxy_without_websockets_the_viewer_says_what_the_proxy_has_to_do() -> Result<()>
{
    let server = Server::start(&PATTERN)?;
    let proxy = Proxy::before(server.port(), Habit::LosesUpgrades).await?;
    let browser = Browser::start().await?;
    let page = browser.open(&proxy.url()).await?;
    page.wait_for(
        "document.querySelector('pi-camera')?.reason?.includes('has to pass on Upgrade')",
    )
    .await?;
    ensure!(page.attribute("data-state").await? == "refused");
    Ok(())
}

#[tokio::test]
async fn behind_a_proxy_that_loses_queries_no_other_camera_is_shown_than_the_one_asked_for()
-> Result<()> {
    let mut site = Site::reserve().await?;
    let (folder, origin) = (tempfile::tempdir()?, site.origin());
    let file = folder.path().join("pistreamer.toml");
    let cameras =
        ["door", "yard"].map(|id| format!("[[camera]]\nid = \"{id}\"\nsource = \"pattern\"\n"));
    std::fs::write(
        &file,
        format!(
            "[access]\nallow_origin = [\"{origin}\"]\n{}",
            cameras.concat()
        ),
    )?;
    let server = Server::start(&["--config", &file.display().to_string()])?;
    let proxy = Proxy::before(server.port(), Habit::LosesQueries).await?;
    let url = proxy.url();
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{url}embed.js'></script>
        <style>pi-camera {{ width: 320px }}</style>
        <pi-camera id=first src='{url}' camera=0></pi-camera>
        <pi-camera id=door src='{url}?camera=door'></pi-camera>
        <pi-camera id=yard src='{url}' camera=yard></pi-camera>
        <script>
            window.tries = 0;
            const yard = document.querySelector('#yard');
            yard.addEventListener('statechange', ({{detail}}) => tries += detail.state === 'refused');
            window.untouched = () => yard.shadowRoot.querySelector('canvas').width === 300 && yard.seq === null;
        </script>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    for right in ["first", "door"] {
        page.wait_for(&format!(
            "document.querySelector('#{right}')?.state === 'live'"
        ))
        .await?;
    }
    page.wait_for("globalThis.tries > 0").await?;
    let reason = page.eval("yard.reason").await?;
    let reason = reason.as_str().context("no reason")?;
    ensure!(
        reason.contains("asked for the camera \"yard\" and was answered by \"door\""),
        "{reason}"
    );
    // Each try is let in and refused anew; what the proxy brings meanwhile is never drawn.
    page.wait_for(
        "yard.shadowRoot.querySelector('#notice-text').innerText.includes('next try in 2 s')",
    )
    .await?;
    ensure!(
        page.eval("untouched()").await? == true,
        "another camera was drawn"
    );
    ensure!(page.eval("tries").await? == 1);
    page.screenshot("another-camera").await?;
    Ok(())
}
