//! A picture onto a canvas, in the page or in a worker.
//!
//! Which picture, and when, belongs to [`crate::feed`].

use crate::js;
use js_sys::Function;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    CanvasRenderingContext2d, HtmlCanvasElement, ImageBitmap, ImageBitmapRenderingContext,
    OffscreenCanvas, OffscreenCanvasRenderingContext2d,
};

/// A canvas, wherever it lives.
pub enum Canvas {
    /// In the page.
    Page(HtmlCanvasElement),
    /// Transferred to a worker.
    Worker(OffscreenCanvas),
}

enum Context {
    Bitmap(ImageBitmapRenderingContext),
    Page2d(CanvasRenderingContext2d),
    Worker2d(OffscreenCanvasRenderingContext2d),
}

/// Draws bitmaps that fill the canvas.
pub struct Painter {
    canvas: Canvas,
    context: Context,
    size: (u32, u32),
    /// Where pictures are turned before they are shown.
    turned: Option<OffscreenCanvas>,
}

impl Painter {
    /// Takes the canvas's context: `bitmaprenderer`, which copies nothing, or `2d` where there is no such thing, or none that
    /// can turn pictures.
    ///
    /// # Errors
    /// Where the canvas has another context already.
    pub fn new(canvas: Canvas) -> Result<Self, JsValue> {
        let context = |kind| match &canvas {
            Canvas::Page(canvas) => canvas.get_context(kind),
            Canvas::Worker(canvas) => canvas.get_context(kind),
        };
        let can_turn = !js::get(&js_sys::global(), "OffscreenCanvas").is_undefined();
        let context = if can_turn && let Ok(Some(context)) = context("bitmaprenderer") {
            Context::Bitmap(context.unchecked_into())
        } else {
            let flat = context("2d")?.ok_or("the canvas has no 2d context")?;
            match canvas {
                Canvas::Page(_) => Context::Page2d(flat.unchecked_into()),
                Canvas::Worker(_) => Context::Worker2d(flat.unchecked_into()),
            }
        };
        Ok(Self {
            canvas,
            context,
            size: (0, 0),
            turned: None,
        })
    }

    /// Shows the bitmap, and closes it. `is_plain` says that its samples are those that are to be shown.
    pub fn draw(&mut self, bitmap: &ImageBitmap, is_plain: bool) -> Result<(), JsValue> {
        let size = (bitmap.width(), bitmap.height());
        if self.size != size {
            self.set_size(size);
            self.size = size;
        }
        let drawn = match &self.context {
            // Takes the pixels out of the bitmap; closing it afterwards is harmless.
            Context::Bitmap(context) if is_plain => {
                context.transfer_from_image_bitmap(bitmap);
                Ok(())
            }
            // This context heeds no orientation, and in a page no profile, either; drawing does.
            Context::Bitmap(context) => {
                let turned = turn(&mut self.turned, bitmap);
                turned.map(|turned| context.transfer_from_image_bitmap(&turned))
            }
            Context::Page2d(context) => context.draw_image_with_image_bitmap(bitmap, 0.0, 0.0),
            Context::Worker2d(context) => context.draw_image_with_image_bitmap(bitmap, 0.0, 0.0),
        };
        bitmap.close();
        drawn
    }

    /// Shows nothing.
    pub fn clear(&mut self) {
        match &self.context {
            Context::Bitmap(context) => show_nothing(context),
            // A size that is set anew, even to what it was, empties such a canvas.
            Context::Page2d(_) | Context::Worker2d(_) => self.set_size(self.size),
        }
    }

    fn set_size(&self, (width, height): (u32, u32)) {
        match &self.canvas {
            Canvas::Page(canvas) => {
                canvas.set_width(width);
                canvas.set_height(height);
            }
            Canvas::Worker(canvas) => {
                canvas.set_width(width);
                canvas.set_height(height);
            }
        }
    }
}

/// The bitmap as it is to be shown.
fn turn(
    canvas: &mut Option<OffscreenCanvas>,
    bitmap: &ImageBitmap,
) -> Result<ImageBitmap, JsValue> {
    let (width, height) = (bitmap.width(), bitmap.height());
    let canvas = match canvas {
        Some(canvas) => canvas,
        None => canvas.insert(OffscreenCanvas::new(width, height)?),
    };
    canvas.set_width(width);
    canvas.set_height(height);
    let context: OffscreenCanvasRenderingContext2d = canvas
        .get_context("2d")?
        .ok_or("the canvas has no 2d context")?
        .unchecked_into();
    context.draw_image_with_image_bitmap(bitmap, 0.0, 0.0)?;
    canvas.transfer_to_image_bitmap()
}

/// What web-sys has no words for: no bitmap at all.
fn show_nothing(context: &ImageBitmapRenderingContext) {
    let method = js::get(context, "transferFromImageBitmap");
    if let Some(method) = method.dyn_ref::<Function>() {
        // Throws only for bitmaps that have been given away.
        let _ = method.call1(context, &JsValue::NULL);
    }
}
