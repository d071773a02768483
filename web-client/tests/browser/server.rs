//! A server without a network, and pictures of one colour.

use futures::StreamExt;
use futures::channel::mpsc;
use js_sys::{Function, Promise, Uint8Array};
use pistreamer_protocol::Stamp;
use pistreamer_protocol::message::{Camera, CameraState, CameraStatus, Hello, ServerMessage};
use pistreamer_viewer::js;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BroadcastChannel, CanvasRenderingContext2d, HtmlCanvasElement, MessageEvent};

/// JavaScript that replaces `WebSocket` in a page or in a worker.
pub(crate) const SERVER: &str = include_str!("server.js");

/// More events than any test has under way; one too many fails the test.
pub(crate) const ROOM: usize = 64;

/// The server's end of one address.
pub(crate) struct Server {
    channel: BroadcastChannel,
    heard: mpsc::Receiver<String>,
    _listener: js::Listener,
}

impl Server {
    /// Listens at an address; call it before anything connects.
    pub(crate) fn at(url: &str) -> Self {
        let channel = BroadcastChannel::new(url).unwrap();
        let (mut tell, heard) = mpsc::channel(ROOM);
        let listener = js::Listener::new(&channel, "message", move |event: MessageEvent| {
            if let Some(sent) = js::get(&event.data(), "sent").as_string() {
                tell.try_send(sent).unwrap();
            }
        });
        Self {
            channel,
            heard,
            _listener: listener,
        }
    }

    /// The viewer's next words that contain this.
    pub(crate) async fn hears(&mut self, words: &str) -> String {
        loop {
            let heard = self.heard.next().await.unwrap();
            if heard.contains(words) {
                return heard;
            }
        }
    }

    /// Sends a text message.
    pub(crate) fn say(&self, text: &str) {
        self.send("message", &text.into());
    }

    /// Sends a binary message.
    pub(crate) fn send_bytes(&self, bytes: &[u8]) {
        self.send("message", &Uint8Array::from(bytes).buffer());
    }

    /// Ends the connection, with that code.
    pub(crate) fn close(&self, code: u16) {
        self.send("close", &code.into());
    }

    fn send(&self, kind: &str, value: &JsValue) {
        let message = js::object(&[(kind, value.clone())]);
        self.channel.post_message(&message).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.channel.close();
    }
}

/// Replaces `WebSocket` in this page.
pub(crate) fn replace_socket() {
    Function::new_no_args(SERVER).call0(&JsValue::NULL).unwrap();
}

/// A stamped JPEG of one colour.
pub(crate) async fn jpeg(seq: u64, colour: &str) -> Vec<u8> {
    let canvas = canvas(64, 48);
    let context: CanvasRenderingContext2d =
        canvas.get_context("2d").unwrap().unwrap().unchecked_into();
    context.set_fill_style_str(colour);
    context.fill_rect(0.0, 0.0, 64.0, 48.0);
    let blob = Promise::new(&mut |resolve, _| {
        canvas.to_blob_with_type(&resolve, "image/jpeg").unwrap();
    });
    let blob: Blob = JsFuture::from(blob).await.unwrap().unchecked_into();
    let bytes = JsFuture::from(blob.array_buffer()).await.unwrap();
    let stamp = Stamp {
        seq,
        captured_us: js::unix_us() as u64,
        camera: "0".into(),
    };
    stamp.write(&Uint8Array::new(&bytes).to_vec()).unwrap()
}

/// A canvas that is in no document.
pub(crate) fn canvas(width: u32, height: u32) -> HtmlCanvasElement {
    let document = web_sys::window().unwrap().document().unwrap();
    let canvas: HtmlCanvasElement = document.create_element("canvas").unwrap().unchecked_into();
    canvas.set_width(width);
    canvas.set_height(height);
    canvas
}

/// Red, green and blue in the middle of a canvas.
pub(crate) fn colour_of(shown: &HtmlCanvasElement) -> [u8; 3] {
    let copy = canvas(1, 1);
    let context: CanvasRenderingContext2d =
        copy.get_context("2d").unwrap().unwrap().unchecked_into();
    let (x, y) = (
        f64::from(shown.width()) / 2.0,
        f64::from(shown.height()) / 2.0,
    );
    context
        .draw_image_with_html_canvas_element_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
            shown, x, y, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0,
        )
        .unwrap();
    let pixels = context.get_image_data(0.0, 0.0, 1.0, 1.0).unwrap().data();
    [pixels[0], pixels[1], pixels[2]]
}

/// The message that opens every connection.
pub(crate) fn hello() -> Hello {
    Hello {
        tiles: false,
        protocol: 1,
        server: "test".into(),
        time_us: js::unix_us() as u64,
        camera: Camera {
            id: "0".into(),
            name: "Camera".into(),
            source: "pattern".into(),
            test_pattern: true,
        },
        width: 64,
        height: 48,
        fps: 30.0,
        status: CameraStatus {
            state: CameraState::Live,
            ..CameraStatus::default()
        },
        wire: "pistreamer.gzip-base64.v1".into(),
        controls: Vec::new(),
        sets: false,
        plays: false,
    }
}

/// The same as JSON.
pub(crate) fn hello_json() -> String {
    ServerMessage::Hello(hello()).to_json()
}
