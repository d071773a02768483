//! The WebSocket as a value: dropping it takes its handlers off and closes it.
//!
//! What the messages mean belongs to [`crate::feed`].

use crate::js::{self, Held, Listener};
use crate::text::words;
use js_sys::ArrayBuffer;
use pistreamer_protocol::message::{CLOSE_BAD_MESSAGE, CLOSE_CAMERA_REMOVED, CLOSE_SIGNED_OUT};
use wasm_bindgen::JsCast;
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};

/// What a socket tells.
pub enum SocketEvent {
    /// It is open.
    Open,
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(ArrayBuffer),
    /// It is over: why, and whether the server doesn't want this viewer any longer.
    Closed(String, bool),
}

/// One connection. After [`SocketEvent::Closed`], nothing more comes.
pub struct Socket {
    socket: Held<WebSocket>,
    _listeners: [Listener; 3],
}

impl Socket {
    /// Begins to connect, and offers no subprotocols: a browser breaks off where an offer is not answered, and some proxies
    /// let no answer through. Events come later, never from within this call.
    ///
    /// # Errors
    /// What the browser says to an address that it doesn't take, or to `ws:` from a page that came over https.
    pub fn open(
        url: &str,
        on_event: impl Fn(SocketEvent) + Clone + 'static,
    ) -> Result<Self, String> {
        let socket = WebSocket::new(url).map_err(|error| js::error_text(&error))?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let open = Listener::new(&socket, "open", {
            let on_event = on_event.clone();
            move |_: Event| on_event(SocketEvent::Open)
        });
        let message = Listener::new(&socket, "message", {
            let on_event = on_event.clone();
            move |event: MessageEvent| {
                let data = event.data();
                match data.as_string() {
                    Some(text) => on_event(SocketEvent::Text(text)),
                    None => on_event(SocketEvent::Binary(data.unchecked_into())),
                }
            }
        });
        let close = Listener::new(&socket, "close", move |event: CloseEvent| {
            let code = event.code();
            on_event(SocketEvent::Closed(
                explain(code, &event.reason()),
                is_refusal(code),
            ));
        });
        Ok(Self {
            socket: Held::new(socket),
            _listeners: [open, message, close],
        })
    }

    /// Sends a text message; does nothing before the socket is open and after it is closed.
    pub fn send(&self, text: &str) {
        if self.socket.ready_state() == WebSocket::OPEN {
            // Throws only before the socket is open.
            let _ = self.socket.send_with_str(text);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Throws only for codes and reasons, of which there are none.
        let _ = self.socket.close();
    }
}

/// Whether a server that is well ended it: for a key or ticket that is over, a camera that was removed, or a place that
/// another viewer got.
fn is_refusal(code: u16) -> bool {
    code == 1013 || code >= CLOSE_BAD_MESSAGE
}

/// A close code in words (RFC 6455 §7.4.1), in the server's own where it has more to say than its code.
fn explain(code: u16, reason: &str) -> String {
    String::from(match code {
        CLOSE_SIGNED_OUT => words!("signed out"),
        CLOSE_CAMERA_REMOVED => words!("the camera was removed"),
        1001 => words!("the server is shutting down"),
        1013 if !reason.is_empty() => words!("another viewer got this place"),
        _ if !reason.is_empty() => reason,
        1000 | 1005 => words!("the server ended the stream"),
        1006 => words!("no connection"),
        1011 => words!("the server met an error"),
        1012 | 1013 => words!("the server asks to come back later"),
        code => return words!("the server closed with code {code}", code = code),
    })
}
