//! What people configure.

use crate::rules::Rules;
use crate::schedule::Schedule;
use crate::{Kind, Receiver};
use std::time::Duration;

/// Who is told what, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who is told, each with the id of its messages in the outbox.
    pub receivers: Vec<(String, Receiver)>,
    /// The ids of those whose secrets are not there: what waits for them goes on waiting.
    pub incomplete: Vec<String>,
    /// Which events are told.
    pub rules: Rules,
    /// When events are told.
    pub schedule: Schedule,
    /// When the daily message comes, in minutes past midnight.
    pub daily: Option<u16>,
    /// URL of the server's page, ending in a slash.
    pub page: Option<String>,
    /// How long a camera delivers nothing before that is told.
    pub no_signal: Duration,
    /// How long a camera is not recorded before that is told.
    pub not_recording: Duration,
}

impl Plan {
    /// How long a trouble has to last before it is told.
    pub fn patience(&self, kind: Kind) -> Duration {
        match kind {
            Kind::NoSignal => self.no_signal,
            Kind::NotRecording | Kind::Disk => self.not_recording,
            // The network may be late.
            Kind::Clock => Duration::from_secs(600),
            _ => Duration::ZERO,
        }
    }
}
