//! The line that tells how grabbing goes: rewritten each second on a terminal, written once at the end elsewhere.

use crate::log;
use pistreamer_client::Stats;
use std::io::{IsTerminal, stderr};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Interval at which the line is rewritten.
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Progress {
    terminal: bool,
    frames: u64,
    bytes: u64,
    first: Option<Instant>,
    last: Instant,
    due: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            terminal: stderr().is_terminal(),
            frames: 0,
            bytes: 0,
            first: None,
            last: now,
            due: now + INTERVAL,
        }
    }

    /// Frames written.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// A frame of that size in bytes was written.
    pub(super) fn count(&mut self, bytes: usize) {
        self.last = Instant::now();
        self.first.get_or_insert(self.last);
        self.frames += 1;
        self.bytes += bytes as u64;
    }

    /// Done when the line is to be rewritten.
    pub(super) async fn due(&self) {
        if self.terminal {
            sleep_until(self.due).await;
        } else {
            std::future::pending().await
        }
    }

    /// Rewrites the line.
    pub(super) fn show(&mut self, stats: Stats) {
        self.due = Instant::now() + INTERVAL;
        log::progress(&self.line(stats));
    }

    /// Says something in a line of its own.
    pub(super) fn note(&mut self, text: &str) {
        self.say(&format!("pistreamer: {text}"));
    }

    /// Writes the line for the last time, where there is something to tell.
    pub(super) fn finish(&mut self, stats: Stats) {
        if self.frames > 0 {
            self.say(&self.line(stats));
        }
    }

    fn say(&self, line: &str) {
        if self.terminal {
            log::say_over(line);
        } else {
            log::say(line);
        }
    }

    fn line(&self, stats: Stats) -> String {
        let seconds = self
            .first
            .map_or(0.0, |first| (self.last - first).as_secs_f64());
        let fps = if seconds > 0.0 {
            (self.frames - 1) as f64 / seconds
        } else {
            0.0
        };
        format!(
            "pistreamer: frames: {}, {fps:.1} fps, {:.1} MB, skipped: {}, broken: {}",
            self.frames,
            self.bytes as f64 / 1e6,
            stats.skipped + stats.overtaken,
            stats.corrupt
        )
    }
}
