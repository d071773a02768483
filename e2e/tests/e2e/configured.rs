//! A configuration file that changes while people look at its cameras.

use anyhow::{Result, ensure};
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::{Locked, Server};
use pistreamer_e2e::site::Site;
use std::path::Path;

/// Of `quarters.jpg`.
const WIDTH_OF_QUARTERS: u32 = 96;

/// Waits until all elements that a selector finds show pictures of that width under that name.
async fn wait_shown(page: &Page<'_>, elements: &str, width: u32, name: &str) -> Result<()> {
    page.wait_for(&format!(
        "[...document.querySelectorAll('{elements}')].every(camera => {{
            const part = id => camera.shadowRoot?.querySelector(id);
            return camera.dataset.state === 'live' && part('canvas')?.width === {width}
                && part('#badge').innerText.includes('{name}')
                && part('canvas').getAttribute('aria-label') === 'The picture of {name}';
        }})"
    ))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_camera_gets_another_name_size_and_source_in_its_file_and_eight_viewers_stay()
-> Result<()> {
    let mut site = Site::reserve().await?;
    let (folder, origin) = (tempfile::tempdir()?, site.origin());
    let file = folder.path().join("pistreamer.toml");
    let write = |door: &str| {
        let yard = "[[camera]]\nid = \"yard\"\nname = \"Yard\"\nsource = \"pattern\"\nsize = \"320x240\"\nfps = 10\n";
        let door = format!("[[camera]]\nid = \"door\"\nfps = 10\n{door}\n");
        std::fs::write(
            &file,
            format!("[access]\nallow_origin = [\"{origin}\"]\n{door}{yard}"),
        )
    };
    write("source = \"pattern\"\nname = \"Door\"\nsize = \"320x240\"")?;
    let path = file.display().to_string();
    let server = Server::start(&["--config", &path])?;
    let url = server.url();
    let elements = |id: &str| {
        format!("<pi-camera class={id} size=full src='{url}' camera={id}></pi-camera>").repeat(4)
    };
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{url}embed.js'></script>
        <style>pi-camera {{ width: 240px; height: 180px; display: inline-block }}</style>
        {}{}
        <script>
            window.seen = [];
            for (const camera of document.querySelectorAll('pi-camera'))
                camera.addEventListener('statechange', ({{detail}}) => seen.push(`${{camera.className}} ${{detail.state}}`));
        </script>",
        elements("door"),
        elements("yard")
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    wait_shown(&page, ".door", 320, "Door").await?;
    wait_shown(&page, ".yard", 320, "Yard").await?;
    page.eval("window.before = seen.length; 0").await?;
    write("source = \"pattern\"\nname = \"Front door\"\nsize = \"640x480\"")?;
    wait_shown(&page, ".door", 640, "Front door").await?;
    let picture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/tests/pictures/quarters.jpg");
    let picture = picture.display();
    write(&format!(
        "source = \"files:{picture}\"\nname = \"Front door\""
    ))?;
    wait_shown(&page, ".door", WIDTH_OF_QUARTERS, "Front door").await?;
    // The other camera's viewers have noticed nothing, this one's have not lost their server, and the page is the same.
    let seen = page.eval("seen.slice(before).join()").await?;
    let seen = seen.as_str().unwrap_or_default();
    ensure!(!seen.contains("yard"), "the other camera's viewers: {seen}");
    ensure!(seen.contains("door starting"), "{seen}");
    for lost in ["lost", "connecting", "refused"] {
        ensure!(!seen.contains(lost), "{seen}");
    }
    let total = "fetch(`${document.querySelector('pi-camera').src}api/v1/status`)
        .then((answer) => answer.json()).then((status) => status.viewers_total)";
    ensure!(page.eval(total).await? == 8);
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn a_camera_that_is_taken_out_of_the_file_is_not_called_a_lost_server() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    let camera = |id: &str, name: &str| {
        format!(
            "[[camera]]\nid = \"{id}\"\nname = \"{name}\"\nsource = \"pattern\"\nsize = \"320x240\"\n"
        )
    };
    std::fs::write(
        &file,
        camera("door", "Front door") + &camera("yard", "Yard"),
    )?;
    let server = Server::start(&["--config", &file.display().to_string()])?;
    let browser = Browser::start().await?;
    let asks = browser
        .open(&format!("{}?camera=door", server.url()))
        .await?;
    let first = browser.open(&format!("{}embed", server.url())).await?;
    let watch = "window.camera = document.querySelector('pi-camera');
        window.told = [];
        for (const name of ['statechange', 'namechange', 'error'])
            camera.addEventListener(name, ({detail}) => told.push(detail.reason || detail.state || detail.name || detail.message));";
    for page in [&asks, &first] {
        page.activate().await?;
        page.wait_state("live").await?;
        let label = "camera.shadowRoot.querySelector('canvas').getAttribute('aria-label')";
        page.eval(watch).await?;
        ensure!(page.eval(label).await? == "The picture of Front door");
    }
    std::fs::write(&file, camera("yard", "Yard"))?;
    // Who asked for it stays without a picture; who asked for none sees the one that is first now, and is told.
    for (page, state, words) in [
        (&asks, "refused", "no camera \"door\""),
        (&first, "live", "Another camera is shown now: Yard"),
    ] {
        page.activate().await?;
        page.wait_for(&format!(
            "camera.shadowRoot.textContent.includes('{words}')"
        ))
        .await?;
        page.wait_state(state).await?;
        let told = page.eval("told.join('; ')").await?;
        let told = told.as_str().unwrap_or_default();
        ensure!(told.contains("the camera was removed"), "{told}");
        ensure!(!told.contains("lost"), "{told}");
    }
    ensure!(first.eval("document.title").await? == "Yard – pistreamer");
    Ok(())
}

