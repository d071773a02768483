//! Sessions and tickets: texts that say what they are good for, signed with the key that they come from.
//!
//! Nothing is kept of them, so that no flood of them fills memory and none is lost in a restart. A key that is rotated
//! signs differently, which ends them all.

use super::key::Entry;
use data_encoding::BASE64URL_NOPAD;
use ring::hmac;

/// What a ticket is good for, besides the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The only camera; `None` is all of them.
    pub camera: Option<String>,
    /// The origin of the pages that may use it; `None` is the server's own pages only.
    pub origin: Option<String>,
    /// Unix time in µs of its end.
    pub expires_us: u64,
}

/// A text whose signature is still to be checked.
pub(super) struct Token<'a> {
    pub name: &'a str,
    pub expires_us: u64,
    signed: &'a str,
    tag: Vec<u8>,
}

impl Token<'_> {
    pub fn is_signed_by(&self, entry: &Entry) -> bool {
        hmac::verify(&entry.secret.signing(), self.signed.as_bytes(), &self.tag).is_ok()
    }
}

/// `session.NAME.EXPIRES.TAG`.
pub(super) fn session(entry: &Entry, expires_us: u64) -> String {
    sign(entry, format!("session.{}.{expires_us}", entry.name))
}

/// `ticket.NAME.EXPIRES.CAMERA.ORIGIN.TAG`, camera and origin in base64url.
pub(super) fn ticket(entry: &Entry, ticket: &Ticket) -> String {
    let encode =
        |text: &Option<String>| BASE64URL_NOPAD.encode(text.as_deref().unwrap_or("").as_bytes());
    let text = format!(
        "ticket.{}.{}.{}.{}",
        entry.name,
        ticket.expires_us,
        encode(&ticket.camera),
        encode(&ticket.origin)
    );
    sign(entry, text)
}

fn sign(entry: &Entry, text: String) -> String {
    let tag = hmac::sign(&entry.secret.signing(), text.as_bytes());
    format!("{text}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
}

pub(super) fn parse_session(text: &str) -> Option<Token<'_>> {
    match parse(text)? {
        (token, ["session", _, _]) => Some(token),
        _ => None,
    }
}

pub(super) fn parse_ticket(text: &str) -> Option<(Token<'_>, Ticket)> {
    let (token, ["ticket", _, _, camera, origin]) = parse(text)? else {
        return None;
    };
    let decode = |text: &str| {
        let decoded = String::from_utf8(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()?;
        Some((!decoded.is_empty()).then_some(decoded))
    };
    let ticket = Ticket {
        camera: decode(camera)?,
        origin: decode(origin)?,
        expires_us: token.expires_us,
    };
    Some((token, ticket))
}

/// A text's token, and its fields before the tag.
fn parse<const N: usize>(text: &str) -> Option<(Token<'_>, [&str; N])> {
    let (signed, tag) = text.rsplit_once('.')?;
    let fields: Vec<_> = signed.split('.').collect();
    let fields: [&str; N] = fields.try_into().ok()?;
    let token = Token {
        name: fields[1],
        expires_us: fields[2].parse().ok()?,
        signed,
        tag: BASE64URL_NOPAD.decode(tag.as_bytes()).ok()?,
    };
    Some((token, fields))
}
