//! How old the picture is when it is on the glass: from the capture to the pixels that a page can read, in Chromium.
//!
//!     ./dev bench glass
//!
//! The test pattern paints its capture time; at each animation frame a script reads it back, from the viewer's canvas and
//! from an `<img>` with the MJPEG stream alike. How long frames take on the way to the browser is measured by `bench/`.

use anyhow::{Context as _, Result, ensure};
use pistreamer_e2e::browser::Browser;
use pistreamer_e2e::server::Server;

const SIZES: [(u32, u32); 3] = [(640, 480), (1280, 720), (1920, 1080)];

/// Frames that are looked at, after as many that are not.
const FRAMES: usize = 200;

/// Looks at `source()` at each animation frame, and notes the age in ms of each picture that it sees for the first time.
const WATCH: &str = r#"
    const columns = 64, zoom = 4;
    const strip = new OffscreenCanvas(columns * zoom, 2 * zoom).getContext("2d", { willReadFrequently: true });
    const ages = window.ages = [];
    let last = 0;
    const look = () => {
        requestAnimationFrame(look);
        const now = (performance.timeOrigin + performance.now()) * 1000;
        const shown = source();
        const width = shown?.naturalWidth ?? shown?.width, height = shown?.naturalHeight ?? shown?.height;
        if (!width) return;
        strip.drawImage(shown, 0, height * 38 / 40, width, height * 2 / 40, 0, 0, columns * zoom, 2 * zoom);
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

#[tokio::main]
async fn main() -> Result<()> {
    println!("| size | shown by | age p50, ms | p99, ms | frames a second |");
    println!("|---|---|---|---|---|");
    for (width, height) in SIZES {
        let size = format!("{width}x{height}");
        let server = Server::start(&["--source", "pattern", "--size", &size, "--fps", "30"])?;
        let url = server.url();
        let viewer = "window.source = () => document.querySelector('pi-camera').shadowRoot?.querySelector('canvas');";
        let image = "document.body.innerHTML = '<img src=\"stream.mjpg\">';
            window.source = () => document.querySelector('img');";
        for (name, path, source) in [
            (
                "viewer, gzip-base64",
                "?overlay=0&size=full&wire=gzip-base64",
                viewer,
            ),
            ("viewer, jpeg", "?overlay=0&size=full&wire=jpeg", viewer),
            ("`<img>`, MJPEG", "healthz", image),
        ] {
            let browser = Browser::start().await?;
            let page = browser.open(&format!("{url}{path}")).await?;
            page.emulate(1920, 1080, false, "light").await?;
            page.eval(source).await?;
            page.eval(&format!("(() => {{ {WATCH} }})()")).await?;
            page.wait_for(&format!("window.ages.length >= {FRAMES}"))
                .await?;
            page.eval("window.ages.length = 0; window.began = performance.now()")
                .await?;
            page.wait_for(&format!("window.ages.length >= {FRAMES}"))
                .await?;
            let took = page.eval("performance.now() - window.began").await?;
            let ages = page.eval("window.ages").await?;
            let mut ages: Vec<f64> = serde_json::from_value(ages)?;
            let took = took.as_f64().context("no time")? / 1000.0;
            let fps = ages.len() as f64 / took;
            ages.sort_by(f64::total_cmp);
            ensure!(ages[0] > 0.0, "a picture is {} ms old", ages[0]);
            let at = |share: f64| ages[((ages.len() - 1) as f64 * share) as usize];
            println!(
                "| {size} | {name} | {:.1} | {:.1} | {fps:.1} |",
                at(0.5),
                at(0.99)
            );
        }
    }
    Ok(())
}
