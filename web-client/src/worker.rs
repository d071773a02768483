//! Where a [`Feed`] runs: in the page's worker where the browser can, else in the page.
//!
//! All elements of a page share one worker, with one memory, for as long as there is one of them. One module serves the page
//! and the worker: the worker imports the page's script and is given its compiled WebAssembly, so nothing is downloaded or
//! compiled twice. A worker's own script has to be of the page's origin, therefore it is a blob.

use crate::feed::Feed;
use crate::js::{self, Held, Listener, Timeout};
use crate::link::{self, Command, Report};
use crate::painter::Canvas;
use js_sys::Array;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
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
    /// The worker has failed, and every pipeline in it; start another one, on a new canvas.
    Failed(String, Culprit),
}

/// For which pipeline a worker was at work when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// This one.
    This,
    /// Another element's.
    Another,
    /// It did not say.
    Unknown,
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
    let feed = Feed::new(0, move |report| on_event(PipelineEvent::Report(report)));
    feed.set_canvas(Canvas::Page(canvas))?;
    Ok(Runner::Local(feed))
}

/// The worker's own script: it imports the page's, waits for the compiled module, and takes in pipelines. Browsers tell the
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

thread_local! {
    /// The page's worker, while elements use it.
    static HOST: RefCell<Weak<Host>> = RefCell::default();
}

/// A pipeline in the page's worker. Dropping it ends the pipeline, and with the last one the worker.
pub struct Remote {
    host: Rc<Host>,
    seat: Rc<Seat>,
}

/// A worker, and who uses it.
struct Host {
    worker: Held<Worker>,
    seats: RefCell<Vec<Rc<Seat>>>,
    next: Cell<u32>,
    ready: Cell<bool>,
    /// The pipeline for which it has failed.
    culprit: Cell<Option<u32>>,
    held: RefCell<Option<([Listener; 2], Timeout)>>,
}

/// One element's place in the worker.
struct Seat {
    feed: u32,
    canvas: RefCell<Option<HtmlCanvasElement>>,
    /// Commands given before the worker was ready.
    waiting: RefCell<Vec<Command>>,
    on_event: Box<dyn Fn(PipelineEvent)>,
}

impl Remote {
    /// A place in the page's worker, which is started where there is none. The canvas is transferred once the worker is ready,
    /// so that it stays usable if it never is.
    ///
    /// # Errors
    /// Where the browser refuses a worker at once.
    pub fn start(
        canvas: HtmlCanvasElement,
        on_event: impl Fn(PipelineEvent) + 'static,
    ) -> Result<Self, JsValue> {
        let host = match HOST.with_borrow(Weak::upgrade) {
            Some(host) => host,
            None => Host::start()?,
        };
        let feed = host.next.get();
        host.next.set(feed + 1);
        let seat = Rc::new(Seat {
            feed,
            canvas: RefCell::new(Some(canvas)),
            waiting: RefCell::default(),
            on_event: Box::new(on_event),
        });
        host.seats.borrow_mut().push(Rc::clone(&seat));
        if host.ready.get() {
            host.hand_over(&seat);
        }
        Ok(Self { host, seat })
    }

    fn send(&self, command: Command) {
        if self.host.ready.get() {
            self.host.post(&self.seat, &command);
        } else {
            self.seat.waiting.borrow_mut().push(command);
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        (self.host.seats.borrow_mut()).retain(|seat| !Rc::ptr_eq(seat, &self.seat));
        self.send(Command::Leave);
    }
}

impl Host {
    fn start() -> Result<Rc<Self>, JsValue> {
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
        let host = Rc::new(Self {
            worker: Held::new(worker.clone()),
            seats: RefCell::default(),
            next: Cell::new(1),
            ready: Cell::new(false),
            culprit: Cell::new(None),
            held: RefCell::default(),
        });
        let this = Rc::downgrade(&host);
        let message = Listener::new(&worker, "message", {
            let this = this.clone();
            move |event: MessageEvent| {
                if let (Some(host), Some((feed, report))) =
                    (this.upgrade(), link::open(&event.data()))
                    && let Some(report) = Report::from_js(&report)
                {
                    host.heard(feed, report, &url);
                }
            }
        });
        let error = Listener::new(&worker, "error", {
            let this = this.clone();
            move |event: Event| {
                let words = event
                    .dyn_ref::<ErrorEvent>()
                    .map(ErrorEvent::message)
                    .filter(|words| !words.is_empty());
                let words = words.unwrap_or_else(|| "the worker cannot be loaded".to_owned());
                if let Some(host) = this.upgrade() {
                    host.fail(&words);
                }
            }
        });
        let timeout = Timeout::new(STARTING, move || {
            if let Some(host) = this.upgrade()
                && !host.ready.get()
            {
                host.fail("the worker does not start");
            }
        });
        *host.held.borrow_mut() = Some(([message, error], timeout));
        HOST.set(Rc::downgrade(&host));
        Ok(host)
    }

