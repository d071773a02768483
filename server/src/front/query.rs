//! Queries as cameras meet them in the wild: cache busters, a second `?`, unknown keys.

use super::refusal;
use crate::hub::Limits;
use crate::util::log_throttle::short;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::convert::Infallible;

/// What mjpg-streamer has at `/`, in the place of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Stream,
    Snapshot,
}

/// The pairs of a query, decoded. What is unknown or repeated does no harm: the first of a key counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the part of a URL behind its first `?`. A further `?` separates like `&`: OctoPrint's cache buster makes
    /// `?action=stream?1764000000` of `?action=stream`.
    pub(super) fn parse(query: &str) -> Self {
        let decode = |text: &str| {
            percent_decode_str(&text.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        let pairs = query
            .split(['&', '?'])
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(
            pairs
                .map(|(key, value)| (decode(key), decode(value)))
                .collect(),
        )
    }

    /// The value of a key; empty where the key stands alone.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// The query of another address of this server at which the same camera is meant: `?camera=…`, or nothing. It has no character
    /// that means anything elsewhere in a URL, or in HTML.
    pub(super) fn for_same_camera(&self) -> String {
        let camera = self.get("camera").filter(|camera| !camera.is_empty());
        camera.map_or(String::new(), |camera| {
            format!("?camera={}", utf8_percent_encode(camera, NON_ALPHANUMERIC))
        })
    }

    /// What `?action=` asks for; any other value asks for the page.
    pub(super) fn action(&self) -> Option<Action> {
        match self.get("action")? {
            "stream" => Some(Action::Stream),
            "snapshot" => Some(Action::Snapshot),
            _ => None,
        }
    }

    /// The number behind a key; none where nothing is behind it.
    ///
    /// # Errors
    /// The refusal of a value that is no number: its sender expects an effect.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, Box<Response>> {
        let Some(text) = self.get(key).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let number = text.parse().ok();
        let number = number.filter(|number: &f64| number.is_finite() && *number >= 0.0);
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(Box::new(refusal(
                StatusCode::BAD_REQUEST,
                format!(
                    "{key}={} is not a number from 0 up, as in {key}=10",
                    short(text)
                ),
            ))),
        }
    }

    /// What `?width=` and `?quality=` ask for.
    ///
    /// # Errors
    /// Where one of them is no number.
    pub(super) fn limits(&self) -> Result<Limits, Box<Response>> {
        Ok(Limits {
            max_width: self.number("width")?.map(|width| width as u32),
            quality: self.number("quality")?.map(|quality| quality as u8),
            tiles: false,
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_busters_and_second_question_marks_do_no_harm() {
        let query = Query::parse(
            "action=stream?nonce=1764000000&_ts=7&camera=Virtual%200&fps=5&fps=9&&max_age=&width=-1",
        );
        assert_eq!(query.action(), Some(Action::Stream));
        assert_eq!(Query::parse("action=streams").action(), None);
        assert_eq!(query.get("camera"), Some("Virtual 0"));
        assert_eq!(query.number("fps").unwrap(), Some(5.0));
        assert_eq!(query.number("max_age").unwrap(), None);
        assert!(query.limits().is_err());
        assert_eq!(query.get("quality"), None);
    }

    #[test]
    fn the_query_of_another_address_names_the_same_camera_and_says_nothing_else() {
        let same = |query: &str| Query::parse(query).for_same_camera();
        assert_eq!(same("key=a&camera=yard&camera=b"), "?camera=yard");
        assert_eq!(same("camera=&key=a"), "");
        assert_eq!(same("key=a"), "");
        let odd = same("camera=%22%3E%0d%0a%26key=b%23//evil.example\u{e4}");
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '%';
        let value = odd.strip_prefix("?camera=").unwrap();
        assert!(value.chars().all(is_plain), "{odd}");
        let camera = "\">\r\n&key=b#//evil.example\u{e4}";
        assert_eq!(Query::parse(&odd[1..]).get("camera"), Some(camera));
    }
}
