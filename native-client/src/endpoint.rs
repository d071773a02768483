//! Where a server is: a URL, taken apart and completed.
//!
//! Pure text work; connecting belongs to [`crate::dial`].

use crate::Code;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{
    AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode,
};
use std::fmt;
use url::{Host, ParseError, Url};

/// Host, port, path and credentials of a URL. Its text never shows the credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether to speak TLS.
    pub tls: bool,
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path and query, beginning with a slash.
    pub path: String,
    /// User and password of the URL.
    pub credentials: Option<Credentials>,
    /// The one-time code of a printed link.
    pub code: Option<Code>,
}

/// User and password. Neither `Debug` nor `Display` shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(String);

impl Credentials {
    fn of(url: &Url) -> Option<Self> {
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        match (url.username(), url.password()) {
            ("", None) => None,
            (user, None) => Some(Self(decoded(user))),
            (user, Some(password)) => {
                Some(Self(format!("{}:{}", decoded(user), decoded(password))))
            }
        }
    }

    /// The value of an `Authorization` header (RFC 7617).
    pub fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(&self.0))
    }

    /// The user: what stands before the first colon.
    pub fn user(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(user, _)| user)
    }

    /// The password; may be empty.
    pub fn password(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, password)| password)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Why a text is not the URL of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is not the URL of a server: {problem}")]
pub struct UrlError {
    url: String,
    problem: &'static str,
}

impl UrlError {
    /// The same error about what was typed, where a secret was filled into that.
    #[doc(hidden)]
    pub fn about(mut self, typed: &str) -> Self {
        self.url = without_credentials(typed);
        self
    }
}

