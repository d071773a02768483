//! What is known about the configuration that the server follows: which files it was read from, what is wrong with what they
//! say now, and what waits for a restart.
//!
//! Reading it belongs to [`crate::config`].

use crate::util::clock;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is known. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Configuration(Arc<Mutex<Known>>);

/// As `/api/v1/status` tells it.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Known {
    files: Vec<String>,
    read_us: u64,
    problems: Vec<String>,
    restart: Vec<String>,
}

impl Configuration {
    /// It was read from these files, and nothing is wrong.
    pub(crate) fn read(&self, files: &[PathBuf]) {
        self.reread(files, &[], &[]);
    }

    /// It was read again. `problems` says what could not be done, `restart` which settings wait for the next start.
    pub(crate) fn reread(&self, files: &[PathBuf], problems: &[String], restart: &[String]) {
        let files = files.iter().map(|file| Path::display(file).to_string());
        *self.known() = Known {
            files: files.collect(),
            read_us: clock::now_us(),
            problems: problems.to_vec(),
            restart: restart.to_vec(),
        };
    }

    /// What the files say now is wrong, and nothing was changed.
    pub(crate) fn refused(&self, problems: &[String]) {
        self.known().problems = problems.to_vec();
    }

    /// All of it.
    pub(super) fn told(&self) -> Known {
        self.known().clone()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
