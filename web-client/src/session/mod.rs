//! One running viewer: from the moment its element enters a document until it leaves.
//!
//! Owns everything that has to end: worker, socket, timers, listeners, recording. Carries out what [`crate::status`]
//! decides and shows what [`crate::chrome`] can show.

mod input;
mod media;
mod reports;
mod show;

use crate::chrome::capture::{Floating, Recording, Stage};
use crate::chrome::gestures::Gestures;
use crate::chrome::{Chrome, capture, document};
use crate::element::Attributes;
use crate::geometry::{Layout, Zoom};
use crate::js::{self, Interval, Listener, SightObserver, SizeObserver, Timeout};
use crate::link::{Command, Drawn};
use crate::message;
use crate::settings::Settings;
use crate::stats::Stats;
use crate::status::{Action, Machine, Status};
use crate::steer::{Steering, Want};
use crate::worker::{self, PipelineEvent, Remote, Runner};
use js_sys::Function;
use pistreamer_protocol::WireFormat;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use wasm_bindgen::JsValue;
use web_sys::{HtmlElement, ShadowRoot, Storage};

/// ms between two looks at the clock: the state, the countdown and the statistics move at this pace.
const TICK: i32 = 250;

/// A running viewer. Dropping it ends everything.
pub struct Session {
    this: Weak<Session>,
    host: HtmlElement,
    chrome: Chrome,
    state: RefCell<State>,
    runner: RefCell<Option<Runner>>,
    media: RefCell<Media>,
    idle: RefCell<Option<Timeout>>,
    toast: RefCell<Option<Timeout>>,
    /// Whether a change of state is being told; a listener that changes the state again is told after it.
    telling: Cell<bool>,
    /// Whether the element is scrolled to where it can be seen.
    in_sight: Cell<bool>,
    /// Listeners, timer and observer, for as long as the session lives.
    held: RefCell<Held>,
}

struct State {
    machine: Machine,
    told: Option<Status>,
    attributes: Attributes,
    settings: Settings,
    stats: Stats,
    steering: Steering,
    /// What the server was asked for.
    wanted: Want,
    /// Width and height of the picture that the camera delivers; zeros while they aren't known.
    full: (u32, u32),
    /// Number of the newest connection; reports of older ones are not news.
    connection: u32,
    camera_id: String,
    /// Whether the server has let this connection in.
    greeted: bool,
    wire: Option<WireFormat>,
    last: Option<Drawn>,
    drawn: u64,
    drawn_at: f64,
    skipped_server: u64,
    skipped_server_before: u64,
    corrupt: u64,
    round_trip: Option<f64>,
    layout: Layout,
    zoom: Zoom,
    gestures: Gestures,
    /// Promises of snapshots that the pipeline has yet to hand out.
    snapshots: Vec<(u32, Function, Function)>,
    next_snapshot: u32,
}

#[derive(Default)]
struct Held {
    _listeners: Vec<Listener>,
    _tick: Option<Interval>,
    _resized: Option<SizeObserver>,
    _sighted: Option<SightObserver>,
}

#[derive(Default)]
struct Media {
    stage: Option<Stage>,
    recording: Option<Recording>,
    floating: Option<Floating>,
}

impl Session {
    /// Begins: builds the chrome, starts a pipeline and connects.
    pub fn start(host: &HtmlElement, shadow: &ShadowRoot) -> Rc<Self> {
        let attributes = Attributes::read(host);
        let mut settings = attributes.settings;
        if attributes.controls
            && let Some(text) = storage()
                .and_then(|storage| storage.get_item(&storage_key(&attributes)).ok().flatten())
        {
            let pinned = host.get_attribute("pinned").unwrap_or_default();
            settings.apply_text(&text, |key| {
                pinned.split(' ').any(|name| name == key)
                    || (matches!(key, "size" | "wire") && host.has_attribute(key))
            });
        }
        let session = Rc::new_cyclic(|this| Self {
            this: this.clone(),
            host: host.clone(),
            chrome: Chrome::build(shadow),
            state: RefCell::new(State {
                machine: Machine::new(js::now()),
                told: None,
                attributes,
                settings,
                stats: Stats::default(),
                steering: Steering::default(),
                wanted: Want::default(),
                full: (0, 0),
                connection: 0,
                camera_id: String::new(),
                greeted: false,
                wire: None,
                last: None,
                drawn: 0,
                drawn_at: 0.0,
                skipped_server: 0,
                skipped_server_before: 0,
                corrupt: 0,
                round_trip: None,
                layout: Layout::default(),
                zoom: Zoom::default(),
                gestures: Gestures::default(),
                snapshots: Vec::new(),
                next_snapshot: 0,
            }),
            runner: RefCell::default(),
            media: RefCell::default(),
            idle: RefCell::default(),
            toast: RefCell::default(),
            telling: Cell::new(false),
            in_sight: Cell::new(true),
            held: RefCell::default(),
        });
        session.start_pipeline(true);
        session.prepare_chrome();
        let listeners = input::listen(&session);
        let tick = Interval::new(TICK, session.weakly(|session| session.tick()));
        let resized = session.weakly(|session| session.lay_out());
        let this = session.this.clone();
        let sighted = move |in_sight| {
            if let Some(session) = this.upgrade() {
                session.in_sight.set(in_sight);
                session.update_hidden();
                session.advance();
            }
        };
        *session.held.borrow_mut() = Held {
            _listeners: listeners,
            _tick: Some(tick),
            _resized: SizeObserver::new(session.chrome.stage(), resized),
            _sighted: SightObserver::new(&session.host, sighted),
        };
        session.lay_out();
        session.update_hidden();
        session.advance();
        session
    }

