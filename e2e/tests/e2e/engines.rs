//! The viewer in each engine: Chromium's, Firefox's, WebKit's as of today and as of Safari 16.0.
//!
//! Every engine keeps the same promises, so that each test below is one of all. `./dev test` leaves out, and says so, what
//! the system has not; the names of the modules are what it goes by.

use anyhow::{Context as _, Result, ensure};
use pistreamer_e2e::browser::{Browser, poll};
use pistreamer_e2e::engines::{Engine, Firefox, WebKit};
use pistreamer_e2e::server::{Locked, PATTERN, Server};
use pistreamer_e2e::site::Site;

/// The promises in one engine, which the tokens start under that name.
macro_rules! engine {
    ($module:ident: $engine:ident, $($start:tt)*) => {
        mod $module {
            use super::*;

            #[tokio::test]
            async fn pictures_are_live_on_both_wires_with_a_worker_and_without() -> Result<()> {
                $($start)*
                is_live(&$engine, stringify!($module)).await
            }

            #[tokio::test]
            async fn the_key_lets_in_by_link_and_by_a_changed_address_also_over_tls() -> Result<()> {
                $($start)*
                lets_in(&$engine, stringify!($module)).await
            }

            #[tokio::test]
            async fn a_server_that_stalls_or_goes_is_told_and_a_hidden_page_rests() -> Result<()> {
                $($start)*
                tells_trouble(&$engine, stringify!($module)).await
            }

            #[tokio::test]
            async fn a_page_elsewhere_shows_the_camera_and_a_program_that_fails_starts_again() -> Result<()> {
                $($start)*
                is_embedded(&$engine).await
            }

            #[tokio::test]
            async fn several_cameras_are_live_on_one_page_and_one_of_them_in_full() -> Result<()> {
                $($start)*
                is_a_wall(&$engine, stringify!($module)).await
            }

            #[tokio::test]
            async fn an_admin_adjusts_and_sets_the_camera_and_makes_a_key() -> Result<()> {
                $($start)*
                administers(&$engine, stringify!($module)).await
            }

            #[tokio::test]
            async fn what_was_recorded_is_played() -> Result<()> {
                $($start)*
                plays_recordings(&$engine, stringify!($module)).await
            }
        }
    };
}

engine!(chromium: page, let browser = Browser::trusting().await?; let page = browser.open("").await?;);
engine!(firefox: firefox, let firefox = Firefox::start().await?;);
engine!(webkit: webkit, let webkit = WebKit::of_today().await?;);
engine!(safari_16: webkit, let webkit = WebKit::as_of_safari_16().await?;);

/// Whether it is live, and has drawn a few frames since its count was last set to 0.
const LIVE: &str = "(camera => camera?.dataset.state === 'live' && Number(camera.dataset.drawn) > 5)\
                    (document.querySelector('pi-camera'))";
/// Whether a worker draws: the page gets no context of a canvas that it has given away.
const DRAWN_BY_WORKER: &str = "(canvas => { try { canvas.getContext('2d'); return false; } catch { return true; } })\
                               (document.querySelector('pi-camera').shadowRoot.querySelector('canvas'))";
const HAS_WORKER: &str = "'transferControlToOffscreen' in HTMLCanvasElement.prototype";
/// Puts the element back into its page, in which it begins anew.
const PUT_BACK: &str = "(camera => { camera.remove(); camera.dataset.drawn = 0; document.body.prepend(camera); })\
                        (document.querySelector('pi-camera'))";
/// Keeps what state the element is in, one after the other.
const KEEP_STATES: &str = "(window.states = [], document.querySelector('pi-camera')\
                           .addEventListener('statechange', ({detail}) => states.push(detail.state)), 0)";
const LOGIN: &str = "document.forms.length === 1";

/// The frames of the canvas are those of the camera.
async fn shows_the_pattern(engine: &impl Engine) -> Result<()> {
    engine.wait_for(LIVE).await?;
    poll("the strip of the pattern can be read", async || {
        Ok(engine.picture().await?.painted().map(drop))
    })
    .await
}

