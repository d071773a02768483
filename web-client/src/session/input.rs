//! Clicks, keys, fingers and the wheel → what they ask for.

use super::Session;
use crate::chrome::gestures::Outcome;
use crate::chrome::intent::Intent;
use crate::chrome::{capture, document};
use crate::geometry::{Fit, Zoom};
use crate::js::{self, Listener};
use crate::steer::Size;
use pistreamer_protocol::WireFormat;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{
    Element, Event, EventTarget, HtmlElement, KeyboardEvent, MouseEvent, PointerEvent, WheelEvent,
};

/// A step of the zoom keys.
const KEY_ZOOM: f64 = 1.25;
/// Pixels of the wheel for a zoom by e.
const WHEEL_ZOOM: f64 = 400.0;

/// Listens to everything that a viewer reacts to.
pub(super) fn listen(session: &Rc<Session>) -> Vec<Listener> {
    let window: EventTarget = js_sys::global().unchecked_into();
    let document: EventTarget = document().unchecked_into();
    let stage: &EventTarget = session.chrome.stage();
    let shadow: &EventTarget = session.chrome.shadow();
    let host: &EventTarget = &session.host;
    vec![
        on(session, shadow, "click", Session::clicked),
        on(session, &document, "keydown", Session::key),
        on(session, host, "pointermove", |session, _: PointerEvent| {
            session.wake();
        }),
        on(session, host, "focusin", |session, _: Event| session.wake()),
        on(session, stage, "pointerdown", Session::pointer_down),
        on(session, stage, "pointermove", Session::pointer_moved),
        on(session, stage, "pointerup", Session::pointer_up),
        on(
            session,
            stage,
            "pointercancel",
            |session, event: PointerEvent| {
                session
                    .state
                    .borrow_mut()
                    .gestures
                    .cancel(event.pointer_id());
            },
        ),
        on(session, stage, "wheel", Session::wheel),
        on(
            session,
            &document,
            "visibilitychange",
            |session, _: Event| {
                session.update_hidden();
                session.advance();
            },
        ),
        on(
            session,
            &document,
            "fullscreenchange",
            |session, _: Event| {
                session.fullscreen_changed();
            },
        ),
        on(session, &window, "pageshow", |session, _: Event| {
            session.update_hidden();
            session.state.borrow_mut().machine.retry(js::now());
            session.advance();
        }),
        on(session, &window, "online", |session, _: Event| {
            session.state.borrow_mut().machine.retry(js::now());
            session.advance();
        }),
    ]
}

fn on<E: JsCast>(
    session: &Rc<Session>,
    target: &EventTarget,
    event: &'static str,
    f: impl Fn(&Rc<Session>, E) + 'static,
) -> Listener {
    let this = Rc::downgrade(session);
    Listener::new(target, event, move |event: E| {
        if let Some(session) = this.upgrade() {
            f(&session, event);
        }
    })
}

impl Session {
    fn clicked(self: &Rc<Self>, event: MouseEvent) {
        let target = event
            .target()
            .and_then(|target| target.dyn_into::<Element>().ok());
        let button = target.and_then(|target| target.closest("[data-do]").ok().flatten());
        let intent = button
            .as_ref()
            .and_then(|button| button.get_attribute("data-do"))
            .and_then(|name| Intent::from_name(&name));
        match intent {
            Some(intent) => self.fulfil(intent),
            None => self.show_menu(false),
        }
        self.wake();
    }

    fn key(self: &Rc<Self>, event: KeyboardEvent) {
        if !self.state.borrow().attributes.controls
            || event.ctrl_key()
            || event.meta_key()
            || event.alt_key()
            || event.default_prevented()
        {
            return;
        }
        let path = event.composed_path();
        let ours = path.includes(&self.host, 0);
        let nobodys = document()
            .active_element()
            .is_none_or(|element| element.tag_name() == "BODY");
        let meant = ours || nobodys && self.fills_window();
        if !meant {
            return;
        }
        // A focused button takes these keys itself.
        let first: Option<Element> = path.get(0).dyn_into().ok();
        let on_button = first.is_some_and(|element| element.tag_name() == "BUTTON");
        if on_button && matches!(event.key().as_str(), " " | "Enter") {
            return;
        }
        let help_open = self.help_shown();
        if let Some(intent) = Intent::from_key(&event.key())
            && (!help_open || intent == Intent::Escape)
            && (!event.repeat() || matches!(intent, Intent::ZoomIn | Intent::ZoomOut))
        {
            // Escape still has to close dialogs and leave full screen.
            if intent != Intent::Escape {
                event.prevent_default();
            }
            self.fulfil(intent);
            self.wake();
        }
    }

