//! The pipeline: WebSocket → unpack → check → decode → canvas → ack, the same in a worker and in the page.
//!
//! At most one frame is being decoded and at most one waits; newer ones take its place. All pipelines in one place take
//! turns in decoding and in connecting. When to connect, and what to say about it, belongs to [`crate::shell`]; crossing to
//! the page belongs to [`crate::worker`].

mod connection;
mod jpegs;
mod left_out;
mod show;

use crate::js::{self, Line, Turn};
use crate::link::{Command, Drawn, Report};
use crate::message;
use crate::painter::{Canvas, Painter};
use crate::slot::Slot;
use crate::socket::{Socket, SocketEvent};
use crate::steer::Want;
use connection::Connection;
use jpegs::{Jpegs, Picture};
use js_sys::ArrayBuffer;
use left_out::LeftOut;
use pistreamer_protocol::message::ServerMessage;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

thread_local! {
    /// Memory to unpack in serves all pipelines, one after the other.
    static JPEGS: RefCell<Jpegs> = RefCell::default();
}

/// The pipeline of one element. Dropping it closes the socket; a decode under way ends in nothing.
pub struct Feed {
    shared: Rc<Shared>,
}

struct Shared {
    /// Of the pipeline, where there are several.
    number: u32,
    report: Box<dyn Fn(Report)>,
    painter: RefCell<Option<Painter>>,
    slot: RefCell<Slot<Message>>,
    corrupt: Cell<u64>,
    tap: Cell<bool>,
    /// What is on the canvas.
    shown: RefCell<Option<Picture>>,
    connection: RefCell<Option<Connection>>,
    /// Whether the last socket has not opened, or not yet.
    failing: Cell<bool>,
    /// Counts up with each end: what waits to connect then is not wanted any more.
    ended: Cell<u32>,
    /// What the server is told first on each connection.
    want: RefCell<String>,
    /// The last frame drawn on this connection.
    drawn: Cell<Option<Drawn>>,
    left_out: LeftOut,
    this: Weak<Self>,
}

/// A binary message that waits for its turn.
struct Message {
    data: ArrayBuffer,
    connection: u32,
    arrived: f64,
    /// It is drawn though it was held up.
    needed: bool,
}

impl Feed {
    /// A pipeline that tells everything to `report`, which is never called from within a method of this type. If the
    /// program fails at work for it, its number is told.
    pub fn new(number: u32, report: impl Fn(Report) + 'static) -> Self {
        Self {
            shared: Rc::new_cyclic(|this| Shared {
                number,
                report: Box::new(report),
                painter: RefCell::default(),
                slot: RefCell::default(),
                corrupt: Cell::new(0),
                tap: Cell::new(false),
                shown: RefCell::default(),
                connection: RefCell::default(),
                failing: Cell::new(false),
                ended: Cell::new(0),
                want: RefCell::new(message::want(Want::default(), false)),
                drawn: Cell::new(None),
                left_out: LeftOut::default(),
                this: this.clone(),
            }),
        }
    }

    /// Draws onto this canvas from now on.
    ///
    /// # Errors
    /// Where the canvas gives no context.
    pub fn set_canvas(&self, canvas: Canvas) -> Result<(), JsValue> {
        *self.shared.painter.borrow_mut() = Some(Painter::new(canvas)?);
        Ok(())
    }

