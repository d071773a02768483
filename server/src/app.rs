//! The composition root: puts the stages together, runs them, and ends them in the order in which data flows.

use crate::access::{Access, Code, Store, follow_interfaces};
use crate::alerts::Alerts;
use crate::appear;
use crate::camera::{self, Camera, Registry, Settings, identify};
use crate::config::{self, Config, Loaded, Reload};
use crate::front::{self, Configuration, Crowd, Listener, Nearby, Tls, Walls};
use crate::kept::Kept;
use crate::lan::{self, Offer};
use crate::library::{self, Recordings};
use crate::motion;
use crate::operate;
use crate::push;
use crate::record;
use crate::session::Roster;
use crate::source::{Source, Spec};
use crate::util::clock_sync;
use crate::via::Via;
use pistreamer_recording::Recorder;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long viewers and connections get to say goodbye.
const GOODBYE: Duration = Duration::from_secs(3);

/// How long cameras get to close: longer than it takes to end a process that does not close its own.
const CLOSES: Duration = Duration::from_secs(4);

/// A server whose sockets are bound and whose cameras run.
#[derive(Debug)]
pub struct App {
    cameras: Registry,
    listeners: Vec<Listener>,
    /// What is announced, where it is to be.
    offer: Option<Offer>,
    /// What was set on the cameras.
    kept: Kept,
    state: front::State,
}

impl App {
    /// Binds every address, then starts every camera. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// Where an address cannot be bound or a source cannot be made.
    pub fn start(config: &Config) -> anyhow::Result<Self> {
        let listeners = listen(config)?;
        let tls = config.certificate.as_ref().map(Tls::load).transpose()?;
        let access = match &config.keys {
            Some(store) => Access::with(store.clone())?,
            None => Access::open(),
        };
        let via = Via::default();
        let context = camera::Context {
            via: Some(via.clone()),
            pauses: config.pauses,
            kept: Kept::open(config.state_dir.clone()),
            ..camera::Context::default()
        };
        let kept = context.kept.clone();
        let cameras = Registry::start(&config.cameras, context)?;
        let recordings = config.recording.as_ref();
        let recordings = recordings.map(|it| Recordings::new(it.root.clone()));
        let recorder = config.recording.clone().map(|recording| {
            Recorder::start(pistreamer_recording::Config {
                state: config.state_dir.clone(),
                clock_is_set: clock_sync::is_synchronised,
                ..recording
            })
        });
        let recorder = recorder.transpose()?;
        let ids = cameras.list();
        access.renew_keys(ids.iter().map(|camera| camera.id().to_string()).collect());
        let alerts = Alerts::new(config.alerts.clone(), config.state_dir.as_deref());
        let state = front::State {
            cameras: cameras.clone().into(),
            roster: Roster::default(),
            sessions: config.sessions,
            access,
            tls,
            crowd: Crowd::new(config.limits),
            origins: config.origins.clone(),
            hosts: config.hosts.clone(),
            proxies: config.proxies.as_slice().into(),
            via,
            configuration: Configuration::default(),
            nearby: Nearby::default(),
            alerts,
            settings: front::Settings::default(),
            recorder: recorder.map(Arc::new),
            recordings,
            films: front::Films::default(),
            mp4: library::Mp4::new(config.ffmpeg.clone()),
            walls: Walls::new(config.keys.as_ref().map(Store::directory)),
            started: Instant::now(),
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        };
        let offer = config.announce.then(|| {
            let addresses: Vec<_> = listeners.iter().map(Listener::address).collect();
            let offer = Offer::new(&addresses, state.tls.is_some(), cameras.clone());
            if offer.is_none() {
                tracing::info!("not announced on the local network: this machine alone reaches it");
            }
            offer
        });
        let app = Self {
            cameras,
            listeners,
            offer: offer.flatten(),
            kept,
            state,
        };
        app.state.nearby.leave_out(app.urls());
        if let Some(store) = &config.keys {
            store.note_addresses(&app.urls());
        }
        Ok(app)
    }

