//! A source made by the caller, for programs and tests with cameras of their own.

use super::spec::{Ends, Identity, Kind};
use super::{Config, Source, SourceError, Spec};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The source, until it is started.
struct Given {
    word: String,
    source: Mutex<Option<Box<dyn Source>>>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Given").field(&self.word).finish()
    }
}

impl Spec {
    /// A source that has been made. It can be started once.
    pub fn given(source: Box<dyn Source>) -> Self {
        Self::maybe(source.camera().source, Some(source))
    }

    /// No source.
    pub(crate) fn none() -> Self {
        Self::maybe("none".into(), None)
    }

    fn maybe(word: String, source: Option<Box<dyn Source>>) -> Self {
        let given = Given {
            word: word.clone(),
            source: Mutex::new(source),
        };
        Self::of(&word, Arc::new(given))
    }
}

impl Kind for Given {
    fn word(&self) -> &str {
        &self.word
    }

    fn identity(&self) -> Identity {
        Identity::word(&self.word)
    }

    fn build(&self, _: &Config, _: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        // Nothing panics while it holds this lock.
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let source = source.take();
        source.ok_or_else(|| SourceError::new("this source cannot be made again"))
    }
}
