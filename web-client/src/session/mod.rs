//! One running viewer: from the moment its element enters a document until it leaves.
//!
//! Owns everything that has to end: worker, socket, timers, listeners, recording. Carries out what [`crate::status`]
//! decides and shows what [`crate::chrome`] can show.

mod choices;
mod input;
mod media;
mod panes;
mod pipeline;
mod reports;
mod show;

use crate::chrome::gestures::Gestures;
use crate::chrome::{Chrome, capture, document, panels};
use crate::element::Attributes;
use crate::geometry::{Layout, Zoom};
use crate::js::{self, Interval, Listener, SightObserver, SizeObserver, Timeout};
use crate::link::Drawn;
use crate::settings::Settings;
use crate::stats::Stats;
use crate::status::{Machine, Status};
use crate::steer::{Steering, Want};
use crate::worker::Runner;
use js_sys::Function;
use pistreamer_protocol::WireFormat;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use web_sys::{HtmlElement, ShadowRoot};

/// The data attributes that tell how the element fares.
const OF_ELEMENT: [&str; 2] = ["state", "filled"];
/// The data attributes that tell what came of the camera.
const OF_CAMERA: [&str; 7] = ["seq", "drawn", "skipped", "corrupt", "age", "wire", "name"];
/// ms between two looks at the clock: the state, the countdown and the statistics move at this pace.
const TICK: i32 = 250;

/// A running viewer.
pub struct Session {
    this: Weak<Session>,
    host: HtmlElement,
    chrome: Chrome,
    state: RefCell<State>,
    runner: RefCell<Option<Runner>>,
    panels: panels::Slot,
    /// What is to be done when they are there.
    awaiting_panels: RefCell<Vec<panes::Then>>,
    media: RefCell<Media>,
    idle: RefCell<Option<Timeout>>,
    toast: RefCell<Option<Timeout>>,
    /// Runs until the picture gets stale.
    stale: RefCell<Option<Timeout>>,
    /// Whether a change of state is being told; a listener that changes the state again is told after it.
    telling: Cell<bool>,
    /// Whether the element has left its document, though a method may still be running.
    over: Cell<bool>,
    /// Whether the element is scrolled to where it can be seen.
    in_sight: Cell<bool>,
    /// Listeners, timer and observer, for as long as the session lives.
    held: RefCell<Held>,
}

struct State {
    machine: Machine,
    /// The newest state that is shown.
    told: Option<Status>,
    /// Changes of the state that no event has told yet, oldest first.
    untold: VecDeque<Status>,
    attributes: Attributes,
    settings: Settings,
    /// What the user chose for this camera, as it is written down.
    chosen: String,
    seen: Seen,
    steering: Steering,
    /// What the server was asked for.
    wanted: Want,
    /// Number of the newest connection; reports of older ones are not news.
    connection: u32,
    /// Whether the server has let this connection in.
    greeted: bool,
    round_trip: Option<f64>,
    layout: Layout,
    zoom: Zoom,
    gestures: Gestures,
    /// Promises of snapshots that the pipeline has yet to hand out.
    snapshots: Vec<(u32, Function, Function)>,
    next_snapshot: u32,
}

/// What came of the camera that is shown.
#[derive(Default)]
struct Seen {
    camera_id: String,
    stats: Stats,
    /// Width and height of the picture that the camera delivers; zeros while they aren't known.
    full: (u32, u32),
    wire: Option<WireFormat>,
    last: Option<Drawn>,
    drawn: u64,
    /// When the last one was drawn.
    drawn_at: f64,
    skipped_server: u64,
    skipped_server_before: u64,
    corrupt: u64,
}

#[derive(Default)]
struct Held {
    _listeners: Vec<Listener>,
    _tick: Option<Interval>,
    _resized: Option<SizeObserver>,
    _sighted: Option<SightObserver>,
}

/// Pictures that leave the canvas.
#[derive(Default)]
struct Media {
    /// Width and height of the stage on which they are drawn.
    stage: Option<(u32, u32)>,
    /// Since when there is a recording.
    recording: Option<f64>,
    floating: bool,
}

impl Session {
    /// Builds the chrome and starts a pipeline.
    pub fn new(host: &HtmlElement, shadow: &ShadowRoot, paused: bool) -> Rc<Self> {
        let attributes = Attributes::read(host);
        let chosen = choices::recall(&attributes).unwrap_or_default();
        let settings = attributes.with_choices(&chosen);
        let mut machine = Machine::new(js::now());
        machine.set_stale_after(attributes.stale_after);
        if paused {
            machine.pause(js::now());
        }
        let session = Rc::new_cyclic(|this| Self {
            this: this.clone(),
            host: host.clone(),
            chrome: Chrome::build(shadow),
            state: RefCell::new(State {
                machine,
                told: None,
                untold: VecDeque::new(),
                attributes,
                settings,
                chosen,
                seen: Seen::default(),
                steering: Steering::default(),
                wanted: Want::default(),
                connection: 0,
                greeted: false,
                round_trip: None,
                layout: Layout::default(),
                zoom: Zoom::default(),
                gestures: Gestures::default(),
                snapshots: Vec::new(),
                next_snapshot: 0,
            }),
            runner: RefCell::default(),
            panels: panels::Slot::default(),
            awaiting_panels: RefCell::default(),
            media: RefCell::default(),
            idle: RefCell::default(),
            toast: RefCell::default(),
            stale: RefCell::default(),
            telling: Cell::new(false),
            over: Cell::new(false),
            in_sight: Cell::new(true),
            held: RefCell::default(),
        });
        // A copy of a running element has them too.
        session.clear_data(&OF_ELEMENT);
        session.clear_data(&OF_CAMERA);
        session.start_pipeline(true);
        session.prepare_chrome();
        let listeners = input::listen(&session);
        let tick = Interval::new(TICK, session.weakly(|session| session.tick()));
        let resized = session.weakly(|session| {
            session.lay_out();
            session.update_hidden();
            session.advance();
        });
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
        session
    }

    /// Connects, and tells the first state.
    pub fn begin(&self) {
        self.lay_out();
        self.update_hidden();
        self.advance();
    }

    /// Ends everything. A method that is still running, such as one that told something, changes nothing any more.
    pub fn end(&self) {
        self.over.set(true);
        self.reject_snapshots("the element has left the document");
        self.clear_data(&OF_ELEMENT);
        self.clear_data(&OF_CAMERA);
        self.held.take();
        self.media.take();
        self.awaiting_panels.take();
        self.panels.end();
        self.runner.take();
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

    /// The state, as it was told last.
    pub fn told(&self) -> Status {
        let state = self.state.borrow();
        let told = state.told.clone();
        told.unwrap_or_else(|| state.machine.status(js::now()))
    }

    /// Whether the page or its user has paused.
    pub fn paused(&self) -> bool {
        self.state.borrow().machine.paused()
    }

    /// Number of the frame on the canvas.
    pub fn seq(&self) -> Option<f64> {
        Some(self.state.borrow().seen.last?.seq? as f64)
    }

    /// How old the picture on the canvas is now, in ms.
    pub fn age(&self) -> Option<f64> {
        let seen = &self.state.borrow().seen;
        Some(seen.last?.age? + js::now() - seen.drawn_at)
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
        let used = media.recording.is_some() || media.floating;
        // The browser calls an element without a size seen, too.
        let seen =
            self.in_sight.get() && self.host.offset_width() > 0 && self.host.offset_height() > 0;
        let hidden = (document().hidden() || !seen) && !used;
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
}