    /// A closure that does nothing once the session has ended.
    fn weakly(&self, f: impl Fn(&Rc<Self>) + 'static) -> impl FnMut() + 'static {
        let this = self.this.clone();
        move || {
            if let Some(session) = this.upgrade() {
                f(&session);
            }
        }
    }

    fn start_pipeline(&self, may_be_worker: bool) {
        let this = self.this.clone();
        let on_event = move |event: PipelineEvent| {
            if let Some(session) = this.upgrade() {
                match event {
                    PipelineEvent::Report(report) => session.report(report),
                    PipelineEvent::NoWorker(words) => session.without_worker(&words),
                }
            }
        };
        let canvas = self.chrome.fresh_canvas();
        // Another pipeline has to be told anew.
        self.state.borrow_mut().wanted = Want::default();
        let mut runner = None;
        if may_be_worker && worker::available(&canvas) {
            runner = Remote::start(canvas.clone(), on_event.clone())
                .ok()
                .map(Runner::Remote);
        }
        if runner.is_none() {
            match worker::local(canvas, on_event) {
                Ok(local) => runner = Some(local),
                Err(error) => self.tell_error(&js::error_text(&error)),
            }
        }
        let old = self.runner.replace(runner);
        drop(old);
    }

    /// The worker cannot be had, or died: the page does its work from now on.
    fn without_worker(&self, words: &str) {
        self.tell_error(&format!(
            "drawing in the page, because of the worker: {words}"
        ));
        self.start_pipeline(false);
        self.state.borrow_mut().machine.reconnect(js::now());
        self.advance();
    }

    fn prepare_chrome(&self) {
        let chrome = &self.chrome;
        if !capture::can_float() {
            chrome.each("pip", |button| {
                let _ = button.set_attribute("hidden", "");
            });
        }
        if !capture::can_record() {
            chrome.each("record", |button| {
                let _ = button.set_attribute("hidden", "");
            });
        }
        self.show_settings();
        self.wake();
    }

    /// Measures the stage and lays the picture onto it.
    fn lay_out(&self) {
        let rect = self.chrome.stage().get_bounding_client_rect();
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        state.layout = Layout {
            stage: (rect.width(), rect.height()),
            fit: state.settings.fit,
            turns: state.settings.turns,
            mirror: state.settings.mirror,
            ..state.layout
        };
        state.zoom = state.layout.clamp(state.zoom);
        self.chrome.show_picture(&state.layout, state.zoom);
    }

    fn set_zoom(&self, zoom: Zoom) {
        let mut state = self.state.borrow_mut();
        state.zoom = state.layout.clamp(zoom);
        self.chrome.show_picture(&state.layout, state.zoom);
    }

    fn show_settings(&self) {
        let state = self.state.borrow();
        self.chrome
            .show_settings(&state.settings, state.attributes.controls);
    }

    /// Changes a choice of the user's, shows and remembers it.
    fn choose(&self, change: impl FnOnce(&mut Settings)) {
        let wire_changed = {
            let mut state = self.state.borrow_mut();
            let before = state.settings.wire;
            change(&mut state.settings);
            if let Some(storage) = storage() {
                // Full or forbidden storage only means that the choice isn't remembered.
                let _ =
                    storage.set_item(&storage_key(&state.attributes), &state.settings.to_text());
            }
            before != state.settings.wire
        };
        self.show_settings();
        self.lay_out();
        self.steer();
        self.show_numbers();
        if wire_changed {
            self.state.borrow_mut().machine.reconnect(js::now());
            self.advance();
        }
    }

    /// An attribute of the element was changed by the page around it.
    pub fn attribute_changed(&self, name: &str) {
        let attributes = Attributes::read(&self.host);
        {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            match name {
                "overlay" => state.settings.overlay = attributes.settings.overlay,
                "fit" => state.settings.fit = attributes.settings.fit,
                "mirror" => state.settings.mirror = attributes.settings.mirror,
                "wire" => state.settings.wire = attributes.settings.wire,
                "size" => state.settings.size = attributes.settings.size,
                _ => {}
            }
            let moved = state.attributes.src != attributes.src
                || state.attributes.camera != attributes.camera
                || state.attributes.ticket != attributes.ticket
                || name == "wire";
            state.attributes = attributes;
            if moved {
                state.machine.reconnect(js::now());
            }
        }
        self.show_settings();
        self.lay_out();
        self.advance();
    }

    /// Pauses or plays.
    pub fn set_paused(&self, paused: bool) {
        {
            let mut state = self.state.borrow_mut();
            if paused {
                state.machine.pause(js::now());
            } else {
                state.machine.play(js::now());
            }
        }
        self.advance();
    }

    /// A picture that nobody sees, in a hidden page or scrolled away, needs no frames, unless they are recorded or shown in
    /// the small window.
    fn update_hidden(&self) {
        let media = self.media.borrow();
        let used = media.recording.is_some() || media.floating.is_some();
        let hidden = (document().hidden() || !self.in_sight.get()) && !used;
        self.state
            .borrow_mut()
            .machine
            .set_hidden(js::now(), hidden);
    }

    fn tick(&self) {
        let random = js_sys::Math::random();
        self.state.borrow_mut().machine.tick(js::now(), random);
        self.advance();
        self.steer();
        self.show_numbers();
    }

    /// Asks the server for the picture that screen, link and user want.
    fn steer(&self) {
        let want = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let now = js::now();
            state.steering.choose(now, state.settings.size);
            let want = if state.full.0 == 0 {
                let line = state.layout.longest_line() * state.zoom.factor;
                state.steering.first_want(line * js::pixel_ratio())
            } else {
                let full = Layout {
                    picture: (f64::from(state.full.0), f64::from(state.full.1)),
                    ..state.layout
                };
                let pixels = full.picture.0 * full.scale() * state.zoom.factor * js::pixel_ratio();
                state.steering.place(now, state.full.0, pixels);
                state.steering.tick(now);
                state.steering.want()
            };
            if want == state.wanted {
                return;
            }
            state.wanted = want;
            want
        };
        if let Some(runner) = &*self.runner.borrow() {
            runner.send(Command::Want(message::want(want)));
        }
    }

