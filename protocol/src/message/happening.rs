//! What happens before a camera, and what moves in its picture.

use crate::text;
use serde::{Deserialize, Deserializer, Serialize};

/// Something that happens before a camera: motion, or what a program has told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// What it is called: none has the same.
    #[serde(deserialize_with = "text::deserialize")]
    pub id: String,
    /// Id of the camera.
    #[serde(deserialize_with = "text::deserialize")]
    pub camera: String,
    /// Unix time in µs of its begin.
    pub start_us: u64,
    /// The same of its end; `None` while it goes on.
    #[serde(default)]
    pub end_us: Option<u64>,
    /// How much moved, at most: 0 to 255, on a scale of square roots; `None` where that is not known.
    #[serde(default)]
    pub peak: Option<u8>,
    /// Unix time in µs of the picture in which it was.
    #[serde(default)]
    pub peak_us: u64,
    /// The zones in which something moved.
    #[serde(default, deserialize_with = "texts")]
    pub zones: Vec<String>,
    /// What noticed it: `motion`, `tamper` or `api`.
    #[serde(default, deserialize_with = "text::deserialize")]
    pub source: String,
    /// What the program calls it that told of it; may be empty.
    #[serde(default, deserialize_with = "text::deserialize")]
    pub label: String,
}

/// Most zones that are read.
const MOST_ZONES: usize = 64;

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    Ok(texts
        .iter()
        .take(MOST_ZONES)
        .map(|it| text::plain(it))
        .collect())
}

/// What has become of a [`Happening`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Stage {
    /// It has begun.
    Start,
    /// It goes on, with more motion than before, or in another zone.
    Update,
    /// It has ended.
    End,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Something that moves: its left and upper edge, width and height, each as a part of the picture, 0 to 1, and the first zone that it is
/// in, or nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moving(
    pub f32,
    pub f32,
    pub f32,
    pub f32,
    #[serde(deserialize_with = "text::deserialize")] pub String,
);