async fn is_a_wall(engine: &impl Engine, name: &str) -> Result<()> {
    let source = ["--source", "pattern"];
    let args = [
        &source[..],
        &source,
        &source,
        &["--size", "320x180", "--fps", "5"],
    ]
    .concat();
    let server = Server::start(&args)?;
    engine.navigate(&server.url()).await?;
    let live =
        "[...document.querySelector('pi-wall')?.cameras ?? []].map(({state}) => state).join()";
    engine
        .wait_for(&format!("{live} === 'live,live,live'"))
        .await?;
    engine
        .wait_for("getComputedStyle(document.querySelector('.fallback')).display === 'none'")
        .await?;
    engine.screenshot(&format!("{name}_wall")).await?;
    engine
        .eval("void document.querySelector('pi-wall').shadowRoot.querySelectorAll('.open')[1].click()")
        .await?;
    engine
        .wait_for(&format!(
            "{live} === 'hidden,live,hidden' && /^#camera=/.test(location.hash)"
        ))
        .await?;
    engine.eval("void history.back()").await?;
    engine
        .wait_for(&format!("{live} === 'live,live,live' && !location.hash"))
        .await?;
    // It is arranged.
    engine
        .eval("(window.part = selector => document.querySelector('pi-wall').shadowRoot.querySelector(selector), void part('#arrange').click())")
        .await?;
    engine
        .wait_for("part('#panel')?.open && !!part('#down-0')")
        .await?;
    engine.screenshot(&format!("{name}_wall_panel")).await?;
    engine
        .eval("void part('#panel [type=checkbox]').click()")
        .await?;
    engine
        .wait_for("document.querySelector('pi-wall').cameras.length === 2")
        .await?;
    engine
        .eval("void part('#panel form[method=dialog] button').click()")
        .await?;
    engine.wait_for("!part('#panel')").await?;
    Ok(())
}

async fn administers(engine: &impl Engine, name: &str) -> Result<()> {
    let locked = Locked::start(&["--source", "pattern", "--fps", "10"])?;
    engine.navigate(&locked.link()?).await?;
    engine.wait_for(LIVE).await?;
    engine
        .eval("(window.part = selector => document.querySelector('pi-camera').shadowRoot.querySelector(selector), 0)")
        .await?;
    engine.eval("void part('#b-more').click()").await?;
    engine
        .wait_for("part('#b-settings')?.hidden === false && part('#menu [data-do=adjust]').hidden === false")
        .await?;
    engine
        .eval("void part('#menu [data-do=adjust]').click()")
        .await?;
    engine
        .wait_for("part('#adjust')?.hidden === false && !!part('#c-Speed-slider')")
        .await?;
    engine
        .eval("(slider => { slider.value = 8; for (const type of ['input', 'change']) slider.dispatchEvent(new Event(type)); })(part('#c-Speed-slider'))")
        .await?;
    engine
        .wait_for("fetch('api/v1/cameras/pattern/controls').then(answer => answer.json()).then(({controls}) => { window.speed = controls.find(({name}) => name === 'Speed').value; }) && window.speed === 2")
        .await?;
    engine.screenshot(&format!("{name}_adjust")).await?;
    engine
        .eval("void part('#adjust [data-do=adjust]').click()")
        .await?;
    engine.eval("void part('#b-more').click()").await?;
    engine.wait_for("part('#menu')?.hidden === false").await?;
    engine.eval("void part('#b-settings').click()").await?;
    engine
        .wait_for("part('#settings')?.open && !!part('#s-name')")
        .await?;
    engine
        .eval("(part('#s-name').value = 'Front door', part('#s-size').value = '320x240', void part('#settings .save').click())")
        .await?;
    engine
        .wait_for("part('#settings-status').textContent === 'Saved'")
        .await?;
    engine
        .wait_for("part('#name').textContent === 'Front door' && part('canvas').height === 240")
        .await?;
    engine.screenshot(&format!("{name}_settings")).await?;
    engine.eval("void part('#tab-keys').click()").await?;
    engine.wait_for("!!part('#k-name')").await?;
    engine
        .eval("(part('#k-name').value = 'guest', void part('#new-key .save').click())")
        .await?;
    // WebKit 16.0 shows pictures of data, too.
    engine
        .wait_for("part('#made img')?.naturalWidth > 0 && /#key=/.test(part('#made input').value)")
        .await?;
    engine.screenshot(&format!("{name}_settings_key")).await?;
    engine
        .eval("void part('#settings .close, #settings header button').click()")
        .await?;
    engine.wait_for("!part('#settings').open").await
}

async fn plays_recordings(engine: &impl Engine, name: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("recordings").display().to_string();
    let server = Server::start(&[&PATTERN[..], &["--record", &directory]].concat())?;
    engine.navigate(&server.url()).await?;
    engine.wait_for(LIVE).await?;
    engine
        .eval("(window.part = selector => document.querySelector('pi-camera').shadowRoot.querySelector(selector), window.shown = () => Number(part('#recordings').dataset.shown), 0)")
        .await?;
    engine.eval("void part('#b-more').click()").await?;
    engine
        .wait_for("part('#b-recordings')?.hidden === false")
        .await?;
    // Something to look back to.
    engine
        .wait_for("(fetch('api/v1/recordings').then(it => it.json()).then(({cameras: [it]}) => window.length_us = it.to_us - it.from_us), window.length_us > 3e6)")
        .await?;
    engine.eval("void part('#b-recordings').click()").await?;
    engine
        .wait_for("part('#recordings')?.open && shown() > 0 && part('#r-picture').naturalWidth > 0")
        .await?;
    // To the beginning, and on from there.
    engine
        .eval("(window.began = shown(), part('#r-back').click(), void part('#r-play').click())")
        .await?;
    engine.wait_for("shown() > window.began + 500").await?;
    engine.screenshot(&format!("{name}_recordings")).await?;
    engine.eval("void part('#r-live').click()").await?;
    engine.wait_for("!part('#recordings').open").await?;
    engine.wait_for(LIVE).await
}

