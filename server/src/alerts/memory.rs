//! What is remembered from one run of the server to the next, in `state.json` beside the messages that wait.

use crate::state_dir;
use pistreamer_alerts::arming::Override;
use pistreamer_alerts::health::Told;
use pistreamer_alerts::restarts::Restarts;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;

const FILE: &str = "state.json";

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// The override of the arming schedule, if any.
    pub said: Option<Override>,
    /// Troubles that were told and are not over.
    pub troubles: Vec<Told>,
    /// Local day of the last daily message.
    pub daily: Option<i64>,
    /// Restarts behind a crash of the server, and behind one of the machine.
    pub killed: Restarts,
    pub machine_went_down: Restarts,
    /// The boot of the machine (random(4)) in which the server runs, while it does.
    pub runs_in: Option<String>,
}

/// How the run before this one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// In order, or there was none.
    Ended,
    /// By a crash, or it was killed.
    Killed,
    /// With the machine: its power was cut, or it crashed.
    MachineWentDown,
}

impl Memory {
    /// Reads what is there. What cannot be read is as if it had not been, and the log tells it.
    pub(super) fn read(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let read = match state_dir::read(&path) {
            Ok(text) => serde_json::from_str(&text).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        };
        read.unwrap_or_else(|error| {
            tracing::error!(
                %error,
                path = %path.display(),
                "what alerts remember cannot be read: they go by their schedule, and troubles are told anew"
            );
            Self::default()
        })
    }

    /// Restarts by how the run before ended, with what people read of them.
    pub(super) fn restarts(&mut self) -> [(&'static str, &mut Restarts); 2] {
        [
            ("pistreamer crashed or was killed", &mut self.killed),
            (
                "The machine went down without an end, as by a power cut",
                &mut self.machine_went_down,
            ),
        ]
    }

    /// How the run before ended, by what it left.
    pub(super) fn before(&self) -> Before {
        match &self.runs_in {
            None => Before::Ended,
            Some(boot) if *boot == self::boot() => Before::Killed,
            Some(_) => Before::MachineWentDown,
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// Where it cannot be written; the old one is there then.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        state_dir::make(directory)?;
        state_dir::replace(directory, FILE, &serde_json::to_vec(self)?)
    }
}

/// What tells this boot of the machine from others.
pub(super) fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().into()
}
