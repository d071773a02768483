//! The cockpit: driving by keys, by thumbs and by a gamepad, and what stops the machine.

use anyhow::{Context as _, Result, ensure};
use pistreamer_e2e::axe::Axe;
use pistreamer_e2e::browser::{Browser, Page, poll};
use pistreamer_e2e::engines::{Engine, Firefox, WebKit};
use pistreamer_e2e::server::{Locked, Server};
use pistreamer_e2e::site::Site;
use serde_json::{Value, json};
use std::path::PathBuf;
use tempfile::TempDir;

/// The vehicle of the server's tests.
const VEHICLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../server/tests/python/vehicle.py"
);

const LOOK: &str = "
    window.camera = document.querySelector('pi-camera'),
    window.part = selector => camera.shadowRoot.querySelector(selector),
    window.drive = () => part('#drive')?.dataset.state,
    0";

/// Resolves after the page has drawn several times, and the server has answered that.
const FRAMES: &str = "new Promise(done => {
    let left = 20;
    const next = () => (left -= 1) ? requestAnimationFrame(next) : done(0);
    next();
})";

/// A gamepad that is not there: the page sees one, with what `pad` has.
const PAD: &str = "
    window.pad = {id: 'Test pad', index: 0, connected: true, mapping: 'standard', timestamp: 1, axes: [0, 0, 0, 0],
        buttons: Array.from({length: 17}, () => ({pressed: false, touched: false, value: 0}))};
    window.plugged = false;
    navigator.getGamepads = () => plugged ? [null, pad] : [null, null];";

/// A server with a vehicle, and limits that a busy machine keeps.
pub(crate) struct Driven {
    pub(crate) server: Server,
    directory: TempDir,
    /// What it did up to here was waited for.
    seen: usize,
}

impl Driven {
    pub(crate) fn start() -> Result<Self> {
        Self::with(|config| Server::start(&["--config", config]))
    }

    /// One with its server, which is started with that configuration.
    fn with(start: impl FnOnce(&str) -> Result<Server>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let log = directory.path().join("log");
        let sink = format!("exec:python3 {VEHICLE} {}", log.display());
        let config = directory.path().join("pistreamer.toml");
        let text = format!(
            "[[camera]]\nsource = \"pattern\"\nsize = \"640x480\"\nfps = 30\n[camera.operate]\nsink = {sink:?}\n\
             command_timeout = 3\npicture_limit = 3\nbuttons = [\"horn\"]\n"
        );
        std::fs::write(&config, text)?;
        let server = start(&config.display().to_string())?;
        Ok(Self {
            server,
            directory,
            seen: 0,
        })
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// What the vehicle did so far.
    fn did(&self) -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
    }

    /// Waits until it has done that, after what was waited for before.
    pub(crate) async fn wait(&mut self, what: &str, such: impl Fn(&Value) -> bool) -> Result<()> {
        let at = poll(what, async || {
            Ok(self.did()?.iter().skip(self.seen).position(&such))
        });
        self.seen += at.await? + 1;
        Ok(())
    }

    /// Whether it went forwards since what was waited for.
    fn has_gone_on(&self) -> Result<bool> {
        let did = self.did()?;
        let mut speeds = did.iter().skip(self.seen).map(|did| did["drive"].as_f64());
        Ok(speeds.any(|speed| speed > Some(0.0)))
    }

    pub(crate) async fn drives(&mut self, such: impl Fn(f64) -> bool) -> Result<()> {
        self.wait("it drives", |did| did["drive"].as_f64().is_some_and(&such))
            .await
    }

    pub(crate) async fn stops(&mut self, why: &str) -> Result<()> {
        self.wait(why, |did| did["stop"] == why).await
    }
}

