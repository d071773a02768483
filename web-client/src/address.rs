//! A camera's address as what its user's choices are remembered by.
//!
//! From an element's `src` to the WebSocket's address is the browser's work ([`crate::js::socket_url`]).

/// The address without credentials, as a key to remember a camera by.
pub fn without_key(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    // Searching for characters costs the download less than searching for "//".
    let with_authority = address
        .split_once('/')
        .filter(|(scheme, _)| scheme.is_empty() || scheme.ends_with(':'))
        .and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix('/')?)));
    let Some((scheme, rest)) = with_authority else {
        return address.to_owned();
    };
    let (authority, slash, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, "/", path),
        None => (rest, "", ""),
    };
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}//{host}{slash}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_remembered_without_its_key() {
        for address in [
            "http://pi.local:8000/cam",
            "http://pi.local:8000/cam?key=secret",
            "http://pi.local:8000/cam#key=secret",
            "http://camera:secret@pi.local:8000/cam",
            "http://camera:se@cret@pi.local:8000/cam",
        ] {
            assert_eq!(without_key(address), "http://pi.local:8000/cam");
        }
        assert_eq!(without_key("//camera:secret@pi.local/"), "//pi.local/");
        assert_eq!(
            without_key("http://camera:secret@pi.local"),
            "http://pi.local"
        );
        assert_eq!(
            without_key("http://pi.local/cam@2"),
            "http://pi.local/cam@2"
        );
        assert_eq!(without_key("/cam//a@2"), "/cam//a@2");
        assert_eq!(without_key("/cam?key=secret"), "/cam");
        assert_eq!(without_key(""), "");
    }
}
