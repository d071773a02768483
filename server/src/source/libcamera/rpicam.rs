//! Raspberry Pi's own program for video, where there is no libcamera that fits: it brings its own along, and sends JPEGs.
//!
//! It offers no controls, and says of no picture when it was captured.

use super::log;
use super::process::{self, Process};
use crate::demand::Demand;
use crate::source::remote::{self, Intake};
use crate::source::{Config, Port, SourceError, WEDGED};
use bytes::Bytes;
use pistreamer_local_camera::{CameraDescription, find};
use pistreamer_network_camera::bare::Bare;
use pistreamer_network_camera::multipart::Part;
use pistreamer_protocol::DEFAULT_FRAME_LIMIT;
use pistreamer_protocol::jpeg::Orientation;
use pistreamer_protocol::message::Cause;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

/// Its name, and the one that it had in the first images of Raspberry Pi OS Bookworm.
const PROGRAMS: [&str; 2] = ["rpicam-vid", "libcamera-vid"];

/// It has to send a picture within this, and its first one within twice as long.
const SILENCE: Duration = WEDGED.saturating_mul(2);

/// It has to tell its cameras within this, also while the machine starts.
const LISTS: Duration = WEDGED.saturating_mul(4);

/// How often is looked whether they are still asked for.
const LOOK: Duration = Duration::from_millis(100);

/// How long it may take to end by itself once it has closed its output.
const ENDS: Duration = Duration::from_millis(200);

/// Whether it is installed.
pub(super) fn is_there() -> bool {
    installed().is_some()
}

/// The name by which it is installed.
fn installed() -> Option<&'static str> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    PROGRAMS.into_iter().find(|program| {
        std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
    })
}

fn command() -> Command {
    Command::new(installed().unwrap_or(PROGRAMS[0]))
}

/// Every camera, in its order, for one that looks for that camera until the demand stops.
pub(super) fn list(
    which: Option<&str>,
    demand: &Demand,
) -> Result<Vec<CameraDescription>, SourceError> {
    process::check(which)?;
    let (mut output, told) = io::pipe().map_err(failed)?;
    let mut command = command();
    command
        .arg("--list-cameras")
        .stdin(Stdio::null())
        .stdout(told.try_clone().map_err(failed)?)
        .stderr(told)
        .process_group(0);
    let _process = Process::new(command.spawn().map_err(failed)?, which);
    // Its end is seen once no one else has the other one.
    drop(command);
    let (sender, text) = mpsc::channel();
    let read = move || {
        let mut bytes = Vec::new();
        let read = output.read_to_end(&mut bytes).map(|_| bytes);
        // Where it took too long, nothing waits for it.
        let _ = sender.send(read);
    };
    let thread = std::thread::Builder::new().name("rpicam-list".into());
    thread.spawn(read).map_err(failed)?;
    let deadline = Instant::now() + LISTS;
    loop {
        match text.recv_timeout(LOOK) {
            Ok(bytes) => {
                return Ok(cameras(&String::from_utf8_lossy(&bytes.map_err(failed)?)));
            }
            Err(RecvTimeoutError::Timeout) if !demand.stopping() && Instant::now() < deadline => {}
            Err(_) => {
                let seconds = LISTS.as_secs();
                return Err(Cause::RpicamListsNothing { seconds }.into());
            }
        }
    }
}

/// Reads `0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)`.
fn cameras(text: &str) -> Vec<CameraDescription> {
    let camera = |line: &str| {
        let (number, rest) = line.split_once(" : ")?;
        number.trim().parse::<u32>().ok()?;
        let (model, rest) = rest.split_once(" [")?;
        let (_, id) = rest.rsplit_once('(')?;
        Some(CameraDescription {
            id: id.trim_end().strip_suffix(')')?.into(),
            model: Some(model.trim().into()),
            location: None,
            formats: Vec::new(),
            controls: Vec::new(),
        })
    };
    text.lines().filter_map(camera).collect()
}

fn failed(error: io::Error) -> SourceError {
    let error = error.to_string();
    Cause::RpicamNotStarted { error }.into()
}

/// Runs the camera with that id or index in [`list`], or the first one, until the port's run is to end.
pub(super) fn capture(
    config: &Config,
    which: Option<&str>,
    port: &Port,
) -> Result<(), SourceError> {
    let cameras = list(which, port.demand())?;
    let ids: Vec<_> = cameras.into_iter().map(|camera| camera.id).collect();
    let number = find(&ids, which)?;
    port.opened_device(&ids[number]);
    port.leaves_to_turn(left_to_turn(config));
    let mut intake = Intake::new(port, config.fps);
    remote::run(port, async {
        let watch = watch(config, (which, number), port, &mut intake);
        watch
            .await
            .map_or_else(|error| error, |never| match never {})
    })
}

