//! What happens before a camera, for viewers, recordings and programs: motion, and what programs tell.
//!
//! Looking for motion belongs to [`crate::motion`].

use super::Camera;
use crate::util::clock;
use pistreamer_protocol::message::{Happening, Moving, ServerMessage, Stage};
use pistreamer_recording::{Mark, Marks, steady_us};
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, broadcast, watch};

/// Events that a viewer may be behind; older ones it misses.
const NEWS: usize = 64;

/// Events that are remembered, for servers that record nothing.
const REMEMBERED: usize = 200;

/// A clock that is further off than this, in µs, has been set.
const SET_US: u64 = 1_000_000;

/// Most events that programs have told and that go on.
const MOST_TOLD: usize = 16;

/// What happens before one camera.
#[derive(Debug)]
pub(super) struct Happenings {
    news: broadcast::Sender<Arc<ServerMessage>>,
    moving: watch::Sender<Option<Arc<ServerMessage>>>,
    /// For recordings to tell.
    marks: Arc<Marks>,
    inner: Mutex<Inner>,
    told: Arc<Notify>,
    score: AtomicU8,
    total: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    /// The newest last, each with its times by the steady clock.
    events: VecDeque<(Happening, When)>,
    /// Those of programs that go on.
    told: Vec<Told>,
}

#[derive(Clone, Debug)]
struct Told {
    event: Happening,
    /// By the steady clock.
    start_us: u64,
    end_us: u64,
}

/// When something happens, in µs by the steady clock: a clock that is set changes none of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    /// Its beginning.
    pub start_us: u64,
    /// The picture in which most moved.
    pub peak_us: u64,
    /// Its end, as far as it is known.
    pub end_us: u64,
    /// Until when it is recorded.
    pub until_us: u64,
}

impl Told {
    fn when(&self) -> When {
        When {
            start_us: self.start_us,
            peak_us: self.start_us,
            end_us: self.end_us,
            until_us: self.end_us,
        }
    }
}

impl Inner {
    /// Gives an event an id that no other one has, and remembers it.
    fn begin(&mut self, event: &mut Happening, when: When) {
        let told = self.told.iter().map(|told| &told.event);
        let known = self.events.iter().map(|(event, _)| event).chain(told);
        let ids: HashSet<&str> = known.map(|it| &*it.id).collect();
        let mut free = (event.start_us / 1000..).map(|ms| format!("{}-{ms}", event.camera));
        event.id = free.find(|id| !ids.contains(&**id)).unwrap_or_default();
        self.remember(event, when);
    }

    fn remember(&mut self, event: &Happening, when: When) {
        let mut known = self.events.iter_mut().rev();
        match known.find(|(known, _)| known.id == event.id) {
            Some(known) => *known = (event.clone(), when),
            None => self.events.push_back((event.clone(), when)),
        }
        if self.events.len() > REMEMBERED {
            // One that goes on has still to be told of.
            let mut events = self.events.iter();
            let eldest = events.position(|(event, _)| event.end_us.is_some());
            self.events.remove(eldest.unwrap_or(0));
        }
    }
}

