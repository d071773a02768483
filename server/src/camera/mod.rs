//! One owner for each camera. Frames and one state value go right, to the consumers; demand and commands go left, to the
//! source.
//!
//! [`Camera`] is the only handle that anything else holds. Fetching pictures belongs to [`crate::source`], keeping the
//! newest to [`crate::hub`], and which cameras there are to [`Registry`].

mod answer;
mod control;
mod happenings;
mod health;
mod id;
mod intake;
mod lifecycle;
mod no_signal;
mod operated;
mod pushes;
mod recorded;
mod registry;
mod settings;
mod state;
mod still;
mod stuck;
mod subscription;
mod target;

pub(crate) use answer::Answer;
pub(crate) use control::{Command, CommandError, Operator, Refused, Sent};
pub(crate) use happenings::{When, wall_of};
pub(crate) use id::{Id, IdError, identify};
pub(crate) use lifecycle::Context;
pub(crate) use no_signal::NO_SIGNAL_INTERVAL;
pub(crate) use pushes::{Push, PushEntry, PushState};
pub(crate) use registry::{Change, Registry};
pub use settings::Settings;
pub(crate) use settings::{Record, RecordEvents};
pub(crate) use state::{CameraState, Phase};
pub(crate) use still::{NotTaken, Still};
pub(crate) use stuck::STUCK;
pub(crate) use subscription::{Event, Subscription};
pub(crate) use target::{Place, Target, TargetError};

use crate::encode::{self, Pool};
use crate::hub::{self, Feed, Limits};
use crate::kept::PresetError;
use crate::source::push_slot::PushSlot;
use crate::source::{Port, Report, SourceError};
use crate::util::log_throttle::{ConnectionThrottle, EventThrottle};
use crate::via::Via;
use anyhow::Context as _;
use control::Accepted;
use happenings::Happenings;
use intake::{Encoding, Intake};
use lifecycle::{First, Lifecycle};
use no_signal::NoSignal;
use operated::Operated;
use pistreamer_protocol::message::ControlValues;
use pushes::Pushes;
use recorded::Recorded;
use state::StateCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use still::StillDesk;
use stuck::Before;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long a start waits for sources to be made: usually that takes no time, and a camera whose driver hangs comes later.
const MAKES: Duration = Duration::from_secs(5);

/// Why a preset is not saved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSaved {
    /// The camera has no such controls or values.
    #[error("{}", refusals(.0))]
    Refused(Refused),
    /// It cannot be kept.
    #[error(transparent)]
    NotKept(#[from] PresetError),
}

impl From<Refused> for NotSaved {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

fn refusals(refused: &Refused) -> String {
    let refused: Vec<_> = refused.values().map(ToString::to_string).collect();
    refused.join("; ")
}

/// A camera. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Camera(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: Id,
    feed: Arc<Feed>,
    state: Arc<StateCell>,
    slot: PushSlot,
    no_signal: NoSignal,
    before_stuck: Before,
    pushes: Pushes,
    stills: StillDesk,
    recorded: Recorded,
    happenings: Happenings,
    operated: Operated,
    lifecycle: Lifecycle,
    removed: CancellationToken,
    asked_by_order: EventThrottle,
    commanded: ConnectionThrottle,
}

impl Camera {
    /// Starts the camera, and waits a little for its source to be made.
    ///
    /// # Errors
    /// Where the source cannot be made, or the system gives no threads.
    pub fn start(settings: Settings, context: &Context) -> anyhow::Result<Self> {
        // The camera goes on where this does not wait for what it tells.
        let (camera, made) = Self::new(settings, context).run(true, context)?;
        if let Ok(Err(error)) = made.recv_timeout(MAKES) {
            camera.join();
            return Err(error.into());
        }
        camera.log_start();
        Ok(camera)
    }

    /// Starts several cameras, and waits a little for their sources to be made. Where one cannot be made, the camera's state
    /// says why, and that is tried again.
    ///
    /// # Errors
    /// Where the system gives no threads.
    fn start_all(settings: &[Settings], context: &Context) -> anyhow::Result<Vec<Self>> {
        let start = |settings: &Settings| Self::new(settings.clone(), context).run(false, context);
        let started: Vec<_> = settings.iter().map(start).collect::<Result<_, _>>()?;
        let deadline = Instant::now() + MAKES;
        let cameras = started.into_iter().map(|(camera, made)| {
            // The camera itself says what is wrong.
            let _ = made.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            camera.log_start();
            camera
        });
        Ok(cameras.collect())
    }

