//! A binary message → a picture on the canvas, or the reason why there is none.
//!
//! Which message is next belongs to [`super`].

use super::{Message, Shared, unpack};
use crate::js;
use crate::link::{Drawn, Report};
use js_sys::Promise;
use pistreamer_protocol::Stamp;
use wasm_bindgen::prelude::*;
use web_sys::{Blob, ImageBitmap};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = createImageBitmap, catch)]
    fn decode(jpeg: &Blob) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_name = createImageBitmap, catch)]
    fn copy_bitmap(bitmap: &ImageBitmap) -> Result<Promise, JsValue>;
}

impl Shared {
    pub(super) async fn show(&self, message: Message) {
        let number = message.connection;
        let report = match self.try_show(message).await {
            Ok(Some(frame)) => {
                self.drawn.set(Some(frame));
                Report::Drawn {
                    connection: number,
                    frame,
                }
            }
            Ok(None) => return,
            Err((reason, seq)) => {
                // It is dealt with, though not drawn; unacknowledged it would keep the next ones from coming.
                self.acknowledge(seq);
                // Should it be repeated, what is on the canvas is not it.
                self.drawn.set(None);
                self.corrupt.set(self.corrupt.get() + 1);
                Report::Corrupt {
                    connection: number,
                    total: self.corrupt.get(),
                    reason,
                }
            }
        };
        (self.report)(report);
    }

    /// `None` where a newer frame is on its way, and where the connection is gone or paused by the time the picture is decoded.
    async fn try_show(&self, message: Message) -> Result<Option<Drawn>, (String, Option<u64>)> {
        let picture = unpack(&message.data).map_err(|reason| (reason, None))?;
        let seq = picture.seq();
        if !message.needed && self.is_held_up(message.arrived, picture.stamp.as_ref()) {
            self.acknowledge(seq);
            self.drawn.set(None);
            self.slot.borrow_mut().give_way();
            self.leave_out(message);
            return Ok(None);
        }
        self.left_out.forget();
        let because = |error: JsValue| (js::error_text(&error), seq);
        let decoded = decode(&picture.jpeg).map_err(because)?;
        let decoded = js::answer(&decoded).await;
        js::work_for(self.number);
        let bitmap: ImageBitmap = decoded.map_err(because)?.unchecked_into();
        if self.tap.get() && self.wants(message.connection) {
            self.hand_out_copy(&bitmap).await;
            js::work_for(self.number);
        }
        if !self.wants(message.connection) {
            bitmap.close();
            return Ok(None);
        }
        let (width, height) = (bitmap.width(), bitmap.height());
        if let Some(painter) = &mut *self.painter.borrow_mut() {
            painter.draw(&bitmap, picture.is_plain).map_err(because)?;
        }
        let now_us = js::unix_us();
        let captured_us = picture.captured_us();
        let age = captured_us.and_then(|captured_us| {
            let connection = self.connection.borrow();
            connection.as_ref()?.age_ms(now_us, captured_us)
        });
        self.acknowledge(seq);
        self.shown.replace(Some(picture));
        Ok(Some(Drawn {
            seq,
            captured_us,
            age,
            drawn_at: now_us / 1000.0,
            bytes: message.data.byte_length(),
            width,
            height,
            skipped: self.slot.borrow().replaced(),
            took: js::now() - message.arrived,
        }))
    }

    /// Keeps a frame that is not to be drawn, unless nothing newer comes soon.
    fn leave_out(&self, message: Message) {
        let this = self.this.clone();
        self.left_out.keep(message, move || {
            if let Some(this) = this.upgrade() {
                js::work_for(this.number);
                this.draw_left_out();
            }
        });
    }

    pub(super) fn draw_left_out(&self) {
        if let Some(message) = self.left_out.take()
            && let Some(this) = self.this.upgrade()
        {
            Self::offer(&this, message);
        }
    }

    fn is_held_up(&self, arrived: f64, stamp: Option<&Stamp>) -> bool {
        let mut connection = self.connection.borrow_mut();
        match (&mut *connection, stamp) {
            (Some(connection), Some(stamp)) => connection.is_held_up(arrived, stamp),
            _ => false,
        }
    }

    fn wants(&self, number: u32) -> bool {
        self.connection
            .borrow()
            .as_ref()
            .is_some_and(|connection| connection.number == number && connection.held.is_none())
    }

    async fn hand_out_copy(&self, bitmap: &ImageBitmap) {
        if let Ok(copy) = copy_bitmap(bitmap)
            && let Ok(copy) = js::answer(&copy).await
        {
            (self.report)(Report::Picture(copy.unchecked_into()));
        }
    }
}
