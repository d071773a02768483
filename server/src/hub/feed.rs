//! One camera's frames: the newest of each rendition, the counters, and the consumers' demand.
//!
//! One consumer's view of them belongs to [`super::view`], the camera's state to [`crate::camera`].

use super::counters::Counters;
use super::numbers::Numbers;
use super::plan::{Plan, Wishes};
use super::rendition::{Config, Limits, Rendition};
use super::{Frame, Tally};
use crate::demand::{Demand, Hold};
use std::any::Any;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A camera's frames, shared by the stages that publish them and the consumers.
#[derive(Debug)]
pub struct Feed {
    latest: watch::Sender<Vec<Newest>>,
    demand: Demand,
    renditions: Mutex<Renditions>,
    /// Pixels in a line of the source's pictures; 0 until it is open.
    width: AtomicU32,
    /// The newest frame that came in, published or not.
    newest_seq: AtomicU64,
    forgets: AtomicU64,
    memories: Mutex<Vec<(Rendition, Arc<Memory>)>>,
    /// Totals.
    pub counters: Counters,
}

/// What an encoder keeps of a rendition.
type Memory = dyn Any + Send + Sync;

/// The newest frame of one rendition, with the plan by which it was made.
#[derive(Debug)]
pub(super) struct Newest {
    pub(super) rendition: Rendition,
    pub(super) plan: Arc<Plan>,
    pub(super) frame: Arc<Frame>,
}

/// The consumers' wishes, and what has been made of them.
#[derive(Debug)]
struct Renditions {
    wishes: Wishes,
    tallies: Vec<Tally>,
    numbers: Numbers,
    /// Frames up to this one are outdated: their source is gone.
    forgotten: u64,
}

/// The outcome of publishing a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is the newest one of its rendition.
    Newest,
    /// A newer one had been published.
    Overtaken,
    /// No consumer wants it any more, or its source is gone.
    Unwanted,
}

impl Feed {
    /// A feed without frames.
    pub fn new(config: Config) -> Self {
        Self {
            latest: watch::Sender::new(Vec::new()),
            demand: Demand::default(),
            renditions: Mutex::new(Renditions {
                wishes: Wishes::new(config),
                tallies: Vec::new(),
                numbers: Numbers::default(),
                forgotten: 0,
            }),
            width: AtomicU32::new(0),
            newest_seq: AtomicU64::new(0),
            forgets: AtomicU64::new(0),
            memories: Mutex::default(),
            counters: Counters::default(),
        }
    }

    /// The demand of all consumers.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// Sets the limits of renditions, from the next frame on.
    pub fn configure(&self, config: Config) {
        let mut renditions = self.renditions();
        renditions.wishes.configure(config);
        self.forget_unwanted(&mut renditions);
    }

    /// Returns true if consumers that keep strips may be sent what changed alone.
    pub fn has_tiles(&self) -> bool {
        self.renditions().wishes.config().tiles.is_some()
    }

    /// Pixels in a line of the pictures that the source delivers; 0 until it is open.
    pub fn width(&self) -> u32 {
        self.width.load(Ordering::Relaxed)
    }

    /// Sets the width of the source's pictures.
    pub fn set_width(&self, width: u32) {
        self.width.store(width, Ordering::Relaxed);
    }

    /// Notes a new frame that is about to be encoded.
    pub fn comes(&self, seq: u64) {
        self.newest_seq.fetch_max(seq, Ordering::Relaxed);
    }

    /// Drops all frames because their source is gone, including those that are still being encoded.
    pub fn forget(&self) {
        let mut renditions = self.renditions();
        renditions.forgotten = self.newest_seq.load(Ordering::Relaxed);
        self.forgets.fetch_add(1, Ordering::Release);
        self.memories().clear();
        self.latest.send_if_modified(|latest| {
            latest.clear();
            false
        });
    }

    /// How often all frames were dropped.
    pub fn forgets(&self) -> u64 {
        self.forgets.load(Ordering::Acquire)
    }

    /// What an encoder keeps of a rendition from frame to frame, for as long as consumers keep strips of it.
    pub fn memory<T: Any + Default + Send + Sync>(&self, rendition: Rendition) -> Arc<T> {
        let mut memories = self.memories();
        let kept = memories.iter().find(|(of, _)| *of == rendition);
        let kept = kept.and_then(|(_, kept)| Arc::clone(kept).downcast().ok());
        kept.unwrap_or_else(|| {
            let new = Arc::<T>::default();
            memories.push((rendition, Arc::clone(&new) as Arc<Memory>));
            new
        })
    }

    fn memories(&self) -> MutexGuard<'_, Vec<(Rendition, Arc<Memory>)>> {
        // Nothing panics while it holds this lock.
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn renditions(&self) -> MutexGuard<'_, Renditions> {
        // Nothing panics while it holds this lock, and the lists are valid at every point.
        self.renditions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The renditions to make of a picture of that width.
    pub fn plan(&self, width: u32) -> Arc<Plan> {
        self.renditions().wishes.plan(width)
    }

