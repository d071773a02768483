//! Several cameras on one page: which there are, how they lie, and the one that is looked at.

use crate::failure::break_program;
use crate::keyboard::{press, tab_to, type_text};
use crate::phone::LOCKS;
use anyhow::{Context as _, Result, ensure};
use pistreamer_e2e::axe::Axe;
use pistreamer_e2e::browser::{Browser, Page, poll};
use pistreamer_e2e::fake::{self, FakeServer};
use pistreamer_e2e::server::{Locked, PATTERN, Server};
use pistreamer_e2e::site::Site;
use serde_json::{Value, json};
use std::path::Path;

/// What the tests look at.
const LOOK: &str = "window.wall = document.querySelector('pi-wall');
    window.tiles = () => [...(wall.shadowRoot?.querySelectorAll('.tile') ?? [])];
    window.cameras = () => tiles().map(tile => tile.querySelector('pi-camera'));
    window.states = () => cameras().map(({state}) => state).join();
    window.names = () => tiles().map(tile => tile.querySelector('.name').textContent).join();
    window.part = selector => wall.shadowRoot.querySelector(selector);
    0";

/// A camera in a configuration file.
fn camera(id: &str, name: &str, more: &str) -> String {
    format!("[[camera]]\nid = \"{id}\"\nname = \"{name}\"\nfps = 10\n{more}\n")
}

fn pattern(id: &str, name: &str) -> String {
    camera(id, name, "source = \"pattern\"\nsize = \"320x180\"")
}

const SIX: [(&str, &str); 6] = [
    ("door", "Front door"),
    ("yard", "Yard"),
    ("garage", "Garage"),
    ("hall", "Hall"),
    ("attic", "Attic"),
    ("lane", "Lane"),
];

/// A server with six cameras, by that file.
fn six(file: &Path) -> Result<Server> {
    let cameras: String = SIX.map(|(id, name)| pattern(id, name)).concat();
    std::fs::write(file, cameras)?;
    Server::start(&["--config", &file.display().to_string()])
}

/// Opens a page with a wall on it.
async fn open<'a>(browser: &'a Browser, url: &str) -> Result<Page<'a>> {
    let page = browser.open(url).await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    Ok(page)
}

/// Waits until all of them are live.
async fn wait_live(page: &Page<'_>, count: usize) -> Result<()> {
    let live = vec!["live"; count].join(",");
    page.wait_for(&format!("states() === '{live}'")).await?;
    Ok(())
}

#[tokio::test]
async fn six_cameras_are_live_on_one_page_by_one_worker_each_in_the_size_of_its_tile() -> Result<()>
{
    let folder = tempfile::tempdir()?;
    let server = six(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url()).await?;
    wait_live(&page, 6).await?;
    assert_eq!(page.workers().len(), 1);
    assert_eq!(
        page.eval("names()").await?,
        "Front door,Yard,Garage,Hall,Attic,Lane"
    );
    // More would not be seen, and many pictures a second are for the one that is looked at.
    let wanted = page
        .eval("cameras().map(({maxFps, inert}) => `${maxFps} ${inert}`).join()")
        .await?;
    assert_eq!(wanted, ["10 true"; 6].join(","));
    page.emulate(340, 330, false, "dark").await?;
    page.wait_for(
        "cameras().every(camera => camera.shadowRoot.querySelector('canvas').width === 160)",
    )
    .await?;
    page.expect_no_complaints(&[])
}

/// How the tiles lie: columns, rows, and whether all of them are in the window, without one over another.
const LIE: &str = "(() => {
    const boxes = tiles().map(tile => tile.getBoundingClientRect());
    const count = (edge) => new Set(boxes.map(box => Math.round(box[edge]))).size;
    const apart = boxes.every((one, at) => boxes.slice(at + 1).every(other =>
        one.right <= other.left || other.right <= one.left || one.bottom <= other.top || other.bottom <= one.top));
    const inside = boxes.every(({left, top, right, bottom}) => left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight);
    const narrowest = Math.min(...boxes.map(({width}) => width));
    return [count('left'), count('top'), apart, inside, narrowest >= 160];
})()";

#[tokio::test]
async fn the_tiles_are_as_large_as_the_screen_lets_them_be() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = six(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url()).await?;
    wait_live(&page, 6).await?;
    for (name, width, height, phone, columns, rows) in [
        ("desk", 1280, 720, false, 3, 2),
        ("phone-upright", 390, 844, true, 1, 6),
        ("phone-on-its-side", 844, 390, true, 3, 2),
        ("tablet-upright", 800, 1000, true, 2, 3),
    ] {
        for scheme in ["dark", "light"] {
            page.emulate(width, height, phone, scheme).await?;
            let lie = json!([columns, rows, true, true, true]);
            poll(&format!("{name}: {lie}"), async || {
                let now: Value = page.eval(LIE).await?;
                Ok((now == lie).then_some(()))
            })
            .await?;
            page.screenshot(&format!("wall-{name}-{scheme}")).await?;
        }
    }
    // Where there is no room for all, the rest is scrolled to, and what is not seen asks for nothing.
    page.emulate(400, 200, false, "dark").await?;
    page.wait_for("states().includes('hidden') && states().includes('live')")
        .await?;
    page.eval("part('#root').scrollTo(0, 10000)").await?;
    page.wait_for("cameras().at(-1).state === 'live' && cameras()[0].state === 'hidden'")
        .await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn a_tap_shows_one_in_full_arrows_the_next_and_escape_or_the_button_back_all_of_them()
-> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = six(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url()).await?;
    wait_live(&page, 6).await?;
    page.eval_clicked("tiles()[1].querySelector('button').click()")
        .await?;
    let shows = |id: &str, title: &str| {
        format!(
            "wall.opened?.camera === '{id}' && wall.opened.state === 'live' && location.hash === '#camera={id}'
                && document.title === '{title} – pistreamer'
                && wall.opened.getBoundingClientRect().width === innerWidth
                && wall.opened.shadowRoot.querySelector('#toolbar').checkVisibility()
                && cameras().filter(camera => camera !== wall.opened).every(({{state}}) => state === 'hidden')"
        )
    };
    page.wait_for(&shows("yard", "Yard")).await?;
    // Full speed for the one that is looked at.
    assert_eq!(page.eval("wall.opened.maxFps").await?, Value::Null);
    page.screenshot("wall-full").await?;
    press(&page, "ArrowRight").await?;
    page.wait_for(&shows("garage", "Garage")).await?;
    press(&page, "ArrowLeft").await?;
    press(&page, "ArrowLeft").await?;
    page.wait_for(&shows("door", "Front door")).await?;
    press(&page, "ArrowLeft").await?;
    page.wait_for(&shows("lane", "Lane")).await?;
    // What the camera has open, or has the focus in it, takes the keys first.
    page.eval_clicked("wall.opened.shadowRoot.querySelector('#b-more').click()")
        .await?;
    let menu = "wall.opened.shadowRoot.querySelector('#menu')?.checkVisibility()";
    page.wait_for(menu).await?;
    press(&page, "ArrowRight").await?;
    press(&page, "Escape").await?;
    page.wait_for(&format!("!({menu})")).await?;
    page.eval(
        "const field = Object.assign(document.createElement('input'), {type: 'range', id: 'field'});
        wall.opened.shadowRoot.querySelector('#top').append(field);
        field.focus(); 0",
    )
    .await?;
    press(&page, "ArrowRight").await?;
    page.wait_for("wall.opened.shadowRoot.querySelector('#field').value === '51'")
        .await?;
    page.eval("wall.opened.shadowRoot.querySelector('#field').remove()")
        .await?;
    page.wait_for(&shows("lane", "Lane")).await?;
    press(&page, "Escape").await?;
    wait_live(&page, 6).await?;
    page.wait_for("!wall.opened && !location.hash && document.title === 'pistreamer'")
        .await?;
    // The browser's own button, and a page that is loaded anew.
    page.eval_clicked("tiles()[3].querySelector('button').click()")
        .await?;
    page.wait_for(&shows("hall", "Hall")).await?;
    page.reload().await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    page.wait_for(&shows("hall", "Hall")).await?;
    page.eval("history.back()").await?;
    page.wait_for("!wall.opened && !location.hash").await?;
    wait_live(&page, 6).await?;
    // Pressed twice, before the browser is back.
    page.eval_clicked(
        "history.pushState({}, '', '?here'); tiles()[2].querySelector('button').click()",
    )
    .await?;
    page.wait_for("wall.opened?.camera === 'garage'").await?;
    page.eval_clicked("part('#back').click(); part('#back').click()")
        .await?;
    page.wait_for("!wall.opened && !location.hash").await?;
    wait_live(&page, 6).await?;
    assert_eq!(page.eval("location.search").await?, "?here");
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn a_finger_swipes_to_the_next_camera() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = six(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    page.emulate(390, 844, true, "dark").await?;
    page.call(
        "Emulation.setTouchEmulationEnabled",
        json!({"enabled": true}),
    )
    .await?;
    let url = format!("{}#camera=yard", server.url());
    page.call("Page.navigate", json!({"url": url})).await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    page.wait_for("wall.opened?.state === 'live'").await?;
    let swipe = async |from: u32, to: u32| -> Result<()> {
        for (kind, x) in [
            ("touchStart", Some(from)),
            ("touchMove", Some(to)),
            ("touchEnd", None),
        ] {
            let points: Vec<Value> = x.iter().map(|x| json!({"x": x, "y": 400})).collect();
            let params = json!({"type": kind, "touchPoints": points});
            page.call("Input.dispatchTouchEvent", params).await?;
        }
        Ok(())
    };
    swipe(300, 80).await?;
    page.wait_for("wall.opened?.camera === 'garage'").await?;
    swipe(80, 300).await?;
    page.wait_for("wall.opened?.camera === 'yard'").await?;
    Ok(())
}

#[tokio::test]
async fn keys_go_from_tile_to_tile_and_nothing_keeps_people_out() -> Result<()> {
    let axe = Axe::installed()?;
    let folder = tempfile::tempdir()?;
    let server = six(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url()).await?;
    wait_live(&page, 6).await?;
    for scheme in ["light", "dark"] {
        page.emulate(1280, 720, false, scheme).await?;
        axe.judge(&page, "the wall").await?;
    }
    page.eval("tiles()[0].querySelector('button').focus()")
        .await?;
    let focused = "wall.shadowRoot.activeElement.ariaLabel";
    assert_eq!(page.eval(focused).await?, "Front door, Live");
    press(&page, "ArrowDown").await?;
    assert_eq!(page.eval(focused).await?, "Hall, Live");
    press(&page, "ArrowRight").await?;
    assert_eq!(page.eval(focused).await?, "Attic, Live");
    press(&page, "Enter").await?;
    page.wait_for("wall.opened?.camera === 'attic'").await?;
    axe.judge(&page, "one in full").await?;
    press(&page, "Escape").await?;
    page.wait_for("!wall.opened").await?;
    // Where it was opened.
    assert_eq!(page.eval(focused).await?, "Attic, Live");
    let at = |part: &str| format!("wall.shadowRoot.activeElement === part('{part}')");
    tab_to(&page, &at("#arrange")).await?;
    press(&page, "Enter").await?;
    page.wait_for("part('#panel')?.open").await?;
    axe.judge_looks(&page, "wall_panel", "part('#panel')")
        .await?;
    // By keys alone: one down, one hidden, a group made and taken away again.
    tab_to(&page, &at("#down-0")).await?;
    press(&page, "Enter").await?;
    page.wait_for("names().startsWith('Yard,Front door,')")
        .await?;
    tab_to(
        &page,
        "wall.shadowRoot.activeElement.dataset.what === 'show garage'",
    )
    .await?;
    press(&page, " ").await?;
    page.wait_for("!names().includes('Garage')").await?;
    tab_to(&page, &at("#group")).await?;
    type_text(&page, "Outside").await?;
    press(&page, "Enter").await?;
    page.wait_for("part('#ungroup-0')").await?;
    page.wait_for(&at("#group")).await?;
    tab_to(&page, &at("#ungroup-0")).await?;
    press(&page, " ").await?;
    page.wait_for("!part('#ungroup-0') && part('#panel').contains(wall.shadowRoot.activeElement)")
        .await?;
    press(&page, "Escape").await?;
    page.wait_for("!part('#panel')").await?;
    page.wait_for(&at("#arrange")).await?;
    Ok(())
}

