//! Pictures of the viewer in each state, size, colour scheme and engine, to be looked at: target/screenshots.
//!
//!     ./dev screenshots [ENGINE | sheets]
//!
//! Whether what they show is right is tested in `tests/e2e/`. This is for eyes. A sheet has all of one state, small, for
//! `docs/looks/`.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pistreamer_e2e::browser::Browser;
use pistreamer_e2e::engines::{Engine, Firefox, WebKit};
use pistreamer_e2e::server::{Locked, Server};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SIZES: [(u32, u32); 3] = [(390, 844), (844, 390), (1280, 720)];
const ENGINES: [&str; 3] = ["chromium", "firefox", "webkit"];
const SCHEMES: [&str; 2] = ["dark", "light"];
const STATES: [&str; 13] = [
    "live",
    "stale",
    "no-signal",
    "lost",
    "refused",
    "login",
    "menu",
    "statistics",
    "adjust",
    "recordings",
    "settings",
    "wall",
    "arrange",
];
const CAMERAS: [&str; 6] = ["Front door", "Yard", "Garage", "Hall", "Attic", "Lane"];
/// How many pixels of a screenshot are one on a sheet.
const SMALLER: f64 = 2.5;
/// Of 100: what is still sharp enough to read the badge.
const QUALITY: u32 = 70;
const PATTERN: [&str; 6] = ["--source", "pattern", "--size", "1280x720", "--fps", "15"];
const PART: &str = "(window.part = selector => document.querySelector('pi-camera').shadowRoot.querySelector(selector), 0)";

/// Pause before a screenshot, in which animations end.
const STILL: Duration = Duration::from_millis(700);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let only = std::env::args().nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    for scheme in SCHEMES {
        if wanted("chromium") {
            let browser = Browser::start().await?;
            let page = browser.open("").await?;
            let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
            page.call("Emulation.setEmulatedMedia", media).await?;
            all(&page, &folder("chromium")?, scheme).await?;
        }
        if wanted("firefox") {
            all(
                &Firefox::start_in(scheme).await?,
                &folder("firefox")?,
                scheme,
            )
            .await?;
        }
        if wanted("webkit") {
            all(
                &WebKit::of_today_in(scheme).await?,
                &folder("webkit")?,
                scheme,
            )
            .await?;
        }
    }
    if wanted("sheets") {
        sheets().await?;
    }
    Ok(())
}

/// Puts all screenshots of each state onto one sheet: engines beside each other, dark above light.
async fn sheets() -> Result<()> {
    let folder = folder("sheets")?;
    let browser = Browser::with_window(1800, 1000).await?;
    for state in STATES {
        let figure = |engine: &str, scheme: &str| {
            let picture = |(width, height): &(u32, u32)| {
                let small = f64::from(*width) / SMALLER;
                format!(
                    "<img src=\"../{engine}/{state}-{width}x{height}-{scheme}.png\" style=\"width: {small}px\">"
                )
            };
            let pictures: String = SIZES.iter().map(picture).collect();
            format!(
                "<figure><figcaption>{engine}, {scheme}</figcaption><div>{pictures}</div></figure>"
            )
        };
        let rows = SCHEMES
            .iter()
            .flat_map(|scheme| ENGINES.iter().map(|engine| figure(engine, scheme)));
        let page = folder.join("sheet.html");
        let figures: String = rows.collect();
        std::fs::write(
            &page,
            format!(
                "<!doctype html><meta charset=utf-8><style>{SHEET}</style><main>{figures}</main>"
            ),
        )?;
        let page = browser.open(&format!("file://{}", page.display())).await?;
        page.activate().await?;
        page.wait_for("document.readyState === 'complete'").await?;
        page.eval("Promise.all([...document.images].map(image => image.decode())).then(() => 0)")
            .await?;
        let size = page
            .eval("(({offsetWidth: width, offsetHeight: height}) => ({width, height}))(document.querySelector('main'))")
            .await?;
        let clip =
            json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let asked = json!({"format": "webp", "quality": QUALITY, "clip": clip, "captureBeyondViewport": true});
        let shot = page.call("Page.captureScreenshot", asked).await?;
        let webp = BASE64_STANDARD.decode(shot["data"].as_str().context("no picture")?)?;
        std::fs::write(folder.join(format!("{state}.webp")), webp)?;
    }
    println!("{}", folder.display());
    Ok(())
}

const SHEET: &str = "body { margin: 0; background: #8a93a0; } \
    main { display: grid; grid-template-columns: repeat(3, max-content); gap: 12px; padding: 12px; width: max-content; } \
    figure { margin: 0; font: 13px sans-serif; } figcaption { padding-bottom: 4px; } \
    div { display: grid; grid-template-columns: max-content max-content; gap: 4px; } \
    img { display: block; } img:first-child { grid-row: 1 / 3; grid-column: 2; } img:last-child { grid-row: 1; grid-column: 1; }";