/// Hands on pictures while they are wanted. The first one is fetched in any case: it shows that the camera is there.
async fn watch(
    config: &Config,
    camera: (Option<&str>, usize),
    port: &Port,
    intake: &mut Intake,
) -> Result<std::convert::Infallible, SourceError> {
    loop {
        let mut running = Running::start(config, camera)?;
        running.hand_on(2 * SILENCE, intake).await?;
        let pictures = async {
            loop {
                if let Err(error) = running.hand_on(SILENCE, intake).await {
                    return error;
                }
            }
        };
        tokio::select! {
            error = pictures => return Err(error),
            () = remote::unwanted(port.demand()) => {}
        }
        drop(running);
        port.demand().until(Demand::wanted).await;
    }
}

/// How its pictures are still to be turned: it mirrors, and turns by half.
fn left_to_turn(config: &Config) -> Orientation {
    match config.transform.rotate {
        90 | 270 => Orientation::of(false, (config.transform.rotate / 90) as u8),
        _ => Orientation::UPRIGHT,
    }
}

/// What is asked of it for a configuration.
fn arguments(config: &Config, number: usize) -> Vec<String> {
    let mut arguments: Vec<String> = format!(
        "--codec mjpeg --output - --flush --timeout 0 --nopreview --verbose 0 --camera {number} --width {} --height {} \
         --framerate {}",
        config.width, config.height, config.fps
    )
    .split(' ')
    .map(str::to_owned)
    .collect();
    let turned = config.transform.rotate == 180;
    if config.transform.hflip != turned {
        arguments.push("--hflip".into());
    }
    if config.transform.vflip != turned {
        arguments.push("--vflip".into());
    }
    arguments
}

/// The program. It ends when this drops.
struct Running {
    process: Process,
    stdout: Receiver,
    pictures: Bare,
}

impl Running {
    fn start(config: &Config, (which, number): (Option<&str>, usize)) -> Result<Self, SourceError> {
        process::check(which)?;
        let mut child = command()
            .args(arguments(config, number))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for the server.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let stderr = child.stderr.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let process = Process::new(child, which);
        let running = Receiver::from_owned_fd(OwnedFd::from(stdout)).map(|stdout| Self {
            process,
            stdout,
            pictures: Bare::new(DEFAULT_FRAME_LIMIT),
        });
        let running = running.map_err(failed)?;
        let thread = std::thread::Builder::new().name("libcamera-log".into());
        thread
            .spawn(move || log::forward(stderr, || {}))
            .map_err(failed)?;
        Ok(running)
    }

    /// Hands the next picture on.
    async fn hand_on(
        &mut self,
        patience: Duration,
        intake: &mut Intake,
    ) -> Result<(), SourceError> {
        let picture = timeout(patience, self.next()).await.map_err(|_| {
            SourceError::from(Cause::RpicamSilent {
                seconds: patience.as_secs(),
            })
        })??;
        if let Err(error) = intake.picture(picture) {
            intake.broken(&format!("rpicam-vid sent a broken JPEG: {error}"));
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Bytes, SourceError> {
        let mut bytes = vec![0; 64 << 10];
        loop {
            if let Some(part) = self.pictures.next_part() {
                match part {
                    Part::Image(jpeg) => return Ok(jpeg),
                    Part::Broken(why) => tracing::debug!(why, "rpicam-vid sent a broken JPEG"),
                }
                continue;
            }
            match self.stdout.read(&mut bytes).await {
                Ok(0) => {
                    let status = self.process.end(ENDS);
                    let status =
                        status.map_or_else(|| "it does not end".into(), |it| it.to_string());
                    return Err(Cause::RpicamEnded { status }.into());
                }
                Ok(count) => self.pictures.feed(&bytes[..count]),
                Err(error) => {
                    let error = error.to_string();
                    return Err(Cause::RpicamFailed { error }.into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Transform;

    #[test]
    fn its_list_is_read() {
        let text = "Available cameras\n-----------------\n\
            0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)\n    \
            Modes: 'SRGGB10_CSI2P' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]\n";
        let listed = cameras(text);
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].id, "/base/soc/i2c0mux/i2c@1/imx219@10");
        assert_eq!(listed[0].name(), "imx219");
        assert!(cameras("No cameras available!\n").is_empty());
    }

    #[test]
    fn turning_by_180_degrees_is_mirroring_both_ways() {
        let flips = |hflip, vflip, rotate| {
            let transform = Transform {
                hflip,
                vflip,
                rotate,
            };
            let config = Config {
                width: 640,
                height: 480,
                fps: 30.0,
                transform,
            };
            let arguments = arguments(&config, 0);
            let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
            (has("--hflip"), has("--vflip"))
        };
        assert_eq!(flips(false, false, 0), (false, false));
        assert_eq!(flips(true, false, 0), (true, false));
        assert_eq!(flips(false, false, 180), (true, true));
        assert_eq!(flips(true, false, 180), (false, true));
        assert_eq!(flips(true, true, 180), (false, false));
    }
}