impl Happenings {
    /// `told` hears of events that end by themselves.
    pub(super) fn new(told: Arc<Notify>) -> Self {
        Self {
            news: broadcast::Sender::new(NEWS),
            moving: watch::Sender::default(),
            marks: Arc::default(),
            inner: Mutex::default(),
            told,
            score: AtomicU8::default(),
            total: AtomicU64::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it holds this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an event that a program tells is not taken.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{MOST_TOLD} events of this camera go on: let one end first")]
pub(crate) struct TooMany;

impl Camera {
    /// What happened of late, for its recordings to tell.
    pub(crate) fn marks(&self) -> &Arc<Marks> {
        &self.0.happenings.marks
    }

    /// News of events.
    pub(crate) fn events_news(&self) -> broadcast::Receiver<Arc<ServerMessage>> {
        self.0.happenings.news.subscribe()
    }

    /// What moves, picture by picture.
    pub(super) fn moving_news(&self) -> watch::Receiver<Option<Arc<ServerMessage>>> {
        self.0.happenings.moving.subscribe()
    }

    /// Whether anybody wants to know what moves in each picture.
    pub(crate) fn is_moving_wanted(&self) -> bool {
        self.0.happenings.moving.receiver_count() > 0
    }

    /// Notes how much moves at that time by the steady clock, and tells it to those who want to know what.
    pub(crate) fn moves(&self, at_us: u64, score: u8, boxes: impl FnOnce() -> Vec<Moving>) {
        let happenings = &self.0.happenings;
        happenings.score.store(score, Relaxed);
        happenings.marks.moved(at_us, score);
        if self.is_moving_wanted() {
            happenings
                .moving
                .send_replace(Some(Arc::new(ServerMessage::Motion {
                    captured_us: wall_of(at_us),
                    score,
                    boxes: boxes(),
                })));
        }
    }

    /// How much moved in the last picture that was looked at.
    pub(crate) fn motion_score(&self) -> u8 {
        self.0.happenings.score.load(Relaxed)
    }

    /// How many events there were since the start.
    pub(crate) fn events_total(&self) -> u64 {
        self.0.happenings.total.load(Relaxed)
    }

    /// The events that are remembered, the newest last: also those that no recording tells of, or not yet.
    pub(crate) fn recent_events(&self) -> Vec<Happening> {
        let inner = self.0.happenings.lock();
        inner
            .events
            .iter()
            .map(|(event, when)| righted(event, *when))
            .collect()
    }

    /// Whether motion goes on.
    pub(crate) fn is_moving(&self) -> bool {
        let inner = self.0.happenings.lock();
        let mut events = inner.events.iter();
        events.any(|(event, _)| event.end_us.is_none() && event.source == "motion")
    }

    /// Something begins, and is given its id.
    pub(crate) fn begins(&self, mut event: Happening, when: When) -> Happening {
        self.0.happenings.lock().begin(&mut event, when);
        self.has_begun(&event, when);
        event
    }

    fn has_begun(&self, event: &Happening, when: When) {
        self.0.happenings.total.fetch_add(1, Relaxed);
        tracing::info!(camera = %self.id(), id = event.id, source = event.source, "something happens");
        self.note(event, when);
        self.tell(event, Stage::Start);
    }

    /// Something goes on, or has ended where it has an end, which is told to viewers.
    pub(crate) fn happens(&self, event: &Happening, when: When) {
        self.0.happenings.lock().remember(event, when);
        self.note(event, when);
        let has_ended = event.end_us.is_some();
        self.tell(event, if has_ended { Stage::End } else { Stage::Update });
    }

    fn tell(&self, event: &Happening, state: Stage) {
        let event = event.clone();
        // Nobody may be there.
        let _ = self
            .0
            .happenings
            .news
            .send(Arc::new(ServerMessage::Event { event, state }));
    }

    /// Notes for recordings when something happens, and has it recorded.
    pub(crate) fn note(&self, event: &Happening, when: When) {
        self.marks().set(Mark {
            id: event.id.clone(),
            start_us: when.start_us,
            end_us: when.end_us,
            until_us: when.until_us,
            peak_us: when.peak_us,
            peak: event.peak.unwrap_or_default(),
            zones: event.zones.clone(),
            source: event.source.clone(),
            label: event.label.clone(),
        });
        if let Some(lane) = self.recorded() {
            lane.happens(when.start_us, when.until_us);
        }
    }

    /// A program tells that something happens for that long. With the id of one that goes on, that goes on for longer.
    ///
    /// # Errors
    /// Where too many go on.
    pub(crate) fn told_of(
        &self,
        id: Option<&str>,
        label: String,
        lasts_us: u64,
    ) -> Result<Happening, TooMany> {
        let (now_us, start_us) = (clock::now_us(), steady_us());
        let end_us = start_us.saturating_add(lasts_us);
        let happenings = &self.0.happenings;
        let mut inner = happenings.lock();
        let mut going = inner.told.iter_mut();
        if let Some(told) = going.find(|told| id == Some(&*told.event.id)) {
            told.end_us = end_us.max(told.end_us);
            if !label.is_empty() {
                told.event.label = label;
            }
            let told = told.clone();
            drop(inner);
            self.happens(&told.event, told.when());
            return Ok(told.event);
        }
        if inner.told.len() >= MOST_TOLD {
            return Err(TooMany);
        }
        let event = Happening {
            camera: self.id().to_string(),
            start_us: now_us,
            peak_us: now_us,
            source: "api".into(),
            label,
            ..Happening::default()
        };
        let mut told = Told {
            event,
            start_us,
            end_us,
        };
        let when = told.when();
        inner.begin(&mut told.event, when);
        inner.told.push(told.clone());
        drop(inner);
        self.has_begun(&told.event, told.when());
        happenings.told.notify_one();
        Ok(told.event)
    }

    /// Ends the events of programs whose time is over, or all of them. Returns the time by the steady clock of the next one's end.
    pub(crate) fn end_told(&self, all: bool) -> Option<u64> {
        let now_us = steady_us();
        let (over, next_us) = {
            let mut inner = self.0.happenings.lock();
            let (over, going): (Vec<_>, Vec<_>) = std::mem::take(&mut inner.told)
                .into_iter()
                .partition(|told| all || told.end_us <= now_us);
            let next_us = going.iter().map(|told| told.end_us).min();
            inner.told = going;
            (over, next_us)
        };
        for mut told in over {
            told.end_us = told.end_us.min(now_us);
            told.event.end_us = Some(wall_of(told.end_us));
            self.happens(&told.event, told.when());
        }
        next_us
    }
}

/// An event with its times by the clock as it is now, where that has been set since: its recording has those, too.
fn righted(event: &Happening, when: When) -> Happening {
    let right = |told_us: u64, at_us: u64| {
        let now_us = wall_of(at_us);
        if now_us.abs_diff(told_us) > SET_US {
            now_us
        } else {
            told_us
        }
    };
    Happening {
        start_us: right(event.start_us, when.start_us),
        peak_us: right(event.peak_us, when.peak_us),
        end_us: event.end_us.map(|end_us| right(end_us, when.end_us)),
        ..event.clone()
    }
}

/// The Unix time in µs of what is at that time by the steady clock.
pub(crate) fn wall_of(at_us: u64) -> u64 {
    let age_us = steady_us() as i64 - at_us as i64;
    clock::now_us().saturating_add_signed(-age_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub;
    use bytes::Bytes;
    use pistreamer_recording::library::{Library, Wanted};
    use pistreamer_recording::session::{Events, Plan, Policy};
    use pistreamer_recording::{Config, Recorder};
    use std::time::Duration;

    fn door() -> Camera {
        let renditions = hub::Config {
            quality: 80,
            most: 1,
            tiles: None,
        };
        Camera::idle("door", renditions).unwrap()
    }

    /// Has a camera recorded while `happens`, and returns what its recordings say of the one event.
    fn recorded(happens: impl Fn(&Camera)) -> (u64, u64) {
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(Config {
            root: directory.path().into(),
            state: None,
            policy: Policy::default(),
            memory: 1 << 20,
            clock_is_set: || true,
        });
        let recorder = recorder.unwrap();
        let camera = door();
        let plan = Plan {
            camera: "door".into(),
            sparse_us: 3_600_000_000,
            events: Some(Events {
                interval_us: 1,
                before_us: 5_000_000,
            }),
            marks: Arc::clone(camera.marks()),
            ..Plan::default()
        };
        let lane = Arc::new(recorder.lane(plan));
        camera.record_by(&lane);
        let jpeg = Bytes::from(vec![7; 500]);
        lane.offer(1, Duration::from_millis(900), (64, 48), &jpeg);
        happens(&camera);
        drop((camera, lane));
        assert!(recorder.end(Duration::from_secs(60)));
        let wanted = Wanted {
            from_us: 0,
            before_us: u64::MAX,
            most: 10,
            is_wanted: &|_| true,
            goes_on: &|| true,
        };
        let library = Library::new(directory.path().into());
        let listed = library.events("door", &wanted).unwrap();
        let [event] = &listed.events[..] else {
            panic!("{listed:?}");
        };
        (event.start_us, event.end_us)
    }

    #[test]
    fn a_clock_that_is_set_moves_no_event_in_its_recording() {
        for told_us in [0, 4_000_000_000_000_000] {
            let now_us = clock::now_us();
            let (start_us, end_us) = recorded(|camera| {
                let at_us = steady_us();
                let when = |until_us| When {
                    start_us: at_us - 500_000,
                    peak_us: at_us,
                    end_us: at_us,
                    until_us,
                };
                // By a clock that has been wrong until now.
                let event = Happening {
                    start_us: told_us,
                    peak_us: told_us,
                    ..Happening::default()
                };
                let mut event = camera.begins(event, when(at_us + 1_000_000));
                event.end_us = Some(told_us);
                camera.happens(&event, when(at_us));
            });
            let lasts = end_us - start_us;
            assert!(lasts.abs_diff(500_000) < 5000, "{lasts}");
            let since = end_us.abs_diff(now_us);
            assert!(since < 60_000_000, "{since} µs after the begin of the test");
        }
    }

    #[test]
    fn a_clock_that_is_set_moves_no_event_that_is_remembered() {
        let camera = door();
        let at_us = steady_us();
        let when = When {
            start_us: at_us - 500_000,
            peak_us: at_us - 200_000,
            end_us: at_us,
            until_us: at_us,
        };
        for told_us in [0, 4_000_000_000_000_000] {
            let wrong = Happening {
                start_us: told_us,
                peak_us: told_us,
                end_us: Some(told_us),
                ..Happening::default()
            };
            camera.begins(wrong, when);
        }
        let right_us = wall_of(at_us);
        for event in camera.recent_events() {
            let times = [event.start_us, event.peak_us, event.end_us.unwrap()];
            for (time, before_us) in times.into_iter().zip([500_000, 200_000, 0]) {
                let off = time.abs_diff(right_us - before_us);
                assert!(off < SET_US, "{off} µs");
            }
        }
        // To the µs, where no clock was set: pages count on it.
        let told = camera.told_of(None, "bell".into(), 50_000).unwrap();
        let recent = camera.recent_events();
        assert_eq!(recent.last().unwrap().start_us, told.start_us);
    }

    #[test]
    fn what_goes_on_is_remembered_whatever_follows() {
        let camera = door();
        let now_us = steady_us();
        let when = When {
            start_us: now_us,
            peak_us: now_us,
            end_us: now_us,
            until_us: now_us,
        };
        let event = |source: &str, end_us| Happening {
            start_us: wall_of(now_us),
            source: source.into(),
            end_us,
            ..Happening::default()
        };
        camera.begins(event("motion", None), when);
        for _ in 0..REMEMBERED + 10 {
            camera.begins(event("api", Some(wall_of(now_us))), when);
        }
        assert!(camera.is_moving());
        assert_eq!(camera.recent_events().len(), REMEMBERED);
    }

    #[test]
    fn what_a_program_tells_ends_in_recordings_as_it_was_told() {
        let (start_us, end_us) = recorded(|camera| {
            let told = camera.told_of(None, "bell".into(), 50_000).unwrap();
            let camera_told = camera
                .told_of(Some(&told.id), String::new(), 80_000)
                .unwrap();
            assert_eq!(
                (&camera_told.id, camera_told.label.as_str()),
                (&told.id, "bell")
            );
            // Nobody has looked whether it is over.
            std::thread::sleep(Duration::from_millis(90));
        });
        let lasts = end_us - start_us;
        assert!((80_000..160_000).contains(&lasts), "{lasts}");
    }

    #[test]
    fn events_that_begin_at_once_have_ids_of_their_own_and_are_limited() {
        let camera = door();
        let told = || camera.told_of(None, String::new(), 60_000_000);
        let ids = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..40).map(|_| scope.spawn(told)).collect();
            let told = threads.into_iter().filter_map(|it| it.join().unwrap().ok());
            told.map(|event| event.id).collect::<Vec<_>>()
        });
        let distinct: HashSet<_> = ids.iter().collect();
        assert_eq!((ids.len(), distinct.len()), (MOST_TOLD, MOST_TOLD));
        assert!(camera.end_told(false).is_some(), "they go on");
        assert_eq!(camera.end_told(true), None);
        let ended = camera.recent_events();
        assert!(
            ended.iter().all(|event| event.end_us.is_some()),
            "{ended:?}"
        );
    }
}
