//! Where frames wait for the disk: the one place in all of pistreamer. It is bounded in bytes and read by the writer alone; what falls
//! out unwritten is the oldest, of the camera that has most in it, and is counted.

use crate::progress::Progress;
use crate::segment::LARGEST_JPEG;
use crate::session::Plan;
use crate::track::Frame;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The frames that wait.
#[derive(Debug)]
pub(crate) struct Ring {
    most_bytes: u64,
    inner: Mutex<Inner>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    /// By the order in which they were added.
    lanes: BTreeMap<u64, Waiting>,
    next_lane: u64,
    bytes: u64,
    ends: bool,
}

#[derive(Debug)]
struct Waiting {
    plan: Arc<Plan>,
    progress: Arc<Progress>,
    frames: VecDeque<Frame>,
    bytes: u64,
    has_ended: bool,
}

/// A frame that has no place even where nothing else waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// What the writer has to do.
#[derive(Debug)]
pub(crate) enum Next {
    /// Record a frame.
    Frame(Arc<Plan>, Arc<Progress>, Frame),
    /// Close a camera's files.
    Ended(Arc<Plan>),
    /// Nothing, until then.
    Nothing,
    /// Close all files, and end.
    End,
}

impl Ring {
    pub(crate) fn new(most_bytes: u64) -> Self {
        Self {
            most_bytes,
            inner: Mutex::default(),
            news: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it holds this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a camera.
    pub(crate) fn add(&self, plan: Arc<Plan>, progress: Arc<Progress>) -> u64 {
        let mut inner = self.lock();
        let lane = inner.next_lane;
        inner.next_lane += 1;
        let waiting = Waiting {
            plan,
            progress,
            frames: VecDeque::new(),
            bytes: 0,
            has_ended: false,
        };
        inner.lanes.insert(lane, waiting);
        lane
    }

    /// Ends a camera: what waits is still written.
    pub(crate) fn remove(&self, lane: u64) {
        if let Some(waiting) = self.lock().lanes.get_mut(&lane) {
            waiting.has_ended = true;
        }
        self.news.notify_one();
    }

    /// Adds a frame. Never waits for the disk. Returns false if older ones had to be dropped for it; their cameras note `slow_us` as the
    /// time, where the disk's slowness is the reason.
    ///
    /// # Errors
    /// Where it never fits: nothing is dropped for it.
    pub(crate) fn push(
        &self,
        lane: u64,
        frame: Frame,
        slow_us: Option<u64>,
    ) -> Result<bool, TooLarge> {
        let mut inner = self.lock();
        let len = frame.jpeg.len() as u64;
        if len > self.most_bytes.min(LARGEST_JPEG as u64) {
            return Err(TooLarge);
        }
        let mut fits = true;
        while inner.bytes + len > self.most_bytes && inner.drop_oldest(slow_us) {
            fits = false;
        }
        if let Some(waiting) = inner.lanes.get_mut(&lane) {
            waiting.frames.push_back(frame);
            waiting.bytes += len;
            inner.bytes += len;
        }
        drop(inner);
        self.news.notify_one();
        Ok(fits)
    }

    /// Has the writer end.
    pub(crate) fn end(&self) {
        self.lock().ends = true;
        self.news.notify_one();
    }

    /// Waits for something to do.
    pub(crate) fn next(&self, at_most: Duration) -> Next {
        let has_nothing = |inner: &mut Inner| !inner.ends && inner.next_lane().is_none();
        let waited = self
            .news
            .wait_timeout_while(self.lock(), at_most, has_nothing);
        let (mut inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        inner.take()
    }

    /// Waits until that time is over, or the writer is to end. Returns true if it is to end.
    pub(crate) fn rest(&self, time: Duration) -> bool {
        let rests = |inner: &mut Inner| !inner.ends;
        let waited = self.news.wait_timeout_while(self.lock(), time, rests);
        let (inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        inner.ends
    }

    /// Counts all that waits as dropped. Returns true if anything did.
    pub(crate) fn give_up(&self) -> bool {
        let mut waited = false;
        while self.lock().drop_oldest(None) {
            waited = true;
        }
        waited
    }
}

impl Inner {
    /// The camera of which something is next: one that has ended and of which nothing waits, or the one whose frame is the oldest. Where a
    /// camera was added anew, what is left of the lane before comes first.
    fn next_lane(&self) -> Option<u64> {
        let mut cameras = BTreeSet::new();
        let lanes = self.lanes.iter();
        let first = lanes.filter(|(_, lane)| cameras.insert(&lane.plan.camera));
        let waits = first.filter(|(_, lane)| lane.has_ended || !lane.frames.is_empty());
        let oldest = waits.min_by_key(|(_, lane)| lane.frames.front().map(|frame| frame.steady_us));
        oldest.map(|(lane, _)| *lane)
    }

    fn take(&mut self) -> Next {
        let Some(number) = self.next_lane() else {
            return if self.ends { Next::End } else { Next::Nothing };
        };
        let Some(lane) = self.lanes.get_mut(&number) else {
            return Next::Nothing;
        };
        if let Some(frame) = lane.frames.pop_front() {
            let len = frame.jpeg.len() as u64;
            lane.bytes -= len;
            self.bytes -= len;
            return Next::Frame(Arc::clone(&lane.plan), Arc::clone(&lane.progress), frame);
        }
        let plan = Arc::clone(&lane.plan);
        self.lanes.remove(&number);
        Next::Ended(plan)
    }

    /// Returns false where nothing waits.
    fn drop_oldest(&mut self, slow_us: Option<u64>) -> bool {
        let lanes = self.lanes.values_mut();
        let Some(lane) = lanes.max_by_key(|lane| lane.bytes) else {
            return false;
        };
        let Some(frame) = lane.frames.pop_front() else {
            return false;
        };
        let len = frame.jpeg.len() as u64;
        lane.bytes -= len;
        self.bytes -= len;
        lane.progress.dropped.fetch_add(1, Relaxed);
        if let Some(slow_us) = slow_us {
            lane.progress.overflowed_us.store(slow_us, Relaxed);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn plan(camera: &str) -> Arc<Plan> {
        Arc::new(Plan {
            camera: camera.into(),
            title: String::new(),
            continuous_us: Some(1),
            sparse_us: 1,
        })
    }

    fn frame(steady_us: u64, len: usize) -> Frame {
        Frame {
            captured_us: steady_us,
            steady_us,
            width: 2,
            height: 2,
            jpeg: Bytes::from(vec![0; len]),
        }
    }

    #[test]
    fn what_does_not_fit_pushes_the_oldest_out_of_the_camera_that_has_most() {
        let ring = Ring::new(100);
        let (large, small) = (Arc::<Progress>::default(), Arc::<Progress>::default());
        let first = ring.add(plan("large"), Arc::clone(&large));
        let second = ring.add(plan("small"), Arc::clone(&small));
        ring.push(second, frame(1, 10), Some(7)).unwrap();
        for at in 2..12 {
            ring.push(first, frame(at, 20), Some(7)).unwrap();
        }
        assert_eq!((large.dropped(), small.dropped()), (6, 0));
        let slow = |of: &Progress| of.overflowed_us.load(Relaxed);
        assert_eq!(
            (slow(&large), slow(&small)),
            (7, 0),
            "one is not slow for the other"
        );
        assert_eq!(ring.push(second, frame(12, 101), Some(8)), Err(TooLarge));
        assert_eq!(
            (large.dropped(), small.dropped()),
            (6, 0),
            "one that never fits drops no others"
        );
        assert!(ring.give_up());
        assert!(!ring.give_up());
        assert_eq!(ring.push(second, frame(13, 30), None), Ok(true));
        ring.push(first, frame(14, 30), None).unwrap();
        ring.remove(second);
        let next = || ring.next(Duration::ZERO);
        assert!(
            matches!(next(), Next::Frame(plan, _, frame) if plan.camera == "small" && frame.steady_us == 13)
        );
        assert!(matches!(next(), Next::Ended(plan) if plan.camera == "small"));
        assert!(matches!(next(), Next::Frame(_, _, frame) if frame.steady_us == 14));
        assert!(matches!(next(), Next::Nothing));
        ring.end();
        assert!(matches!(next(), Next::End));
    }

    #[test]
    fn a_camera_that_is_added_anew_begins_when_what_it_was_has_ended() {
        let ring = Ring::new(100);
        let before = ring.add(plan("door"), Arc::default());
        let after = ring.add(plan("door"), Arc::default());
        let other = ring.add(plan("yard"), Arc::default());
        for (lane, at) in [(before, 2), (after, 1), (other, 3)] {
            ring.push(lane, frame(at, 10), None).unwrap();
        }
        let next = || ring.next(Duration::ZERO);
        assert!(matches!(next(), Next::Frame(_, _, frame) if frame.steady_us == 2));
        assert!(matches!(next(), Next::Frame(_, _, frame) if frame.steady_us == 3));
        assert!(
            matches!(next(), Next::Nothing),
            "the one before has not ended"
        );
        ring.remove(before);
        assert!(matches!(next(), Next::Ended(plan) if plan.camera == "door"));
        assert!(matches!(next(), Next::Frame(_, _, frame) if frame.steady_us == 1));
        assert!(matches!(next(), Next::Nothing));
    }
}
