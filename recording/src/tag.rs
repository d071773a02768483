//! What a segment says of itself beside its header: JSON in a tag named `PISTREAMER`.

use crate::name::Class;

/// What a segment says of itself.
pub(crate) fn tag(camera: &str, class: Class) -> String {
    serde_json::json!({ "camera": camera, "class": class.word() }).to_string()
}
