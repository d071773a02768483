//! Keys, passwords, and what they are good for.

use super::hash;
use super::role::Role;
use argon2::Block;
use data_encoding::BASE32_NOPAD;
use pistreamer_protocol::message::Cause;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::LazyLock;

/// An access key: 128 random bits, written as 26 characters of lower-case base32 (RFC 4648 §6).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

/// Bytes of randomness in a key.
const KEY_BYTES: usize = 16;

impl Key {
    /// A new one.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = [0; KEY_BYTES];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| std::io::Error::other("the system has no randomness to give"))?;
        Ok(Self(BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()))
    }

    /// The key as people copy it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes());
        match bytes {
            Ok(bytes) if bytes.len() == KEY_BYTES => Ok(Self(text.to_ascii_lowercase())),
            _ => Err("a key is 26 characters, a to z and 2 to 7"),
        }
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(…)")
    }
}

/// A key or password as it was typed or sent. It is never shown.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Longest that is looked at, in bytes: hashing more would be work for nothing.
    pub const LONGEST: usize = 256;

    /// Takes what was typed; longer than [`Self::LONGEST`] is as good as wrong.
    pub fn new(text: &str) -> Self {
        let fits = text.len() <= Self::LONGEST;
        Self(if fits { text.to_owned() } else { String::new() })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for it where it is remembered: it tells nothing, and is nothing to another process.
    pub(super) fn tag(&self) -> hmac::Tag {
        hmac::sign(&COMPARING, self.0.as_bytes())
    }

    pub(super) fn is_tagged(&self, tag: &hmac::Tag) -> bool {
        hmac::verify(&COMPARING, self.0.as_bytes(), tag.as_ref()).is_ok()
    }

    /// What was typed, as a key is written: people type capitals, blanks and hyphens into it.
    fn as_key(&self) -> String {
        self.0
            .chars()
            .filter(|letter| !letter.is_whitespace() && *letter != '-')
            .map(|letter| letter.to_ascii_lowercase())
            .collect()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

/// What is kept of a key or password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Secret {
    /// A key, which must be shown again.
    Key(Key),
    /// The hash of a password that a person chose, as a PHC string of Argon2id (RFC 9106).
    Argon2(hash::Hash),
}

/// Texts are compared by their MACs under a key of this process, so that the time it takes says nothing about them.
static COMPARING: LazyLock<hmac::Key> = LazyLock::new(|| {
    hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
        .expect("a system that made the keys has randomness")
});

impl Secret {
    /// Hashes a password with Argon2id's recommended cost: 19 MiB and two passes.
    ///
    /// # Errors
    /// Where the system has no randomness for the salt.
    pub fn of_password(password: &str) -> std::io::Result<Self> {
        hash::Hash::of(password).map(Self::Argon2)
    }

    /// Whether that is the key.
    pub fn is_key(&self, typed: &Password) -> bool {
        let Self::Key(key) = self else { return false };
        let tag = hmac::sign(&COMPARING, key.0.as_bytes());
        hmac::verify(&COMPARING, typed.as_key().as_bytes(), tag.as_ref()).is_ok()
    }

    /// Whether that is the password. It takes long, on purpose, and the memory that it is given.
    pub(super) fn is_password(&self, typed: &Password, blocks: &mut Vec<Block>) -> bool {
        matches!(self, Self::Argon2(hash) if hash.is_of(typed.as_str(), blocks))
    }

    /// What sessions and tickets are signed with: a secret of the server's, which none of those knows who have the key, and
    /// this one, whose change ends them.
    pub(super) fn signing(&self, server: &Key) -> hmac::Key {
        let server = hmac::Key::new(hmac::HMAC_SHA256, server.as_str().as_bytes());
        let both = hmac::sign(&server, self.text().as_bytes());
        hmac::Key::new(hmac::HMAC_SHA256, both.as_ref())
    }

    fn text(&self) -> &str {
        match self {
            Self::Key(key) => key.as_str(),
            Self::Argon2(hash) => hash.as_str(),
        }
    }
}

/// The name of a key: up to 32 of a-z, 0-9, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Not a name.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct BadName(pub Cause);

impl Name {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        let plain = |letter: u8| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, b'-' | b'_')
        };
        if (1..=32).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text))
        } else {
            let name = format!("{text:?}");
            Err(BadName(Cause::KeyNameUnusable { name }))
        }
    }
}

impl std::str::FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        text.to_owned().try_into()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// The only recordings that a key is for, which is that of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clip {
    /// Unix time in µs of its begin.
    pub from_us: u64,
    /// Unix time in µs of its end.
    pub to_us: u64,
    /// The key that shared it, with which it ends.
    pub by: Name,
}

/// A key with its name and role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Tells it from the others.
    pub name: Name,
    /// What it is good for.
    pub role: Role,
    /// What must be shown.
    pub secret: Secret,
    /// The ids of the only cameras that it is for; `None` is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cameras: Option<Vec<String>>,
    /// Unix time in µs of its end; `None` is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_us: Option<u64>,
    /// Unix time in µs when it was made, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_us: Option<u64>,
    /// The only recordings that it is for, where it is that of a link; nothing else is open to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<Clip>,
}

impl Entry {
    /// A key for every camera, without end.
    pub fn new(name: Name, role: Role, secret: Secret) -> Self {
        Self {
            name,
            role,
            secret,
            cameras: None,
            expires_us: None,
            made_us: None,
            clip: None,
        }
    }

    /// Whether its time is over.
    pub fn has_expired(&self, now_us: u64) -> bool {
        self.expires_us
            .is_some_and(|expires_us| expires_us <= now_us)
    }

    /// Returns true if it is for that camera.
    pub fn sees(&self, camera: &str) -> bool {
        let cameras = self.cameras.as_ref();
        cameras.is_none_or(|cameras| cameras.iter().any(|id| id == camera))
    }

    /// Tells this secret from those that the key had before and will have: a change ends what hangs on it.
    pub(super) fn generation(&self) -> String {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, self.secret.text().as_bytes());
        let tag = hmac::sign(&secret, b"generation");
        BASE32_NOPAD.encode(&tag.as_ref()[..10])
    }
}
