//! Queries as cameras meet them in the wild: cache busters, a second `?`, keys that nobody knows.

use crate::hub::Limits;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use std::convert::Infallible;

/// The pairs of a query, decoded. What is unknown or repeated does no harm: the first of a key counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the part of a URL behind its first `?`. A further `?` separates like `&`: OctoPrint's cache buster makes
    /// `?action=stream?1764000000` of `?action=stream`.
    pub fn parse(query: &str) -> Self {
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
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// The number behind a key, where it is one.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite() && *number >= 0.0)
    }

    /// What `?width=` and `?quality=` ask for.
    pub fn limits(&self) -> Limits {
        Limits {
            max_width: self.number("width").map(|width| width as u32),
            quality: self.number("quality").map(|quality| quality as u8),
        }
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
            "action=stream?nonce=1764000000&_ts=7&camera=Virtual%200&fps=5&fps=9&&max_age=-1",
        );
        assert_eq!(query.get("action"), Some("stream"));
        assert_eq!(query.get("camera"), Some("Virtual 0"));
        assert_eq!(query.number("fps"), Some(5.0));
        assert_eq!(query.number("max_age"), None);
        assert_eq!(query.get("quality"), None);
    }
}
