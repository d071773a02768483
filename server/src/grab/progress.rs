//! The line that tells how grabbing goes: rewritten each second on a terminal, written once at the end elsewhere.

use pistreamer_client::Stats;
use std::io::{IsTerminal, Stderr, Write};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The line is rewritten so often.
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Progress {
    stderr: Stderr,
    terminal: bool,
    frames: u64,
    bytes: u64,
    first: Option<Instant>,
    last: Instant,
    due: Instant,
}

impl Progress {
    pub fn new(stderr: Stderr) -> Self {
        let now = Instant::now();
        Self {
            terminal: stderr.is_terminal(),
            stderr,
            frames: 0,
            bytes: 0,
            first: None,
            last: now,
            due: now + INTERVAL,
        }
    }

    /// Frames written.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// A frame of so many bytes was written.
    pub fn count(&mut self, bytes: usize) {
        self.last = Instant::now();
        self.first.get_or_insert(self.last);
        self.frames += 1;
        self.bytes += bytes as u64;
    }

    /// Done when the line is to be rewritten.
    pub async fn due(&self) {
        if self.terminal {
            sleep_until(self.due).await;
        } else {
            std::future::pending().await
        }
    }

    /// Rewrites the line.
    pub fn show(&mut self, stats: Stats) {
        self.due = Instant::now() + INTERVAL;
        let line = self.line(stats);
        self.say(&format!("\r{line}\x1b[K"));
    }

    /// Says something in a line of its own.
    pub fn note(&mut self, text: &str) {
        let begin = if self.terminal { "\r\x1b[K" } else { "" };
        self.say(&format!("{begin}pistreamer: {text}\n"));
    }

    /// Writes the line for the last time, where there is something to tell.
    pub fn finish(&mut self, stats: Stats) {
        if self.frames > 0 {
            let line = self.line(stats);
            let (begin, end) = if self.terminal {
                ("\r", "\x1b[K")
            } else {
                ("", "")
            };
            self.say(&format!("{begin}{line}{end}\n"));
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

    fn say(&mut self, text: &str) {
        // Where nobody reads standard error, there is nobody to tell.
        drop(self.stderr.write_all(text.as_bytes()));
    }
}
