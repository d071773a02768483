//! A source that is secret as a whole, while that is not known: it has an identity, and is never made.
//!
//! What stands in for it belongs to [`super::absent`].

use super::spec::{Ends, Identity, Kind, Options};
use super::{Config, Source, SourceError};
use pistreamer_protocol::message::Cause;

/// A source of which not even the kind is known.
#[derive(Debug)]
pub(super) struct Unknown(Identity);

impl Unknown {
    /// What was typed so, without credentials. `known` is the same with words for what is not known.
    pub(super) fn new(known: &str, shown: &str) -> Self {
        let is_word = !known.contains(':');
        Self(Identity {
            word: if is_word { known } else { "unknown" }.into(),
            rest: shown.into(),
        })
    }
}

impl Kind for Unknown {
    fn word(&self) -> &str {
        "unknown"
    }

    fn identity(&self) -> Identity {
        self.0.clone()
    }

    fn takes(&self) -> Options {
        Options {
            size: true,
            fps: true,
        }
    }

    fn build(&self, _: &Config, _: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Err(Cause::SourceUnknown.into())
    }
}
