//! The composition root: puts the stages together, runs them, and ends them in the order in which data flows.

use crate::access::{Access, Code, follow_interfaces};
use crate::called;
use crate::config::{self, Config, SourceKind};
use crate::encode;
use crate::front::{self, Crowd, Listener, NoSignal, Tls};
use crate::hub::{self, Camera, Hub, Picture};
use crate::push;
use crate::session::Roster;
use crate::source::files::FilesSource;
use crate::source::http::HttpSource;
use crate::source::ingest::{Door, IngestSource};
use crate::source::pattern::PatternSource;
use crate::source::relay::RelaySource;
use crate::source::tcp::TcpSource;
use crate::source::{self, Mode, Outlet, Pauses, RawFrame, Sink, Source, Supervisor, Transform};
use crate::util::log_throttle::Folded;
use crate::via::Via;
use anyhow::Context;
use pistreamer_client::Endpoint;
use pistreamer_protocol::message;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long viewers and connections get to say goodbye.
const GOODBYE: Duration = Duration::from_secs(3);

/// A server whose sockets are bound and whose cameras run.
#[derive(Debug)]
pub struct App {
    cameras: Vec<Supervisor>,
    listeners: Vec<Listener>,
    state: front::State,
}

impl App {
    /// Binds every address, then starts every camera. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// Where an address cannot be bound or a source cannot be made.
    pub fn start(config: &Config) -> anyhow::Result<Self> {
        let listeners = listen(config)?;
        let mut sources = Vec::new();
        let mut doors = Vec::new();
        let via = Via::default();
        for (number, kind) in config.sources.iter().enumerate() {
            let door = Door::default();
            sources.push(match kind {
                SourceKind::Relay(endpoint) => relay(endpoint, &via, number),
                kind => source(kind, &config.capture, &door)?,
            });
            if *kind == SourceKind::Ingest {
                doors.push((number.to_string(), door));
            }
        }
        Self::assemble(config, listeners, sources, doors, via)
    }

    /// The same with cameras of the caller's own, in place of those that the configuration names.
    ///
    /// # Errors
    /// Where an address cannot be bound.
    pub fn start_with(config: &Config, sources: Vec<Box<dyn Source>>) -> anyhow::Result<Self> {
        Self::assemble(config, listen(config)?, sources, Vec::new(), Via::default())
    }

    fn assemble(
        config: &Config,
        listeners: Vec<Listener>,
        sources: Vec<Box<dyn Source>>,
        doors: Vec<(String, Door)>,
        via: Via,
    ) -> anyhow::Result<Self> {
        let tls = config.certificate.as_ref().map(Tls::load).transpose()?;
        let access = match &config.keys {
            Some(store) => Access::with(store.clone())?,
            None => Access::open(),
        };
        let renditions = hub::Config {
            most: config.renditions,
            quality: config.quality,
        };
        let mut cameras = Vec::new();
        let mut supervisors = Vec::new();
        for (number, source) in sources.into_iter().enumerate() {
            let (camera, supervisor) = start_camera(number, source, renditions, config.pauses)?;
            cameras.push(camera);
            supervisors.push(supervisor);
        }
        let ids = cameras.iter().map(|camera| camera.identity().id.clone());
        access.renew_keys(ids.collect());
        let state = front::State {
            hub: Hub::new(cameras),
            doors: doors.into(),
            no_signal: NoSignal::default(),
            roster: Roster::default(),
            sessions: config.sessions,
            access,
            tls,
            crowd: Crowd::new(config.limits),
            origins: config.origins.clone(),
            hosts: config.hosts.clone(),
            proxies: config.proxies.as_slice().into(),
            via,
            started: Instant::now(),
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        };
        let app = Self {
            cameras: supervisors,
            listeners,
            state,
        };
        if let Some(store) = &config.keys {
            store.note_addresses(&app.urls());
        }
        Ok(app)
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

    /// One-time codes by which devices of the owner's come in, where a key is needed. Print them where only the owner reads.
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
        let cameras = self.state.hub.cameras();
        let urls = self.urls();
        let Some(url) = urls.first().filter(|_| cameras.len() > 1) else {
            return Vec::new();
        };
        let link = |camera: &Arc<Camera>| {
            let identity = camera.identity();
            let (id, name) = (&identity.id, &identity.name);
            (format!("{id} ({name})"), format!("{url}?camera={id}"))
        };
        cameras.iter().map(link).collect()
    }

