//! Home Assistant: its integrations "MJPEG IP Camera" and "Generic Camera", from the form to the picture.

use crate::{BRIGHTNESS, Showing, installed, own_address, run};
use anyhow::{Result, ensure};
use std::process::Command;

#[test]
fn home_assistant_takes_the_camera_in_both_integrations() -> Result<()> {
    let showing = Showing::start()?;
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/programs/home_assistant.py"
    );
    let mut python = Command::new(installed("home-assistant", "python3")?);
    python
        .args([script, &showing.url(""), showing.key()])
        .args([BRIGHTNESS.to_string(), own_address()])
        .current_dir(&showing.directory);
    let output = run(&mut python)?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(said.lines().count() == 6, "{said}");
    Ok(())
}
