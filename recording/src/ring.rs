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
    /// Each with whether it is one of an event.
    frames: VecDeque<(Frame, bool)>,
    bytes: u64,
    has_ended: bool,
    /// Frames that are written only if an event begins.
    held: VecDeque<Frame>,
    held_bytes: u64,
    /// There was not room for what is to be held, which the log tells once.
    lacks_room: bool,
    /// The event has ended: what waits is its end.
    ends_event: bool,
}

/// A frame that has no place even where nothing else waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// What the writer has to do.
#[derive(Debug)]
pub(crate) enum Next {
    /// Record a frame, as one of an event or as the plan says.
    Frame(Arc<Plan>, Arc<Progress>, Frame, bool),
    /// Close the file of a camera's event.
    EventEnded(Arc<Plan>),
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
        let mut waiting = Waiting {
            plan,
            progress,
            frames: VecDeque::new(),
            bytes: 0,
            has_ended: false,
            held: VecDeque::new(),
            held_bytes: 0,
            lacks_room: false,
            ends_event: false,
        };
        // Where the camera is added anew, what was before its next event stays.
        let mut others = inner.lanes.values_mut().rev();
        if waiting.plan.events.is_some()
            && let Some(before) = others.find(|it| it.plan.camera == waiting.plan.camera)
        {
            waiting.held = std::mem::take(&mut before.held);
            waiting.held_bytes = std::mem::take(&mut before.held_bytes);
        }
        inner.lanes.insert(lane, waiting);
        lane
    }

    /// Ends a camera: what waits is still written.
    pub(crate) fn remove(&self, lane: u64) {
        let mut inner = self.lock();
        if let Some(waiting) = inner.lanes.get_mut(&lane) {
            waiting.has_ended = true;
            waiting.held.clear();
            inner.bytes -= std::mem::take(&mut waiting.held_bytes);
        }
        drop(inner);
        self.news.notify_one();
    }

    /// Adds a frame, which may be one of an event. Never waits for the disk. Returns false if older ones had to be dropped for it; their
    /// cameras note `slow_us` as the time, where the disk's slowness is the reason.
    ///
    /// # Errors
    /// Where it never fits: nothing is dropped for it.
    pub(crate) fn push(
        &self,
        lane: u64,
        frame: Frame,
        of_event: bool,
        slow_us: Option<u64>,
    ) -> Result<bool, TooLarge> {
        let mut inner = self.lock();
        let len = frame.jpeg.len() as u64;
        if len > self.most_bytes.min(LARGEST_JPEG as u64) {
            return Err(TooLarge);
        }
        let mut fits = true;
        while inner.bytes + len > self.most_bytes {
            if inner.let_go() {
                continue;
            }
            if !inner.drop_oldest(slow_us) {
                break;
            }
            fits = false;
        }
        if let Some(waiting) = inner.lanes.get_mut(&lane) {
            waiting.frames.push_back((frame, of_event));
            waiting.bytes += len;
            inner.bytes += len;
        }
        drop(inner);
        self.news.notify_one();
        Ok(fits)
    }

    /// Holds a frame for an event that may begin, and lets those go that are older than `from_us`. Where there is no room, the oldest
    /// held ones go: nothing that was promised is among them.
    pub(crate) fn hold(&self, lane: u64, frame: Frame, from_us: u64) {
        let mut inner = self.lock();
        inner.let_old_go(lane, from_us);
        let len = frame.jpeg.len() as u64;
        if len > self.most_bytes {
            return;
        }
        while inner.bytes + len > self.most_bytes {
            if !inner.let_go() {
                return;
            }
        }
        if let Some(waiting) = inner.lanes.get_mut(&lane) {
            waiting.held.push_back(frame);
            waiting.held_bytes += len;
            inner.bytes += len;
        }
    }

    /// An event begins: what was held for it since then is written.
    pub(crate) fn begin_event(&self, lane: u64, from_us: u64) {
        let mut inner = self.lock();
        inner.let_old_go(lane, from_us);
        if let Some(waiting) = inner.lanes.get_mut(&lane) {
            waiting.ends_event = false;
            waiting.bytes += std::mem::take(&mut waiting.held_bytes);
            let held = waiting.held.drain(..).map(|held| (held, true));
            waiting.frames.extend(held);
        }
        drop(inner);
        self.news.notify_one();
    }

    /// The event has ended: its file is closed when what waits is written.
    pub(crate) fn end_event(&self, lane: u64) {
        if let Some(waiting) = self.lock().lanes.get_mut(&lane) {
            waiting.ends_event = true;
        }
        self.news.notify_one();
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
        let waits =
            first.filter(|(_, lane)| lane.has_ended || lane.ends_event || !lane.frames.is_empty());
        let oldest =
            waits.min_by_key(|(_, lane)| lane.frames.front().map(|(frame, _)| frame.steady_us));
        oldest.map(|(lane, _)| *lane)
    }

    fn take(&mut self) -> Next {
        let Some(number) = self.next_lane() else {
            return if self.ends { Next::End } else { Next::Nothing };
        };
        let Some(lane) = self.lanes.get_mut(&number) else {
            return Next::Nothing;
        };
        if let Some((frame, of_event)) = lane.frames.pop_front() {
            let len = frame.jpeg.len() as u64;
            lane.bytes -= len;
            self.bytes -= len;
            let (plan, progress) = (Arc::clone(&lane.plan), Arc::clone(&lane.progress));
            return Next::Frame(plan, progress, frame, of_event);
        }
        let plan = Arc::clone(&lane.plan);
        if lane.ends_event {
            lane.ends_event = false;
            return Next::EventEnded(plan);
        }
        self.lanes.remove(&number);
        Next::Ended(plan)
    }

    /// Lets a camera's held frames go that are older than that.
    fn let_old_go(&mut self, lane: u64, from_us: u64) {
        let Some(lane) = self.lanes.get_mut(&lane) else {
            return;
        };
        let old = lane.held.partition_point(|held| held.steady_us < from_us);
        let bytes: u64 = lane
            .held
            .drain(..old)
            .map(|held| held.jpeg.len() as u64)
            .sum();
        lane.held_bytes -= bytes;
        self.bytes -= bytes;
    }

    /// Lets the oldest held frame go of the camera that has most of them in bytes. Returns false where none is held.
    fn let_go(&mut self) -> bool {
        let lanes = self.lanes.values_mut();
        let Some(lane) = lanes.max_by_key(|lane| lane.held_bytes) else {
            return false;
        };
        let Some(held) = lane.held.pop_front() else {
            return false;
        };
        lane.held_bytes -= held.jpeg.len() as u64;
        self.bytes -= held.jpeg.len() as u64;
        if !std::mem::replace(&mut lane.lacks_room, true) {
            let camera = &lane.plan.camera;
            tracing::warn!(
                camera,
                "the memory of recordings has not room for all that is to be recorded before an event"
            );
        }
        true
    }

    /// Returns false where nothing waits.
    fn drop_oldest(&mut self, slow_us: Option<u64>) -> bool {
        let lanes = self.lanes.values_mut();
        let Some(lane) = lanes.max_by_key(|lane| lane.bytes) else {
            return false;
        };
        let Some((frame, _)) = lane.frames.pop_front() else {
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
            ..Plan::default()
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
        ring.push(second, frame(1, 10), false, Some(7)).unwrap();
        for at in 2..12 {
            ring.push(first, frame(at, 20), false, Some(7)).unwrap();
        }
        assert_eq!((large.dropped(), small.dropped()), (6, 0));
        let slow = |of: &Progress| of.overflowed_us.load(Relaxed);
        assert_eq!(
            (slow(&large), slow(&small)),
            (7, 0),
            "one is not slow for the other"
        );
        assert_eq!(
            ring.push(second, frame(12, 101), false, Some(8)),
            Err(TooLarge)
        );
        assert_eq!(
            (large.dropped(), small.dropped()),
            (6, 0),
            "one that never fits drops no others"
        );
        assert!(ring.give_up());
        assert!(!ring.give_up());
        assert_eq!(ring.push(second, frame(13, 30), false, None), Ok(true));
        ring.push(first, frame(14, 30), false, None).unwrap();
        ring.remove(second);
        let next = || ring.next(Duration::ZERO);
        assert!(
            matches!(next(), Next::Frame(plan, _, frame, _) if plan.camera == "small" && frame.steady_us == 13)
        );
        assert!(matches!(next(), Next::Ended(plan) if plan.camera == "small"));
        assert!(matches!(next(), Next::Frame(_, _, frame, _) if frame.steady_us == 14));
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
            ring.push(lane, frame(at, 10), false, None).unwrap();
        }
        let next = || ring.next(Duration::ZERO);
        assert!(matches!(next(), Next::Frame(_, _, frame, _) if frame.steady_us == 2));
        assert!(matches!(next(), Next::Frame(_, _, frame, _) if frame.steady_us == 3));
        assert!(
            matches!(next(), Next::Nothing),
            "the one before has not ended"
        );
        ring.remove(before);
        assert!(matches!(next(), Next::Ended(plan) if plan.camera == "door"));
        assert!(matches!(next(), Next::Frame(_, _, frame, _) if frame.steady_us == 1));
        assert!(matches!(next(), Next::Nothing));
    }

    #[test]
    fn what_is_held_is_written_when_an_event_begins_and_its_file_is_closed_at_its_end() {
        let ring = Ring::new(100);
        let (door, yard) = (Arc::<Progress>::default(), Arc::<Progress>::default());
        let lane = ring.add(plan("door"), Arc::clone(&door));
        let other = ring.add(plan("yard"), Arc::clone(&yard));
        for at in 1..7 {
            ring.hold(lane, frame(at, 10), 2);
        }
        let next = || ring.next(Duration::ZERO);
        assert!(matches!(next(), Next::Nothing), "nothing happens");
        ring.begin_event(lane, 3);
        ring.push(lane, frame(7, 10), true, None).unwrap();
        ring.end_event(lane);
        for at in 3..8 {
            let taken = next();
            let is_next = matches!(&taken, Next::Frame(_, _, frame, true) if frame.steady_us == at);
            assert!(is_next, "{taken:?}");
        }
        assert!(matches!(next(), Next::EventEnded(plan) if plan.camera == "door"));
        assert!(matches!(next(), Next::Nothing));
        // What is only held makes room, and is not missing then.
        for at in 10..30 {
            ring.hold(lane, frame(at, 10), 0);
        }
        assert_eq!(ring.push(other, frame(30, 60), false, Some(1)), Ok(true));
        assert_eq!((door.dropped(), yard.dropped()), (0, 0));
        ring.begin_event(lane, 0);
        assert!(matches!(next(), Next::Frame(_, _, frame, true) if frame.steady_us == 26));
        ring.hold(lane, frame(40, 10), 0);
        ring.remove(lane);
        assert_eq!(ring.push(other, frame(41, 10), false, None), Ok(true));
    }

    #[test]
    fn what_is_held_makes_room_by_its_bytes_and_goes_with_its_camera_to_a_new_lane() {
        let ring = Ring::new(100);
        let events = |camera: &str| {
            let events = crate::plan::Events {
                interval_us: 1,
                before_us: 10,
            };
            Arc::new(Plan {
                events: Some(events),
                ..(*plan(camera)).clone()
            })
        };
        let door = ring.add(events("door"), Arc::default());
        let yard = ring.add(events("yard"), Arc::default());
        for at in 1..5 {
            ring.hold(door, frame(at, 5), 0);
        }
        for at in 1..5 {
            ring.hold(yard, frame(at, 30), 0);
        }
        ring.hold(yard, frame(5, 101), 0);
        let anew = ring.add(events("door"), Arc::default());
        ring.remove(door);
        ring.begin_event(anew, 0);
        ring.begin_event(yard, 0);
        let mut written = Vec::new();
        loop {
            match ring.next(Duration::ZERO) {
                Next::Frame(plan, _, frame, true) => {
                    written.push((plan.camera.clone(), frame.steady_us));
                }
                Next::Ended(_) => {}
                _ => break,
            }
        }
        written.sort_unstable();
        let all = [
            ("door", 1),
            ("door", 2),
            ("door", 3),
            ("door", 4),
            ("yard", 3),
            ("yard", 4),
        ];
        assert_eq!(written, all.map(|(camera, at)| (camera.to_owned(), at)));
    }
}
