//! What the panels are wanted for → what is asked of them, once they are there.

use super::Session;
use crate::chrome::panels::Panels;
use crate::chrome::why;
use crate::link::Drawn;
use crate::stats::Rates;
use pistreamer_protocol::WireFormat;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// What is done with panels that are there.
pub(super) type Then = Box<dyn FnOnce(&Rc<Session>, &Panels)>;

impl Session {
    /// Does something with the panels: at once where they are there, else when they are loaded. Where that fails, the user is
    /// told, and the next try begins anew.
    pub(super) fn with_panels(&self, then: impl FnOnce(&Rc<Self>, &Panels) + 'static) {
        let Some(this) = self.this.upgrade() else {
            return;
        };
        if let Some(panels) = self.panels.get() {
            return then(&this, &panels);
        }
        self.awaiting_panels.borrow_mut().push(Box::new(then));
        if self.panels.begin() {
            spawn_local(async move {
                let loaded = this.panels.load(this.chrome.shadow()).await;
                let waiting = this.awaiting_panels.take();
                if let Some(panels) = this.panels.get() {
                    this.show_settings();
                    for then in waiting {
                        then(&this, &panels);
                    }
                    this.show_numbers();
                } else if loaded.is_err() && !this.over.get() {
                    this.toast("This cannot be loaded: the server does not answer. Try again");
                }
            });
        }
    }

    /// The statistics are loaded once there is a picture: it comes first.
    pub(super) fn load_overlay(&self) {
        let wanted = {
            let state = self.state.borrow();
            state.settings.overlay && state.seen.last.is_some()
        };
        if wanted && !self.panels.is_asked_for() {
            self.with_panels(|_, _| {});
        }
    }

    pub(super) fn show_menu(&self, shown: bool) {
        match self.panels.get() {
            Some(panels) => panels.show_menu(shown),
            None if shown => self.with_panels(|_, panels| panels.show_menu(true)),
            None => {}
        }
    }

    pub(super) fn menu_shown(&self) -> bool {
        self.panels.get().is_some_and(|panels| panels.menu_shown())
    }

    pub(super) fn help_shown(&self) -> bool {
        self.panels.get().is_some_and(|panels| panels.help_shown())
    }

    pub(super) fn show_figures(&self, panels: &Panels, rates: &Rates, last: &Drawn) {
        let state = self.state.borrow();
        let seen = &state.seen;
        panels.write_figures(
            rates.fps,
            rates.age,
            rates.age_p95,
            rates.mbit,
            state.round_trip,
            Some(last.took).filter(|ms| *ms > 0.0),
            seen.skipped_server as f64,
            last.skipped as f64,
            seen.corrupt as f64,
            last.width,
            last.height,
            &why(state.wanted, state.steering.reason()),
            seen.wire.map(WireFormat::name),
            last.seq.map(|seq| seq as f64),
        );
    }
}
