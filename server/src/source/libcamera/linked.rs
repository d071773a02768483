//! The libcamera that this program is linked to, driven by a source's own thread.

use super::still::Pending;
use crate::source::device::pictures::Pictures;
use crate::source::{Mode, Port, SourceError};
use pistreamer_local_camera::libcamera::{Opened, Owner};
use pistreamer_local_camera::{Filled, Still};
use pistreamer_protocol::message::{Control, ControlValues};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// A port, as a camera's owner.
pub(super) struct PortOwner<'a> {
    port: &'a Port,
    /// Once the camera is open.
    pictures: RefCell<Option<Pictures>>,
    still: RefCell<Pending>,
    #[cfg(test)]
    pub(super) pretends_full_range: bool,
}

impl<'a> PortOwner<'a> {
    /// The owner of one run.
    pub(super) fn new(port: &'a Port) -> Self {
        Self {
            port,
            pictures: RefCell::default(),
            still: RefCell::default(),
            #[cfg(test)]
            pretends_full_range: false,
        }
    }
}

impl PortOwner<'_> {
    /// Tells whoever waits for a still how the run ended.
    pub(super) fn ends(&self, result: &Result<(), SourceError>) {
        if let Err(error) = result {
            self.still.borrow_mut().fails(&error.0);
        }
    }
}

impl Owner for PortOwner<'_> {
    fn calls_driver(&self) -> impl Sized {
        self.port.calls_driver()
    }

    fn stopping(&self) -> bool {
        self.port.demand().stopping()
    }

    fn wanted(&self) -> bool {
        self.port.demand().wanted()
    }

    fn wait_wanted(&self, timeout: Duration) {
        self.port.demand().wait_wanted(timeout);
    }

    fn commands(&self) -> ControlValues {
        self.port.commands()
    }

    fn controls(&self, controls: &[Control]) {
        self.port.controls(controls);
    }

    fn readings(&self, values: &ControlValues) {
        self.port.readings(values);
    }

    fn open(&self, opened: Opened) -> Result<(), SourceError> {
        let home = opened.home;
        let give_back = Arc::new(move |number| home.take(number));
        #[cfg_attr(not(test), expect(unused_mut, reason = "a test pretends something"))]
        let mut pictures = Pictures::map(opened.picture, opened.buffers, give_back)?;
        #[cfg(test)]
        if self.pretends_full_range {
            pictures.pretend_full_range();
        }
        self.pictures.replace(Some(pictures));
        self.port.opened_device(&opened.id);
        self.port.leaves_to_turn(opened.turn);
        self.port.open(opened.mode);
        self.port.has_sizes(opened.sizes);
        self.port.takes_stills(opened.still);
        self.still.borrow_mut().reopened();
        Ok(())
    }

    fn mode(&self, mode: &Mode) {
        self.port.open(mode.clone());
    }

    fn filled(&self, filled: Filled) -> bool {
        let pictures = self.pictures.borrow();
        let pictures = pictures.as_ref();
        pictures.is_some_and(|pictures| pictures.hand_on(filled, self.port))
    }

    fn broken(&self, reason: &str) {
        self.port.broken(reason);
    }

    fn begins_still(&self) -> bool {
        self.port.has_still() && self.still.borrow_mut().begin(self.port)
    }

    fn still(&self, still: Result<Still, SourceError>) {
        self.still.borrow_mut().take(still, self.port);
    }
}
