//! The one camera manager that a process may have, shared by every source and listing that needs it.
//!
//! What is done with its cameras belongs to the modules beside this one.

use crate::SourceError;
use libcamera::camera::{ActiveCamera, Camera};
use libcamera::camera_manager::CameraManager;
use libcamera::properties::{Location, Model};
use pistreamer_protocol::message::Cause;
use std::sync::{Arc, Mutex, PoisonError};

/// A second manager beside a living one aborts the process, so the first lease makes it and the last one ends it.
static SHARED: Mutex<Option<Arc<Manager>>> = Mutex::new(None);

struct Manager(CameraManager);

// SAFETY: the manager's C++ side serves `cameras()` and `get()` from any thread (libcamera documents both as thread-safe)
// and treats all threads that it didn't start itself as one, so that it may also be destroyed by another thread than the
// one that made it. On the Rust side these two take `&self` and touch nothing but a mutex. Starting and stopping happen
// under the lock of `SHARED`, and the hot-plug callbacks, which would not be safe, are never installed.
#[expect(
    unsafe_code,
    reason = "the crate's raw pointer hides that libcamera allows this"
)]
unsafe impl Send for Manager {}
// SAFETY: as above.
#[expect(
    unsafe_code,
    reason = "the crate's raw pointer hides that libcamera allows this"
)]
unsafe impl Sync for Manager {}

/// The right to use the manager. Every camera, request and buffer that came of it must be gone before it drops: libcamera
/// crashes on them otherwise, and the crate's lifetimes do not prevent it.
pub struct Lease(Option<Arc<Manager>>);

impl Lease {
    /// Starts libcamera unless it runs already.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn new() -> Result<Self, SourceError> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(manager) = &*shared {
            return Ok(Self(Some(Arc::clone(manager))));
        }
        let manager = CameraManager::new().map_err(|error| Cause::LibcameraNotStarted {
            error: error.to_string(),
        })?;
        tracing::debug!(version = manager.version(), "libcamera started");
        Ok(Self(Some(Arc::clone(
            shared.insert(Arc::new(Manager(manager))),
        ))))
    }

    fn manager(&self) -> &CameraManager {
        &self.0.as_ref().expect("only drop takes it").0
    }

    /// Number of cameras at the moment. Costs no memory, unlike [`Self::camera`].
    pub(super) fn count(&self) -> usize {
        self.manager().cameras().len()
    }

    /// The cameras at the moment.
    pub(super) fn cameras(&self) -> impl Iterator<Item = Camera<'_>> {
        let list = self.manager().cameras();
        (0..list.len()).map_while(move |index| list.get(index))
    }

    /// The camera with that id, if it is there. The crate keeps some bytes for each call until the manager ends, so this is
    /// not for every frame.
    pub(super) fn camera(&self, id: &str) -> Option<Camera<'_>> {
        self.manager().get(id)
    }

    /// That camera for this process alone. It has no lifetime: its holder keeps a lease for longer.
    pub(super) fn acquire(&self, id: &str) -> Result<ActiveCamera<'static>, SourceError> {
        let camera: Camera<'static> = self
            .manager()
            .get(id)
            .ok_or_else(|| Cause::CameraGone { camera: id.into() })?;
        Ok(camera.acquire().map_err(|error| Cause::CameraTaken {
            camera: id.into(),
            error: error.to_string(),
        })?)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Under the lock, so that no new manager is made while the old one still ends.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        self.0 = None;
        if shared
            .as_ref()
            .is_some_and(|manager| Arc::strong_count(manager) == 1)
        {
            *shared = None;
        }
    }
}

/// The camera's model, where it tells one.
pub(super) fn model(camera: &Camera<'_>) -> Option<String> {
    let Model(model) = camera.properties().get().ok()?;
    Some(model)
}

/// Where the camera is mounted, where it tells that.
pub(super) fn location(camera: &Camera<'_>) -> Option<&'static str> {
    match camera.properties().get().ok()? {
        Location::CameraFront => Some("front"),
        Location::CameraBack => Some("back"),
        Location::CameraExternal => Some("external"),
    }
}
