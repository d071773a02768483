//! Snapshots, recordings and the small window: pictures that leave the canvas.

use super::Shell;
use crate::chrome::{capture, panels::Panels};
use crate::element::event::Event;
use crate::geometry::{Layout, Zoom};
use crate::js;
use crate::link::Command;
use crate::text::{self, words};
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, ImageBitmap, ShadowRoot};

#[wasm_bindgen(module = "/src/browser.js")]
extern "C" {
    fn save(script: &str, shadow: &ShadowRoot, file: &Blob, name: &str) -> Promise;
}

/// Pending promises of snapshots.
#[derive(Default)]
pub(super) struct Snapshots {
    waiting: Vec<(u32, Function, Function)>,
    next: u32,
}

impl Shell {
    /// The JPEG on the canvas, exactly as it was received: a promise of a Blob.
    pub fn snapshot(&self) -> Promise {
        let id = {
            let mut snapshots = self.snapshots.borrow_mut();
            snapshots.next += 1;
            snapshots.next
        };
        let promise = Promise::new(&mut |resolve, reject| {
            let waiting = (id, resolve, reject);
            self.snapshots.borrow_mut().waiting.push(waiting);
        });
        self.order(Command::Snapshot { id });
        promise
    }

    pub(super) fn hand_out_snapshot(
        &self,
        id: u32,
        jpeg: Option<Blob>,
        seq: Option<u64>,
        captured_us: Option<u64>,
    ) {
        let (resolve, reject) = {
            let waiting = &mut self.snapshots.borrow_mut().waiting;
            let Some(at) = waiting.iter().position(|(waiting, ..)| *waiting == id) else {
                return;
            };
            let (_, resolve, reject) = waiting.swap_remove(at);
            (resolve, reject)
        };
        // Neither resolving nor rejecting a promise throws.
        match jpeg {
            Some(jpeg) => {
                let stem = file_stem(self.element.borrow().picture.camera(), captured_us, seq);
                let name = format!("{stem}.jpg");
                let _ = js_sys::Reflect::set(&jpeg, &"name".into(), &name.into());
                let _ = resolve.call1(&JsValue::NULL, &jpeg);
            }
            None => {
                let error = js_sys::Error::new(words!("there is no picture yet"));
                let _ = reject.call1(&JsValue::NULL, &error);
            }
        }
    }

    pub(super) fn reject_snapshots(&self, why: &str) {
        let waiting = std::mem::take(&mut self.snapshots.borrow_mut().waiting);
        for (_, _, reject) in waiting {
            // Rejecting a promise doesn't throw.
            let _ = reject.call1(&JsValue::NULL, &js_sys::Error::new(why));
        }
    }

    /// Does something with what a promise gives, or why it gives nothing, unless the element has left by then.
    pub(super) fn when(
        &self,
        promise: Promise,
        then: impl FnOnce(&Self, Result<JsValue, String>) + 'static,
    ) {
        let this = self.this.clone();
        spawn_local(async move {
            let result = js::answer(&promise).await;
            if let Some(shell) = this.upgrade() {
                then(&shell, result.map_err(|error| js::error_text(&error)));
            }
        });
    }

    /// Fetches the snapshot and has the browser save it.
    pub(super) fn save_snapshot(&self) {
        self.when(self.snapshot(), |shell, result| match result {
            Ok(jpeg) => {
                let name = js::get(&jpeg, "name").as_string().unwrap_or_default();
                shell.save(jpeg.unchecked_ref(), &name, false);
            }
            Err(why) => shell.toast(&words!("No snapshot: {text}", text = why)),
        });
    }

    /// Has the browser save a file, and tells of it. A full clip has ended by itself.
    fn save(&self, file: &Blob, name: &str, full: bool) {
        let words = if full {
            text::CLIP_IS_FULL.to_owned()
        } else {
            words!("Saved {file}", file = name)
        };
        let saved = save(&js::script_url(), self.chrome.shadow(), file, name);
        self.when(saved, move |shell, saved| match saved {
            Ok(saved) if full || saved.is_truthy() => shell.toast(&words),
            Ok(_) => {}
            Err(why) => shell.toast(&words!("Cannot save: {text}", text = why)),
        });
    }

    /// A copy of a picture came for the recording or the small window: it is drawn as it lies on the screen, unzoomed.
    pub(super) fn picture(&self, bitmap: &ImageBitmap) {
        let element = self.element.borrow();
        // Before the server's greeting it is one of the connection before, maybe of another camera.
        if let Some((width, height)) = element.capture.stage()
            && element.status.is_greeted()
            && let Some(panels) = self.panels()
        {
            let layout = Layout {
                stage: (f64::from(width), f64::from(height)),
                picture: (f64::from(bitmap.width()), f64::from(bitmap.height())),
                ..*element.picture.layout()
            };
            let [a, b, c, d, e, f] = layout.matrix(Zoom::default());
            panels.draw(bitmap, a, b, c, d, e, f);
        }
        bitmap.close();
    }

    pub(super) fn record(&self, panels: &Panels, stage: Option<(u32, u32)>) {
        let this = self.this.clone();
        let tell = js::permanent::<dyn FnMut(bool), _>(move |full| {
            if let Some(shell) = this.upgrade() {
                shell.send(Event::Encoder { full });
            }
        });
        let started = open_stage(panels, stage).and_then(|()| {
            panels.start_recording(capture::TYPES, capture::MOST, tell.unchecked_ref())
        });
        let refused = started.err().map(|error| js::error_text(&error));
        self.send(Event::Recording(refused));
    }

    /// Ends a recording of that camera and saves it. It is told where it has reached its limit.
    pub(super) fn end_recording(&self, panels: &Panels, camera: &str, full: bool) {
        let stem = file_stem(camera, None, None);
        self.when(panels.end_recording(), move |shell, result| {
            shell.send(Event::Recorded(result.as_ref().err().cloned()));
            if let Ok(file) = result {
                let kind = js::get(&file, "type").as_string().unwrap_or_default();
                let is_mp4 = kind.starts_with("video/mp4");
                let ending = if is_mp4 { "mp4" } else { "webm" };
                shell.save(file.unchecked_ref(), &format!("{stem}.{ending}"), full);
            }
        });
    }

    pub(super) fn float(&self, panels: &Panels, stage: Option<(u32, u32)>) {
        if let Err(error) = open_stage(panels, stage) {
            return self.send(Event::Floating(Some(js::error_text(&error))));
        }
        let left =
            js::permanent::<dyn FnMut(), _>(self.weakly(|shell| shell.send(Event::Unfloated)));
        self.when(panels.float(left.unchecked_ref()), |shell, result| {
            shell.send(Event::Floating(result.err()));
        });
    }
}

fn open_stage(panels: &Panels, size: Option<(u32, u32)>) -> Result<(), JsValue> {
    size.map_or(Ok(()), |(width, height)| panels.open_stage(width, height))
}

/// `pistreamer-CAMERA-TIME-seqN`; the time is UTC.
fn file_stem(camera: &str, unix_us: Option<u64>, seq: Option<u64>) -> String {
    let ms = unix_us.map_or_else(js_sys::Date::now, |us| us as f64 / 1000.0);
    let date = js_sys::Date::new(&ms.into());
    let camera = text::file_name(camera);
    let time = text::file_name(&String::from(date.to_iso_string()).replace(':', "-"));
    let seq = seq.map_or_else(String::new, |seq| format!("-seq{seq}"));
    format!("pistreamer-{camera}-{time}{seq}")
}