#[tokio::test]
async fn a_camera_that_is_lost_takes_only_its_own_tile() -> Result<()> {
    let (folder, far) = (tempfile::tempdir()?, Server::start(&PATTERN)?);
    let port = far.port();
    let file = folder.path().join("pistreamer.toml");
    let source = format!("source = \"ws://127.0.0.1:{port}\"");
    let lost = camera("far", "Far away", &source);
    std::fs::write(
        &file,
        lost + &pattern("door", "Door") + &pattern("yard", "Yard"),
    )?;
    let server = Server::start(&["--config", &file.display().to_string()])?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url()).await?;
    wait_live(&page, 3).await?;
    drop(far);
    page.wait_for("states() === 'no-signal,live,live'").await?;
    page.wait_for("tiles()[0].querySelector('.state').textContent === 'No signal'")
        .await?;
    page.eval("window.before = cameras().map(({seq}) => seq)")
        .await?;
    page.wait_for("[1, 2].every(at => cameras()[at].seq > before[at] + 5)")
        .await?;
    Axe::installed()?
        .judge_looks(&page, "wall_lost", "document.documentElement")
        .await?;
    let _far = Server::start_on(port, &PATTERN)?;
    wait_live(&page, 3).await
}

#[tokio::test]
async fn cameras_come_and_go_with_the_servers_configuration_and_the_others_stay() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    let (door, yard) = (pattern("door", "Door"), pattern("yard", "Yard"));
    std::fs::write(&file, format!("{door}{yard}"))?;
    let server = Server::start(&["--config", &file.display().to_string()])?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url()).await?;
    wait_live(&page, 2).await?;
    page.eval(
        "window.kept = cameras()[1];
        window.told = [];
        kept.addEventListener('statechange', ({detail}) => told.push(detail.state)); 0",
    )
    .await?;
    std::fs::write(&file, format!("{}{door}{yard}", pattern("lane", "Lane")))?;
    page.wait_for("names() === 'Lane,Door,Yard'").await?;
    wait_live(&page, 3).await?;
    std::fs::write(&file, format!("{}{yard}", pattern("lane", "Lane")))?;
    page.wait_for("names() === 'Lane,Yard'").await?;
    wait_live(&page, 2).await?;
    ensure!(page.eval("kept === cameras()[1] && told.length").await? == 0);
    Ok(())
}

#[tokio::test]
async fn one_camera_or_a_link_to_one_is_shown_as_ever_and_loads_no_wall() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let several = six(&folder.path().join("pistreamer.toml"))?;
    let one = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    for url in [
        one.url(),
        format!("{}?camera=yard", several.url()),
        format!("{}embed", several.url()),
    ] {
        let page = browser.open(&url).await?;
        page.wait_state("live").await?;
        let loaded =
            "performance.getEntriesByType('resource').some(({name}) => name.includes('wall.js'))";
        ensure!(page.eval(loaded).await? == false, "{url}");
        page.expect_no_complaints(&[])?;
    }
    Ok(())
}

