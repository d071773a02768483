//! OctoPrint: the snapshot that it takes for timelapses, in each way that it can sign in, and the stream on its page.

use crate::{Program, SIZE, Showing, ensure_shown, installed, own_address, run};
use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pistreamer_e2e::browser::{Browser, Page, poll};
use serde_json::json;
use std::path::Path;
use std::process::Command;

const PORT: &str = "5000";

/// The user who is signed in on this machine without being asked.
const USER: &str = "tester";

#[tokio::test]
async fn octoprint_takes_snapshots_and_shows_the_stream() -> Result<()> {
    let showing = Showing::start()?;
    let key = showing.key();
    let snapshot = showing.url("snapshot.jpg");
    let ways = [
        (showing.url_with_key("snapshot.jpg"), json!({})),
        (
            snapshot.replace("://", &format!("://camera:{key}@")),
            json!({}),
        ),
        (
            snapshot.clone(),
            json!({"snapshotAuth": "basic", "snapshotUsername": "camera", "snapshotPassword": key}),
        ),
        (
            snapshot.clone(),
            json!({"snapshotAuth": "bearer", "snapshotBearerToken": key}),
        ),
    ];
    let home = showing.directory.path().join("octoprint");
    configure(&home, &showing.url_with_key("stream.mjpg"), &snapshot)?;
    let address = own_address();
    let octoprint = installed("octoprint", "octoprint")?;
    let mut program = Program::start(
        Command::new(&octoprint).arg("--basedir").arg(&home).args([
            "serve",
            "--iknowwhatimdoing",
            "--host",
            &address,
            "--port",
            PORT,
        ]),
        showing.directory.path().join("log"),
    )?;
    let base = format!("http://{address}:{PORT}");
    poll("octoprint answers", async || {
        program.check()?;
        Ok(run(Command::new("curl").args(["-sf", &format!("{base}/online.txt")])).ok())
    })
    .await?;

    let browser = Browser::start().await?;
    let page = browser.open(&format!("{base}/#control")).await?;
    let shown = format!(
        "document.querySelector('#webcam_image')?.naturalWidth === {}",
        SIZE.0
    );
    page.wait_for(&shown).await?;
    poll("the picture is shown", async || {
        Ok(ensure_shown(&screenshot(&page, "#webcam_image").await?).ok())
    })
    .await?;
    page.screenshot("octoprint").await?;

    ensure!(taken(&page).await?.is_none(), "a snapshot without the key");
    for (url, settings) in ways {
        change(&page, &url, settings).await?;
        let jpeg = taken(&page).await?;
        ensure!(jpeg.is_some(), "no snapshot of {url}: {}", program.said());
        ensure_shown(&jpeg.unwrap_or_default())?;
    }
    Ok(())
}

/// Writes the settings as a person has chosen them, and the one user.
fn configure(home: &Path, stream: &str, snapshot: &str) -> Result<()> {
    std::fs::create_dir(home)?;
    let configuration = format!(
        "server:
  firstRun: false
  onlineCheck: {{enabled: false}}
  pluginBlacklist: {{enabled: false}}
  seenWizards: {{backup: null, classicwebcam: 1, corewizard: 4, file_check: null, tracking: null}}
accessControl:
  autologinLocal: true
  autologinAs: {USER}
  autologinHeadsupAcknowledged: true
  localNetworks: [127.0.0.0/8]
plugins:
  _disabled: [announcements, errortracking, healthcheck, pluginmanager, softwareupdate, tracking]
  classicwebcam:
    _config_version: 1
    stream: {stream}
    snapshot: {snapshot}
    cacheBuster: true
"
    );
    std::fs::write(home.join("config.yaml"), configuration)?;
    run(Command::new(installed("octoprint", "octoprint")?)
        .arg("--basedir")
        .arg(home)
        .args(["user", "add", "--password", "secret", "--admin", USER]))?;
    Ok(())
}

/// Changes where the snapshot comes from, and how OctoPrint signs in for it.
async fn change(page: &Page<'_>, url: &str, mut settings: serde_json::Value) -> Result<()> {
    settings["snapshot"] = url.into();
    let settings = json!({"plugins": {"classicwebcam": settings}});
    page.eval(&format!(
        "OctoPrint.settings.save({settings}).then(() => true)"
    ))
    .await?;
    Ok(())
}

/// The snapshot that OctoPrint takes now, where it can.
async fn taken(page: &Page<'_>) -> Result<Option<Vec<u8>>> {
    let base64 = page
        .eval(
            "fetch('downloads/camera/current').then(async answer => {
                if (!answer.ok) return '';
                const bytes = new Uint8Array(await answer.arrayBuffer());
                return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
            })",
        )
        .await?;
    let jpeg = BASE64_STANDARD.decode(base64.as_str().unwrap_or_default())?;
    Ok((!jpeg.is_empty()).then_some(jpeg))
}

/// What is seen of that element, as a JPEG.
async fn screenshot(page: &Page<'_>, selector: &str) -> Result<Vec<u8>> {
    let clip = page
        .eval(&format!(
            "(() => {{
                const {{x, y, width, height}} = document.querySelector('{selector}').getBoundingClientRect();
                return {{x, y, width, height, scale: 1}};
            }})()"
        ))
        .await?;
    let shot = page
        .call(
            "Page.captureScreenshot",
            json!({"format": "jpeg", "clip": clip}),
        )
        .await?;
    Ok(BASE64_STANDARD.decode(shot["data"].as_str().unwrap_or_default())?)
}
