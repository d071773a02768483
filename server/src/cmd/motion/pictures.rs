//! Pictures with their times: from recordings, files, and servers.

use super::Watch;
use crate::cli;
use crate::placeholders;
use anyhow::{Context, bail};
use pistreamer_client::protocol::{Stamp, WireFormat};
use pistreamer_client::{self as client, Event, Subscription};
use pistreamer_picture::reel::{Found, Reel};
use pistreamer_recording::MARKER;
use pistreamer_recording::catalogue::Catalogue;
use pistreamer_recording::disk::{Disk, System};
use pistreamer_recording::name::Class;
use pistreamer_recording::segment::Reader;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

/// Largest picture of a file.
const LARGEST: usize = 32 << 20;

/// Time in which a server's first picture has to come.
const PATIENCE: Duration = Duration::from_secs(25);

/// Where pictures are on this machine.
pub(super) enum Place {
    /// Files of recordings, in the order of their times.
    Recordings(Vec<PathBuf>),
    /// Files with a picture or several, and how many follow each other in a second where they do not say it.
    Pictures(Vec<PathBuf>, f64),
}

impl Place {
    /// What is at a path.
    ///
    /// # Errors
    /// Where nothing is there that could have pictures.
    pub(super) fn find(typed: &cli::Motion, fps: f64) -> anyhow::Result<Self> {
        let path = Path::new(&typed.source);
        let metadata = fs::metadata(path);
        let metadata = metadata.with_context(|| format!("cannot read {}", path.display()))?;
        if !metadata.is_dir() {
            let is_recording = path
                .extension()
                .is_some_and(|it| it.eq_ignore_ascii_case("mkv"));
            return Ok(if is_recording {
                Self::Recordings(vec![path.into()])
            } else {
                Self::Pictures(vec![path.into()], fps)
            });
        }
        if path.join(MARKER).exists() {
            return recordings(path, typed.camera.as_deref()).map(Self::Recordings);
        }
        let is_picture = |path: &PathBuf| {
            let extension = path.extension().map(|it| it.to_ascii_lowercase());
            extension.is_some_and(|it| it == "jpg" || it == "jpeg")
        };
        let read = |error: &Path| format!("cannot read {}", error.display());
        let entries = fs::read_dir(path).with_context(|| read(path))?;
        let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut files: Vec<_> = files.filter(is_picture).collect();
        files.sort();
        if files.is_empty() {
            bail!(
                "there are neither recordings nor files of JPEGs, such as 1.jpg, in {}",
                path.display()
            );
        }
        Ok(Self::Pictures(files, fps))
    }

    /// Hands each picture with its time to `look`, until that returns false.
    ///
    /// # Errors
    /// Those of `look`, and where a file cannot be read.
    pub(super) fn each(
        self,
        mut look: impl FnMut(Duration, &[u8]) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Recordings(files) => {
                for path in files {
                    if !recording(&path, &mut look).with_context(|| path.display().to_string())? {
                        break;
                    }
                }
            }
            Self::Pictures(files, fps) => {
                let mut number = 0_u32;
                for path in files {
                    let opened = File::open(&path);
                    let file = opened.with_context(|| format!("cannot read {}", path.display()))?;
                    let mut reel = Reel::new(file, LARGEST);
                    while let Some(found) = reel.next_picture()? {
                        let at = Duration::from_secs_f64(f64::from(number) / fps);
                        number += 1;
                        let Found::Picture(picture) = found else {
                            continue;
                        };
                        let stamp = Stamp::read(picture.jpeg());
                        let stamped = stamp.map(|it| Duration::from_micros(it.captured_us));
                        if !look(stamped.unwrap_or(at), picture.jpeg())? {
                            return Ok(());
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// The files of a camera in a directory of recordings.
fn recordings(root: &Path, camera: Option<&str>) -> anyhow::Result<Vec<PathBuf>> {
    let catalogue = Catalogue::scan(&System, root);
    let catalogue = catalogue.with_context(|| format!("cannot read {}", root.display()))?;
    let camera = camera.or_else(|| catalogue.cameras().next());
    let mut files = Vec::new();
    if let Some(camera) = camera {
        // Of sparse ones, pictures lie too far apart.
        let classes = Class::ALL
            .into_iter()
            .filter(|class| *class != Class::Sparse);
        files.extend(classes.flat_map(|class| catalogue.of(camera, class)));
    }
    files.sort_by_key(|recording| recording.name.start_ms);
    if files.is_empty() {
        let camera = camera.unwrap_or("any camera");
        bail!(
            "there are no recordings of {camera} with all pictures in {}",
            root.display()
        );
    }
    Ok(files.iter().map(|recording| recording.path(root)).collect())
}

/// Returns false if no more pictures are wanted.
fn recording(
    path: &Path,
    look: &mut impl FnMut(Duration, &[u8]) -> anyhow::Result<bool>,
) -> anyhow::Result<bool> {
    let reader = Reader::open(System.open_read(path)?)?;
    let start_ms = reader.about().start_ms;
    for cluster in reader.clusters() {
        let (cue, len) = cluster?;
        let Some((bytes, frames)) = reader.cluster(cue, len)? else {
            continue;
        };
        for frame in frames {
            let at = Duration::from_millis(start_ms + frame.at_ms);
            if !look(at, &bytes[frame.jpeg])? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Watches a server's camera until `stop`.
///
/// # Errors
/// Where it cannot be reached, or shows nothing.
pub(super) async fn live(
    typed: &cli::Motion,
    stop: impl Future<Output = ()>,
    watch: &mut Watch,
) -> anyhow::Result<()> {
    let url = placeholders::filled(&typed.source)?;
    let config = client::Config::new(&url).map_err(|error| error.about(&typed.source))?;
    let mut config = config.wire(WireFormat::Jpeg).max_fps(5.0);
    if let Some(id) = &typed.camera {
        config = config.camera(id);
    }
    let mut subscription = Subscription::start(config);
    let mut stop = pin!(stop);
    loop {
        let first = watch.pictures == 0;
        let event = tokio::select! {
            event = timeout(if first { PATIENCE } else { Duration::MAX }, subscription.event()) => event,
            () = &mut stop => return Ok(()),
        };
        match event {
            Err(_) => bail!("no picture came in {} s", PATIENCE.as_secs()),
            Ok(None) => return Ok(()),
            Ok(Some(Err(error))) => return Err(error.into()),
            Ok(Some(Ok(Event::Lost { error, .. }))) if first => return Err(error.into()),
            Ok(Some(Ok(Event::Frame(frame)))) => {
                let at = Duration::from_micros(frame.stamp.captured_us);
                if !watch.look(at, &frame.jpeg)? {
                    return Ok(());
                }
            }
            Ok(Some(Ok(_))) => {}
        }
    }
}
