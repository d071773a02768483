//! The pictures of one connection, and the timeouts for them.
//!
//! Fetching belongs to [`super`].

use super::Stay;
use crate::demand::Demand;
use crate::source::remote::Intake;
use crate::source::{SourceError, WEDGED};
use bytes::Bytes;
use pistreamer_network_camera::multipart::Part;
use pistreamer_picture::Mended;
use pistreamer_protocol::jpeg::JpegError;
use pistreamer_protocol::message::Cause;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How often pictures are expected, and what has been learned about this camera's pace.
#[derive(Debug)]
pub(super) struct Patience {
    /// Time between two snapshots.
    pub interval: Duration,
    /// After this time without a whole picture something is wrong, unless the camera is known to be slower.
    usual: Duration,
    /// How long the first picture of a connection may take before that is reported.
    quiet: Duration,
    /// Timeout for that picture.
    first: Duration,
    /// Timeout for each further one.
    next: Duration,
    /// When the last picture came.
    last: Option<Instant>,
    /// True if the last connection was given up because nothing arrived.
    fell_silent: bool,
}

/// Maximum of the timeouts.
const LONGEST: Duration = Duration::from_secs(60);

/// A probe whose snapshot is broken takes its time for another.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

impl Patience {
    pub(super) fn new(fps: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / fps);
        // A camera that is asked for few pictures may take its time for each.
        let usual = WEDGED.max(interval * 3);
        Self {
            interval,
            usual,
            quiet: usual,
            first: usual * 2,
            next: usual,
            last: None,
            fell_silent: false,
        }
    }

    fn at_most(&self, time: Duration) -> Duration {
        time.min(LONGEST.max(self.usual * 2))
    }

    /// A connection begins.
    fn begin(&mut self) {
        if !std::mem::take(&mut self.fell_silent) {
            self.last = None;
        }
    }

    /// A picture came, after `waited` if it was the first one of its connection.
    fn came(&mut self, now: Instant, waited: Option<Duration>) {
        if let Some(waited) = waited {
            self.quiet = self.at_most((waited * 2).max(self.usual));
            self.first = self.at_most(self.quiet * 2);
        }
        let gap = self.last.replace(now).map(|last| now - last);
        let slow = gap.unwrap_or_default() * 2;
        self.next = self.at_most(slow.max(self.usual));
    }

    /// Notes that pictures stopped, or that none came at all.
    fn ended(&mut self, any_came: bool) {
        self.fell_silent = true;
        if !any_came {
            self.first = self.at_most(self.first * 2);
        }
    }
}

/// Receives the pictures of one connection.
pub(super) struct Pictures<'a> {
    intake: &'a mut Intake,
    patience: &'a mut Patience,
    demand: &'a Demand,
    stay: &'a Stay,
    /// When the connection began, or the last picture came.
    since: Instant,
    any_came: bool,
    /// When missing pictures are reported, although the connection is kept.
    tell_at: Option<Instant>,
    /// The timeout.
    deadline: Instant,
    /// Why the last data were no picture.
    problem: Option<String>,
}

impl<'a> Pictures<'a> {
    pub(super) fn new(
        intake: &'a mut Intake,
        patience: &'a mut Patience,
        demand: &'a Demand,
        stay: &'a Stay,
    ) -> Self {
        patience.begin();
        let now = Instant::now();
        Self {
            since: now,
            any_came: false,
            tell_at: Some(now + patience.quiet),
            deadline: now + patience.first,
            problem: None,
            intake,
            patience,
            demand,
            stay,
        }
    }

    /// Whether pictures are handed on. Else the first whole one is enough, and goes nowhere: a viewer that connects later
    /// would see an old one.
    pub(super) fn are_watched(&self) -> bool {
        if self.demand.wanted() {
            self.stay.watched.set(true);
        }
        self.stay.watched.get()
    }

    /// Why waiting for a picture is pointless.
    pub(super) fn suspect(&mut self, problem: &str) {
        self.problem = Some(problem.to_owned());
    }

    /// Waits for the time of the next snapshot, or until one is wanted.
    pub(super) async fn until_due(&self, due: &mut Instant) {
        let watched = self.are_watched();
        let interval = if watched {
            self.patience.interval
        } else {
            self.patience.interval.max(PROBE_INTERVAL)
        };
        *due = (*due + interval).max(Instant::now());
        tokio::select! {
            () = tokio::time::sleep_until(*due) => {}
            () = self.demand.until(Demand::wanted), if !watched => {}
        }
    }

    /// Takes what arrived. Returns true if that is enough.
    ///
    /// # Errors
    /// Where nothing good has come for too long.
    pub(super) fn take(&mut self, part: Part) -> Result<bool, SourceError> {
        let watched = self.are_watched();
        let taken = match part {
            Part::Image(jpeg) => self
                .hand_on(jpeg, watched)
                .map_err(|error| error.to_string()),
            Part::Broken(problem) => Err(problem),
        };
        let now = Instant::now();
        match taken {
            Ok(()) => {
                let waited = (!self.any_came).then(|| now - self.since);
                self.patience.came(now, waited);
                self.any_came = true;
                self.problem = None;
                self.tell_at = None;
                self.since = now;
                self.deadline = now + self.patience.next;
                Ok(!watched)
            }
            Err(problem) => {
                if watched {
                    self.intake.broken(&problem);
                }
                self.problem = Some(problem);
                // It is not slow but broken.
                let broken_at = self.since + self.patience.usual;
                self.deadline = self.deadline.min(broken_at.max(now));
                self.tell_at = None;
                if now >= self.deadline {
                    return Err(self.wedged());
                }
                Ok(false)
            }
        }
    }

    fn hand_on(&mut self, jpeg: Bytes, watched: bool) -> Result<(), JpegError> {
        if watched {
            self.intake.picture(jpeg)?;
        } else {
            let picture = Mended::new(jpeg)?.whole()?;
            self.intake.probed(picture.info.displayed());
        }
        Ok(())
    }

    /// What is done before patience is over.
    pub(super) async fn soon<T>(
        &mut self,
        task: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        let mut task = pin!(task);
        loop {
            let told = self.tell_at.take().filter(|at| *at < self.deadline);
            match timeout_at(told.unwrap_or(self.deadline), &mut task).await {
                Ok(done) => {
                    self.tell_at = told;
                    return done;
                }
                Err(_) if told.is_some() => {
                    let reason = self.missing();
                    tracing::debug!(%reason, "still waiting");
                    self.intake.lost(reason);
                }
                Err(_) => return Err(self.wedged()),
            }
        }
    }

    /// What comes before patience or the limit is over; `None` where nothing does, after which pictures are waited for
    /// anew.
    pub(super) async fn unless_over<T>(
        &mut self,
        limit: Option<Duration>,
        task: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<Option<T>, SourceError> {
        let limit = limit.map_or(self.deadline, |limit| Instant::now() + limit);
        match timeout_at(limit.min(self.deadline), task).await {
            Ok(done) => done.map(Some),
            Err(_) => {
                self.any_came = false;
                self.since = Instant::now();
                self.tell_at = Some(self.since + self.patience.quiet);
                self.deadline = self.since + self.patience.first;
                Ok(None)
            }
        }
    }

    fn missing(&self) -> Cause {
        let seconds = (Instant::now() - self.since).as_secs();
        match self.problem.clone() {
            Some(problem) => Cause::PicturesBroken { seconds, problem },
            None => Cause::NoWholePicture { seconds },
        }
    }

    fn wedged(&mut self) -> SourceError {
        self.patience.ended(self.any_came);
        self.missing().into()
    }
}
