//! How old the picture is when it is on the glass: from the capture to what the browser's compositor puts out, in Chromium.
//!
//!     ./dev bench glass [ROUNDS]
//!
//! The test pattern paints its capture time. The page captures its own tab, as for a screen that is shared, and reads the
//! time back from what it gets: the viewer's canvas and an `<img>` with the MJPEG stream have then both gone all the way.
//! Reading either of them with a script would stop at different points of it. What the capture adds is the same for all,
//! and is in the numbers. The viewer's worker itself records where its time goes. `bench/` measures how long frames take to
//! the browser.

use anyhow::{Context as _, Result, ensure};
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::Server;
use serde_json::{Value, json};

const SIZES: [(u32, u32); 3] = [(640, 480), (1280, 720), (1920, 1080)];

/// Frames that are looked at, after as many that are not.
const FRAMES: usize = 200;

/// Rounds where no number is given. In each, everything is measured once: what else the machine does touches all of it
/// alike.
const ROUNDS: usize = 3;

/// Height of the window's frame, with some to spare.
const WINDOW_FRAME: u32 = 120;

/// Looks at each picture of the tab, and notes the age in ms of each time that is painted at `place()` for the first time.
const WATCH: &str = r#"
    const wanted = {
        video: { frameRate: 60, width: { ideal: innerWidth }, height: { ideal: innerHeight } },
        preferCurrentTab: true
    };
    const [track] = (await navigator.mediaDevices.getDisplayMedia(wanted)).getVideoTracks();
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    const columns = 64, zoom = 4;
    const strip = new OffscreenCanvas(columns * zoom, 2 * zoom).getContext("2d", { willReadFrequently: true });
    window.ages = [];
    let last = 0;
    const look = async () => {
        const { value: tab } = await reader.read();
        const now = (performance.timeOrigin + performance.now()) * 1000;
        const { x, y, width, height } = place();
        const [sx, sy] = [tab.displayWidth / innerWidth, tab.displayHeight / innerHeight];
        strip.drawImage(
            tab, x * sx, (y + height * 38 / 40) * sy, width * sx, height * 2 / 40 * sy,
            0, 0, columns * zoom, 2 * zoom
        );
        tab.close();
        look();
        const { data } = strip.getImageData(0, zoom / 2, columns * zoom, 1);
        let captured = 0;
        const bits = Array.from({ length: columns }, (_, cell) => data[(cell * zoom + zoom / 2) * 4] > 127 ? 1 : 0);
        // The marks on both sides tell that this is a strip.
        if (bits.slice(0, 4).join("") !== "1010" || bits.slice(60).join("") !== "0101") return;
        for (const bit of bits.slice(4, 60)) captured = captured * 2 + bit;
        if (captured > last) ages.push((now - captured) / 1000);
        last = Math.max(last, captured);
    };
    look();
"#;

const VIEWER: &str = "window.place = () =>
    document.querySelector('pi-camera').shadowRoot.querySelector('canvas').getBoundingClientRect()";
// Not in its own size: a captured tab would not show that it changes.
const IMAGE: &str =
    "document.body.innerHTML = '<img src=stream.mjpg style=\"position: fixed; inset: 0; width: 100vw; height: 100vh\">';
    window.place = () => document.querySelector('img').getBoundingClientRect()";

/// In the viewer's worker: notes how long the stages of each frame take, in ms.
const STAGES: &str = r#"(() => {
    const stages = self.stages = { unpack: [], decode: [], draw: [] };
    const timed = (stage, since) => stages[stage].push(performance.now() - since);
    let came = 0;
    const data = Object.getOwnPropertyDescriptor(MessageEvent.prototype, "data");
    Object.defineProperty(MessageEvent.prototype, "data", { ...data, get() {
        const content = data.get.call(this);
        if (content instanceof ArrayBuffer) came = performance.now();
        return content;
    } });
    const decode = self.createImageBitmap;
    self.createImageBitmap = async blob => {
        timed("unpack", came);
        const began = performance.now();
        const bitmap = await decode.call(self, blob);
        timed("decode", began);
        return bitmap;
    };
    const canvas = ImageBitmapRenderingContext.prototype, draw = canvas.transferFromImageBitmap;
    canvas.transferFromImageBitmap = function (bitmap) {
        const began = performance.now();
        draw.call(this, bitmap);
        timed("draw", began);
    };
})()"#;

/// In the page: notes how old each frame is when its drawing is done.
const DRAWN: &str = "window.drawn = [];
    document.querySelector('pi-camera').addEventListener('frame', ({ detail }) => drawn.push(detail.age))";

/// What shows the camera: its name, its page, and the script that tells where its picture is.
const SHOWN_BY: [(&str, &str, &str); 3] = [
    (
        "viewer, gzip-base64",
        "embed?size=full&wire=gzip-base64",
        VIEWER,
    ),
    ("viewer, jpeg", "embed?size=full&wire=jpeg", VIEWER),
    ("`<img>`, MJPEG", "healthz", IMAGE),
];

