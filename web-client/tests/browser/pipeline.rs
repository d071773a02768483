//! Message → picture on a canvas → ack, in the page and in a worker, in a real browser.

use crate::server::{ROOM, SERVER, Server, canvas, colour_of, hello_json, jpeg, replace_socket};
use futures::StreamExt;
use futures::channel::mpsc;
use js_sys::Array;
use pistreamer_protocol::pack;
use pistreamer_viewer::js::{self, Listener};
use pistreamer_viewer::link::{self, Command, Report};
use pistreamer_viewer::worker::{self, PipelineEvent};
use std::cell::RefCell;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{
    Blob, BlobPropertyBag, HtmlCanvasElement, MessageEvent, Url, Worker, WorkerOptions, WorkerType,
};

/// A pipeline under test: how to command it, and what it reports.
struct Pipeline {
    send: Box<dyn Fn(Command)>,
    reports: mpsc::Receiver<Report>,
}

impl Pipeline {
    fn in_page(canvas: &HtmlCanvasElement) -> Self {
        replace_socket();
        let (tell, reports) = mpsc::channel(ROOM);
        let tell = RefCell::new(tell);
        let runner = worker::local(canvas.clone(), move |event| {
            if let PipelineEvent::Report(report) = event {
                tell.borrow_mut().try_send(report).unwrap();
            }
        });
        let runner = runner.unwrap();
        Self {
            send: Box::new(move |command| runner.send(command)),
            reports,
        }
    }

    /// The worker that the viewer starts, but for its socket.
    async fn in_worker(canvas: &HtmlCanvasElement) -> Self {
        let script = format!("{SERVER}\n{}", worker::script(&js::script_url()));
        let options = BlobPropertyBag::new();
        options.set_type("text/javascript");
        let parts = Array::of1(&script.into());
        let blob = Blob::new_with_str_sequence_and_options(&parts, &options).unwrap();
        let url = Url::create_object_url_with_blob(&blob).unwrap();
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&url, &options).unwrap();
        let (mut tell, mut reports) = mpsc::channel(ROOM);
        let listener = Listener::new(&worker, "message", move |event: MessageEvent| {
            let (_, report) = link::open(&event.data()).unwrap();
            tell.try_send(Report::from_js(&report).unwrap()).unwrap();
        });
        worker.post_message(&wasm_bindgen::module()).unwrap();
        assert!(matches!(reports.next().await, Some(Report::Ready)));
        let send = move |command: Command| {
            let _ = &listener;
            let (message, transfer) = command.to_js();
            let message = link::envelope(1, &message);
            worker
                .post_message_with_transfer(&message, &transfer)
                .unwrap();
        };
        send(Command::Canvas(
            canvas.transfer_control_to_offscreen().unwrap(),
        ));
        Self {
            send: Box::new(send),
            reports,
        }
    }

    fn connect(&self, url: &str) {
        (self.send)(Command::Connect {
            connection: 1,
            url: url.into(),
        });
    }

    async fn report(&mut self) -> Report {
        loop {
            match self.reports.next().await.unwrap() {
                Report::Pong { .. } => {}
                report => return report,
            }
        }
    }

    async fn drawn(&mut self) -> u64 {
        match self.report().await {
            Report::Drawn { frame, .. } => frame.seq.unwrap(),
            report => panic!("{report:?}"),
        }
    }
}

fn close_to(colour: [u8; 3], wanted: [u8; 3]) -> bool {
    colour.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 8)
}

async fn packed_frames_reach_the_canvas(
    mut pipeline: Pipeline,
    canvas: HtmlCanvasElement,
    url: &str,
) {
    let mut server = Server::at(url);
    pipeline.connect(url);
    server.hears("open").await;
    server.say(&hello_json());
    assert!(matches!(pipeline.report().await, Report::Text { .. }));
    for (seq, colour, wanted) in [(7, "#d02010", [208, 32, 16]), (8, "#1030c0", [16, 48, 192])] {
        server.send_bytes(&pack(&jpeg(seq, colour).await));
        assert_eq!(pipeline.drawn().await, seq);
        assert_eq!(
            server.hears("ack").await,
            format!("{{\"type\":\"ack\",\"seq\":{seq}}}")
        );
        // What a worker draws is on the page's canvas with the page's next frame.
        let mut tries = 0;
        while !close_to(colour_of(&canvas), wanted) {
            tries += 1;
            assert!(tries < 100, "{:?} is not {wanted:?}", colour_of(&canvas));
            next_frame().await;
        }
    }
}

async fn next_frame() {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        web_sys::window()
            .unwrap()
            .request_animation_frame(&resolve)
            .unwrap();
    });
    wasm_bindgen_futures::JsFuture::from(promise).await.unwrap();
}

#[wasm_bindgen_test]
async fn packed_frames_reach_a_canvas_in_the_page() {
    let canvas = canvas(1, 1);
    let pipeline = Pipeline::in_page(&canvas);
    packed_frames_reach_the_canvas(pipeline, canvas, "ws://page/ws").await;
}

#[wasm_bindgen_test]
async fn packed_frames_reach_a_canvas_from_a_worker() {
    let canvas = canvas(1, 1);
    let document = web_sys::window().unwrap().document().unwrap();
    document.body().unwrap().append_child(&canvas).unwrap();
    let pipeline = Pipeline::in_worker(&canvas).await;
    packed_frames_reach_the_canvas(pipeline, canvas.clone(), "ws://worker/ws").await;
    canvas.remove();
}

