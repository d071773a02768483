//! Sessions and tickets: texts that say what they are good for, signed with the key that they come from.
//!
//! Nothing needs to be kept of them, so that no flood of them fills memory and none is lost in a restart. A key that is rotated
//! signs differently, which ends them all. Sessions that were ended alone are remembered in [`super::sessions`].

use super::SESSION;
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
    /// The id and device of a session.
    session: Option<(&'a str, String)>,
}

impl Token<'_> {
    pub fn is_signed_by(&self, entry: &Entry) -> bool {
        hmac::verify(&entry.secret.signing(), self.signed.as_bytes(), &self.tag).is_ok()
    }

    /// A session's id, device, and Unix time in µs of its beginning.
    pub fn session(&self) -> Option<(&str, String, u64)> {
        let (id, device) = self.session.clone()?;
        let began_us = self.expires_us.saturating_sub(SESSION.as_micros() as u64);
        Some((id, device, began_us))
    }
}

/// `session.NAME.EXPIRES.ID.DEVICE.TAG`, the device in base64url.
pub(super) fn session(entry: &Entry, expires_us: u64, id: &str, device: &str) -> String {
    let device = BASE64URL_NOPAD.encode(device.as_bytes());
    sign(
        entry,
        format!("session.{}.{expires_us}.{id}.{device}", entry.name),
    )
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
    let (token, ["session", _, _, id, device]) = parse(text)? else {
        return None;
    };
    Some(Token {
        session: Some((id, decode(device)?)),
        ..token
    })
}

fn decode(text: &str) -> Option<String> {
    String::from_utf8(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()
}

pub(super) fn parse_ticket(text: &str) -> Option<(Token<'_>, Ticket)> {
    let (token, ["ticket", _, _, camera, origin]) = parse(text)? else {
        return None;
    };
    let optional = |text: &str| decode(text).map(|text| (!text.is_empty()).then_some(text));
    let ticket = Ticket {
        camera: optional(camera)?,
        origin: optional(origin)?,
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
        session: None,
    };
    Some((token, fields))
}
