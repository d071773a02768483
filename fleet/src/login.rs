//! How a client shows a broker who it is: by user and password, by a token, by an NKEY, or by a file of credentials.
//!
//! An NKEY is an Ed25519 key whose seed is written in base32 with a checksum; a file of credentials has a JWT beside it
//! (<https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth>).

use crate::wire::Info;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::BASE32_NOPAD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::Serialize;
use std::fmt;

/// Who a client is. Its `Debug` shows no secrets.
#[derive(Default)]
pub enum Login {
    /// Anybody.
    #[default]
    Open,
    /// A user with a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// Whoever has the token.
    Token(String),
    /// Whoever has the key, by itself or with the JWT of a file of credentials.
    Key {
        /// The key.
        key: Key,
        /// The JWT.
        jwt: Option<String>,
    },
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Password { .. } => "Password(..)",
            Self::Token(_) => "Token(..)",
            Self::Key { .. } => "Key(..)",
        })
    }
}

/// An Ed25519 key of a user.
#[derive(Debug)]
pub struct Key(Ed25519KeyPair);

/// Why a file is none that shows who somebody is. Shows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLogin {
    /// No seed.
    #[error(
        "it holds no seed of a user's NKEY, which begins with SU: `nk -gen user` or `nsc` make one"
    )]
    NoSeed,
    /// A seed with a mistake in it.
    #[error("the seed of the NKEY in it has a mistake: copy it anew")]
    BadSeed,
    /// No JWT.
    #[error("it holds no user JWT: `nsc generate creds` makes such a file")]
    NoJwt,
    /// The broker has nothing signed.
    #[error("the broker knows no NKEYs: it has neither users with an nkey nor an operator")]
    NoNonce,
}

/// What a user's seed begins with: five bits for a seed, eight for a user.
const SEED_OF_USER: [u8; 2] = [18 << 3 | 20 << 3 >> 5, (20 << 3 & 31) << 3];

/// What a user's public key begins with.
const USER: u8 = 20 << 3;

impl Key {
    /// Reads the seed in a text that holds nothing else, but for lines of comments.
    ///
    /// # Errors
    /// Where it holds none.
    pub fn of_seed(text: &str) -> Result<Self, BadLogin> {
        let mut lines = text.lines().map(str::trim);
        let seed = lines.find(|line| line.starts_with("SU"));
        let bytes = BASE32_NOPAD.decode(seed.ok_or(BadLogin::NoSeed)?.as_bytes());
        let bytes = bytes.map_err(|_| BadLogin::BadSeed)?;
        let (rest, sum) = bytes.split_last_chunk().ok_or(BadLogin::BadSeed)?;
        let (kind, seed) = rest.split_first_chunk().ok_or(BadLogin::BadSeed)?;
        if crc16(rest) != u16::from_le_bytes(*sum) || *kind != SEED_OF_USER {
            return Err(BadLogin::BadSeed);
        }
        let key = Ed25519KeyPair::from_seed_unchecked(seed);
        key.map(Self).map_err(|_| BadLogin::BadSeed)
    }

    /// The public key, as brokers list it.
    pub fn public(&self) -> String {
        let mut bytes = vec![USER];
        bytes.extend_from_slice(self.0.public_key().as_ref());
        bytes.extend_from_slice(&crc16(&bytes).to_le_bytes());
        BASE32_NOPAD.encode(&bytes)
    }

    fn sign(&self, nonce: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(nonce.as_bytes()))
    }
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 {
                shifted
            } else {
                shifted ^ 0x1021
            }
        })
    })
}

impl Login {
    /// Reads a file of credentials: a JWT and a seed, each between lines that say so.
    ///
    /// # Errors
    /// Where one of them is missing.
    pub fn of_credentials(text: &str) -> Result<Self, BadLogin> {
        let mut lines = text.lines().map(str::trim);
        lines
            .find(|line| line.contains("BEGIN NATS USER JWT"))
            .ok_or(BadLogin::NoJwt)?;
        let jwt = lines
            .by_ref()
            .find(|line| !line.is_empty())
            .filter(|line| !line.starts_with('-'));
        let jwt = jwt.ok_or(BadLogin::NoJwt)?.to_owned();
        let key = Key::of_seed(text)?;
        Ok(Self::Key {
            key,
            jwt: Some(jwt),
        })
    }

