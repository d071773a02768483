//! What a wall of cameras costs a browser: processor and memory of all of Chromium's processes, beside one large camera and
//! beside a page of `<img>` with the MJPEG streams of the same cameras.
//!
//!     ./dev bench wall [SECONDS]
//!
//! All in one run, because memory and processor vary with what else a machine does. The cameras paint themselves, and have to
//! share the processor with the browser.

use anyhow::{Context as _, Result};
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::memory::Cost;
use pistreamer_e2e::server::Server;
use std::time::Duration;

/// How long each is measured, in seconds, where no number is given.
const SECONDS: u64 = 10;
/// Seconds from when all are live to the first measurement.
const WARM: u64 = 4;
/// The window, with its frame.
const WINDOW: (u32, u32) = (1600, 1020);
/// Browsers open no more connections to one address for `<img>`.
const STREAMS: usize = 6;

/// Notes in a page when the first tile was there, and when all were live.
const WATCH: &str = "const look = () => {
    const wall = document.querySelector('pi-wall');
    const cameras = wall?.cameras ?? [...document.querySelectorAll('pi-camera')];
    if (cameras.length && cameras[0].state) window.began ??= performance.now();
    if (cameras.length && cameras.every(({state}) => state === 'live')) window.live = performance.now();
    else requestAnimationFrame(look);
};
look();";

/// What shows the cameras.
#[derive(Clone, Copy, PartialEq)]
enum By {
    /// One element.
    Element,
    /// The wall.
    Wall,
    /// Pictures.
    Images,
}

/// One page.
struct Case {
    by: By,
    cameras: usize,
    size: &'static str,
    fps: u32,
}

const CASES: [Case; 7] = [
    case(By::Element, 1, "1280x720", 30),
    case(By::Wall, 2, "640x360", 5),
    case(By::Wall, 16, "640x360", 5),
    case(By::Images, 16, "640x360", 5),
    case(By::Wall, 2, "320x180", 10),
    case(By::Wall, 16, "320x180", 10),
    case(By::Images, 16, "320x180", 10),
];

const fn case(by: By, cameras: usize, size: &'static str, fps: u32) -> Case {
    Case {
        by,
        cameras,
        size,
        fps,
    }
}

/// What was measured.
struct Measured {
    /// Per cent of a core.
    busy: f64,
    megabytes: f64,
    /// ms from the first tile until all were live, where that is told.
    live: Option<f64>,
    /// Pictures a second, of all cameras.
    drawn: Option<f64>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let seconds = match std::env::args().nth(1) {
        Some(seconds) => seconds.parse().context("how many seconds?")?,
        None => SECONDS,
    };
    println!(
        "| cameras | shown by | CPU, % of a core | MB | all live after, ms | pictures a second |"
    );
    println!("|---|---|--:|--:|--:|--:|");
    let mut all = Vec::new();
    for case in &CASES {
        let measured = measure(case, seconds).await?;
        let number = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.0}"));
        let name = match case.by {
            By::Element => "`<pi-camera>`",
            By::Wall => "the wall",
            By::Images => "`<img>`, MJPEG",
        };
        println!(
            "| {} × {}, {} per s | {name} | {:.0} | {:.0} | {} | {} |",
            case.cameras,
            case.size,
            case.fps,
            measured.busy,
            measured.megabytes,
            number(measured.live),
            number(measured.drawn)
        );
        all.push(measured);
    }
    let one = &all[0];
    println!();
    for (at, size) in [(1, "640x360"), (4, "320x180")] {
        let [few, wall, images] = [&all[at], &all[at + 1], &all[at + 2]];
        println!(
            "16 × {size}: CPU {:.2} × that of one at 1280x720, {:.2} × that of `<img>`; memory {:.2} × that of `<img>`, \
             {:.1} MB for each further tile",
            wall.busy / one.busy,
            wall.busy / images.busy,
            wall.megabytes / images.megabytes,
            (wall.megabytes - few.megabytes) / 14.0
        );
    }
    Ok(())
}

async fn measure(case: &Case, seconds: u64) -> Result<Measured> {
    let servers = servers(case)?;
    let browser = Browser::with_window(WINDOW.0, WINDOW.1).await?;
    let page = browser.open("").await?;
    let watch = serde_json::json!({"source": WATCH});
    if case.by != By::Images {
        page.call("Page.addScriptToEvaluateOnNewDocument", watch)
            .await?;
    }
    let url = servers[0].url();
    let path = match case.by {
        By::Element => "embed?size=full",
        By::Wall => "?size=full",
        By::Images => "healthz",
    };
    page.call(
        "Page.navigate",
        serde_json::json!({"url": format!("{url}{path}")}),
    )
    .await?;
    let mut live = None;
    if case.by == By::Images {
        show_images(&page, &servers, case).await?;
    } else {
        page.wait_for("window.live").await?;
        live = page.eval("live - began").await?.as_f64();
        // As many as the cameras deliver: what a wall leaves out would be no comparison.
        page.eval("document.querySelector('pi-wall')?.setAttribute('max-fps', 60)")
            .await?;
    }
    tokio::time::sleep(Duration::from_secs(WARM)).await;
    let (before, drawn) = (browser.cost().await?, drawn(&page).await?);
    let began = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (after, drawn_then): (Cost, _) = (browser.cost().await?, self::drawn(&page).await?);
    let took = began.elapsed().as_secs_f64();
    Ok(Measured {
        busy: (after.cpu_seconds - before.cpu_seconds) / took * 100.0,
        megabytes: after.memory as f64 / 1e6,
        live,
        drawn: (case.by != By::Images).then(|| (drawn_then - drawn) / took),
    })
}

/// Pictures drawn so far.
async fn drawn(page: &Page<'_>) -> Result<f64> {
    let sum = "(document.querySelector('pi-wall')?.cameras ?? [...document.querySelectorAll('pi-camera')])
        .reduce((sum, {dataset}) => sum + Number(dataset.drawn ?? 0), 0)";
    page.eval(sum).await?.as_f64().context("no number")
}

/// One server with all cameras, or as many as it takes for a browser to open all streams.
fn servers(case: &Case) -> Result<Vec<Server>> {
    let fps = case.fps.to_string();
    let each = if case.by == By::Images {
        STREAMS
    } else {
        case.cameras
    };
    let mut left = case.cameras;
    let mut servers = Vec::new();
    while left > 0 {
        let here = left.min(each);
        let mut args = vec!["--size", case.size, "--fps", &fps, "--log", "error"];
        args.extend(["--source", "pattern"].repeat(here));
        servers.push(Server::start(&args)?);
        left -= here;
    }
    Ok(servers)
}

/// A page of pictures, in the places that the wall would give them.
async fn show_images(page: &Page<'_>, servers: &[Server], case: &Case) -> Result<()> {
    let mut images = String::new();
    for at in 0..case.cameras {
        let server = servers[at / STREAMS].url();
        images.push_str(&format!(
            "<img src=\"{server}stream.mjpg?camera={}\">",
            at % STREAMS
        ));
    }
    let page_of = format!(
        "document.body.innerHTML = `<style>
            body {{ margin: 0; background: #0b0d10; display: grid; grid-template-columns: repeat(4, 1fr); gap: 4px }}
            img {{ width: 100%; display: block }}
        </style>{images}`; 0"
    );
    page.eval(&page_of).await?;
    page.wait_for("[...document.images].every(({naturalWidth}) => naturalWidth)")
        .await?;
    Ok(())
}
