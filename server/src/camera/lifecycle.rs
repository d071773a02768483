//! Starts, restarts and ends a camera's source, on a thread that lives as long as the camera.
//!
//! Consumers, seqs and the encoder outlive a restart; the newest frames do not. What a source does while it runs belongs to
//! [`crate::source`].

use super::control::{Accepted, Command, Refused, Sent, all_away, all_initial, initial};
use super::{Settings, StateCell};
use crate::demand::Demand;
use crate::hub::Feed;
use crate::kept::{Kept, Memory};
use crate::source::driver::Driver;
use crate::source::push_slot::PushSlot;
use crate::source::spec::Ends;
use crate::source::{Commands, Pauses, Port, Sizes, Source, SourceError, Spec, Stills, supervise};
use crate::util::exit::Busy;
use crate::via::Via;
use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// What all cameras of a program share.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The servers that look at this one; `None` where this program serves nothing.
    pub via: Option<Via>,
    /// When a camera that failed is tried again.
    pub pauses: Pauses,
    /// What was set on the cameras.
    pub(crate) kept: Kept,
    /// A program has told of something that ends.
    pub(crate) told: Arc<Notify>,
}

/// A camera's source: the settings it is to have, and the run. Dropping it ends the source.
#[derive(Debug)]
pub(super) struct Lifecycle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Tells the one that starts a camera whether its source could be made, the first time.
pub(super) struct First {
    /// One without room is received from by the time that something is sent, or not at all.
    pub(super) told: SyncSender<Result<(), SourceError>>,
    /// Whether the camera is not to be where its source cannot be made, and that could be told.
    pub(super) is_needed: bool,
}

#[derive(Debug)]
struct Shared {
    context: Context,
    feed: Arc<Feed>,
    state: Arc<StateCell>,
    slot: PushSlot,
    commands: Commands,
    stills: Stills,
    sizes: Sizes,
    driver: Driver,
    wanted: Mutex<Wanted>,
}

#[derive(Debug)]
struct Wanted {
    settings: Settings,
    /// Of the current or last run; `None` before the first.
    run: Option<Port>,
    ended: bool,
}

impl Lifecycle {
    /// A camera whose source is neither made nor started.
    pub(super) fn new(
        settings: Settings,
        feed: Arc<Feed>,
        state: Arc<StateCell>,
        slot: PushSlot,
        context: Context,
    ) -> Self {
        let memory = context.kept.of(&settings.id);
        let commands = Commands::new(memory, device(&settings.source), settings.controls.clone());
        let wanted = Wanted {
            settings,
            run: None,
            ended: false,
        };
        Self {
            shared: Arc::new(Shared {
                context,
                feed,
                state,
                slot,
                commands,
                stills: Stills::default(),
                sizes: Sizes::default(),
                driver: Driver::default(),
                wanted: Mutex::new(wanted),
            }),
            thread: Mutex::default(),
        }
    }

