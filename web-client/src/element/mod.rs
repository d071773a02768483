//! One element as a value: what it knows, and what follows from what happens.
//!
//! Everything is in five parts, each with a state of its own, and in one pure function, [`Element::update`], that a test
//! can call without a browser. What happens is told by [`crate::shell`], which does what it gives back.

pub mod capture;
pub mod choices;
pub mod controls;
pub mod effect;
pub mod event;
pub mod gestures;
pub mod intent;
mod news;
pub mod picture;
pub mod settings;
pub mod shown;
pub mod status;

#[cfg(test)]
mod tests;

use crate::geometry::Zoom;
use crate::text::{self, words};
use crate::worker::Culprit;
use capture::Capture;
use choices::{Attributes, Changed, Choices};
use controls::{Abilities, Controls, Panels};
use effect::{Effect, Effects, Order, Pane, Tell};
use event::{Event, Place, Pointer};
use gestures::Outcome;
use intent::Intent;
use picture::Picture;
use status::{Action, Status};

/// A worker that fails for the same element again within this many ms will fail the next time, too.
const FAILS_AGAIN: f64 = 60_000.0;
/// A step of the zoom keys.
const KEY_ZOOM: f64 = 1.25;

/// What an element knows.
#[derive(Debug)]
pub struct Element {
    /// The connection, and the state that is shown.
    pub status: Status,
    /// What it shows.
    pub picture: Picture,
    /// What its user handles.
    pub controls: Controls,
    /// What is recorded of it.
    pub capture: Capture,
    /// What is asked of it.
    pub choices: Choices,
    visible: bool,
    alone: bool,
    /// Whether the screen is kept on.
    keeps_awake: bool,
    /// When a worker failed for this element.
    worker_failed: Option<f64>,
}

impl Element {
    /// Before [`Event::Begin`]. `stored` is what the user chose on earlier visits, where the camera is known.
    pub fn new(
        now: f64,
        attributes: Attributes,
        stored: Option<String>,
        abilities: Abilities,
        paused: bool,
    ) -> Self {
        Self {
            status: Status::new(now, attributes.stale_after, paused),
            picture: Picture::default(),
            controls: Controls::new(abilities),
            capture: Capture::default(),
            choices: Choices::new(attributes, stored),
            visible: true,
            alone: false,
            keeps_awake: false,
            worker_failed: None,
        }
    }

    /// Whether there are buttons, keys and gestures.
    pub fn has_controls(&self) -> bool {
        self.choices.attributes().controls
    }

