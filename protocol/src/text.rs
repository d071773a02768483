//! Text from other programs: cut, and without characters that move a cursor, break a line or reorder what stands beside it.
//!
//! Where such text comes in, it passes through [`plain`]; where it goes out to a terminal or a log, through [`escaped`].

use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt::Write;

/// Longest text that is kept, in characters. A reason for people fits; a log line and a JSON message stay short.
pub const LONGEST: usize = 300;

/// The text in one line of at most [`LONGEST`] characters: control characters become spaces, invisible formatting is
/// dropped, and an ellipsis stands for what was cut.
pub fn plain(text: &str) -> String {
    let mut kept = String::new();
    // What is trimmed or dropped must not cost more than what is kept.
    let mut characters = text
        .chars()
        .take(4 * LONGEST)
        .filter(|character| !is_format(*character))
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .skip_while(|character| character.is_whitespace());
    kept.extend(characters.by_ref().take(LONGEST));
    if characters.next().is_some() {
        kept.pop();
        kept.push('…');
    }
    kept.truncate(kept.trim_end().len());
    kept
}

/// The same without the numbers of system errors, such as " (os error 111)" behind "Connection refused": the words say it.
pub(crate) fn without_error_numbers(text: &str) -> String {
    const BEGINS: &str = " (os error ";
    let mut pieces = text.split(BEGINS);
    let mut kept = String::from(pieces.next().unwrap_or_default());
    for piece in pieces {
        let after = piece.trim_start_matches(|letter: char| letter.is_ascii_digit());
        match after.strip_prefix(')') {
            Some(rest) if after.len() < piece.len() => kept.push_str(rest),
            _ => kept.extend([BEGINS, piece]),
        }
    }
    plain(&kept)
}

/// The text with control and invisible formatting characters written as `\n`, `\u001b` and so on, as in JSON.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let needs = |character: char| character.is_control() || is_format(character);
    if !text.contains(needs) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            character if needs(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
            character => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Whether a character only changes how others look: marks, embeddings, overrides and isolates of the bidirectional
/// algorithm (Unicode UAX #9), separators of lines and paragraphs, and other invisible ones, down to the tags that can hide
/// text.
fn is_format(character: char) -> bool {
    matches!(
        character,
        '\u{61c}'
            | '\u{180e}'
            // Not the joiners between them, which letters of some scripts and emoji are made with.
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Reads a text of another program, for `#[serde(deserialize_with)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(plain(&Cow::<str>::deserialize(from)?))
}

/// The same where there may be none.
pub(crate) fn deserialize_option<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<String>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(from)?;
    Ok(text.map(|text| plain(&text)))
}

/// The same of each text in a list.
pub(crate) fn deserialize_list<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<Cow<'de, str>>::deserialize(from)?;
    Ok(texts.iter().map(|text| plain(text)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_one_short_line_without_controls_and_overrides() {
        assert_eq!(plain("unplugged"), "unplugged");
        assert_eq!(plain("  a\r\nb\u{1b}[31m\u{9b}2J "), "a  b [31m 2J");
        assert_eq!(plain("\u{202e}gpj.exe\u{2066}\u{feff}"), "gpj.exe");
        assert_eq!(plain("Kamera für 漢字 🎥"), "Kamera für 漢字 🎥");
        let long = plain(&"ü".repeat(70_000));
        assert_eq!(long.chars().count(), LONGEST);
        assert!(long.ends_with("ü…"));
        assert_eq!(plain(&"x".repeat(LONGEST)), "x".repeat(LONGEST));
        assert_eq!(plain(&"\n".repeat(1 << 20)), "");
    }

    #[test]
    fn a_system_error_is_told_by_its_words_alone() {
        let told = |text| without_error_numbers(text);
        assert_eq!(
            told("cannot reach a:1: Connection refused (os error 111); again (os error 2)"),
            "cannot reach a:1: Connection refused; again"
        );
        for kept in ["x (os error )", "x (os error 1", "(os error 1)", ""] {
            assert_eq!(told(kept), kept);
        }
    }

    #[test]
    fn escaped_text_shows_what_would_act() {
        assert!(matches!(escaped("plain ü"), Cow::Borrowed("plain ü")));
        assert_eq!(escaped("a\nb\u{1b}[2J"), "a\\nb\\u001b[2J");
        assert_eq!(escaped("\u{9b}\u{7f}\u{202e}"), "\\u009b\\u007f\\u202e");
        let json = format!("\"{}\"", escaped("\u{202e}\u{e0041}\u{85}"));
        let back: String = serde_json::from_str(&json).unwrap();
        assert_eq!(back, "\u{202e}\u{e0041}\u{85}");
    }
}