    /// Starts the camera, and doesn't wait for its source to be made.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn start_anyway(settings: Settings, context: &Context) -> anyhow::Result<Self> {
        let (camera, _) = Self::new(settings, context).run(false, context)?;
        camera.log_start();
        Ok(camera)
    }

    /// A camera without a source: what is published to its feed and reported of it is up to the caller.
    ///
    /// # Errors
    /// Where that is no id.
    pub fn idle(id: &str, renditions: hub::Config) -> Result<Self, IdError> {
        Ok(Self::new(
            Settings::idle(Id::new(id)?, renditions),
            &Context::default(),
        ))
    }

    fn new(settings: Settings, context: &Context) -> Self {
        let (name, kind) = (settings.name.as_deref(), settings.source.word());
        let state = Arc::new(StateCell::new(name, kind));
        let slot = PushSlot::default();
        let feed = Arc::new(Feed::new(settings.renditions()));
        let lifecycle = Lifecycle::new(
            settings.clone(),
            Arc::clone(&feed),
            Arc::clone(&state),
            slot.clone(),
            context.clone(),
        );
        Self(Arc::new(Inner {
            id: settings.id,
            feed,
            lifecycle,
            state,
            slot,
            no_signal: NoSignal::default(),
            before_stuck: Before::default(),
            pushes: Pushes::default(),
            stills: StillDesk::default(),
            recorded: Recorded::default(),
            happenings: Happenings::new(Arc::clone(&context.told)),
            operated: Operated::default(),
            removed: CancellationToken::new(),
            asked_by_order: EventThrottle::new(),
            commanded: ConnectionThrottle::new(),
        }))
    }

    /// Starts its threads. What is returned besides tells whether its source could be made.
    fn run(
        self,
        is_needed: bool,
        context: &Context,
    ) -> anyhow::Result<(Self, Receiver<Result<(), SourceError>>)> {
        let Inner {
            id,
            feed,
            state,
            lifecycle,
            ..
        } = &*self.0;
        let encoding = encode::Config {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            pauses: context.pauses,
        };
        let health = Arc::new(Encoding {
            feed: Arc::clone(feed),
            state: Arc::clone(state),
        });
        let pool = Pool::spawn(encoding, id, Arc::clone(feed), health);
        let intake = Intake {
            feed: Arc::clone(feed),
            state: Arc::clone(state),
            pool: pool.context("cannot start the encoder")?,
            opened: ConnectionThrottle::new(),
        };
        let port = Port::new(Arc::new(intake), feed.demand().clone());
        // One of several does not wait until it is its turn to be heard.
        let (told, made) = sync_channel(if is_needed { 0 } else { 1 });
        let first = First { told, is_needed };
        lifecycle
            .start(port, first)
            .context("cannot start the source")?;
        Ok((self, made))
    }

    fn log_start(&self) {
        // The source's own name, where its owner gave none and it is made.
        let (id, name) = (self.id(), self.state().name);
        tracing::info!(%id, name, source = %self.settings().source, "camera");
    }

    /// Waits until its thread has ended.
    fn join(&self) {
        if self
            .take_thread()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("a camera's thread had panicked");
        }
    }

    /// Its id.
    pub fn id(&self) -> &Id {
        &self.0.id
    }

    /// The servers that look at this one; `None` where this program serves nothing.
    pub(crate) fn via(&self) -> Option<&Via> {
        self.0.lifecycle.via()
    }

    /// Its settings now.
    pub fn settings(&self) -> Settings {
        self.0.lifecycle.settings()
    }

    /// Returns true if both are the same camera, rather than two with the same id.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Its state now.
    pub fn state(&self) -> CameraState {
        self.0.state.get()
    }

    /// Applies a report, for a camera without a source.
    pub fn report(&self, report: &Report<'_>) {
        if let Report::Open(mode) = report {
            self.0.feed.set_width(mode.width);
        }
        self.0.state.report(report);
    }

    /// News of controls that change by themselves: each with its newest value.
    fn readings(&self) -> watch::Receiver<ControlValues> {
        self.0.state.readings()
    }

    /// Its state, and news of it.
    pub(crate) fn news(&self) -> watch::Receiver<CameraState> {
        self.0.state.news()
    }

    /// Its frames.
    pub fn feed(&self) -> &Arc<Feed> {
        &self.0.feed
    }

    /// Adds a consumer with these limits.
    pub fn subscribe(&self, limits: Limits) -> Subscription {
        Subscription::new(self.clone(), limits)
    }

    /// Carries out a command. Doesn't wait for the source, which [`Self::answer`] does.
    ///
    /// # Errors
    /// Where it has no such control, or that has no such value.
    pub(crate) fn send(&self, command: &Command) -> Result<Sent, Refused> {
        self.0.lifecycle.command(command)
    }

    /// Sets those of these values that can be set now: one of another mode is no reason to leave out the others. Returns also
    /// what was left out.
    pub(crate) fn apply(&self, mut values: ControlValues, confirmed: bool) -> (Sent, Refused) {
        let mut left_out = Refused::new();
        loop {
            let command = Command::Set {
                values: values.clone(),
                confirmed,
            };
            match self.send(&command) {
                Ok(sent) => return (sent, left_out),
                Err(refused) => {
                    let count = values.len();
                    values.retain(|name, _| !refused.contains_key(name));
                    left_out.extend(refused);
                    // Nothing is left to be set, or what was refused is none of it: another try would end the same.
                    if values.is_empty() || values.len() == count {
                        return (Sent::default(), left_out);
                    }
                }
            }
        }
    }

    /// Counts something that a program did to its controls. If that is to be logged, the number of those since the last one that
    /// were not.
    pub(crate) fn commanded(&self) -> Option<u64> {
        self.0.commanded.again()
    }

    /// Takes other settings. Where they concern the source, it is recreated: viewers stay, see that the camera is starting,
    /// and the seqs of its frames go on.
    pub fn reconfigure(&self, settings: Settings) {
        self.0.feed.configure(settings.renditions());
        // It goes by its id for good.
        let id = self.id().clone();
        self.0.lifecycle.configure(Settings { id, ..settings });
    }

    /// Closes its source and opens it again, as after a change of its settings.
    pub(crate) fn restart(&self) {
        self.0.lifecycle.restart();
    }

    /// The presets of the device that it shows, by their names.
    pub(crate) fn presets(&self) -> BTreeMap<String, ControlValues> {
        let (memory, device) = self.0.lifecycle.memory();
        memory.presets(&device)
    }

    /// Keeps these values as a preset, or without any all that can be set now. Waits until it is written down.
    ///
    /// # Errors
    /// Where the camera has no such controls or values, that is no name, or it cannot be written.
    pub(crate) async fn save_preset(
        &self,
        name: &str,
        values: Option<&ControlValues>,
        confirmed: bool,
    ) -> Result<ControlValues, NotSaved> {
        let state = self.state();
        let values = match values {
            Some(given) => {
                let Accepted { set, once } = Accepted::of(&state, given, confirmed)?;
                if let Some(name) = once.into_keys().next() {
                    return Err(PresetError::Once(name).into());
                }
                set
            }
            None if state.phase == Phase::Live => control::present(&state),
            None => ControlValues::new(),
        };
        let (memory, device) = self.0.lifecycle.memory();
        memory.save(&device, name, values.clone()).await?;
        Ok(values)
    }

    /// Removes a preset. Returns whether there was one.
    pub(crate) fn remove_preset(&self, name: &str) -> bool {
        let (memory, device) = self.0.lifecycle.memory();
        memory.remove(&device, name)
    }

    /// Counts a request for it by its place in the order. Returns how many there were lately if this one is to be logged.
    fn asked_by_order(&self) -> Option<u64> {
        self.0.asked_by_order.again()
    }

    /// The way in for pictures that are pushed to it, where its source takes them.
    pub fn push_slot(&self) -> Option<&PushSlot> {
        self.settings()
            .source
            .takes_pushes()
            .then_some(&self.0.slot)
    }

    /// Ends the camera for good. Doesn't wait for its source to close: its thread ends then.
    pub fn end(&self) {
        self.0.lifecycle.end();
    }

    /// The thread of its source, to be joined by the caller.
    pub fn take_thread(&self) -> Option<JoinHandle<()>> {
        self.0.lifecycle.take_thread()
    }

    /// Ends the camera for good, and its consumers.
    fn remove(&self) -> Option<JoinHandle<()>> {
        // First, so that nothing that ends with the source takes it for a restart.
        self.0.removed.cancel();
        self.end();
        self.take_thread()
    }

    /// Completes when the camera has been removed.
    pub fn removed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.removed.clone().cancelled_owned()
    }
}
