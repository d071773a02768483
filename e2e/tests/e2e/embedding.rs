//! What a page makes of the element: its size, its look, its attributes, its words, and what a car is driven by.
//!
//! That other people's pages show the camera at all is in `pages`.

use anyhow::{Context as _, Result, bail, ensure};
use pistreamer_e2e::browser::{Browser, Page, poll};
use pistreamer_e2e::fake::FakeServer;
use pistreamer_e2e::server::{Locked, PATTERN, Server};
use pistreamer_e2e::site::Site;
use serde_json::{Value, json};

/// A server that lets a site's pages in.
fn server_for(site: &Site, more: &[&str]) -> Result<Server> {
    let origin = site.origin();
    Server::start(&[&PATTERN[..], &["--allow-origin", &origin], more].concat())
}

/// Waits until each element of the page with that selector is live.
async fn wait_live(page: &Page<'_>, selector: &str) -> Result<()> {
    page.wait_for(&format!(
        "(() => {{
            const cameras = [...document.querySelectorAll('{selector}')];
            return cameras.length > 0 && cameras.every(camera => camera.dataset.state === 'live');
        }})()"
    ))
    .await?;
    Ok(())
}

/// Waits until an element is refused; the notice that it shows.
async fn wait_refused(page: &Page<'_>, selector: &str) -> Result<String> {
    let notice = format!(
        "(() => {{
            const camera = document.querySelector('{selector}');
            return camera?.dataset.state === 'refused' && camera.shadowRoot.querySelector('#notice').innerText;
        }})()"
    );
    let notice = page.wait_for(&notice).await?;
    Ok(notice.as_str().context("no notice")?.to_owned())
}

/// The style around an element, its own, and the size that it has then: as a video's where the page gives it none.
const LAYOUTS: [(&str, &str, (u32, u32)); 14] = [
    ("width: 480px", "", (480, 270)),
    ("display: flex; width: 600px", "", (300, 169)),
    ("display: flex; width: 160px", "", (160, 90)),
    (
        "display: flex; flex-direction: column; align-items: center",
        "",
        (300, 169),
    ),
    (
        "display: grid; grid-template-columns: repeat(3, 1fr); width: 480px",
        "",
        (160, 90),
    ),
    ("display: table-cell", "", (300, 169)),
    ("", "display: inline-block", (300, 169)),
    (
        "position: relative; height: 200px",
        "position: absolute",
        (300, 169),
    ),
    ("", "float: left", (300, 169)),
    ("", "width: 400px", (400, 225)),
    ("", "display: inline-block; height: 90px", (160, 90)),
    ("", "float: left; aspect-ratio: 1", (300, 300)),
    ("", "width: 200px; height: 100px", (200, 100)),
    (
        "position: relative; width: 320px; height: 240px",
        "position: absolute; inset: 0; aspect-ratio: auto",
        (320, 240),
    ),
];