    /// The line by which a client introduces itself, under that name.
    ///
    /// # Errors
    /// Where the broker knows no such logins.
    pub fn connect(&self, info: &Info, name: &str, version: &str) -> Result<String, BadLogin> {
        let mut connect = Connect {
            lang: "rust",
            version,
            name,
            protocol: 1,
            // Everybody hears what the broker says, and nobody hears itself.
            echo: false,
            ..Connect::default()
        };
        match self {
            Self::Open => {}
            Self::Password { user, password } => {
                (connect.user, connect.pass) = (Some(user.as_str()), Some(password.as_str()));
            }
            Self::Token(token) => connect.auth_token = Some(token),
            Self::Key { key, jwt } => {
                let nonce = info.nonce.as_deref().ok_or(BadLogin::NoNonce)?;
                connect.sig = Some(key.sign(nonce));
                match jwt {
                    Some(jwt) => connect.jwt = Some(jwt),
                    None => connect.nkey = Some(key.public()),
                }
            }
        }
        // Strings, numbers and booleans alone always have JSON.
        let json = serde_json::to_string(&connect).unwrap_or_default();
        Ok(format!("CONNECT {json}\r\n"))
    }
}

#[derive(Default, Serialize)]
struct Connect<'a> {
    verbose: bool,
    pedantic: bool,
    tls_required: bool,
    lang: &'a str,
    version: &'a str,
    name: &'a str,
    protocol: u8,
    echo: bool,
    headers: bool,
    no_responders: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nkey: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ED25519, UnparsedPublicKey};

    /// The pair that NATS's own documentation of NKEYs shows.
    const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

    #[test]
    fn a_seed_gives_the_public_key_that_belongs_to_it_and_signs_by_it() {
        let key = Key::of_seed(&format!("# mine\n{SEED}\n")).unwrap();
        assert_eq!(key.public(), PUBLIC);
        let bytes = BASE32_NOPAD.decode(PUBLIC.as_bytes()).unwrap();
        let signature = URL_SAFE_NO_PAD.decode(key.sign("nonce")).unwrap();
        let public = UnparsedPublicKey::new(&ED25519, &bytes[1..33]);
        assert!(public.verify(b"nonce", &signature).is_ok());
    }

    #[test]
    fn a_seed_with_a_mistake_is_told_from_none() {
        let wrong = SEED.replace("SUACSSL3", "SUACSSL4");
        for (text, is) in [
            ("", BadLogin::NoSeed),
            (PUBLIC, BadLogin::NoSeed),
            (&wrong, BadLogin::BadSeed),
            ("SU", BadLogin::BadSeed),
            ("SUAAAAAA", BadLogin::BadSeed),
            ("SU!", BadLogin::BadSeed),
        ] {
            assert_eq!(Key::of_seed(text).err(), Some(is), "{text}");
        }
    }

    #[test]
    fn who_a_client_is_stands_in_its_connect() {
        let info = Info {
            nonce: Some("n".into()),
            ..Info::default()
        };
        let credentials = format!(
            "-----BEGIN NATS USER JWT-----\neyJ0.a.b\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{SEED}\n------END USER NKEY SEED------\n"
        );
        let password = Login::Password {
            user: "me".into(),
            password: "p\"w".into(),
        };
        let key = Login::Key {
            key: Key::of_seed(SEED).unwrap(),
            jwt: None,
        };
        for (login, has) in [
            (Login::Open, r#""echo":false"#.to_owned()),
            (password, r#""user":"me","pass":"p\"w""#.into()),
            (Login::Token("t".into()), r#""auth_token":"t""#.into()),
            (key, format!(r#""nkey":"{PUBLIC}","sig":""#)),
            (
                Login::of_credentials(&credentials).unwrap(),
                r#""jwt":"eyJ0.a.b","sig":""#.into(),
            ),
        ] {
            let line = login.connect(&info, "door", "1").unwrap();
            assert!(line.contains(&has), "{line}");
            assert!(line.starts_with("CONNECT {") && line.ends_with("}\r\n"));
            let is_safe = format!("{login:?}");
            assert!(
                !is_safe.contains("p\"w") && !is_safe.contains("eyJ"),
                "{is_safe}"
            );
        }
        let key = Login::of_credentials(&credentials).unwrap();
        let refused = key.connect(&Info::default(), "door", "1");
        assert_eq!(refused, Err(BadLogin::NoNonce));
        assert!(Login::of_credentials(SEED).is_err());
    }
}
