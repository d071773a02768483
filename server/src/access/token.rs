//! Sessions and tickets: texts that say what they are good for, signed with a secret of the server's and the key that they come
//! from.
//!
//! Nothing needs to be kept of them, so that no flood of them fills memory and none is lost in a restart. A key that is rotated
//! signs differently, which ends them all. Sessions that were ended alone are remembered in [`super::sessions`].

use super::SESSION;
use super::held::Held;
use super::key::Key;
use crate::util::clock;
use data_encoding::BASE64URL_NOPAD;
use pistreamer_protocol::text;
use ring::hmac;
use std::io;
use std::time::Duration;

/// Letters of a session's id: 40 random bits in base32, as in a key.
const ID: usize = 8;

/// How far a clock may be set back without signing out the devices that signed in before.
const SET_BACK: Duration = Duration::from_secs(24 * 3600);

/// Longest description of a device, in characters.
const DEVICE: usize = 64;

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
    pub(super) fn is_signed_by(&self, held: &Held) -> bool {
        hmac::verify(&held.signing, self.signed.as_bytes(), &self.tag).is_ok()
    }

    /// Returns false for a session that would last longer than any that is given: the clock was ahead then. While the clock
    /// itself is evidently behind, as after a start without a network, it tells nothing.
    pub(super) fn is_within_a_session(&self, now_us: u64) -> bool {
        let longest = (SESSION + SET_BACK).as_micros() as u64;
        self.expires_us <= now_us.saturating_add(longest) || clock::is_evidently_behind(now_us)
    }

    /// A session's id, device, and Unix time in µs of its beginning.
    pub(super) fn session(&self) -> Option<(&str, String, u64)> {
        let (id, device) = self.session.clone()?;
        let began_us = self.expires_us.saturating_sub(SESSION.as_micros() as u64);
        Some((id, device, began_us))
    }
}

/// An id for a session.
///
/// # Errors
/// Where the system has no randomness.
pub(super) fn new_id() -> io::Result<String> {
    Ok(Key::random()?.as_str()[..ID].to_owned())
}

/// `session.NAME.EXPIRES.ID.DEVICE.TAG`, the device in base64url.
pub(super) fn session(held: &Held, expires_us: u64, id: &str, device: &str) -> String {
    let device = BASE64URL_NOPAD.encode(short(device).as_bytes());
    sign(
        held,
        format!("session.{}.{expires_us}.{id}.{device}", held.entry.name),
    )
}

fn short(device: &str) -> String {
    text::plain(device).chars().take(DEVICE).collect()
}

/// `ticket.NAME.EXPIRES.CAMERA.ORIGIN.TAG`, camera and origin in base64url.
pub(super) fn ticket(held: &Held, ticket: &Ticket) -> String {
    let encode =
        |text: &Option<String>| BASE64URL_NOPAD.encode(text.as_deref().unwrap_or("").as_bytes());
    let text = format!(
        "ticket.{}.{}.{}.{}",
        held.entry.name,
        ticket.expires_us,
        encode(&ticket.camera),
        encode(&ticket.origin)
    );
    sign(held, text)
}

fn sign(held: &Held, text: String) -> String {
    let tag = hmac::sign(&held.signing, text.as_bytes());
    format!("{text}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
}

pub(super) fn parse_session(text: &str) -> Option<Token<'_>> {
    let (token, ["session", _, _, id, device]) = parse(text)? else {
        return None;
    };
    let letter = |byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
    if id.len() != ID || !id.bytes().all(letter) {
        return None;
    }
    Some(Token {
        session: Some((id, short(&decode(device)?))),
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

#[cfg(test)]
mod tests {
    use super::super::held::hold;
    use super::super::key::{Entry, Secret};
    use super::super::role::Role;
    use super::*;

    #[test]
    fn a_session_has_an_id_of_one_form_and_a_device_in_few_plain_words() {
        let random = || Key::random().unwrap();
        let entry = Entry::new("door".parse().unwrap(), Role::View, Secret::Key(random()));
        let held = hold(entry, &random());
        let id = new_id().unwrap();
        let (long, eight) = ("a".repeat(5000), "A".repeat(ID));
        for bad in [
            "",
            "a",
            &long,
            &eight,
            "../../..",
            "aaaaaaa\u{1b}",
            "aaaaaaa1",
        ] {
            let text = session(&held, u64::MAX, bad, "a test");
            assert!(parse_session(&text).is_none(), "{bad}");
        }
        let device = format!("a\u{1b}[2Jb\n{long}");
        // As a signer would write it that cuts nothing.
        let encoded = BASE64URL_NOPAD.encode(device.as_bytes());
        let text = sign(&held, format!("session.door.9.{id}.{encoded}"));
        let token = parse_session(&text).unwrap();
        assert!(token.is_signed_by(&held));
        let (same, device, _) = token.session().unwrap();
        assert_eq!(same, id);
        assert!(device.starts_with("a [2Jb aaa") && device.chars().count() == DEVICE);
    }
}
