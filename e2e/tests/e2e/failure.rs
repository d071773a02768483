//! The viewer's own program fails: that is told, the plain stream is shown, and nothing of it stays half alive.

use anyhow::{Context as _, Result};
use pistreamer_e2e::browser::{Browser, Page, poll};
use pistreamer_e2e::server::{PATTERN, Server};
use serde_json::json;
use std::path::Path;

/// Keeps the details of the element's events.
const WATCH: &str = "window.told = [];
    window.camera = document.querySelector('pi-camera');
    for (const name of ['statechange', 'error'])
        camera.addEventListener(name, ({detail}) => told.push({name, ...detail}));";

/// What the program calls from then on does what no browser does, until `mend()`.
const SABOTAGE: &str = "(prototype, name, instead) => {
    const real = prototype[name];
    prototype[name] = instead;
    window.mend = () => prototype[name] = real;
}";

/// Lets the program panic.
async fn panic(page: &Page<'_>) -> Result<()> {
    break_program(page, "camera").await
}

/// The same of the program of that element and all others, until `mend()`.
pub(crate) async fn break_program(page: &Page<'_>, element: &str) -> Result<()> {
    let script = format!(
        "({SABOTAGE})(ShadowRoot.prototype, 'getElementById', () => null); {element}.controls = false; 0"
    );
    page.eval(&script).await?;
    Ok(())
}

/// Waits until the plain stream is shown in the element's place, and no worker runs.
async fn wait_plain(page: &Page<'_>) -> Result<()> {
    page.wait_state("failed").await?;
    page.wait_for("camera.shadowRoot.querySelector('img')?.naturalWidth === 640")
        .await?;
    poll("the workers are gone", async || {
        Ok(page.workers().is_empty().then_some(()))
    })
    .await
}

/// Clicks the button with that text in it.
async fn click(page: &Page<'_>, text: &str) -> Result<()> {
    let click = format!(
        "[...camera.shadowRoot.querySelectorAll('button')].find(button => button.innerText === '{text}').click()"
    );
    page.eval_clicked(&click).await?;
    Ok(())
}

#[tokio::test]
async fn a_panic_shows_the_plain_stream_with_a_report_until_the_viewer_is_started_again()
-> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(WATCH).await?;
    // What it has shown stays as it is, until something else is to be shown.
    panic(&page).await?;
    wait_plain(&page).await?;
    let text = page.visible_text().await?;
    assert!(text.contains("The viewer has failed"), "shown: {text}");
    page.screenshot("failed").await?;
    let told = page.eval("told").await?;
    let words = "the template has every part that is asked for";
    assert_eq!(
        told[0],
        json!({"name": "statechange", "state": "failed", "reason": words})
    );
    let report = told[1]["report"].as_str().context("no report")?;
    for part in [
        "panicked at web-client/src/chrome/",
        words,
        "viewer_bg.wasm",
        "Chrome",
    ] {
        assert!(report.contains(part), "{part} is not in: {report}");
    }
    assert_eq!(
        page.eval("[told.length, camera.state, camera.reason, camera.seq, camera.report]")
            .await?,
        json!([2, "failed", words, null, report])
    );

    click(&page, "Copy a report").await?;
    let copied = page
        .eval("camera.shadowRoot.querySelector('textarea').value")
        .await?;
    assert_eq!(copied, report);
    page.eval("mend(); camera.controls = true").await?;
    click(&page, "Start it again").await?;
    page.wait_state("live").await?;
    page.wait_drawn(5).await?;
    assert_eq!(page.workers().len(), 1);
    assert_eq!(page.eval("camera.report").await?, json!(null));
    page.expect_no_complaints(&["panicked at", "the viewer has failed"])
}

/// Two cameras of another size each.
fn two_cameras(file: &Path) -> Result<Server> {
    let camera = |id: &str, name: &str, size: &str| {
        format!(
            "[[camera]]\nid = \"{id}\"\nname = \"{name}\"\nsource = \"pattern\"\nsize = \"{size}\"\nfps = 10\n"
        )
    };
    let door = camera("door", "Front door", "640x480");
    std::fs::write(file, door + &camera("yard", "Yard", "320x240"))?;
    Server::start(&["--config", &file.display().to_string()])
}

