//! What this browser can make of the picture besides showing it. Making it is the work of [`super::panels`].

use super::document;
use crate::js;
use web_sys::MediaRecorder;

/// Recordings, best first. H.264 in MP4 plays everywhere, and is encoded faster: on two overloaded cores without a GPU,
/// 72 frames of 1280x720 in 7 s, where VP8 managed 9.
pub const TYPES: &str = "video/mp4;codecs=avc1.640028 video/mp4;codecs=avc1.42E01F video/webm;codecs=h264 \
                         video/webm;codecs=vp8 video/webm";

/// Whether this browser can record. Some have the class, and no encoder.
pub fn can_record() -> bool {
    js::get(&js_sys::global(), "MediaRecorder").is_function()
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
