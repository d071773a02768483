//! Where the stream is: from the element's `src`, or the script's own address, to the WebSocket's.
//!
//! Splitting an address into its parts is the browser's work ([`crate::js::socket_url`]).

/// Paths that name something beside `/ws`, not a directory above it.
const SIBLINGS: [&str; 5] = ["ws", "embed", "stream", "snapshot", "webcam"];

/// The WebSocket's scheme for an address with that scheme: what comes over https comes over wss.
pub fn socket_scheme(scheme: &str) -> &'static str {
    match scheme.trim_end_matches(':') {
        "https" | "wss" => "wss",
        _ => "ws",
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
        assert_eq!(socket_scheme("https:"), "wss");
        assert_eq!(socket_scheme("wss:"), "wss");
        assert_eq!(socket_scheme("http:"), "ws");
        assert_eq!(socket_scheme("ws:"), "ws");
    }
}