async fn is_live(engine: &impl Engine, name: &str) -> Result<()> {
    let server = Server::start(&PATTERN)?;
    for wire in ["gzip-base64", "jpeg"] {
        engine
            .navigate(&format!("{}?wire={wire}", server.url()))
            .await?;
        shows_the_pattern(engine).await?;
        engine
            .wait_for(&format!(
                "document.querySelector('pi-camera').dataset.wire === 'pistreamer.{wire}.v1'"
            ))
            .await?;
        let by_worker = engine.eval(DRAWN_BY_WORKER).await?;
        ensure!(by_worker == engine.eval(HAS_WORKER).await?, "{by_worker}");
        let loads = "performance.getEntriesByType('resource').filter(({name}) => /viewer_bg.wasm$/.test(name)).length";
        let loads = engine.eval(loads).await?;
        // WebKit 2.38 does not always list what its cache had, as on the second visit.
        ensure!(
            loads == 1 || (loads == 0 && wire == "jpeg"),
            "the program is loaded {loads} times"
        );
        if wire == "jpeg" {
            engine.screenshot(&format!("{name}_live")).await?;
        }
        engine
            .eval("void delete HTMLCanvasElement.prototype.transferControlToOffscreen")
            .await?;
        engine.eval(PUT_BACK).await?;
        shows_the_pattern(engine).await?;
        ensure!(engine.eval(DRAWN_BY_WORKER).await? == false);
    }
    engine
        .eval(
            "void document.querySelector('pi-camera').snapshot().then(file => file.arrayBuffer())
                .then(bytes => window.jpeg = new Uint8Array(bytes))",
        )
        .await?;
    engine
        .wait_for("window.jpeg?.[0] === 0xff && jpeg[1] === 0xd8 && jpeg.at(-2) === 0xff && jpeg.at(-1) === 0xd9")
        .await?;
    if matches!(name, "chromium" | "firefox") {
        records(engine).await?;
    }
    Ok(())
}

/// What is recorded plays, and says how long it is. This machine's WebKits record nothing.
async fn records(engine: &impl Engine) -> Result<()> {
    engine
        .eval(
            "(window.create = URL.createObjectURL, HTMLAnchorElement.prototype.click = () => {},
              URL.createObjectURL = file => create.call(URL, window.clip = file),
              window.part = id => document.querySelector('pi-camera').shadowRoot.getElementById(id),
              part('b-record').click())",
        )
        .await?;
    engine
        .wait_for("part('rec-time').textContent >= '0:03'")
        .await?;
    engine.eval("(part('b-record').click())").await?;
    engine.wait_for("window.clip").await?;
    engine
        .eval(
            "(window.video = document.createElement('video'), video.muted = true, video.preload = 'auto',
              video.src = create.call(URL, clip), 0)",
        )
        .await?;
    engine
        .wait_for("video.readyState >= 2 && video.duration > 1 && video.duration < 60")
        .await?;
    // What a WebM says itself, in ms (RFC 9559 §5.1.2.10): not every player reads all of it to find out.
    engine
        .eval(
            "void clip.slice(0, 1000).arrayBuffer().then(head => {
                const bytes = new Uint8Array(head);
                const at = bytes.findIndex((byte, at) => byte === 0x44 && bytes[at + 1] === 0x89 && bytes[at + 2] === 0x88);
                window.says = clip.type.startsWith('video/webm') ? new DataView(head, at + 3).getFloat64(0) : 2000;
            })",
        )
        .await?;
    engine
        .wait_for("window.says > 1000 && says < 60000")
        .await?;
    engine.eval("(video.currentTime = 1, 0)").await?;
    engine
        .wait_for("!video.seeking && video.currentTime === 1")
        .await
}