    /// Carries out what the machine wants, then tells and shows the state.
    fn advance(&self) {
        loop {
            let actions = self.state.borrow_mut().machine.take_actions();
            if actions.is_empty() {
                break;
            }
            for action in actions {
                self.act(action);
            }
        }
        self.tell_status();
    }

    fn act(&self, action: Action) {
        let command = match action {
            Action::Close => Command::Close,
            Action::Pause => Command::Pause,
            Action::Resume => {
                self.state.borrow_mut().steering.forget(js::now());
                Command::Resume
            }
            Action::Connect => {
                self.steer();
                let mut state = self.state.borrow_mut();
                let state = &mut *state;
                state.connection += 1;
                state.stats.clear();
                state.steering.forget(js::now());
                state.round_trip = None;
                state.skipped_server_before = state.skipped_server;
                state.greeted = false;
                match state.attributes.socket_url(state.wanted.max_width) {
                    Ok(url) => Command::Connect {
                        connection: state.connection,
                        url,
                        protocols: state.settings.protocols(),
                    },
                    Err(_) => {
                        let reason = "src is not an address";
                        state
                            .machine
                            .closed(js::now(), reason, js_sys::Math::random());
                        return;
                    }
                }
            }
        };
        if let Some(runner) = &*self.runner.borrow() {
            runner.send(command);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for (_, _, reject) in &self.state.get_mut().snapshots {
            let error = js_sys::Error::new("the element has left the document");
            // Rejecting a promise doesn't throw.
            let _ = reject.call1(&JsValue::NULL, &error);
        }
    }
}

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

/// Choices are remembered for each camera by itself: one may hang upside down.
fn storage_key(attributes: &Attributes) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    format!(
        "pistreamer {} {}",
        part(&attributes.src),
        part(&attributes.camera)
    )
}
