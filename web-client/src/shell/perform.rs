//! What the element wants done → the browser's methods.

use super::{OF_CAMERA, Shell, recall, storage};
use crate::chrome::panels::{self, Panels};
use crate::element::effect::{Effect, Figures, Order, Pane, Tell};
use crate::element::event::{Event, News};
use crate::js::{self, Timeout};
use crate::link::Command;
use crate::refusal::refusal;
use crate::text;
use crate::worker::{self, Remote, Runner};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{CustomEvent, CustomEventInit};

/// The toolbar hides after this many ms without input.
const IDLE: i32 = 3500;
/// Where it is kept that the hint was given.
const HINTED: &str = "pi-camera hinted";
/// How long a message over the picture stays, in ms.
const TOAST: i32 = 4000;

impl Shell {
    pub(super) fn perform(&self, effect: Effect) {
        let chrome = &self.chrome;
        match effect {
            Effect::StartPipeline(may_be_worker) => self.start_pipeline(may_be_worker),
            Effect::Connect(connection, wire, width) => self.connect(connection, wire, width),
            Effect::Pipeline(Order::Want(want)) => self.want(want, self.want.get().1),
            Effect::Pipeline(order) => self.order(order.into()),
            Effect::AskRefusal(connection, reason) => self.ask_refusal(connection, reason),
            Effect::RejectSnapshots(why) => self.reject_snapshots(why),
            Effect::SaveSnapshot => self.save_snapshot(),
            Effect::LoadPanels => self.load_panels(),
            Effect::Panels(pane) => self.panels_do(pane),
            Effect::Show(shown) => {
                chrome.show_status(&shown);
                if shown.is_new {
                    self.set_data("state", shown.kind.name());
                }
            }
            Effect::Age(age) => chrome.write("age", &age),
            Effect::Name(name) => chrome.show_name(&name),
            Effect::Layout(layout, zoom) => chrome.show_picture(&layout, zoom),
            Effect::Settings(settings, controls) => chrome.show_settings(&settings, controls),
            Effect::Data(name, value) => self.set_data(name, &value),
            Effect::ClearData => self.clear_data(&OF_CAMERA),
            Effect::RecordingTime(ms) => chrome.write("rec-time", &text::stopwatch(ms)),
            Effect::ShowRecording(on) => chrome.show_recording(on),
            Effect::Toast(words) => self.toast(&words),
            Effect::Wake => self.wake(),
            Effect::Sleep => chrome.set_class("idle", true),
            Effect::Hint => self.hint(),
            Effect::CapturePointer(id) => {
                // Fails only for a finger that is gone by now.
                let _ = chrome.stage().set_pointer_capture(id);
            }
            Effect::ToggleFullscreen => self.toggle_fullscreen(),
            Effect::LeaveFilled => self.set_filled(false),
            Effect::Remember(key, text) => {
                if let Some(storage) = storage() {
                    // Full or forbidden storage only means that the choice isn't remembered.
                    let _ = storage.set_item(&key, &text);
                }
            }
            Effect::Recall => {
                let key = self.element.borrow().choices.storage_key();
                self.send(Event::Recalled(recall(key)));
            }
            Effect::AwaitStale(ms) => {
                let due = self.weakly(|shell| shell.send(Event::StaleDue));
                *self.stale.borrow_mut() = Some(Timeout::new(ms as i32, due));
            }
            Effect::GiveUp(words) => {
                // Nothing of ours is in it: it tells the element later.
                let _ = self.give_up.call1(&JsValue::NULL, &words.into());
            }
            Effect::Warn(words) => warn(&words),
            Effect::Tell(tell) => self.tells.borrow_mut().push_back(tell),
        }
    }

    fn start_pipeline(&self, may_be_worker: bool) {
        let this = self.this.clone();
        let on_event = move |event| {
            if let Some(shell) = this.upgrade() {
                shell.on_pipeline(event);
            }
        };
        let canvas = self.chrome.fresh_canvas();
        let mut runner = None;
        if may_be_worker && worker::available(&canvas) {
            runner = Remote::start(canvas.clone(), on_event.clone())
                .ok()
                .map(Runner::Remote);
        }
        if runner.is_none() {
            match worker::local(canvas, on_event) {
                Ok(local) => runner = Some(local),
                Err(error) => self.send(Event::NoPipeline(js::error_text(&error))),
            }
        }
        let old = self.runner.replace(runner);
        drop(old);
    }

    fn connect(&self, connection: u32, wire: Option<&str>, width: Option<u32>) {
        // The element asks for no connection where there is no address.
        if let Ok(url) = self.socket_url(wire, width) {
            self.order(Command::Connect { connection, url });
        }
    }

    pub(super) fn socket_url(
        &self,
        wire: Option<&str>,
        width: Option<u32>,
    ) -> Result<String, JsValue> {
        let element = self.element.borrow();
        element.choices.attributes().socket_url(wire, width)
    }

    fn ask_refusal(&self, connection: u32, reason: String) {
        let (this, url) = (self.this.clone(), self.socket_url(None, None));
        let root = self.chrome.shadow().clone();
        spawn_local(async move {
            let refused = match url {
                Ok(url) => refusal(&url, &root).await,
                Err(_) => None,
            };
            if let Some(shell) = this.upgrade() {
                let news = News::Refused(refused.ok_or(reason), js_sys::Math::random());
                shell.send(Event::Connection(connection, news));
            }
        });
    }