    /// Whether everybody is let in.
    pub fn is_open(&self) -> bool {
        self.state.access.is_open()
    }

    /// The cameras.
    pub fn hub(&self) -> &Hub {
        &self.state.hub
    }

    /// Serves until `shutdown` is done, then says goodbye to every viewer and closes the cameras.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            cameras,
            listeners,
            state,
        } = self;
        for listener in listeners {
            state.tasks.spawn(front::serve(listener, state.clone()));
        }
        let (access, until) = (state.access.clone(), state.shutdown.clone());
        state.tasks.spawn(async move { access.follow(until).await });
        let until = state.shutdown.clone();
        state.tasks.spawn(follow_interfaces(until));
        if let Some(tls) = state.tls.clone() {
            let until = state.shutdown.clone();
            state.tasks.spawn(async move { tls.follow(until).await });
        }
        shutdown.await;
        // In the order of the data: no new frames, then no viewers.
        let closed = tokio::task::spawn_blocking(move || drop(cameras));
        state.shutdown.cancel();
        state.tasks.close();
        if tokio::time::timeout(GOODBYE, state.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = state.tasks.len(),
                "some connections did not end in time"
            );
        }
        if tokio::time::timeout(GOODBYE, closed).await.is_err() {
            tracing::warn!("a camera did not close in time");
        }
    }
}

/// Pushes a camera's frames until `shutdown` is done or the time is over.
///
/// # Errors
/// Where the camera cannot be started, or nothing was delivered.
pub async fn push(config: &config::Push, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let config::Push {
        source: kind,
        capture,
        quality,
        target,
        duration,
    } = config;
    let source = source(kind, capture, &Door::default())?;
    let renditions = hub::Config {
        most: 1,
        quality: *quality,
    };
    let (camera, supervisor) = start_camera(0, source, renditions, Pauses::default())?;
    let (progress, stop) = (push::Progress::default(), CancellationToken::new());
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
        () = push::report(&progress, target) => None,
    };
    if problem.is_none() {
        stop.cancel();
        problem = tokio::time::timeout(GOODBYE, pushing).await.ok();
    }
    let closed = tokio::task::spawn_blocking(move || drop(supervisor));
    if tokio::time::timeout(GOODBYE, closed).await.is_err() {
        tracing::warn!("the camera did not close in time");
    }
    let (frames, problem) = (progress.frames(), problem.flatten());
    if frames == 0 {
        let status = camera.status();
        let reason = problem.or((!status.reason.is_empty()).then_some(status.reason));
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
            "the system grants fewer descriptors than connections may need: raise `ulimit -n`, or lower --max-connections"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "cannot ask for more descriptors"),
    }
}

fn start_camera(
    number: usize,
    source: Box<dyn Source>,
    renditions: hub::Config,
    pauses: Pauses,
) -> anyhow::Result<(Arc<Camera>, Supervisor)> {
    let identity = message::Camera {
        id: number.to_string(),
        ..source.camera()
    };
    tracing::info!(
        id = identity.id,
        name = identity.name,
        source = identity.source,
        "camera"
    );
    let camera = Arc::new(Camera::new(identity, renditions));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let encoding = encode::Config {
        quality: renditions.quality,
        workers,
        pauses,
    };
    let pool =
        encode::Pool::spawn(encoding, Arc::clone(&camera)).context("cannot start the encoder")?;
    let outlet = Outlet::new(
        Arc::new(Intake {
            camera: Arc::clone(&camera),
            pool,
            opened: Folded::new(),
        }),
        camera.demand().clone(),
    );
    let supervisor =
        Supervisor::spawn(source, outlet, pauses).context("cannot start the source")?;
    Ok((camera, supervisor))
}