#[tokio::test]
async fn a_failed_element_shows_what_it_is_asked_for_and_nothing_while_it_is_paused() -> Result<()>
{
    let folder = tempfile::tempdir()?;
    let server = two_cameras(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = browser
        .open(&format!("{}?camera=door", server.url()))
        .await?;
    page.wait_state("live").await?;
    page.eval(WATCH).await?;
    panic(&page).await?;
    wait_plain(&page).await?;
    let text = page.visible_text().await?;
    assert!(text.contains("the plain stream of Front door"), "{text}");
    // Nothing of the camera before is left, not even until the other one's picture is there.
    let left = page
        .eval(
            "window.plain = () => camera.shadowRoot.querySelector('#plain');
            (async () => {
                camera.camera = 'yard';
                await null;
                return [plain().naturalWidth, camera.name, document.title, camera.dataset.seq];
            })()",
        )
        .await?;
    assert_eq!(left, json!([0, "", "pistreamer", null]));
    page.wait_for("plain().naturalWidth === 320").await?;

    page.eval("camera.pause()").await?;
    assert_eq!(
        page.eval("[camera.paused, plain().hasAttribute('src')]")
            .await?,
        json!([true, false])
    );
    let text = page.visible_text().await?;
    assert!(text.contains("is paused"), "{text}");
    page.eval("camera.play()").await?;
    page.wait_for("plain().naturalWidth === 320").await?;

    // As the program finds the WebSocket's address.
    let address = "(async src => {
        camera.src = src;
        await null;
        const {origin, pathname, searchParams} = new URL(plain().src);
        return origin + pathname + ' ' + ['camera', 'key'].map(name => searchParams.get(name)).join();
    })";
    for (src, expected) in [
        ("ws://127.0.0.1:9", "http://127.0.0.1:9/stream.mjpg yard,"),
        (
            "http://127.0.0.1:9/cam",
            "http://127.0.0.1:9/cam/stream.mjpg yard,",
        ),
        (
            "http://camera:a%2Fb@127.0.0.1:9/cam/ws",
            "http://127.0.0.1:9/cam/stream.mjpg yard,a/b",
        ),
        (
            "http://127.0.0.1:9/a/snapshot.jpg#key=k",
            "http://127.0.0.1:9/a/stream.mjpg yard,k",
        ),
    ] {
        assert_eq!(page.eval(&format!("{address}('{src}')")).await?, expected);
    }
    page.eval("camera.src = 'http://'").await?;
    let text = page.visible_text().await?;
    assert!(text.contains("leads to no camera"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_plain_stream_that_stands_still_or_ends_says_so_until_it_comes_again() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let port = server.port();
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(WATCH).await?;
    panic(&page).await?;
    wait_plain(&page).await?;
    let shows = |width: u32, words: &str| {
        format!(
            "camera.shadowRoot.querySelector('#plain').naturalWidth === {width}
                && camera.shadowRoot.querySelector('#notice-text').innerText.includes('{words}')"
        )
    };
    let gone = shows(0, "does not come");
    let comes = shows(640, "the plain stream of");
    server.signal("STOP")?;
    page.wait_for(&gone).await?;
    server.signal("CONT")?;
    page.wait_for(&comes).await?;
    drop(server);
    page.wait_for(&gone).await?;
    let _server = Server::start_on(port, &PATTERN)?;
    page.wait_for(&comes).await?;
    Ok(())
}

#[tokio::test]
async fn what_failed_runs_in_the_page_held_is_there_for_the_next_one() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    let alone = json!({"source": "delete window.Worker;"});
    page.call("Page.addScriptToEvaluateOnNewDocument", alone)
        .await?;
    page.call("Page.navigate", json!({"url": server.url()}))
        .await?;
    page.wait_state("live").await?;
    page.eval(WATCH).await?;
    // More often than pictures are decoded at once.
    for _ in 0..6 {
        page.eval(
            "window.decode = createImageBitmap;
            window.stuck = 0;
            window.createImageBitmap = () => new Promise(() => stuck += 1); 0",
        )
        .await?;
        page.wait_for("stuck > 0").await?;
        panic(&page).await?;
        page.wait_state("failed").await?;
        page.eval(
            "mend(); camera.controls = true; window.createImageBitmap = decode; camera.restart()",
        )
        .await?;
        page.wait_state("live").await?;
        page.eval("window.before = camera.seq").await?;
        page.wait_for("camera.seq > before").await?;
    }
    Ok(())
}

