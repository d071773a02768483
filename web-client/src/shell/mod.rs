//! One element in the browser, from the moment it enters a document until it leaves: owns everything that has to end,
//! tells the [`Element`] what happens and does what follows from it.
//!
//! Decides nothing; that belongs to [`crate::element`].

pub mod custom;
mod listen;
mod media;
mod perform;

use crate::chrome::panels::Panels;
use crate::chrome::{Chrome, capture, document};
use crate::element::Element;
use crate::element::choices::Attributes;
use crate::element::controls::Abilities;
use crate::element::effect::{Effect, Order, Tell};
use crate::element::event::{Event, News, Place};
use crate::js::{self, Interval, Listener, SightObserver, SizeObserver, Timeout};
use crate::link::{Command, Report};
use crate::message;
use crate::steer::Want;
use crate::worker::{PipelineEvent, Runner};
use js_sys::Function;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use wasm_bindgen::prelude::*;
use web_sys::{HtmlElement, ShadowRoot, Storage};

#[wasm_bindgen(module = "/src/browser.js")]
extern "C" {
    /// Whether this is a phone or a tablet.
    fn touch() -> bool;
    /// Whether the page is in nobody's frame.
    fn is_top() -> bool;
}

/// Data attributes of the element's own state.
const OF_ELEMENT: [&str; 2] = ["state", "filled"];
/// Data attributes of the camera's stream.
const OF_CAMERA: [&str; 7] = ["seq", "drawn", "skipped", "corrupt", "age", "wire", "name"];
/// ms between two looks at the clock: the state, the countdown and the statistics move at this pace.
const TICK: i32 = 250;

/// A running element.
pub struct Shell {
    this: Weak<Shell>,
    host: HtmlElement,
    /// Has the element show the plain stream from now on, for a reason in words.
    give_up: Function,
    chrome: Chrome,
    element: RefCell<Element>,
    /// What is still to be done; while something is being done, more may come.
    effects: RefCell<VecDeque<Effect>>,
    performing: Cell<bool>,
    /// What the page has still to be told. What its listeners lead to is done at once, and told after this.
    tells: RefCell<VecDeque<Tell>>,
    telling: Cell<bool>,
    runner: RefCell<Option<Runner>>,
    panels: RefCell<Option<js::Held<Panels>>>,
    /// The message in which the server has told the camera's controls last; `undefined` before.
    controls: RefCell<JsValue>,
    /// What the server was asked for last, and whether the camera's controls are shown.
    want: Cell<(Want, bool)>,
    snapshots: RefCell<media::Snapshots>,
    idle: RefCell<Option<Timeout>>,
    toast: RefCell<Option<Timeout>>,
    stale: RefCell<Option<Timeout>>,
    /// Whether the element has left its document, though a method may still be running.
    over: Cell<bool>,
    /// Whether the element is scrolled to where it can be seen.
    in_sight: Cell<bool>,
    /// Listeners, timer and observers, for as long as the element stays.
    held: RefCell<Held>,
}

#[derive(Default)]
struct Held {
    _listeners: Vec<Listener>,
    _tick: Option<Interval>,
    _resized: Option<SizeObserver>,
    _sighted: Option<SightObserver>,
}

