//! `pistreamer doctor`: what has to be known of this machine to help from afar, as text to paste. There is no secret in it,
//! nor a name, an address or a number by which the machine or its owner is known.
//!
//! What is told of it in files is [`machine`]'s and [`devices`]'s; how the server is set up, [`server`]'s; how fast it is,
//! [`benchmark`]'s.

mod benchmark;
mod bounded;
mod devices;
mod machine;
mod port;
mod reading;
mod server;

use crate::cli;
use crate::source::libcamera;
use crate::stdout;
use bounded::within;
use pistreamer_protocol::text::plain;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long the benchmark takes, unless told otherwise.
const BENCHMARK: f64 = 10.0;

/// How long files may take to be read. They may lie on a disk that does not answer.
const FILES: Duration = Duration::from_secs(10);

/// How long the server, its configuration and its service may take to be asked.
const SERVER: Duration = Duration::from_secs(30);

/// How long cameras may take to be found. A driver that does not come back is given up before that, with its process.
const CAMERAS: Duration = Duration::from_secs(30);

/// Most lines of one part.
const LINES: usize = 200;

/// A part of the report: its text, or what does not work there, which is told as well.
type Told = Result<String, String>;

/// Prints the report, each part as soon as it is known.
///
/// # Errors
/// With the parts in which something does not work, or where standard output takes no text.
pub(super) fn run(typed: &cli::Doctor) -> anyhow::Result<()> {
    let seconds = typed.seconds.unwrap_or(BENCHMARK);
    if !(0.0..=600.0).contains(&seconds) {
        anyhow::bail!(
            "--seconds of {seconds} is not possible: choose one from 0, for no benchmark, to 600"
        );
    }
    let root = typed.root.clone().unwrap_or_else(|| "/".into());
    let mut report = Report::default();
    report.part("machine", files(&root, machine::told))?;
    report.part("devices", files(&root, devices::told))?;
    report.part("libcamera", files(&root, machine::libcamera))?;
    report.part("camera program", camera_program())?;
    report.part("cameras", cameras())?;
    let server = within(SERVER, server::told);
    report.part("server", server.unwrap_or_else(|| Err(silence(SERVER))))?;
    if seconds > 0.0 {
        let heading = format!("benchmark, which takes {seconds} s");
        let measured = benchmark::run(Duration::from_secs_f64(seconds));
        report.part(&heading, measured.map_err(|error| format!("{error:#}")))?;
    }
    report.end()
}

/// What was printed.
#[derive(Default)]
struct Report {
    /// The parts in which something does not work.
    wrong: Vec<String>,
}

impl Report {
    fn part(&mut self, heading: &str, told: Told) -> anyhow::Result<()> {
        let text = match told {
            Ok(text) => text,
            Err(text) => {
                self.wrong.push(heading.to_owned());
                text
            }
        };
        Ok(stdout::print(&format!("{heading}\n{}", lines(&text)))?)
    }

    fn end(self) -> anyhow::Result<()> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        anyhow::bail!(
            "the report says what does not work here, under: {}",
            self.wrong.join(", ")
        )
    }
}

/// The lines below a heading, without anything that a terminal would obey.
fn lines(text: &str) -> String {
    let line = |line: &str| {
        let indented = line.len() - line.trim_start_matches(' ').len();
        format!("  {:indented$}{}\n", "", plain(&without_homes(line)))
    };
    let mut told: String = text.lines().take(LINES).map(line).collect();
    if text.lines().nth(LINES).is_some() {
        told += "  …\n";
    }
    told
}

/// The text without the names of home directories, which are those of people: a program that was built in one, and libcamera's log,
/// name files there.
fn without_homes(text: &str) -> String {
    const HOMES: &str = "/home/";
    let mut parts = text.split(HOMES);
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_in_name = |c: char| c.is_alphanumeric() || "._-$@".contains(c);
        told += HOMES;
        told += "…";
        told += part.trim_start_matches(is_in_name);
    }
    told
}

/// What is told in the files below a folder.
fn files(root: &Path, told: fn(&Path) -> String) -> Told {
    let root: PathBuf = root.to_owned();
    within(FILES, move || told(&root)).ok_or_else(|| silence(FILES))
}

fn silence(patience: Duration) -> String {
    format!("nothing is known within {} s", patience.as_secs())
}

/// Which way there is to a camera.
fn camera_program() -> Told {
    match within(CAMERAS, libcamera::way) {
        Some(way) => way.map_err(|error| error.to_string()),
        None => Err(silence(CAMERAS)),
    }
}

/// What `pistreamer cameras` prints. A process of its own can be ended where a driver does not come back.
fn cameras() -> Told {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = bounded::output(Command::new(program).arg("cameras"), CAMERAS)?;
    if output.success {
        Ok(without_serials(&output.stdout))
    } else {
        Err(without_serials(&(output.stdout + &output.stderr)))
    }
}

/// The list without the serial numbers that USB cameras are selected by.
fn without_serials(listed: &str) -> String {
    const SELECTED: &str = "v4l2:usb:";
    /// Numbers of the vendor and the product.
    const MODEL: usize = "046d:0825".len();
    let line = |line: &str| match line.split_once(SELECTED) {
        Some((before, key)) => {
            let model: String = key.chars().take(MODEL).collect();
            format!("{before}{SELECTED}{model}:…'\n")
        }
        None => format!("{line}\n"),
    };
    listed.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_serial_number_of_a_camera_is_told() {
        let listed =
            "/dev/video0: C920\n   --source 'v4l2:usb:046d:0825:AB12#1'\n   MJPG: 640x480\n";
        let told = "/dev/video0: C920\n   --source 'v4l2:usb:046d:0825:…'\n   MJPG: 640x480\n";
        assert_eq!(without_serials(listed), told);
    }

    #[test]
    fn no_name_of_a_home_directory_is_told() {
        assert_eq!(
            lines("INFO IPAProxy in /home/jane.doe/pistreamer/target/ipa, /home/x: no"),
            "  INFO IPAProxy in /home/…/pistreamer/target/ipa, /home/…: no\n"
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_printed_and_what_is_endless_is_cut() {
        assert_eq!(
            lines("a\u{1b}[2Jb\n   c\u{202e}d\r\n"),
            "  a [2Jb\n     cd\n"
        );
        let many = lines(&"x\n".repeat(100_000));
        assert_eq!(many.lines().count(), LINES + 1);
        assert!(lines(&"x".repeat(100_000)).len() < 1000);
    }
}