impl Endpoint {
    /// Takes a URL apart. `schemes` are those that are understood, each with whether it means TLS.
    ///
    /// # Errors
    /// Where the text is no URL of one of the schemes, or has no host. The error shows no credentials.
    pub fn parse(url: &str, schemes: &[(&str, bool)]) -> Result<Self, UrlError> {
        let error = |problem| UrlError {
            url: without_credentials(url),
            problem,
        };
        if has_raw_credentials(url) {
            return Err(error(ENCODE));
        }
        let text = url.split_once('#').map_or(url, |(url, _)| url).trim();
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| error("it lacks a scheme such as http://"))?;
        let tls = meaning(scheme, schemes).ok_or_else(|| error(UNKNOWN_SCHEME))?;
        // Browsers pass over slashes there, and take a path for the host.
        if rest.starts_with(['/', '\\']) {
            return Err(error(NO_HOST));
        }
        let url = format!("{}://{}", web(tls), with_credentials_encoded(rest));
        let url = Url::parse(&url).map_err(|problem| error(explained(problem)))?;
        Self::of(&url, tls).map_err(error)
    }

    /// Where a reference in an answer of this endpoint leads, as browsers resolve it. The credentials are those of the
    /// reference, if it has any.
    ///
    /// # Errors
    /// Where it is no URL of one of the schemes.
    #[doc(hidden)]
    pub fn join(&self, reference: &str, schemes: &[(&str, bool)]) -> Result<Self, UrlError> {
        let reference = reference.split('#').next().unwrap_or_default();
        let error = |problem| UrlError {
            url: without_credentials(reference),
            problem,
        };
        if has_raw_credentials(reference) {
            return Err(error(ENCODE));
        }
        let base = format!("{}://{}{}", web(self.tls), self.authority(), self.path);
        let url = Url::parse(&base).and_then(|base| base.join(reference));
        let url = url.map_err(|problem| error(explained(problem)))?;
        let tls = meaning(url.scheme(), schemes).ok_or_else(|| error(UNKNOWN_SCHEME))?;
        Self::of(&url, tls).map_err(error)
    }

    fn of(url: &Url, tls: bool) -> Result<Self, &'static str> {
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(NO_HOST),
        };
        let port = url.port_or_known_default().filter(|port| *port > 0);
        let query = url
            .query()
            .map_or(String::new(), |query| format!("?{query}"));
        Ok(Self {
            tls,
            host,
            port: port.ok_or(NO_PORT)?,
            path: format!("{}{query}", url.path()),
            credentials: Credentials::of(url),
            code: None,
        })
    }

    /// A bare address, `SCHEME://HOST:PORT`, with neither path nor credentials.
    ///
    /// # Errors
    /// Those of [`Self::parse`], and where there is more or less than host and port.
    pub fn address(url: &str, scheme: &str) -> Result<Self, UrlError> {
        let endpoint = Self::parse(url, &[(scheme, false)])?;
        let error = |problem| UrlError {
            url: without_credentials(url),
            problem,
        };
        if !url
            .split_once("://")
            .is_some_and(|(_, rest)| has_port(rest))
        {
            return Err(error("it has no port"));
        }
        if endpoint.path != "/" || endpoint.credentials.is_some() {
            return Err(error("it is more than a host and a port"));
        }
        Ok(endpoint)
    }

    /// A WebSocket endpoint: `ws://`, `wss://`, or the `http://` and `https://` that people see in their browser. Where
    /// the path ends in a slash, as a page's does, `name` is added to it; any other path is kept as it is. The key or
    /// one-time code behind `#` in a printed link is taken over.
    ///
    /// # Errors
    /// Those of [`Self::parse`].
    pub fn websocket(url: &str, name: &str) -> Result<Self, UrlError> {
        const SCHEMES: [(&str, bool); 4] = [
            ("ws", false),
            ("wss", true),
            ("http", false),
            ("https", true),
        ];
        let mut endpoint = Self::parse(url, &SCHEMES)?;
        let path_len = endpoint.path.find('?').unwrap_or(endpoint.path.len());
        if endpoint.path[..path_len].ends_with('/') {
            endpoint.path.insert_str(path_len, name);
        }
        match shown_by(url) {
            Some(Shown::Key(key)) if endpoint.credentials.is_none() => {
                endpoint.credentials = Some(Credentials(format!("camera:{key}")));
            }
            Some(Shown::Code(code)) if endpoint.credentials.is_none() => {
                endpoint.code = Some(Code::new(code));
            }
            _ => {}
        }
        Ok(endpoint)
    }

    /// The path with one more pair in its query; the value is encoded.
    pub fn add_query(&mut self, key: &str, value: &str) {
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        let separator = if self.path.contains('?') { '&' } else { '?' };
        self.path.push_str(&format!("{separator}{key}={value}"));
    }

    /// What else may be wrong where nothing is found at this address: a password that is taken for something else.
    pub(crate) fn hint(&self) -> &'static str {
        if self.path.contains('@') {
            ": if what stands before the @ in the URL is a password, write / in it as %2F and ? as %3F"
        } else {
            ""
        }
    }

    /// Host and port as a `Host` header has them (RFC 9110 §7.2).
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        match (self.tls, port) {
            (false, 80) | (true, 443) => host,
            _ => format!("{host}:{port}"),
        }
    }
}

/// What stands behind `#` in a printed link.
enum Shown<'a> {
    Key(&'a str),
    Code(&'a str),
}

fn shown_by(url: &str) -> Option<Shown<'_>> {
    let (_, fragment) = url.trim().rsplit_once('#')?;
    match fragment.split_once('=')? {
        ("key", key) if is_word(key) => Some(Shown::Key(key)),
        ("code", code) if is_word(code) => Some(Shown::Code(code)),
        _ => None,
    }
}

fn is_word(text: &str) -> bool {
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(plain)
}

/// Whether a URL is a link that a pistreamer printed: with a key or a one-time code behind `#`.
pub fn is_link(url: &str) -> bool {
    shown_by(url).is_some()
}

/// How to write what has a meaning in URLs.
const ENCODE: &str = "if its user or password contains / ? # or @, write %2F %3F %23 or %40 for them, as in \
    http://USER:PASS%23WORD@HOST/";

