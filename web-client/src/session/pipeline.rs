//! What the machine wants → commands to the pipeline, in a worker or in the page.
//!
//! What the pipeline reports belongs to [`super::reports`].

use super::Session;
use crate::element::remember_address;
use crate::geometry::Layout;
use crate::js;
use crate::link::Command;
use crate::message;
use crate::status::Action;
use crate::steer::Want;
use crate::worker::{self, PipelineEvent, Remote, Runner};

impl Session {
    pub(super) fn start_pipeline(&self, may_be_worker: bool) {
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
        // A recording or the small window goes on.
        if self.media.borrow().stage.is_some()
            && let Some(runner) = &*self.runner.borrow()
        {
            runner.send(Command::Tap(true));
        }
    }

    /// The worker cannot be had, or died: the page does its work from now on.
    fn without_worker(&self, words: &str) {
        self.tell_error(&format!(
            "drawing in the page, because of the worker: {words}"
        ));
        // A listener may have taken the element away.
        if self.over.get() {
            return;
        }
        self.reject_snapshots("the worker is gone, and the picture with it");
        self.start_pipeline(false);
        self.state.borrow_mut().machine.reconnect(js::now());
        self.advance();
    }

    /// Asks the server for the picture that screen, link and user want.
    pub(super) fn steer(&self) {
        let want = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let now = js::now();
            state.steering.choose(now, state.settings.size);
            let want = if state.seen.full.0 == 0 {
                let line = state.layout.longest_line() * state.zoom.factor;
                state.steering.first_want(line * js::pixel_ratio())
            } else {
                let full = Layout {
                    picture: (f64::from(state.seen.full.0), f64::from(state.seen.full.1)),
                    ..state.layout
                };
                let pixels = full.picture.0 * full.scale() * state.zoom.factor * js::pixel_ratio();
                state.steering.place(now, state.seen.full.0, pixels);
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
    pub(super) fn advance(&self) {
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
        let mut unusable = None;
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
                state.seen.stats.clear();
                state.steering.forget(js::now());
                state.round_trip = None;
                state.seen.skipped_server_before = state.seen.skipped_server;
                state.greeted = false;
                let wire = state.settings.wire_name();
                match state.attributes.socket_url(wire, state.wanted.max_width) {
                    Ok(url) => {
                        remember_address(&self.host, &url);
                        Command::Connect {
                            connection: state.connection,
                            url,
                        }
                    }
                    Err(error) => {
                        let reason = js::error_text(&error);
                        state.machine.unusable(js::now(), &reason);
                        unusable = Some(reason);
                        // What the address before it led to is not asked for any more.
                        Command::Close
                    }
                }
            }
        };
        if let Some(runner) = &*self.runner.borrow() {
            runner.send(command);
        }
        if let Some(reason) = unusable {
            self.tell_error(&reason);
        }
    }
}