#[tokio::test]
async fn in_every_layout_it_has_a_size_and_the_pages_own_counts_more() -> Result<()> {
    let mut site = Site::reserve().await?;
    let server = server_for(&site, &[])?;
    let places: String = LAYOUTS
        .iter()
        .map(|(around, own, _)| {
            format!("<div style='{around}'><pi-camera style='{own}'></pi-camera></div>")
        })
        .collect();
    let url = server.url();
    let html = format!("<!doctype html><script type=module src='{url}embed.js'></script>{places}");
    let browser = Browser::start().await?;
    let page = browser.open(&site.serve(&html)).await?;
    let sizes = page
        .eval(
            "customElements.whenDefined('pi-camera').then(() =>
                [...document.querySelectorAll('pi-camera')].map(camera => [camera.offsetWidth, camera.offsetHeight]))",
        )
        .await?;
    for (at, (around, own, (width, height))) in LAYOUTS.iter().enumerate() {
        assert_eq!(
            sizes[at],
            json!([width, height]),
            "{around:?} around {own:?}"
        );
    }
    // In the place of full screen, where there is none, no rule of the page's keeps it small.
    let filled = page
        .eval(
            "(() => {
                const camera = [...document.querySelectorAll('pi-camera')].at(-2);
                camera.toggleAttribute('data-filled', true);
                const window = document.documentElement;
                return [camera.offsetWidth - window.clientWidth, camera.offsetHeight - window.clientHeight];
            })()",
        )
        .await?;
    assert_eq!(filled, json!([0, 0]));
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn an_element_without_a_size_rests_until_it_has_one() -> Result<()> {
    let mut site = Site::reserve().await?;
    let server = server_for(&site, &[])?;
    let url = server.url();
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{url}embed.js'></script><pi-camera></pi-camera>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    page.wait_state("live").await?;
    for (none, some) in [
        (
            "style.cssText = 'width: 0; height: 0; aspect-ratio: auto'",
            "style.cssText = ''",
        ),
        ("hidden = true", "hidden = false"),
    ] {
        let set = |change: &str| format!("document.querySelector('pi-camera').{change}");
        page.eval(&set(none)).await?;
        page.wait_state("hidden").await?;
        page.eval(&set(some)).await?;
        page.wait_state("live").await?;
        page.wait_drawn(3).await?;
    }
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn the_pages_own_look_reaches_every_element_and_each_of_its_buttons() -> Result<()> {
    let mut site = Site::reserve().await?;
    let server = server_for(&site, &[])?;
    let url = server.url();
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{url}embed.js'></script>
        <style>
            :root {{ --pi-camera-background: rgb(200, 0, 0); --pi-camera-radius: 7px; --pi-camera-live: rgb(0, 0, 200); --live: red }}
            #own {{ --pi-camera-background: rgb(0, 200, 0) }}
            pi-camera::part(button) {{ order: 7 }}
            pi-camera::part(snapshot) {{ display: none }}
        </style>
        <pi-camera id=all controls aria-label='The garden'></pi-camera><pi-camera id=own></pi-camera>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    wait_live(&page, "pi-camera").await?;
    let looks = page
        .eval(
            "['all', 'own'].map(id => {
                const camera = document.getElementById(id);
                const part = name => getComputedStyle(camera.shadowRoot.getElementById(name));
                const {backgroundColor, borderRadius} = getComputedStyle(camera);
                return [backgroundColor, borderRadius, part('dot').backgroundColor,
                    camera.shadowRoot.querySelector('canvas').getAttribute('aria-label')];
            })",
        )
        .await?;
    let blue = "rgb(0, 0, 200)";
    assert_eq!(
        looks,
        json!([
            ["rgb(200, 0, 0)", "7px", blue, "The garden"],
            ["rgb(0, 200, 0)", "7px", blue, "The picture of Test pattern"]
        ])
    );
    // Those of the menu come when it is opened.
    page.eval("document.getElementById('all').shadowRoot.querySelector('[data-do=menu]').click()")
        .await?;
    page.wait_for(
        "document.getElementById('all').shadowRoot.querySelectorAll('button').length > 20",
    )
    .await?;
    let buttons = page
        .eval(
            "[...document.getElementById('all').shadowRoot.querySelectorAll('button')]
                .map(button => [button.dataset.do ?? '', getComputedStyle(button)])
                .map(([name, {order, display}]) => [name, order, display === 'none'])",
        )
        .await?;
    let buttons = buttons.as_array().context("no buttons")?;
    for button in buttons {
        assert_eq!(button[1], "7", "{button}");
        ensure!(
            button[0] != "snapshot" || button[2] == true,
            "a button that the page hides is shown"
        );
    }
    page.expect_no_complaints(&[])
}

/// What the element shows and does of its attributes.
const SHOWN: &str = "(() => {
    const camera = document.querySelector('pi-camera');
    const part = id => camera.shadowRoot.getElementById(id);
    const [across] = part('picture').style.transform.match(/-?[\\d.]+/g).map(Number);
    return {
        controls: !part('toolbar').hidden,
        overlay: part('overlay')?.hidden === false,
        mirror: across < 0,
        cover: Math.abs(across) * part('picture').offsetWidth > 310,
        wire: camera.dataset.wire,
    };
})()";

