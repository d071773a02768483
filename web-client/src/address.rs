//! Where the stream is: from the element's `src`, or the script's own address, to the WebSocket's.
//!
//! Splitting an address into its parts is the browser's work ([`crate::js::socket_url`]).

/// Paths that name something beside `/ws`, not a directory above it.
const SIBLINGS: [&str; 5] = ["ws", "embed", "stream", "snapshot", "webcam"];

/// Why an address leads to no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is none, or no server's.
    NoAddress,
    /// Its password is not that of the user `camera`.
    OtherUser,
    /// Browsers open it for no page that came over https.
    Mixed,
}

impl Unusable {
    /// The reason, for the author of the page.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoAddress => "src is not an address: it begins with http:// or https://",
            Self::OtherUser => "src has another user than camera: give a key as src=\"…?key=KEY\"",
            Self::Mixed => {
                "this page came over https and the camera's address is http: start pistreamer with --tls, or open the page \
                 over http"
            }
        }
    }
}

/// The WebSocket's scheme for an address with that scheme: what comes over https comes over wss.
///
/// # Errors
/// Where it is no server's.
pub fn socket_scheme(scheme: &str) -> Result<&'static str, Unusable> {
    match scheme.trim_end_matches(':') {
        "https" | "wss" => Ok("wss"),
        "http" | "ws" => Ok("ws"),
        _ => Err(Unusable::NoAddress),
    }
}

/// The WebSocket's path for the path of a page, a script or a stream on the same server.
pub fn socket_path(path: &str) -> String {
    let (directory, last) = path.rsplit_once('/').unwrap_or(("", path));
    if last.is_empty() || last.contains('.') || SIBLINGS.contains(&last) {
        format!("{directory}/ws")
    } else {
        format!("{directory}/{last}/ws")
    }
}

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

/// The key in an address for programs, `http://camera:KEY@HOST`, or for people, `http://HOST/#key=KEY`.
///
/// # Errors
/// If the password belongs to a named user: `?key=` takes no user name.
pub fn key<'a>(
    user: &str,
    password: &'a str,
    fragment: &'a str,
) -> Result<Option<&'a str>, Unusable> {
    match (user, password) {
        ("" | "camera", "") => Ok(fragment.strip_prefix("#key=")),
        ("" | "camera", key) => Ok(Some(key)),
        _ => Err(Unusable::OtherUser),
    }
}

/// Whether a page of that origin may open a socket with that scheme to that host. What is on the browser's own machine
/// it may even where it came over https.
///
/// # Errors
/// Where browsers don't let it.
pub fn check_mixed(origin: &str, scheme: &str, host: &str) -> Result<(), Unusable> {
    let own_machine = host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host.starts_with("127.") && host.bytes().all(|b| b == b'.' || b.is_ascii_digit());
    if origin.starts_with("https:") && scheme == "ws" && !own_machine {
        return Err(Unusable::Mixed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_a_server_leads_to_its_stream() {
        for (path, socket) in [
            ("", "/ws"),
            ("/", "/ws"),
            ("/ws", "/ws"),
            ("/index.html", "/ws"),
            ("/viewer.js", "/ws"),
            ("/stream.mjpg", "/ws"),
            ("/embed", "/ws"),
            ("/cam", "/cam/ws"),
            ("/cam/", "/cam/ws"),
            ("/cam/ws", "/cam/ws"),
            ("/a/b/snapshot.jpg", "/a/b/ws"),
        ] {
            assert_eq!(socket_path(path), socket, "for {path}");
        }
    }

    #[test]
    fn a_secure_page_gets_a_secure_socket() {
        assert_eq!(socket_scheme("https:"), Ok("wss"));
        assert_eq!(socket_scheme("wss:"), Ok("wss"));
        assert_eq!(socket_scheme("http:"), Ok("ws"));
        assert_eq!(socket_scheme("ws:"), Ok("ws"));
        // What a browser makes of `raspberrypi.local:8000`.
        assert_eq!(
            socket_scheme("raspberrypi.local:"),
            Err(Unusable::NoAddress)
        );
        assert_eq!(socket_scheme("file:"), Err(Unusable::NoAddress));
    }

    #[test]
    fn the_key_of_an_address_is_found_wherever_people_have_it() {
        assert_eq!(key("", "", ""), Ok(None));
        assert_eq!(key("camera", "", ""), Ok(None));
        assert_eq!(key("camera", "abc", ""), Ok(Some("abc")));
        assert_eq!(key("", "", "#key=abc"), Ok(Some("abc")));
        assert_eq!(key("", "", "#top"), Ok(None));
        assert_eq!(key("anna", "abc", ""), Err(Unusable::OtherUser));
    }

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

    #[test]
    fn only_a_page_over_https_with_a_camera_elsewhere_is_mixed() {
        let page = "https://home.example";
        for host in ["pi.local", "192.168.1.5", "127.example.org", "[fd00::1]"] {
            assert_eq!(
                check_mixed(page, "ws", host),
                Err(Unusable::Mixed),
                "{host}"
            );
            assert_eq!(check_mixed(page, "wss", host), Ok(()), "{host}");
            assert_eq!(check_mixed("http://pi.local", "ws", host), Ok(()), "{host}");
        }
        for host in [
            "localhost",
            "pi.localhost",
            "127.0.0.1",
            "127.9.8.7",
            "[::1]",
        ] {
            assert_eq!(check_mixed(page, "ws", host), Ok(()), "{host}");
        }
    }
}
