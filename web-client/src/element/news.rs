//! What is told of the connection → the parts.

use super::Element;
use super::effect::{Effect, Effects, Order, Tell};
use super::event::News;
use crate::text::words;
use pistreamer_protocol::WireFormat;
use pistreamer_protocol::message::{Camera, ServerMessage};

impl Element {
    pub(super) fn news(&mut self, now: f64, number: u32, news: News, out: &mut Effects) {
        match news {
            News::Said(Ok(message)) => self.server_said(now, *message, out),
            News::Said(Err(text)) => {
                let words = format!("the server sent a message that cannot be understood: {text}");
                out.push(Effect::Tell(Tell::Error(words)));
            }
            News::Pong(ms) => {
                self.status.machine.heard(now);
                self.picture.round_trip(ms);
            }
            News::Drawn(frame, drawn_at) => {
                let new = self.status.machine.frame(now, frame.seq, frame.age);
                if self.picture.drawn(now, frame, drawn_at, new) {
                    self.lay_out(out);
                    self.show_numbers(now, out);
                }
                if let Some(seq) = frame.seq {
                    out.push(Effect::Data("seq", seq.to_string()));
                }
                self.settle(now, out);
                self.load_overlay(out);
                if new {
                    out.push(Effect::Tell(Tell::Frame {
                        seq: frame.seq,
                        age: frame.age,
                        captured_us: frame.captured_us,
                        drawn_at,
                    }));
                }
            }
            News::Corrupt(total, reason) => {
                self.status.machine.heard(now);
                self.picture.corrupt(total, &reason, out);
            }
            // A server that did not let it in is asked why.
            News::Closed(reason, _) if !self.status.is_greeted() => {
                out.push(Effect::AskRefusal(number, reason));
            }
            News::Closed(reason, random) | News::Refused(Err(reason), random) => {
                self.status.machine.closed(now, &reason, random);
            }
            News::Refused(Ok(reason), random) => self.status.refused(now, &reason, random, out),
        }
    }

    fn server_said(&mut self, now: f64, message: ServerMessage, out: &mut Effects) {
        match message {
            ServerMessage::Hello(hello) => {
                self.controls.set_problem(None, out);
                let camera = &hello.camera.id;
                let asked = &self.choices.attributes().asked;
                if let Ok(Some(asked)) = asked
                    && asked != camera
                {
                    let reason = words!(
                        "asked for the camera \"{asked}\" and was answered by \"{camera}\": a proxy on the way has to pass on what \
                         is behind the ? of an address",
                        asked = asked,
                        camera = camera
                    );
                    out.push(Effect::Pipeline(Order::Close));
                    return self.status.refused(now, &reason, 0.5, out);
                }
                let before = self.picture.camera();
                if !before.is_empty() && before != camera {
                    return self.replaced(now, &hello.camera, out);
                }
                self.choices.greeted(camera, out);
                self.status.hello(now, &hello);
                let wire = WireFormat::from_subprotocol(&hello.wire);
                let size = (hello.width, hello.height);
                self.picture.greeted(&hello.camera.id, size, wire);
                out.push(Effect::Data("wire", hello.wire));
                self.status.named(&hello.camera.name, out);
            }
            ServerMessage::State(status) => {
                self.status.machine.camera(now, &status);
                if let Some(name) = &status.name {
                    self.status.named(name, out);
                }
            }
            other => {
                self.status.machine.heard(now);
                match other {
                    ServerMessage::Rendition(rendition) => {
                        let (width, height) = (rendition.full_width, rendition.full_height);
                        self.picture.set_full(width, height);
                    }
                    ServerMessage::Skipped { total, .. } => self.picture.skipped(total),
                    ServerMessage::Configuration { problem } => {
                        let problem = problem.filter(|_| self.has_controls());
                        self.controls.configuration(problem, out);
                    }
                    ServerMessage::Error { code, message, .. } => {
                        let words = format!("{message} ({code})");
                        out.push(Effect::Tell(Tell::Error(words)));
                    }
                    _ => {}
                }
            }
        }
        self.settle(now, out);
        self.steer(now, out);
    }

    /// Where the element asks for no camera by its id, the one that it showed is another now. Nothing may pass for that one's.
    fn replaced(&mut self, now: f64, camera: &Camera, out: &mut Effects) {
        let words = words!("Another camera is shown now: {name}", name = camera.name);
        out.push(Effect::Toast(words));
        self.status.machine.another_camera(now);
        self.forget_camera(out);
    }
}
