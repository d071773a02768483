//! `<pi-camera>` in a page: what it says, what can be styled, and that nothing stays when it goes.

use crate::server::{Server, hello_json, jpeg, replace_socket};
use js_sys::{Function, Promise};
use pistreamer_protocol::message::{CameraState, CameraStatus, Control, Hello, ServerMessage};
use pistreamer_protocol::pack;
use pistreamer_viewer::{element, js, message};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Element, HtmlElement};

/// Counts the workers that live.
const COUNT_WORKERS: &str = "
    if (globalThis.living) return;
    globalThis.living = new Set();
    const Real = Worker;
    globalThis.Worker = function (...all) {
        const worker = new Real(...all);
        living.add(worker);
        worker.terminate = () => { living.delete(worker); Real.prototype.terminate.call(worker); };
        return worker;
    };";

fn run(script: &str) -> JsValue {
    Function::new_no_args(script).call0(&JsValue::NULL).unwrap()
}

fn body() -> HtmlElement {
    web_sys::window()
        .unwrap()
        .document()
        .unwrap()
        .body()
        .unwrap()
}

fn camera(src: &str) -> HtmlElement {
    element::define();
    let document = web_sys::window().unwrap().document().unwrap();
    let camera: HtmlElement = document
        .create_element("pi-camera")
        .unwrap()
        .unchecked_into();
    camera.set_attribute("src", src).unwrap();
    camera
}

/// Waits for an event of the element whose detail has this property and value.
async fn event(camera: &HtmlElement, kind: &'static str, name: &'static str, value: JsValue) {
    let mut listener = None;
    let seen = Promise::new(&mut |resolve: Function, _| {
        let value = value.clone();
        listener = Some(js::Listener::new(
            camera,
            kind,
            move |event: web_sys::CustomEvent| {
                if js::get(&event.detail(), name) == value {
                    resolve.call0(&JsValue::NULL).unwrap();
                }
            },
        ));
    });
    JsFuture::from(seen).await.unwrap();
}

/// The element without workers, so that the page's fake socket is the one that it uses. They are back with this value's end.
struct WithoutWorkers;

