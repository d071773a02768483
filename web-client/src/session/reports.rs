//! What the pipeline reports → the state.

use super::Session;
use crate::js;
use crate::link::{Drawn, Report};
use crate::message;
use crate::refusal::refusal;
use pistreamer_protocol::WireFormat;
use pistreamer_protocol::message::ServerMessage;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

impl Session {
    /// Takes in a report.
    pub(super) fn report(&self, report: Report) {
        let current = self.state.borrow().connection;
        match report {
            Report::Text { connection, text } if connection == current => self.server_said(&text),
            Report::Pong {
                connection,
                round_trip,
            } if connection == current => {
                let mut state = self.state.borrow_mut();
                state.machine.heard(js::now());
                state.round_trip = Some(round_trip);
            }
            Report::Drawn { connection, frame } if connection == current => self.drawn(frame),
            Report::Corrupt {
                connection,
                total,
                reason,
            } if connection == current => {
                let mut state = self.state.borrow_mut();
                state.machine.heard(js::now());
                // Each would be too much for the console of a stream that is broken throughout.
                if state.seen.corrupt == 0 {
                    web_sys::console::warn_1(
                        &format!("pi-camera: a broken frame: {reason}").into(),
                    );
                }
                state.seen.corrupt = total;
            }
            Report::Closed { connection, reason } if connection == current => {
                self.closed(connection, reason);
            }
            Report::Snapshot {
                id,
                jpeg,
                seq,
                captured_us,
            } => self.hand_out_snapshot(id, jpeg, seq, captured_us),
            Report::Picture(bitmap) => self.picture(&bitmap),
            Report::Ready
            | Report::Text { .. }
            | Report::Pong { .. }
            | Report::Drawn { .. }
            | Report::Corrupt { .. }
            | Report::Closed { .. } => {}
        }
    }

    /// The connection ended, or never came to be. A server that did not let it in is asked why.
    fn closed(&self, connection: u32, reason: String) {
        let refused = {
            let state = self.state.borrow();
            let url = state.attributes.socket_url(None, None);
            url.ok().filter(|_| !state.greeted)
        };
        let Some(url) = refused else {
            return self.lost(&reason, false);
        };
        let this = self.this.clone();
        spawn_local(async move {
            let refusal = refusal(&url).await;
            let session = this.upgrade();
            let Some(session) = session.filter(|session| session.connection() == connection) else {
                return;
            };
            if let Some(refusal) = &refusal
                && !session.was_told(refusal)
            {
                session.tell_error(refusal);
            }
            let refused = refusal.is_some();
            session.lost(&refusal.unwrap_or(reason), refused);
        });
    }

    fn lost(&self, reason: &str, refused: bool) {
        let random = js_sys::Math::random();
        {
            let machine = &mut self.state.borrow_mut().machine;
            machine.closed(js::now(), reason, random);
            if refused {
                machine.refused();
            }
        }
        self.advance();
    }

    fn connection(&self) -> u32 {
        self.state.borrow().connection
    }

    fn was_told(&self, reason: &str) -> bool {
        let state = self.state.borrow();
        state
            .told
            .as_ref()
            .is_some_and(|told| told.reason == reason)
    }

    fn server_said(&self, text: &str) {
        let now = js::now();
        let (mut error, mut name) = (None, None);
        {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            match message::read(text) {
                Some(ServerMessage::Hello(hello)) => {
                    state.machine.hello(now, &hello);
                    state.greeted = true;
                    if hello.width > 0 {
                        state.seen.full = (hello.width, hello.height);
                    }
                    state.seen.camera_id.clone_from(&hello.camera.id);
                    name = Some(hello.camera.name);
                    state.seen.wire = WireFormat::from_subprotocol(&hello.wire);
                    self.set_data("wire", &hello.wire);
                }
                Some(ServerMessage::State(status)) => {
                    state.machine.camera(now, &status);
                    name = status.name;
                }
                Some(ServerMessage::Rendition(rendition)) => {
                    state.machine.heard(now);
                    state.seen.full = (rendition.full_width, rendition.full_height);
                }
                Some(ServerMessage::Skipped { total, .. }) => {
                    state.machine.heard(now);
                    state.seen.skipped_server = state.seen.skipped_server_before + total;
                }
                Some(ServerMessage::Error { code, message }) => {
                    state.machine.heard(now);
                    error = Some(format!("{message} ({code})"));
                }
                Some(_) => state.machine.heard(now),
                None => {
                    error = Some(format!(
                        "the server sent a message that cannot be understood: {text}"
                    ))
                }
            }
        }
        if let Some(error) = error {
            self.tell_error(&error);
        }
        if let Some(name) = name {
            self.named(&name);
        }
        self.advance();
        self.steer();
    }

    fn drawn(&self, frame: Drawn) {
        let now = js::now();
        // Between the worker and the page, a page that was busy may have let some time pass.
        let drawn_at = now - (js::unix_us() / 1000.0 - frame.drawn_at).max(0.0);
        let (new, resized) = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let new = state.machine.frame(now, frame.seq, frame.age);
            if new {
                let bytes = f64::from(frame.bytes);
                state.seen.stats.frame(now, bytes, frame.age);
                if let Some(seq) = frame.seq {
                    state.steering.frame(now, seq, bytes);
                }
                state.seen.drawn += 1;
            }
            // Whether new or not, it is what stands on the canvas.
            state.seen.drawn_at = drawn_at;
            state.seen.last = Some(frame);
            let size = (f64::from(frame.width), f64::from(frame.height));
            let resized = state.layout.picture != size;
            state.layout.picture = size;
            (new, resized)
        };
        if resized {
            self.lay_out();
            self.show_numbers();
        }
        if let Some(seq) = frame.seq {
            self.set_data("seq", &seq.to_string());
        }
        self.advance();
        self.load_overlay();
        if !new {
            return;
        }
        let number = |value: Option<f64>| value.map_or(JsValue::NULL, JsValue::from);
        let captured_at = frame.captured_us.map(|us| us as f64 / 1000.0);
        self.dispatch(
            "frame",
            &[
                ("seq", number(frame.seq.map(|seq| seq as f64))),
                ("age", number(frame.age)),
                ("capturedAt", number(captured_at)),
                ("drawnAt", drawn_at.into()),
            ],
        );
    }
}