#[tokio::test]
async fn in_a_small_element_all_of_the_failure_can_be_read() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(WATCH).await?;
    panic(&page).await?;
    wait_plain(&page).await?;
    page.emulate(340, 190, false, "dark").await?;
    let text = page.visible_text().await?;
    assert!(text.contains("The viewer has failed"), "{text}");
    let outside = "[...camera.shadowRoot.querySelectorAll('#notice, strong, #notice-text, button')].filter(part => {
        const {left, top, right, bottom} = part.getBoundingClientRect();
        return right === left || left < 0 || top < 0 || right > innerWidth || bottom > innerHeight;
    }).map(part => part.outerHTML)";
    assert_eq!(page.eval(outside).await?, json!([]));
    page.screenshot("failed-small").await?;
    click(&page, "Copy a report").await?;
    assert_eq!(page.eval(outside).await?, json!([]));
    // Nor has it to be scrolled.
    let hidden = "(part => part.scrollHeight - part.clientHeight)(camera.shadowRoot.querySelector('#notice'))";
    assert_eq!(page.eval(hidden).await?, 0);
    page.screenshot("failed-small-report").await?;
    Ok(())
}

#[tokio::test]
async fn what_the_failed_program_still_waits_for_leaves_the_one_that_is_started_again_alone()
-> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(WATCH).await?;
    // The menu's style is on its way.
    page.eval(
        "const real = window.fetch;
        window.fetch = (url, ...more) => String(url).includes('panels.css')
            ? new Promise(done => window.release = () => done(real(url, ...more)))
            : real(url, ...more);
        window.more = () => camera.shadowRoot.querySelector('#b-more').click();
        more()",
    )
    .await?;
    page.wait_for("window.release").await?;
    // In the midst of a change, so that each further one panics.
    page.eval(&format!(
        "({SABOTAGE})(Performance.prototype, 'now', () => {{ throw new TypeError('no clock'); }});
        camera.controls = false; 0"
    ))
    .await?;
    wait_plain(&page).await?;
    page.eval("mend(); camera.controls = true").await?;
    click(&page, "Start it again").await?;
    page.wait_state("live").await?;
    page.eval("more(); release()").await?;
    page.wait_for("camera.shadowRoot.querySelector('#menu')?.hidden === false")
        .await?;
    page.eval("window.before = Number(camera.dataset.drawn)")
        .await?;
    page.wait_for("camera.dataset.drawn > before + 10").await?;
    assert_eq!(
        page.eval(
            "[camera.state, camera.report, camera.shadowRoot.querySelectorAll('#menu').length]"
        )
        .await?,
        json!(["live", null, 1])
    );
    page.expect_no_complaints(&["the viewer has failed"])
}