impl Shell {
    /// Builds the chrome and starts a pipeline. `give_up` takes a reason, in words, and has the element show the plain stream.
    pub fn new(
        host: &HtmlElement,
        shadow: &ShadowRoot,
        paused: bool,
        give_up: Function,
    ) -> Rc<Self> {
        let attributes = Attributes::read(host);
        let stored = recall(attributes.storage_key(None));
        let abilities = Abilities {
            record: capture::can_record(),
            float: capture::can_float(),
            touch: touch(),
        };
        let shell = Rc::new_cyclic(|this| Self {
            this: this.clone(),
            host: host.clone(),
            give_up,
            chrome: Chrome::build(shadow, abilities),
            element: RefCell::new(Element::new(
                js::now(),
                attributes,
                stored,
                abilities,
                paused,
            )),
            effects: RefCell::default(),
            performing: Cell::new(false),
            tells: RefCell::default(),
            telling: Cell::new(false),
            runner: RefCell::default(),
            panels: RefCell::default(),
            controls: RefCell::default(),
            want: Cell::default(),
            snapshots: RefCell::default(),
            idle: RefCell::default(),
            toast: RefCell::default(),
            stale: RefCell::default(),
            over: Cell::new(false),
            in_sight: Cell::new(true),
            held: RefCell::default(),
        });
        // A copy of a running element has them too.
        shell.clear_data(&OF_ELEMENT);
        shell.clear_data(&OF_CAMERA);
        shell.send(Event::Made);
        shell
    }

    /// Connects, and tells the first state.
    pub fn begin(&self) {
        let this = self.this.clone();
        let sighted = move |in_sight| {
            if let Some(shell) = this.upgrade() {
                shell.in_sight.set(in_sight);
                shell.placed();
            }
        };
        *self.held.borrow_mut() = Held {
            _listeners: listen::listen(self),
            _tick: Some(Interval::new(TICK, self.weakly(Self::tick))),
            _resized: SizeObserver::new(self.chrome.stage(), self.weakly(Self::placed)),
            _sighted: SightObserver::new(&self.host, sighted),
        };
        self.send(Event::Begin(self.place()));
    }

    /// Ends everything. A method that is still running, such as one that told something, changes nothing any more.
    pub fn end(&self) {
        self.over.set(true);
        self.reject_snapshots("the element has left the document");
        self.clear_data(&OF_ELEMENT);
        self.clear_data(&OF_CAMERA);
        self.effects.take();
        self.tells.take();
        self.held.take();
        if let Some(panels) = self.panels.take() {
            panels.close();
        }
        self.runner.take();
    }

    /// Attributes of the element were changed by the page around it.
    pub fn attributes_changed(&self) {
        let attributes = Attributes::read(&self.host);
        let stored = recall(attributes.storage_key(None));
        self.send(Event::Attributes(Box::new(attributes), stored));
    }

    /// Tells the element what happened, and does what follows. Of what happens meanwhile, because a listener of the page's
    /// calls a method, say, the element knows at once.
    fn send(&self, event: Event) {
        if self.over.get() {
            return;
        }
        let effects = self.element.borrow_mut().update(js::now(), event);
        self.effects.borrow_mut().extend(effects);
        if self.performing.replace(true) {
            return;
        }
        while let Some(effect) = self.next_effect() {
            self.perform(effect);
        }
        self.performing.set(false);
        if self.telling.replace(true) {
            return;
        }
        while let Some(tell) = self.next_tell() {
            self.tell(tell);
        }
        self.telling.set(false);
    }

    fn next_effect(&self) -> Option<Effect> {
        self.effects.borrow_mut().pop_front()
    }

    fn next_tell(&self) -> Option<Tell> {
        self.tells.borrow_mut().pop_front()
    }

