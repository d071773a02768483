//! What other programs wrote, as it may be shown.

use pistreamer_protocol::text;

/// What another program's bytes say, fit for a terminal.
pub(crate) fn readable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text::plain(text),
        // The text was cut within a character.
        Err(error) if error.error_len().is_none() => {
            let (text, _) = bytes.split_at(error.valid_up_to());
            text::plain(std::str::from_utf8(text).unwrap_or_default())
        }
        Err(_) => "its answer is no text".into(),
    }
}
