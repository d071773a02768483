//! Who gets to see the camera in a browser: its owner by a link, a person with a key, a page with a ticket, and no page
//! elsewhere.

use anyhow::{Context as _, Result, ensure};
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::{Locked, PATTERN};
use pistreamer_e2e::site::Site;
use serde_json::json;

fn locked(more: &[&str]) -> Result<Locked> {
    Locked::start(&[&PATTERN[..], more].concat())
}

async fn wait_live(page: &Page<'_>) -> Result<()> {
    page.wait_for("document.querySelector('pi-camera')?.dataset.state === 'live'")
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_printed_link_shows_the_camera_on_one_device_and_leaves_nothing_behind() -> Result<()> {
    let locked = locked(&[])?;
    let (url, link) = (locked.server.url(), locked.link()?);
    let browser = Browser::start().await?;
    let page = browser.open(&link).await?;
    wait_live(&page).await?;
    let address = page.eval("location.href").await?;
    ensure!(address == url.as_str(), "the address is {address}");
    let history = page.call("Page.getNavigationHistory", json!({})).await?;
    let entries = history["entries"]
        .as_array()
        .context("there is no history")?;
    let kept = |entry: &serde_json::Value| entry["url"].to_string().contains("code=");
    ensure!(!entries.iter().any(kept), "{history}");
    page.reload().await?;
    wait_live(&page).await?;
    let other = Browser::start().await?;
    let page = other.open(&link).await?;
    page.wait_for("document.getElementById('message')?.textContent.includes('was used already')")
        .await?;
    page.screenshot("used_link").await?;
    let told = page
        .eval("document.getElementById('message').textContent")
        .await?;
    ensure!(told.to_string().contains("pistreamer key"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_device_that_is_ended_sees_the_way_back_in_and_no_other_does() -> Result<()> {
    let locked = locked(&[])?;
    let (one, other) = (Browser::start().await?, Browser::start().await?);
    let ended = one.open(&locked.link()?).await?;
    wait_live(&ended).await?;
    let stays = other.open(&locked.link()?).await?;
    wait_live(&stays).await?;
    let id = ended
        .eval(
            "fetch('api/v1/sessions').then(answer => answer.json())
                .then(answer => answer.sessions.find(session => session.own).id)",
        )
        .await?;
    let id = id.as_str().context("it is in no list")?.to_owned();
    // As soon as it is written.
    while !locked.run_key(&[])?.contains(&id) {}
    locked.run_key(&["end", &id])?;
    ended.wait_for("document.forms.length === 1").await?;
    ensure!(stays.eval("document.forms.length").await? == 0);
    wait_live(&stays).await?;
    stays.wait_drawn(10).await?;
    Ok(())
}

#[tokio::test]
async fn the_link_with_the_key_shows_the_camera_and_the_key_is_gone_from_the_address() -> Result<()>
{
    let locked = locked(&[])?;
    let url = locked.server.url();
    let browser = Browser::start().await?;
    let page = browser.open(&format!("{url}#key={}", locked.key)).await?;
    wait_live(&page).await?;
    let address = page.eval("location.href").await?;
    ensure!(address == url.as_str(), "the address is {address}");
    let cookie = page.eval("document.cookie").await?;
    ensure!(cookie == "", "scripts can read {cookie}");
    // The next visit needs no key, and a link with one does no harm.
    page.reload().await?;
    wait_live(&page).await?;
    page.eval(&format!("location.hash = 'key={}'", locked.key))
        .await?;
    page.reload().await?;
    page.wait_for("location.hash === ''").await?;
    wait_live(&page).await?;
    page.expect_no_complaints(&["401"])?;
    Ok(())
}

#[tokio::test]
async fn a_link_elsewhere_signs_nobody_over_to_another_key() -> Result<()> {
    let locked = locked(&[])?;
    let url = locked.server.url();
    let browser = Browser::start().await?;
    let owners = browser.open(&locked.link()?).await?;
    wait_live(&owners).await?;
    let others = locked.view_key("door")?;
    let noticed = format!(
        "fetch('api/v1/session?key={others}', {{ credentials: 'omit' }}).then(answer => answer.ok)"
    );
    while owners.eval(&noticed).await? != true {}
    let mut site = Site::reserve().await?;
    let elsewhere = site.serve(&format!(
        "<!doctype html><body><a href='{url}#key={others}'>look</a><a href='{url}?key={others}'>look</a>"
    ));
    for link in 0..2 {
        let page = browser.open(&elsewhere).await?;
        page.wait_for("document.links.length === 2").await?;
        page.eval(&format!("document.links[{link}].click()"))
            .await?;
        page.wait_for(&format!("location.href === '{url}'")).await?;
        wait_live(&page).await?;
        let role = page
            .eval(
                "fetch('api/v1/session').then(answer => answer.json()).then(answer => answer.role)",
            )
            .await?;
        ensure!(
            role == "admin",
            "by link {link} the owner has become {role}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_person_types_the_key_and_is_told_when_it_is_wrong() -> Result<()> {
    let locked = locked(&[])?;
    let browser = Browser::start().await?;
    let page = browser.open(&locked.server.url()).await?;
    page.wait_for("document.forms.length === 1").await?;
    page.screenshot("login").await?;
    let submit = |key: &str| {
        format!("document.forms[0].elements.key.value = '{key}'; document.forms[0].requestSubmit()")
    };
    page.eval(&submit("wrong")).await?;
    page.wait_for("document.getElementById('message').textContent === 'That is not the key.'")
        .await?;
    // As copied from paper.
    let copied = locked.key.to_uppercase();
    let copied = format!("{} {}", &copied[..13], &copied[13..]);
    page.eval(&submit(&copied)).await?;
    wait_live(&page).await?;
    Ok(())
}

#[tokio::test]
async fn whoever_is_signed_out_sees_the_way_back_in() -> Result<()> {
    let locked = locked(&[])?;
    let browser = Browser::start().await?;
    let page = browser
        .open(&format!("{}#key={}", locked.server.url(), locked.key))
        .await?;
    wait_live(&page).await?;
    locked.run_key(&["rotate"])?;
    page.wait_for("document.forms.length === 1").await?;
    Ok(())
}

#[tokio::test]
async fn a_ticket_shows_the_camera_on_the_page_that_it_is_for() -> Result<()> {
    let locked = locked(&[])?;
    let url = locked.server.url();
    let mut site = Site::reserve().await?;
    let mut other = Site::reserve().await?;
    let browser = Browser::start().await?;
    let page = browser.open(&format!("{url}#key={}", locked.key)).await?;
    wait_live(&page).await?;
    let ticket = page
        .eval(&format!(
            "fetch('api/v1/tickets', {{ method: 'POST', body: JSON.stringify({{ origin: '{}' }}) }})
                .then(answer => answer.json()).then(answer => answer.ticket)",
            site.origin()
        ))
        .await?;
    let ticket = ticket.as_str().context("there is no ticket")?.to_owned();
    let html = format!(
        "<!doctype html><script type=module src='{url}embed.js'></script>
        <style>pi-camera, iframe {{ width: 320px; height: 240px; display: inline-block }}</style>
        <pi-camera src='{url}' ticket='{ticket}'></pi-camera><iframe src='{url}embed?ticket={ticket}'></iframe>"
    );
    let good = site.serve(&html);
    let stolen = other.serve(&html);
    // In a browser that never saw the key.
    let browser = Browser::start().await?;
    let page = browser.open(&good).await?;
    wait_live(&page).await?;
    let page = browser.open(&stolen).await?;
    page.wait_for("document.querySelector('pi-camera')?.dataset.state === 'refused'")
        .await?;
    Ok(())
}

#[tokio::test]
async fn over_tls_the_link_shows_the_camera_and_the_session_is_for_https_only() -> Result<()> {
    let locked = locked(&["--tls", "self-signed"])?;
    let plain = locked.server.url();
    let browser = Browser::trusting().await?;
    // Who types the address without https is sent there.
    let page = browser.open(&format!("{plain}#key={}", locked.key)).await?;
    wait_live(&page).await?;
    let address = page.eval("location.href").await?;
    ensure!(
        address == plain.replace("http:", "https:").as_str(),
        "the address is {address}"
    );
    page.wait_drawn(10).await?;
    let cookies = page.call("Network.getCookies", json!({})).await?;
    let session = &cookies["cookies"][0];
    ensure!(
        session["secure"] == true && session["httpOnly"] == true,
        "{cookies}"
    );
    Ok(())
}

#[tokio::test]
async fn the_key_in_the_address_of_a_frame_shows_the_camera_on_a_page_elsewhere() -> Result<()> {
    let mut site = Site::reserve().await?;
    let mut other = Site::reserve().await?;
    let locked = locked(&["--allow-origin", &site.origin()])?;
    let (url, key) = (locked.server.url(), locked.view_key("dashboard")?);
    let html = format!(
        "<!doctype html><iframe src='{url}embed?key={key}'></iframe><img src='{url}stream.mjpg?key={key}' crossorigin>"
    );
    let browser = Browser::start().await?;
    // Once the server knows the key.
    let known = browser.open(&format!("{url}login.css")).await?;
    let knows = format!("fetch('/api/v1/session?key={key}').then(answer => answer.ok)");
    known.wait_for(&knows).await?;
    let framed = browser.open(&site.serve(&html)).await?;
    framed
        .wait_for("document.querySelector('img')?.naturalWidth > 0")
        .await?;
    // The page cannot look into the frame: the server tells who looks.
    let owner = Browser::start().await?;
    let owner = owner.open(&format!("{url}api/v1/status?key={key}")).await?;
    let acknowledging = "fetch(location.href).then(answer => answer.json())
        .then(status => status.viewers.filter(viewer => viewer.wire !== 'mjpeg' && viewer.sent > 10).length)";
    owner
        .wait_for(&format!("{acknowledging}.then(viewers => viewers === 1)"))
        .await?;
    // On an origin that is not allowed, the very same page shows neither.
    let stranger = browser.open(&other.serve(&html)).await?;
    stranger
        .wait_for("document.querySelector('img')?.complete")
        .await?;
    let shown = stranger
        .eval("document.querySelector('img').naturalWidth")
        .await?;
    ensure!(shown == 0, "a page elsewhere shows {shown} pixels");
    ensure!(
        owner.eval(acknowledging).await? == 1,
        "it frames the viewer"
    );
    Ok(())
}

/// What a page elsewhere can try. Each answers with what it got.
const ATTACKS: &str = r#"
    const url = "URL", socket = url.replace("http", "ws") + "ws";
    const tries = {
        websocket: () => new Promise(done => {
            const tried = new WebSocket(socket);
            tried.onmessage = () => done("a message");
            tried.onclose = () => done("");
        }),
        fetch: () => fetch(url + "snapshot.jpg", { credentials: "include" }).then(answer => answer.status, () => ""),
        blind: () => fetch(url + "snapshot.jpg", { credentials: "include", mode: "no-cors" }).then(() => "", () => ""),
        status: () => fetch(url + "api/v1/status", { credentials: "include" }).then(answer => answer.status, () => ""),
        ticket: () => fetch(url + "api/v1/tickets", { method: "POST", credentials: "include" })
            .then(answer => answer.status, () => ""),
        image: () => new Promise(done => {
            const image = new Image();
            image.onload = () => done("a picture");
            image.onerror = () => done("");
            image.src = url + "snapshot.jpg";
        }),
        frame: () => new Promise(done => {
            const frame = document.createElement("iframe");
            // Chromium shows a page of its own in the place of what may not be framed, and says that it is loaded.
            frame.onload = () => done("");
            // With one, the server refuses of itself.
            frame.referrerPolicy = "no-referrer";
            frame.src = url;
            document.body.append(frame);
        }),
        form: () => new Promise(done => {
            const form = document.createElement("form"), frame = document.createElement("iframe");
            frame.name = form.target = "answer";
            frame.onload = () => done("");
            form.method = "post";
            form.action = url + "api/v1/tickets";
            document.body.append(frame, form);
            form.submit();
        }),
    };
    (async () => {
        window.got = {};
        for (const [name, attempt] of Object.entries(tries)) got[name] = await attempt();
        window.done = true;
    })();
"#;

#[tokio::test]
async fn a_page_elsewhere_gets_nothing_from_the_owners_browser() -> Result<()> {
    let locked = locked(&[])?;
    let url = locked.server.url();
    let browser = Browser::start().await?;
    let page = browser.open(&format!("{url}#key={}", locked.key)).await?;
    wait_live(&page).await?;
    // Another port of the same host is of the same site: the browser sends the cookie there and thither.
    let mut site = Site::reserve().await?;
    let attacks = ATTACKS.replace("URL", &url);
    let evil = site.serve(&format!("<!doctype html><body><script>{attacks}</script>"));
    let page = browser.open(&evil).await?;
    page.wait_for("window.done").await?;
    let got = page.eval("window.got").await?;
    let got = got.as_object().context("the attacks said nothing")?;
    for (name, loot) in got {
        let nothing = *loot == "" || *loot == 403 || *loot == 401;
        ensure!(nothing, "by {name} the page got {loot}");
    }
    ensure!(got.len() == 8, "some attacks were not tried: {got:?}");
    let complaints = page.complaints();
    ensure!(
        complaints
            .iter()
            .any(|text| text.contains("frame-ancestors")),
        "the browser did not refuse to frame the viewer: {complaints:#?}"
    );
    Ok(())
}