#[tokio::test]
async fn an_error_in_the_file_is_shown_to_administrators_until_they_dismiss_it_or_it_is_mended()
-> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    let write = |more: &str| {
        let door = "[[camera]]\nid = \"door\"\nsource = \"pattern\"\nsize = \"320x240\"\n";
        std::fs::write(&file, format!("{door}{more}"))
    };
    write("")?;
    let locked = Locked::start(&["--config", &file.display().to_string()])?;
    let url = locked.server.url();
    let key = locked.view_key("visitor")?;
    let visitor = Browser::start().await?;
    // Once the server knows the key.
    let known = visitor.open(&format!("{url}login.css")).await?;
    let knows = format!("fetch('/api/v1/session?key={key}').then(answer => answer.ok)");
    known.wait_for(&knows).await?;
    let visitor = visitor.open(&format!("{url}#key={key}")).await?;
    visitor.wait_state("live").await?;
    let owner = Browser::start().await?;
    let page = owner.open(&format!("{url}#key={}", locked.key)).await?;
    page.wait_state("live").await?;
    let shown = "document.querySelector('pi-camera')?.shadowRoot?.querySelector('#problem:not([hidden])')?.innerText ?? ''";
    let says = |words: &str| format!("({shown}).includes('{words}')");

    write("qualty = 80\n")?;
    page.wait_for(&says("did you mean quality?")).await?;
    page.screenshot("configuration").await?;
    // The picture goes on meanwhile.
    page.wait_state("live").await?;
    write("")?;
    page.wait_for(&format!("({shown}) === ''")).await?;

    write("qualty = 80\n")?;
    page.wait_for(&says("did you mean quality?")).await?;
    let dismiss =
        "document.querySelector('pi-camera').shadowRoot.querySelector('[data-do=dismiss]').click()";
    page.eval_clicked(dismiss).await?;
    page.wait_for(&format!("({shown}) === ''")).await?;
    // Another error is news again.
    write("siz = \"9x9\"\n")?;
    page.wait_for(&says("did you mean size?")).await?;
    // A page that comes later is told as well.
    page.reload().await?;
    page.wait_for(&says("did you mean size?")).await?;
    ensure!(visitor.eval(shown).await? == "", "a visitor sees it");
    Ok(())
}
