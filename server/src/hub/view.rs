//! One consumer's view of a feed: the frames of the rendition that it is given, each once.
//!
//! Which rendition that is belongs to [`super::rendition`].

use super::feed::Newest;
use super::{Feed, Frame, Limits, Rendition};
use crate::demand::Hold;
use std::sync::Arc;
use tokio::sync::watch;

/// One consumer's wish. While it lives, the camera is wanted.
#[derive(Debug)]
struct Wish {
    id: u64,
    feed: Arc<Feed>,
    _hold: Hold,
}

impl Wish {
    fn new(feed: Arc<Feed>, limits: Limits) -> Self {
        let (id, hold) = feed.add_wish(limits);
        Self {
            id,
            feed,
            _hold: hold,
        }
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        self.feed.remove_wish(self.id);
    }
}

impl Feed {
    /// Adds a consumer with these limits.
    pub fn view(self: &Arc<Self>, limits: Limits) -> View {
        View::new(Arc::clone(self), limits)
    }
}

/// A consumer's view of a feed. While it lives and isn't paused, the camera is wanted.
#[derive(Debug)]
pub struct View {
    feed: Arc<Feed>,
    latest: watch::Receiver<Vec<Newest>>,
    limits: Limits,
    /// `None` while paused.
    wish: Option<Wish>,
    /// The last frame returned.
    last_seq: Option<u64>,
}

impl View {
    fn new(feed: Arc<Feed>, limits: Limits) -> Self {
        let wish = Wish::new(Arc::clone(&feed), limits);
        let mut latest = feed.news();
        latest.mark_changed();
        Self {
            feed,
            latest,
            limits,
            wish: Some(wish),
            last_seq: None,
        }
    }

    fn wish(&self) -> Wish {
        Wish::new(Arc::clone(&self.feed), self.limits)
    }

    /// Wants no frames for a while.
    pub fn pause(&mut self) {
        self.wish = None;
    }

    /// Wants frames again, from the newest one on.
    pub fn resume(&mut self) {
        if self.wish.is_none() {
            self.wish = Some(self.wish());
        }
    }

    /// Has the newest frame be new, also where it was returned.
    pub fn begin_anew(&mut self) {
        self.last_seq = None;
        self.latest.mark_changed();
    }

    /// Changes the limits from the next frame on.
    pub fn limit(&mut self, limits: Limits) {
        if self.limits == limits {
            return;
        }
        self.limits = limits;
        if self.wish.is_some() {
            // The new wish is made before the old one is dropped, so that the camera stays wanted.
            self.wish = Some(self.wish());
            self.latest.mark_changed();
        }
    }

    /// Waits for a frame that this view hasn't returned yet, and returns the newest one. Cancel-safe.
    pub async fn newest(&mut self) -> Arc<Frame> {
        loop {
            // The sender lives in `self.feed`, so the channel cannot be closed.
            if self.latest.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            if let Some(frame) = self.take() {
                return frame;
            }
        }
    }

    /// The newest frame, where this view hasn't returned it yet. Doesn't wait.
    pub fn newer(&mut self) -> Option<Arc<Frame>> {
        if !self.latest.has_changed().unwrap_or(false) {
            return None;
        }
        self.take()
    }

    /// The number of the newest frame that is there, whether this view has returned it or not; 0 where none is.
    pub fn newest_number(&self) -> u64 {
        let latest = self.latest.borrow();
        let numbers = latest.iter().map(|newest| newest.frame.number);
        numbers.max().unwrap_or(0)
    }

    fn take(&mut self) -> Option<Arc<Frame>> {
        let wish = self.wish.as_ref()?.id;
        let latest = self.latest.borrow_and_update();
        let ours = |newest: &&Newest| {
            // A frame from before the wish serves it if the rendition is the right one.
            let given = newest.plan.serves(wish).unwrap_or_else(|| {
                Rendition::fitting(self.limits, newest.frame.full.0, newest.plan.config())
            });
            given == newest.rendition && self.last_seq.is_none_or(|last| last < newest.frame.seq)
        };
        let newest = latest
            .iter()
            .filter(ours)
            .max_by_key(|newest| newest.frame.seq)?;
        let frame = Arc::clone(&newest.frame);
        drop(latest);
        self.last_seq = Some(frame.seq);
        Some(frame)
    }
}