impl WithoutWorkers {
    fn new() -> Self {
        replace_socket();
        run("const canvas = HTMLCanvasElement.prototype;
            globalThis.transferControl = canvas.transferControlToOffscreen;
            canvas.transferControlToOffscreen = undefined;");
        Self
    }
}

impl Drop for WithoutWorkers {
    fn drop(&mut self) {
        run("HTMLCanvasElement.prototype.transferControlToOffscreen = transferControl;");
    }
}

#[wasm_bindgen_test]
async fn fifty_times_in_and_out_of_the_page_leave_no_worker() {
    run(COUNT_WORKERS);
    let living = || run("return living.size").as_f64().unwrap();
    let before = living();
    let camera = camera("ws://127.0.0.1:9/ws");
    for _ in 0..50 {
        body().append_child(&camera).unwrap();
        assert_eq!(camera.get_attribute("data-state").unwrap(), "connecting");
        assert!(living() > before);
        camera.remove();
        assert_eq!(living(), before);
    }
    // Removing it from within its own event must not pull the ground from under it.
    body().append_child(&camera).unwrap();
    let inner = camera.clone();
    let listener = js::Listener::new(&camera, "statechange", move |_: web_sys::Event| {
        inner.remove()
    });
    camera.set_attribute("src", "ws://127.0.0.1:10/ws").unwrap();
    run("document.querySelector('pi-camera')?.pause()");
    drop(listener);
    assert!(!camera.is_connected());
    assert_eq!(living(), before);
}

#[wasm_bindgen_test]
async fn a_frame_makes_it_live_and_events_and_data_tell() {
    let _without = WithoutWorkers::new();
    let camera = camera("ws://element/ws");
    let mut server = Server::at("ws://element/ws");
    body().append_child(&camera).unwrap();
    server.hears("open").await;
    server.say(&hello_json());
    server.send_bytes(&pack(&jpeg(41, "#336699").await));
    event(&camera, "frame", "seq", 41.into()).await;
    assert_eq!(camera.get_attribute("data-state").unwrap(), "live");
    assert_eq!(camera.get_attribute("data-seq").unwrap(), "41");
    assert_eq!(
        camera.get_attribute("data-wire").unwrap(),
        "pistreamer.gzip-base64.v1"
    );
    let lost = ServerMessage::State(CameraStatus {
        state: CameraState::NoSignal,
        reason: "unplugged".into(),
        since_us: 0,
        test_pattern: None,
    });
    server.say(&lost.to_json());
    event(&camera, "statechange", "state", "no-signal".into()).await;
    let text = shadow_text(&camera, "#notice");
    assert!(
        text.contains("No signal") && text.contains("unplugged"),
        "{text}"
    );
    let call = |name: &str| {
        let method: Function = js::get(&camera, name).unchecked_into();
        method.call0(&camera).unwrap()
    };
    let snapshot = JsFuture::from(Promise::from(call("snapshot")))
        .await
        .unwrap();
    assert!(
        js::get(&snapshot, "name")
            .as_string()
            .unwrap()
            .ends_with("-seq41.jpg")
    );
    call("pause");
    server.hears("pause").await;
    assert_eq!(camera.get_attribute("data-state").unwrap(), "paused");
    call("play");
    server.hears("resume").await;
    camera.remove();
    server.hears("close").await;
}

fn shadow_text(camera: &HtmlElement, selector: &str) -> String {
    let shadow = camera.shadow_root().unwrap();
    let part: Element = shadow.query_selector(selector).unwrap().unwrap();
    part.text_content().unwrap()
}

#[wasm_bindgen_test]
fn a_page_can_style_every_part() {
    let document = web_sys::window().unwrap().document().unwrap();
    let style = document.create_element("style").unwrap();
    let parts = [
        "root",
        "stage",
        "picture",
        "canvas",
        "badge",
        "test-pattern",
        "recording",
        "overlay",
        "notice",
        "toolbar",
        "menu",
        "toast",
        "help",
    ];
    let rules: Vec<String> = parts
        .iter()
        .map(|part| format!("pi-camera::part({part}) {{ order: 77 }}"))
        .collect();
    style.set_text_content(Some(&rules.join("\n")));
    body().append_child(&style).unwrap();
    let camera = camera("ws://127.0.0.1:9/ws");
    body().append_child(&camera).unwrap();
    let shadow = camera.shadow_root().unwrap();
    for part in parts {
        let element: Element = shadow
            .query_selector(&format!("[part={part}]"))
            .unwrap()
            .unwrap_or_else(|| panic!("no part {part}"));
        let computed = web_sys::window().unwrap().get_computed_style(&element);
        let order = computed.unwrap().unwrap().get_property_value("order");
        assert_eq!(order.unwrap(), "77", "{part}");
    }
    camera.remove();
    style.remove();
}

#[wasm_bindgen_test]
fn messages_are_read_as_the_protocol_writes_them() {
    let status = CameraStatus {
        state: CameraState::NoSignal,
        reason: "a \"quoted\" cause\n".into(),
        since_us: 1_764_000_000_123_456,
        test_pattern: Some(true),
    };
    let hello = Hello {
        status: status.clone(),
        controls: vec![Control {
            name: "Gain".into(),
            min: -1.5,
            max: 8.0,
            value: 2.0,
            default: 1.0,
        }],
        ..crate::server::hello()
    };
    for written in [
        ServerMessage::Hello(crate::server::hello()),
        ServerMessage::Hello(hello),
        ServerMessage::State(status),
        ServerMessage::State(CameraStatus::default()),
        ServerMessage::Skipped { count: 1, total: 2 },
        ServerMessage::Pong {
            id: None,
            time_us: 3,
        },
        ServerMessage::Pong {
            id: Some(4),
            time_us: 1_764_000_000_123_456,
        },
        ServerMessage::Error {
            code: "bad-message".into(),
            message: "no".into(),
        },
        ServerMessage::Unknown,
    ] {
        assert_eq!(message::read(&written.to_json()), Some(written));
    }
    for bad in ["", "null", "7", "{}", "{\"type\":\"pong\"}", "{"] {
        assert_eq!(message::read(bad), None, "{bad}");
    }
}

#[wasm_bindgen_test]
fn addresses_are_relative_to_the_script() {
    let host = web_sys::window().unwrap().location().host().unwrap();
    let url = |src, camera| js::socket_url(src, &[("camera", camera), ("ticket", None)]).unwrap();
    assert_eq!(url(None, None), format!("ws://{host}/ws"));
    assert_eq!(
        url(Some("https://pi.local/cam/"), Some("front door")),
        "wss://pi.local/cam/ws?camera=front+door"
    );
    assert_eq!(
        url(Some("ws://pi.local:8000/ws?camera=1"), None),
        "ws://pi.local:8000/ws?camera=1"
    );
    assert!(js::socket_url(Some("http://"), &[("camera", None), ("ticket", None)]).is_err());
}