#[tokio::test]
async fn a_camera_is_shown_where_the_server_never_says_whether_there_are_others() -> Result<()> {
    let browser = Browser::start().await?;
    for path in ["/api/v1/wall", "/api/v1/cameras"] {
        let mut server = FakeServer::silent_at(path).await?;
        let page = browser.open(&server.url()).await?;
        let mut viewer = server.viewer().await?;
        viewer.hello().await?;
        viewer.frame(&fake::frame(1, 128)?).await?;
        viewer.drawn(1).await?;
        page.wait_state("live").await?;
        page.expect_no_complaints(&[])?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wall_takes_the_place_of_the_one_camera_when_the_server_says_so_later() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = six(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    let late = "const real = window.fetch;
        window.list = new Promise(answer => window.say = answer);
        window.fetch = async (address, options) => {
            if (String(address).startsWith('api/v1/cameras')) await list;
            if (String(address).startsWith('api/v1/wall')) await new Promise(() => {});
            return real(address, options);
        };";
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({"source": late}),
    )
    .await?;
    page.call("Page.navigate", json!({"url": server.url()}))
        .await?;
    page.wait_state("live").await?;
    page.wait_for("document.title === 'Front door – pistreamer'")
        .await?;
    page.eval("say()").await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    // Nor does it wait for how it is arranged.
    wait_live(&page, 6).await?;
    assert_eq!(page.eval("document.title").await?, "pistreamer");
    assert_eq!(page.workers().len(), 1);
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn one_camera_and_those_of_another_server_are_on_a_wall_when_the_page_is_loaded_again()
-> Result<()> {
    let one = Server::start(&PATTERN)?;
    let origin = one.url().trim_end_matches('/').to_owned();
    let far = Server::start(&[&PATTERN[..], &["--allow-origin", &origin]].concat())?;
    let browser = Browser::start().await?;
    let page = browser.open(&one.url()).await?;
    page.wait_state("live").await?;
    let kept = json!({"order": [], "hidden": [], "servers": [far.url()]}).to_string();
    page.eval(&format!("localStorage.setItem('pi-wall', '{kept}')"))
        .await?;
    page.reload().await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    wait_live(&page, 2).await?;
    page.expect_no_complaints(&[])
}

/// Has the wall ask all servers for their cameras.
const ASK: &str = "document.dispatchEvent(new Event('visibilitychange'))";

#[tokio::test]
async fn another_servers_answer_that_is_no_list_is_told_on_its_tile_and_the_others_are_followed()
-> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    let (door, yard) = (pattern("door", "Door"), pattern("yard", "Yard"));
    std::fs::write(&file, format!("{door}{yard}"))?;
    let server = Server::start(&["--config", &file.display().to_string()])?;
    let origin = server.url().trim_end_matches('/').to_owned();
    let far = Server::start(&[&PATTERN[..], &["--allow-origin", &origin]].concat())?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url()).await?;
    wait_live(&page, 2).await?;
    let url = far.url();
    page.eval(&format!(
        "window.answer = null;
        window.asked = 0;
        const real = window.fetch;
        window.fetch = (address, options) => {{
            if (!answer || !String(address).startsWith('{url}api/v1/cameras')) return real(address, options);
            asked += 1;
            return Promise.resolve(new Response(answer));
        }};
        wall.change({{servers: ['{url}']}});
        0"
    ))
    .await?;
    wait_live(&page, 3).await?;
    let one = json!({"id": "a", "name": "A"});
    let many: Vec<Value> = (0..129)
        .map(|at| json!({"id": format!("camera-{at}")}))
        .collect();
    page.eval(
        "window.told = [];
        for (const camera of cameras().slice(0, 2))
            camera.addEventListener('statechange', ({detail}) => told.push(detail.state));",
    )
    .await?;
    let said = "tiles().at(-1).querySelector('.state').textContent";
    for answer in [
        json!({"cameras": {}}),
        json!({"cameras": [null]}),
        json!({"cameras": [one, one]}),
        json!({"cameras": [{"id": 7}]}),
        json!({"cameras": many}),
        json!({"cameras": [{"id": "a", "name": "x".repeat(1 << 20)}]}),
        json!(null),
    ] {
        page.eval(&format!(
            "window.answer = JSON.stringify({answer}); window.before = asked; {ASK}"
        ))
        .await?;
        page.wait_for(&format!(
            "asked > before && {said} === 'Its server tells no list of cameras' && tiles().length === 3"
        ))
        .await?;
        page.eval(&format!("window.answer = null; {ASK}")).await?;
        page.wait_for(&format!("{said} === ''")).await?;
    }
    page.eval("window.answer = '{}'").await?;
    std::fs::write(&file, format!("{door}{yard}{}", pattern("lane", "Lane")))?;
    page.wait_for("names().startsWith('Door,Yard,Lane,')")
        .await?;
    // On a busy machine a picture may be late, but no connection ends.
    ensure!(
        page.eval("told.filter(state => !['stale', 'live'].includes(state)).join()")
            .await?
            == ""
    );
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn how_it_is_arranged_is_kept_for_the_key_and_for_no_other() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    let cameras: String = SIX[..3]
        .iter()
        .map(|(id, name)| pattern(id, name))
        .collect();
    std::fs::write(&file, cameras)?;
    let locked = Locked::start(&["--config", &file.display().to_string()])?;
    locked.run_key(&["add", "guest", "--role", "view"])?;
    let kept = std::fs::read_to_string(locked.state.path().join("keys.json"))?;
    let kept: Value = serde_json::from_str(&kept)?;
    let guest = kept["keys"][1]["secret"]["key"].as_str();
    let guest = guest.context("no key for the guest")?.to_owned();
    let browser = Browser::start().await?;
    let page = open(&browser, &locked.link()?).await?;
    wait_live(&page, 3).await?;
    page.eval_clicked("part('#arrange').click()").await?;
    page.wait_for("part('#panel')?.open").await?;
    page.screenshot("wall-arrange").await?;
    // The last one to the top, and the one that is second then away.
    for _ in 0..2 {
        page.eval_clicked(
            "part(`#up-${wall.known.findIndex(({key}) => key === 'garage')}`).click()",
        )
        .await?;
    }
    page.eval_clicked("part('#panel').querySelectorAll('input[type=checkbox]')[1].click()")
        .await?;
    page.wait_for("names() === 'Garage,Yard'").await?;
    let kept = "fetch('api/v1/wall').then(answer => answer.json())";
    page.wait_for(&format!(
        "{kept}.then(({{hidden}}) => hidden.join() === 'door')"
    ))
    .await?;
    page.reload().await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    page.wait_for("names() === 'Garage,Yard'").await?;
    wait_live(&page, 2).await?;
    page.expect_no_complaints(&["401"])?;
    let other = Browser::start().await?;
    let page = open(&other, &format!("{}#key={guest}", locked.server.url())).await?;
    page.wait_for("names() === 'Front door,Yard,Garage'")
        .await?;
    Ok(())
}

#[tokio::test]
async fn of_many_changes_the_newest_is_kept_and_other_pages_follow_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    std::fs::write(&file, pattern("door", "Door") + &pattern("yard", "Yard"))?;
    let locked = Locked::start(&["--config", &file.display().to_string()])?;
    let (browser, other) = (Browser::start().await?, Browser::start().await?);
    let kiosk = open(&other, &locked.link()?).await?;
    kiosk.wait_for("names() === 'Door,Yard'").await?;
    let page = open(&browser, &locked.link()?).await?;
    wait_live(&page, 2).await?;
    // More than are taken at once.
    page.eval(
        "(async () => {
            for (let count = 0; count < 41; count++) {
                wall.change({order: count % 2 ? ['door', 'yard'] : ['yard', 'door']});
                await new Promise(later => setTimeout(later, 20));
            }
            await wall.change({});
        })()",
    )
    .await?;
    let kept = "fetch('api/v1/wall').then(answer => answer.json())";
    assert_eq!(
        page.eval(&format!("{kept}.then(({{order}}) => order.join())"))
            .await?,
        "yard,door"
    );
    assert_eq!(page.eval("names()").await?, "Yard,Door");
    kiosk.wait_for("names() === 'Yard,Door'").await?;
    page.expect_no_complaints(&["401", "429"])
}

#[tokio::test]
async fn what_the_server_does_not_say_is_kept_by_nobody_until_it_does() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    std::fs::write(&file, pattern("door", "Door") + &pattern("yard", "Yard"))?;
    let locked = Locked::start(&["--config", &file.display().to_string()])?;
    let browser = Browser::start().await?;
    let page = open(&browser, &locked.link()?).await?;
    wait_live(&page, 2).await?;
    page.eval("wall.change({hidden: ['door']})").await?;
    let broken = "window.broken = true;
        const real = window.fetch;
        window.fetch = (address, options) => broken && String(address).includes('api/v1/wall')
            ? Promise.resolve(new Response('the disk is gone', {status: 500}))
            : real(address, options);";
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({"source": broken}),
    )
    .await?;
    page.reload().await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    page.wait_for("names() === 'Door,Yard'").await?;
    let refused = "wall.change({hidden: ['yard']}).then(() => '', ({message}) => message)";
    assert_eq!(page.eval(refused).await?, "the disk is gone");
    assert_eq!(
        page.eval("localStorage.getItem('pi-wall')").await?,
        Value::Null
    );
    page.eval("window.broken = false").await?;
    page.wait_for("names() === 'Yard'").await?;
    Ok(())
}