/// Whether a user or password ends at a character that ends the host in URLs. What looks like a path with an `@` in it is
/// left alone where a host can stand before it.
fn has_raw_credentials(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let Some(end) = rest.find(['/', '?', '#']) else {
        return false;
    };
    let (authority, after) = rest.split_at(end);
    if authority.contains('@') || !after.contains('@') {
        return false;
    }
    let fragment = after.split_once('#').map_or("", |(_, fragment)| fragment);
    !may_be_host(authority) || fragment.contains('@')
}

/// Whether an authority without credentials may be a host with or without a port, rather than the beginning of
/// `USER:PASSWORD`.
fn may_be_host(authority: &str) -> bool {
    let (host, port) = match authority.rfind([']', ':']) {
        Some(at) if authority[at..].starts_with(':') => (&authority[..at], &authority[at + 1..]),
        _ => (authority, "80"),
    };
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let of_an_address = |letter: char| letter.is_ascii_hexdigit() || ":.".contains(letter);
    match address {
        Some(address) => is_port && address.chars().all(of_an_address),
        // Where it is empty, that is what is said of it.
        None => host.is_empty() || (is_port && !host.contains(':')),
    }
}

const NO_HOST: &str = "it has no host";
const NO_PORT: &str = "its port is not one";
const UNKNOWN_SCHEME: &str = "its scheme is not one that works here";

fn explained(problem: ParseError) -> &'static str {
    match problem {
        ParseError::EmptyHost => NO_HOST,
        ParseError::InvalidPort => NO_PORT,
        ParseError::IdnaError
        | ParseError::InvalidIpv4Address
        | ParseError::InvalidIpv6Address
        | ParseError::InvalidDomainCharacter => "its host is neither a name nor an address",
        _ => "it cannot be read",
    }
}

/// Whether a scheme means TLS, where it is one of those that are understood.
fn meaning(scheme: &str, schemes: &[(&str, bool)]) -> Option<bool> {
    let mut schemes = schemes.iter();
    let known = schemes.find(|(name, _)| name.eq_ignore_ascii_case(scheme));
    known.map(|(_, tls)| *tls)
}

/// The scheme by whose rules every URL is read.
fn web(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}

/// A URL without its scheme, with everything encoded in front of the last `@` before the path that is not read as it
/// stands: a backslash begins the path, and line ends are passed over.
fn with_credentials_encoded(rest: &str) -> String {
    let authority = rest.find(['/', '?']).unwrap_or(rest.len());
    let credentials = rest[..authority].rfind('@').unwrap_or(0);
    let (credentials, rest) = rest.split_at(credentials);
    format!(
        "{}{rest}",
        utf8_percent_encode(credentials, NOT_IN_CREDENTIALS)
    )
}

const NOT_IN_CREDENTIALS: &AsciiSet = &CONTROLS.add(b'\\');

/// Whether there is a colon behind the host, in an authority or in a URL without a path.
fn has_port(authority: &str) -> bool {
    let after_user = authority.rsplit('@').next().unwrap_or_default();
    let after_address = after_user.rsplit(']').next().unwrap_or_default();
    after_address.contains(':')
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.authority())
    }
}

