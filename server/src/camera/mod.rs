//! One owner for each camera. Frames and one state value go right, to the consumers; demand and commands go left, to the
//! source.
//!
//! [`Camera`] is the only handle that anything else holds. Fetching pictures belongs to [`crate::source`], keeping the
//! newest to [`crate::hub`], and which cameras there are to [`Registry`].

mod control;
mod health;
mod id;
mod intake;
mod lifecycle;
mod no_signal;
mod pushes;
mod registry;
mod settings;
mod state;
mod stuck;
mod subscription;
mod target;

pub(crate) use control::{Command, CommandError, Operator};
pub(crate) use id::{Id, IdError, identify};
pub(crate) use lifecycle::Context;
pub(crate) use no_signal::NO_SIGNAL_INTERVAL;
pub(crate) use pushes::{Push, PushEntry, PushState};
pub(crate) use registry::{Change, Registry};
pub use settings::Settings;
pub(crate) use state::{CameraState, Phase};
pub(crate) use stuck::STUCK;
pub(crate) use subscription::{Event, Subscription};
pub(crate) use target::{Place, Target};

use crate::encode::{self, Pool};
use crate::hub::{self, Feed, Limits};
use crate::source::push_slot::PushSlot;
use crate::source::{Port, Report};
use crate::util::log_throttle::{ConnectionThrottle, EventThrottle};
use crate::via::Via;
use anyhow::Context as _;
use intake::{Encoding, Intake};
use lifecycle::{Lifecycle, Made};
use no_signal::NoSignal;
use pushes::Pushes;
use state::StateCell;
use std::sync::Arc;
use std::thread::JoinHandle;
use stuck::Before;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

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
    lifecycle: Lifecycle,
    removed: CancellationToken,
    asked_by_order: EventThrottle,
}

impl Camera {
    /// Makes the camera's source and starts it.
    ///
    /// # Errors
    /// Where the source cannot be made, or the system gives no threads.
    pub fn start(settings: Settings, context: &Context) -> anyhow::Result<Self> {
        let camera = Self::new(settings, context);
        let source = camera.0.lifecycle.make()?;
        camera.run(Some(source), context)
    }

    /// Starts the camera. Where its source cannot be made, its state says why, and that is tried again.
    ///
    /// # Errors
    /// Where the system gives no threads.
    fn start_with_or_without(settings: Settings, context: &Context) -> anyhow::Result<Self> {
        let camera = Self::new(settings, context);
        // The camera's thread says why, when it tries again.
        let source = camera.0.lifecycle.make().ok();
        camera.run(source, context)
    }

    /// The same, and doesn't wait for its source to be made.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn start_anyway(settings: Settings, context: &Context) -> anyhow::Result<Self> {
        Self::new(settings, context).run(None, context)
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
            removed: CancellationToken::new(),
            asked_by_order: EventThrottle::new(),
        }))
    }

    fn run(self, source: Option<Made>, context: &Context) -> anyhow::Result<Self> {
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
        // The source's own name, where its owner gave none and it is made.
        let name = state.get().name;
        tracing::info!(%id, name, source = %lifecycle.settings().source, "camera");
        lifecycle
            .start(port, source)
            .context("cannot start the source")?;
        Ok(self)
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

    /// Its state, and news of it.
    fn news(&self) -> watch::Receiver<CameraState> {
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

    /// Carries out a command. Doesn't wait for the source.
    ///
    /// # Errors
    /// Where it has no such control, or that has no such value.
    pub fn send(&self, command: Command) -> Result<(), CommandError> {
        let Inner {
            feed, lifecycle, ..
        } = &*self.0;
        match command {
            Command::Set { control, value } => lifecycle.set(&control, value)?,
            Command::Reconfigure(settings) => {
                feed.configure(settings.renditions());
                // It goes by its id for good.
                let id = self.id().clone();
                lifecycle.configure(Settings { id, ..*settings });
            }
        }
        Ok(())
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