async fn a_cleared_pipeline_shows_and_hands_out_nothing(
    mut pipeline: Pipeline,
    canvas: HtmlCanvasElement,
    url: &str,
) {
    let mut server = Server::at(url);
    pipeline.connect(url);
    server.hears("open").await;
    server.send_bytes(&pack(&jpeg(7, "#d02010").await));
    assert_eq!(pipeline.drawn().await, 7);
    while colour_of(&canvas) == [0, 0, 0] {
        next_frame().await;
    }
    (pipeline.send)(Command::Clear);
    server.hears("close").await;
    (pipeline.send)(Command::Snapshot { id: 1 });
    assert!(matches!(
        pipeline.report().await,
        Report::Snapshot { jpeg: None, .. }
    ));
    while colour_of(&canvas) != [0, 0, 0] {
        next_frame().await;
    }
}

#[wasm_bindgen_test]
async fn a_cleared_pipeline_in_the_page_shows_and_hands_out_nothing() {
    let canvas = canvas(1, 1);
    let pipeline = Pipeline::in_page(&canvas);
    a_cleared_pipeline_shows_and_hands_out_nothing(pipeline, canvas, "ws://page-clear/ws").await;
}

#[wasm_bindgen_test]
async fn a_cleared_pipeline_in_a_worker_shows_and_hands_out_nothing() {
    let canvas = canvas(1, 1);
    let document = web_sys::window().unwrap().document().unwrap();
    document.body().unwrap().append_child(&canvas).unwrap();
    let pipeline = Pipeline::in_worker(&canvas).await;
    a_cleared_pipeline_shows_and_hands_out_nothing(pipeline, canvas.clone(), "ws://clear/ws").await;
    canvas.remove();
}

#[wasm_bindgen_test]
async fn a_plain_jpeg_is_handed_out_as_it_came() {
    let mut pipeline = Pipeline::in_page(&canvas(1, 1));
    let mut server = Server::at("ws://plain/ws");
    pipeline.connect("ws://plain/ws");
    server.hears("open").await;
    let jpeg = jpeg(3, "#808080").await;
    server.send_bytes(&jpeg);
    assert_eq!(pipeline.drawn().await, 3);
    (pipeline.send)(Command::Snapshot { id: 5 });
    let Report::Snapshot {
        id: 5,
        jpeg: Some(blob),
        seq: Some(3),
        ..
    } = pipeline.report().await
    else {
        panic!("no snapshot")
    };
    let bytes = wasm_bindgen_futures::JsFuture::from(blob.array_buffer())
        .await
        .unwrap();
    assert_eq!(js_sys::Uint8Array::new(&bytes).to_vec(), jpeg);
}

#[wasm_bindgen_test]
async fn a_broken_frame_is_counted_and_the_next_one_drawn() {
    let mut pipeline = Pipeline::in_page(&canvas(1, 1));
    let mut server = Server::at("ws://broken/ws");
    pipeline.connect("ws://broken/ws");
    server.hears("open").await;
    let good = pack(&jpeg(2, "#00ff00").await);
    // A whole envelope around something that only the decoder finds out about.
    let mut undecodable = jpeg(1, "#00ff00").await;
    let length_of_tables = undecodable
        .windows(2)
        .position(|pair| pair == [0xff, 0xc4])
        .unwrap();
    undecodable[length_of_tables + 5] = 0xff;
    let broken = [
        Vec::new(),
        good[..good.len() / 2].to_vec(),
        pack(b"\xff\xd8 not a picture \xff\xd9"),
        pack(&undecodable),
    ];
    for (before, message) in broken.iter().enumerate() {
        server.send_bytes(message);
        match pipeline.report().await {
            Report::Corrupt { total, .. } => assert_eq!(total, before as u64 + 1),
            report => panic!("{report:?}"),
        }
    }
    // What is broken only inside is acknowledged, or the server would wait for it.
    assert!(server.hears("ack").await.contains(":1}"));
    server.send_bytes(&good);
    assert_eq!(pipeline.drawn().await, 2);
}

#[wasm_bindgen_test]
async fn a_paused_pipeline_draws_nothing_and_acknowledges_what_it_swallowed() {
    let mut pipeline = Pipeline::in_page(&canvas(1, 1));
    let mut server = Server::at("ws://paused/ws");
    pipeline.connect("ws://paused/ws");
    server.hears("open").await;
    (pipeline.send)(Command::Pause);
    server.hears("pause").await;
    server.send_bytes(&pack(&jpeg(1, "#ff0000").await));
    server.send_bytes(&pack(&jpeg(2, "#ff0000").await));
    // A text message after them proves that both have arrived.
    server.say("{\"type\":\"of-the-future\"}");
    assert!(matches!(pipeline.report().await, Report::Text { .. }));
    (pipeline.send)(Command::Resume);
    server.hears("resume").await;
    assert!(server.hears("ack").await.contains(":2}"));
    server.send_bytes(&pack(&jpeg(3, "#ff0000").await));
    assert_eq!(pipeline.drawn().await, 3);
    server.close(1001);
    assert!(matches!(pipeline.report().await, Report::Closed { .. }));
}
