//! The picture as a media stream: recorded to a file, or shown in a small window above all others.
//!
//! The pipeline hands out a copy of each picture meanwhile. They are drawn, turned and mirrored as on the screen, onto
//! a canvas of fixed size, because encoders want one.

use super::document;
use crate::geometry::{Layout, Zoom};
use crate::js::{self, Listener};
use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobEvent, BlobPropertyBag, CanvasRenderingContext2d, Event, HtmlCanvasElement,
    HtmlVideoElement, ImageBitmap, MediaRecorder, MediaRecorderOptions, MediaStream,
};

/// Recordings, best first. H.264 in MP4 plays everywhere, and is encoded faster: on two overloaded cores without a GPU,
/// 72 frames of 1280x720 in 7 s, where VP8 managed 9.
const TYPES: [&str; 5] = [
    "video/mp4;codecs=avc1.640028",
    "video/mp4;codecs=avc1.42E01F",
    "video/webm;codecs=h264",
    "video/webm;codecs=vp8",
    "video/webm",
];
/// ms of recording in each piece that the browser hands over.
const PIECE: i32 = 1000;

/// Whether this browser can record.
pub fn can_record() -> bool {
    js::get(&js_sys::global(), "MediaRecorder").is_function()
        && prototype_has("HTMLCanvasElement", "captureStream")
}

/// Whether this browser has picture in picture.
pub fn can_float() -> bool {
    js::get(&document(), "pictureInPictureEnabled").is_truthy()
        && prototype_has("HTMLVideoElement", "requestPictureInPicture")
        && prototype_has("HTMLCanvasElement", "captureStream")
}

fn prototype_has(class: &str, method: &str) -> bool {
    js::get(
        &js::get(&js::get(&js_sys::global(), class), "prototype"),
        method,
    )
    .is_function()
}

/// A canvas of which the browser makes a video.
pub struct Stage {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    stream: MediaStream,
}

impl Stage {
    /// A stage for pictures turned like this one.
    ///
    /// # Errors
    /// Where the browser gives no context or no stream.
    pub fn new(layout: &Layout) -> Result<Self, JsValue> {
        let canvas: HtmlCanvasElement = document().create_element("canvas")?.unchecked_into();
        let (width, height) = layout.turned();
        // Encoders that subsample colour want even sizes.
        canvas.set_width((width.max(2.0) as u32).next_multiple_of(2));
        canvas.set_height((height.max(2.0) as u32).next_multiple_of(2));
        let context: CanvasRenderingContext2d = canvas
            .get_context("2d")?
            .ok_or("the canvas has no 2d context")?
            .unchecked_into();
        let stream = canvas.capture_stream()?;
        Ok(Self {
            canvas,
            context,
            stream,
        })
    }

    /// Draws a picture the way it lies on the screen, unzoomed, and closes it.
    pub fn draw(&self, bitmap: &ImageBitmap, layout: &Layout) {
        let (width, height) = (
            f64::from(self.canvas.width()),
            f64::from(self.canvas.height()),
        );
        let layout = Layout {
            stage: (width, height),
            picture: (f64::from(bitmap.width()), f64::from(bitmap.height())),
            ..*layout
        };
        let [a, b, c, d, e, f] = layout.matrix(Zoom::default());
        self.clear();
        // These throw only for numbers that are not finite and for bitmaps that are closed.
        let _ = self.context.set_transform(a, b, c, d, e, f);
        let _ = self.context.draw_image_with_image_bitmap(bitmap, 0.0, 0.0);
        bitmap.close();
    }

    /// Shows nothing.
    pub fn clear(&self) {
        let (width, height) = (self.canvas.width(), self.canvas.height());
        // Back to the matrix of a fresh canvas: that never throws.
        let _ = self.context.reset_transform();
        self.context.set_fill_style_str("#000");
        self.context
            .fill_rect(0.0, 0.0, f64::from(width), f64::from(height));
    }

    /// The video.
    pub fn stream(&self) -> &MediaStream {
        &self.stream
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for track in self.stream.get_tracks() {
            if let Some(track) = track.dyn_ref::<web_sys::MediaStreamTrack>() {
                track.stop();
            }
        }
    }
}

