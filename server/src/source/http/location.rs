//! Where a redirect leads: references are resolved by RFC 3986 §5.
//!
//! Pure text work. Whether a password goes along is for `get` to say.

use super::SCHEMES;
use axum::http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS};
use pistreamer_client::{Endpoint, UrlError};

/// What a `Location` header means in an answer of `base`. The credentials are those of the reference, if it has any.
///
/// # Errors
/// Where it is a URL with which nothing can be fetched.
pub fn resolve(base: &Endpoint, reference: &str) -> Result<Endpoint, UrlError> {
    let reference = reference.split('#').next().unwrap_or_default().trim();
    if has_scheme(reference) {
        return Endpoint::parse(reference, &SCHEMES);
    }
    if reference.starts_with("//") {
        let scheme = if base.tls { "https" } else { "http" };
        return Endpoint::parse(&format!("{scheme}:{reference}"), &SCHEMES);
    }
    let (base_path, base_query) = parted(&base.path);
    let (path, query) = parted(reference);
    let path = match path {
        "" => base_path.to_owned(),
        path if path.starts_with('/') => without_dots(path),
        path => {
            let directory = base_path.rfind('/').map_or(0, |at| at + 1);
            without_dots(&format!("{}{path}", &base_path[..directory]))
        }
    };
    let query = if reference.is_empty() {
        base_query
    } else {
        query
    };
    let mut target = base.clone();
    target.path = path + query;
    target.credentials = None;
    Ok(target)
}

/// The text of a `Location` header, in which whatever cannot stand in a URL is encoded, as browsers do.
pub fn text(location: &HeaderValue) -> String {
    percent_encoding::percent_encode(location.as_bytes().trim_ascii(), FORBIDDEN).to_string()
}

/// What no URL contains as it is; bytes beyond ASCII are encoded anyway.
const FORBIDDEN: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Whether it is a whole URL (RFC 3986 §3.1): a scheme and a colon before anything else.
fn has_scheme(reference: &str) -> bool {
    reference.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// The path, and the query with its question mark.
fn parted(path: &str) -> (&str, &str) {
    path.split_at(path.find('?').unwrap_or(path.len()))
}

/// A path that begins with a slash, without its `.` and `..` (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept = Vec::new();
    let mut last = "";
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
        last = segment;
    }
    if matches!(last, "." | "..") {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_as_the_standard_does() {
        let base = Endpoint::parse("http://a/b/c/d;p?q", &SCHEMES).unwrap();
        // RFC 3986 §5.4, without those of other schemes.
        for (reference, target) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            ("g?y#s", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("g;x?y#s", "http://a/b/c/g;x?y"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/../h", "http://a/b/c/h"),
            ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("?x=http://b/", "http://a/b/c/d;p?x=http://b/"),
            ("https://b:81/x", "https://b:81/x"),
        ] {
            let expected = Endpoint::parse(target, &SCHEMES);
            assert_eq!(resolve(&base, reference), expected, "{reference}");
        }
        let secure = Endpoint::parse("https://a:8443/b", &SCHEMES).unwrap();
        assert!(resolve(&secure, "//g").unwrap().tls);
        assert_eq!(resolve(&secure, "g").unwrap().authority(), "a:8443");
        for wrong in ["g:h", "http:g", "//", "http://[::1", "data:,x"] {
            assert!(resolve(&base, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_no_url_may_contain_is_encoded() {
        for (location, encoded) in [
            ("/a b.jpg?x=\"y\"", "/a%20b.jpg?x=%22y%22"),
            ("http://cam/\u{fc}ber", "http://cam/%C3%BCber"),
            (" /100%25[1]#x\t", "/100%25[1]#x"),
        ] {
            let value = HeaderValue::from_bytes(location.as_bytes()).unwrap();
            assert_eq!(text(&value), encoded);
        }
    }
}
