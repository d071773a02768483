//! Clicks, keys, fingers and the wheel → what the element is told of them.

use super::{Shell, recall};
use crate::chrome::document;
use crate::element::event::{self, Pointer};
use crate::element::intent::Intent;
use crate::js::{self, Listener};
use crate::text::words;
use wasm_bindgen::prelude::*;
use web_sys::{Element, Event, EventTarget, KeyboardEvent, PointerEvent, WheelEvent};

/// Pixels of the wheel for a zoom by e.
const WHEEL_ZOOM: f64 = 400.0;

type Reaction = fn(&Shell, Event);

/// Listens to everything that a viewer reacts to.
pub(super) fn listen(shell: &Shell) -> Vec<Listener> {
    let window: &EventTarget = &js_sys::global().unchecked_into();
    let document: &EventTarget = &document();
    let stage: &EventTarget = shell.chrome.stage();
    let shadow: &EventTarget = shell.chrome.shadow();
    let host: &EventTarget = &shell.host;
    let table: [(&EventTarget, &'static str, Reaction); 14] = [
        (shadow, "click", |shell, event| shell.clicked(&event)),
        (document, "keydown", |shell, event| {
            shell.key(event.unchecked_ref());
        }),
        (host, "pointermove", |shell, _| {
            shell.send(event::Event::Awake)
        }),
        (host, "focusin", |shell, _| shell.send(event::Event::Awake)),
        // From one part of the element to another, it is not told outside.
        (shadow, "focusin", |shell, _| {
            shell.send(if shell.is_at_button() {
                event::Event::Keyboard
            } else {
                event::Event::Awake
            });
        }),
        (stage, "pointerdown", |shell, event| {
            shell.pointer_down(event.unchecked_ref());
        }),
        (stage, "pointermove", |shell, event| {
            let event: &PointerEvent = event.unchecked_ref();
            let at = shell.point(event);
            shell.pointer(Pointer::Moved(event.pointer_id(), at));
        }),
        (stage, "pointerup", |shell, event| {
            let event: &PointerEvent = event.unchecked_ref();
            shell.pointer(Pointer::Up(event.pointer_id()));
        }),
        (stage, "pointercancel", |shell, event| {
            let event: &PointerEvent = event.unchecked_ref();
            shell.pointer(Pointer::Cancelled(event.pointer_id()));
        }),
        (stage, "wheel", |shell, event| {
            shell.wheel(event.unchecked_ref())
        }),
        (document, "visibilitychange", |shell, _| shell.placed()),
        (document, "fullscreenchange", |shell, _| {
            shell.fullscreen_changed();
        }),
        (window, "pageshow", |shell, _| {
            shell.placed();
            shell.send(event::Event::Retry);
        }),
        (window, "online", |shell, _| shell.send(event::Event::Retry)),
    ];
    let on = |(target, name, f): (&EventTarget, _, Reaction)| {
        let this = shell.this.clone();
        Listener::new(target, name, move |event| {
            if let Some(shell) = this.upgrade() {
                f(&shell, event);
            }
        })
    };
    table.into_iter().map(on).collect()
}

impl Shell {
    fn clicked(&self, event: &Event) {
        let target = event
            .target()
            .and_then(|target| target.dyn_into::<Element>().ok());
        let button = target.and_then(|target| target.closest("[data-do]").ok().flatten());
        let intent = button
            .as_ref()
            .and_then(|button| button.get_attribute("data-do"))
            .and_then(|name| Intent::from_name(&name));
        match intent {
            Some(intent) => self.intend(intent),
            None => self.send(event::Event::ClickedBeside),
        }
    }

    fn intend(&self, intent: Intent) {
        // Another element of the same camera may have written meanwhile.
        let stored = recall(self.element.borrow().choices.storage_key());
        self.send(event::Event::Intent(intent, stored));
    }

    fn has_controls(&self) -> bool {
        self.element.borrow().has_controls()
    }

    fn key(&self, event: &KeyboardEvent) {
        if !self.has_controls()
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
        let help_open = self.panels().is_some_and(|panels| panels.help_shown());
        if let Some(intent) = Intent::from_key(&event.key())
            && (!help_open || intent == Intent::Escape)
            && (!event.repeat() || matches!(intent, Intent::ZoomIn | Intent::ZoomOut))
        {
            // Escape still has to close dialogs and leave full screen.
            if intent != Intent::Escape {
                event.prevent_default();
            }
            self.intend(intent);
        }
    }

    /// A place on the stage, from its top left.
    fn point(&self, event: &web_sys::MouseEvent) -> (f64, f64) {
        let rect = self.chrome.stage().get_bounding_client_rect();
        (
            f64::from(event.client_x()) - rect.left(),
            f64::from(event.client_y()) - rect.top(),
        )
    }

    fn pointer(&self, pointer: Pointer) {
        self.send(event::Event::Pointer(pointer));
    }

    fn pointer_down(&self, event: &PointerEvent) {
        if self.has_controls() && event.button() <= 0 {
            self.pointer(Pointer::Down(event.pointer_id(), self.point(event)));
        }
    }

    fn wheel(&self, event: &WheelEvent) {
        // In somebody else's page, the wheel scrolls that page, unless it is asked to zoom.
        let zooms = event.ctrl_key() || event.meta_key() || self.fills_window();
        if !self.has_controls() || !zooms {
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
        let by = js_sys::Math::exp((-event.delta_y() * unit / WHEEL_ZOOM).clamp(-1.0, 1.0));
        self.send(event::Event::Wheel(self.point(event), by));
    }

    /// Whether the element is the page, rather than a part of one.
    pub(super) fn fills_window(&self) -> bool {
        let rect = self.host.get_bounding_client_rect();
        let root = document().document_element();
        root.is_some_and(|root| {
            rect.width() + 1.0 >= f64::from(root.client_width())
                && rect.height() + 1.0 >= f64::from(root.client_height())
        })
    }

    pub(super) fn toggle_fullscreen(&self) {
        if self.host.has_attribute("data-filled") {
            self.set_filled(false);
        } else if document().fullscreen_element().is_some() {
            document().exit_fullscreen();
        } else if js::get(&self.host, "requestFullscreen").is_function()
            && document().fullscreen_enabled()
        {
            let promise = js::get(&self.host, "requestFullscreen")
                .dyn_ref::<js_sys::Function>()
                .and_then(|request| request.call0(&self.host).ok()?.dyn_into().ok());
            // Older browsers return nothing.
            if let Some(promise) = promise {
                self.when(promise, |shell, granted| {
                    if granted.is_err() {
                        shell.set_filled(true);
                    }
                });
            }
        } else {
            self.set_filled(true);
        }
    }

    /// What is there instead of full screen on an iPhone: the element over everything else in the window.
    pub(super) fn set_filled(&self, filled: bool) {
        // "data-filled" is a valid attribute name.
        let _ = self.host.toggle_attribute_with_force("data-filled", filled);
        self.fullscreen_changed();
    }

    fn fullscreen_changed(&self) {
        let full = self.is_full_screen();
        let label = if full {
            words!("Leave full screen")
        } else {
            words!("Full screen")
        };
        self.chrome.set_switched("b-full", full, label);
        self.placed();
    }

    pub(super) fn is_full_screen(&self) -> bool {
        // In another element's shadow root, the document names that one. Older browsers have no such selector, and no full screen.
        self.host.has_attribute("data-filled") || self.host.matches(":fullscreen").unwrap_or(false)
    }

    /// Whether the keyboard's focus is on a button.
    pub(super) fn is_at_button(&self) -> bool {
        let button = self.chrome.shadow().active_element();
        button.is_some_and(|button| button.matches(":focus-visible").unwrap_or(false))
    }
}
