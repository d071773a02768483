//! Calls over the system's D-Bus (D-Bus Specification 0.43), as far as [`super::avahi`] needs them.
//!
//! Own code, because the usual crate makes a package an eleventh larger, for five kinds of calls.

use percent_encoding::percent_decode_str;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

const SOCKET: &str = "/run/dbus/system_bus_socket";

/// Longest time for a call's answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Largest message that is read.
const LARGEST: usize = 64 << 10;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// The one that was called says so, by the error's name.
    #[error("{0}")]
    Refused(String),
    /// The bus is not there, or not any more.
    #[error("D-Bus: {0}")]
    Gone(#[from] io::Error),
}

/// A connection. Calls are made one after the other.
#[derive(Debug)]
pub(super) struct Bus {
    stream: UnixStream,
    serial: u32,
}

/// What is called.
#[derive(Debug)]
pub(super) struct Method<'a> {
    pub(super) service: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
    pub(super) name: &'a str,
}

impl Bus {
    pub(super) async fn connect() -> Result<Self, CallError> {
        let entered = timeout(PATIENCE, Self::enter()).await;
        entered.map_err(io::Error::from)?
    }

    async fn enter() -> Result<Self, CallError> {
        let mut stream = UnixStream::connect(socket()).await?;
        let user = rustix::process::geteuid().as_raw().to_string();
        let user = data_encoding::HEXLOWER.encode(user.as_bytes());
        let hello = format!("\0AUTH EXTERNAL {user}\r\n");
        stream.write_all(hello.as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n") && answer.len() < 1000 {
            answer.push(stream.read_u8().await?);
        }
        if !answer.starts_with(b"OK ") {
            return Err(invalid("it does not let this user in").into());
        }
        stream.write_all(b"BEGIN\r\n").await?;
        let mut bus = Self { stream, serial: 0 };
        let hello = Method {
            service: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
            name: "Hello",
        };
        bus.call(&hello, "", &Fields::default()).await?;
        Ok(bus)
    }

    /// What is answered. The service is not started for it.
    pub(super) async fn call(
        &mut self,
        method: &Method<'_>,
        signature: &str,
        body: &Fields,
    ) -> Result<Answer, CallError> {
        let answered = timeout(PATIENCE, self.exchange(method, signature, body)).await;
        answered.map_err(io::Error::from)?
    }

    async fn exchange(
        &mut self,
        method: &Method<'_>,
        signature: &str,
        body: &Fields,
    ) -> Result<Answer, CallError> {
        self.serial += 1;
        let call = written(self.serial, method, signature, body);
        self.stream.write_all(&call).await?;
        loop {
            let message = self.read().await?;
            if message.answers == Some(self.serial) {
                return match message.error {
                    Some(error) => Err(CallError::Refused(error)),
                    None => Ok(Answer(message.body)),
                };
            }
        }
    }