    /// The same with cameras of the caller's own, in place of those that the configuration names, with the settings of the
    /// first of those.
    ///
    /// # Errors
    /// Where an address cannot be bound, or several cameras would have one name or be pushed to one target.
    pub fn start_with(config: &Config, sources: Vec<Box<dyn Source>>) -> anyhow::Result<Self> {
        let mut config = config.clone();
        let [usual, ..] = config.cameras.as_slice() else {
            anyhow::bail!("there is no camera to be replaced");
        };
        if sources.len() > 1 && (usual.name.is_some() || !usual.push.is_empty()) {
            anyhow::bail!(
                "a name and the targets of pushes are for one camera, and there are {}",
                sources.len()
            );
        }
        let specs: Vec<_> = sources.into_iter().map(Spec::given).collect();
        let ids = identify(specs.iter().map(|spec| (None, spec)))?;
        let cameras = ids.into_iter().zip(specs).map(|(id, source)| Settings {
            id,
            source,
            ..usual.clone()
        });
        config.cameras = cameras.collect();
        Self::start(&config)
    }

    /// The URLs under which people find the viewer, each once.
    pub fn urls(&self) -> Vec<String> {
        let encrypted = self.state.tls.is_some();
        let mut urls = Vec::new();
        for listener in &self.listeners {
            for url in front::urls(listener.address(), encrypted) {
                // Those for IPv4 and those for IPv6 share names.
                if !urls.contains(&url) {
                    urls.push(url);
                }
            }
        }
        urls
    }

    /// One-time codes by which devices of the owner's come in, where a key is needed. Print them where only the owner
    /// reads.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn codes(&self, count: usize) -> std::io::Result<Vec<Code>> {
        self.state.access.codes(count)
    }

    /// The SHA-256 of the TLS certificate, where connections are encrypted.
    pub fn fingerprint(&self) -> Option<String> {
        self.state.tls.as_ref().map(Tls::fingerprint)
    }

    /// Each camera's name and where it is seen, where there is more than one.
    pub fn links(&self) -> Vec<(String, String)> {
        let cameras = self.cameras.list();
        let urls = self.urls();
        let Some(url) = urls.first().filter(|_| cameras.len() > 1) else {
            return Vec::new();
        };
        let link = |camera: &Camera| {
            let (id, name) = (camera.id(), camera.state().name);
            (format!("{id} ({name})"), format!("{url}?camera={id}"))
        };
        cameras.iter().map(link).collect()
    }

    /// Whether everybody is let in.
    pub fn is_open(&self) -> bool {
        self.state.access.is_open()
    }

    /// The cameras.
    pub(crate) fn cameras(&self) -> &Registry {
        &self.cameras
    }

    /// Cancelled when the server is to end.
    pub(crate) fn ending(&self) -> &CancellationToken {
        &self.state.shutdown
    }

    /// Follows the files of the configuration with which it was started: they are read again when one has changed, and at once
    /// when `asked` is notified, and what they say of the cameras is done. Until then, and no longer, administrators set
    /// cameras' settings. Ends with the server.
    pub fn follow(
        &self,
        started: Loaded,
        asked: Arc<Notify>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let told = self.state.configuration.clone();
        let requests = self.state.settings.serve();
        let reload = Reload::new(
            started,
            self.cameras.clone(),
            told,
            self.state.alerts.clone(),
        );
        let until = self.state.shutdown.clone();
        async move {
            let follows = Box::pin(reload.follow(&asked, requests));
            until.run_until_cancelled(follows).await;
        }
    }

    /// Serves until `shutdown` is done, then says goodbye to every viewer and closes the cameras.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            cameras,
            listeners,
            offer,
            kept,
            state,
        } = self;
        for listener in listeners {
            state.tasks.spawn(front::serve(listener, state.clone()));
        }
        if let Some(offer) = offer {
            state
                .tasks
                .spawn(lan::announce(offer, state.shutdown.clone()));
        }
        let (access, until) = (state.access.clone(), state.shutdown.clone());
        state.tasks.spawn(async move { access.follow(until).await });
        let until = state.shutdown.clone();
        state.tasks.spawn(follow_interfaces(until));
        let until = state.shutdown.clone();
        state.tasks.spawn(kept.follow(until));
        let until = state.shutdown.clone();
        state.tasks.spawn(push::follow(cameras.clone(), until));
        let until = state.shutdown.clone();
        state.tasks.spawn(appear::follow(cameras.clone(), until));
        let until = state.shutdown.clone();
        state.tasks.spawn(motion::follow(cameras.clone(), until));
        let (alerts, recorder) = (state.alerts.clone(), state.recorder.clone());
        let until = state.shutdown.clone();
        let telling = alerts.follow(cameras.clone(), recorder, until);
        state.tasks.spawn(telling);
        let until = state.shutdown.clone();
        state.tasks.spawn(operate::follow(cameras.clone(), until));
        if let Some(recorder) = state.recorder.clone() {
            let until = state.shutdown.clone();
            let recording = record::follow(cameras.clone(), recorder, until);
            state.tasks.spawn(recording);
        }
        let (drivers, until) = (cameras.clone(), state.shutdown.clone());
        state.tasks.spawn(async move {
            until
                .run_until_cancelled_owned(drivers.watch_drivers())
                .await
        });
        if let Some(tls) = state.tls.clone() {
            let until = state.shutdown.clone();
            state.tasks.spawn(async move { tls.follow(until).await });
        }
        shutdown.await;
        // First, so that nothing that ends with its camera takes that for something else.
        state.shutdown.cancel();
        let closed = tokio::task::spawn_blocking(move || cameras.end());
        state.tasks.close();
        if tokio::time::timeout(GOODBYE, state.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = state.tasks.len(),
                "some connections did not close in time"
            );
        }
        let recorded = state.recorder.map(|recorder| {
            // Behind the cameras' last frames.
            tokio::task::spawn_blocking(move || recorder.end(CLOSES))
        });
        if tokio::time::timeout(CLOSES, closed).await.is_err() {
            tracing::warn!("a camera did not close in time");
        }
        if let Some(recorded) = recorded
            && !matches!(recorded.await, Ok(true))
        {
            tracing::warn!("recordings were not closed in time, and are at the next start");
        }
    }
}