    fn load_panels(&self) {
        let (this, shadow) = (self.this.clone(), self.chrome.shadow().clone());
        spawn_local(async move {
            let loaded = panels::load(&shadow).await;
            // The element may have left its document meanwhile.
            let shell = this.upgrade().filter(|shell| !shell.over.get());
            match (shell, loaded) {
                (Some(shell), loaded) => {
                    let there = loaded.is_some();
                    if let Some(panels) = &loaded {
                        shell.begin_to_operate(panels);
                    }
                    *shell.panels.borrow_mut() = loaded;
                    shell.send(Event::Panels(there));
                }
                (None, Some(panels)) => panels.close(),
                (None, None) => {}
            }
        });
    }

    /// Has what the user sets on the camera said to the server.
    fn begin_to_operate(&self, panels: &Panels) {
        let this = self.this.clone();
        let say = js::permanent::<dyn FnMut(String), _>(move |text| {
            if let Some(shell) = this.upgrade() {
                shell.order(Command::Say(text));
            }
        });
        panels.operate(say.unchecked_ref());
        let controls = self.controls.borrow().clone();
        if !controls.is_undefined() {
            self.show_controls(panels, &controls);
        }
    }

    /// The panels, if they are there.
    pub(super) fn panels(&self) -> Option<Panels> {
        let panels = self.panels.borrow();
        panels.as_ref().map(|panels| Panels::clone(panels))
    }

    fn panels_do(&self, pane: Pane) {
        let Some(panels) = self.panels() else { return };
        match pane {
            Pane::Menu(shown) => panels.show_menu(shown),
            Pane::Adjust(shown) => {
                panels.show_adjust(shown);
                self.want(self.want.get().0, shown);
            }
            Pane::Help(true) => panels.show_help(),
            Pane::Help(false) => panels.close_help(),
            Pane::Overlay(shown) => panels.show_overlay(shown),
            Pane::KeepAwake(on) => panels.keep_awake(on),
            Pane::Problem(problem) => panels.show_problem(problem.as_deref()),
            Pane::Figures(figures) => write_figures(&panels, &figures),
            Pane::Record(stage) => self.record(&panels, stage),
            Pane::EndRecording(camera, full) => self.end_recording(&panels, &camera, full),
            Pane::Float(stage) => self.float(&panels, stage),
            Pane::Unfloat => panels.unfloat(),
            Pane::ClearStage => panels.clear_stage(),
            Pane::CloseStage => panels.close_stage(),
        }
    }

    fn set_data(&self, name: &str, value: &str) {
        let name = format!("data-{name}");
        if self.host.get_attribute(&name).as_deref() != Some(value) {
            // Fails only for names that no attribute can have.
            let _ = self.host.set_attribute(&name, value);
        }
    }

    /// Tells the page.
    pub(super) fn tell(&self, tell: Tell) {
        let number = |value: Option<f64>| value.map_or(JsValue::NULL, JsValue::from);
        match tell {
            Tell::State(state, reason) => self.dispatch(
                "statechange",
                &[("state", state.into()), ("reason", reason.into())],
            ),
            Tell::Name(name) => self.dispatch("namechange", &[("name", name.into())]),
            Tell::Frame {
                seq,
                age,
                captured_us,
                drawn_at,
            } => self.dispatch(
                "frame",
                &[
                    ("seq", number(seq.map(|seq| seq as f64))),
                    ("age", number(age)),
                    (
                        "capturedAt",
                        number(captured_us.map(|us| us as f64 / 1000.0)),
                    ),
                    ("drawnAt", drawn_at.into()),
                ],
            ),
            Tell::Error(words) => {
                warn(&words);
                self.dispatch("error", &[("message", words.into())]);
            }
        }
    }

    fn dispatch(&self, event: &str, detail: &[(&str, JsValue)]) {
        let init = CustomEventInit::new();
        init.set_detail(&js::object(detail));
        if let Ok(event) = CustomEvent::new_with_event_init_dict(event, &init) {
            // Throws only for an event that is being dispatched already.
            let _ = self.host.dispatch_event(&event);
        }
    }

    /// Shows a message over the picture for a while.
    pub(super) fn toast(&self, message: &str) {
        self.chrome.write("toast", message);
        self.chrome.show("toast", true);
        let hide = self.weakly(|shell| shell.chrome.show("toast", false));
        *self.toast.borrow_mut() = Some(Timeout::new(TOAST, hide));
    }

    /// Says once how the toolbar comes back, where it can be seen: on a wall's tile nothing can.
    fn hint(&self) {
        if self.host.has_attribute("inert") {
            return;
        }
        let Some(storage) = storage() else { return };
        if let Ok(None) = storage.get_item(HINTED) {
            // Full or forbidden storage would have it said time and again.
            if storage.set_item(HINTED, "1").is_ok() {
                self.toast(text::TAP);
            }
        }
    }

    fn wake(&self) {
        self.chrome.set_class("idle", false);
        let idle = self.weakly(|shell| {
            shell.send(Event::Idle(shell.is_at_button()));
        });
        *self.idle.borrow_mut() = Some(Timeout::new(IDLE, idle));
    }
}

fn warn(words: &str) {
    web_sys::console::warn_1(&format!("pi-camera: {words}").into());
}

fn write_figures(panels: &Panels, figures: &Figures) {
    panels.write_figures(
        figures.fps,
        figures.age,
        figures.age_p95,
        figures.mbit,
        figures.round_trip,
        figures.took,
        figures.skipped_server as f64,
        figures.skipped_here as f64,
        figures.corrupt as f64,
        figures.width,
        figures.height,
        &figures.why,
        figures.wire,
        figures.seq.map(|seq| seq as f64),
    );
}
