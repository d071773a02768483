//! The cameras of a running server, by id and in order.
//!
//! Detecting changes belongs to [`crate::config`]; applying them to a camera, to [`Camera`].

use super::{Camera, Context, Id, Settings};
use crate::source::Spec;
use crate::source::appearing::{Appeared, Appearing};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use tokio::sync::watch;

/// The cameras of one server, in the configured order; the first is the default. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Registry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    context: Context,
    cameras: RwLock<Lists>,
    /// Held during a change. True once all have ended: none is added from then on.
    ended: Mutex<bool>,
    /// Threads of removed cameras, whose sources may still be closing.
    closing: Mutex<Vec<JoinHandle<()>>>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Lists {
    all: Arc<[Camera]>,
    /// Those that anybody sees.
    shown: Arc<[Camera]>,
}

impl Lists {
    /// A source below which cameras have appeared is none itself: its own camera says why there are none.
    fn new(all: Arc<[Camera]>) -> Self {
        let is_there = |appeared: &Appeared<Spec>| {
            let mut same = all.iter().filter(|camera| **camera.id() == *appeared.id);
            same.any(|camera| camera.settings().source == appeared.source)
        };
        let is_shown = |camera: &&Camera| {
            let source = camera.settings().source;
            let found = source.appearing().map(Appearing::list);
            !found.iter().flat_map(|found| found.iter()).any(is_there)
        };
        let shown = all.iter().filter(is_shown).cloned().collect();
        Self { all, shown }
    }
}

/// A change of the cameras while the server runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// Adds a camera after all others.
    Add(Settings),
    /// Removes a camera. Its viewers are told, and their connections end.
    Remove(Id),
    /// Gives the camera with that id other settings.
    Reconfigure(Settings),
    /// Reorders the cameras. Those that are not named follow those that are.
    Reorder(Vec<Id>),
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// There is no camera with that id.
    #[error("there is no camera {0}")]
    Unknown(Id),
    /// There is a camera with that id already.
    #[error("there is a camera {0} already")]
    Known(Id),
    /// The server is stopping.
    #[error("the server is stopping")]
    Ended,
    /// The system gives no threads.
    #[error("camera {0} cannot be started: {1:#}")]
    NotStarted(Id, anyhow::Error),
}

impl Registry {
    /// Starts every camera. One of several whose source cannot be made, such as one for which a port is taken, says so by
    /// itself, and that is tried again. None holds up the start for long.
    ///
    /// # Errors
    /// Where the source of the only one cannot be made, or the system gives no threads.
    pub(crate) fn start(cameras: &[Settings], context: Context) -> anyhow::Result<Self> {
        let cameras = match cameras {
            [alone] => vec![Camera::start(alone.clone(), &context)?],
            cameras => Camera::start_all(cameras, &context)?,
        };
        Ok(Self::of(cameras, context))
    }

    /// These cameras.
    pub(crate) fn of(cameras: Vec<Camera>, context: Context) -> Self {
        Self(Arc::new(Shared {
            context,
            cameras: RwLock::new(Lists::new(cameras.into())),
            ended: Mutex::default(),
            closing: Mutex::default(),
            changed: watch::Sender::default(),
        }))
    }

    /// Every camera that is seen, in order.
    pub(crate) fn list(&self) -> Arc<[Camera]> {
        // Nothing panics while it holds this lock.
        let cameras = self.0.cameras.read();
        Arc::clone(&cameras.unwrap_or_else(PoisonError::into_inner).shown)
    }

    /// The same with those of sources below which cameras have appeared.
    pub(crate) fn all(&self) -> Arc<[Camera]> {
        // As above.
        let cameras = self.0.cameras.read();
        Arc::clone(&cameras.unwrap_or_else(PoisonError::into_inner).all)
    }

    /// Waits until a program has told of something that ends, also where it did before.
    pub(crate) async fn told(&self) {
        self.0.context.told.notified().await;
    }