#[tokio::test]
async fn every_element_of_a_program_that_fails_gives_up_and_lives_again_when_it_is_put_back()
-> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(&format!(
        "{WATCH} window.other = document.createElement('pi-camera'); document.body.append(other);"
    ))
    .await?;
    page.wait_for("other.state === 'live'").await?;
    // Neither a panic nor a trap: what it calls throws what no code of it expects, in the midst of it.
    page.eval(&format!(
        "({SABOTAGE})(Performance.prototype, 'now', () => {{ throw new TypeError('no clock'); }})"
    ))
    .await?;
    wait_plain(&page).await?;
    assert_eq!(
        page.eval("[camera.state, other.state, other.reason]")
            .await?,
        json!(["failed", "failed", "TypeError: no clock"])
    );
    page.eval("mend(); camera.remove()").await?;
    assert_eq!(page.eval("camera.state").await?, "");
    page.eval("document.body.prepend(camera)").await?;
    page.wait_state("live").await?;
    assert_eq!(page.eval("other.state").await?, "failed");
    page.eval("other.restart()").await?;
    page.wait_for("other.state === 'live'").await?;
    page.expect_no_complaints(&["the viewer has failed"])
}

/// Two elements of one page, for two cameras.
const TWO: &str = "window.camera = document.querySelector('pi-camera');
    window.other = document.createElement('pi-camera');
    Object.assign(camera, {camera: 'door', size: 'full'});
    Object.assign(other, {camera: 'yard', size: 'full'});
    document.body.append(other);";

#[tokio::test]
async fn a_worker_that_traps_is_started_again_for_all_of_its_elements() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = two_cameras(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = browser
        .open(&format!("{}?camera=door", server.url()))
        .await?;
    page.wait_state("live").await?;
    page.eval(TWO).await?;
    let live = "[camera, other].every(({state}) => state === 'live')";
    page.wait_for(live).await?;
    page.eval(
        "window.told = [];
        for (const element of [camera, other])
            element.addEventListener('error', ({detail}) => told.push(detail.message));",
    )
    .await?;
    let workers = page.workers();
    let worker = workers.first().context("no worker")?;
    let sabotage = "Performance.prototype.now = () => { throw new TypeError('no clock'); }";
    let params = json!({"expression": sabotage});
    let devtools = browser.devtools();
    devtools.call(worker, "Runtime.evaluate", params).await?;
    page.wait_for("told.length === 2").await?;
    page.wait_for(live).await?;
    page.eval("window.before = [camera, other].map(({seq}) => seq)")
        .await?;
    page.wait_for("camera.seq > before[0] + 5 && other.seq > before[1] + 5")
        .await?;
    let now = page.workers();
    assert!(now.len() == 1 && now != workers, "{now:?}");
    let told = page.eval("told").await?;
    assert!(
        told.to_string().contains("another worker, because one"),
        "{told}"
    );
    page.expect_no_complaints(&["no clock"])
}

#[tokio::test]
async fn an_element_that_every_worker_traps_for_shows_the_plain_stream_and_the_others_go_on()
-> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = two_cameras(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = browser
        .open(&format!("{}?camera=door", server.url()))
        .await?;
    page.wait_state("live").await?;
    // No worker from now on draws a picture that is 320 pixels wide.
    page.eval(
        "const poison = `const draws = ImageBitmapRenderingContext.prototype, draw = draws.transferFromImageBitmap;
            draws.transferFromImageBitmap = function (bitmap) {
                if (bitmap.width === 320) throw new TypeError('no such picture');
                draw.call(this, bitmap);
            };\n`;
        const Real = Blob;
        window.Blob = function (parts, options) {
            return new Real(options?.type === 'text/javascript' ? [poison, ...parts] : parts, options);
        };
        window.Blob.prototype = Real.prototype;
        const first = document.querySelector('pi-camera');
        first.remove();
        document.body.prepend(first);",
    )
    .await?;
    page.eval(TWO).await?;
    page.wait_for(
        "other.state === 'failed' && other.shadowRoot.querySelector('img')?.naturalWidth === 320",
    )
    .await?;
    assert_eq!(
        page.eval("other.reason.includes('no such picture')")
            .await?,
        true
    );
    page.wait_for("camera.state === 'live'").await?;
    page.eval("window.before = camera.seq").await?;
    page.wait_for("camera.seq > before + 10 && camera.state === 'live'")
        .await?;
    assert_eq!(page.workers().len(), 1);
    page.expect_no_complaints(&["no such picture"])
}