    fn heard(&self, feed: u32, report: Report, url: &str) {
        match report {
            Report::Ready => {
                // The worker has loaded its script by now.
                let _ = Url::revoke_object_url(url);
                self.ready.set(true);
                for seat in &*self.seats.borrow() {
                    self.hand_over(seat);
                }
            }
            // What it says after that is of what the first failure broke.
            Report::Failed => self.culprit.set(self.culprit.get().or(Some(feed))),
            report => {
                let seats = self.seats.borrow();
                let seat = seats.iter().find(|seat| seat.feed == feed).cloned();
                // What it tells may have elements come and go.
                drop(seats);
                if let Some(seat) = seat {
                    (seat.on_event)(PipelineEvent::Report(report));
                }
            }
        }
    }

    /// Nothing of it runs any more. Its elements take another one, or do without.
    fn fail(&self, words: &str) {
        self.worker.terminate();
        HOST.set(Weak::new());
        let seats = self.seats.take();
        for seat in seats {
            (seat.on_event)(if self.ready.get() {
                let culprit = match self.culprit.get() {
                    Some(feed) if feed == seat.feed => Culprit::This,
                    Some(_) => Culprit::Another,
                    None => Culprit::Unknown,
                };
                PipelineEvent::Failed(words.to_owned(), culprit)
            } else {
                PipelineEvent::NoWorker(words.to_owned())
            });
        }
    }

    fn hand_over(&self, seat: &Seat) {
        if let Some(canvas) = seat.canvas.take()
            && let Ok(canvas) = canvas.transfer_control_to_offscreen()
        {
            self.post(seat, &Command::Canvas(canvas));
        }
        for command in seat.waiting.take() {
            self.post(seat, &command);
        }
    }

    fn post(&self, seat: &Seat, command: &Command) {
        let (message, transfer) = command.to_js();
        let message = link::envelope(seat.feed, &message);
        if let Err(error) = self.worker.post_message_with_transfer(&message, &transfer) {
            web_sys::console::error_1(&error);
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

/// The worker's main: pipelines between `postMessage` and `onmessage`. Called by the worker's script.
#[wasm_bindgen]
pub fn run_worker() {
    js::report_panics();
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    post(&scope, 0, &Report::Ready);
    let feeds: RefCell<Vec<(u32, Feed)>> = RefCell::default();
    let commands = {
        let scope = scope.clone();
        js::permanent::<dyn FnMut(MessageEvent), _>(move |event: MessageEvent| {
            let Some((number, message)) = link::open(&event.data()) else {
                return;
            };
            let Some(command) = Command::from_js(&message) else {
                return;
            };
            let mut feeds = feeds.borrow_mut();
            let at = feeds.iter().position(|(feed, _)| *feed == number);
            if matches!(command, Command::Leave) {
                if let Some(at) = at {
                    feeds.swap_remove(at);
                }
                return;
            }
            let at = at.unwrap_or_else(|| {
                let scope = scope.clone();
                let feed = Feed::new(number, move |report| post(&scope, number, &report));
                feeds.push((number, feed));
                feeds.len() - 1
            });
            feeds[at].1.command(command);
        })
    };
    scope.set_onmessage(Some(commands.unchecked_ref()));
}

fn post(scope: &DedicatedWorkerGlobalScope, feed: u32, report: &Report) {
    let (message, transfer) = report.to_js();
    let message = link::envelope(feed, &message);
    if let Err(error) = scope.post_message_with_transfer(&message, &transfer) {
        web_sys::console::error_1(&error);
    }
}
