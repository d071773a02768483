//! How many frames may be on their way to a viewer: pure bookkeeping, told the time.
//!
//! A viewer that acknowledges what it drew has at most a window of frames under way, however much its link buffers. One
//! that never does is bounded by its socket alone.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Frames under way to a viewer that acknowledges: one being drawn while the next one travels.
pub const WINDOW: usize = 2;

/// A viewer that acknowledges nothing for so long gets a frame all the same: the frames it was sent may have been broken
/// on the way, or its page may have lost them.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Frames remembered as under way. A viewer that begins to acknowledge late is credited for all of them at once.
const REMEMBERED: usize = 64;

/// One viewer's credit.
#[derive(Debug)]
pub struct Credit {
    under_way: VecDeque<u64>,
    acknowledges: bool,
    last_progress: Instant,
    last_ack: Option<(u64, Instant)>,
}

impl Credit {
    /// Full credit.
    pub fn new(now: Instant) -> Self {
        Self {
            under_way: VecDeque::new(),
            acknowledges: false,
            last_progress: now,
            last_ack: None,
        }
    }

    /// When the next frame may be sent: `None` is at once.
    pub fn blocked_until(&self, now: Instant) -> Option<Instant> {
        let patience_ends = self.last_progress + PATIENCE;
        (self.acknowledges && self.under_way.len() >= WINDOW && now < patience_ends)
            .then_some(patience_ends)
    }

    /// A frame was sent.
    pub fn sent(&mut self, seq: u64, now: Instant) {
        if self.under_way.is_empty() || self.under_way.len() >= WINDOW {
            // Patience is counted from the first frame that could be acknowledged, and anew for each one sent on it.
            self.last_progress = now;
        }
        self.under_way.push_back(seq);
        if self.under_way.len() > REMEMBERED {
            self.under_way.pop_front();
        }
    }

    /// The viewer says that it drew this frame. Frames that were never sent count for nothing.
    pub fn acknowledged(&mut self, seq: u64, now: Instant) {
        self.acknowledges = true;
        if self.under_way.back().is_none_or(|newest| seq > *newest) {
            return;
        }
        let before = self.under_way.len();
        self.under_way.retain(|sent| *sent > seq);
        if self.under_way.len() < before {
            self.last_progress = now;
            self.last_ack = Some((seq, now));
        }
    }

    /// The highest frame acknowledged, and when.
    pub fn last_ack(&self) -> Option<(u64, Instant)> {
        self.last_ack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_that_never_acknowledges_is_never_blocked() {
        let now = Instant::now();
        let mut credit = Credit::new(now);
        for seq in 1..1000 {
            assert_eq!(credit.blocked_until(now), None);
            credit.sent(seq, now);
        }
    }

    #[test]
    fn two_frames_are_under_way_at_most() {
        let now = Instant::now();
        let mut credit = Credit::new(now);
        credit.sent(1, now);
        credit.acknowledged(1, now);
        credit.sent(2, now);
        assert_eq!(credit.blocked_until(now), None);
        credit.sent(5, now);
        assert_eq!(credit.blocked_until(now), Some(now + PATIENCE));
        credit.acknowledged(2, now);
        assert_eq!(credit.blocked_until(now), None);
    }

    #[test]
    fn an_ack_for_a_frame_that_was_never_sent_gives_no_credit() {
        let now = Instant::now();
        let mut credit = Credit::new(now);
        credit.sent(1, now);
        credit.sent(2, now);
        credit.acknowledged(1_000_000, now);
        assert!(credit.blocked_until(now).is_some());
        assert_eq!(credit.last_ack(), None);
    }

    #[test]
    fn frames_that_are_never_drawn_block_for_a_second_each_not_for_ever() {
        let start = Instant::now();
        let mut credit = Credit::new(start);
        credit.acknowledged(0, start);
        credit.sent(1, start);
        credit.sent(2, start);
        assert_eq!(credit.blocked_until(start), Some(start + PATIENCE));
        let later = start + PATIENCE;
        assert_eq!(credit.blocked_until(later), None);
        credit.sent(3, later);
        assert_eq!(credit.blocked_until(later), Some(later + PATIENCE));
    }
}
