//! What is sent by HTTP: one request for each kind of receiver.
//!
//! Sending it belongs to the caller, who writes `Host` and `Content-Length`.

mod multipart;
mod ntfy;
mod telegram;
mod webhook;

pub use telegram::{retry_after, said};

use crate::{Alert, Receiver};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use std::fmt;
use url::Url;

/// One request. Its URL and headers have secrets, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `POST` or `PUT`.
    pub method: &'static str,
    /// Where to, without user and password.
    pub url: String,
    /// In this order.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} of {} bytes)", self.method, self.body.len())
    }
}

/// The request that tells a receiver, with a picture where there is one and it takes it. `None` where it is not told by HTTP.
pub fn request(receiver: &Receiver, alert: &Alert, picture: Option<&[u8]>) -> Option<Request> {
    match receiver {
        Receiver::Ntfy(url) => Some(ntfy::request(url, alert, picture)),
        Receiver::Webhook(url) => Some(webhook::request(url, alert, picture)),
        Receiver::Telegram(telegram) => Some(telegram::request(telegram, alert, picture)),
        Receiver::Exec(_) | Receiver::Mqtt(_) => None,
    }
}

/// The URL without what lets somebody in, and the header that does. ntfy's access tokens are passwords without a user.
fn separated(url: &Url) -> (String, Option<(&'static str, String)>) {
    let mut bare = url.clone();
    // A URL with a host takes both.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.set_fragment(None);
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let header = match (url.username(), url.password()) {
        ("", None) => None,
        ("", Some(token)) => Some(format!("Bearer {}", decoded(token))),
        (user, password) => {
            let pair = format!(
                "{}:{}",
                decoded(user),
                decoded(password.unwrap_or_default())
            );
            Some(format!("Basic {}", STANDARD.encode(pair)))
        }
    };
    // A line break would begin another header.
    let header = header.map(|value| value.replace(['\r', '\n'], ""));
    (bare.into(), header.map(|value| ("Authorization", value)))
}
