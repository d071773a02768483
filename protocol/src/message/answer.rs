//! What a camera makes of a command: the answer to [`super::ViewerMessage::Set`] and [`super::ViewerMessage::Reset`].

use super::ControlValues;
use crate::text;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// What a camera has after a command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The command's.
    pub id: u64,
    /// The values that the camera has now, of the controls that were named.
    #[serde(default)]
    pub values: ControlValues,
    /// What was not taken, by name, and why.
    #[serde(default, deserialize_with = "plain")]
    pub refused: BTreeMap<String, String>,
    /// Names of those of which the camera has not told yet what it has made of them.
    #[serde(default)]
    pub pending: Vec<String>,
}

fn plain<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let refused = BTreeMap::<String, String>::deserialize(from)?;
    let refused = refused.into_iter();
    Ok(refused
        .map(|(name, why)| (name, text::plain(&why)))
        .collect())
}
