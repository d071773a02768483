//! `<pi-camera>` in a page: what it says, what can be styled, and that nothing stays when it goes.

use crate::camera::{
    LEAVE_MEDIA, Told, WATCH_MEDIA, WithoutWorkers, body, call, camera, event, greet, live,
    load_panels, part, run, settled, show, snapshot,
};
use crate::server::{Server, colour_of, hello_json, jpeg, replace_socket};
use js_sys::{Function, Promise};
use pistreamer_protocol::message::{CameraState, CameraStatus, Hello, ServerMessage, Values};
use pistreamer_protocol::{Stamp, pack};
use pistreamer_viewer::link::{self, Drawn, Report};
use pistreamer_viewer::{js, message, shell};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Element, HtmlCanvasElement, HtmlElement};

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
    let begun = js::now();
    let camera = camera("ws://element/ws");
    let mut server = Server::at("ws://element/ws");
    body().append_child(&camera).unwrap();
    greet(&mut server).await;
    let jpeg = jpeg(41, "#336699").await;
    let captured_us = Stamp::read(&jpeg).unwrap().captured_us;
    let sent = js::now();
    server.send_bytes(&pack(&jpeg));
    let frame = event(&camera, "frame", "seq", 41.into()).await;
    let number = |name| js::get(&frame, name).as_f64().unwrap();
    assert_eq!(number("capturedAt"), captured_us as f64 / 1000.0);
    assert!((sent..=js::now()).contains(&number("drawnAt")));
    // The server's clock is known by half of the round trip.
    assert!(number("age") > begun - js::now());
    let property = |name| js::get(&camera, name);
    assert_eq!(property("seq"), JsValue::from(41));
    assert_eq!(property("state"), JsValue::from("live"));
    assert!(property("age").as_f64().unwrap() >= number("age"));
    assert_eq!(camera.get_attribute("data-state").unwrap(), "live");
    assert_eq!(camera.get_attribute("data-seq").unwrap(), "41");
    assert_eq!(
        camera.get_attribute("data-wire").unwrap(),
        "pistreamer.gzip-base64.v1"
    );
    let lost = ServerMessage::State(CameraStatus {
        state: CameraState::NoSignal,
        reason: "unplugged".into(),
        ..CameraStatus::default()
    });
    server.say(&lost.to_json());
    event(&camera, "statechange", "state", "no-signal".into()).await;
    assert_eq!(property("reason"), JsValue::from("unplugged"));
    let text = part(&camera, "#notice").text_content().unwrap();
    assert!(
        text.contains("No signal") && text.contains("unplugged"),
        "{text}"
    );
    assert!(snapshot(&camera).await.unwrap().ends_with("-seq41.jpg"));
    call(&camera, "pause");
    server.hears("pause").await;
    assert_eq!(camera.get_attribute("data-state").unwrap(), "paused");
    call(&camera, "play");
    server.hears("resume").await;
    camera.remove();
    server.hears("close").await;
}

#[wasm_bindgen_test]
async fn a_server_that_ends_a_connection_and_is_well_is_not_called_lost() {
    let _without = WithoutWorkers::new();
    for (code, state) in [
        (1001, "lost"),
        (1013, "refused"),
        (4401, "refused"),
        (4404, "refused"),
    ] {
        let (camera, server) = live("ws://ends/ws").await;
        server.close(code);
        let told = event(&camera, "statechange", "state", state.into()).await;
        let reason = js::get(&told, "reason").as_string().unwrap();
        assert!(!reason.is_empty(), "{code}");
        camera.remove();
        // As a worker tells it.
        let closed = Report::Closed {
            connection: 1,
            reason,
            refused: state == "refused",
        };
        let read = Report::from_js(&closed.to_js().0);
        assert_eq!(format!("{read:?}"), format!("{:?}", Some(closed)));
    }
}

