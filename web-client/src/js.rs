//! Browser resources as values: listeners and timers end when they drop. Nothing here knows about video.

use js_sys::{Array, Function, Promise};
use wasm_bindgen::closure::{Closure, IntoWasmClosure, WasmClosure};
use wasm_bindgen::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AddEventListenerOptions, Element, Event, EventTarget, IntersectionObserver,
    IntersectionObserverEntry, ResizeObserver, ShadowRoot,
};

#[wasm_bindgen(module = "/src/failure.js")]
extern "C" {
    /// This run of the program, whatever other one takes its place once it has failed.
    type Run;
    #[wasm_bindgen(thread_local_v2, js_name = program)]
    static RUN: Run;
    #[wasm_bindgen(method)]
    fn guard(this: &Run, callback: &JsValue) -> Function;
    #[wasm_bindgen(method)]
    fn answer(this: &Run, promise: &Promise) -> Promise;
    #[wasm_bindgen(method)]
    fn hold(this: &Run, thing: &JsValue, held: bool);
    #[wasm_bindgen(method)]
    fn panicked(this: &Run, words: &str);
    #[wasm_bindgen(method)]
    fn turn(this: &Run, line: u32) -> Promise;
    #[wasm_bindgen(method)]
    fn end(this: &Run, line: u32);
    #[wasm_bindgen(method, setter)]
    fn set_feed(this: &Run, feed: u32);
}

/// Every call from JavaScript comes through this: with what it throws, the program has failed.
fn guard(callback: &JsValue) -> Function {
    RUN.with(|run| run.guard(callback))
}

/// What a promise gives; nothing more once the program has failed.
pub fn answer(promise: &Promise) -> JsFuture {
    RUN.with(|run| run.answer(promise)).into()
}

/// Notes for which pipeline the program is at work from here on, until it waits again.
pub fn work_for(feed: u32) {
    RUN.with(|run| run.set_feed(feed));
}

#[wasm_bindgen(module = "/src/browser.js")]
extern "C" {
    /// A server's message, if it has the camera's controls, or values of them; else `undefined`. Notes the code that it has for
    /// its `reason`, by which the element with that shadow root says it in other languages.
    pub fn controls(message: &str, root: &ShadowRoot) -> JsValue;
    /// The id of the camera that a WebSocket's address asks for.
    pub fn asked_camera(url: &str) -> Option<String>;
    /// The WebSocket's address for an element's `src`, relative to that script, with what else its query is to say.
    ///
    /// # Errors
    /// Why there is none, in words, for the author of the page.
    #[wasm_bindgen(catch)]
    pub fn socket_url(
        src: Option<&str>,
        script: &str,
        camera: Option<&str>,
        ticket: Option<&str>,
        wire: Option<&str>,
        width: Option<u32>,
    ) -> Result<String, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setInterval)]
    fn set_interval(callback: &JsValue, ms: i32) -> f64;
    #[wasm_bindgen(js_name = clearInterval)]
    fn clear_interval(id: f64);
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &JsValue, ms: i32) -> f64;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: f64);
    #[wasm_bindgen(thread_local_v2, js_name = performance)]
    static PERFORMANCE: web_sys::Performance;
    /// The address of the program's own script, in the page and in the worker.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = url)]
    static SCRIPT: String;
}

/// ms by a steady clock; its zero differs between the page and a worker.
pub fn now() -> f64 {
    PERFORMANCE.with(web_sys::Performance::now)
}

/// Device pixels for a CSS pixel.
pub fn pixel_ratio() -> f64 {
    web_sys::window().map_or(1.0, |window| window.device_pixel_ratio())
}

/// Unix time in µs, steady while the page lives.
pub fn unix_us() -> f64 {
    PERFORMANCE.with(|clock| (clock.time_origin() + clock.now()) * 1000.0)
}

/// The address of the program's own script.
pub fn script_url() -> String {
    SCRIPT.with(String::clone)
}

/// The address of a file beside the program's own script.
pub fn beside_script(name: &str) -> Option<String> {
    let url = web_sys::Url::new_with_base(name, &script_url()).ok()?;
    Some(url.href())
}

/// What a thrown value says.
pub fn error_text(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => error
            .as_string()
            .unwrap_or_else(|| "an error without words".to_owned()),
    }
}

/// What a call gives that cannot fail here. A plain `expect` would bring the words of every JavaScript value with it.
pub fn sure<T>(result: Result<T, JsValue>, why: &str) -> T {
    result.unwrap_or_else(|_| wasm_bindgen::throw_str(why))
}