    /// The next message, which may be of something else.
    async fn read(&mut self) -> io::Result<Message> {
        let mut head = [0; 16];
        self.stream.read_exact(&mut head).await?;
        if head[0] != ENDIAN {
            return Err(invalid("it has another byte order"));
        }
        let number = |at: usize| Fields(head.to_vec()).number(at).unwrap_or_default() as usize;
        let (body, fields) = (number(4), number(12));
        if body.max(fields) > LARGEST {
            return Err(invalid("a message is too large"));
        }
        let mut rest = vec![0; fields.next_multiple_of(8) + body];
        self.stream.read_exact(&mut rest).await?;
        let body = rest.split_off(fields.next_multiple_of(8));
        rest.truncate(fields);
        Message::new(&Fields(rest), Fields(body)).ok_or_else(|| invalid("a message is no message"))
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Where the system's bus listens.
fn socket() -> String {
    let given = std::env::var("DBUS_SYSTEM_BUS_ADDRESS").unwrap_or_default();
    let path = given
        .split([';', ','])
        .find_map(|part| part.strip_prefix("unix:path="));
    let path = path.map(|path| percent_decode_str(path).decode_utf8_lossy().into_owned());
    path.unwrap_or_else(|| SOCKET.into())
}

/// This machine's own byte order.
const ENDIAN: u8 = if cfg!(target_endian = "little") {
    b'l'
} else {
    b'B'
};

const CALL: u8 = 1;
const NO_AUTO_START: u8 = 2;
const VERSION: u8 = 1;

// Header fields.
const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;

fn written(serial: u32, method: &Method<'_>, signature: &str, body: &Fields) -> Vec<u8> {
    let mut fields = Fields::default();
    for (code, kind, text) in [
        (PATH, b'o', method.path),
        (INTERFACE, b's', method.interface),
        (MEMBER, b's', method.name),
        (DESTINATION, b's', method.service),
    ] {
        fields.field(code, kind);
        fields.text(text);
    }
    if !signature.is_empty() {
        fields.field(SIGNATURE, b'g');
        fields.signature(signature);
    }
    let mut message = Fields(vec![ENDIAN, CALL, NO_AUTO_START, VERSION]);
    message.count(body.0.len());
    message.0.extend(serial.to_ne_bytes());
    message.count(fields.0.len());
    message.0.extend(fields.0);
    message.align(8);
    message.0.extend(&body.0);
    message.0
}

/// Values, one after the other, each where its alignment wants it.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<u8>);

impl Fields {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn count(&mut self, count: usize) {
        self.unsigned(u32::try_from(count).expect("no message is that long"));
    }

    pub(super) fn unsigned(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_ne_bytes());
    }

    pub(super) fn signed(&mut self, number: i32) {
        self.align(4);
        self.0.extend(number.to_ne_bytes());
    }

    pub(super) fn short(&mut self, number: u16) {
        self.align(2);
        self.0.extend(number.to_ne_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.0.push(0);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend(bytes);
    }

    /// An array of arrays of bytes.
    pub(super) fn arrays(&mut self, arrays: &[String]) {
        self.count(0);
        let begin = self.0.len();
        for array in arrays {
            self.bytes(array.as_bytes());
        }
        let length = u32::try_from(self.0.len() - begin).expect("no message is that long");
        self.0[begin - 4..begin].copy_from_slice(&length.to_ne_bytes());
    }

    fn signature(&mut self, signature: &str) {
        self.0
            .push(u8::try_from(signature.len()).expect("none is that long"));
        self.0.extend(signature.bytes());
        self.0.push(0);
    }

    /// The begin of a header's field: its code, and the type of what follows.
    fn field(&mut self, code: u8, kind: u8) {
        self.align(8);
        self.0.extend([code, 1, kind, 0]);
    }

    fn number(&self, at: usize) -> Option<u32> {
        let bytes = self.0.get(at..at.checked_add(4)?)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    }

    fn text_at(&self, at: usize) -> Option<&str> {
        let (begin, length) = (at + 4, self.number(at)? as usize);
        std::str::from_utf8(self.0.get(begin..begin.checked_add(length)?)?).ok()
    }
}

/// A message that came.
#[derive(Debug)]
struct Message {
    /// The call that it answers.
    answers: Option<u32>,
    error: Option<String>,
    body: Fields,
}

impl Message {
    /// `None` where the fields are none.
    fn new(fields: &Fields, body: Fields) -> Option<Self> {
        let (mut answers, mut error) = (None, None);
        let mut at = 0;
        while at < fields.0.len() {
            let (code, kind) = (*fields.0.get(at)?, *fields.0.get(at + 2)?);
            at += 4;
            at += match kind {
                b'u' => {
                    let number = fields.number(at)?;
                    if code == REPLY_SERIAL {
                        answers = Some(number);
                    }
                    4
                }
                b'o' | b's' => {
                    let text = fields.text_at(at)?;
                    if code == ERROR_NAME {
                        error = Some(text.to_owned());
                    }
                    4 + text.len() + 1
                }
                b'g' => usize::from(*fields.0.get(at)?) + 2,
                _ => return None,
            };
            at = at.next_multiple_of(8);
        }
        Some(Self {
            answers,
            error,
            body,
        })
    }
}

/// What a call was answered.
#[derive(Debug)]
pub(super) struct Answer(Fields);

impl Answer {
    /// The one text or path that it consists of.
    pub(super) fn text(&self) -> Option<&str> {
        self.0.text_at(0)
    }

    /// The one number that it consists of.
    pub(super) fn number(&self) -> Option<u32> {
        self.0.number(0)
    }
}