#[tokio::test]
async fn attributes_that_are_set_and_taken_away_later_are_followed() -> Result<()> {
    let mut site = Site::reserve().await?;
    let server = server_for(&site, &["--source", "pattern"])?;
    let url = server.url();
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{url}embed.js'></script>
        <style>pi-camera {{ width: 320px; height: 180px }}</style><pi-camera src='{url}'></pi-camera>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    page.wait_state("live").await?;
    page.wait_drawn(3).await?;
    let (gzip, jpeg) = ("pistreamer.gzip-base64.v1", "pistreamer.jpeg.v1");
    let usual =
        json!({"controls": false, "overlay": false, "mirror": false, "cover": false, "wire": gzip});
    let change = |name: &str, value: Value| {
        let mut changed = usual.clone();
        changed[name] = value;
        changed
    };
    for (set, shown) in [
        ("controls=", change("controls", json!(true))),
        ("overlay=", change("overlay", json!(true))),
        ("mirror=", change("mirror", json!(true))),
        ("mirror=false", usual.clone()),
        ("fit=cover", change("cover", json!(true))),
        ("wire=jpeg", change("wire", json!(jpeg))),
        ("camera=pattern-2", usual.clone()),
    ] {
        let (name, value) = set.split_once('=').context("no value")?;
        let camera = if name == "camera" { value } else { "pattern" };
        for (change, shown, camera) in [
            (format!("setAttribute('{name}', '{value}')"), &shown, camera),
            (format!("removeAttribute('{name}')"), &usual, "pattern"),
        ] {
            page.eval(&format!("document.querySelector('pi-camera').{change}"))
                .await?;
            poll(&format!("{change} is followed"), async || {
                Ok((page.eval(SHOWN).await? == *shown).then_some(()))
            })
            .await?;
            page.wait_state("live").await?;
            let wire = shown["wire"].as_str().unwrap_or_default();
            // The server counts the connection before it for a moment longer.
            page.wait_for(&format!(
                "fetch('{url}api/v1/status').then(answer => answer.json()).then(({{viewers}}) =>
                    viewers.length === 1 && viewers[0].camera === '{camera}' && viewers[0].wire === '{wire}')"
            ))
            .await?;
        }
    }
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn a_page_over_https_says_why_it_shows_no_camera_over_http() -> Result<()> {
    let secure = Locked::start(&[&PATTERN[..], &["--tls", "self-signed"]].concat())?;
    let plain = Server::start(&PATTERN)?;
    let browser = Browser::trusting().await?;
    let https = secure.server.url().replace("http:", "https:");
    // Any page over https would do; this one has the element already.
    let page = browser.open(&format!("{https}#key={}", secure.key)).await?;
    page.wait_state("live").await?;
    page.eval(&format!(
        "document.querySelector('pi-camera').remove();
        window.told = [];
        const camera = document.createElement('pi-camera');
        camera.addEventListener('error', ({{detail}}) => told.push(detail.message));
        camera.src = 'http://raspberrypi.local:{}/';
        document.body.append(camera)",
        plain.port()
    ))
    .await?;
    let notice = wait_refused(&page, "pi-camera").await?;
    for words in ["came over https", "--tls", "open the page over http"] {
        ensure!(notice.contains(words), "{notice}");
    }
    ensure!(!notice.contains("next try"), "{notice}");
    let told = page.eval("told").await?;
    let [told] = &told.as_array().context("no list")?[..] else {
        bail!("not told once: {told}");
    };
    ensure!(
        told.as_str()
            .is_some_and(|told| !told.is_empty() && notice.contains(told)),
        "{told}"
    );
    page.eval(&format!(
        "document.querySelector('pi-camera').src = '{https}'"
    ))
    .await?;
    page.wait_state("live").await?;
    // Nothing was tried that the browser had to block.
    page.expect_no_complaints(&["401"])
}

#[tokio::test]
async fn on_a_page_elsewhere_it_says_how_a_page_shows_the_key() -> Result<()> {
    let mut site = Site::reserve().await?;
    let origin = site.origin();
    let locked = Locked::start(&[&PATTERN[..], &["--allow-origin", &origin]].concat())?;
    let (url, key) = (locked.server.url(), &locked.key);
    let with_user = url.replace("http://", &format!("http://camera:{key}@"));
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{url}embed.js'></script>
        <style>pi-camera {{ display: inline-block }}</style>
        <pi-camera id=none src='{url}'></pi-camera>
        <pi-camera id=expired src='{url}' ticket='ticket.owner.1.MA.MA.AAAA'></pi-camera>
        <pi-camera id=query class=good src='{url}?key={key}'></pi-camera>
        <pi-camera id=user class=good src='{with_user}'></pi-camera>
        <pi-camera id=link class=good src='{url}#key={key}'></pi-camera>
        <pi-camera id=other src='http://anna:secret@127.0.0.1'></pi-camera>
        <pi-camera id=bare src='raspberrypi.local:8000'></pi-camera>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    for (camera, words) in [
        ("#none", "?key=KEY"),
        ("#expired", "ticket has expired"),
        ("#other", "another user than camera"),
        ("#bare", "http://"),
    ] {
        let notice = wait_refused(&page, camera).await?;
        ensure!(notice.contains(words), "{camera}: {notice}");
    }
    wait_live(&page, ".good").await?;
    page.expect_no_complaints(&["401", "WebSocket connection to"])
}

