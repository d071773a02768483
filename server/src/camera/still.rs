//! A still: the camera's picture in its full size, at a high quality. Where the stream is smaller, it stops for a moment.
//!
//! Taking it belongs to the source. What is asked for while one is taken gets that one.

use super::{Camera, Phase};
use crate::encode;
use crate::hub::{Frame, Limits};
use crate::source::Taken;
use pistreamer_protocol::message::{Cause, Reason};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// How long a camera may take: it opens twice meanwhile, and long exposures are finished first.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the stream goes on at least before it stops for another still, besides twice the time of the last stop.
const REST: Duration = Duration::from_secs(2);

/// Longest exposure of a stream that stops for a still. A camera takes a few frames until its picture is that of now.
const LONGEST_FRAME: Duration = Duration::from_secs(4);

/// JPEG quality where the camera gives samples. Another 5 % would double the file.
const QUALITY: u8 = 95;

/// A camera's still.
#[derive(Clone, Debug)]
pub(crate) struct Still {
    /// The picture.
    pub(crate) frame: Arc<Frame>,
    /// For how long the stream stood still for it; `None` where it is a frame of the stream.
    pub(crate) paused: Option<Duration>,
}

/// Why there is no still.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum NotTaken {
    /// The camera has no picture.
    #[error("no picture: {0}")]
    NoPicture(Reason),
    /// It was lost meanwhile, or cannot take one.
    #[error("the camera took no photo in its full resolution: {0}")]
    Failed(Reason),
    /// It would take too long.
    #[error(
        "the camera exposes {0} s for each picture, so that a photo would stop its stream for too long: set an exposure time below \
         {longest} s first", longest = LONGEST_FRAME.as_secs()
    )]
    TooSlow(u64),
    /// Its stream stopped for one just now.
    #[error(
        "the stream stopped for a photo just now: try again in {} s", .0.as_secs() + 1
    )]
    TooSoon(Duration),
}

type Outcome = Result<Still, NotTaken>;

/// The still that is being taken, and when the stream may stop again.
#[derive(Debug, Default)]
pub(super) struct StillDesk(Mutex<Desk>);

#[derive(Debug, Default)]
struct Desk {
    current: Option<watch::Receiver<Option<Outcome>>>,
    rests_until: Option<Instant>,
    /// By which key the last one was begun, and until when that begins no other: who asks all the time leaves room for others.
    last: Option<(Option<String>, Instant)>,
}

impl StillDesk {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Camera {
    /// The size of the stills that the camera takes, if that is larger than its stream.
    pub(crate) fn still_size(&self) -> Option<(u32, u32)> {
        self.0.lifecycle.stills().size()
    }

    /// The sizes that the camera's device has, before pictures are turned, smallest first; none where they are not known.
    pub(crate) fn sizes(&self) -> Vec<(u32, u32)> {
        self.0.lifecycle.sizes()
    }

    /// Takes a still for a key, or waits for the one that is being taken. Where the camera takes none, it is the stream's newest frame.
    ///
    /// # Errors
    /// Where the camera has no picture, or takes none in time, or has just taken one.
    pub(crate) async fn still(&self, key: Option<&str>) -> Outcome {
        let mut taken = self.join_still(key)?;
        let outcome = taken.wait_for(Option::is_some).await;
        let outcome = outcome.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(NotTaken::Failed("a bug in pistreamer".into())))
    }