fn folder(engine: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    // It is in a profile's folder.
    let target = program.ancestors().nth(2).context("in no folder")?;
    let folder = target.join("screenshots").join(engine);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

async fn all(engine: &impl Engine, folder: &Path, scheme: &str) -> Result<()> {
    let shoot_in = async |sizes: &[(u32, u32)], state: &str, wake: &str| -> Result<()> {
        for &(width, height) in sizes {
            engine.resize(width, height).await?;
            engine.eval(wake).await?;
            tokio::time::sleep(STILL).await;
            let png = BASE64_STANDARD.decode(engine.shot().await?)?;
            let name = format!("{state}-{width}x{height}-{scheme}.png");
            std::fs::write(folder.join(&name), png)?;
        }
        println!("{}: {state}, {scheme}", folder.display());
        Ok(())
    };
    let shoot = async |state: &str, wake: &str| shoot_in(&SIZES, state, wake).await;
    // The controls go after a while.
    let wake =
        "(document.querySelector('pi-camera').dispatchEvent(new PointerEvent('pointermove')), 0)";
    let is =
        |state: &str| format!("document.querySelector('pi-camera')?.dataset.state === '{state}'");
    let recordings = tempfile::tempdir()?;
    let record = recordings.path().join("recordings").display().to_string();
    let server = Server::start(&[&PATTERN[..], &["--record", &record]].concat())?;
    engine.navigate(&server.url()).await?;
    engine.wait_for(&is("live")).await?;
    engine.eval(PART).await?;
    shoot("live", wake).await?;
    engine.eval("(part('#b-more').click(), 0)").await?;
    engine.wait_for("part('#menu')?.hidden === false").await?;
    shoot("menu", wake).await?;
    engine
        .eval("(part('#menu [data-do=overlay]').click(), part('#b-more').click(), 0)")
        .await?;
    engine.wait_for("part('#o-fps').textContent").await?;
    shoot("statistics", wake).await?;
    engine
        .eval("(part('#menu [data-do=overlay]').click(), 0)")
        .await?;
    engine
        .eval("(part('#menu [data-do=adjust]').click(), 0)")
        .await?;
    engine.wait_for("part('#adjust')?.hidden === false").await?;
    shoot("adjust", wake).await?;
    engine
        .eval("(part('#adjust [data-do=adjust]').click(), part('#b-recordings').click(), 0)")
        .await?;
    engine
        .wait_for("part('#recordings')?.open && part('#r-picture').naturalWidth > 0")
        .await?;
    shoot("recordings", "0").await?;
    engine.eval("(part('#r-live').click(), 0)").await?;
    engine.wait_for(&is("live")).await?;
    // Each time anew: to take another size may last longer than a silent server is waited for.
    for size in SIZES {
        server.signal("STOP")?;
        engine.wait_for(&is("stale")).await?;
        shoot_in(&[size], "stale", wake).await?;
        server.signal("CONT")?;
        engine.wait_for(&is("live")).await?;
    }
    drop(server);
    engine.wait_for(&is("lost")).await?;
    shoot("lost", wake).await?;
    let nothing = Server::start(&["--source", "http://127.0.0.1/none.mjpg"])?;
    engine.navigate(&nothing.url()).await?;
    engine.wait_for(&is("no-signal")).await?;
    shoot("no-signal", wake).await?;
    engine
        .navigate(&format!("{}?camera=none", nothing.url()))
        .await?;
    engine.wait_for(&is("refused")).await?;
    shoot("refused", wake).await?;
    let locked = Locked::start(&PATTERN)?;
    engine.navigate(&locked.server.url()).await?;
    engine.wait_for("document.forms.length === 1").await?;
    // WebKitGTK waits for a next frame, which a page without movement has not.
    let moves = "(window.moves ??= setInterval(() => {
        document.body.style.opacity = document.body.style.opacity === '1' ? '.999' : '1';
    }, 40), 0)";
    shoot("login", moves).await?;
    engine.navigate(&locked.link()?).await?;
    engine.wait_for(&is("live")).await?;
    engine.eval(PART).await?;
    engine.eval("(part('#b-more').click(), 0)").await?;
    engine
        .wait_for("part('#b-settings')?.hidden === false")
        .await?;
    engine.eval("(part('#b-settings').click(), 0)").await?;
    engine.wait_for("!!part('#s-name')").await?;
    shoot("settings", "0").await?;
    drop(locked);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pistreamer.toml");
    let cameras = CAMERAS.map(|name| {
        format!(
            "[[camera]]\nname = \"{name}\"\nsource = \"pattern\"\nsize = \"640x360\"\nfps = 5\n"
        )
    });
    std::fs::write(&file, cameras.concat())?;
    let server = Server::start(&["--config", &file.display().to_string()])?;
    engine.navigate(&server.url()).await?;
    let all_live = "(cameras => cameras.length === 6 && cameras.every(({state}) => state === 'live'))\
                    ([...document.querySelector('pi-wall')?.cameras ?? []])";
    engine.wait_for(all_live).await?;
    let wake =
        "(document.querySelector('pi-wall').dispatchEvent(new PointerEvent('pointermove')), 0)";
    shoot("wall", wake).await?;
    engine
        .eval("(document.querySelector('pi-wall').shadowRoot.querySelector('#arrange').click(), 0)")
        .await?;
    engine
        .wait_for("document.querySelector('pi-wall').shadowRoot.querySelector('#panel')?.open")
        .await?;
    shoot("arrange", wake).await
}
