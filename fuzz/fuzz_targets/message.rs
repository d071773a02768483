//! Reads arbitrary text as both sides' messages: what is understood can be written, and is understood again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_protocol::message::{ServerMessage, ViewerMessage};

fuzz_target!(|text: &str| {
    // Not compared: a fraction may change in its last digit when it is written and read again.
    if let Ok(message) = ServerMessage::from_json(text) {
        assert!(ServerMessage::from_json(&message.to_json()).is_ok());
    }
    if let Ok(message) = ViewerMessage::from_json(text) {
        assert!(ViewerMessage::from_json(&message.to_json()).is_ok());
    }
});
