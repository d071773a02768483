//! A webcam of a kernel's own driver and a camera of libcamera side by side, in real browsers.
//!
//! The webcam is at a machine that `tools/camera-vm.sh` emulates, with a server of its own; the one that browsers see relays it,
//! and has libcamera's virtual camera besides. So what is set goes all the way: browser, relay, origin, driver. Besides Chromium the
//! wall is shown to the engines that `PISTREAMER_TEST_ENGINES` names.

use anyhow::{Context as _, Result, bail, ensure};
use pistreamer_e2e::browser::{Browser, Page, poll};
use pistreamer_e2e::engines::{Engine, Firefox, WebKit};
use pistreamer_e2e::server::{Server, program};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long the machine may take to start and to show a picture: each of its instructions is emulated.
const STARTS: Duration = Duration::from_secs(240);

/// How long it may take to end.
const ENDS: Duration = Duration::from_secs(20);

/// Where the project is.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The machine with a webcam.
struct Machine {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Machine {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // It was free a moment ago. No other program is likely to take it in between.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let lab = match std::env::var_os("CAMERA_VM") {
            Some(lab) => lab.into(),
            None => root().join("target/camera-vm"),
        };
        let child = Command::new(root().join("tools/camera-vm.sh"))
            .arg(lab)
            .arg("/bin/bash")
            .arg(root().join("e2e/tests/cameras/guest.sh"))
            .arg(std::path::absolute(program()?)?)
            .env("CAMERA_VM_PORT", port.to_string())
            .env("CAMERA_VM_SECONDS", "600")
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .spawn()
            .context("starting tools/camera-vm.sh")?;
        Ok(Self {
            child,
            port,
            folder,
        })
    }

    /// Where orders are put, once the machine has been started.
    fn orders(&self) -> Result<PathBuf> {
        for entry in self.folder.path().read_dir()? {
            let out = entry?.path().join("out");
            if out.is_dir() {
                return Ok(out);
            }
        }
        bail!("tools/camera-vm.sh has not begun")
    }

    /// Has it do something, and waits until it has.
    async fn order(&self, order: &str) -> Result<()> {
        let orders = self.orders()?;
        let done = orders.join(format!("{order}.done"));
        std::fs::write(orders.join(order), "")?;
        poll(&format!("{order} is done"), async || {
            Ok(done.exists().then_some(()))
        })
        .await?;
        Ok(std::fs::remove_file(done)?)
    }

    /// What its server answers.
    fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn json(&self, path: &str) -> Result<Value> {
        let answer = self.get(path)?;
        let body = answer.split_once("\r\n\r\n").context("no answer")?.1;
        Ok(serde_json::from_str(body)?)
    }

    /// Waits until its webcam delivers.
    async fn is_live(&self) -> Result<()> {
        let began = Instant::now();
        while !self
            .get("/healthz")
            .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
        {
            ensure!(began.elapsed() < STARTS, "the machine shows no picture");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// The value of a control of its webcam.
    fn control(&self, name: &str) -> Result<f64> {
        let cameras = self.json("/api/v1/cameras")?;
        let id = cameras["cameras"][0]["id"].as_str().context("no camera")?;
        let path = format!("/api/v1/cameras/{id}/controls/{name}");
        let control = self.json(&path)?;
        control["value"]
            .as_f64()
            .with_context(|| control.to_string())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let ended = self
            .orders()
            .map(|orders| std::fs::write(orders.join("end"), ""));
        let deadline = Instant::now() + ENDS;
        while ended.is_ok() && Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        // It ends by its own time limit then.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A server with both cameras.
fn serve(machine: &Machine, folder: &Path) -> Result<Server> {
    let prefix = std::env::var_os("PISTREAMER_TEST_LIBCAMERA").context(
        "PISTREAMER_TEST_LIBCAMERA is not set: run ./dev test, or `. target/tools/libcamera-*/env.sh` first",
    )?;
    let shim = Path::new(&prefix).join("lib/udmabuf-shim.so");
    let cameras = root().join("server/tests/libcamera/virtual.yaml");
    let environment = [
        ("LD_PRELOAD", shim.as_os_str()),
        ("LIBCAMERA_VIRTUAL_YAML", cameras.as_os_str()),
        ("LIBCAMERA_PIPELINES_MATCH_LIST", "virtual".as_ref()),
        ("LIBCAMERA_LOG_LEVELS", "*:WARN".as_ref()),
    ];
    let file = folder.join("pistreamer.toml");
    let port = machine.port;
    let configured = format!(
        "[[camera]]\nid = \"module\"\nname = \"Camera module\"\nsource = \"libcamera:Bars\"\nsize = \"320x240\"\nfps = 10\n\
         [[camera]]\nid = \"webcam\"\nname = \"Webcam\"\nsource = \"ws://127.0.0.1:{port}\"\n"
    );
    std::fs::write(&file, configured)?;
    let args = ["--config", &file.display().to_string()];
    Server::start_with(&args, &environment)
}

/// The states of the cameras on a wall.
const STATES: &str =
    "[...document.querySelector('pi-wall')?.cameras ?? []].map(({state}) => state).join()";

async fn wait_states(page: &impl Engine, states: &str) -> Result<()> {
    page.wait_for(&format!("{STATES} === '{states}'")).await?;
    Ok(())
}

async fn is_live_in(engine: &impl Engine, server: &Server) -> Result<()> {
    engine.navigate(&server.url()).await?;
    wait_states(engine, "live,live").await
}

/// What the sheet has of a control.
const LOOK: &str = "
    window.part = selector => document.querySelector('pi-camera').shadowRoot.querySelector(selector);
    window.slider = name => part(`[data-control=${name}] input[type=range]`);
    window.number = name => part(`[data-control=${name}] input[type=number]`);
    0";

/// A live viewer of the webcam whose sheet is open.
async fn adjusting<'a>(browser: &'a Browser, server: &Server) -> Result<Page<'a>> {
    let page = browser
        .open(&format!("{}?camera=webcam", server.url()))
        .await?;
    page.wait_state("live").await?;
    page.eval(LOOK).await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#menu [data-do=adjust]')?.checkVisibility()")
        .await?;
    page.eval_clicked("part('#menu [data-do=adjust]').click()")
        .await?;
    page.wait_for("Boolean(slider('Brightness'))").await?;
    Ok(page)
}

#[tokio::test]
async fn a_webcam_and_a_camera_module_are_live_side_by_side_adjusted_and_back_after_trouble()
-> Result<()> {
    let folder = tempfile::tempdir()?;
    let machine = Machine::start()?;
    let server = serve(&machine, folder.path())?;
    machine.is_live().await?;
    let browser = Browser::start().await?;
    let wall = browser.open(&server.url()).await?;
    wait_states(&wall, "live,live").await?;
    wall.screenshot("cameras_side_by_side").await?;

    // What is dragged in one viewer moves in the other.
    let (one, other) = (Browser::start().await?, Browser::start().await?);
    let (page, seen) = (
        adjusting(&one, &server).await?,
        adjusting(&other, &server).await?,
    );
    let before = machine.control("Brightness")?;
    page.eval(
        "for (const place of [0.2, 0.5, 0.8]) {
            slider('Brightness').value = Math.round(place * slider('Brightness').max);
            slider('Brightness').dispatchEvent(new Event('input'));
        }
        slider('Brightness').dispatchEvent(new Event('change'))",
    )
    .await?;
    let brightness = page.eval("number('Brightness').value").await?;
    let brightness = brightness.as_str().context("no number")?.to_owned();
    seen.wait_for(&format!("number('Brightness').value === '{brightness}'"))
        .await?;
    let value: f64 = brightness.parse()?;
    let is_set = async |machine: &Machine| {
        poll("the webcam has it", async || {
            let now = machine.control("Brightness").ok();
            Ok((now == Some(value)).then_some(()))
        })
        .await
    };
    is_set(&machine).await?;
    ensure!((before - value).abs() > 1.0, "{before} is {value}");
    drop((page, seen));
    drop((one, other));

    // It survives a restart of the server that has the webcam.
    machine.order("restart").await?;
    machine.is_live().await?;
    wait_states(&wall, "live,live").await?;
    is_set(&machine).await?;

    // One is unplugged, and comes back as it was.
    machine.order("unplug").await?;
    wait_states(&wall, "live,no-signal").await?;
    wall.screenshot("cameras_one_unplugged").await?;
    machine.order("plug").await?;
    wait_states(&wall, "live,live").await?;
    is_set(&machine).await?;
    wall.expect_no_complaints(&[])?;

    let others = std::env::var("PISTREAMER_TEST_ENGINES").unwrap_or_default();
    for engine in others.split_whitespace() {
        match engine {
            "firefox" => is_live_in(&Firefox::start().await?, &server).await?,
            "webkit" => is_live_in(&WebKit::of_today().await?, &server).await?,
            other => bail!("PISTREAMER_TEST_ENGINES has {other}: it can have firefox and webkit"),
        }
    }
    Ok(())
}