    /// The renditions that are made now, of pictures like the last one, each with its consumers and with what was made.
    pub fn tallies(&self) -> Vec<(Tally, usize)> {
        let mut renditions = self.renditions();
        let plan = renditions.wishes.plan(self.width());
        let tally = |made: &Rendition| {
            let tallies = &renditions.tallies;
            let tally = tallies.iter().find(|tally| tally.rendition == *made);
            tally.cloned().unwrap_or_else(|| Tally::new(*made))
        };
        let made = plan.renditions().iter().rev();
        made.map(|made| (tally(made), plan.consumers(*made)))
            .collect()
    }

    /// What has been made since the start, by rendition.
    pub fn all_tallies(&self) -> Vec<Tally> {
        self.renditions().tallies.clone()
    }

    /// Makes this the newest frame of its rendition, unless a newer one is already there: frames are only ever seen in
    /// order. A frame that no consumer wants any more is dropped, so that no later consumer gets it.
    pub fn publish(&self, rendition: Rendition, frame: Frame) -> Published {
        let mut renditions = self.renditions();
        let renditions = &mut *renditions;
        let plan = renditions.wishes.plan(frame.full.0);
        if !plan.renditions().contains(&rendition) || frame.seq <= renditions.forgotten {
            return Published::Unwanted;
        }
        let (seq, bytes, size) = (
            frame.seq,
            frame.encoded() as u64,
            (frame.width, frame.height),
        );
        let mut is_new = false;
        let replaced = self.latest.send_if_modified(|latest| {
            let place = latest
                .iter_mut()
                .find(|newest| newest.rendition == rendition);
            if place.as_ref().is_some_and(|place| place.frame.seq >= seq) {
                return false;
            }
            let before = place.as_ref().map(|place| &*place.frame);
            let number;
            (number, is_new) = renditions.numbers.number(seq);
            let newest = Newest {
                rendition,
                plan,
                frame: Arc::new(frame.after(rendition, before, number)),
            };
            match place {
                Some(place) => *place = newest,
                None => latest.push(newest),
            }
            true
        });
        if !replaced {
            return Published::Overtaken;
        }
        renditions.tally(rendition).count(size, bytes);
        self.counters.count_published(is_new, bytes);
        Published::Newest
    }

    /// Returns true if all renditions of that frame have been published.
    pub fn has(&self, seq: u64) -> bool {
        let mut renditions = self.renditions();
        let latest = self.latest.borrow();
        let Some(newest) = latest.first() else {
            return false;
        };
        let plan = renditions.wishes.plan(newest.frame.full.0);
        plan.renditions().iter().all(|wanted| {
            let is_there = |there: &Newest| there.rendition == *wanted && there.frame.seq >= seq;
            latest.iter().any(is_there)
        })
    }

    /// Adds a consumer and returns the number of its wish.
    pub(super) fn add_wish(&self, limits: Limits) -> (u64, Hold) {
        let mut renditions = self.renditions();
        let hold = self.demand.hold();
        if hold.is_first() {
            // The frames were captured for consumers that have left, and are old for this one.
            self.latest.send_modify(Vec::clear);
        }
        let id = renditions.wishes.add(limits);
        self.forget_unwanted(&mut renditions);
        (id, hold)
    }

    pub(super) fn remove_wish(&self, id: u64) {
        let mut renditions = self.renditions();
        renditions.wishes.remove(id);
        self.forget_unwanted(&mut renditions);
    }

    /// News of frames.
    pub(super) fn news(&self) -> watch::Receiver<Vec<Newest>> {
        self.latest.subscribe()
    }

    /// Drops frames of renditions that are no longer made, before they grow old.
    fn forget_unwanted(&self, renditions: &mut Renditions) {
        let mut memories = self.memories();
        if !memories.is_empty() {
            let plan = renditions.wishes.plan(self.width());
            memories.retain(|(of, _)| plan.is_kept_in_strips(*of));
        }
        drop(memories);
        self.latest.send_if_modified(|latest| {
            latest.retain(|newest| {
                let plan = renditions.wishes.plan(newest.frame.full.0);
                plan.renditions().contains(&newest.rendition)
            });
            // No consumer that waits for a frame loses one.
            false
        });
    }
}