    /// A closure that does nothing once the element has left.
    fn weakly(&self, f: impl Fn(&Self) + 'static) -> impl FnMut() + 'static {
        let this = self.this.clone();
        move || {
            if let Some(shell) = this.upgrade() {
                f(&shell);
            }
        }
    }

    fn tick(&self) {
        self.send(Event::Tick(js_sys::Math::random(), js::pixel_ratio()));
    }

    fn placed(&self) {
        self.send(Event::Placed(self.place()));
    }

    fn place(&self) -> Place {
        let rect = self.chrome.stage().get_bounding_client_rect();
        // The browser calls an element without a size seen, too.
        let seen =
            self.in_sight.get() && self.host.offset_width() > 0 && self.host.offset_height() > 0;
        Place {
            stage: (rect.width(), rect.height()),
            pixel_ratio: js::pixel_ratio(),
            visible: seen && !document().hidden(),
            alone: self.is_full_screen() || touch() && is_top() && self.fills_window(),
        }
    }

    fn on_pipeline(&self, event: PipelineEvent) {
        match event {
            PipelineEvent::Report(report) => self.report(report),
            PipelineEvent::NoWorker(words) => self.send(Event::NoWorker(words)),
            PipelineEvent::Failed(words, culprit) => self.send(Event::WorkerFailed(words, culprit)),
        }
    }

    /// Asks the server for something, and for values that change by themselves while the camera's controls are shown.
    fn want(&self, want: Want, readings: bool) {
        self.want.set((want, readings));
        self.order(Command::Want(message::want(want, readings)));
    }

    /// Hands the panels what the server says of the camera's controls.
    fn show_controls(&self, panels: &Panels, told: &JsValue) {
        if let Ok(socket) = self.socket_url(None, None) {
            panels.controls(told, &socket, self.element.borrow().picture.camera());
        }
    }

    fn report(&self, report: Report) {
        let (connection, news) = match report {
            Report::Text { connection, text } => {
                let message = message::read(&text).map(Box::new);
                let controls = message
                    .as_ref()
                    .map(|_| js::controls(&text, self.chrome.shadow()));
                let news = News::Said(message.ok_or(text));
                self.send(Event::Connection(connection, news));
                // The camera is known from here on. Before the panels are there, no values are asked for that change by themselves.
                if let Some(controls) = controls.filter(|controls| !controls.is_undefined()) {
                    match self.panels() {
                        Some(panels) => self.show_controls(&panels, &controls),
                        None => {
                            let is_recorded = js::get(&controls, "recording").is_truthy();
                            self.controls.replace(controls);
                            // That has to be seen without being asked for.
                            if is_recorded {
                                self.send(Event::Keyboard);
                            }
                        }
                    }
                }
                return;
            }
            Report::Pong {
                connection,
                round_trip,
            } => (connection, News::Pong(round_trip)),
            Report::Drawn { connection, frame } => {
                // Between the worker and the page, a page that was busy may have let some time pass.
                let late = (js::unix_us() / 1000.0 - frame.drawn_at).max(0.0);
                (connection, News::Drawn(frame, js::now() - late))
            }
            Report::Corrupt {
                connection,
                total,
                reason,
            } => (connection, News::Corrupt(total, reason)),
            Report::Closed {
                connection,
                reason,
                refused,
            } => {
                let random = js_sys::Math::random();
                let news = if refused {
                    News::Refused(Ok(reason), random)
                } else {
                    News::Closed(reason, random)
                };
                (connection, news)
            }
            Report::Snapshot {
                id,
                jpeg,
                seq,
                captured_us,
            } => return self.hand_out_snapshot(id, jpeg, seq, captured_us),
            Report::Picture(bitmap) => return self.picture(&bitmap),
            Report::Ready | Report::Failed => return,
        };
        self.send(Event::Connection(connection, news));
    }

    pub(super) fn order(&self, command: Command) {
        if let Some(runner) = &*self.runner.borrow() {
            runner.send(command);
        }
    }

    fn clear_data(&self, names: &[&str]) {
        for name in names {
            // Fails only for names that no attribute can have.
            let _ = self.host.remove_attribute(&format!("data-{name}"));
        }
    }
}

impl From<Order> for Command {
    fn from(order: Order) -> Self {
        match order {
            Order::Close => Self::Close,
            Order::Pause => Self::Pause,
            Order::Resume => Self::Resume,
            Order::Clear => Self::Clear,
            Order::Want(want) => Self::Want(message::want(want, false)),
            Order::Tap(on) => Self::Tap(on),
        }
    }
}

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

/// What the user chose on earlier visits.
fn recall(key: Option<String>) -> Option<String> {
    storage()?.get_item(&key?).ok().flatten()
}