/// Pushes a camera's frames until `shutdown` is done or the time is over.
///
/// # Errors
/// Where the camera cannot be started, or nothing was delivered.
pub async fn push(config: &config::Push, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let config::Push {
        camera,
        target,
        duration,
        log: _,
        useless: _,
    } = config;
    let camera = Camera::start(camera.clone(), &camera::Context::default())?;
    let (progress, stop) = (camera.begin_push(target), CancellationToken::new());
    let time_is_over = async {
        match duration {
            Some(duration) => tokio::time::sleep(*duration).await,
            None => std::future::pending().await,
        }
    };
    let mut pushing = std::pin::pin!(push::run(&camera, target, &progress, &stop));
    let mut problem = tokio::select! {
        problem = &mut pushing => Some(problem),
        () = shutdown => None,
        () = time_is_over => None,
        () = push::report(&progress) => None,
    };
    if problem.is_none() {
        stop.cancel();
        problem = tokio::time::timeout(GOODBYE, pushing).await.ok();
    }
    camera.end();
    let thread = camera.take_thread();
    let closed = tokio::task::spawn_blocking(move || thread.map(std::thread::JoinHandle::join));
    if tokio::time::timeout(CLOSES, closed).await.is_err() {
        tracing::warn!("the camera did not close in time");
    }
    let (frames, problem) = (progress.delivered(), problem.flatten());
    let is_connected = progress.status().state == camera::PushState::Connected;
    let has_worked = frames > 0 || (target.is_broker() && is_connected);
    if !has_worked {
        let state = camera.state();
        let reason = problem.or((!state.reason.is_empty()).then_some(state.reason.text));
        anyhow::bail!(
            "nothing was delivered to {target}: {}",
            reason.as_deref().unwrap_or("no frame came in time")
        );
    }
    if let Some(reason) = problem {
        anyhow::bail!(
            "{frames} frames were sent, and {target} was not connected at the end: {reason}"
        );
    }
    tracing::info!(frames, "pushed");
    Ok(())
}

/// Binds every address, with descriptors for as many connections as there may be.
fn listen(config: &Config) -> anyhow::Result<Vec<Listener>> {
    make_room(config);
    let bound = config.listen.iter().map(|address| Listener::bind(*address));
    Ok(bound.collect::<Result<_, _>>()?)
}

/// Descriptors besides those of connections: cameras, listeners, files, pipes.
const OTHER_DESCRIPTORS: usize = 64;

/// Asks the system for as many descriptors as there may be connections.
fn make_room(config: &Config) {
    let wanted = (config.limits.members + config.limits.guests + OTHER_DESCRIPTORS) as u64;
    match rlimit::increase_nofile_limit(wanted) {
        Ok(granted) if granted < wanted => tracing::warn!(
            granted,
            wanted,
            "the system grants fewer descriptors than connections may need: raise `ulimit -n`, or allow fewer connections"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "cannot ask for more descriptors"),
    }
}
