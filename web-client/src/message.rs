//! The text messages, read by the browser's own `JSON.parse` and written by hand into the protocol's types.
//!
//! Their shape is `pistreamer-protocol`'s, and tests hold this file to it. Its own reader and writer would make the
//! download a quarter larger.

use crate::js;
use crate::steer::Want;
use js_sys::JSON;
use pistreamer_protocol::message::{
    Camera, CameraState, CameraStatus, Hello, PictureSize, Reason, ServerMessage, Values,
};
use wasm_bindgen::JsValue;

/// Reads a server's message; `None` where it is none. One of an unknown type is [`ServerMessage::Unknown`].
pub fn read(text: &str) -> Option<ServerMessage> {
    let message = JSON::parse(text).ok()?;
    Some(match string(&message, "type")?.as_str() {
        "hello" => ServerMessage::Hello(hello(&message)?),
        "state" => ServerMessage::State(status(&message)?),
        "unchanged" => ServerMessage::Unchanged {
            seq: whole(&message, "seq")?,
            captured_us: whole(&message, "captured_us")?,
        },
        "rendition" => ServerMessage::Rendition(PictureSize {
            width: whole(&message, "width")? as u32,
            height: whole(&message, "height")? as u32,
            full_width: whole(&message, "full_width")? as u32,
            full_height: whole(&message, "full_height")? as u32,
        }),
        "skipped" => ServerMessage::Skipped {
            count: whole(&message, "count")?,
            total: whole(&message, "total")?,
        },
        "pong" => ServerMessage::Pong {
            id: whole(&message, "id"),
            time_us: whole(&message, "time_us")?,
        },
        "configuration" => ServerMessage::Configuration {
            problem: string(&message, "problem"),
        },
        "error" => ServerMessage::Error {
            code: string(&message, "code")?,
            message: string(&message, "message")?,
            values: Values::default(),
        },
        _ => ServerMessage::Unknown,
    })
}

/// A viewer's `ack`.
pub fn ack(seq: u64) -> String {
    format!("{{\"type\":\"ack\",\"seq\":{seq}}}")
}

/// A viewer's `ping`.
pub fn ping(id: u64) -> String {
    format!("{{\"type\":\"ping\",\"id\":{id}}}")
}

/// A viewer's `want`. `readings` asks for values of controls that change by themselves.
pub fn want(want: Want, readings: bool) -> String {
    let mut text = String::from("{\"type\":\"want\"");
    if let Some(fps) = want.max_fps {
        text.push_str(&format!(",\"max_fps\":{fps}.0"));
    }
    if let Some(width) = want.max_width {
        text.push_str(&format!(",\"max_width\":{width}"));
    }
    text.push_str(",\"unchanged\":true");
    text.push_str(if readings { ",\"readings\":true}" } else { "}" });
    text
}

/// A viewer's `pause`.
pub const PAUSE: &str = "{\"type\":\"pause\"}";

/// A viewer's `resume`.
pub const RESUME: &str = "{\"type\":\"resume\"}";

fn hello(message: &JsValue) -> Option<Hello> {
    let camera = js::get(message, "camera");
    Some(Hello {
        protocol: whole(message, "protocol")? as u32,
        server: string(message, "server")?,
        time_us: whole(message, "time_us")?,
        camera: Camera {
            id: string(&camera, "id")?,
            name: string(&camera, "name")?,
            source: string(&camera, "source")?,
            test_pattern: js::get(&camera, "test_pattern").is_truthy(),
        },
        width: whole(message, "width")? as u32,
        height: whole(message, "height")? as u32,
        fps: number(message, "fps")?,
        status: status(message)?,
        wire: string(message, "wire")?,
        // The viewer has no use for these.
        controls: Vec::new(),
        sets: false,
        plays: false,
        tiles: false,
    })
}

fn status(message: &JsValue) -> Option<CameraStatus> {
    Some(CameraStatus {
        state: match string(message, "state")?.as_str() {
            "starting" => CameraState::Starting,
            "live" => CameraState::Live,
            "no-signal" => CameraState::NoSignal,
            _ => CameraState::Unknown,
        },
        reason: Reason {
            text: string(message, "reason").unwrap_or_default(),
            ..Reason::default()
        },
        since_us: whole(message, "since_us").unwrap_or_default(),
        test_pattern: js::get(message, "test_pattern").as_bool(),
        name: string(message, "name"),
        // The viewer shows what each frame and `rendition` say.
        ..CameraStatus::default()
    })
}

fn string(object: &JsValue, name: &str) -> Option<String> {
    js::get(object, name).as_string()
}

fn number(object: &JsValue, name: &str) -> Option<f64> {
    js::get(object, name).as_f64()
}

/// Exact below 2⁵³, which is the year 2255 in µs.
fn whole(object: &JsValue, name: &str) -> Option<u64> {
    number(object, name).map(|value| value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pistreamer_protocol::message::{self, ViewerMessage};

    #[test]
    fn what_is_written_is_what_the_protocol_writes() {
        for seq in [0, 7, u64::MAX] {
            assert_eq!(ack(seq), ViewerMessage::Ack { seq }.to_json());
            assert_eq!(ping(seq), ViewerMessage::Ping { id: Some(seq) }.to_json());
        }
        for (max_fps, max_width) in [(None, None), (Some(15), None), (Some(7), Some(640))] {
            for readings in [false, true] {
                let wanted = message::Want {
                    max_fps: max_fps.map(f64::from),
                    max_width,
                    unchanged: true,
                    readings,
                    ..message::Want::default()
                };
                assert_eq!(
                    want(Want { max_width, max_fps }, readings),
                    ViewerMessage::Want(wanted).to_json()
                );
            }
        }
        assert_eq!(PAUSE, ViewerMessage::Pause.to_json());
        assert_eq!(RESUME, ViewerMessage::Resume.to_json());
    }
}