/// Opens the cockpit by the address, takes the seat, and waits until the machine may move.
async fn take(page: &Page<'_>, driven: &Driven) -> Result<()> {
    let url = format!("{}?drive", driven.server.url());
    page.call("Page.navigate", json!({ "url": url })).await?;
    page.wait_for("document.querySelector('pi-camera')?.dataset.state === 'live'")
        .await?;
    page.eval(LOOK).await?;
    page.wait_for("part('#d-take')?.checkVisibility()").await?;
    page.eval_clicked("part('#d-take').click()").await?;
    page.wait_for("drive() === 'armed'").await?;
    Ok(())
}

/// How often the machine has stopped, as the page knows. A key that is pressed before it knows of a stop keeps the machine from starting.
async fn arm(page: &Page<'_>) -> Result<u64> {
    let arm = page
        .eval("document.querySelector('pi-camera').operating.arm")
        .await?;
    arm.as_u64().context("no arm")
}

/// Waits until the page knows of a stop after that one, and may drive again.
async fn starts_after(page: &Page<'_>, arm: u64) -> Result<()> {
    page.wait_for(&format!(
        "(({{arm, state}}) => arm > {arm} && state === 'armed')(document.querySelector('pi-camera').operating)"
    ))
    .await?;
    Ok(())
}

async fn key(page: &Page<'_>, kind: &str, code: &str) -> Result<()> {
    let event = json!({"type": kind, "code": code, "key": code, "windowsVirtualKeyCode": 0});
    page.call("Input.dispatchKeyEvent", event).await?;
    Ok(())
}

/// Presses that key until the vehicle goes so fast. A page that hung for a while has let go of it; where the machine stands, no key may be
/// held, or it never starts.
async fn press(page: &Page<'_>, driven: &mut Driven, code: &str, throttle: f64) -> Result<()> {
    let seen = driven.seen;
    let armed = "document.querySelector('pi-camera').operating.state === 'armed'";
    poll("it drives", async || {
        let is_armed = page.eval(armed).await? == true;
        key(page, if is_armed { "rawKeyDown" } else { "keyUp" }, code).await?;
        let did = driven.did()?;
        let such = |did: &Value| did["drive"] == throttle;
        Ok(did.iter().skip(seen).any(such).then_some(()))
    })
    .await?;
    driven.drives(|speed| speed == throttle).await
}

#[tokio::test]
async fn keys_drive_and_space_a_lost_focus_and_a_hidden_page_stop() -> Result<()> {
    let mut driven = Driven::start()?;
    let (axe, browser) = (Axe::installed()?, Browser::start().await?);
    let page = browser.open("").await?;
    take(&page, &driven).await?;
    for (stop, why) in [("Space", "asked"), ("", "focus"), ("tab", "hidden")] {
        page.wait_for("drive() === 'armed'").await?;
        press(&page, &mut driven, "KeyW", 0.5).await?;
        let before = arm(&page).await?;
        match stop {
            "Space" => key(&page, "rawKeyDown", "Space").await?,
            "" => drop(page.eval("void dispatchEvent(new Event('blur'))").await?),
            _ => {
                let other = browser.open("").await?;
                other.activate().await?;
                // Which of the two comes first is the browser's business.
                driven
                    .wait("it stops", |did| {
                        did["stop"] == "focus" || did["stop"] == "hidden"
                    })
                    .await?;
                page.activate().await?;
                // Windows without a screen do not always get it back.
                let focus = json!({"enabled": true});
                page.call("Emulation.setFocusEmulationEnabled", focus)
                    .await?;
                key(&page, "keyUp", "KeyW").await?;
                starts_after(&page, before).await?;
                break;
            }
        }
        driven.stops(why).await?;
        // The key is still down, and does nothing until it is pressed again.
        key(&page, "keyUp", "KeyW").await?;
        key(&page, "keyUp", "Space").await?;
        starts_after(&page, before).await?;
    }
    // A key that is let go while another one is held that systems and browsers have for themselves.
    key(&page, "keyUp", "KeyW").await?;
    page.wait_for("drive() === 'armed'").await?;
    press(&page, &mut driven, "KeyW", 0.5).await?;
    page.eval(
        "[['keydown', 'ControlLeft'], ['keyup', 'KeyW']].forEach(([type, code]) =>
            dispatchEvent(new KeyboardEvent(type, {code, ctrlKey: true}))), 0",
    )
    .await?;
    driven.drives(|throttle| throttle == 0.0).await?;
    page.eval("void dispatchEvent(new KeyboardEvent('keyup', {code: 'ControlLeft'}))")
        .await?;
    page.eval(FRAMES).await?;
    ensure!(!driven.has_gone_on()?, "the key is held for ever");
    key(&page, "keyUp", "KeyW").await?;
    // A window that is in sight and not in front drives nothing, though its frames go on.
    press(&page, &mut driven, "KeyW", 0.5).await?;
    page.eval("document.hasFocus = () => false, void dispatchEvent(new Event('blur'))")
        .await?;
    driven.stops("focus").await?;
    page.wait_for("part('#d-waits').textContent === '' && part('#d-why').textContent === 'The page lost the focus'")
        .await?;
    key(&page, "keyUp", "KeyW").await?;
    key(&page, "rawKeyDown", "KeyW").await?;
    page.eval(FRAMES).await?;
    ensure!(!driven.has_gone_on()?, "it drives without the focus");
    key(&page, "keyUp", "KeyW").await?;
    page.eval("delete document.hasFocus").await?;
    page.wait_for("drive() === 'armed'").await?;
    key(&page, "rawKeyDown", "Digit1").await?;
    press(&page, &mut driven, "ArrowDown", -0.5).await?;
    page.screenshot("drive_desktop").await?;
    for code in ["ArrowDown", "Digit1"] {
        key(&page, "keyUp", code).await?;
    }
    axe.judge(&page, "the cockpit").await?;
    // Whoever leaves gives the seat back.
    page.eval_clicked("part('#d-leave').click()").await?;
    driven.stops("left").await?;
    page.wait_for("!part('#drive').open").await?;
    page.expect_no_complaints(&[])
}