    /// What comes of the still that is being taken, which is begun where there is none. It is taken to its end also where those
    /// leave who asked for it: the stream has stopped for it already.
    fn join_still(&self, key: Option<&str>) -> Result<watch::Receiver<Option<Outcome>>, NotTaken> {
        let mut desk = self.0.stills.lock();
        let current = desk.current.as_ref();
        if let Some(current) = current.filter(|current| current.borrow().is_none())
            && current.has_changed().is_ok()
        {
            return Ok(current.clone());
        }
        let is_own =
            |(last, _): &&(Option<String>, Instant)| key.is_some() && last.as_deref() == key;
        let last = desk.last.as_ref().filter(is_own);
        let rests_until = desk.rests_until.max(last.map(|(_, until)| *until));
        let rests_until = rests_until.filter(|_| self.still_size().is_some());
        let rests = rests_until.map(|until| until.saturating_duration_since(Instant::now()));
        if let Some(rests) = rests.filter(|rests| !rests.is_zero()) {
            return Err(NotTaken::TooSoon(rests));
        }
        let (told, taken) = watch::channel(None);
        desk.current = Some(taken.clone());
        let (camera, key) = (self.clone(), key.map(ToOwned::to_owned));
        tokio::spawn(async move {
            let began = Instant::now();
            let stops = camera.still_size().is_some();
            let outcome = camera.take_still().await;
            let stops = stops && !matches!(outcome, Err(NotTaken::TooSlow(_)));
            if let Err(error) = &outcome {
                tracing::warn!(id = %camera.id(), "{error}");
            }
            let paused = outcome.as_ref().ok().and_then(|still| still.paused);
            // One that failed may have stopped the stream for all of the time.
            let stood = paused.unwrap_or_else(|| began.elapsed());
            let mut desk = camera.0.stills.lock();
            if stops {
                let rest = REST + 2 * stood;
                desk.rests_until = Some(Instant::now() + rest);
                desk.last = Some((key, Instant::now() + 2 * rest));
            }
            // Those who wait for it have it.
            desk.current = None;
            drop(desk);
            told.send_replace(Some(outcome));
        });
        Ok(taken)
    }

