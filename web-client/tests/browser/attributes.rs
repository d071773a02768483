//! The attributes of `<pi-camera>`: what follows them at once, what connects anew, and what the user's choices do to them.

use crate::camera::{
    LEAVE_MEDIA, Told, WATCH_MEDIA, WithoutWorkers, call, camera, event, greet, live, live_with,
    load_panels, part, run, settled, show, snapshot,
};
use crate::server::{Server, colour_of};
use js_sys::{Function, Promise};
use pistreamer_protocol::message::ServerMessage;
use pistreamer_viewer::js;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{HtmlCanvasElement, HtmlElement};

fn sockets() -> f64 {
    run("return WebSocket.opened").as_f64().unwrap()
}

fn is_pressed(camera: &HtmlElement, control: &str) -> bool {
    let button = part(camera, &format!("#menu [data-do={control}]"));
    button.get_attribute("aria-pressed").unwrap() == "true"
}

#[wasm_bindgen_test]
async fn only_what_differs_connects_anew_and_once_for_all_of_it() {
    let _without = WithoutWorkers::new();
    let (camera, _server) = live("ws://same/ws").await;
    let before = sockets();
    for (name, value) in [
        ("src", "ws://same/ws"),
        ("camera", ""),
        ("wire", "gzip-base64"),
        ("wire", "carrier-pigeon"),
        ("size", "auto"),
        ("fit", "stretch"),
        ("pinned", "fit"),
        ("stale-after", "50000"),
    ] {
        camera.set_attribute(name, value).unwrap();
        settled().await;
        assert_eq!(sockets(), before, "{name}={value}");
    }
    for (name, value) in [
        ("src", "ws://other/ws"),
        ("camera", "1"),
        ("ticket", "T"),
        ("wire", "jpeg"),
    ] {
        camera.set_attribute(name, value).unwrap();
    }
    settled().await;
    assert_eq!(sockets(), before + 1.0);
    camera.remove();
}

#[wasm_bindgen_test]
async fn another_camera_starts_without_the_picture_of_the_one_before() {
    let _without = WithoutWorkers::new();
    let (camera, mut first) = live("ws://first/ws").await;
    let canvas: HtmlCanvasElement = part(&camera, "canvas").unchecked_into();
    assert_ne!(colour_of(&canvas), [0, 0, 0]);
    let asked_before: Promise = call(&camera, "snapshot").unchecked_into();
    let mut second = Server::at("ws://second/ws");
    camera.set_attribute("src", "ws://second/ws").unwrap();
    // In the same task, too.
    assert_eq!(
        snapshot(&camera).await.unwrap_err(),
        "there is no picture yet"
    );
    JsFuture::from(asked_before).await.unwrap_err();
    assert_eq!(colour_of(&canvas), [0, 0, 0]);
    assert_eq!(camera.get_attribute("data-seq"), None);
    assert_eq!(camera.get_attribute("data-age"), None);
    assert_eq!(camera.get_attribute("data-drawn").unwrap(), "0");
    assert!(js::get(&camera, "seq").is_null() && js::get(&camera, "age").is_null());
    assert_eq!(camera.get_attribute("data-state").unwrap(), "connecting");
    first.hears("close").await;
    greet(&mut second).await;
    snapshot(&camera).await.unwrap_err();
    show(&camera, &second, 7, "#1030c0").await;
    assert!(snapshot(&camera).await.unwrap().ends_with("-seq7.jpg"));
    assert_eq!(camera.get_attribute("data-seq").unwrap(), "7");
    // The same camera in another wire format: what is shown stays until there is more.
    camera.set_attribute("wire", "jpeg").unwrap();
    assert!(snapshot(&camera).await.unwrap().ends_with("-seq7.jpg"));
    camera.remove();
}

#[wasm_bindgen_test]
async fn an_address_that_is_none_ends_the_stream_and_is_told_once() {
    let _without = WithoutWorkers::new();
    let (camera, mut server) = live("ws://good/ws").await;
    let errors = Told::by(&camera, "error", "message");
    let states = Told::by(&camera, "statechange", "state");
    camera.set_attribute("src", "http://").unwrap();
    server.hears("close").await;
    let sockets_before = sockets();
    run(
        "dispatchEvent(new Event('online')); dispatchEvent(new Event('pageshow'));
        document.dispatchEvent(new Event('visibilitychange'));",
    );
    assert_eq!(sockets(), sockets_before);
    assert_eq!(states.so_far(), ["refused"]);
    assert_eq!(errors.so_far().len(), 1);
    assert!(errors.so_far()[0].starts_with("src is not an address"));
    snapshot(&camera).await.unwrap_err();
    camera.set_attribute("src", "ws://good/ws").unwrap();
    greet(&mut server).await;
    show(&camera, &server, 2, "#336699").await;
    assert_eq!(states.so_far(), ["refused", "connecting", "live"]);
    camera.remove();
}

