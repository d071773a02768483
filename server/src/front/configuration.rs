//! What is known about the configuration that the server follows: which files it was read from, what is wrong with what they
//! say now, and what waits for a restart.
//!
//! Reading it belongs to [`crate::config`].

use crate::util::clock;
use pistreamer_protocol::text;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What is known. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configuration {
    known: Arc<Mutex<Known>>,
    /// What viewers with the role for it are told.
    problem: Arc<watch::Sender<Option<String>>>,
}

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
        self.publish(problems);
    }

    /// What the files say now is wrong, and nothing was changed.
    pub(crate) fn refused(&self, problems: &[String]) {
        self.known().problems = problems.to_vec();
        self.publish(problems);
    }

    /// All of it.
    pub(super) fn told(&self) -> Known {
        self.known().clone()
    }

    /// What is wrong, in one line, now and after each change.
    pub(super) fn problem(&self) -> watch::Receiver<Option<String>> {
        self.problem.subscribe()
    }

    fn publish(&self, problems: &[String]) {
        let line = match problems {
            [] => None,
            [problem] => Some(text::plain(problem)),
            [first, ..] => Some(text::plain(&format!("1 of {}: {first}", problems.len()))),
        };
        self.problem.send_if_modified(|told| {
            let is_new = *told != line;
            *told = line;
            is_new
        });
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it holds this lock.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
