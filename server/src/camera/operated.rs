//! The way to the machine below a camera, for its operators, watchers and status.
//!
//! Opening and closing it belongs to [`crate::operate`].

use super::Camera;
use pistreamer_operate::Channel;
use std::sync::Arc;
use tokio::sync::watch;

/// The way, while there is one, and news of it.
#[derive(Debug, Default)]
pub(super) struct Operated(watch::Sender<Option<Arc<Channel>>>);

impl Camera {
    /// The way to its machine, where it has one.
    pub(crate) fn channel(&self) -> Option<Arc<Channel>> {
        self.0.operated.0.borrow().clone()
    }

    /// The same with news: that it is another one, or tells something new.
    pub(crate) fn channels(&self) -> watch::Receiver<Option<Arc<Channel>>> {
        self.0.operated.0.subscribe()
    }

    /// Notes the way to its machine.
    pub(crate) fn operate_by(&self, channel: Option<Arc<Channel>>) {
        self.0.operated.0.send_replace(channel);
    }

    /// Has whoever wants to know hear that there is something new to tell of its machine.
    pub(crate) fn tell_operating(&self) {
        self.0.operated.0.send_modify(|_| {});
    }
}