fn relay(endpoint: &Endpoint, via: &Via, number: usize) -> Box<dyn Source> {
    let source = RelaySource::new(endpoint.clone().into());
    Box::new(source.for_camera(via.clone(), number.to_string()))
}

fn source(
    kind: &SourceKind,
    capture: &source::Config,
    door: &Door,
) -> anyhow::Result<Box<dyn Source>> {
    let capture = capture.clone();
    let from_elsewhere = matches!(
        kind,
        SourceKind::TcpListen(_) | SourceKind::Http(_) | SourceKind::Relay(_) | SourceKind::Ingest
    );
    if from_elsewhere && capture.transform != Transform::default() {
        tracing::warn!(
            "pictures from elsewhere go on as they are: --hflip, --vflip and --rotate do nothing here"
        );
    }
    Ok(match kind {
        SourceKind::Pattern => Box::new(PatternSource::new(capture, PATTERN_SEED)?),
        SourceKind::Files(path) => Box::new(FilesSource::new(capture, path)?),
        SourceKind::TcpListen(address) => Box::new(TcpSource::bind(&capture, *address)?),
        SourceKind::Http(endpoint) => Box::new(HttpSource::new(&capture, endpoint.clone())),
        SourceKind::Relay(endpoint) => Box::new(RelaySource::new(endpoint.clone().into())),
        SourceKind::Ingest => Box::new(IngestSource::new(&capture, door.clone())),
        #[cfg(feature = "libcamera")]
        SourceKind::Libcamera(which) => Box::new(source::libcamera::LibcameraSource::new(
            capture,
            which.clone(),
        )),
        #[cfg(feature = "libcamera")]
        SourceKind::Auto if source::libcamera::available() => {
            Box::new(source::libcamera::LibcameraSource::new(capture, None))
        }
        SourceKind::Auto => {
            let why = if cfg!(feature = "libcamera") {
                "libcamera finds no camera"
            } else {
                "built without libcamera"
            };
            let more = called::command("cameras");
            tracing::warn!(why, "showing the test pattern; `{more}` says more");
            Box::new(PatternSource::new(capture, PATTERN_SEED)?)
        }
        #[cfg(not(feature = "libcamera"))]
        SourceKind::Libcamera(_) => {
            unreachable!("Config::new refuses it in a build without libcamera")
        }
    })
}

/// The scene that the test pattern shows.
const PATTERN_SEED: u64 = 1;

/// Where a source's frames go: counters and state to the camera, pictures to the encoder.
struct Intake {
    camera: Arc<Camera>,
    pool: encode::Pool,
    /// Pushers come and go as they like.
    opened: Folded,
}

impl Sink for Intake {
    fn frame(&self, frame: RawFrame) {
        self.camera.counters.count_captured();
        self.pool.submit(frame);
    }

    fn again(&self, frame: RawFrame) {
        if !self.camera.has(frame.seq) {
            self.pool.submit(frame);
        }
    }

    fn open(&self, mode: Mode) {
        let Mode { width, height, fps } = mode;
        if self.camera.status().state == message::CameraState::Live {
            tracing::debug!(width, height, fps, "the picture has another size");
        } else if let Some(times) = self.opened.again() {
            tracing::info!(width, height, fps, times, "camera is open");
        }
        self.camera.open(Picture { width, height, fps });
    }

    fn lost(&self, reason: &str) {
        self.camera.lost(reason);
    }

    fn test_pattern(&self, made_up: bool) {
        self.camera.set_test_pattern(made_up);
    }

    fn broken(&self, reason: &str) {
        self.camera.counters.broken.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(reason, "left out a broken picture");
    }
}