#[tokio::test]
async fn the_panel_keeps_the_focus_and_the_language() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = six(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    let agent = page.eval("navigator.userAgent").await?;
    let german = json!({"userAgent": agent, "acceptLanguage": "de"});
    page.call("Network.setUserAgentOverride", german).await?;
    page.call("Page.navigate", json!({"url": server.url()}))
        .await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    wait_live(&page, 6).await?;
    page.eval_clicked("part('#arrange').click()").await?;
    page.wait_for("part('#panel')?.open").await?;
    let focused = "wall.shadowRoot.activeElement.dataset.what";
    page.eval_clicked("part('#up-1').focus(); part('#up-1').click()")
        .await?;
    page.wait_for("names().startsWith('Yard,Front door,')")
        .await?;
    // It is the first now.
    assert_eq!(page.eval(focused).await?, "down yard");
    page.eval_clicked(
        "(box => { box.focus(); box.click(); })(part('#panel').querySelectorAll('[type=checkbox]')[2])",
    )
    .await?;
    page.wait_for("names() === 'Yard,Front door,Hall,Attic,Lane'")
        .await?;
    assert_eq!(page.eval(focused).await?, "show garage");
    page.wait_for("part('#up-1').ariaLabel === 'Front door nach oben'")
        .await?;
    page.screenshot("wall-arrange-de").await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn another_servers_cameras_are_added_by_its_link_and_go_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = six(&folder.path().join("pistreamer.toml"))?;
    let origin = server.url().trim_end_matches('/').to_owned();
    let far = Locked::start(&[&PATTERN[..], &["--allow-origin", &origin]].concat())?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url()).await?;
    wait_live(&page, 6).await?;
    page.eval_clicked("part('#arrange').click()").await?;
    page.wait_for("part('#panel')?.open").await?;
    let add = |src: &str| {
        format!(
            "(() => {{
                const input = part('#panel input[type=url]');
                input.value = '{src}';
                input.form.requestSubmit();
            }})()"
        )
    };
    let link = format!("{}#key={}", far.server.url(), far.key);
    page.eval_clicked(&add(&link)).await?;
    wait_live(&page, 7).await?;
    // Without its key it would be refused, and says so; another one in its place is no second one.
    page.eval_clicked(&add(&far.server.url())).await?;
    page.wait_for("cameras().at(-1).state === 'refused' && cameras().length === 7")
        .await?;
    page.eval_clicked(&add(&link)).await?;
    wait_live(&page, 7).await?;
    // It says whose it is.
    let host = far.server.url();
    let host = host.trim_start_matches("http://").trim_end_matches('/');
    assert_eq!(
        page.eval("tiles().map(tile => tile.querySelector('.host').textContent).join()")
            .await?,
        format!(",,,,,,{host}")
    );
    assert_eq!(
        page.eval("tiles().at(-1).querySelector('button').ariaLabel")
            .await?,
        format!("Test pattern ({host}), Live")
    );
    // Two behind one host are two.
    assert_eq!(
        page.eval(
            "import('./wall/servers.js').then(({placeOf}) =>
                ['http://house/front/#key=k', 'http://house/yard/embed'].map(placeOf).join())"
        )
        .await?,
        "house/front,house/yard"
    );
    drop(far);
    page.wait_for("states().endsWith('live,lost')").await?;
    page.eval("window.before = cameras()[0].seq").await?;
    page.wait_for("cameras()[0].seq > before + 5").await?;
    page.eval_clicked("part('#remove-0').click()").await?;
    wait_live(&page, 6).await
}

#[tokio::test]
async fn servers_of_the_local_network_are_offered_and_added_by_a_press() -> Result<()> {
    // One camera: a wall because the address says so.
    let server = Server::start(&PATTERN)?;
    let origin = server.url().trim_end_matches('/').to_owned();
    let far = Server::start(&[&PATTERN[..], &["--allow-origin", &origin]].concat())?;
    let browser = Browser::start().await?;
    let page = open(&browser, &format!("{}?wall", server.url())).await?;
    wait_live(&page, 1).await?;
    // A test's machine may be on no network.
    let (own, url) = (server.url(), far.url());
    page.eval(&format!(
        "const real = window.fetch;
        const found = ['{own}', '{url}'].map(url => ({{url, server: 'pistreamer on far', name: 'Far'}}));
        window.fetch = (address, options) => String(address).startsWith('api/v1/servers')
            ? Promise.resolve(Response.json({{servers: found}}))
            : real(address, options);
        0"
    ))
    .await?;
    page.eval_clicked("part('#arrange').click()").await?;
    page.wait_for("!!part('#add-0')").await?;
    let offered = page
        .eval("[part('#add-0').ariaLabel, part('#add-0').parentNode.textContent, !!part('#add-1')]")
        .await?;
    let place = url.trim_start_matches("http://").trim_end_matches('/');
    assert_eq!(
        offered,
        json!([
            format!("Add {place}"),
            format!("{place}, pistreamer on far, Far+"),
            false
        ])
    );
    page.screenshot("wall-offered").await?;
    page.eval_clicked("part('#add-0').click()").await?;
    wait_live(&page, 2).await?;
    page.wait_for("!part('#add-0') && !!part('#remove-0')")
        .await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn a_server_that_hangs_keeps_no_other_from_being_asked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = six(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url()).await?;
    wait_live(&page, 6).await?;
    page.eval(
        "window.asked = 0;
        const real = window.fetch;
        window.fetch = (address, options) => {
            const {pathname, hostname} = new URL(address, location);
            if (hostname === 'far.invalid') return new Promise(() => {});
            asked += pathname === '/api/v1/cameras';
            return real(address, options);
        };
        wall.change({servers: ['http://far.invalid/']});
        0",
    )
    .await?;
    page.wait_for("asked >= 3").await?;
    Ok(())
}

#[tokio::test]
async fn a_session_that_ends_leads_to_the_page_to_sign_in() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    std::fs::write(&file, pattern("door", "Door") + &pattern("yard", "Yard"))?;
    let locked = Locked::start(&["--config", &file.display().to_string()])?;
    let browser = Browser::start().await?;
    let page = open(&browser, &locked.link()?).await?;
    wait_live(&page, 2).await?;
    locked.run_key(&["rotate"])?;
    page.wait_for("!document.querySelector('pi-wall') && !!document.querySelector('form input')")
        .await
        .map(drop)
}