/// The example that drives a car from another page.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/drive.html");

#[tokio::test]
async fn the_example_page_drives_by_keys_and_shows_when_the_car_stands() -> Result<()> {
    let mut site = Site::reserve().await?;
    // Another site's page drives with a key alone, also where everybody else may.
    let (mut key_of, mut state) = (String::new(), None);
    let mut driven = Driven::with(|config| {
        let locked = Locked::start(&["--config", config, "--allow-origin", &site.origin()])?;
        (key_of, state) = (locked.key, Some(locked.state));
        Ok(locked.server)
    })?;
    let here = format!("127.0.0.1:{}", driven.server.port());
    let html = std::fs::read_to_string(EXAMPLE)?
        .replace(
            "raspberrypi.local:8000\" stale",
            &format!("{here}?key={key_of}\" stale"),
        )
        .replace("raspberrypi.local:8000", &here);
    let browser = Browser::start().await?;
    let page = browser.open(&site.serve(&html)).await?;
    let takes =
        "document.querySelector('pi-camera')?.dataset.state === 'live' && car.value === 'STOP'
        && take.checkVisibility() && (take.click(), true)";
    page.wait_for(takes).await?;
    page.wait_for("car.value === 'GO'").await?;
    press(&page, &mut driven, "KeyW", 0.5).await?;
    key(&page, "keyUp", "KeyW").await?;
    driven.drives(|throttle| throttle == 0.0).await?;
    press(&page, &mut driven, "KeyW", 0.5).await?;
    let before = arm(&page).await?;
    key(&page, "rawKeyDown", "Space").await?;
    driven.stops("asked").await?;
    for code in ["Space", "KeyW"] {
        key(&page, "keyUp", code).await?;
    }
    starts_after(&page, before).await?;
    press(&page, &mut driven, "ArrowDown", -0.5).await?;
    let before = arm(&page).await?;
    page.eval("void dispatchEvent(new Event('blur'))").await?;
    driven.stops("focus").await?;
    key(&page, "keyUp", "ArrowDown").await?;
    starts_after(&page, before).await?;
    page.wait_for("car.value === 'GO'").await?;

    driven.server.signal("STOP")?;
    page.wait_for("car.value === 'STOP'").await?;
    driven.server.signal("CONT")?;
    page.wait_for("car.value === 'GO'").await?;

    page.eval("window.camera = document.querySelector('pi-camera'), camera.remove()")
        .await?;
    driven.stops("left").await?;
    page.wait_for("car.value === 'STOP'").await?;
    page.eval("document.body.prepend(camera)").await?;
    page.wait_for(takes).await?;
    page.wait_for("car.value === 'GO'").await?;

    drop((driven, state));
    page.wait_for("car.value === 'STOP'").await?;
    page.expect_no_complaints(&["WebSocket connection to", "ERR_CONNECTION"])
}