#[wasm_bindgen_test]
async fn what_frameworks_write_for_off_is_off_and_each_attribute_is_a_property() {
    let _without = WithoutWorkers::new();
    let (camera, _server) = live("ws://props/ws").await;
    load_panels(&camera).await;
    let bars = || !part(&camera, "#toolbar").hidden();
    let get = |name: &str| js::get(&camera, name);
    let set = |name: &str, value: JsValue| {
        js_sys::Reflect::set(&camera, &name.into(), &value).unwrap();
    };
    for (written, on) in [
        ("", true),
        ("false", false),
        ("controls", true),
        ("0", false),
        ("False", false),
    ] {
        camera.set_attribute("controls", written).unwrap();
        settled().await;
        assert_eq!((bars(), get("controls")), (on, on.into()), "{written:?}");
    }
    for (value, on) in [
        (JsValue::TRUE, true),
        (JsValue::FALSE, false),
        ("true".into(), true),
        ("false".into(), false),
        (1.into(), true),
        (0.into(), false),
        (JsValue::UNDEFINED, false),
    ] {
        set("controls", value.clone());
        settled().await;
        assert_eq!(bars(), on, "{value:?}");
        assert_eq!(camera.has_attribute("controls"), on, "{value:?}");
    }
    for name in ["overlay", "mirror"] {
        set(name, JsValue::TRUE);
        settled().await;
        assert!(is_pressed(&camera, name), "{name}");
        camera.set_attribute(name, "false").unwrap();
        settled().await;
        assert!(!is_pressed(&camera, name), "{name}");
    }
    for name in ["src", "camera", "fit", "wire", "size", "ticket", "pinned"] {
        set(name, "words".into());
        assert_eq!(camera.get_attribute(name).unwrap(), "words");
        assert_eq!(get(name), "words");
        set(name, JsValue::NULL);
        assert!(!camera.has_attribute(name), "{name}");
        assert_eq!(get(name), "");
    }
    set("staleAfter", 300.into());
    assert_eq!(camera.get_attribute("stale-after").unwrap(), "300");
    assert_eq!(get("staleAfter"), 300);
    camera.set_attribute("stale-after", "soon").unwrap();
    assert!(get("staleAfter").is_null());
    camera.remove();
}

#[wasm_bindgen_test]
async fn a_property_that_was_set_before_the_class_was_there_counts() {
    let camera = camera("ws://127.0.0.1:9/ws");
    let body = crate::camera::body();
    // What an element has that is upgraded later: a property of its own.
    let own = Function::new_with_args(
        "camera",
        "Object.defineProperty(camera, 'mirror', { value: true, writable: true, configurable: true })",
    );
    own.call1(&JsValue::NULL, &camera).unwrap();
    body.append_child(&camera).unwrap();
    assert!(camera.has_attribute("mirror"));
    load_panels(&camera).await;
    assert!(is_pressed(&camera, "mirror"));
    camera.remove();
}

#[wasm_bindgen_test]
async fn what_is_pinned_now_beats_what_was_chosen_and_one_click_stores_one_choice() {
    let _without = WithoutWorkers::new();
    let storage = web_sys::window().unwrap().local_storage().unwrap().unwrap();
    let key = "pistreamer ws://pinned/ws 0";
    storage.set_item(key, "mirror=1 overlay=1").unwrap();
    let attributes = [("controls", ""), ("pinned", "fit,mirror")];
    let (camera, _server) = live_with("ws://pinned/ws", &attributes).await;
    load_panels(&camera).await;
    assert_eq!(
        (
            is_pressed(&camera, "mirror"),
            is_pressed(&camera, "overlay")
        ),
        (false, true)
    );
    camera.remove_attribute("pinned").unwrap();
    settled().await;
    assert!(is_pressed(&camera, "mirror"));
    camera.set_attribute("pinned", "fit, mirror").unwrap();
    settled().await;
    assert!(!is_pressed(&camera, "mirror"));
    storage.set_item(key, "mirror=1").unwrap();
    part(&camera, "#menu [data-do=fit]").click();
    assert_eq!(
        storage.get_item(key).unwrap().unwrap(),
        "mirror=1 fit=cover"
    );
    storage.remove_item(key).unwrap();
    camera.remove();
}

