//! The pipeline: WebSocket → unpack → check → decode → canvas → ack, the same in a worker and in the page.
//!
//! At most one frame is being decoded and at most one waits; newer ones take its place. When to connect, and what to
//! say about it, belongs to [`crate::session`]; crossing to the page belongs to [`crate::worker`].

use crate::clock::Clock;
use crate::js::{self, Interval, Timeout};
use crate::link::{Command, Drawn, Report};
use crate::message;
use crate::painter::{Canvas, Painter};
use crate::slot::Slot;
use crate::socket::{Socket, SocketEvent};
use crate::steer::Want;
use js_sys::{Array, ArrayBuffer, Promise, Uint8Array};
use pistreamer_protocol::message::ServerMessage;
use pistreamer_protocol::{DEFAULT_FRAME_LIMIT, HeldUp, Stamp, Unpacker, WireFormat, jpeg};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, BlobPropertyBag, ImageBitmap};

/// ms from one ping to the next.
const PING_INTERVAL: i32 = 2000;
/// A frame that a standstill held up is drawn after all when no newer one has come for so many ms.
const NOTHING_NEWER: i32 = 1000;
/// Pings whose pong is awaited; older ones are forgotten.
const PINGS_KEPT: usize = 4;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = createImageBitmap, catch)]
    fn decode(jpeg: &Blob) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_name = createImageBitmap, catch)]
    fn copy_bitmap(bitmap: &ImageBitmap) -> Result<Promise, JsValue>;
}

/// The pipeline of one element. Dropping it closes the socket; a decode under way ends in nothing.
pub struct Feed {
    shared: Rc<Shared>,
}

struct Shared {
    report: Box<dyn Fn(Report)>,
    painter: RefCell<Option<Painter>>,
    unpacker: RefCell<Unpacker>,
    buffer: RefCell<Vec<u8>>,
    slot: RefCell<Slot<Message>>,
    corrupt: Cell<u64>,
    tap: Cell<bool>,
    shown: RefCell<Option<Shown>>,
    connection: RefCell<Option<Connection>>,
    /// What the server is told first on each connection.
    want: RefCell<String>,
    /// The last frame drawn on this connection.
    drawn: Cell<Option<Drawn>>,
    /// The newest frame that a standstill held up, until a newer one is drawn.
    left_out: RefCell<Option<(Message, Timeout)>>,
    this: Weak<Self>,
}

struct Connection {
    number: u32,
    socket: Socket,
    wire: WireFormat,
    clock: Clock,
    held_up: HeldUp,
    pings: VecDeque<(u64, f64)>,
    next_ping: u64,
    /// While paused: the newest message that came all the same.
    held: Option<Option<ArrayBuffer>>,
    _timer: Option<Interval>,
}

/// A binary message that waits for its turn.
struct Message {
    data: ArrayBuffer,
    connection: u32,
    arrived: f64,
    /// It is drawn though it was held up.
    needed: bool,
}

/// The JPEG on the canvas.
struct Shown {
    jpeg: Blob,
    stamp: Option<Stamp>,
}

/// A checked JPEG on its way to the canvas.
struct Picture {
    jpeg: Blob,
    stamp: Option<Stamp>,
}