#[tokio::test]
async fn failed_tiles_are_shown_by_few_streams_and_start_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = six(&folder.path().join("pistreamer.toml"))?;
    let origin = server.url().trim_end_matches('/').to_owned();
    let far = Server::start(&[&PATTERN[..], &["--allow-origin", &origin]].concat())?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url()).await?;
    page.eval(&format!("wall.change({{servers: ['{}']}})", far.url()))
        .await?;
    wait_live(&page, 7).await?;
    break_program(&page, "cameras()[0]").await?;
    page.wait_for("cameras().every(({state}) => state === 'failed')")
        .await?;
    page.wait_for(
        "cameras().every(({shadowRoot}) => shadowRoot.querySelector('#plain')?.naturalWidth > 0)",
    )
    .await?;
    // Three of each server's, which leave it connections for what starts the viewer again.
    let streams = "cameras().filter(({src, shadowRoot}) => !src === IS_OWN && shadowRoot.querySelector('#plain').src.includes('stream.mjpg')).length";
    for (is_own, count) in [("true", 3), ("false", 1)] {
        let streams = streams.replace("IS_OWN", is_own);
        page.wait_for(&format!("{streams} === {count}")).await?;
    }
    page.eval(
        "mend();
        cameras()[0].controls = true;
        Promise.all(cameras().map(camera => camera.restart()))",
    )
    .await?;
    wait_live(&page, 7).await
}

#[tokio::test]
async fn another_page_loads_what_a_wall_needs_where_it_has_one() -> Result<()> {
    let mut site = Site::reserve().await?;
    let server = Server::start(&[&PATTERN[..], &["--allow-origin", &site.origin()]].concat())?;
    let url = server.url();
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{url}embed.js'></script><pi-camera src='{url}'></pi-camera>"
    ));
    let browser = Browser::start().await?;
    let page = browser.open(&page).await?;
    page.wait_state("live").await?;
    let loaded =
        "performance.getEntriesByType('resource').some(({name}) => name.includes('wall.js'))";
    ensure!(page.eval(loaded).await? == false);
    page.eval(&format!(
        "const wall = document.createElement('pi-wall');
        wall.setAttribute('src', '{url}');
        wall.style.cssText = 'width: 640px; height: 360px';
        document.body.prepend(wall);
        0"
    ))
    .await?;
    page.wait_for("!!document.querySelector('pi-wall').shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    wait_live(&page, 1).await
}

#[tokio::test]
async fn another_page_shows_the_cameras_of_two_servers_on_one_wall() -> Result<()> {
    let mut site = Site::reserve().await?;
    let origin = site.origin();
    let allowed = [&PATTERN[..], &["--allow-origin", &origin]].concat();
    let (one, other) = (Server::start(&allowed)?, Locked::start(&allowed)?);
    let page = site.serve(&format!(
        "<!doctype html><script type=module src='{0}embed.js'></script>
        <pi-wall style='width: 640px; height: 360px' src='{0} {1}#key={2}'></pi-wall>",
        one.url(),
        other.server.url(),
        other.key
    ));
    let browser = Browser::start().await?;
    let page = open(&browser, &page).await?;
    wait_live(&page, 2).await?;
    page.eval_clicked("tiles()[1].querySelector('button').click()")
        .await?;
    page.wait_for("wall.opened === cameras()[1] && states() === 'hidden,live'")
        .await?;
    // The page's address is its own.
    ensure!(page.eval("location.hash").await? == "");
    page.eval_clicked("part('#back').click()").await?;
    wait_live(&page, 2).await?;
    drop(one);
    page.wait_for("states() === 'lost,live'").await?;
    Ok(())
}

/// A page of that address with a wall, on a screen that is touched or not; before its scripts, `also` holds.
async fn open_as<'a>(browser: &'a Browser, url: &str, touch: bool, also: &str) -> Result<Page<'a>> {
    let page = browser.open("").await?;
    page.emulate(390, 844, touch, "light").await?;
    let touch = json!({"enabled": touch, "maxTouchPoints": 5});
    page.call("Emulation.setTouchEmulationEnabled", touch)
        .await?;
    let source = json!({"source": also});
    page.call("Page.addScriptToEvaluateOnNewDocument", source)
        .await?;
    page.call("Page.navigate", json!({"url": url})).await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    Ok(page)
}

#[tokio::test]
async fn the_screen_stays_on_while_a_wall_is_live_on_a_phone_or_as_a_kiosk() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    let browser = Browser::start().await?;
    for (query, touch) in [("", true), ("?kiosk", false)] {
        let server = six(&file)?;
        let url = format!("{}{query}", server.url());
        let page = open_as(&browser, &url, touch, LOCKS).await?;
        wait_live(&page, 6).await?;
        page.wait_for("locks === 1").await?;
        let other = browser.open("").await?;
        page.wait_for("locks === 0").await?;
        page.activate().await?;
        page.wait_for("locks === 1").await?;
        drop(other);
        drop(server);
        page.wait_for("locks === 0 && !states().includes('live')")
            .await?;
    }
    let server = six(&file)?;
    let page = open_as(&browser, &server.url(), true, LOCKS).await?;
    page.wait_for("locks === 1").await?;
    page.eval("wall.remove()").await?;
    page.wait_for("locks === 0").await?;
    // On a desk, a page that is left open lets the screen sleep.
    let page = open_as(&browser, &server.url(), false, LOCKS).await?;
    wait_live(&page, 6).await?;
    page.wait_for("cameras().every(({dataset}) => dataset.drawn > 20)")
        .await?;
    ensure!(page.eval("locks").await? == 0);
    // Over plain http, by a picture that plays.
    let gone = "delete Navigator.prototype.wakeLock";
    let url = format!("{}?kiosk", server.url());
    let page = open_as(&browser, &url, false, gone).await?;
    page.wait_for("part('video')?.paused === false && part('video').videoWidth === 2")
        .await?;
    page.eval("wall.removeAttribute('kiosk')").await?;
    page.wait_for("!part('video')").await?;
    Ok(())
}

