//! Snapshots, recordings and the small window: pictures that leave the canvas.

use super::Session;
use crate::chrome::capture;
use crate::chrome::panels::Panels;
use crate::geometry::{Layout, Zoom};
use crate::js;
use crate::link::Command;
use crate::text;
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, HtmlAnchorElement, ImageBitmap, Url};

impl Session {
    /// The JPEG on the canvas, exactly as it was received: a promise of a Blob.
    pub fn snapshot(&self) -> Promise {
        let mut functions = None;
        let promise = Promise::new(&mut |resolve, reject| functions = Some((resolve, reject)));
        let id = {
            let mut state = self.state.borrow_mut();
            let id = state.next_snapshot;
            state.next_snapshot += 1;
            if let Some((resolve, reject)) = functions {
                state.snapshots.push((id, resolve, reject));
            }
            id
        };
        if let Some(runner) = &*self.runner.borrow() {
            runner.send(Command::Snapshot { id });
        }
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
            let waiting = &mut self.state.borrow_mut().snapshots;
            let Some(at) = waiting.iter().position(|(waiting, ..)| *waiting == id) else {
                return;
            };
            let (_, resolve, reject) = waiting.swap_remove(at);
            (resolve, reject)
        };
        // Neither resolving nor rejecting a promise throws.
        match jpeg {
            Some(jpeg) => {
                let name = format!("{}.jpg", self.file_stem(captured_us, seq));
                let _ = js_sys::Reflect::set(&jpeg, &"name".into(), &name.into());
                let _ = resolve.call1(&JsValue::NULL, &jpeg);
            }
            None => {
                let error = js_sys::Error::new("there is no picture yet");
                let _ = reject.call1(&JsValue::NULL, &error);
            }
        }
    }

    pub(super) fn reject_snapshots(&self, why: &str) {
        let waiting = std::mem::take(&mut self.state.borrow_mut().snapshots);
        for (_, _, reject) in waiting {
            // Rejecting a promise doesn't throw.
            let _ = reject.call1(&JsValue::NULL, &js_sys::Error::new(why));
        }
    }

    /// `pistreamer-CAMERA-TIME-seqN`; the time is UTC.
    fn file_stem(&self, unix_us: Option<u64>, seq: Option<u64>) -> String {
        let ms = unix_us.map_or_else(js_sys::Date::now, |us| us as f64 / 1000.0);
        let date = js_sys::Date::new(&ms.into());
        let camera = text::file_name(&self.state.borrow().seen.camera_id);
        let time = text::file_name(&String::from(date.to_iso_string()).replace(':', "-"));
        let seq = seq.map_or_else(String::new, |seq| format!("-seq{seq}"));
        format!("pistreamer-{camera}-{time}{seq}")
    }

    /// Fetches the snapshot and has the browser save it.
    pub(super) fn save_snapshot(&self) {
        let (this, promise) = (self.this.clone(), self.snapshot());
        spawn_local(async move {
            let result = JsFuture::from(promise).await;
            let Some(session) = this.upgrade() else {
                return;
            };
            match result {
                Ok(jpeg) => {
                    let name = js::get(&jpeg, "name").as_string().unwrap_or_default();
                    session.save(jpeg.unchecked_ref(), &name);
                }
                Err(error) => session.toast(&format!("No snapshot: {}", js::error_text(&error))),
            }
        });
    }

    fn save(&self, file: &Blob, name: &str) {
        let Ok(url) = Url::create_object_url_with_blob(file) else {
            return;
        };
        if let Ok(link) = crate::chrome::document().create_element("a") {
            let link: HtmlAnchorElement = link.unchecked_into();
            link.set_href(&url);
            link.set_download(name);
            link.click();
            self.toast(&format!("Saved {name}"));
        }
        // The browser reads the address when the click is handled, on some phones after asking.
        let revoke = js::permanent::<dyn FnMut(), _>(move || {
            // Revoking an address that is gone does nothing.
            let _ = Url::revoke_object_url(&url);
        });
        let _ = web_sys::window().map(|window| {
            window.set_timeout_with_callback_and_timeout_and_arguments_0(
                revoke.unchecked_ref::<Function>(),
                60_000,
            )
        });
    }

    /// A copy of a picture came for the recording or the small window: it is drawn as it lies on the screen, unzoomed.
    pub(super) fn picture(&self, bitmap: &ImageBitmap) {
        let state = self.state.borrow();
        let stage = self.media.borrow().stage;
        // Before the server's greeting it is one of the connection before, maybe of another camera.
        if let Some((width, height)) = stage.filter(|_| state.greeted)
            && let Some(panels) = self.panels.get()
        {
            let layout = Layout {
                stage: (f64::from(width), f64::from(height)),
                picture: (f64::from(bitmap.width()), f64::from(bitmap.height())),
                ..state.layout
            };
            let [a, b, c, d, e, f] = layout.matrix(Zoom::default());
            panels.draw(bitmap, a, b, c, d, e, f);
        }
        bitmap.close();
    }

    fn open_stage(&self, panels: &Panels) -> Result<(), JsValue> {
        let mut media = self.media.borrow_mut();
        if media.stage.is_none() {
            let (width, height) = self.state.borrow().layout.turned();
            // Encoders that subsample colour want even sizes.
            let even = |side: f64| (side.max(2.0) as u32).next_multiple_of(2);
            panels.open_stage(even(width), even(height))?;
            media.stage = Some((even(width), even(height)));
        }
        Ok(())
    }

    /// Starts or ends what needs pictures in the page.
    fn media_changed(&self) {
        let tap = {
            let mut media = self.media.borrow_mut();
            let tap = media.recording.is_some() || media.floating;
            if !tap
                && media.stage.take().is_some()
                && let Some(panels) = self.panels.get()
            {
                panels.close_stage();
            }
            tap
        };
        if let Some(runner) = &*self.runner.borrow() {
            runner.send(Command::Tap(tap));
        }
        let recording = self.media.borrow().recording.is_some();
        self.chrome.show("rec", recording);
        let label = if recording {
            "Stop recording"
        } else {
            "Record a clip"
        };
        self.chrome.set_switched("b-record", recording, label);
        self.update_hidden();
        self.advance();
    }

    /// Ends a recording and saves it; whether there was one.
    pub(super) fn end_recording(&self) -> bool {
        let running = self.media.borrow_mut().recording.take();
        let Some(panels) = self.panels.get().filter(|_| running.is_some()) else {
            return false;
        };
        let (this, stem) = (self.this.clone(), self.file_stem(None, None));
        let ended = panels.end_recording();
        spawn_local(async move {
            let result = JsFuture::from(ended).await;
            let Some(session) = this.upgrade() else {
                return;
            };
            session.media_changed();
            match result {
                Ok(file) => {
                    let kind = js::get(&file, "type").as_string().unwrap_or_default();
                    let is_mp4 = kind.starts_with("video/mp4");
                    let ending = if is_mp4 { "mp4" } else { "webm" };
                    session.save(file.unchecked_ref(), &format!("{stem}.{ending}"));
                }
                Err(error) => {
                    session.toast(&format!("No recording: {}", js::error_text(&error)));
                }
            }
        });
        true
    }

    /// Starts a recording, or ends it and saves it.
    pub(super) fn toggle_recording(&self) {
        if self.end_recording() {
            return;
        }
        if self.state.borrow().seen.last.is_none() {
            self.toast("There is no picture to record yet");
            return;
        }
        self.with_panels(|session, panels| session.record(panels));
    }

    fn record(&self, panels: &Panels) {
        // Asked for twice, while the panels were on their way.
        if self.media.borrow().recording.is_some() {
            return;
        }
        let started = self
            .open_stage(panels)
            .and_then(|()| panels.start_recording(capture::TYPES));
        match started {
            Ok(()) => self.media.borrow_mut().recording = Some(js::now()),
            Err(error) => self.toast(&format!("Cannot record: {}", js::error_text(&error))),
        }
        self.media_changed();
    }

    /// Opens or closes the small window.
    pub(super) fn toggle_floating(&self) {
        self.with_panels(|session, panels| {
            if session.media.borrow().floating {
                session.unfloat();
            } else {
                session.float(panels);
            }
        });
    }

    fn unfloat(&self) {
        if let Some(panels) = self.panels.get() {
            panels.unfloat();
        }
        self.media.borrow_mut().floating = false;
        self.media_changed();
    }

    fn float(&self, panels: &Panels) {
        if let Err(error) = self.open_stage(panels) {
            return self.toast(&js::error_text(&error));
        }
        // The video needs a picture before it can float.
        if let Some(runner) = &*self.runner.borrow() {
            runner.send(Command::Tap(true));
        }
        let left = js::permanent::<dyn FnMut(), _>(self.weakly(|session| session.unfloat()));
        let (this, opened) = (self.this.clone(), panels.float(left.unchecked_ref()));
        spawn_local(async move {
            let result = JsFuture::from(opened).await;
            let Some(session) = this.upgrade() else {
                return;
            };
            match result {
                Ok(_) => session.media.borrow_mut().floating = true,
                Err(error) => {
                    session.toast(&format!(
                        "No picture in picture: {}",
                        js::error_text(&error)
                    ));
                }
            }
            session.media_changed();
        });
    }
}
