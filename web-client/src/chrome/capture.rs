//! What this browser can make of the picture besides showing it. Making it is the work of [`super::panels`].

use super::document;
use crate::js;
use wasm_bindgen::prelude::*;
use web_sys::MediaRecorder;

#[wasm_bindgen(module = "/src/browser.js")]
extern "C" {
    /// Whether what is recorded cannot be kept.
    fn keeps_no_clip() -> bool;
}

/// Recordings, best first. H.264 in MP4 plays everywhere, and is encoded faster: on two overloaded cores without a GPU,
/// 72 frames of 1280x720 in 7 s, where VP8 managed 9.
pub const TYPES: &str = "video/mp4;codecs=avc1.640028 video/mp4;codecs=avc1.42E01F video/webm;codecs=h264 \
                         video/webm;codecs=vp8 video/webm";

/// The most bytes of a recording, which browsers may keep in memory. At 1280x720 it is six minutes.
pub const MOST: f64 = 256e6;

/// Whether this browser can record. Some have the class, and no encoder, and some no way to keep it.
pub fn can_record() -> bool {
    !keeps_no_clip()
        && js::get(&js_sys::global(), "MediaRecorder").is_function()
        && prototype_has("HTMLCanvasElement", "captureStream")
        && TYPES.split(' ').any(MediaRecorder::is_type_supported)
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
