//! Snapshots, recordings and the small window: pictures that leave the canvas.

use super::{Media, Session};
use crate::chrome::capture::{Floating, Recording, Stage};
use crate::js;
use crate::link::Command;
use crate::text;
use js_sys::{Function, Promise};
use std::rc::Rc;
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

    /// A copy of a picture came for the recording or the small window.
    pub(super) fn picture(&self, bitmap: &ImageBitmap) {
        let state = self.state.borrow();
        match &self.media.borrow().stage {
            // Before the server's greeting it is one of the connection before, maybe of another camera.
            Some(stage) if state.greeted => stage.draw(bitmap, &state.layout),
            _ => bitmap.close(),
        }
    }

    fn stage(&self, media: &mut Media) -> Result<(), JsValue> {
        if media.stage.is_none() {
            media.stage = Some(Stage::new(&self.state.borrow().layout)?);
        }
        Ok(())
    }

    /// Starts or ends what needs pictures in the page.
    fn media_changed(&self) {
        let tap = {
            let mut media = self.media.borrow_mut();
            let tap = media.recording.is_some() || media.floating.is_some();
            if !tap {
                media.stage = None;
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
        let Some(recording) = running else {
            return false;
        };
        let (this, stem) = (self.this.clone(), self.file_stem(None, None));
        spawn_local(async move {
            let result = recording.finish().await;
            let Some(session) = this.upgrade() else {
                return;
            };
            session.media_changed();
            match result {
                Ok((file, ending)) => session.save(&file, &format!("{stem}.{ending}")),
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
        let started = {
            let mut media = self.media.borrow_mut();
            let media = &mut *media;
            self.stage(media).and_then(|()| {
                let stage = media.stage.as_ref().ok_or("no stage")?;
                media.recording = Some(Recording::start(stage, js::now())?);
                Ok(())
            })
        };
        if let Err(error) = started {
            self.toast(&format!("Cannot record: {}", js::error_text(&error)));
        }
        self.media_changed();
    }

    /// Opens or closes the small window.
    pub(super) fn toggle_floating(self: &Rc<Self>) {
        let open = self.media.borrow_mut().floating.take();
        if open.is_some() {
            drop(open);
            self.media_changed();
            return;
        }
        let stream = {
            let mut media = self.media.borrow_mut();
            if let Err(error) = self.stage(&mut media) {
                self.toast(&js::error_text(&error));
                return;
            }
            media.stage.as_ref().map(|stage| stage.stream().clone())
        };
        let Some(stream) = stream else { return };
        // The video needs a picture before it can float.
        if let Some(runner) = &*self.runner.borrow() {
            runner.send(Command::Tap(true));
        }
        let (this, shadow) = (self.this.clone(), self.chrome.shadow().clone());
        let on_left = {
            let this = this.clone();
            move || {
                if let Some(session) = this.upgrade() {
                    let floating = session.media.borrow_mut().floating.take();
                    drop(floating);
                    session.media_changed();
                }
            }
        };
        spawn_local(async move {
            let result = Floating::open(stream, shadow, on_left).await;
            let Some(session) = this.upgrade() else {
                return;
            };
            match result {
                Ok(floating) => session.media.borrow_mut().floating = Some(floating),
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
