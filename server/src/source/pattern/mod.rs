//! A camera that needs no camera: the test pattern, painted when a frame is due.
//!
//! What it shows, and how that is painted, belongs to `pistreamer-pattern`.

mod controls;
mod pool;
mod refined;

use crate::source::pace::{self, Pace};
use crate::source::spec::{Ends, Entry, Identity, Kind, Options};
use crate::source::{Config, Image, Mode, Port, Source, SourceError};
use crate::util::clock;
use controls::Setup;
use pistreamer_pattern::{LARGEST, SMALLEST};
use pistreamer_protocol::message::{Camera, Cause};
use pool::Pool;
use refined::Refined;
use std::sync::Arc;

/// The scene that is shown.
const SEED: u64 = 1;

/// The test pattern.
pub(super) const KIND: Entry = Entry {
    usage: "pattern",
    about: "a test pattern that moves",
    parse: |typed| (typed.text == "pattern").then(|| Ok(Arc::new(Pattern) as _)),
};

#[derive(Debug)]
pub(super) struct Pattern;

impl Kind for Pattern {
    fn word(&self) -> &str {
        "pattern"
    }

    fn identity(&self) -> Identity {
        Identity::word("pattern")
    }

    fn is_interchangeable(&self) -> bool {
        true
    }

    fn takes(&self) -> Options {
        Options {
            size: true,
            fps: true,
        }
    }

    fn check(&self, capture: &Config) -> Result<(), SourceError> {
        mode(capture).map(drop)
    }

    fn build(&self, capture: &Config, _: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(PatternSource::new(capture.clone(), SEED)?))
    }
}

/// The test pattern.
pub(crate) struct PatternSource {
    mode: Mode,
    seed: u64,
    pool: Pool,
    /// Made by the first run.
    renderer: Option<Refined>,
    setup: Setup,
}

/// What a pattern is shown in that is asked for so.
fn mode(config: &Config) -> Result<Mode, SourceError> {
    let Config {
        width, height, fps, ..
    } = *config;
    if width < SMALLEST.0 || height < SMALLEST.1 {
        let cause = Cause::PatternTooSmall {
            size: format!("{width}x{height}"),
            smallest: format!("{}x{}", SMALLEST.0, SMALLEST.1),
        };
        return Err(cause.into());
    }
    if width > LARGEST.0 || height > LARGEST.1 {
        let cause = Cause::PatternTooLarge {
            size: format!("{width}x{height}"),
            largest: format!("{}x{}", LARGEST.0, LARGEST.1),
        };
        return Err(cause.into());
    }
    Ok(Mode {
        width: width / 2 * 2,
        height: height / 2 * 2,
        fps: pace::rate(fps)?,
    })
}

impl PatternSource {
    /// A pattern of that size and rate. The same seed gives the same pictures.
    ///
    /// # Errors
    /// Where the size or the rate is out of range.
    pub(crate) fn new(config: Config, seed: u64) -> Result<Self, SourceError> {
        let mode = mode(&config)?;
        let Config { width, height, .. } = config;
        if (width, height) != (mode.width, mode.height) {
            let Mode { width, height, .. } = mode;
            tracing::warn!("the test pattern is {width}x{height}: both sizes have to be even");
        }
        Ok(Self {
            mode,
            seed,
            pool: Pool::default(),
            renderer: None,
            setup: Setup::new(),
        })
    }
}

impl Source for PatternSource {
    fn camera(&self) -> Camera {
        Camera {
            id: String::new(),
            name: "Test pattern".into(),
            source: "pattern".into(),
            test_pattern: true,
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        let Mode { width, height, fps } = self.mode;
        let (width, height) = (width as usize, height as usize);
        let renderer = self
            .renderer
            .get_or_insert_with(|| Refined::new(width, height, fps, self.seed));
        // What was set before shows from the first picture on.
        self.setup.set(&port.commands(), port.next_seq(), fps);
        port.controls(&self.setup.controls());
        port.open(self.mode.clone());
        let mut pace = Pace::new(port.demand(), fps);
        while pace.wait() {
            let seq = port.next_seq();
            let commands = port.commands();
            if !commands.is_empty() {
                self.setup.set(&commands, seq, fps);
                port.controls(&self.setup.controls());
            }
            let captured_us = clock::now_us();
            let mut lent = self.pool.take(width, height);
            let (time, look) = (self.setup.time(seq, fps), self.setup.look);
            renderer.render_at(time, look, seq, captured_us, lent.picture());
            port.frame(captured_us, Image::Yuv(Box::new(lent)));
            renderer.refine();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
