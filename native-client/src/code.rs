//! The one-time code of a printed link: traded for a session once, by which every further connection is made.
//!
//! Trading it belongs to [`crate::trade`].

use http::HeaderValue;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A one-time code, and the session that it was traded for. Clones share the session. `Debug` shows neither.
#[derive(Clone)]
pub struct Code(Arc<Inner>);

struct Inner {
    code: String,
    session: Mutex<Option<HeaderValue>>,
}

impl Code {
    pub(crate) fn new(code: &str) -> Self {
        Self(Arc::new(Inner {
            code: code.to_owned(),
            session: Mutex::default(),
        }))
    }

    /// What was printed.
    pub(crate) fn text(&self) -> &str {
        &self.0.code
    }

    /// The `Cookie` header of the session, once there is one.
    pub(crate) fn session(&self) -> MutexGuard<'_, Option<HeaderValue>> {
        // Nothing panics while it holds this lock.
        self.0
            .session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code
    }
}

impl Eq for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}