    /// Does what the page asks for.
    pub fn command(&self, command: Command) {
        let shared = &self.shared;
        js::work_for(shared.number);
        match command {
            Command::Canvas(canvas) => {
                if let Err(error) = self.set_canvas(Canvas::Worker(canvas)) {
                    web_sys::console::error_1(&error);
                }
            }
            Command::Connect { connection, url } => Shared::connect(shared, connection, url),
            Command::Want(want) => {
                shared.want.replace(want);
                shared.tell_want();
            }
            Command::Say(text) => shared.say(&text),
            // Dropping it does the rest.
            Command::Close | Command::Leave => shared.close(),
            Command::Pause => shared.pause(),
            Command::Resume => shared.resume(),
            Command::Clear => shared.clear(),
            Command::Snapshot { id } => {
                let shared = Rc::clone(shared);
                spawn_local(async move { (shared.report)(shared.snapshot(id)) });
            }
            Command::Tap(on) => shared.tap.set(on),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    fn connect(this: &Rc<Self>, number: u32, url: String) {
        this.close();
        let (weak, ended) = (Rc::downgrade(this), this.ended.get());
        let line = if this.failing.get() {
            Line::Retrying
        } else {
            Line::Connecting
        };
        spawn_local(async move {
            let turn = js::turn(line).await;
            if let Some(this) = weak.upgrade()
                && this.ended.get() == ended
            {
                js::work_for(this.number);
                Self::open(&this, number, &url, turn);
            }
        });
    }

    fn open(this: &Rc<Self>, number: u32, url: &str, turn: Turn) {
        let weak = Rc::downgrade(this);
        this.failing.set(true);
        let socket = Socket::open(url, move |event| {
            if let Some(this) = weak.upgrade() {
                Self::on_event(&this, number, event);
            }
        });
        match socket {
            Ok(socket) => {
                let asked = js::asked_camera(url);
                *this.connection.borrow_mut() = Some(Connection::new(number, socket, asked, turn));
            }
            Err(reason) => {
                let this = Rc::clone(this);
                spawn_local(async move {
                    (this.report)(Report::Closed {
                        connection: number,
                        reason,
                        refused: false,
                    });
                });
            }
        }
    }

    fn close(&self) {
        self.ended.set(self.ended.get() + 1);
        self.slot.borrow_mut().clear();
        self.left_out.forget();
        self.drawn.set(None);
        drop(self.connection.take());
    }

    /// The connection goes too: what it still brings is of the camera that is to be forgotten.
    fn clear(&self) {
        self.close();
        self.slot.borrow_mut().reset();
        self.corrupt.set(0);
        self.shown.take();
        if let Some(painter) = &mut *self.painter.borrow_mut() {
            painter.clear();
        }
    }

    fn pause(&self) {
        if let Some(connection) = &mut *self.connection.borrow_mut() {
            connection.held.get_or_insert(None);
            connection.socket.send(message::PAUSE);
        }
        self.slot.borrow_mut().clear();
        self.left_out.forget();
    }

    fn resume(&self) {
        let held = match &mut *self.connection.borrow_mut() {
            Some(connection) => connection.resume(),
            None => None,
        };
        // Too old to be drawn, but the server counts it as on its way until it is acknowledged.
        let seq = held
            .and_then(|data| unpack(&data).ok())
            .and_then(|picture| picture.seq());
        self.acknowledge(seq);
    }

    fn on_event(this: &Rc<Self>, number: u32, event: SocketEvent) {
        js::work_for(this.number);
        let report = match event {
            SocketEvent::Open => {
                this.opened(Rc::downgrade(this));
                None
            }
            SocketEvent::Text(text) => this.text(number, text),
            SocketEvent::Binary(data) => {
                Self::binary(this, number, data);
                None
            }
            SocketEvent::Closed(reason, refused) => {
                this.close();
                Some(Report::Closed {
                    connection: number,
                    reason,
                    refused,
                })
            }
        };
        if let Some(report) = report {
            (this.report)(report);
        }
    }

    fn opened(&self, weak: Weak<Self>) {
        self.failing.set(false);
        if let Some(connection) = &mut *self.connection.borrow_mut() {
            connection.opened(move || {
                if let Some(this) = weak.upgrade() {
                    js::work_for(this.number);
                    this.ping();
                }
            });
        }
        self.tell_want();
        self.ping();
    }

    /// Before the socket is open this does nothing, and [`Self::opened`] does it.
    fn tell_want(&self) {
        self.say(&self.want.borrow());
    }

    fn say(&self, text: &str) {
        if let Some(connection) = &*self.connection.borrow() {
            connection.socket.send(text);
        }
    }

    fn ping(&self) {
        if let Some(connection) = &mut *self.connection.borrow_mut() {
            connection.ping();
        }
    }

    fn text(&self, number: u32, text: String) -> Option<Report> {
        let (id, time_us) = match message::read(&text) {
            Some(ServerMessage::Pong { id, time_us }) => (id, time_us),
            Some(ServerMessage::Unchanged { seq, captured_us }) => {
                // What was left out is needed after all.
                self.draw_left_out();
                return self.unchanged(number, seq, captured_us, text.len());
            }
            other => {
                if let Some(ServerMessage::Hello(hello)) = other {
                    self.greeted(&hello.camera.id);
                }
                return Some(Report::Text {
                    connection: number,
                    text,
                });
            }
        };
        let mut connection = self.connection.borrow_mut();
        Some(Report::Pong {
            connection: number,
            round_trip: connection.as_mut()?.pong(id, time_us)?,
        })
    }

    /// The page hears which camera this is, and may close the connection; until then, no other camera's frame is drawn than
    /// that of the one that was asked for.
    fn greeted(&self, camera: &str) {
        if let Some(connection) = &mut *self.connection.borrow_mut()
            && (connection.asked.as_deref()).is_some_and(|asked| asked != camera)
        {
            connection.held = Some(None);
        }
    }

    /// The picture on the canvas is as new as this. While another one is being decoded, that one is meant, and tells itself.
    fn unchanged(&self, number: u32, seq: u64, captured_us: u64, bytes: usize) -> Option<Report> {
        if self.slot.borrow().is_busy() {
            return None;
        }
        let connection = self.connection.borrow();
        let connection = connection.as_ref()?;
        let drawn = self.drawn.get()?;
        let now_us = js::unix_us();
        let age = connection.age_ms(now_us, captured_us);
        connection.held.is_none().then_some(Report::Drawn {
            connection: number,
            frame: Drawn {
                seq: Some(seq),
                captured_us: Some(captured_us),
                age,
                drawn_at: now_us / 1000.0,
                bytes: bytes as u32,
                took: 0.0,
                ..drawn
            },
        })
    }

    fn binary(this: &Rc<Self>, number: u32, data: ArrayBuffer) {
        if let Some(connection) = &mut *this.connection.borrow_mut()
            && let Some(held) = &mut connection.held
        {
            *held = Some(data);
            return;
        }
        let message = Message {
            data,
            connection: number,
            arrived: js::now(),
            needed: false,
        };
        Self::offer(this, message);
    }

    fn offer(this: &Rc<Self>, message: Message) {
        let is_first = this.slot.borrow_mut().offer(message);
        if is_first {
            let this = Rc::clone(this);
            spawn_local(async move {
                loop {
                    // Of those that wait for it, each pipeline's newest is decoded.
                    let turn = js::turn(Line::Decoding).await;
                    js::work_for(this.number);
                    let next = this.slot.borrow_mut().take_next();
                    let Some(message) = next else { break };
                    this.show(message).await;
                    drop(turn);
                }
            });
        }
    }

    fn acknowledge(&self, seq: Option<u64>) {
        if let (Some(seq), Some(connection)) = (seq, &*self.connection.borrow()) {
            connection.socket.send(&message::ack(seq));
        }
    }

    fn snapshot(&self, id: u32) -> Report {
        let shown = self.shown.borrow();
        let shown = shown.as_ref();
        Report::Snapshot {
            id,
            jpeg: shown.map(|shown| shown.jpeg.clone()),
            seq: shown.and_then(Picture::seq),
            captured_us: shown.and_then(Picture::captured_us),
        }
    }
}

fn unpack(data: &ArrayBuffer) -> Result<Picture, String> {
    JPEGS.with_borrow_mut(|jpegs| jpegs.read(data))
}