impl Renditions {
    fn tally(&mut self, rendition: Rendition) -> &mut Tally {
        let known = self
            .tallies
            .iter()
            .position(|tally| tally.rendition == rendition);
        let at = known.unwrap_or_else(|| {
            self.tallies.push(Tally::new(rendition));
            self.tallies.len() - 1
        });
        &mut self.tallies[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const CONFIG: Config = Config {
        most: 3,
        quality: 80,
        tiles: None,
    };

    fn feed() -> Arc<Feed> {
        Arc::new(Feed::new(CONFIG))
    }

    fn frame(seq: u64) -> Frame {
        Frame::new(seq, seq, (640, 480), Bytes::new())
    }

    fn half(seq: u64) -> Frame {
        Frame::new(seq, seq, (320, 240), Bytes::new()).of((640, 480))
    }

    const FULL: Rendition = Rendition::FULL;
    const HALF: Rendition = Rendition {
        halvings: 1,
        quality: None,
    };
    const NARROW: Limits = Limits {
        max_width: Some(300),
        quality: None,
        tiles: false,
    };

    #[tokio::test]
    async fn only_the_newest_frame_is_seen_and_only_once() {
        let feed = feed();
        let mut subscription = feed.view(Limits::default());
        let published = [1, 2, 4, 3].map(|seq| feed.publish(FULL, frame(seq)));
        assert_eq!(published[2..], [Published::Newest, Published::Overtaken]);
        assert_eq!(subscription.newest().await.seq, 4);
        assert!(futures::FutureExt::now_or_never(subscription.newest()).is_none());
        assert!(subscription.newer().is_none());
        feed.publish(FULL, frame(5));
        assert_eq!(subscription.newer().map(|frame| frame.seq), Some(5));
        assert!(subscription.newer().is_none());
        assert_eq!(feed.counters.published.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn each_consumer_gets_its_own_rendition_in_order_and_each_frame_once() {
        let feed = feed();
        let mut wide = feed.view(Limits::default());
        let mut narrow = feed.view(NARROW);
        assert_eq!(feed.plan(640).renditions(), [HALF, FULL]);
        feed.publish(HALF, half(1));
        feed.publish(HALF, half(2));
        feed.publish(FULL, frame(1));
        assert_eq!(narrow.newest().await.width, 320);
        assert_eq!(wide.newest().await.seq, 1);
        assert!(narrow.newer().is_none() && wide.newer().is_none());
        feed.publish(FULL, frame(2));
        assert!(narrow.newer().is_none());
        assert_eq!(wide.newer().map(|frame| frame.width), Some(640));
        // A frame in two sizes is one frame.
        assert_eq!(feed.counters.published.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn who_wants_another_size_gets_it_from_the_next_frame_on() {
        let feed = feed();
        let mut subscription = feed.view(Limits::default());
        feed.publish(FULL, frame(1));
        assert_eq!(subscription.newest().await.width, 640);
        subscription.limit(NARROW);
        assert_eq!(feed.plan(640).renditions(), [HALF]);
        assert_eq!(feed.publish(FULL, frame(2)), Published::Unwanted);
        feed.publish(HALF, half(2));
        let next = subscription.newest().await;
        assert_eq!((next.seq, next.width), (2, 320));
    }

    #[tokio::test]
    async fn a_rendition_that_nobody_wanted_for_a_while_shows_no_old_picture() {
        let feed = feed();
        let _wide = feed.view(Limits::default());
        let narrow = feed.view(NARROW);
        feed.publish(HALF, half(1));
        drop(narrow);
        assert_eq!(feed.publish(HALF, half(2)), Published::Unwanted);
        let mut late = feed.view(NARROW);
        assert!(futures::FutureExt::now_or_never(late.newest()).is_none());
        feed.publish(HALF, half(3));
        let mut later = feed.view(NARROW);
        assert_eq!(later.newer().map(|frame| frame.seq), Some(3));
    }

    #[tokio::test]
    async fn pictures_of_changing_sizes_each_reach_who_wants_them_small() {
        let feed = feed();
        let mut narrow = feed.view(NARROW);
        feed.publish(HALF, half(1));
        assert_eq!(narrow.newest().await.seq, 1);
        let small = Frame::new(2, 2, (320, 200), Bytes::new());
        assert_eq!(feed.publish(FULL, small), Published::Newest);
        assert_eq!(narrow.newest().await.seq, 2);
        feed.publish(HALF, half(3));
        assert_eq!(narrow.newest().await.seq, 3);
    }

    #[tokio::test]
    async fn who_comes_after_everybody_left_gets_no_old_frame() {
        let feed = feed();
        let first = feed.view(Limits::default());
        feed.publish(FULL, frame(1));
        let mut second = feed.view(Limits::default());
        assert_eq!(second.newest().await.seq, 1);
        drop((first, second));
        assert!(!feed.demand().wanted());
        let mut late = feed.view(Limits::default());
        assert!(futures::FutureExt::now_or_never(late.newest()).is_none());
    }

    #[tokio::test]
    async fn what_a_source_showed_that_is_gone_is_not_seen() {
        let feed = feed();
        let _pushes = feed.view(Limits::default());
        let newest = || {
            let mut view = feed.view(Limits::default());
            view.newer().map(|frame| frame.seq)
        };
        for seq in [1, 2] {
            feed.comes(seq);
        }
        feed.publish(FULL, frame(1));
        assert_eq!(newest(), Some(1));
        feed.forget();
        // It was still being encoded.
        assert_eq!(feed.publish(FULL, frame(2)), Published::Unwanted);
        assert_eq!(newest(), None);
        feed.comes(3);
        feed.publish(FULL, frame(3));
        assert_eq!(newest(), Some(3));
    }

    #[tokio::test]
    async fn a_paused_consumer_makes_no_demand() {
        let feed = feed();
        let mut subscription = feed.view(Limits::default());
        feed.publish(FULL, frame(1));
        subscription.pause();
        assert!(!feed.demand().wanted());
        subscription.resume();
        assert!(feed.demand().wanted());
        assert!(futures::FutureExt::now_or_never(subscription.newest()).is_none());
    }
}