/// A URL, well-formed or not, as logs and errors may show it: without user and password, without its query, which may hold
/// others, and without what stands behind `#` in a printed link. What stands before the last `@` of host and path goes,
/// although it may be a path: people type passwords with slashes in them.
pub fn without_credentials(url: &str) -> String {
    let url = match url.rsplit_once('#') {
        Some((rest, _)) if is_link(url) => rest,
        _ => url,
    };
    let (scheme, rest) = url.split_at(url.find("://").map_or(0, |at| at + 3));
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) if !has_raw_credentials(url) => (place, Some(query)),
        _ => (rest, None),
    };
    // A question mark right behind the host may belong to a password as well.
    let may_be_password =
        !place.contains(['/', '@']) && query.is_some_and(|query| query.contains('@'));
    let place = if may_be_password { "" } else { place };
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let (place, more) = match place.split_once('?') {
        Some((place, _)) => (place, "?…"),
        None => (place, if query.is_some() { "?…" } else { "" }),
    };
    format!("{scheme}{place}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ws(url: &str) -> (bool, String, u16, String) {
        let endpoint = Endpoint::websocket(url, "ws").unwrap();
        (endpoint.tls, endpoint.host, endpoint.port, endpoint.path)
    }

    #[test]
    fn what_stands_in_a_browsers_address_bar_is_enough() {
        let pi = |tls, port, path: &str| (tls, "pi.local".to_owned(), port, path.to_owned());
        assert_eq!(ws("http://pi.local:8000"), pi(false, 8000, "/ws"));
        assert_eq!(ws("http://pi.local:8000/"), pi(false, 8000, "/ws"));
        assert_eq!(
            ws("https://pi.local/cam/?camera=1#x"),
            pi(true, 443, "/cam/ws?camera=1")
        );
        assert_eq!(ws("ws://pi.local"), pi(false, 80, "/ws"));
        assert_eq!(ws(" ws://pi.local/a \n#b "), pi(false, 80, "/a"));
        assert_eq!(ws("wss://pi.local/door/live"), pi(true, 443, "/door/live"));
        assert_eq!(ws("ws://pi.local?camera=1"), pi(false, 80, "/ws?camera=1"));
        assert_eq!(
            ws("ws://[::1]:8000/ws"),
            (false, "::1".into(), 8000, "/ws".into())
        );
    }

    #[test]
    fn what_is_no_url_is_refused_and_no_password_is_shown() {
        for bad in [
            "",
            "pi.local:8000",
            "ftp://pi.local",
            "http://",
            "http://:80",
            "ws://pi:0",
            "ws://pi:99999",
            "ws://a b",
            "ws://user:hunter2@",
            "x://user:hunter2@host/",
            "x://user:hunter2/?#@host/",
            "user:hunter2@host",
            "ws://user:hunter2@a%20b",
            "ws://user:hunter2@a[b:c]:80",
            "ws://[b:c]",
        ] {
            let error = Endpoint::websocket(bad, "ws").unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn credentials_become_basic_and_are_never_shown() {
        let endpoint = Endpoint::websocket("ws://me:s%40fe@[::1]:81/", "ws").unwrap();
        let credentials = endpoint.credentials.clone().unwrap();
        assert_eq!(
            credentials.basic(),
            format!("Basic {}", STANDARD.encode("me:s@fe"))
        );
        assert_eq!((credentials.user(), credentials.password()), ("me", "s@fe"));
        assert_eq!(endpoint.to_string(), "[::1]:81");
        assert!(!format!("{endpoint:?}").contains("s@fe"));
    }

    #[test]
    fn a_printed_link_brings_its_key_or_code() {
        let link = |url: &str| Endpoint::websocket(url, "ws").unwrap();
        let key = link("http://pi.local:8000/#key=abc");
        assert_eq!(key.credentials.unwrap().basic(), "Basic Y2FtZXJhOmFiYw==");
        assert_eq!((key.path.as_str(), key.code), ("/ws", None));
        let code = link("http://pi.local:8000/cam/#code=7K3M ");
        assert_eq!(
            (code.path.as_str(), code.credentials.as_ref()),
            ("/cam/ws", None)
        );
        assert_eq!(code.code, Some(Code::new("7K3M")));
        assert!(!format!("{code:?}").contains("7K3M"));
        let typed = link("ws://me:pw@pi/#key=abc").credentials.unwrap();
        assert_eq!(typed.user(), "me");
        for no_link in [
            "http://pi/",
            "http://pi/#top",
            "http://pi/#key=",
            "http://pi/#code=\"}",
        ] {
            assert!(!is_link(no_link), "{no_link}");
            assert_eq!(link(no_link).code, None);
        }
        assert_eq!(without_credentials("htp://pi/#key=abc"), "htp://pi/");
        for (url, shown) in [
            (
                "http://cam/s?user=me@x.org&password=hunter2",
                "http://cam/s?…",
            ),
            (
                "http://u:hunter2@cam/s?user=me@x.org&password=hunter2",
                "http://cam/s?…",
            ),
            ("http://cam?user=me@x.org&password=hunter2", "http://?…"),
            ("http://u:hunter/2@cam/", "http://cam/"),
            ("http://u:8080/hunter2@cam/", "http://cam/"),
            ("http://u:hunter2:81/a?b@cam/", "http://cam/"),
            ("http://[u:hunter2]:81/a?b@cam/", "http://cam/"),
            ("http://[::1]:81/a?b@cam/", "http://[::1]:81/a?…"),
            ("http://u:hunter?2@cam/a?pw=hunter2", "http://cam/a?…"),
            ("http://u:hunter2@cam/@home#top", "http://home#top"),
        ] {
            assert_eq!(without_credentials(url), shown, "{url}");
        }
    }

    #[test]
    fn passwords_as_people_write_them_are_understood_or_it_is_said_how_to_write_them() {
        let parse = |url: &str| Endpoint::parse(url, &[("http", false)]);
        for (password, understood) in [
            ("p w", true),
            ("p\u{e4}\u{df}", true),
            ("p@ss", true),
            ("50%off", true),
            ("a:b", true),
            ("[<{|}>]^`\"\\", true),
            ("hunter/2", false),
            ("hunter?2", false),
            ("hunter#2", false),
            ("1#2", false),
        ] {
            let url = format!("http://me:{password}@cam:81/a b?c=\u{e4}");
            match parse(&url) {
                Ok(endpoint) => {
                    assert!(understood, "{password}");
                    assert_eq!(endpoint.credentials.unwrap().password(), password);
                    assert_eq!((&*endpoint.host, endpoint.port), ("cam", 81));
                    assert_eq!(endpoint.path, "/a%20b?c=%C3%A4");
                }
                Err(error) => {
                    let error = error.to_string();
                    assert!(!understood && error.contains("%2F %3F %23"), "{error}");
                    assert!(
                        !error.contains(password) && !error.contains("hunter"),
                        "{error}"
                    );
                }
            }
        }
        // A host could be meant.
        let doubtful = parse("http://me:12/34@cam/").unwrap();
        assert!(doubtful.hint().contains("%2F"));
        for fine in [
            "http://cam/user@home",
            "http://cam:81?user=a@b",
            "http://cam/a",
        ] {
            assert!(parse(fine).is_ok(), "{fine}");
        }
    }

    const WEB: [(&str, bool); 2] = [("http", false), ("https", true)];

    #[test]
    fn references_are_resolved_as_the_standard_does() {
        let base = Endpoint::parse("http://a/b/c/d;p?q", &WEB).unwrap();
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
            ("http:g", "http://a/b/c/g"),
            ("/a b.jpg?x=\"y\"", "http://a/a%20b.jpg?x=%22y%22"),
            ("/100%25[1]#x", "http://a/100%25[1]"),
        ] {
            let expected = Endpoint::parse(target, &WEB);
            assert_eq!(base.join(reference, &WEB), expected, "{reference}");
        }
        let secure = Endpoint::parse("https://a:8443/b", &WEB).unwrap();
        assert!(secure.join("//g", &WEB).unwrap().tls);
        assert_eq!(secure.join("g", &WEB).unwrap().authority(), "a:8443");
        for wrong in ["g:h", "//", "http://[::1", "data:,x"] {
            assert!(base.join(wrong, &WEB).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_query_grows_by_a_pair() {
        let mut endpoint = Endpoint::websocket("ws://pi/ws", "ws").unwrap();
        endpoint.add_query("camera", "Virtual 0");
        endpoint.add_query("x", "1");
        assert_eq!(endpoint.path, "/ws?camera=Virtual%200&x=1");
    }
}