#[wasm_bindgen_test]
async fn an_element_that_nobody_has_any_more_is_collected() {
    shell::custom::define();
    let promise: Promise = run("
        const made = [];
        for (let i = 0; i < 20; i += 1) {
            const camera = document.createElement('pi-camera');
            camera.src = 'ws://127.0.0.1:9/ws';
            document.body.append(camera);
            camera.remove();
            made.push(new WeakRef(camera));
        }
        const left = () => made.filter((camera) => camera.deref()).length;
        return (async () => {
            for (let tries = 0; tries < 20 && left(); tries += 1) {
                await new Promise((resolve) => setTimeout(resolve));
                await gc({ type: 'major', execution: 'async' });
            }
            return left();
        })();")
    .unchecked_into();
    assert_eq!(JsFuture::from(promise).await.unwrap(), JsValue::from(0));
}

#[wasm_bindgen_test]
async fn a_state_that_a_listener_changes_is_told_after_the_one_before() {
    let _without = WithoutWorkers::new();
    let camera = camera("ws://listener/ws");
    let mut server = Server::at("ws://listener/ws");
    let pauses = js::Listener::new(&camera, "statechange", {
        let camera = camera.clone();
        move |event: web_sys::CustomEvent| {
            if js::get(&event.detail(), "state") == "live" {
                call(&camera, "pause");
                assert_eq!(js::get(&camera, "state"), "paused");
            }
        }
    });
    let told = Told::by(&camera, "statechange", "state");
    body().append_child(&camera).unwrap();
    greet(&mut server).await;
    show(&camera, &server, 1, "#336699").await;
    assert_eq!(told.so_far(), ["connecting", "live", "paused"]);
    drop(pauses);
    camera.remove();
}

#[wasm_bindgen_test]
async fn a_listener_that_takes_the_element_away_ends_it() {
    let _without = WithoutWorkers::new();
    for (state, until_then) in [
        ("connecting", &["connecting"][..]),
        ("live", &["connecting", "live"]),
    ] {
        let mut server = Server::at("ws://taken/ws");
        let camera = camera("ws://taken/ws");
        let told = Told::by(&camera, "statechange", "state");
        let frames = Rc::new(Cell::new(0));
        let counts = js::Listener::new(&camera, "frame", {
            let frames = Rc::clone(&frames);
            move |_: web_sys::Event| frames.set(frames.get() + 1)
        });
        let takes = js::Listener::new(&camera, "statechange", {
            let camera = camera.clone();
            move |event: web_sys::CustomEvent| {
                if js::get(&event.detail(), "state") == state {
                    camera.remove();
                }
            }
        });
        let opened = || run("return WebSocket.opened").as_f64().unwrap();
        let before = opened();
        body().append_child(&camera).unwrap();
        if state == "live" {
            greet(&mut server).await;
            server.send_bytes(&pack(&jpeg(1, "#336699").await));
            server.hears("close").await;
        } else {
            // When it was its turn to connect, it was gone already.
            settled().await;
            assert_eq!(opened(), before);
        }
        assert!(!camera.is_connected());
        assert_eq!(data(&camera), [""; 0]);
        assert_eq!(told.so_far(), until_then);
        assert_eq!(frames.get(), 0);
        drop((takes, counts));
    }
}

#[wasm_bindgen_test]
async fn a_listener_that_takes_the_element_away_before_it_has_begun_ends_it() {
    let _without = WithoutWorkers::new();
    let camera = camera("ws://never/ws");
    let takes = js::Listener::new(&camera, "error", {
        let camera = camera.clone();
        move |_: web_sys::Event| camera.remove()
    });
    let told = Told::by(&camera, "statechange", "state");
    let opened = || run("return WebSocket.opened");
    let before = opened();
    run("const canvas = HTMLCanvasElement.prototype;
        globalThis.realContext = canvas.getContext;
        canvas.getContext = () => null;");
    body().append_child(&camera).unwrap();
    run("HTMLCanvasElement.prototype.getContext = realContext;");
    assert!(!camera.is_connected());
    assert_eq!(data(&camera), [""; 0]);
    assert_eq!(told.so_far(), [""; 0]);
    assert_eq!(js::get(&camera, "state"), "");
    assert_eq!(opened(), before);
    drop(takes);
    body().append_child(&camera).unwrap();
    assert_eq!(told.so_far(), ["connecting"]);
    camera.remove();
}

#[wasm_bindgen_test]
async fn the_same_frame_again_is_not_told_again() {
    let _without = WithoutWorkers::new();
    let (camera, mut server) = live("ws://again/ws").await;
    server.hears(":1}").await;
    let frames: Rc<RefCell<Vec<JsValue>>> = Rc::default();
    let counts = js::Listener::new(&camera, "frame", {
        let frames = Rc::clone(&frames);
        move |event: web_sys::CustomEvent| {
            let seq = js::get(&event.detail(), "seq");
            frames.borrow_mut().push(seq);
        }
    });
    server.send_bytes(&pack(&jpeg(1, "#336699").await));
    // Drawn it was.
    server.hears(":1}").await;
    show(&camera, &server, 2, "#336699").await;
    assert_eq!(*frames.borrow(), [JsValue::from(2)]);
    // Numbers are written a few times a second, and with the statistics at once.
    camera.set_attribute("overlay", "").unwrap();
    settled().await;
    assert_eq!(camera.get_attribute("data-drawn").unwrap(), "2");
    drop(counts);
    camera.remove();
}

/// Workers that do nothing but what the test makes them.
const FAKE_WORKERS: &str = "
    globalThis.RealWorker = Worker;
    globalThis.Worker = class extends EventTarget {
        constructor() { super(); globalThis.worker = this; }
        postMessage() {}
        terminate() {}
    };";

#[wasm_bindgen_test]
async fn a_worker_that_dies_leaves_no_snapshot_waiting_and_the_recording_goes_on() {
    replace_socket();
    run(FAKE_WORKERS);
    let camera = camera("ws://dies/ws");
    let errors = Told::by(&camera, "error", "message");
    let mut server = Server::at("ws://dies/ws");
    body().append_child(&camera).unwrap();
    run(WATCH_MEDIA);
    let drawn = Drawn {
        width: 64,
        height: 48,
        ..Drawn::default()
    };
    for report in [
        Report::Ready,
        Report::Text {
            connection: 1,
            text: hello_json(),
        },
        Report::Drawn {
            connection: 1,
            frame: drawn,
        },
    ] {
        let (report, _) = report.to_js();
        let report = link::envelope(1, &report);
        let tell = Function::new_with_args(
            "data",
            "worker.dispatchEvent(new MessageEvent('message', { data }))",
        );
        tell.call1(&JsValue::NULL, &report).unwrap();
    }
    load_panels(&camera).await;
    part(&camera, "#b-record").click();
    let stage: HtmlCanvasElement = run("return stages[0]").unchecked_into();
    let asked: Promise = call(&camera, "snapshot").unchecked_into();
    run(
        "worker.dispatchEvent(new ErrorEvent('error', { message: 'gone' }));
        // The one that is started in its place never gets so far.
        worker.dispatchEvent(new ErrorEvent('error', { message: 'none' }));
        globalThis.Worker = RealWorker;",
    );
    let why = JsFuture::from(asked).await.unwrap_err();
    assert_eq!(
        js::error_text(&why),
        "the worker is gone, and the picture with it"
    );
    assert_eq!(
        errors.so_far(),
        [
            "drawing goes on in another worker, because one has failed: gone",
            "drawing in the page, because of the worker: none"
        ]
    );
    greet(&mut server).await;
    show(&camera, &server, 1, "#336699").await;
    assert!(snapshot(&camera).await.unwrap().ends_with("-seq1.jpg"));
    // The recording goes on.
    assert!(!part(&camera, "#rec").hidden());
    assert_ne!(colour_of(&stage), [0, 0, 0]);
    run(LEAVE_MEDIA);
    camera.remove();
}

#[wasm_bindgen_test]
async fn a_paused_element_stays_paused_wherever_it_goes() {
    let _without = WithoutWorkers::new();
    let camera = camera("ws://moved/ws");
    let mut server = Server::at("ws://moved/ws");
    let document = web_sys::window().unwrap().document().unwrap();
    let elsewhere = document.create_element("div").unwrap();
    body().append_child(&elsewhere).unwrap();
    let is = |paused: bool, state: &str| {
        assert_eq!(js::get(&camera, "paused"), JsValue::from(paused));
        assert_eq!(js::get(&camera, "state"), JsValue::from(state));
    };
    call(&camera, "pause");
    is(true, "");
    body().append_child(&camera).unwrap();
    is(true, "paused");
    greet(&mut server).await;
    server.hears("pause").await;
    elsewhere.append_child(&camera).unwrap();
    is(true, "paused");
    call(&camera, "play");
    body().append_child(&camera).unwrap();
    is(false, "connecting");
    // However it was paused.
    camera.set_attribute("controls", "").unwrap();
    part(&camera, "#b-pause").click();
    elsewhere.append_child(&camera).unwrap();
    is(true, "paused");
    camera.remove();
    call(&camera, "play");
    elsewhere.append_child(&camera).unwrap();
    is(false, "connecting");
    elsewhere.remove();
}

#[wasm_bindgen_test]
async fn out_of_the_page_it_says_nothing_of_a_stream() {
    let _without = WithoutWorkers::new();
    let (camera, _server) = live("ws://gone/ws").await;
    let copy: HtmlElement = camera.clone_node_with_deep(true).unwrap().unchecked_into();
    assert_eq!(copy.get_attribute("data-state").unwrap(), "live");
    body().append_child(&copy).unwrap();
    assert_eq!(copy.get_attribute("data-state").unwrap(), "connecting");
    assert_eq!(copy.get_attribute("data-seq"), None);
    for camera in [copy, camera] {
        camera.remove();
        assert_eq!(data(&camera), [""; 0]);
        assert_eq!(js::get(&camera, "state"), "");
        assert_eq!(js::get(&camera, "reason"), "");
        assert!(js::get(&camera, "seq").is_null() && js::get(&camera, "age").is_null());
        assert_eq!(
            snapshot(&camera).await.unwrap_err(),
            "the element is not in a document"
        );
    }
}

/// The names of the element's data attributes.
fn data(camera: &HtmlElement) -> Vec<String> {
    camera
        .get_attribute_names()
        .into_iter()
        .filter_map(|name| name.as_string())
        .filter(|name| name.starts_with("data-"))
        .collect()
}

#[wasm_bindgen_test]
async fn a_page_can_style_every_part() {
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
    load_panels(&camera).await;
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
        ..CameraStatus::default()
    };
    let hello = Hello {
        status: status.clone(),
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
            values: Values::default(),
        },
        ServerMessage::Unknown,
    ] {
        assert_eq!(message::read(&written.to_json()), Some(written));
    }
    for bad in ["", "null", "7", "{}", "{\"type\":\"pong\"}", "{"] {
        assert_eq!(message::read(bad), None, "{bad}");
    }
}