    /// Does what the user asks for.
    fn fulfil(self: &Rc<Self>, intent: Intent) {
        match intent {
            Intent::Pause => {
                let paused = self.state.borrow().machine.paused();
                self.set_paused(!paused);
            }
            Intent::Snapshot => self.save_snapshot(),
            // The keys are there where the buttons are hidden, too.
            Intent::Record if capture::can_record() => self.toggle_recording(),
            Intent::PictureInPicture if capture::can_float() => self.toggle_floating(),
            Intent::Record | Intent::PictureInPicture => {}
            Intent::Rotate => self.choose(|settings| settings.turns = (settings.turns + 1) % 4),
            Intent::Mirror => self.choose(|settings| settings.mirror = !settings.mirror),
            Intent::Overlay => self.choose(|settings| settings.overlay = !settings.overlay),
            Intent::Fit => self.choose(|settings| {
                settings.fit = match settings.fit {
                    Fit::Contain => Fit::Cover,
                    Fit::Cover => Fit::Contain,
                };
            }),
            Intent::WireGzip => self.choose(|settings| settings.wire = WireFormat::GzipBase64),
            Intent::WireJpeg => self.choose(|settings| settings.wire = WireFormat::Jpeg),
            Intent::SizeNext => {
                self.choose(|settings| settings.size = settings.size.next());
                let size = self.state.borrow().settings.size;
                self.toast(&format!("Picture size: {}", size.name()));
            }
            Intent::SizeAuto => self.choose(|settings| settings.size = Size::Auto),
            Intent::SizeFull => self.choose(|settings| settings.size = Size::Full),
            Intent::SizeHalf => self.choose(|settings| settings.size = Size::Half),
            Intent::SizeQuarter => self.choose(|settings| settings.size = Size::Quarter),
            Intent::ZoomIn => self.zoom_by(None, KEY_ZOOM),
            Intent::ZoomOut => self.zoom_by(None, 1.0 / KEY_ZOOM),
            Intent::ZoomReset => self.set_zoom(Zoom::default()),
            Intent::Fullscreen => self.toggle_fullscreen(),
            Intent::Menu => self.show_menu(!self.menu_shown()),
            Intent::Help => {
                self.show_menu(false);
                self.with_panels(|_, panels| panels.show_help());
            }
            Intent::Retry => {
                self.state.borrow_mut().machine.retry(js::now());
                self.advance();
            }
            Intent::Escape => {
                if let Some(panels) = self.panels.get() {
                    panels.close_help();
                }
                self.show_menu(false);
                self.set_filled(false);
            }
        }
    }

    fn zoom_by(&self, at: Option<(f64, f64)>, by: f64) {
        let zoom = {
            let state = self.state.borrow();
            let (width, height) = state.layout.stage;
            let at = at.unwrap_or((width / 2.0, height / 2.0));
            state.layout.zoom_at(state.zoom, at, by)
        };
        self.set_zoom(zoom);
    }

    fn place(&self, x: i32, y: i32) -> (f64, f64) {
        let rect = self.chrome.stage().get_bounding_client_rect();
        (f64::from(x) - rect.left(), f64::from(y) - rect.top())
    }

    fn pointer_down(self: &Rc<Self>, event: PointerEvent) {
        if !self.state.borrow().attributes.controls || event.button() > 0 {
            return;
        }
        let at = self.place(event.client_x(), event.client_y());
        let id = event.pointer_id();
        self.state.borrow_mut().gestures.down(id, at, js::now());
        if self.state.borrow().zoom.factor > 1.0 {
            // Fails only for a finger that is gone by now.
            let _ = self.chrome.stage().set_pointer_capture(id);
        }
    }

    fn pointer_moved(self: &Rc<Self>, event: PointerEvent) {
        let at = self.place(event.client_x(), event.client_y());
        let outcome = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            state
                .gestures
                .moved(event.pointer_id(), at, &state.layout, state.zoom)
        };
        if let Outcome::Moved(zoom) = outcome {
            self.set_zoom(zoom);
        }
    }

    fn pointer_up(self: &Rc<Self>, event: PointerEvent) {
        let outcome = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            state
                .gestures
                .up(event.pointer_id(), js::now(), &state.layout, state.zoom)
        };
        match outcome {
            Outcome::Moved(zoom) => self.set_zoom(zoom),
            Outcome::Tap => self.wake(),
            Outcome::None => {}
        }
    }

    fn wheel(self: &Rc<Self>, event: WheelEvent) {
        // In somebody else's page, the wheel scrolls that page, unless it is asked to zoom.
        let zooms = event.ctrl_key() || event.meta_key() || self.fills_window();
        if !self.state.borrow().attributes.controls || !zooms {
            return;
        }
        event.prevent_default();
        let unit = if event.delta_mode() == WheelEvent::DOM_DELTA_LINE {
            30.0
        } else {
            1.0
        };
        // Trackpads send a pinch as a wheel with ctrl, in much smaller steps.
        let unit = if event.ctrl_key() { unit * 3.0 } else { unit };
        let by = (-event.delta_y() * unit / WHEEL_ZOOM)
            .clamp(-1.0, 1.0)
            .exp();
        self.zoom_by(Some(self.place(event.client_x(), event.client_y())), by);
    }

    /// Whether the element is the page, rather than a part of one.
    fn fills_window(&self) -> bool {
        let rect = self.host.get_bounding_client_rect();
        let root = document().document_element();
        root.is_some_and(|root| {
            rect.width() + 1.0 >= f64::from(root.client_width())
                && rect.height() + 1.0 >= f64::from(root.client_height())
        })
    }

    fn toggle_fullscreen(&self) {
        if self.host.has_attribute("data-filled") {
            self.set_filled(false);
        } else if document().fullscreen_element().is_some() {
            document().exit_fullscreen();
        } else if js::get(&self.host, "requestFullscreen").is_function()
            && document().fullscreen_enabled()
        {
            // Older browsers return nothing and newer ones a promise, whose refusal is told by no change of state.
            let _ = self.host.request_fullscreen();
        } else {
            self.set_filled(true);
        }
    }

    /// What is there instead of full screen on an iPhone: the element over everything else in the window.
    fn set_filled(&self, filled: bool) {
        // "data-filled" is a valid attribute name.
        let _ = self.host.toggle_attribute_with_force("data-filled", filled);
        self.fullscreen_changed();
    }

    fn fullscreen_changed(&self) {
        let host: &HtmlElement = &self.host;
        let full = host.has_attribute("data-filled")
            || document()
                .fullscreen_element()
                .is_some_and(|element| element == **host);
        let label = if full {
            "Leave full screen"
        } else {
            "Full screen"
        };
        self.chrome.set_switched("b-full", full, label);
    }
}