async fn lets_in(engine: &impl Engine, name: &str) -> Result<()> {
    let locked = Locked::start(&PATTERN)?;
    let (url, key) = (locked.server.url(), &locked.key);
    engine.navigate(&format!("{url}#key=wrong")).await?;
    engine
        .wait_for("document.getElementById('message')?.textContent === 'That is not the key.'")
        .await?;
    engine.screenshot(&format!("{name}_login")).await?;
    let card = "getComputedStyle(document.forms[0]).backgroundColor";
    ensure!(
        engine.eval(card).await? != "rgba(0, 0, 0, 0)",
        "there is no card"
    );
    // As the link does that is pasted into this page's address.
    engine
        .eval(&format!("void (location.hash = 'key={key}')"))
        .await?;
    engine.wait_for(LIVE).await?;
    let address = engine.eval("location.href").await?;
    ensure!(address == url.as_str(), "the address is {address}");

    let locked = Locked::start(&[&PATTERN[..], &["--tls", "self-signed"]].concat())?;
    let secure = locked.server.url().replace("http:", "https:");
    engine.navigate(&secure).await?;
    engine.wait_for(LOGIN).await?;
    engine
        .navigate(&format!("{secure}?a=link#key={}", locked.key))
        .await?;
    engine.wait_for(LIVE).await?;
    let hash = engine.eval("location.hash").await?;
    ensure!(hash == "", "{hash} stays in the address");
    Ok(())
}

async fn tells_trouble(engine: &impl Engine, name: &str) -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let port = server.port();
    engine.navigate(&server.url()).await?;
    engine.wait_for(LIVE).await?;
    engine.hide().await?;
    engine
        .wait_for("document.querySelector('pi-camera').dataset.state === 'hidden'")
        .await?;
    engine.show().await?;
    engine.wait_for(LIVE).await?;

    engine.eval(KEEP_STATES).await?;
    server.signal("STOP")?;
    engine.wait_for("states.includes('stale')").await?;
    engine.screenshot(&format!("{name}_stale")).await?;
    server.signal("CONT")?;
    engine.wait_for(LIVE).await?;

    engine.eval("(window.sameDocument = true)").await?;
    drop(server);
    engine
        .wait_for("document.querySelector('pi-camera').dataset.state === 'lost'")
        .await?;
    engine.screenshot(&format!("{name}_lost")).await?;
    let _server = Server::start_on(port, &PATTERN)?;
    engine.wait_for(LIVE).await?;
    ensure!(engine.eval("window.sameDocument").await? == true);
    Ok(())
}

/// Takes from the program what it cannot do without.
const FAIL: &str = "(window.realNow = Performance.prototype.now,
    Performance.prototype.now = () => { throw new TypeError('no clock'); }, 0)";
const IS_PLAIN: &str = "(camera => camera.dataset.state === 'failed' && camera.shadowRoot.querySelector('img')?.naturalWidth)\
    (document.querySelector('pi-camera'))";

async fn is_embedded(engine: &impl Engine) -> Result<()> {
    let (mut site, mut stranger) = (Site::reserve().await?, Site::reserve().await?);
    let server = Server::start(&[&PATTERN[..], &["--allow-origin", &site.origin()]].concat())?;
    let url = server.url();
    let html = format!(
        "<!doctype html><script type=module src='{url}embed.js'></script>
        <pi-camera controls src='{url}'></pi-camera>"
    );
    engine.navigate(&stranger.serve(&html)).await?;
    engine
        .wait_for("document.querySelector('pi-camera').dataset.state === 'refused'")
        .await?;
    engine.navigate(&site.serve(&html)).await?;
    shows_the_pattern(engine).await?;
    // Its plain stream comes there, too.
    engine.eval(FAIL).await?;
    engine.wait_for(IS_PLAIN).await?;
    let red = "(img => {
        const context = Object.assign(document.createElement('canvas'), {width: 8, height: 8}).getContext('2d');
        context.drawImage(img, 0, 0, 8, 8);
        return String(context.getImageData(0, 0, 8, 8).data);
    })(document.querySelector('pi-camera').shadowRoot.querySelector('img'))";
    engine.eval(&format!("(window.before = {red})")).await?;
    engine.wait_for(&format!("before !== {red}")).await?;
    engine.navigate(&url).await?;
    engine.wait_for(LIVE).await?;
    engine
        .eval("document.querySelector('pi-camera').shadowRoot.querySelector('#b-more').click()")
        .await?;
    engine
        .wait_for("document.querySelector('pi-camera').shadowRoot.querySelector('#menu')?.hidden === false")
        .await?;
    engine.eval(FAIL).await?;
    engine.wait_for(IS_PLAIN).await?;
    engine
        // Why it does not start is told with the page.
        .eval(
            "(camera => {
                Performance.prototype.now = realNow;
                camera.dataset.drawn = 0;
                camera.restart().catch(error => (camera.dataset.refused = error));
                return 0;
            })(document.querySelector('pi-camera'))",
        )
        .await?;
    engine.wait_for(LIVE).await.context("after the failure")
}