    /// Starts the source, once it is made. Doesn't wait for that: it may take as long as a driver does.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(super) fn start(&self, port: Port, first: First) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let port = port
            .with_commands(shared.commands.clone())
            .with_stills(shared.stills.clone())
            .with_sizes(shared.sizes.clone())
            .with_driver(shared.driver.clone());
        let name = format!("source-{}", self.settings().id);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let _busy = Busy::new();
            shared.run(&port, first);
        })?;
        *self.thread() = Some(thread);
        Ok(())
    }

    /// Hands the source values for its controls. Returns those that are to hold from then on, as they are taken.
    ///
    /// # Errors
    /// Where it has no such control, or that has no such value: nothing has changed then.
    pub(super) fn command(&self, command: &Command) -> Result<Sent, Refused> {
        // Another camera that replaces this one meanwhile may have a control by that name.
        let _wanted = self.shared.wanted();
        let commands = &self.shared.commands;
        // Or one that takes its place in this run.
        let _judging = commands.judging();
        let state = self.shared.state.get();
        if commands.is_keeper_away() {
            return Err(all_away(&state, command));
        }
        let is_reset = !matches!(command, Command::Set { .. });
        let (values, number) = match command {
            Command::Set { values, confirmed } => {
                let Accepted { set, once } = Accepted::of(&state, values, *confirmed)?;
                let number = commands.set(&set, &once);
                (set, number)
            }
            Command::Reset(names) => {
                let values = commands.initial(initial(&state, names)?, &state.controls);
                let number = commands.reset(&values);
                (values, number)
            }
            Command::ResetAll => {
                let values = commands.initial(all_initial(&state)?, &state.controls);
                let number = commands.reset_all(&values);
                (values, number)
            }
        };
        Ok(Sent {
            values,
            is_reset,
            number,
        })
    }

    /// The number of the newest command that the source has answered, and news of it.
    pub(super) fn answers(&self) -> watch::Receiver<u64> {
        self.shared.commands.answers()
    }

    /// What another server has refused of a command, and why, where that keeps what is set.
    pub(super) fn refusals(&self, sent: &Sent) -> BTreeMap<String, String> {
        self.shared.commands.refusals(sent.number)
    }

    /// What is kept of it, and of which device.
    pub(super) fn memory(&self) -> (Memory, String) {
        let commands = &self.shared.commands;
        (commands.memory().clone(), commands.device())
    }

    /// The way to its source for requests of stills.
    pub(super) fn stills(&self) -> &Stills {
        &self.shared.stills
    }

    /// The sizes that its device has, smallest first; none where they are not known.
    pub(super) fn sizes(&self) -> Vec<(u32, u32)> {
        self.shared.sizes.get()
    }

    /// As [`Driver::in_call_for`].
    pub(super) fn in_driver_for(&self) -> Option<Duration> {
        self.shared.driver.in_call_for()
    }

    /// As [`Context::via`].
    pub(super) fn via(&self) -> Option<&Via> {
        self.shared.context.via.as_ref()
    }

    /// The settings in force.
    pub(super) fn settings(&self) -> Settings {
        self.shared.wanted().settings.clone()
    }

    /// Applies other settings, and restarts the source if they need that. Doesn't wait for it.
    pub(super) fn configure(&self, mut settings: Settings) {
        let mut wanted = self.shared.wanted();
        if settings.source == wanted.settings.source {
            // Cameras that it has found belong to the source that runs.
            settings.source = wanted.settings.source.clone();
        }
        let restarts = settings.needs_restart(&wanted.settings);
        let is_same = settings.source.is_same_camera(&wanted.settings.source);
        if settings.controls != wanted.settings.controls {
            // Of another camera nothing is known yet.
            let known = match is_same {
                true => self.shared.state.get().controls,
                false => Vec::new(),
            };
            self.shared.commands.configure(&settings.controls, &known);
        }
        wanted.settings = settings;
        if restarts {
            self.shared.stop(&wanted);
            if !is_same {
                self.shared.state.replaced(wanted.settings.source.word());
                let device = device(&wanted.settings.source);
                self.shared.commands.are_kept_elsewhere(false);
                self.shared.commands.opened(&device);
            }
        } else {
            let name = wanted.settings.name.as_deref();
            self.shared.state.configured(name, false);
        }
    }

    /// Closes the source and opens it again. Doesn't wait for it.
    pub(super) fn restart(&self) {
        self.shared.stop(&self.shared.wanted());
    }

    /// Ends the source. Doesn't wait for it.
    pub(super) fn end(&self) {
        let mut wanted = self.shared.wanted();
        wanted.ended = true;
        if let Some(run) = &wanted.run {
            run.demand().stop();
        }
    }

    /// The thread, to be joined by the caller.
    pub(super) fn take_thread(&self) -> Option<JoinHandle<()>> {
        self.thread().take()
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        // Nothing panics while it holds this lock.
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands for the device of a source that does not say which one it opens.
fn device(source: &Spec) -> String {
    let identity = source.identity();
    let (word, rest) = (identity.word, identity.rest);
    format!("{} {word} {rest}", source.word()).trim_end().into()
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        // Nothing panics while it holds this lock, and the value is valid at every point.
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the current run to make room for another one: the camera is starting from here on, and its frames are dropped.
    fn stop(&self, wanted: &Wanted) {
        // First, so that nothing of it comes behind that.
        if let Some(run) = &wanted.run {
            run.stop();
        }
        self.feed.forget();
        self.stills.offer(None);
        self.sizes.offer(Vec::new());
        self.state.configured(wanted.settings.name.as_deref(), true);
    }

    /// Runs the source, and after each change of settings that needs it a new one, until the camera ends.
    fn run(&self, port: &Port, first: First) {
        let mut first = Some(first);
        while let Some((settings, port)) = self.next_run(port) {
            let span = tracing::info_span!("camera", id = %settings.id);
            let _entered = span.enter();
            let make = || {
                let made = self.make(&settings, port.demand());
                if let Some(first) = first.take() {
                    let result = made.as_ref().map(drop).map_err(Clone::clone);
                    let is_told = first.told.send(result).is_ok();
                    if is_told && first.is_needed && made.is_err() {
                        self.wanted().ended = true;
                        port.demand().stop();
                    }
                }
                made
            };
            supervise(make, &port, self.context.pauses);
        }
        // The encoder ends with the last port.
        let last = self.wanted().run.take();
        drop(last);
    }

    /// The settings of the next run, and its port; `None` where the camera has ended.
    fn next_run(&self, port: &Port) -> Option<(Settings, Port)> {
        let mut wanted = self.wanted();
        if wanted.ended {
            return None;
        }
        let turn = wanted.settings.capture.transform.orientation();
        let port = port.for_run().with_turn(turn);
        // The last run may have published frames until it ended.
        self.stop(&wanted);
        wanted.run = Some(port.clone());
        Some((wanted.settings.clone(), port))
    }

    fn make(&self, settings: &Settings, demand: &Demand) -> Result<Box<dyn Source>, SourceError> {
        let ends = Ends {
            demand,
            camera: &settings.id,
            via: self.context.via.as_ref(),
            slot: &self.slot,
        };
        let source = settings.source.build(&settings.capture, &ends)?;
        let wanted = self.wanted();
        // Otherwise it is another camera's by now, and its run is over.
        if !settings.needs_restart(&wanted.settings) {
            self.state.made(&source.camera());
        }
        Ok(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Id;
    use crate::hub;
    use crate::source::{RawFrame, Report, Sink, Spec};
    use bytes::Bytes;
    use pistreamer_protocol::message::{self, ControlValues};
    use std::sync::mpsc;

    /// Hands on the width of each picture.
    struct Widths(mpsc::Sender<u32>);

    impl Sink for Widths {
        fn frame(&self, _: RawFrame) {}
        fn again(&self, _: RawFrame) {}
        fn report(&self, report: Report<'_>) {
            if let Report::Open(mode) = report {
                // The test may be over.
                let _ = self.0.send(mode.width);
            }
        }
    }

    const RENDITIONS: hub::Config = hub::Config {
        most: 1,
        quality: 80,
        tiles: None,
    };

    fn settings(source: Spec) -> Settings {
        let mut settings = Settings::idle(Id::new("camera").unwrap(), RENDITIONS);
        settings.source = source;
        settings.capture.fps = 30.0;
        (settings.capture.width, settings.capture.height) = (320, 240);
        settings
    }

    fn lifecycle(settings: &Settings, feed: &Arc<Feed>) -> Lifecycle {
        Lifecycle::new(
            settings.clone(),
            Arc::clone(feed),
            Arc::new(StateCell::new(None, settings.source.word())),
            PushSlot::default(),
            Context::default(),
        )
    }

    fn focus_at(value: f64) -> ControlValues {
        ControlValues::from([("Focus".to_owned(), value.into())])
    }

    fn first() -> First {
        First {
            told: mpsc::sync_channel(0).0,
            is_needed: false,
        }
    }

    fn end(lifecycle: &Lifecycle) {
        lifecycle.end();
        lifecycle.take_thread().unwrap().join().unwrap();
    }

    #[test]
    fn a_source_is_made_with_the_settings_that_hold_once_it_is_its_turn() {
        let mut settings = settings(Spec::parse("pattern").unwrap());
        let feed = Arc::new(Feed::new(RENDITIONS));
        let lifecycle = lifecycle(&settings, &feed);
        (settings.capture.width, settings.capture.height) = (640, 480);
        lifecycle.configure(settings);
        let (sender, widths) = mpsc::channel();
        let port = Port::new(Arc::new(Widths(sender)), feed.demand().clone());
        let _view = feed.view(hub::Limits::default());
        lifecycle.start(port, first()).unwrap();
        assert_eq!(widths.recv(), Ok(640));
        end(&lifecycle);
    }

    #[test]
    fn a_source_that_comes_too_late_is_not_taken_for_the_one_that_replaced_it() {
        let before = settings(Spec::parse("pattern").unwrap());
        let lifecycle = lifecycle(&before, &Arc::new(Feed::new(RENDITIONS)));
        lifecycle.configure(settings(Spec::parse("ingest").unwrap()));
        let demand = Demand::default();
        lifecycle.shared.make(&before, &demand).unwrap();
        let state = lifecycle.shared.state.get();
        assert_eq!((&*state.source, state.test_pattern), ("ingest", false));
    }

    #[test]
    fn what_was_set_holds_after_another_password_and_not_for_another_camera() {
        let http = |url: &str| settings(Spec::parse(url).unwrap());
        let feed = Arc::new(Feed::new(RENDITIONS));
        let lifecycle = lifecycle(&http("http://me:old@cam/video"), &feed);
        lifecycle
            .shared
            .commands
            .set(&focus_at(2.0), &ControlValues::new());
        let holds = |url: &str| {
            lifecycle.configure(http(url));
            lifecycle.shared.commands.begin_anew();
            !lifecycle.shared.commands.take().is_empty()
        };
        assert!(holds("http://you:new@cam/video"));
        assert!(!holds("http://you:new@cam/other"));
    }

    #[test]
    fn a_value_that_was_meant_for_another_camera_is_refused() {
        let lifecycle = lifecycle(
            &settings(Spec::parse("pattern").unwrap()),
            &Arc::new(Feed::new(RENDITIONS)),
        );
        let focus = message::Control {
            name: "Focus".into(),
            max: 10.0,
            ..message::Control::default()
        };
        let state = &lifecycle.shared.state;
        state.report(&Report::Controls(&[focus]));
        let set = |lifecycle: &Lifecycle, value| {
            let values = focus_at(value);
            let confirmed = false;
            lifecycle.command(&Command::Set { values, confirmed })
        };
        set(&lifecycle, 1.0).unwrap();
        std::thread::scope(|scope| {
            // Another camera is about to take its place.
            let replacing = lifecycle.shared.wanted();
            let (end, ended) = mpsc::channel();
            let lifecycle = &lifecycle;
            scope.spawn(move || end.send(set(lifecycle, 2.0)));
            // Where it waits for that, no time is too long.
            let early = ended.recv_timeout(Duration::from_millis(200));
            state.replaced("ingest");
            lifecycle.shared.commands.opened("ingest");
            drop(replacing);
            let said = early.or_else(|_| ended.recv()).unwrap();
            // Which controls that one has is not known yet.
            let refused = said.unwrap_err();
            assert_eq!(refused["Focus"].code(), "camera-away");
        });
        assert!(lifecycle.shared.commands.take().is_empty());
    }

    /// Shows one picture.
    struct Once;

    impl Source for Once {
        fn camera(&self) -> message::Camera {
            message::Camera {
                source: "once".into(),
                ..message::Camera::default()
            }
        }

        fn run(&mut self, port: &Port) -> Result<(), SourceError> {
            port.lost("the picture");
            while !port.demand().sleep(Duration::from_secs(60)) {}
            Ok(())
        }
    }

    /// Publishes a picture for that, as slowly as it is told to.
    struct Slow(Arc<Feed>, mpsc::Sender<()>, Mutex<mpsc::Receiver<()>>);

    impl Sink for Slow {
        fn frame(&self, _: RawFrame) {}
        fn again(&self, _: RawFrame) {}
        fn report(&self, report: Report<'_>) {
            if matches!(report, Report::Lost(reason) if reason.text == "the picture") {
                self.1.send(()).unwrap();
                self.2.lock().unwrap().recv().unwrap();
                let picture = hub::Frame::new(1, 1, (320, 240), Bytes::new());
                self.0.publish(hub::Rendition::FULL, picture);
            }
        }
    }

    #[test]
    fn no_picture_of_a_source_that_was_replaced_comes_behind_that() {
        let feed = Arc::new(Feed::new(RENDITIONS));
        let lifecycle = lifecycle(&settings(Spec::given(Box::new(Once))), &feed);
        let ((came, coming), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
        let slow = Slow(Arc::clone(&feed), came, Mutex::new(goes_on));
        let port = Port::new(Arc::new(slow), feed.demand().clone());
        let mut view = feed.view(hub::Limits::default());
        lifecycle.start(port, first()).unwrap();
        coming.recv().unwrap();
        let (configured, is_configured) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                lifecycle.configure(settings(Spec::parse("ingest").unwrap()));
                configured.send(view.newer().is_none()).unwrap();
            });
            // Where it waits for the picture, no time is too long.
            let early = is_configured.recv_timeout(Duration::from_millis(200));
            go_on.send(()).unwrap();
            assert!(early.is_err());
            assert_eq!(is_configured.recv(), Ok(true));
        });
        lifecycle.end();
    }
}