#[wasm_bindgen_test]
async fn a_page_that_wants_it_is_told_soon_that_the_picture_is_old() {
    let _without = WithoutWorkers::new();
    run("globalThis.realTimeout = setTimeout;
        globalThis.delays = [];
        globalThis.setTimeout = (callback, ms) => { delays.push(ms); return realTimeout(callback, ms); };");
    let (camera, server) = live_with("ws://stale/ws", &[("stale-after", "300")]).await;
    let frame = show(&camera, &server, 2, "#336699").await;
    let drawn = js::get(&frame, "drawnAt").as_f64().unwrap();
    if js::get(&camera, "state") != "stale" {
        event(&camera, "statechange", "state", "stale".into()).await;
    }
    let after = js::now() - drawn;
    assert!(after >= 300.0, "{after} ms");
    // How late a timer comes is the machine's affair.
    let asked = run("globalThis.setTimeout = realTimeout; return delays.join()");
    let asked = asked.as_string().unwrap();
    assert!(
        asked
            .split(',')
            .filter_map(|ms| ms.parse().ok())
            .any(|ms: f64| (100.0..=301.0).contains(&ms)),
        "{asked}"
    );
    camera.remove();
}

#[wasm_bindgen_test]
async fn controls_that_come_later_bring_what_was_chosen_and_a_pin_touches_nothing_else() {
    let _without = WithoutWorkers::new();
    let storage = web_sys::window().unwrap().local_storage().unwrap().unwrap();
    let key = "pistreamer ws://later/ws 0";
    storage
        .set_item(key, "mirror=1 overlay=1 turns=1 size=half")
        .unwrap();
    let (camera, _server) = live("ws://later/ws").await;
    load_panels(&camera).await;
    let transform = || {
        let style = part(&camera, "#picture").style();
        style.get_property_value("transform").unwrap()
    };
    let shown = || {
        let size = part(&camera, "#menu [data-do=size-half]");
        (
            is_pressed(&camera, "mirror"),
            is_pressed(&camera, "overlay"),
            size.get_attribute("aria-checked").unwrap() == "true",
        )
    };
    assert_eq!(shown(), (false, false, false));
    let upright = transform();
    camera.set_attribute("controls", "").unwrap();
    settled().await;
    assert_eq!(shown(), (true, true, true));
    assert_ne!(transform(), upright);
    // What the page changes now counts more than what was chosen, and stays when something else gets pinned.
    for (name, value) in [("mirror", ""), ("mirror", "false"), ("size", "full")] {
        camera.set_attribute(name, value).unwrap();
        settled().await;
    }
    assert_eq!(shown(), (false, true, false));
    camera.remove_attribute("size").unwrap();
    settled().await;
    assert_eq!(shown(), (false, true, true));
    storage.remove_item(key).unwrap();
    camera.remove();
}

#[wasm_bindgen_test]
async fn a_recording_ends_with_its_camera_and_is_saved_under_its_name() {
    let _without = WithoutWorkers::new();
    run(WATCH_MEDIA);
    let camera = camera("ws://recorded/ws");
    camera.set_attribute("controls", "").unwrap();
    let mut server = Server::at("ws://recorded/ws");
    crate::camera::body().append_child(&camera).unwrap();
    server.hears("open").await;
    let mut hello = crate::server::hello();
    (hello.camera.id, hello.camera.name) = ("gate".into(), "The gate".into());
    server.say(&ServerMessage::Hello(hello).to_json());
    show(&camera, &server, 1, "#d02010").await;
    let label = || part(&camera, "canvas").get_attribute("aria-label").unwrap();
    assert_eq!(label(), "The picture of The gate");
    load_panels(&camera).await;
    part(&camera, "#b-record").click();
    let stage: HtmlCanvasElement = run("return stages[0]").unchecked_into();
    let mut seq = 2;
    while run("return recorded") == 0 {
        show(&camera, &server, seq, "#d02010").await;
        server.hears("ack").await;
        seq += 1;
    }
    assert_ne!(colour_of(&stage), [0, 0, 0]);
    let saved: Promise =
        run("return new Promise((done) => addEventListener('saved', () => done(saved[0]), { once: true }))")
            .unchecked_into();
    camera.set_attribute("src", "ws://not-recorded/ws").unwrap();
    settled().await;
    assert_eq!(colour_of(&stage), [0, 0, 0]);
    assert_eq!(label(), "The camera's picture");
    let name = JsFuture::from(saved).await.unwrap().as_string().unwrap();
    assert!(name.starts_with("pistreamer-gate-"), "{name}");
    assert!(part(&camera, "#rec").hidden());
    run(LEAVE_MEDIA);
    camera.remove();
}
