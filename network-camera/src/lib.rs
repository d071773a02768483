//! Incremental parsers for what network cameras and camera scripts send: HTTP responses, multipart streams, bare JPEGs and
//! picamera's network stream; and the client's side of authentication and cookies.
//!
//! Everything here takes bytes that cannot be trusted, and is the same however they are cut. No I/O, no clock and no logging:
//! connections and timeouts belong to the caller, and so does the decision whether a picture can be shown.

pub mod bare;
pub mod body;
pub mod cookies;
pub mod head;
pub mod login;
pub mod multipart;
pub mod picamera;

/// The items of a header between separators that stand outside of quotes.
fn items(header: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    header
        .split(move |character| {
            let begins_or_ends = character == '"' && !escaped;
            quoted ^= begins_or_ends;
            escaped = quoted && character == '\\' && !escaped;
            character == separator && !quoted
        })
        .map(str::trim)
        .filter(|item| !item.is_empty())
}
