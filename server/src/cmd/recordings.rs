//! `pistreamer recordings`: lists, checks and copies what was recorded, without a server.

use crate::cli::{Recordings, RecordingsCommand};
use crate::stdout;
use anyhow::{Context, bail};
use pistreamer_recording::Marker;
use pistreamer_recording::catalogue::Catalogue;
use pistreamer_recording::disk::System;
use pistreamer_recording::export::{ExportError, Span, end_ms, export, inspect};
use pistreamer_recording::name::{Class, parse_time, time};
use pistreamer_recording::recover::{Outcome, mend};
use std::path::Path;

/// Does what was asked for.
///
/// # Errors
/// Where it cannot be done.
pub(super) fn run(typed: &Recordings) -> anyhow::Result<()> {
    let text = match &typed.command {
        RecordingsCommand::List { directory, camera } => list(directory, camera.as_deref())?,
        RecordingsCommand::Check { directory, repair } => return check(directory, *repair),
        RecordingsCommand::Init { directory } => {
            Marker::init(directory)?;
            format!("{} is a directory for recordings\n", directory.display())
        }
        RecordingsCommand::Export {
            directory,
            file,
            camera,
            from,
            to,
            sparse,
        } => {
            let span = |class| {
                Ok::<_, anyhow::Error>(Span {
                    root: directory,
                    camera,
                    class,
                    from_ms: at(from)?,
                    to_ms: at(to)?,
                })
            };
            match copy(
                &span(if *sparse {
                    Class::Sparse
                } else {
                    Class::Continuous
                })?,
                file,
            ) {
                // What happened is recorded apart where not everything is.
                Err(error) if !sparse && is_nothing(&error) => copy(&span(Class::Event)?, file)?,
                copied => copied?,
            }
        }
    };
    Ok(stdout::print(&text)?)
}

fn at(text: &str) -> anyhow::Result<u64> {
    parse_time(text)
        .with_context(|| format!("{text:?} is no time in UTC: write it like 2026-11-26T10:15:30Z"))
}

fn scan(directory: &Path) -> anyhow::Result<Catalogue> {
    Catalogue::scan(&System, directory)
        .with_context(|| format!("cannot read {}", directory.display()))
}

/// Two files that are no further apart follow on each other.
const GAP_MS: u64 = 2000;

/// The same for sparse ones, whose pictures are that far apart.
const SPARSE_GAP_MS: u64 = 3_600_000;

/// A line for each stretch without a gap.
fn list(directory: &Path, only: Option<&str>) -> anyhow::Result<String> {
    let catalogue = scan(directory)?;
    let mut text = String::new();
    let cameras = catalogue.cameras();
    for camera in cameras.filter(|camera| only.is_none_or(|only| only == *camera)) {
        for class in Class::ALL {
            let gap_ms = match class {
                Class::Continuous | Class::Event => GAP_MS,
                Class::Sparse => SPARSE_GAP_MS,
            };
            let mut line = |(from, to, files, bytes): (u64, u64, u64, u64)| {
                let (from, to, mb) = (time(from), time(to), bytes as f64 / 1e6);
                let files = if files == 1 {
                    "1 file".into()
                } else {
                    format!("{files} files")
                };
                text += &format!("{camera}  {class}  {from} to {to}  {files}, {mb:.1} MB\n");
            };
            let mut stretch: Option<(u64, u64, u64, u64)> = None;
            for recording in catalogue.of(camera, class) {
                let start = recording.name.start_ms;
                let end = end_ms(directory, &recording).unwrap_or(start);
                stretch = match stretch {
                    Some((from, to, files, bytes)) if start <= to + gap_ms => {
                        Some((from, end.max(to), files + 1, bytes + recording.bytes))
                    }
                    before => {
                        before.map(&mut line);
                        Some((start, end, 1, recording.bytes))
                    }
                };
            }
            stretch.map(&mut line);
        }
    }
    if text.is_empty() {
        bail!("there are no recordings in {}", directory.display());
    }
    Ok(text)
}

/// Reads all files, and prints what is wrong with any as it is found.
fn check(directory: &Path, repair: bool) -> anyhow::Result<()> {
    // Held to the end, so that no server records there meanwhile.
    let _held = repair.then(|| Marker::hold_known(directory)).transpose()?;
    let catalogue = scan(directory)?;
    let (mut files, mut frames, mut open, mut damaged) = (0_u64, 0, 0_u64, 0_u64);
    for camera in catalogue.cameras() {
        for class in Class::ALL {
            for recording in catalogue.of(camera, class) {
                let path = recording.path(directory);
                if repair {
                    let outcome = mend(&System, directory, &recording);
                    match outcome.with_context(|| path.display().to_string())? {
                        Outcome::Recovered { cut, damaged, .. } => {
                            let left_out = match damaged {
                                0 => String::new(),
                                bytes => {
                                    format!("; {bytes} damaged bytes within it are passed over")
                                }
                            };
                            stdout::print(&format!(
                                "{}: closed; {cut} bytes behind its last picture are cut off{left_out}\n",
                                path.display()
                            ))?;
                        }
                        Outcome::Removed => {
                            stdout::print(&format!(
                                "{}: removed; no picture was in it\n",
                                path.display()
                            ))?;
                            continue;
                        }
                        Outcome::Whole | Outcome::Damaged(_) => {}
                    }
                }
                files += 1;
                let what = match inspect(&path) {
                    Err(error) => {
                        damaged += 1;
                        format!("{error}")
                    }
                    Ok(inspected) => {
                        frames += inspected.frames;
                        if inspected.is_closed && inspected.is_torn {
                            damaged += 1;
                            "it is damaged, and what is behind that is not counted".into()
                        } else if inspected.wrong > 0 {
                            damaged += 1;
                            format!(
                                "{} stretches of about a second are damaged",
                                inspected.wrong
                            )
                        } else if !inspected.is_closed {
                            open += 1;
                            "it is being written, or was cut off; it plays as it is".into()
                        } else {
                            continue;
                        }
                    }
                };
                stdout::print(&format!("{}: {what}\n", path.display()))?;
            }
        }
    }
    stdout::print(&format!(
        "{files} files, {frames} pictures; {open} not closed, {damaged} damaged\n"
    ))?;
    if damaged > 0 {
        bail!("{damaged} recordings are damaged");
    }
    Ok(())
}

fn is_nothing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ExportError::Nothing))
}

fn copy(span: &Span<'_>, file: &Path) -> anyhow::Result<String> {
    let exported = export(span, file).with_context(|| {
        format!(
            "cannot copy recordings of {} to {}",
            span.camera,
            file.display()
        )
    })?;
    let (from, to) = (time(exported.first_ms), time(exported.last_ms));
    let damaged = match exported.damaged {
        0 => String::new(),
        count => format!("; {count} damaged stretches of about a second are left out"),
    };
    Ok(format!(
        "{}: {} pictures from {from} to {to}{damaged}\n",
        file.display(),
        exported.frames
    ))
}