#[tokio::test]
async fn two_thumbs_drive_and_a_finger_that_the_system_takes_stops() -> Result<()> {
    let mut driven = Driven::start()?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    page.emulate(844, 390, true, "light").await?;
    let touch = json!({"enabled": true, "maxTouchPoints": 5});
    page.call("Emulation.setTouchEmulationEnabled", touch)
        .await?;
    take(&page, &driven).await?;
    let centre = async |id: &str| -> Result<(f64, f64)> {
        let box_of = format!(
            "(({{x, y, width, height}}) => `${{x + width / 2}} ${{y + height / 2}}`)(part('{id}').getBoundingClientRect())"
        );
        let at = page.eval(&box_of).await?;
        let (x, y) = at
            .as_str()
            .unwrap_or_default()
            .split_once(' ')
            .unwrap_or_default();
        Ok((x.parse()?, y.parse()?))
    };
    let (steer, throttle) = (centre("#d-stick0").await?, centre("#d-stick1").await?);
    let thumbs = async |kind: &str, moved: f64| {
        let points = json!([
            {"x": steer.0 + moved, "y": steer.1, "id": 1},
            {"x": throttle.0, "y": throttle.1 - moved, "id": 2},
        ]);
        let points = if moved < 0.0 { json!([]) } else { points };
        let event = json!({"type": kind, "touchPoints": points});
        page.call("Input.dispatchTouchEvent", event).await
    };
    // Both thumbs, until it drives. A page that hung for a while has let go of them.
    let push = async |driven: &mut Driven| {
        let seen = driven.seen;
        poll("it drives", async || {
            let did = driven.did()?;
            if did.iter().skip(seen).any(|did| did["drive"] == 0.5) {
                return Ok(Some(()));
            }
            // Where they were down.
            let _ = thumbs("touchEnd", -1.0).await;
            thumbs("touchStart", 0.0).await?;
            thumbs("touchMove", 70.0).await?;
            Ok(None)
        })
        .await?;
        driven.drives(|speed| speed == 0.5).await
    };
    push(&mut driven).await?;
    page.screenshot("drive_phone").await?;
    thumbs("touchEnd", -1.0).await?;
    driven.drives(|throttle| throttle == 0.0).await?;
    push(&mut driven).await?;
    thumbs("touchCancel", -1.0).await?;
    driven.stops("input").await?;
    // STOP, with both thumbs where they are.
    page.wait_for("drive() === 'armed'").await?;
    push(&mut driven).await?;
    let stop = centre("#d-stop").await?;
    let all = |kind: &str, moved: f64, third: bool| {
        let mut points = vec![
            json!({"x": steer.0 + moved, "y": steer.1, "id": 1}),
            json!({"x": throttle.0, "y": throttle.1 - moved, "id": 2}),
        ];
        if third {
            points.push(json!({"x": stop.0, "y": stop.1, "id": 3}));
        }
        json!({"type": kind, "touchPoints": points})
    };
    // One that is not named any more is lifted.
    for event in [all("touchStart", 70.0, true), all("touchMove", 70.0, false)] {
        page.call("Input.dispatchTouchEvent", event).await?;
    }
    driven.stops("asked").await?;
    page.wait_for("drive() === 'armed'").await?;
    for moved in [60.0, 70.0] {
        let event = all("touchMove", moved, false);
        page.call("Input.dispatchTouchEvent", event).await?;
        page.eval(FRAMES).await?;
    }
    ensure!(!driven.has_gone_on()?, "the thumb drives on after STOP");
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn a_gamepad_drives_and_stops_when_it_is_pulled() -> Result<()> {
    let mut driven = Driven::start()?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({ "source": PAD }),
    )
    .await?;
    take(&page, &driven).await?;
    page.eval("plugged = true, pad.axes = [0.02, 0, 0, -0.03], 0")
        .await?;
    page.wait_for("drive() === 'armed'").await?;
    // At rest while it stands, as on a page that hung for a while.
    page.eval("window.moves = armed => pad.axes[3] = armed ? -1 : 0, setInterval(() => moves(drive() === 'armed'), 50), 0")
        .await?;
    driven.drives(|throttle| throttle == 0.5).await?;
    page.eval("pad.axes[3] = 0, moves = armed => pad.buttons[6].value = armed ? 1 : 0, 0")
        .await?;
    driven.drives(|throttle| throttle == -0.5).await?;
    page.eval(
        "plugged = false, void dispatchEvent(Object.assign(new Event('gamepaddisconnected'), {gamepad: pad}))",
    )
    .await?;
    driven.stops("input").await?;
    page.wait_for("part('#d-why').textContent === 'The gamepad or the finger is gone'")
        .await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn the_menu_offers_to_drive_where_that_may_be_and_watchers_see_who_drives() -> Result<()> {
    let mut driven = Driven::start()?;
    let browser = Browser::start().await?;
    let page = browser.open(&driven.server.url()).await?;
    page.wait_state("live").await?;
    page.eval(LOOK).await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#b-drive')?.checkVisibility()").await?;
    page.eval_clicked("part('#b-drive').click()").await?;
    page.wait_for("part('#d-take')?.checkVisibility()").await?;
    page.eval_clicked("part('#d-take').click()").await?;
    page.wait_for("drive() === 'armed'").await?;
    let watcher = browser.open(&driven.server.url()).await?;
    watcher.wait_state("live").await?;
    watcher.eval(LOOK).await?;
    watcher
        .wait_for("camera.operating?.seat === 'other' && camera.operating.who === '127.0.0.1'")
        .await?;
    watcher
        .eval("camera.operate({type: 'seat', want: 'force'}), 0")
        .await?;
    driven.stops("taken").await?;
    watcher.expect_no_complaints(&[])?;
    page.expect_no_complaints(&[])
}

mod firefox {
    use super::*;

    #[tokio::test]
    async fn keys_drive_until_the_page_is_hidden() -> Result<()> {
        drives(&Firefox::start().await?, "firefox").await
    }
}

mod webkit {
    use super::*;

    #[tokio::test]
    async fn keys_drive_until_the_page_is_hidden() -> Result<()> {
        drives(&WebKit::of_today().await?, "webkit").await
    }
}

/// In any engine: by keys, until the page is hidden.
async fn drives(engine: &impl Engine, name: &str) -> Result<()> {
    let mut driven = Driven::start()?;
    engine
        .navigate(&format!("{}?drive", driven.server.url()))
        .await?;
    engine
        .wait_for("document.querySelector('pi-camera')?.dataset.state === 'live'")
        .await?;
    engine.eval(LOOK).await?;
    engine.wait_for("part('#d-take')?.hidden === false").await?;
    engine.eval("void part('#d-take').click()").await?;
    engine.wait_for("drive() === 'armed'").await?;
    engine
        .eval("void setInterval(() => dispatchEvent(new KeyboardEvent('keydown', {code: 'KeyW'})), 200)")
        .await?;
    driven.drives(|throttle| throttle == 0.5).await?;
    engine.screenshot(&format!("{name}_drive")).await?;
    engine.hide().await?;
    driven
        .wait("it stops", |did| {
            did["stop"] == "focus" || did["stop"] == "hidden"
        })
        .await
}
