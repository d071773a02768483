//! The element `<pi-camera>` under test, with and without a worker.

use crate::server::{Server, hello_json, jpeg, replace_socket};
use js_sys::{Function, Promise};
use pistreamer_protocol::message::ServerMessage;
use pistreamer_protocol::pack;
use pistreamer_viewer::{js, shell};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, HtmlElement};

/// Runs the body of a JavaScript function.
pub(crate) fn run(script: &str) -> JsValue {
    Function::new_no_args(script).call0(&JsValue::NULL).unwrap()
}

/// Of the page.
pub(crate) fn body() -> HtmlElement {
    web_sys::window()
        .unwrap()
        .document()
        .unwrap()
        .body()
        .unwrap()
}

/// An element that is in no document.
pub(crate) fn camera(src: &str) -> HtmlElement {
    shell::custom::define();
    let document = web_sys::window().unwrap().document().unwrap();
    let camera: HtmlElement = document
        .create_element("pi-camera")
        .unwrap()
        .unchecked_into();
    camera.set_attribute("src", src).unwrap();
    // However busy the machine is that runs the tests.
    camera.set_attribute("stale-after", "60000").unwrap();
    camera
}

/// Waits for an event of the element whose detail has this property and value; gives that detail.
pub(crate) async fn event(
    camera: &HtmlElement,
    kind: &'static str,
    name: &'static str,
    value: JsValue,
) -> JsValue {
    let mut listener = None;
    let seen = Promise::new(&mut |resolve: Function, _| {
        let value = value.clone();
        listener = Some(js::Listener::new(
            camera,
            kind,
            move |event: web_sys::CustomEvent| {
                if js::get(&event.detail(), name) == value {
                    resolve.call1(&JsValue::NULL, &event.detail()).unwrap();
                }
            },
        ));
    });
    JsFuture::from(seen).await.unwrap()
}

/// What the element has told under one name so far, by one property of each detail.
pub(crate) struct Told {
    told: Rc<RefCell<Vec<String>>>,
    _listener: js::Listener,
}

impl Told {
    pub(crate) fn by(camera: &HtmlElement, kind: &'static str, name: &'static str) -> Self {
        let told: Rc<RefCell<Vec<String>>> = Rc::default();
        let listener = js::Listener::new(camera, kind, {
            let told = Rc::clone(&told);
            move |event: web_sys::CustomEvent| {
                let value = js::get(&event.detail(), name).as_string();
                told.borrow_mut().push(value.unwrap());
            }
        });
        Self {
            told,
            _listener: listener,
        }
    }

    pub(crate) fn so_far(&self) -> Vec<String> {
        self.told.borrow().clone()
    }
}

/// Calls a method of the element.
pub(crate) fn call(camera: &HtmlElement, method: &str) -> JsValue {
    let method: Function = js::get(camera, method).unchecked_into();
    method.call0(camera).unwrap()
}

/// The name of the file that `snapshot()` gives, or why it gives none.
pub(crate) async fn snapshot(camera: &HtmlElement) -> Result<String, String> {
    let promise: Promise = call(camera, "snapshot").unchecked_into();
    match JsFuture::from(promise).await {
        Ok(file) => Ok(js::get(&file, "name").as_string().unwrap()),
        Err(error) => Err(js::error_text(&error)),
    }
}

/// What changed attributes lead to happens after everything that is under way, and a socket is opened in its turn.
pub(crate) async fn settled() {
    for _ in 0..10 {
        let promise = Promise::resolve(&JsValue::NULL);
        JsFuture::from(promise).await.unwrap();
    }
}

/// An element in the page, live with frame 1 of a server that tells its time.
pub(crate) async fn live(src: &str) -> (HtmlElement, Server) {
    live_with(src, &[]).await
}

/// The same, with attributes.
pub(crate) async fn live_with(src: &str, attributes: &[(&str, &str)]) -> (HtmlElement, Server) {
    let camera = camera(src);
    for (name, value) in attributes {
        camera.set_attribute(name, value).unwrap();
    }
    let mut server = Server::at(src);
    body().append_child(&camera).unwrap();
    greet(&mut server).await;
    show(&camera, &server, 1, "#d02010").await;
    (camera, server)
}

/// Lets the element in.
pub(crate) async fn greet(server: &mut Server) {
    server.hears("open").await;
    server.say(&hello_json());
    // The first ping is sent as soon as the socket is open.
    let pong = ServerMessage::Pong {
        id: Some(0),
        time_us: js::unix_us() as u64,
    };
    server.say(&pong.to_json());
}

/// Sends a frame and waits until it is drawn; gives what the element tells about it.
pub(crate) async fn show(camera: &HtmlElement, server: &Server, seq: u32, colour: &str) -> JsValue {
    server.send_bytes(&pack(&jpeg(seq.into(), colour).await));
    event(camera, "frame", "seq", seq.into()).await
}

/// The element without workers, so that the page's fake socket is the one that it uses. They are back with this value's end.
pub(crate) struct WithoutWorkers;

impl WithoutWorkers {
    /// Until this is dropped.
    pub(crate) fn new() -> Self {
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

/// Keeps the canvases that become videos, counts the recorded bytes, and keeps the names under which files are saved
/// instead of saving them.
pub(crate) const WATCH_MEDIA: &str = "
    const canvas = HTMLCanvasElement.prototype, link = HTMLAnchorElement.prototype;
    const recorder = MediaRecorder.prototype;
    globalThis.realMedia = [canvas.captureStream, link.click, recorder.start];
    globalThis.recorded = 0;
    recorder.start = function (...all) {
        this.addEventListener('dataavailable', ({data}) => { recorded += data.size; });
        return realMedia[2].apply(this, all);
    };
    globalThis.stages = [];
    globalThis.saved = [];
    canvas.captureStream = function (...all) {
        stages.push(this);
        return realMedia[0].apply(this, all);
    };
    link.click = function () { saved.push(this.download); dispatchEvent(new Event('saved')); };";

/// Has videos made and files saved again.
pub(crate) const LEAVE_MEDIA: &str = "
    [HTMLCanvasElement.prototype.captureStream, HTMLAnchorElement.prototype.click, MediaRecorder.prototype.start] = realMedia;";

/// A part of what lies over the picture.
pub(crate) fn part(camera: &HtmlElement, selector: &str) -> HtmlElement {
    let shadow = camera.shadow_root().unwrap();
    let part: Element = shadow.query_selector(selector).unwrap().unwrap();
    part.unchecked_into()
}

/// Has the element load what lies over the picture once it is asked for, and closes it again.
pub(crate) async fn load_panels(camera: &HtmlElement) {
    let opens_and_closes = Function::new_with_args(
        "camera",
        "const shadow = camera.shadowRoot, more = shadow.getElementById('b-more');
        more.click();
        return (async () => {
            while (!shadow.getElementById('menu')) await new Promise((resolve) => setTimeout(resolve, 5));
            more.click();
        })();",
    );
    let done = opens_and_closes.call1(&JsValue::NULL, camera).unwrap();
    JsFuture::from(done.unchecked_into::<Promise>())
        .await
        .unwrap();
}