#[tokio::main]
async fn main() -> Result<()> {
    let rounds = match std::env::args().nth(1) {
        Some(rounds) => rounds.parse().context("how many rounds?")?,
        None => ROUNDS,
    };
    let mut stages = Vec::new();
    println!("| size | shown by | age p50, ms | p99, ms | frames a second |");
    println!("|---|---|--:|--:|--:|");
    for size in SIZES {
        let mut seen = SHOWN_BY.map(|_| Seen::default());
        for _ in 0..rounds {
            for (seen, (_, path, place)) in seen.iter_mut().zip(SHOWN_BY) {
                seen.look(size, path, place).await?;
            }
        }
        for (seen, (name, ..)) in seen.iter_mut().zip(SHOWN_BY) {
            let at = |share: f64| at(&seen.ages_ms, share);
            ensure!(at(0.0) > 0.0, "a picture is {} ms old", at(0.0));
            if !seen.drawn_ms.is_empty() {
                stages.push(seen.stages(size, name));
            }
            println!(
                "| {}x{} | {name} | {:.1} | {:.1} | {:.1} |",
                size.0,
                size.1,
                at(0.5),
                at(0.99),
                seen.ages_ms.len() as f64 / seen.seconds
            );
        }
    }
    println!(
        "\n| size | shown by | until it is there, ms | unpack | decode | draw | until it is on the glass |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|");
    println!("{}", stages.join("\n"));
    Ok(())
}

/// The value below which that share of the others is.
fn at(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

#[derive(Default)]
struct Seen {
    ages_ms: Vec<f64>,
    seconds: f64,
    /// Of the viewer: ages when drawing was done, and how long its stages took.
    drawn_ms: Vec<f64>,
    stages_ms: [Vec<f64>; 3],
}

impl Seen {
    async fn look(&mut self, (width, height): (u32, u32), path: &str, place: &str) -> Result<()> {
        let size = format!("{width}x{height}");
        let server = Server::start(&[
            "--source", "pattern", "--size", &size, "--fps", "30", "--log", "error",
        ])?;
        let browser = Browser::with_window(width, height + WINDOW_FRAME).await?;
        let page = browser.open(&format!("{}{path}", server.url())).await?;
        if place == VIEWER {
            page.wait_state("live").await?;
            self.note_stages(&page).await?;
        }
        page.eval(place).await?;
        page.eval_clicked(&format!("(async () => {{ {WATCH} }})()"))
            .await?;
        let enough = format!("window.ages.length >= {FRAMES}");
        page.wait_for(&enough).await?;
        page.eval("window.ages.length = 0; window.began = performance.now()")
            .await?;
        page.wait_for(&enough).await?;
        let took = page.eval("performance.now() - window.began").await?;
        self.seconds += took.as_f64().context("no time")? / 1000.0;
        let ages: Vec<f64> = serde_json::from_value(page.eval("window.ages").await?)?;
        self.ages_ms.extend(ages);
        if place == VIEWER {
            self.take_stages(&page).await?;
        }
        Ok(())
    }

    async fn note_stages(&self, page: &Page<'_>) -> Result<()> {
        in_worker(page, STAGES).await?;
        page.eval(DRAWN).await?;
        Ok(())
    }

    async fn take_stages(&mut self, page: &Page<'_>) -> Result<()> {
        let drawn: Vec<f64> = serde_json::from_value(page.eval("window.drawn").await?)?;
        self.drawn_ms.extend(drawn);
        let stages = "[stages.unpack, stages.decode, stages.draw]";
        let stages: [Vec<f64>; 3] = serde_json::from_value(in_worker(page, stages).await?)?;
        for (all, stage) in self.stages_ms.iter_mut().zip(stages) {
            all.extend(stage);
        }
        Ok(())
    }

    /// A row of medians. What lies between two of them is the way into the browser, and the compositor.
    fn stages(&self, (width, height): (u32, u32), name: &str) -> String {
        let median = |values: &[f64]| at(values, 0.5);
        let drawn = median(&self.drawn_ms);
        let [unpack, decode, draw] = [0, 1, 2].map(|stage| median(&self.stages_ms[stage]));
        format!(
            "| {width}x{height} | {name} | {:.1} | {unpack:.1} | {decode:.1} | {draw:.1} | {:.1} |",
            drawn - unpack - decode - draw,
            median(&self.ages_ms) - drawn
        )
    }
}

/// The value of an expression in the viewer's worker.
async fn in_worker(page: &Page<'_>, expression: &str) -> Result<Value> {
    let worker = page.workers().pop().context("the viewer has no worker")?;
    let params = json!({"expression": expression, "returnByValue": true});
    let devtools = page.browser().devtools();
    let mut answer = devtools.call(&worker, "Runtime.evaluate", params).await?;
    ensure!(answer["exceptionDetails"].is_null(), "{answer}");
    Ok(answer["result"]["value"].take())
}