    async fn take_still(&self) -> Outcome {
        // A camera without viewers may be idle.
        let _awake = self.feed().demand().hold();
        let mut news = self.news();
        let is_open = news.wait_for(|state| state.phase != Phase::Starting);
        let is_live = match timeout(PATIENCE, is_open).await {
            Ok(Ok(state)) => state.phase == Phase::Live,
            _ => false,
        };
        if !is_live {
            return Err(NotTaken::NoPicture(self.why_none()));
        }
        if self.still_size().is_none() {
            let mut frames = self.subscribe(Limits::default());
            let newest = timeout(PATIENCE, frames.newest()).await;
            let frame = newest.map_err(|_| NotTaken::NoPicture(self.why_none()))?;
            let paused = None;
            return Ok(Still { frame, paused });
        }
        // Before anybody's stream stops for nothing.
        let fps = self.state().mode.fps;
        if fps > 0.0 && fps * LONGEST_FRAME.as_secs_f64() < 1.0 {
            return Err(NotTaken::TooSlow((1.0 / fps).round() as u64));
        }
        let outcome = self.0.lifecycle.stills().ask();
        let taken = match timeout(PATIENCE, outcome).await {
            Ok(Ok(taken)) => taken.map_err(NotTaken::Failed)?,
            // Its source has failed.
            Ok(Err(_)) => return Err(NotTaken::Failed(self.why_none())),
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                let silent = Cause::Silent { seconds };
                return Err(NotTaken::Failed(silent.into()));
            }
        };
        let Taken { frame, paused } = taken;
        let id = self.id().clone();
        let making = tokio::task::spawn_blocking(move || encode::still(&id, frame, QUALITY)).await;
        let making = making.map_err(|error| NotTaken::Failed(error.to_string().into()))?;
        let frame = making.map_err(|error| NotTaken::Failed(error.to_string().into()))?;
        Ok(Still {
            frame: Arc::new(frame),
            paused: Some(paused),
        })
    }

    fn why_none(&self) -> Reason {
        let reason = self.state().reason;
        if reason.is_empty() {
            return "no frame came in time".into();
        }
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub;
    use crate::source::{Image, Mode, Port, RawFrame, Report, Sink};
    use bytes::Bytes;
    use pistreamer_picture::Mended;
    use std::sync::mpsc;

    /// A camera whose source is the test.
    struct Scripted {
        camera: Camera,
        port: Port,
    }

    struct Reports(Camera);

    impl Sink for Reports {
        fn frame(&self, _: RawFrame) {}
        fn again(&self, _: RawFrame) {}
        fn report(&self, report: Report<'_>) {
            self.0.report(&report);
        }
    }

    const MODE: Mode = Mode {
        width: 320,
        height: 240,
        fps: 30.0,
    };

    impl Scripted {
        fn new() -> Self {
            let renditions = hub::Config {
                most: 1,
                quality: 80,
                tiles: None,
            };
            let camera = Camera::idle("door", renditions).unwrap();
            let sink = Arc::new(Reports(camera.clone()));
            let port = Port::new(sink, camera.feed().demand().clone());
            let port = port.with_stills(camera.0.lifecycle.stills().clone());
            let scripted = Self { camera, port };
            scripted.opens();
            scripted
        }

        fn opens(&self) {
            self.port.open(MODE);
            self.port.takes_stills(Some((640, 480)));
        }

        fn request(&self) -> crate::source::StillRequest {
            loop {
                if let Some(request) = self.port.still() {
                    return request;
                }
                std::thread::yield_now();
            }
        }

        fn picture(&self) -> RawFrame {
            let jpeg = include_bytes!("../../../protocol/tests/pictures/quarters.jpg");
            let picture = Mended::new(Bytes::from_static(jpeg)).and_then(Mended::whole);
            self.port
                .beside_stream(1, Image::Jpeg(picture.unwrap()), None)
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_asks_while_one_is_taken_gets_that_one_and_the_stream_rests_before_the_next() {
        let scripted = Scripted::new();
        let camera = scripted.camera.clone();
        let (told, phases) = mpsc::channel();
        let source = std::thread::spawn(move || {
            let request = scripted.request();
            let state = scripted.camera.state();
            told.send((state.phase, state.reason.cause)).unwrap();
            let second = scripted.camera.join_still(None).unwrap();
            scripted.opens();
            request.answer(Ok(scripted.picture()));
            second
        });
        let still = camera.still(None).await.unwrap();
        let mut second = source.join().unwrap();
        let second = second.wait_for(Option::is_some).await.unwrap().clone();
        assert!(Arc::ptr_eq(&still.frame, &second.unwrap().unwrap().frame));
        assert!(still.paused.is_some());
        let told = phases.recv().unwrap();
        assert_eq!(told, (Phase::Starting, "taking-still".into()));
        assert_eq!(camera.state().phase, Phase::Live);
        let refused = camera.still(None).await.unwrap_err();
        assert!(matches!(refused, NotTaken::TooSoon(_)), "{refused}");
        assert!(refused.to_string().contains("try again in "), "{refused}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_key_that_took_the_last_one_leaves_the_next_one_to_others() {
        let scripted = Scripted::new();
        let until = Instant::now() + REST;
        scripted.camera.0.stills.lock().last = Some((Some("lapse".into()), until));
        let refused = scripted.camera.join_still(Some("lapse")).unwrap_err();
        assert_eq!(refused, NotTaken::TooSoon(REST));
        assert!(scripted.camera.join_still(Some("door")).is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_source_that_fails_meanwhile_is_told_with_its_reason() {
        let scripted = Scripted::new();
        let camera = scripted.camera.clone();
        let source = std::thread::spawn(move || {
            let request = scripted.request();
            request.answer(Err(Cause::Unplugged.into()));
            scripted.port.lost(Cause::Unplugged);
        });
        let error = camera.still(None).await.unwrap_err();
        source.join().unwrap();
        assert_eq!(error, NotTaken::Failed(Cause::Unplugged.into()));
        // And from then on there is no picture at all.
        camera.0.stills.lock().rests_until = None;
        let error = camera.still(None).await.unwrap_err();
        assert_eq!(error, NotTaken::NoPicture(Cause::Unplugged.into()));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_stops_for_a_photo_that_would_take_too_long() {
        let scripted = Scripted::new();
        let long = Mode { fps: 0.125, ..MODE };
        scripted.port.open(long);
        for _ in 0..2 {
            let error = scripted.camera.still(None).await.unwrap_err();
            assert_eq!(error, NotTaken::TooSlow(8));
            assert!(error.to_string().contains("below 4 s"), "{error}");
            assert!(scripted.port.still().is_none());
            assert_eq!(scripted.camera.state().phase, Phase::Live);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_does_not_answer_is_not_waited_for_and_its_request_is_withdrawn() {
        let scripted = Scripted::new();
        let error = scripted.camera.still(None).await.unwrap_err();
        let seconds = PATIENCE.as_secs();
        assert_eq!(error, NotTaken::Failed(Cause::Silent { seconds }.into()));
        assert!(scripted.port.still().is_none());
        assert_eq!(scripted.camera.state().phase, Phase::Live);
        // It may have stood still for all of that time, and goes on for longer than for a moment.
        let refused = scripted.camera.still(None).await.unwrap_err();
        let NotTaken::TooSoon(rest) = refused else {
            panic!("{refused}");
        };
        assert!(rest > PATIENCE, "{rest:?}");
    }
}