#[tokio::test]
async fn how_the_controls_come_back_is_said_where_it_can_be_seen() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = six(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = open_as(&browser, &server.url(), true, "").await?;
    wait_live(&page, 6).await?;
    page.wait_for("cameras().every(({shadowRoot}) => shadowRoot.querySelector('#root').classList.contains('idle'))")
        .await?;
    let toast = "cameras()[0].shadowRoot.querySelector('#toast')";
    ensure!(page.eval(&format!("{toast}.textContent")).await? == "");
    page.eval_clicked("tiles()[0].querySelector('button').click()")
        .await?;
    page.wait_for(&format!(
        "{toast}.checkVisibility() && {toast}.textContent === 'A tap on the picture brings the controls back'"
    ))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_kiosk_shows_no_cursor_burns_nothing_in_and_reconnects() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let port = server.port();
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    // Its minutes are short.
    let short = "const real = setInterval; window.setInterval = (f, ms) => real(f, ms === 60000 ? 50 : ms);";
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({"source": short}),
    )
    .await?;
    let url = format!("{}?kiosk", server.url());
    page.call("Page.navigate", json!({"url": url})).await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    wait_live(&page, 1).await?;
    page.wait_for("part('#root').classList.contains('idle') && getComputedStyle(tiles()[0].querySelector('button')).cursor === 'none'")
        .await?;
    let places = page
        .eval(
            "new Promise(done => {
                const seen = new Set();
                const look = () => {
                    seen.add(getComputedStyle(part('#root')).translate);
                    seen.size === 4 ? done([...seen].sort()) : requestAnimationFrame(look);
                };
                look();
            })",
        )
        .await?;
    assert_eq!(places, json!(["0px", "0px 4px", "4px", "4px 4px"]));
    drop(server);
    page.wait_for("states() === 'lost'").await?;
    let _server = Server::start_on(port, &PATTERN)?;
    wait_live(&page, 1).await
}