#[tokio::test]
async fn three_elements_load_the_program_once_and_share_a_worker() -> Result<()> {
    let mut site = Site::reserve().await?;
    let server = server_for(&site, &[])?;
    let url = server.url();
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{url}embed.js'></script>
        <style>pi-camera {{ display: inline-block }}</style>
        <pi-camera></pi-camera><pi-camera></pi-camera><pi-camera></pi-camera>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    wait_live(&page, "pi-camera").await?;
    let loaded = "performance.getEntriesByType('resource').filter(({name}) => name.endsWith('.wasm')).length";
    assert_eq!(page.eval(loaded).await?, 1);
    let workers = page.workers();
    assert_eq!(workers.len(), 1);
    for worker in workers {
        let params = json!({"expression": loaded, "returnByValue": true});
        let devtools = browser.devtools();
        let answer = devtools.call(&worker, "Runtime.evaluate", params).await?;
        assert_eq!(answer["result"]["value"], 0, "{answer}");
    }
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn twelve_elements_open_three_connections_at_a_time_and_all_are_live() -> Result<()> {
    let mut site = Site::reserve().await?;
    let server = server_for(&site, &[])?;
    let url = server.url();
    // In the page, where its sockets can be counted.
    let page = site.serve(&format!(
        "<!doctype html><script>
            delete HTMLCanvasElement.prototype.transferControlToOffscreen;
            window.counts = [0, 0, 0];
            const Real = WebSocket;
            window.WebSocket = class extends Real {{
                constructor(...all) {{
                    super(...all);
                    counts[0] += 1;
                    counts[1] = Math.max(counts[1], counts[0]);
                    this.addEventListener('open', () => {{ counts[0] -= 1; counts[2] += 1; }});
                }}
            }};
        </script>
        <script type=module src='{url}embed.js'></script>{}",
        "<pi-camera style='width: 100px; display: inline-block'></pi-camera>".repeat(12)
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    wait_live(&page, "pi-camera").await?;
    assert_eq!(page.eval("counts").await?, json!([0, 3, 12]));
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn before_the_first_frame_there_is_no_snapshot() -> Result<()> {
    let mut server = FakeServer::start().await?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    let mut viewer = server.viewer().await?;
    viewer.hello().await?;
    let why = page
        .eval("document.querySelector('pi-camera').snapshot().then(() => 'a snapshot', error => `${error.name}: ${error.message}`)")
        .await?;
    assert_eq!(why, "Error: there is no picture yet");
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn fifty_elements_that_came_and_went_leave_no_connection_and_no_worker() -> Result<()> {
    let mut site = Site::reserve().await?;
    let server = server_for(&site, &[])?;
    let url = server.url();
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{url}embed.js'></script>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    page.wait_for("!!customElements.get('pi-camera')").await?;
    // Some leave before they are connected, some when they have drawn; the page keeps them all.
    page.eval(
        "window.kept = [];
        window.gone = 0;
        window.all = (async () => {
            for (let n = 0; n < 50; n++) {
                const camera = document.createElement('pi-camera');
                kept.push(camera);
                const drawn = new Promise(done => camera.addEventListener('frame', done, {once: true}));
                document.body.append(camera);
                if (n % 2) await drawn;
                camera.remove();
                gone += 1;
            }
        })();
        0",
    )
    .await?;
    let mut gone = 0;
    while gone < 50 {
        let more = page
            .wait_for(&format!("window.gone > {gone} && window.gone"))
            .await?;
        gone = more.as_u64().context("no number")?;
    }
    page.wait_for(&format!(
        "fetch('{url}api/v1/status').then(answer => answer.json())
            .then(status => status.viewers.length === 0 && status.viewers_total >= 25)"
    ))
    .await?;
    poll("the workers are gone", async || {
        Ok(page.workers().is_empty().then_some(()))
    })
    .await?;
    page.expect_no_complaints(&["WebSocket is closed before the connection is established"])
}