    /// Takes in what happened `now`, in ms by any steady clock; gives what is to be done, in that order.
    pub fn update(&mut self, now: f64, event: Event) -> Vec<Effect> {
        let mut out = Effects::default();
        let effects = &mut out;
        match event {
            Event::Made => {
                effects.push(Effect::StartPipeline(true));
                self.show_settings(effects);
                effects.push(Effect::Wake);
                return out.into();
            }
            Event::NoPipeline(reason) => {
                effects.push(Effect::Tell(Tell::Error(reason)));
                return out.into();
            }
            Event::Begin(place) | Event::Placed(place) => self.place(now, place, effects),
            Event::Attributes(attributes, stored) => {
                self.follow(now, *attributes, stored, effects);
            }
            Event::Recalled(stored) => {
                if self.choices.recalled(stored, effects) {
                    self.status.machine.reconnect(now);
                }
                self.settings_changed(now, effects);
            }
            Event::Paused(paused) => self.status.pause(now, paused),
            Event::Retry => self.status.machine.retry(now),
            Event::Intent(intent, stored) => {
                self.fulfil(now, intent, stored, effects);
                effects.push(Effect::Wake);
            }
            Event::ClickedBeside => {
                self.controls.show_menu(false, effects);
                effects.push(Effect::Wake);
            }
            Event::Awake => effects.push(Effect::Wake),
            Event::Keyboard => {
                effects.push(Effect::Wake);
                if self.has_controls() {
                    self.controls.expect_panels(effects);
                }
            }
            Event::Idle(focused) if !focused && !self.controls.menu => {
                effects.push(Effect::Sleep);
                if self.controls.abilities.touch && self.has_controls() && self.status.is_live() {
                    effects.push(Effect::Hint);
                }
            }
            Event::Idle(_) => {}
            Event::Pointer(pointer) => self.pointer(now, pointer, effects),
            Event::Wheel(at, by) => self.picture.zoom_by(Some(at), by, effects),
            Event::NoWorker(words) => self.without_worker(now, &words, effects),
            Event::WorkerFailed(words, culprit) => {
                self.worker_failed(now, words, culprit, effects);
            }
            Event::Connection(number, news) if self.status.is_current(number) => {
                self.news(now, number, news, effects);
            }
            Event::Connection(..) => {}
            Event::Panels(there) => self.panels_loaded(now, there, effects),
            Event::Recording(refused) => {
                let since = refused.is_none().then_some(now);
                toast(
                    refused,
                    |text| words!("Cannot record: {text}", text = text),
                    effects,
                );
                self.capture.recording(since, effects);
                self.update_hidden(now);
            }
            Event::Encoder { full: true } => {
                let camera = self.picture.camera();
                self.capture.end_recording(camera, true, effects);
            }
            Event::Encoder { full: false } => {
                effects.push(Effect::Toast(text::NOTHING_IS_RECORDED.to_owned()));
            }
            Event::Recorded(failed) => {
                toast(
                    failed,
                    |text| words!("No recording: {text}", text = text),
                    effects,
                );
                self.capture.changed(effects);
                self.update_hidden(now);
            }
            Event::Floating(refused) => {
                let open = refused.is_none();
                toast(
                    refused,
                    |text| words!("No picture in picture: {text}", text = text),
                    effects,
                );
                self.capture.floating(open, effects);
                self.update_hidden(now);
            }
            Event::Unfloated => self.unfloat(now, effects),
            Event::StaleDue => self.status.stale_due(),
            Event::Tick(random, pixel_ratio) => {
                self.picture.pixel_ratio = pixel_ratio;
                self.status.machine.tick(now, random);
                self.settle(now, effects);
                self.steer(now, effects);
                self.show_numbers(now, effects);
            }
        }
        self.settle(now, effects);
        out.into()
    }

    /// Carries on with the connection as the state wants it, and shows the state.
    fn settle(&mut self, now: f64, out: &mut Effects) {
        for action in self.status.machine.take_actions() {
            match action.order() {
                Some(order) => {
                    if action == Action::Resume {
                        self.picture.resume(now);
                    }
                    out.push(Effect::Pipeline(order));
                }
                None if let Err(reason) = &self.choices.attributes().asked => {
                    self.status.machine.unusable(now, reason);
                    // What the address before it led to is not asked for any more.
                    out.push(Effect::Pipeline(Order::Close));
                    out.push(Effect::Tell(Tell::Error(reason.clone())));
                }
                None => {
                    self.steer(now, out);
                    let width = self.picture.connect(now);
                    let wire = self.choices.settings.wire_name();
                    out.push(Effect::Connect(self.status.next_connection(), wire, width));
                }
            }
        }
        self.status.show(now, self.picture.is_there(), out);
        self.keep_awake(out);
    }

    /// The screen stays on while a live picture is all that is looked at.
    fn keep_awake(&mut self, out: &mut Effects) {
        let wanted = self.alone && self.visible && self.status.is_live();
        if wanted {
            self.controls.expect_panels(out);
        }
        if self.controls.has_panels() && wanted != self.keeps_awake {
            self.keeps_awake = wanted;
            out.push(Effect::Panels(Pane::KeepAwake(wanted)));
        }
    }

    fn steer(&mut self, now: f64, out: &mut Effects) {
        let most = self.choices.attributes().max_fps;
        self.picture
            .steer(now, self.choices.settings.size, most, out);
    }

    fn lay_out(&mut self, out: &mut Effects) {
        self.picture.lay_out(&self.choices.settings, out);
    }

    fn place(&mut self, now: f64, place: Place, out: &mut Effects) {
        self.picture.layout.stage = place.stage;
        self.picture.pixel_ratio = place.pixel_ratio;
        self.lay_out(out);
        (self.visible, self.alone) = (place.visible, place.alone);
        self.update_hidden(now);
    }

