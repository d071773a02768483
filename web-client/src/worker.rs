//! Where a [`Feed`] runs: in a worker of its own where the browser can, else in the page.
//!
//! One module serves both: the worker imports the page's script and is given its compiled WebAssembly, so nothing is
//! downloaded or compiled twice. A worker's own script has to be of the page's origin, therefore it is a blob.

use crate::feed::Feed;
use crate::js::{self, Held, Listener, Timeout};
use crate::link::{Command, Report};
use crate::painter::Canvas;
use js_sys::Array;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{
    Blob, BlobPropertyBag, DedicatedWorkerGlobalScope, ErrorEvent, Event, HtmlCanvasElement,
    MessageEvent, Url, Worker, WorkerOptions, WorkerType,
};

/// Timeout for a worker to start, in ms; the page does its work after that.
const STARTING: i32 = 8000;

/// What a pipeline reports.
pub enum PipelineEvent {
    /// It says something.
    Report(Report),
    /// The worker cannot be had; start another pipeline without one, on a new canvas.
    NoWorker(String),
}

/// The page's end of a pipeline.
pub enum Runner {
    /// In a worker.
    Remote(Remote),
    /// In the page.
    Local(Feed),
}

impl Runner {
    /// Passes a command on.
    pub fn send(&self, command: Command) {
        match self {
            Self::Remote(remote) => remote.send(command),
            Self::Local(feed) => feed.command(command),
        }
    }
}

/// Whether this browser can draw onto a canvas from a worker.
pub fn available(canvas: &HtmlCanvasElement) -> bool {
    js::get(canvas, "transferControlToOffscreen").is_function()
        && js::get(&js_sys::global(), "Worker").is_function()
}

/// A pipeline in the page, drawing onto this canvas.
///
/// # Errors
/// Where the canvas gives no context.
pub fn local(
    canvas: HtmlCanvasElement,
    on_event: impl Fn(PipelineEvent) + 'static,
) -> Result<Runner, JsValue> {
    let feed = Feed::new(move |report| on_event(PipelineEvent::Report(report)));
    feed.set_canvas(Canvas::Page(canvas))?;
    Ok(Runner::Local(feed))
}

/// The worker's own script: it imports the page's, waits for the compiled module, and becomes a pipeline. Browsers tell the
/// page of errors in it, but of rejections only where they are made errors.
pub fn script(page_script: &str) -> String {
    // Addresses hold no quotes: the browser has escaped them.
    format!(
        "import init, {{ run_worker }} from \"{page_script}\";
        onunhandledrejection = ({{ reason }}) => setTimeout(() => {{ throw reason; }});
        onmessage = async ({{ data }}) => {{
            onmessage = null;
            await init({{ module_or_path: data }});
            run_worker();
        }};"
    )
}

/// A worker with a pipeline. Dropping it ends the worker.
pub struct Remote {
    shared: Rc<Starting>,
    _listeners: Vec<Listener>,
    _timeout: Timeout,
}

struct Starting {
    worker: Held<Worker>,
    canvas: RefCell<Option<HtmlCanvasElement>>,
    /// Commands given before the worker was ready.
    waiting: RefCell<Vec<Command>>,
    ready: Cell<bool>,
}

impl Remote {
    /// Starts a worker. The canvas is transferred once the worker is ready, so that it stays usable if it never is.
    ///
    /// # Errors
    /// Where the browser refuses a worker at once.
    pub fn start(
        canvas: HtmlCanvasElement,
        on_event: impl Fn(PipelineEvent) + Clone + 'static,
    ) -> Result<Self, JsValue> {
        let text = script(&js::script_url());
        let options = BlobPropertyBag::new();
        options.set_type("text/javascript");
        let blob = Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &options)?;
        let url = Url::create_object_url_with_blob(&blob)?;
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&url, &options)?;
        if let Err(error) = worker.post_message(&wasm_bindgen::module()) {
            worker.terminate();
            return Err(error);
        }
        let shared = Rc::new(Starting {
            worker: Held::new(worker.clone()),
            canvas: RefCell::new(Some(canvas)),
            waiting: RefCell::default(),
            ready: Cell::new(false),
        });
        let message = Listener::new(&worker, "message", {
            let (shared, on_event) = (Rc::clone(&shared), on_event.clone());
            move |event: MessageEvent| match Report::from_js(&event.data()) {
                Some(Report::Ready) => {
                    // The worker has loaded its script by now.
                    let _ = Url::revoke_object_url(&url);
                    shared.hand_over();
                }
                Some(report) => on_event(PipelineEvent::Report(report)),
                None => {}
            }
        });
        let error = Listener::new(&worker, "error", {
            let on_event = on_event.clone();
            move |event: Event| {
                let words = event
                    .dyn_ref::<ErrorEvent>()
                    .map(ErrorEvent::message)
                    .filter(|words| !words.is_empty());
                let words = words.unwrap_or_else(|| "the worker cannot be loaded".to_owned());
                on_event(PipelineEvent::NoWorker(words));
            }
        });
        let timeout = Timeout::new(STARTING, {
            let shared = Rc::clone(&shared);
            move || {
                if !shared.ready.get() {
                    on_event(PipelineEvent::NoWorker(
                        "the worker does not start".to_owned(),
                    ));
                }
            }
        });
        Ok(Self {
            shared,
            _listeners: vec![message, error],
            _timeout: timeout,
        })
    }

    fn send(&self, command: Command) {
        if self.shared.ready.get() {
            self.shared.post(&command);
        } else {
            self.shared.waiting.borrow_mut().push(command);
        }
    }
}

impl Starting {
    fn hand_over(&self) {
        self.ready.set(true);
        if let Some(canvas) = self.canvas.take()
            && let Ok(canvas) = canvas.transfer_control_to_offscreen()
        {
            self.post(&Command::Canvas(canvas));
        }
        for command in self.waiting.take() {
            self.post(&command);
        }
    }

    fn post(&self, command: &Command) {
        let (message, transfer) = command.to_js();
        if let Err(error) = self.worker.post_message_with_transfer(&message, &transfer) {
            web_sys::console::error_1(&error);
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.shared.worker.terminate();
    }
}

/// The worker's main: a pipeline between `postMessage` and `onmessage`. Called by the worker's script.
#[wasm_bindgen]
pub fn run_worker() {
    js::report_panics();
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let post = {
        let scope = scope.clone();
        move |report: Report| {
            let (message, transfer) = report.to_js();
            if let Err(error) = scope.post_message_with_transfer(&message, &transfer) {
                web_sys::console::error_1(&error);
            }
        }
    };
    post(Report::Ready);
    let feed = Feed::new(post);
    let commands = js::permanent::<dyn FnMut(MessageEvent), _>(move |event: MessageEvent| {
        if let Some(command) = Command::from_js(&event.data()) {
            feed.command(command);
        }
    });
    scope.set_onmessage(Some(commands.unchecked_ref()));
}