impl Feed {
    /// A pipeline that tells everything to `report`, which is never called from within a method of this type.
    pub fn new(report: impl Fn(Report) + 'static) -> Self {
        Self {
            shared: Rc::new_cyclic(|this| Shared {
                report: Box::new(report),
                painter: RefCell::default(),
                unpacker: RefCell::new(Unpacker::new(DEFAULT_FRAME_LIMIT)),
                buffer: RefCell::default(),
                slot: RefCell::default(),
                corrupt: Cell::new(0),
                tap: Cell::new(false),
                shown: RefCell::default(),
                connection: RefCell::default(),
                want: RefCell::new(message::want(Want::default())),
                drawn: Cell::new(None),
                left_out: RefCell::default(),
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
        match command {
            Command::Canvas(canvas) => {
                if let Err(error) = self.set_canvas(Canvas::Worker(canvas)) {
                    web_sys::console::error_1(&error);
                }
            }
            Command::Connect {
                connection,
                url,
                protocols,
            } => Shared::connect(shared, connection, &url, &protocols),
            Command::Want(want) => {
                shared.want.replace(want);
                shared.tell_want();
            }
            Command::Close => shared.close(),
            Command::Pause => shared.pause(),
            Command::Resume => shared.resume(),
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
    fn connect(this: &Rc<Self>, number: u32, url: &str, protocols: &[String]) {
        this.close();
        let protocols: Vec<&str> = protocols.iter().map(String::as_str).collect();
        let weak = Rc::downgrade(this);
        let socket = Socket::open(url, &protocols, move |event| {
            if let Some(this) = weak.upgrade() {
                Self::on_event(&this, number, event);
            }
        });
        match socket {
            Ok(socket) => {
                *this.connection.borrow_mut() = Some(Connection {
                    number,
                    socket,
                    wire: WireFormat::GzipBase64,
                    clock: Clock::default(),
                    held_up: HeldUp::default(),
                    pings: VecDeque::new(),
                    next_ping: 0,
                    held: None,
                    _timer: None,
                });
            }
            Err(reason) => {
                let this = Rc::clone(this);
                spawn_local(async move {
                    (this.report)(Report::Closed {
                        connection: number,
                        reason,
                    });
                });
            }
        }
    }

    fn close(&self) {
        self.slot.borrow_mut().clear();
        self.left_out.take();
        self.drawn.set(None);
        drop(self.connection.take());
    }

    fn pause(&self) {
        if let Some(connection) = &mut *self.connection.borrow_mut() {
            connection.held.get_or_insert(None);
            connection.socket.send(message::PAUSE);
        }
        self.slot.borrow_mut().clear();
        self.left_out.take();
    }

    fn resume(&self) {
        let held = match &mut *self.connection.borrow_mut() {
            Some(connection) => {
                // A pause is no standstill.
                connection.held_up = HeldUp::default();
                connection.socket.send(message::RESUME);
                connection.held.take().flatten()
            }
            None => None,
        };
        // Too old to be drawn, but the server counts it as on its way until it is acknowledged.
        let seq = held
            .and_then(|data| self.unpack(&data).ok())
            .and_then(|picture| picture.stamp)
            .map(|stamp| stamp.seq);
        self.acknowledge(seq);
    }

    fn on_event(this: &Rc<Self>, number: u32, event: SocketEvent) {
        let report = match event {
            SocketEvent::Open(protocol) => {
                this.opened(Rc::downgrade(this), &protocol);
                None
            }
            SocketEvent::Text(text) => this.text(number, text),
            SocketEvent::Binary(data) => {
                Self::binary(this, number, data);
                None
            }
            SocketEvent::Closed(reason) => {
                this.close();
                Some(Report::Closed {
                    connection: number,
                    reason,
                })
            }
        };
        if let Some(report) = report {
            (this.report)(report);
        }
    }

    fn opened(&self, weak: Weak<Self>, protocol: &str) {
        if let Some(connection) = &mut *self.connection.borrow_mut() {
            // A server that names none sends its default.
            connection.wire = WireFormat::from_subprotocol(protocol).unwrap_or(WireFormat::ALL[0]);
            connection._timer = Some(Interval::new(PING_INTERVAL, move || {
                if let Some(this) = weak.upgrade() {
                    this.ping();
                }
            }));
        }
        self.tell_want();
        self.ping();
    }

    /// Before the socket is open this does nothing, and [`Self::opened`] does it.
    fn tell_want(&self) {
        let want = self.want.borrow();
        if let Some(connection) = &*self.connection.borrow() {
            connection.socket.send(&want);
        }
    }

    fn ping(&self) {
        if let Some(connection) = &mut *self.connection.borrow_mut() {
            let id = connection.next_ping;
            connection.next_ping += 1;
            connection.pings.push_back((id, js::unix_us()));
            if connection.pings.len() > PINGS_KEPT {
                connection.pings.pop_front();
            }
            connection.socket.send(&message::ping(id));
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
            _ => {
                return Some(Report::Text {
                    connection: number,
                    text,
                });
            }
        };
        let received = js::unix_us();
        let mut connection = self.connection.borrow_mut();
        let connection = connection.as_mut()?;
        if let Some(at) = connection
            .pings
            .iter()
            .position(|(sent, _)| Some(*sent) == id)
        {
            let (_, sent) = connection.pings.drain(..=at).next_back()?;
            connection.clock.pong(sent, received, time_us as f64);
        }
        Some(Report::Pong {
            connection: number,
            round_trip: connection.clock.round_trip_ms()?,
        })
    }

    /// The picture on the canvas is as new as this. While another one is being decoded, that one is meant, and tells itself.
    fn unchanged(&self, number: u32, seq: u64, captured_us: u64, bytes: usize) -> Option<Report> {
        if self.slot.borrow().is_busy() {
            return None;
        }
        let connection = self.connection.borrow();
        let connection = connection.as_ref()?;
        let drawn = self.drawn.get()?;
        let age = connection.clock.age_ms(js::unix_us(), captured_us as f64);
        connection.held.is_none().then_some(Report::Drawn {
            connection: number,
            frame: Drawn {
                seq: Some(seq),
                age,
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
        let first = this.slot.borrow_mut().offer(message);
        if let Some(first) = first {
            let this = Rc::clone(this);
            spawn_local(async move {
                let mut next = Some(first);
                while let Some(message) = next {
                    this.show(message).await;
                    next = this.slot.borrow_mut().take_next();
                }
            });
        }
    }

    async fn show(&self, message: Message) {
        let number = message.connection;
        let report = match self.try_show(message).await {
            Ok(Some(frame)) => {
                self.drawn.set(Some(frame));
                Report::Drawn {
                    connection: number,
                    frame,
                }
            }
            Ok(None) => return,
            Err((reason, seq)) => {
                // It is dealt with, though not drawn; unacknowledged it would keep the next ones from coming.
                self.acknowledge(seq);
                // Should it be repeated, what is on the canvas is not it.
                self.drawn.set(None);
                self.corrupt.set(self.corrupt.get() + 1);
                Report::Corrupt {
                    connection: number,
                    total: self.corrupt.get(),
                    reason,
                }
            }
        };
        (self.report)(report);
    }

    /// `None` where a newer frame is on its way, and where the connection is gone or paused by the time the picture is decoded.
    async fn try_show(&self, message: Message) -> Result<Option<Drawn>, (String, Option<u64>)> {
        let picture = self
            .unpack(&message.data)
            .map_err(|reason| (reason, None))?;
        let seq = picture.stamp.as_ref().map(|stamp| stamp.seq);
        if !message.needed && self.is_held_up(message.arrived, picture.stamp.as_ref()) {
            self.acknowledge(seq);
            self.drawn.set(None);
            self.slot.borrow_mut().give_way();
            self.leave_out(message);
            return Ok(None);
        }
        self.left_out.take();
        let because = |error: JsValue| (js::error_text(&error), seq);
        let decoded = decode(&picture.jpeg).map_err(because)?;
        let bitmap: ImageBitmap = JsFuture::from(decoded)
            .await
            .map_err(because)?
            .unchecked_into();
        if !self.wants(message.connection) {
            bitmap.close();
            return Ok(None);
        }
        let (width, height) = (bitmap.width(), bitmap.height());
        if self.tap.get() {
            self.hand_out_copy(&bitmap).await;
        }
        if let Some(painter) = &mut *self.painter.borrow_mut() {
            painter.draw(&bitmap).map_err(because)?;
        }
        let age = picture.stamp.as_ref().and_then(|stamp| {
            let connection = self.connection.borrow();
            let clock = &connection.as_ref()?.clock;
            clock.age_ms(js::unix_us(), stamp.captured_us as f64)
        });
        self.acknowledge(seq);
        *self.shown.borrow_mut() = Some(Shown {
            jpeg: picture.jpeg,
            stamp: picture.stamp,
        });
        Ok(Some(Drawn {
            seq,
            age,
            bytes: message.data.byte_length(),
            width,
            height,
            skipped: self.slot.borrow().replaced(),
            took: js::now() - message.arrived,
        }))
    }

    /// Keeps a frame that is not to be drawn, unless nothing newer comes soon.
    fn leave_out(&self, message: Message) {
        let this = self.this.clone();
        let timer = Timeout::new(NOTHING_NEWER, move || {
            // Later: the timer, which must not end while it runs, goes with the frame.
            let this = this.clone();
            spawn_local(async move {
                if let Some(this) = this.upgrade() {
                    this.draw_left_out();
                }
            });
        });
        let needed = Message {
            needed: true,
            ..message
        };
        *self.left_out.borrow_mut() = Some((needed, timer));
    }

    fn draw_left_out(&self) {
        if let Some((message, _)) = self.left_out.take()
            && let Some(this) = self.this.upgrade()
        {
            Self::offer(&this, message);
        }
    }

    fn is_held_up(&self, arrived: f64, stamp: Option<&Stamp>) -> bool {
        let mut connection = self.connection.borrow_mut();
        let (Some(connection), Some(stamp)) = (connection.as_mut(), stamp) else {
            return false;
        };
        let arrived_us = js::unix_us() - (js::now() - arrived) * 1000.0;
        let age = connection
            .clock
            .age_ms(arrived_us, stamp.captured_us as f64);
        age.is_some_and(|age| connection.held_up.is_held_up(arrived, age))
    }

    fn wants(&self, number: u32) -> bool {
        self.connection
            .borrow()
            .as_ref()
            .is_some_and(|connection| connection.number == number && connection.held.is_none())
    }

    async fn hand_out_copy(&self, bitmap: &ImageBitmap) {
        if let Ok(copy) = copy_bitmap(bitmap)
            && let Ok(copy) = JsFuture::from(copy).await
        {
            (self.report)(Report::Picture(copy.unchecked_into()));
        }
    }

    /// Makes a checked JPEG of a binary message.
    fn unpack(&self, data: &ArrayBuffer) -> Result<Picture, String> {
        let array = Uint8Array::new(data);
        let len = array.length() as usize;
        // The largest frame packs to less than this, whatever packs it.
        if len > DEFAULT_FRAME_LIMIT / 3 * 4 + 4096 {
            return Err(format!("a message of {len} bytes is larger than any frame"));
        }
        let mut buffer = self.buffer.borrow_mut();
        buffer.resize(len, 0);
        array.copy_to(&mut buffer);
        let mut unpacker = self.unpacker.borrow_mut();
        let wire = self
            .connection
            .borrow()
            .as_ref()
            .map_or(WireFormat::ALL[0], |connection| connection.wire);
        let bytes = match wire {
            WireFormat::Jpeg => buffer.as_slice(),
            WireFormat::GzipBase64 => unpacker
                .unpack(&buffer)
                .map_err(|error| error.to_string())?,
        };
        jpeg::inspect(bytes).map_err(|error| error.to_string())?;
        let options = BlobPropertyBag::new();
        options.set_type("image/jpeg");
        let parts = Array::of1(&Uint8Array::from(bytes));
        let jpeg = Blob::new_with_u8_array_sequence_and_options(&parts, &options)
            .map_err(|error| js::error_text(&error))?;
        Ok(Picture {
            jpeg,
            stamp: Stamp::read(bytes),
        })
    }

    fn acknowledge(&self, seq: Option<u64>) {
        if let (Some(seq), Some(connection)) = (seq, &*self.connection.borrow()) {
            connection.socket.send(&message::ack(seq));
        }
    }

    fn snapshot(&self, id: u32) -> Report {
        let shown = self.shown.borrow();
        let shown = shown.as_ref();
        let stamp = shown.and_then(|shown| shown.stamp.as_ref());
        Report::Snapshot {
            id,
            jpeg: shown.map(|shown| shown.jpeg.clone()),
            seq: stamp.map(|stamp| stamp.seq),
            captured_us: stamp.map(|stamp| stamp.captured_us),
        }
    }
}
