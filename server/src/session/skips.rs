//! Which frames a viewer missed, and when to report them: pure bookkeeping; the caller passes the time.

use pistreamer_protocol::message::ServerMessage;
use std::time::Duration;
use tokio::time::Instant;

/// Minimum interval between reports of skips.
const REPORT_INTERVAL: Duration = Duration::from_millis(500);

/// What one viewer missed.
#[derive(Debug)]
pub(super) struct Skips {
    /// The number of the last frame that was sent or counted; `None` before the first one and after a pause, when nothing
    /// was missed.
    last: Option<u64>,
    unreported: u64,
    total: u64,
    report_due: Instant,
}

impl Skips {
    /// Nothing missed so far.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last: None,
            unreported: 0,
            total: 0,
            report_due: now,
        }
    }

    /// The frame of that number is sent; returns how many before it were left out.
    pub(super) fn sent(&mut self, number: u64) -> u64 {
        let last = self.last.replace(number);
        last.map_or(0, |last| number.saturating_sub(last + 1))
    }

    /// What the viewer wants changes; returns how many were left out before. The `newest` frame may still be sent.
    pub(super) fn settle(&mut self, newest: u64) -> u64 {
        let Some(last) = &mut self.last else { return 0 };
        let missed = newest.saturating_sub(1).saturating_sub(*last);
        *last += missed;
        missed
    }

    /// The viewer wants nothing for now, so that it misses nothing.
    pub(super) fn pause(&mut self) {
        self.last = None;
    }

    /// Counts frames overtaken by newer ones, to be reported to the viewer.
    pub(super) fn count(&mut self, missed: u64) {
        self.unreported += missed;
        self.total += missed;
    }

    /// When there is something to report.
    pub(super) fn report_due(&self) -> Option<Instant> {
        (self.unreported > 0).then_some(self.report_due)
    }

    /// What there is to report now.
    pub(super) fn report(&mut self, now: Instant) -> Option<ServerMessage> {
        if self.unreported == 0 || now < self.report_due {
            return None;
        }
        self.report_due = now + REPORT_INTERVAL;
        Some(ServerMessage::Skipped {
            count: std::mem::take(&mut self.unreported),
            total: self.total,
        })
    }
}