#[tokio::test]
async fn a_kiosk_starts_a_camera_that_fails_again_less_and_less_often_and_the_others_go_on()
-> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    let large = camera("yard", "Yard", "source = \"pattern\"\nsize = \"640x360\"");
    std::fs::write(&file, pattern("door", "Door") + &large)?;
    let server = Server::start(&["--config", &file.display().to_string()])?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    // No worker draws a picture that is 320 pixels wide, and half a minute is half a second.
    let poisoned = "const poison = `const draws = ImageBitmapRenderingContext.prototype, draw = draws.transferFromImageBitmap;
            draws.transferFromImageBitmap = function (bitmap) {
                if (bitmap.width === 320) throw new TypeError('no such picture');
                draw.call(this, bitmap);
            };\n`;
        const Real = Blob;
        window.Blob = function (parts, options) {
            return new Real(options?.type === 'text/javascript' ? [poison, ...parts] : parts, options);
        };
        window.Blob.prototype = Real.prototype;
        window.waits = [];
        window.began = 0;
        const wait = setTimeout;
        window.setTimeout = (then, ms, ...more) => {
            const isLong = ms >= 30000 && ms % 30000 === 0 && /restart/.test(then);
            if (isLong) waits.push(ms / 1000);
            return wait(then, isLong ? ms / 60 : ms, ...more);
        };
        const Runs = Worker;
        window.Worker = class extends Runs {
            constructor(...how) {
                began += 1;
                super(...how);
            }
        };";
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({"source": poisoned}),
    )
    .await?;
    let url = format!("{}?kiosk&size=full", server.url());
    page.call("Page.navigate", json!({"url": url})).await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    page.wait_for("waits.length === 3").await?;
    assert_eq!(page.eval("waits").await?, json!([30, 60, 120]));
    // Twice each time that it was started.
    let began = page.eval("began").await?;
    ensure!(began.as_u64().is_some_and(|began| began <= 7), "{began}");
    page.wait_for("states() === 'failed,live'").await?;
    page.eval("window.before = cameras()[1].seq").await?;
    page.wait_for("cameras()[1].seq > before + 5").await?;
    Ok(())
}

#[tokio::test]
async fn a_page_with_one_camera_becomes_a_wall_when_another_one_comes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    std::fs::write(&file, pattern("door", "Door"))?;
    let server = Server::start(&["--config", &file.display().to_string()])?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    let soon = "const real = setTimeout; window.setTimeout = (f, ms, ...more) => real(f, ms === 10000 ? 200 : ms, ...more);";
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({"source": soon}),
    )
    .await?;
    page.call("Page.navigate", json!({"url": server.url()}))
        .await?;
    page.wait_state("live").await?;
    // Nothing that is open is taken away.
    let part = "document.querySelector('pi-camera').shadowRoot.querySelector";
    page.eval_clicked(&format!("{part}('#b-more').click()"))
        .await?;
    page.wait_for(&format!("{part}('#menu')?.checkVisibility()"))
        .await?;
    std::fs::write(&file, pattern("door", "Door") + &pattern("yard", "Yard"))?;
    poll("the second camera is there", async || {
        let list = "fetch('api/v1/cameras').then(answer => answer.json()).then(({cameras}) => cameras.length)";
        Ok((page.eval(list).await? == 2).then_some(()))
    })
    .await?;
    page.eval("new Promise(later => setTimeout(later, 1000))")
        .await?;
    ensure!(page.eval("!!document.querySelector('pi-wall')").await? == false);
    page.eval_clicked(&format!("{part}('#b-more').click()"))
        .await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    wait_live(&page, 2).await?;
    assert_eq!(page.eval("names()").await?, "Door,Yard");
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn the_menu_leads_from_one_camera_to_all_of_them() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let part = "document.querySelector('pi-camera').shadowRoot.querySelector";
    let shown = format!("{part}('#b-wall')?.checkVisibility() ?? false");
    for (path, is_offered) in [("", true), ("embed?controls", false)] {
        let page = browser.open(&format!("{}{path}", server.url())).await?;
        page.wait_state("live").await?;
        page.eval_clicked(&format!("{part}('#b-more').click()"))
            .await?;
        page.wait_for(&format!("{part}('#b-settings')?.checkVisibility()"))
            .await?;
        assert_eq!(page.eval(&shown).await?, is_offered, "{path}");
        if is_offered {
            page.eval_clicked(&format!("{part}('#b-wall').click()"))
                .await?;
            page.wait_for(
                "location.search === '?wall=' && !!document.querySelector('pi-wall')?.shadowRoot",
            )
            .await?;
            page.eval(LOOK).await?;
            wait_live(&page, 1).await?;
            // On a wall it would lead nowhere.
            page.eval_clicked("tiles()[0].querySelector('button').click(); cameras()[0].shadowRoot.querySelector('#b-more').click()")
                .await?;
            page.wait_for(
                "cameras()[0].shadowRoot.querySelector('#b-settings')?.checkVisibility()",
            )
            .await?;
            assert_eq!(
                page.eval("cameras()[0].shadowRoot.querySelector('#b-wall').hidden")
                    .await?,
                true
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn groups_are_made_shown_alone_kept_and_linked_to() -> Result<()> {
    let axe = Axe::installed()?;
    let folder = tempfile::tempdir()?;
    let server = six(&folder.path().join("pistreamer.toml"))?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url()).await?;
    wait_live(&page, 6).await?;
    ensure!(page.eval("part('#groups').hidden").await? == true);
    page.eval_clicked("part('#arrange').click()").await?;
    page.wait_for("part('#panel')?.open").await?;
    page.eval_clicked(
        "part('#group').value = 'Outside & in'; part('#group').form.requestSubmit();
        part('#group').value = 'Empty'; part('#group').form.requestSubmit()",
    )
    .await?;
    page.wait_for("part('#panel').querySelectorAll('select').length === 6")
        .await?;
    for at in [0, 3] {
        page.eval_clicked(&format!(
            "(select => {{ select.focus(); select.value = 'Outside & in'; select.onchange(); }})(part('#panel').querySelectorAll('select')[{at}])"
        ))
        .await?;
    }
    assert_eq!(
        page.eval("wall.shadowRoot.activeElement.ariaLabel").await?,
        "Group of Hall"
    );
    axe.judge(&page, "the panel with groups").await?;
    for (name, width, height, phone) in [("desk", 1280, 720, false), ("phone", 390, 844, true)] {
        page.emulate(width, height, phone, "dark").await?;
        page.screenshot(&format!("wall-groups-panel-{name}"))
            .await?;
        let fits = "(panel => panel.scrollWidth <= panel.clientWidth)(part('#panel'))";
        ensure!(
            page.eval(fits).await? == true,
            "the panel is too wide on a {name}"
        );
    }
    page.emulate(1280, 720, false, "dark").await?;
    page.eval_clicked("part('#panel').close()").await?;
    // One that has nothing to show is not offered.
    let offered = "[...part('#groups').children].map(({textContent, ariaPressed}) => `${textContent} ${ariaPressed}`).join()";
    page.wait_for(&format!("{offered} === 'All true,Outside & in false'"))
        .await?;
    page.eval_clicked("part('#groups').children[1].click()")
        .await?;
    page.wait_for("names() === 'Front door,Hall'").await?;
    wait_live(&page, 2).await?;
    for scheme in ["light", "dark"] {
        page.emulate(1280, 720, false, scheme).await?;
        page.eval("wall.dispatchEvent(new Event('pointermove'))")
            .await?;
        axe.judge(&page, "a group").await?;
        page.screenshot(&format!("wall-group-{scheme}")).await?;
    }
    assert_eq!(
        page.eval("location.hash").await?,
        "#group=Outside%20%26%20in"
    );
    // One in full, and back to the group.
    page.eval_clicked("tiles()[1].querySelector('button').click()")
        .await?;
    page.wait_for("location.hash === '#camera=hall' && wall.opened?.camera === 'hall'")
        .await?;
    ensure!(page.eval("part('#groups').checkVisibility()").await? == false);
    page.eval_clicked("part('#back').click()").await?;
    page.wait_for("!wall.opened && names() === 'Front door,Hall'")
        .await?;
    // What the address says is shown by another page, too, and a link to a camera leads to that one.
    page.reload().await?;
    page.wait_for("!!document.querySelector('pi-wall')?.shadowRoot")
        .await?;
    page.eval(LOOK).await?;
    page.wait_for("names() === 'Front door,Hall'").await?;
    page.eval("location.hash = '#camera=lane'").await?;
    page.wait_for("wall.opened?.camera === 'lane' && tiles().length === 6")
        .await?;
    page.eval("location.hash = ''").await?;
    wait_live(&page, 6).await?;
    page.eval_clicked("part('#arrange').click()").await?;
    page.wait_for("part('#ungroup-0')").await?;
    page.eval_clicked("part('#ungroup-0').click(); part('#ungroup-0').click()")
        .await?;
    page.wait_for("part('#groups').hidden && !part('#panel select')")
        .await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn what_the_server_refuses_is_told_and_what_is_kept_is_followed_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    std::fs::write(&file, pattern("door", "Door") + &pattern("yard", "Yard"))?;
    let locked = Locked::start(&["--config", &file.display().to_string()])?;
    let browser = Browser::start().await?;
    let page = open(&browser, &locked.link()?).await?;
    wait_live(&page, 2).await?;
    let refused = page
        .eval("wall.change({hidden: ['door', ...Array(300).fill('x')]}).catch(({message}) => message)")
        .await?;
    ensure!(
        refused
            .as_str()
            .is_some_and(|why| why.contains("256 entries")),
        "{refused}"
    );
    // It is not kept, and so not shown for long.
    page.wait_for("names() === 'Door,Yard'").await?;
    let other = open(&browser, &locked.server.url()).await?;
    wait_live(&other, 2).await?;
    other.eval("wall.change({order: ['yard']})").await?;
    page.activate().await?;
    page.wait_for("names() === 'Yard,Door'").await?;
    // What fails on the server's side is tried again.
    page.eval(
        "const real = window.fetch;
        window.fetch = (address, options) => options?.method === 'PUT' && !window.mended
            ? Promise.resolve(new Response('the disk is full', {status: 507}))
            : real(address, options);
        wall.change({hidden: ['door']}).catch(() => {})",
    )
    .await?;
    page.wait_for("names() === 'Yard'").await?;
    page.eval("window.mended = true").await?;
    let kept =
        "fetch('api/v1/wall').then(answer => answer.json()).then(({hidden}) => hidden.join())";
    page.wait_for(&format!("{kept}.then(hidden => hidden === 'door')"))
        .await?;
    assert_eq!(page.eval("names()").await?, "Yard");
    Ok(())
}
