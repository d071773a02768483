//! Moonraker, which tells Mainsail and Fluidd where cameras are, and tries their snapshots.

use crate::{Program, Showing, installed, own_address, run};
use anyhow::{Result, ensure};
use pistreamer_e2e::browser::poll;
use serde_json::Value;
use std::process::Command;

const PORT: u16 = 7125;

#[tokio::test]
async fn moonraker_reaches_the_snapshots_of_its_webcams() -> Result<()> {
    let showing = Showing::start()?;
    let data = showing.directory.path().join("printer_data");
    std::fs::create_dir_all(data.join("config"))?;
    let address = own_address();
    let with_key = showing.url_with_key("snapshot.jpg");
    let configuration = format!(
        "[server]
host: {address}
port: {PORT}
klippy_uds_address: {data}/klippy.sock

[authorization]
trusted_clients: 127.0.0.0/8

[machine]
provider: none

[webcam camera]
service: mjpegstreamer
stream_url: {stream}
snapshot_url: {with_key}
target_fps: 15

[webcam viewer]
service: iframe
stream_url: {embed}
snapshot_url: {query}

[webcam keyless]
service: mjpegstreamer
stream_url: {stream}
snapshot_url: {keyless}
",
        data = data.display(),
        stream = showing.url_with_key("stream.mjpg"),
        embed = showing.url_with_key("embed"),
        query = showing.url_with_key("?action=snapshot"),
        keyless = showing.url("snapshot.jpg"),
    );
    std::fs::write(data.join("config/moonraker.conf"), configuration)?;
    let mut moonraker = Program::start(
        Command::new(installed("moonraker", "moonraker")?)
            .arg("-d")
            .args([&data])
            .arg("-n"),
        showing.directory.path().join("log"),
    )?;
    let base = format!("http://{address}:{PORT}");
    poll("moonraker answers", async || {
        moonraker.check()?;
        Ok(run(Command::new("curl").args(["-sf", &format!("{base}/server/info")])).ok())
    })
    .await?;
    let test = |webcam: &str| -> Result<Value> {
        let url = format!("{base}/server/webcams/test?name={webcam}");
        let answer = run(Command::new("curl").args(["-s", "-X", "POST", &url]))?;
        Ok(serde_json::from_slice(&answer.stdout)?)
    };
    for (webcam, reachable) in [("camera", true), ("viewer", true), ("keyless", false)] {
        // It gives a camera one second, and a busy machine may need more.
        let answer = poll(&format!("{webcam}: {reachable}"), async || {
            let answer = test(webcam)?;
            let is_so = answer["result"]["snapshot_reachable"] == reachable;
            Ok(is_so.then_some(answer))
        })
        .await?;
        let result = &answer["result"];
        // What it hands on to the pages is what was written.
        ensure!(
            webcam != "camera" || result["snapshot_url"] == with_key.as_str(),
            "{answer}"
        );
    }
    Ok(())
}