/// A property of a JavaScript object; `undefined` where there is none.
pub fn get(object: &JsValue, name: &str) -> JsValue {
    js_sys::Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// An object with these properties.
pub fn object(properties: &[(&str, JsValue)]) -> js_sys::Object {
    let object = js_sys::Object::new();
    for (name, value) in properties {
        // Setting a property of a fresh, plain object cannot fail.
        let _ = js_sys::Reflect::set(&object, &(*name).into(), value);
    }
    object
}

/// Says a panic's place and words, on the console and to the page's elements, before WebAssembly traps.
pub fn report_panics() {
    // It is known from here on.
    RUN.with(|_| ());
    std::panic::set_hook(Box::new(|panic| {
        RUN.with(|run| run.panicked(&panic.to_string()));
    }));
}

/// What all pipelines in one place do a few at a time.
#[derive(Clone, Copy)]
pub enum Line {
    /// Open sockets.
    Connecting,
    /// Open sockets where the last one never opened.
    Retrying,
    /// Decode pictures.
    Decoding,
}

/// A turn. Dropping it gives it to the next one in line.
pub struct Turn(Line);

/// Waits for a turn. Nothing is queued in it but those that wait.
pub async fn turn(line: Line) -> Turn {
    // It is never refused.
    let _ = answer(&RUN.with(|run| run.turn(line as u32))).await;
    Turn(line)
}

impl Drop for Turn {
    fn drop(&mut self) {
        RUN.with(|run| run.end(self.0 as u32));
    }
}

/// A worker or a socket, which ends with this value, and also where the program fails and no value is dropped any more.
pub struct Held<T: AsRef<JsValue>>(T);

impl<T: AsRef<JsValue>> Held<T> {
    /// From now on.
    pub fn new(thing: T) -> Self {
        RUN.with(|run| run.hold(thing.as_ref(), true));
        Self(thing)
    }
}

impl<T: AsRef<JsValue>> std::ops::Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: AsRef<JsValue>> Drop for Held<T> {
    fn drop(&mut self) {
        RUN.with(|run| run.hold(self.0.as_ref(), false));
    }
}

/// An event listener. Dropping it removes it, even while it runs.
pub struct Listener {
    target: EventTarget,
    event: &'static str,
    guarded: Function,
    _closure: Closure<dyn FnMut(Event)>,
}

impl Listener {
    /// Calls `f` with each such event, as the event type that the browser promises for it.
    pub fn new<E: JsCast>(
        target: &EventTarget,
        event: &'static str,
        mut f: impl FnMut(E) + 'static,
    ) -> Self {
        let closure =
            Closure::<dyn FnMut(Event)>::new(move |event: Event| f(event.unchecked_into()));
        let guarded = guard(closure.as_ref());
        let options = AddEventListenerOptions::new();
        // Wheel listeners on some targets are passive otherwise, and couldn't keep the page from scrolling.
        options.set_passive(false);
        let added = target.add_event_listener_with_callback_and_add_event_listener_options(
            event, &guarded, &options,
        );
        sure(
            added,
            "adding a listener throws only for a target that is null",
        );
        Self {
            target: target.clone(),
            event,
            guarded,
            _closure: closure,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Fails only for a target that is null.
        let _ = self
            .target
            .remove_event_listener_with_callback(self.event, &self.guarded);
    }
}

/// A repeating timer. Dropping it stops it.
pub struct Interval {
    id: f64,
    _closure: Closure<dyn FnMut()>,
}

impl Interval {
    /// Calls `f` each `ms` milliseconds; browsers make it once a second in hidden pages.
    pub fn new(ms: i32, f: impl FnMut() + 'static) -> Self {
        let closure = Closure::<dyn FnMut()>::new(f);
        Self {
            id: set_interval(&guard(closure.as_ref()), ms),
            _closure: closure,
        }
    }
}

impl Drop for Interval {
    fn drop(&mut self) {
        clear_interval(self.id);
    }
}

/// A timer that runs once. Dropping it cancels it.
pub struct Timeout {
    id: f64,
    _closure: Closure<dyn FnMut()>,
}

impl Timeout {
    /// Calls `f` in `ms` milliseconds.
    pub fn new(ms: i32, f: impl FnMut() + 'static) -> Self {
        let closure = Closure::<dyn FnMut()>::new(f);
        Self {
            id: set_timeout(&guard(closure.as_ref()), ms),
            _closure: closure,
        }
    }
}

impl Drop for Timeout {
    fn drop(&mut self) {
        clear_timeout(self.id);
    }
}

/// Watches an element's size. Dropping it ends the watch.
pub struct SizeObserver {
    observer: ResizeObserver,
    _closure: Closure<dyn FnMut()>,
}

impl SizeObserver {
    /// Calls `f` whenever the size has changed; `None` where the browser cannot watch.
    pub fn new(element: &Element, f: impl FnMut() + 'static) -> Option<Self> {
        let closure = Closure::<dyn FnMut()>::new(f);
        let observer = ResizeObserver::new(&guard(closure.as_ref())).ok()?;
        observer.observe(element);
        Some(Self {
            observer,
            _closure: closure,
        })
    }
}

impl Drop for SizeObserver {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

/// Watches whether any part of an element can be seen in the page's window. Dropping it ends the watch.
pub struct SightObserver {
    observer: IntersectionObserver,
    _closure: Closure<dyn FnMut(Array)>,
}

impl SightObserver {
    /// Calls `f` with whether it can be seen, soon and whenever that changes; `None` where the browser cannot watch.
    pub fn new(element: &Element, mut f: impl FnMut(bool) + 'static) -> Option<Self> {
        let closure = Closure::<dyn FnMut(Array)>::new(move |entries: Array| {
            // Several changes may come at once; the last one holds.
            let newest = entries.pop().dyn_into::<IntersectionObserverEntry>();
            if let Ok(newest) = newest {
                f(newest.is_intersecting());
            }
        });
        let observer = IntersectionObserver::new(&guard(closure.as_ref())).ok()?;
        observer.observe(element);
        Some(Self {
            observer,
            _closure: closure,
        })
    }
}

impl Drop for SightObserver {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

/// A closure that JavaScript holds for as long as it likes.
pub fn permanent<T, F>(f: F) -> JsValue
where
    T: WasmClosure + ?Sized,
    F: IntoWasmClosure<T> + 'static,
{
    guard(&Closure::<T>::new(f).into_js_value()).into()
}