    /// The camera with that id. A number that is no camera's id is a position, from 0, so that links from before cameras
    /// had ids keep working; the log warns about them.
    pub(crate) fn get(&self, id: &str) -> Option<Camera> {
        let cameras = self.list();
        if let Some(camera) = cameras.iter().find(|camera| **camera.id() == *id) {
            return Some(camera.clone());
        }
        let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| id.parse::<usize>().ok()).flatten()?;
        let camera = cameras.get(number)?;
        if let Some(times) = camera.asked_by_order() {
            let id = camera.id();
            tracing::warn!(
                times,
                "camera {number} was asked for by its place in the order, which may change: it is {id}, and ?camera={id} \
                 stays the same"
            );
        }
        Some(camera.clone())
    }

    /// Changes the cameras. Doesn't wait for sources to open or close: the cameras' states show that.
    ///
    /// # Errors
    /// If the change cannot be made. Nothing has changed then.
    pub(crate) fn apply(&self, change: Change) -> Result<(), ChangeError> {
        // The list is locked only to be replaced, so that requests don't wait while threads are started.
        let ended = self.ended();
        if *ended {
            return Err(ChangeError::Ended);
        }
        let cameras = self.all();
        let find = |id: &Id| cameras.iter().position(|camera| camera.id() == id);
        let known = |id: &Id| find(id).ok_or_else(|| ChangeError::Unknown(id.clone()));
        match change {
            Change::Add(settings) => {
                let id = settings.id.clone();
                if find(&id).is_some() {
                    return Err(ChangeError::Known(id));
                }
                let camera = Camera::start_anyway(settings, &self.0.context)
                    .map_err(|error| ChangeError::NotStarted(id, error))?;
                self.replace(cameras.iter().cloned().chain([camera]).collect());
            }
            Change::Remove(id) => {
                let at = known(&id)?;
                let removed = cameras[at].clone();
                let others = cameras.iter().filter(|camera| *camera.id() != id);
                self.replace(others.cloned().collect());
                let mut closing = self.closing();
                closing.retain(|thread| !thread.is_finished());
                closing.extend(removed.remove());
                tracing::info!(%id, "camera removed");
            }
            Change::Reconfigure(settings) => {
                let camera = &cameras[known(&settings.id)?];
                let changed = settings.changed_since(&camera.settings()).join(", ");
                tracing::info!(id = %settings.id, changed, "camera settings changed");
                camera.reconfigure(settings);
            }
            Change::Reorder(order) => {
                for id in &order {
                    known(id)?;
                }
                let place = |camera: &Camera| order.iter().position(|id| id == camera.id());
                let mut sorted: Vec<_> = cameras.iter().cloned().collect();
                sorted.sort_by_key(|camera| place(camera).unwrap_or(usize::MAX));
                self.replace(sorted.into());
            }
        }
        self.0.changed.send_replace(());
        Ok(())
    }

    /// News of changes.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// Ends every camera and waits until their sources have closed. Blocks.
    pub(crate) fn end(&self) {
        *self.ended() = true;
        let cameras = self.all();
        for camera in cameras.iter() {
            camera.end();
        }
        let mut closing = std::mem::take(&mut *self.closing());
        closing.extend(cameras.iter().filter_map(Camera::take_thread));
        for thread in closing {
            if thread.join().is_err() {
                tracing::error!("a camera's thread had panicked");
            }
        }
    }

    fn replace(&self, cameras: Arc<[Camera]>) {
        let cameras = Lists::new(cameras);
        let list = self.0.cameras.write();
        *list.unwrap_or_else(PoisonError::into_inner) = cameras;
    }

    fn ended(&self) -> MutexGuard<'_, bool> {
        // A start may panic while it is held, and the value is valid at every point.
        self.0.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closing(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        // Nothing panics while it holds this lock.
        self.0
            .closing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub;
    use std::sync::mpsc;
    use std::time::Duration;
    use tracing::span;

    /// Lists the cameras whenever something is logged.
    struct Listing(Registry, mpsc::Sender<usize>);

    impl tracing::Subscriber for Listing {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            self.1.send(self.0.list().len()).unwrap();
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    fn idle(id: &str) -> Settings {
        let renditions = hub::Config {
            most: 1,
            quality: 80,
            tiles: None,
        };
        Settings::idle(Id::new(id).unwrap(), renditions)
    }

    #[test]
    fn a_change_that_cannot_be_made_changes_nothing() {
        let cameras = Registry::of(Vec::new(), Context::default());
        cameras.apply(Change::Add(idle("door"))).unwrap();
        let garage = Id::new("garage").unwrap();
        for change in [
            Change::Add(idle("door")),
            Change::Remove(garage.clone()),
            Change::Reconfigure(idle("garage")),
            Change::Reorder(vec![garage]),
        ] {
            assert!(cameras.apply(change).is_err());
        }
        cameras.end();
        assert!(cameras.apply(Change::Add(idle("late"))).is_err());
        let ids: Vec<_> = cameras
            .list()
            .iter()
            .map(|camera| camera.id().to_string())
            .collect();
        assert_eq!(ids, ["door"]);
    }

    #[test]
    fn the_cameras_are_listed_while_another_one_is_being_started() {
        let cameras = Registry::of(Vec::new(), Context::default());
        // Where another test has its lines written at that moment, tracing may leave out one of ours.
        for n in 0..10 {
            let settings = idle(&format!("door{n}"));
            let (sender, listed) = mpsc::channel();
            let listing = Listing(cameras.clone(), sender);
            let adding = cameras.clone();
            let added = std::thread::spawn(move || {
                // A start is logged, in this thread.
                let add = || adding.apply(Change::Add(settings)).unwrap();
                tracing::subscriber::with_default(listing, add);
            });
            // Where it waits for itself, no time is too long.
            let listed = listed.recv_timeout(Duration::from_secs(30));
            assert_ne!(listed, Err(mpsc::RecvTimeoutError::Timeout));
            added.join().unwrap();
            assert_eq!(cameras.list().len(), n + 1);
            if let Ok(listed) = listed {
                assert_eq!(listed, n);
                cameras.end();
                return;
            }
        }
        panic!("no start was logged");
    }
}
