//! The newest frame that a stall delayed, kept until a newer one is drawn.
//!
//! Which frames are held up belongs to [`super`].

use super::Message;
use crate::js::Timeout;
use std::cell::RefCell;
use wasm_bindgen_futures::spawn_local;

/// A frame that a stall delayed is drawn after all if no newer one has arrived for this many ms.
const NOTHING_NEWER: i32 = 1000;

/// One place for such a frame. A newer one takes the older one's place.
#[derive(Default)]
pub(super) struct LeftOut {
    kept: RefCell<Option<(Message, Timeout)>>,
}

impl LeftOut {
    /// Keeps a frame; calls `needed` when nothing newer has come.
    pub(super) fn keep(&self, message: Message, needed: impl Fn() + Clone + 'static) {
        let timer = Timeout::new(NOTHING_NEWER, move || {
            // Later: the timer, which must not end while it runs, goes with the frame.
            let needed = needed.clone();
            spawn_local(async move { needed() });
        });
        self.kept.replace(Some((message, timer)));
    }

    /// The frame, from now on to be drawn.
    pub(super) fn take(&self) -> Option<Message> {
        let (message, _) = self.kept.take()?;
        Some(Message {
            needed: true,
            ..message
        })
    }

    /// Throws it away: a newer one is drawn, or none is wanted.
    pub(super) fn forget(&self) {
        self.kept.take();
    }
}
