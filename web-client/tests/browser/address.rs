//! From an element's `src` to the WebSocket's address: all that people and programs write there.

use pistreamer_viewer::js;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen(module = "/src/browser.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn socket_url(
        src: &str,
        script: &str,
        camera: Option<&str>,
        ticket: Option<&str>,
        wire: Option<&str>,
        width: Option<u32>,
        page: Option<&str>,
    ) -> Result<String, JsValue>;
}

/// The address for a page of that origin; or why there is none.
fn socket(src: &str, page: Option<&str>) -> Result<String, String> {
    let script = "http://script.local/viewer.js";
    let url = socket_url(src, script, None, None, None, None, page);
    url.map_err(|why| why.as_string().unwrap())
}

#[wasm_bindgen_test]
fn addresses_are_relative_to_the_script() {
    let host = web_sys::window().unwrap().location().host().unwrap();
    let url =
        |src, camera| js::socket_url(src, &js::script_url(), camera, None, None, None).unwrap();
    assert_eq!(url(None, None), format!("ws://{host}/ws"));
    assert_eq!(
        url(Some("https://pi.local/cam/"), Some("front door")),
        "wss://pi.local/cam/ws?camera=front+door"
    );
    assert_eq!(
        url(Some("ws://pi.local:8000/ws?camera=1"), None),
        "ws://pi.local:8000/ws?camera=1"
    );
}

#[wasm_bindgen_test]
fn what_is_asked_for_besides_is_in_the_query() {
    let (src, script) = (Some("http://pi.local/?camera=1"), "http://script.local/");
    assert_eq!(
        js::socket_url(src, script, Some("2"), Some("t"), Some("jpeg"), Some(640)).unwrap(),
        "ws://pi.local/ws?camera=2&ticket=t&wire=jpeg&width=640"
    );
}

#[wasm_bindgen_test]
fn every_address_of_a_server_leads_to_its_stream() {
    for (path, there) in [
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
        let url = socket(&format!("http://pi.local{path}"), None);
        assert_eq!(url, Ok(format!("ws://pi.local{there}")), "for {path}");
    }
}

#[wasm_bindgen_test]
fn a_secure_address_gets_a_secure_socket_and_what_is_none_gets_words() {
    for (src, url) in [
        ("https://pi.local", "wss://pi.local/ws"),
        ("wss://pi.local", "wss://pi.local/ws"),
        ("http://pi.local", "ws://pi.local/ws"),
        ("ws://pi.local", "ws://pi.local/ws"),
    ] {
        assert_eq!(socket(src, None).unwrap(), url);
    }
    // The second is what a browser takes for an address with a scheme of its own.
    for src in ["http://", "raspberrypi.local:8000", "file:///x"] {
        let why = socket(src, None).unwrap_err();
        assert!(why.starts_with("src is not an address"), "{src}: {why}");
    }
}

#[wasm_bindgen_test]
fn the_key_of_an_address_is_found_wherever_people_have_it() {
    for (src, query) in [
        ("http://pi.local/", ""),
        ("http://camera@pi.local/", ""),
        ("http://camera:abc@pi.local/", "?key=abc"),
        ("http://pi.local/#key=abc", "?key=abc"),
        ("http://pi.local/?key=abc#key=other", "?key=abc"),
        ("http://pi.local/#top", ""),
        // As programs have it, with what is escaped and with a percent sign that isn't.
        ("http://camera:a%2Fb@pi.local/", "?key=a%2Fb"),
        ("http://camera:100%@pi.local/", "?key=100%25"),
    ] {
        assert_eq!(
            socket(src, None).unwrap(),
            format!("ws://pi.local/ws{query}")
        );
    }
    let why = socket("http://anna:abc@pi.local/", None).unwrap_err();
    assert!(why.contains("another user"), "{why}");
}

#[wasm_bindgen_test]
fn only_a_page_over_https_with_a_camera_elsewhere_is_mixed() {
    let page = Some("https://home.example");
    for host in ["pi.local", "192.168.1.5", "127.example.org", "[fd00::1]"] {
        let why = socket(&format!("http://{host}"), page).unwrap_err();
        assert!(why.contains("--tls"), "{host}: {why}");
        assert!(socket(&format!("https://{host}"), page).is_ok(), "{host}");
        let open = Some("http://pi.local");
        assert!(socket(&format!("http://{host}"), open).is_ok(), "{host}");
    }
    for host in [
        "localhost",
        "pi.localhost",
        "127.0.0.1",
        "127.9.8.7",
        "[::1]",
    ] {
        assert!(socket(&format!("http://{host}"), page).is_ok(), "{host}");
    }
}
