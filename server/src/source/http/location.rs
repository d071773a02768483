//! Where a redirect leads.
//!
//! Resolving it belongs to [`Endpoint::join`]; whether a password goes along is for `get` to say.

use super::SCHEMES;
use axum::http::HeaderValue;
use percent_encoding::CONTROLS;
use pistreamer_client::{Endpoint, UrlError};

/// What a `Location` header means in a response of `base`. The credentials are those of the reference, if it has any.
///
/// # Errors
/// Where it is a URL with which nothing can be fetched.
pub(super) fn resolve(base: &Endpoint, reference: &str) -> Result<Endpoint, UrlError> {
    base.join(reference, &SCHEMES)
}

/// The text of a `Location` header, in which bytes that are no text are encoded, as browsers do.
pub(super) fn text(location: &HeaderValue) -> String {
    percent_encoding::percent_encode(location.as_bytes().trim_ascii(), CONTROLS).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_url_may_contain_is_encoded() {
        let base = Endpoint::parse("https://a:8443/b?c", &SCHEMES).unwrap();
        for (location, path) in [
            ("/a b.jpg?x=\"y\"", "/a%20b.jpg?x=%22y%22"),
            ("http://cam/\u{fc}ber", "/%C3%BCber"),
            (" d/../100%25[1]#x\t", "/100%25[1]"),
        ] {
            let value = HeaderValue::from_bytes(location.as_bytes()).unwrap();
            let target = resolve(&base, &text(&value)).unwrap();
            assert_eq!((target.path.as_str(), target.credentials), (path, None));
        }
        let latin = HeaderValue::from_bytes(b"/\xfcber").unwrap();
        assert_eq!(resolve(&base, &text(&latin)).unwrap().path, "/%FCber");
        let wrong = HeaderValue::from_bytes(b"ftp://me:hunter2@cam/").unwrap();
        let error = resolve(&base, &text(&wrong)).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