/// A recording under way. Dropping it throws it away.
pub struct Recording {
    recorder: MediaRecorder,
    pieces: Array,
    since: f64,
    _data: Listener,
}

impl Recording {
    /// Begins.
    ///
    /// # Errors
    /// Where the browser cannot encode.
    pub fn start(stage: &Stage, now: f64) -> Result<Self, JsValue> {
        let options = MediaRecorderOptions::new();
        let mut types = TYPES.into_iter();
        if let Some(kind) = types.find(|kind| MediaRecorder::is_type_supported(kind)) {
            options.set_mime_type(kind);
        }
        let pixels = stage.canvas.width() * stage.canvas.height();
        // About 0.2 bits per pixel at 30 frames per second: 5.5 Mbit/s at 1280x720.
        options.set_video_bits_per_second((pixels * 6).clamp(1_000_000, 16_000_000));
        let recorder = MediaRecorder::new_with_media_stream_and_media_recorder_options(
            stage.stream(),
            &options,
        )?;
        let pieces = Array::new();
        let data = Listener::new(&recorder, "dataavailable", {
            let pieces = pieces.clone();
            move |event: BlobEvent| {
                if let Some(piece) = event.data().filter(|piece| piece.size() > 0.0) {
                    pieces.push(&piece);
                }
            }
        });
        recorder.start_with_time_slice(PIECE)?;
        Ok(Self {
            recorder,
            pieces,
            since: now,
            _data: data,
        })
    }

    /// When it began.
    pub fn since(&self) -> f64 {
        self.since
    }

    /// Ends it; gives the file and the ending of its name.
    ///
    /// # Errors
    /// Where nothing was recorded.
    pub async fn finish(self) -> Result<(Blob, &'static str), JsValue> {
        let mut stopped = None;
        let promise = Promise::new(&mut |resolve: Function, _: Function| {
            stopped = Some(Listener::new(&self.recorder, "stop", move |_: Event| {
                // Resolving a promise doesn't throw.
                let _ = resolve.call0(&JsValue::NULL);
            }));
        });
        self.recorder.stop()?;
        JsFuture::from(promise).await?;
        drop(stopped);
        if self.pieces.length() == 0 {
            return Err("nothing was recorded".into());
        }
        let mime = self.recorder.mime_type();
        let options = BlobPropertyBag::new();
        options.set_type(&mime);
        let file = Blob::new_with_blob_sequence_and_options(&self.pieces, &options)?;
        Ok((file, if mime.contains("mp4") { "mp4" } else { "webm" }))
    }
}

/// The small window.
pub struct Floating {
    video: HtmlVideoElement,
    _left: Listener,
}

impl Floating {
    /// Opens it. `on_left` is called when the user closes it.
    ///
    /// # Errors
    /// Where the browser refuses, above all without a click or a key before.
    pub async fn open(
        stage_stream: MediaStream,
        parent: web_sys::ShadowRoot,
        on_left: impl Fn() + 'static,
    ) -> Result<Self, JsValue> {
        let video: HtmlVideoElement = document().create_element("video")?.unchecked_into();
        video.set_muted(true);
        // "playsinline" is a valid attribute name.
        let _ = video.set_attribute("playsinline", "");
        video.set_src_object(Some(&stage_stream));
        parent.append_child(&video)?;
        let left = Listener::new(&video, "leavepictureinpicture", move |_: Event| on_left());
        let floating = Self { video, _left: left };
        JsFuture::from(floating.video.play()?).await?;
        let request: Function = js::get(&floating.video, "requestPictureInPicture").dyn_into()?;
        let opened: Promise = request.call0(&floating.video)?.dyn_into()?;
        JsFuture::from(opened).await?;
        Ok(floating)
    }
}

impl Drop for Floating {
    fn drop(&mut self) {
        let document = document();
        if !js::get(&document, "pictureInPictureElement").is_null()
            && let Ok(exit) = js::get(&document, "exitPictureInPicture").dyn_into::<Function>()
            && let Ok(promise) = exit.call0(&document)
        {
            // Where the user has closed it meanwhile, the refusal is no news.
            let promise: Promise = promise.unchecked_into();
            wasm_bindgen_futures::spawn_local(async move {
                let _ = JsFuture::from(promise).await;
            });
        }
        self.video.set_src_object(None);
        self.video.remove();
    }
}