    /// A picture that is not visible needs no frames, unless it is recorded or shown in the small window.
    fn update_hidden(&mut self, now: f64) {
        let hidden = !self.visible && !self.capture.is_on();
        self.status.machine.set_hidden(now, hidden);
    }

    fn show_settings(&self, out: &mut Effects) {
        let settings = self.choices.settings;
        out.push(Effect::Settings(settings, self.has_controls()));
        if self.controls.has_panels() {
            out.push(Effect::Panels(Pane::Overlay(settings.overlay)));
        }
    }

    fn settings_changed(&mut self, now: f64, out: &mut Effects) {
        self.show_settings(out);
        self.load_overlay(out);
        self.lay_out(out);
        self.steer(now, out);
        self.show_numbers(now, out);
    }

    /// The statistics are loaded once there is a picture: it comes first.
    fn load_overlay(&mut self, out: &mut Effects) {
        if self.choices.settings.overlay
            && self.picture.is_there()
            && self.controls.panels == Panels::Absent
        {
            self.controls.load_panels(out);
        }
    }

    fn show_numbers(&mut self, now: f64, out: &mut Effects) {
        let figures = self.picture.figures(now, self.status.is_live(), out);
        self.status.show_age(now, figures.age, out);
        if let Some(ms) = self.capture.recorded(now) {
            out.push(Effect::RecordingTime(ms));
        }
        if self.choices.settings.overlay && self.controls.has_panels() {
            let why = self.picture.why();
            out.push(Effect::Panels(Pane::Figures(Box::new(effect::Figures {
                why,
                ..figures
            }))));
        }
    }

    fn follow(
        &mut self,
        now: f64,
        attributes: Attributes,
        stored: Option<String>,
        out: &mut Effects,
    ) {
        let changed = self.choices.follow(attributes, stored);
        if changed == Changed::Nothing {
            return;
        }
        self.status
            .set_stale_after(self.choices.attributes().stale_after);
        match changed {
            Changed::Camera => {
                self.status.machine.another_camera(now);
                self.forget_camera(out);
            }
            Changed::Connection => self.status.machine.reconnect(now),
            Changed::Settings | Changed::Nothing => {}
        }
        self.settings_changed(now, out);
    }

    /// Leaves nothing to be seen or handed out of the camera that was shown until now. A recording of it is saved.
    fn forget_camera(&mut self, out: &mut Effects) {
        // While the camera's name is known.
        self.capture
            .end_recording(self.picture.camera(), false, out);
        self.capture.clear(out);
        self.controls.set_problem(None, out);
        self.status.named("", out);
        self.picture.forget_camera();
        out.push(Effect::RejectSnapshots(words!(
            "another camera is shown now"
        )));
        out.push(Effect::Pipeline(Order::Clear));
        out.push(Effect::ClearData);
    }

    fn without_worker(&mut self, now: f64, words: &str, out: &mut Effects) {
        let words = format!("drawing in the page, because of the worker: {words}");
        out.push(Effect::Tell(Tell::Error(words)));
        self.start_pipeline(now, false, out);
    }

    /// The worker is started again, for all of its elements. What fails for this one time and again takes the others with it no
    /// more.
    fn worker_failed(&mut self, now: f64, words: String, culprit: Culprit, out: &mut Effects) {
        let is_ours = culprit != Culprit::Another;
        let again = is_ours && (self.worker_failed).is_some_and(|at| now - at < FAILS_AGAIN);
        if is_ours {
            self.worker_failed = Some(now);
        }
        match culprit {
            Culprit::This if again => out.push(Effect::GiveUp(words)),
            Culprit::Unknown if again => self.without_worker(now, &words, out),
            _ => {
                let words =
                    format!("drawing goes on in another worker, because one has failed: {words}");
                out.push(Effect::Tell(Tell::Error(words)));
                self.start_pipeline(now, true, out);
            }
        }
    }

    /// Starts another pipeline in the place of one that is gone, and the picture with it.
    fn start_pipeline(&mut self, now: f64, may_be_worker: bool, out: &mut Effects) {
        let gone = words!("the worker is gone, and the picture with it");
        out.push(Effect::RejectSnapshots(gone));
        self.picture.forget_want();
        out.push(Effect::StartPipeline(may_be_worker));
        // A recording or the small window goes on.
        if self.capture.stage().is_some() {
            out.push(Effect::Pipeline(Order::Tap(true)));
        }
        self.status.machine.reconnect(now);
    }

