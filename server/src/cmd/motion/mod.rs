//! `pistreamer motion`: looks for motion in pictures from anywhere, and prints each event as a line of JSON.
//!
//! Where pictures come from belongs to `pictures`, what is motion to `pistreamer-motion`.

mod pictures;

use super::process::{every_core, finish, shutdown_signal};
use crate::{cli, config, stdout};
use anyhow::{Context, bail};
use pictures::Place;
use pistreamer_motion::{Cause, Change, Detector, Event, Luma, Settings};
use pistreamer_picture::eighth_of_luma;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Duration;

/// Interval between two pictures that are looked at. A tenth early is in time.
const INTERVAL: Duration = Duration::from_millis(180);

/// Looks for motion until there are no more pictures, the time is over, or the process is told to end.
///
/// # Errors
/// Where settings are wrong, or there are no pictures.
pub(super) fn run(typed: &cli::Motion) -> anyhow::Result<()> {
    let settings = config::motion(typed)?;
    let fps = typed.fps.unwrap_or(5.0);
    if !(0.1..=240.0).contains(&fps) {
        bail!("--fps {fps} is not possible: choose 0.1 to 240");
    }
    let duration = typed.duration.map(|seconds| {
        let duration = Duration::try_from_secs_f64(seconds).ok();
        let duration = duration.filter(|it| !it.is_zero());
        duration
            .with_context(|| format!("--duration {seconds} is not possible: choose more than 0"))
    });
    let mut watch = Watch {
        detector: Detector::new(settings.clone()),
        settings,
        boxes: None,
        luma: Vec::new(),
        first: None,
        last: None,
        most: duration.transpose()?,
        pictures: 0,
        broken: 0,
        events: 0,
    };
    if let Some(path) = &typed.boxes {
        let created = File::create(path);
        let file = created.with_context(|| format!("cannot write {}", path.display()))?;
        watch.boxes = Some(BufWriter::new(file));
    }
    let is_url = typed.source.contains("://");
    if is_url {
        let watched = async { pictures::live(typed, shutdown_signal()?, &mut watch).await };
        finish(every_core()?, watched)?;
    } else {
        Place::find(typed, fps)?.each(|at, jpeg| watch.look(at, jpeg))?;
    }
    watch.end()
}

/// What looks at the pictures.
struct Watch {
    detector: Detector,
    settings: Settings,
    boxes: Option<BufWriter<File>>,
    luma: Vec<u8>,
    /// Times of the first picture and the last one that was looked at.
    first: Option<Duration>,
    last: Option<Duration>,
    /// Longest time of pictures.
    most: Option<Duration>,
    pictures: u64,
    broken: u64,
    events: u64,
}

impl Watch {
    /// Looks at the picture of that Unix time, if one is due. Returns false if that was the last one.
    fn look(&mut self, at: Duration, jpeg: &[u8]) -> anyhow::Result<bool> {
        let first = *self.first.get_or_insert(at);
        if self
            .most
            .is_some_and(|most| at.saturating_sub(first) > most)
        {
            return Ok(false);
        }
        let is_early = |last: Duration| at >= last && at - last < INTERVAL;
        if self.last.is_some_and(is_early) {
            return Ok(true);
        }
        self.last = Some(at);
        let Ok((width, height)) = eighth_of_luma(jpeg, &mut self.luma) else {
            self.broken += 1;
            return Ok(true);
        };
        let Some(luma) = Luma::new(&self.luma, width, height) else {
            bail!(
                "pictures of {}x{} are too small to look for motion",
                width * 8,
                height * 8
            );
        };
        self.pictures += 1;
        let seen = self.detector.feed(luma, at);
        if let Some(boxes) = &mut self.boxes {
            let moving = seen.moving.iter();
            let places = moving.map(|it| [it.x, it.y, it.width, it.height].map(rounded));
            let moving: Vec<_> = places.collect();
            let line = json!({"captured_us": us(at), "score": seen.score, "boxes": moving});
            writeln!(boxes, "{line}").context("cannot write what moves")?;
        }
        match seen.change {
            Some(Change::Started(event)) => self.print("start", &event)?,
            Some(Change::Ended(event)) => self.print("end", &event)?,
            Some(Change::Grew(_)) | None => {}
        }
        Ok(true)
    }

    fn print(&mut self, state: &str, event: &Event) -> anyhow::Result<()> {
        if state == "end" {
            self.events += 1;
        }
        let zones = event.zones.iter();
        let zones: Vec<_> = zones
            .filter_map(|zone| Some(&self.settings.zones.get(zone)?.name))
            .collect();
        let source = match event.cause {
            Cause::Motion => "motion",
            Cause::Tamper => "tamper",
        };
        let line = json!({
            "state": state,
            "start_us": us(event.start),
            "end_us": (state == "end").then(|| us(event.last)),
            "peak": event.peak,
            "peak_us": us(event.peak_at),
            "zones": zones,
            "source": source,
        });
        Ok(stdout::print(&format!("{line}\n"))?)
    }

    /// Ends the event that goes on, and says what was looked at.
    fn end(&mut self) -> anyhow::Result<()> {
        if let Some(event) = self.detector.end() {
            self.print("end", &event)?;
        }
        if let Some(boxes) = &mut self.boxes {
            boxes.flush().context("cannot write what moves")?;
        }
        if self.pictures == 0 {
            bail!("there is no picture that can be looked at");
        }
        let seconds = self
            .last
            .unwrap_or_default()
            .saturating_sub(self.first.unwrap_or_default());
        let broken = match self.broken {
            0 => String::new(),
            broken => format!(", {broken} broken ones"),
        };
        let (pictures, events) = (self.pictures, self.events);
        let seconds = seconds.as_secs_f64();
        crate::log::say(&format!(
            "{pictures} pictures of {seconds:.1} s{broken}; {events} events"
        ));
        Ok(())
    }
}

/// A part of the picture, with as many digits as it is good for.
fn rounded(part: f32) -> f64 {
    (f64::from(part) * 1e4).round() / 1e4
}

fn us(at: Duration) -> u64 {
    at.as_micros() as u64
}