    fn pointer(&mut self, now: f64, pointer: Pointer, out: &mut Effects) {
        let (layout, zoom) = (&self.picture.layout, self.picture.zoom);
        let gestures = &mut self.controls.gestures;
        let outcome = match pointer {
            Pointer::Down(id, at) => {
                gestures.down(id, at, now);
                if zoom.factor > 1.0 {
                    out.push(Effect::CapturePointer(id));
                }
                Outcome::None
            }
            Pointer::Moved(id, at) => gestures.moved(id, at, layout, zoom),
            Pointer::Up(id) => gestures.up(id, now, layout, zoom),
            Pointer::Cancelled(id) => {
                gestures.cancel(id);
                Outcome::None
            }
        };
        match outcome {
            Outcome::Moved(zoom) => self.picture.set_zoom(zoom, out),
            Outcome::Tap => out.push(Effect::Wake),
            Outcome::None => {}
        }
    }

    fn panels_loaded(&mut self, now: f64, there: bool, out: &mut Effects) {
        let waiting = self.controls.loaded(there, out);
        if there {
            self.show_settings(out);
            self.controls.show_problem(out);
            for intent in waiting {
                self.fulfil(now, intent, None, out);
            }
            self.show_numbers(now, out);
        }
    }

    fn fulfil(&mut self, now: f64, intent: Intent, stored: Option<String>, out: &mut Effects) {
        if let Some(settings) = self.choices.settings.with(intent) {
            let before = self.choices.settings;
            self.choices.choose(settings, stored, out);
            if before.wire != settings.wire {
                self.status.machine.reconnect(now);
            }
            self.settings_changed(now, out);
            if !before.overlay && settings.overlay {
                self.controls.load_panels(out);
            }
            if intent == Intent::SizeNext {
                let words = words!("Picture size: {text}", text = settings.size.label());
                out.push(Effect::Toast(words));
            }
            return;
        }
        match intent {
            Intent::Pause => self.status.pause(now, !self.status.paused()),
            Intent::Retry => self.status.machine.retry(now),
            Intent::Snapshot => out.push(Effect::SaveSnapshot),
            // The keys are there where the buttons are hidden, too.
            Intent::Record if self.controls.abilities.record => self.record(out),
            Intent::PictureInPicture if self.controls.abilities.float => self.float(now, out),
            Intent::ZoomIn => self.picture.zoom_by(None, KEY_ZOOM, out),
            Intent::ZoomOut => self.picture.zoom_by(None, 1.0 / KEY_ZOOM, out),
            Intent::ZoomReset => self.picture.set_zoom(Zoom::default(), out),
            _ => self.controls.fulfil(intent, out),
        }
    }

    /// Starts a recording, or ends it and saves it.
    fn record(&mut self, out: &mut Effects) {
        if self.capture.is_recording() {
            self.capture
                .end_recording(self.picture.camera(), false, out);
        } else if !self.picture.is_there() {
            let words = words!("There is no picture to record yet");
            out.push(Effect::Toast(words.to_owned()));
        } else if self.controls.need_panels(Intent::Record, out) {
            self.capture.record(&self.picture.layout, out);
        }
    }

    /// Opens or closes the small window.
    fn float(&mut self, now: f64, out: &mut Effects) {
        if self.capture.is_floating() {
            self.unfloat(now, out);
        } else if self.controls.need_panels(Intent::PictureInPicture, out) {
            self.capture.float(&self.picture.layout, out);
        }
    }

    fn unfloat(&mut self, now: f64, out: &mut Effects) {
        out.push(Effect::Panels(Pane::Unfloat));
        self.capture.floating(false, out);
        self.update_hidden(now);
    }
}

/// Says what the user asked for in vain.
fn toast(failed: Option<String>, words: fn(String) -> String, out: &mut Effects) {
    if let Some(reason) = failed {
        out.push(Effect::Toast(words(reason)));
    }
}
