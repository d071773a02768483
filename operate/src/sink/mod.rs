//! The way to the machine: a program, a Unix socket, or UDP. No write waits; none is queued beyond what was not read yet.
//!
//! What is written, and when, belongs to [`crate::channel`].

mod exec;
mod socket;

use crate::limits::Time;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// Where a machine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// A program that is started, and again when it ends; its words.
    Exec(Vec<String>),
    /// A Unix socket that a program listens on.
    Unix(PathBuf),
    /// Datagrams.
    Udp(SocketAddr),
}

/// Why something is no way to a machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Not a kind that there is.
    #[error(
        "{0:?} is no way to a machine: write exec:/path/to/program, unix:/path/to/socket or udp:HOST:PORT"
    )]
    Kind(String),
    /// Nothing behind the colon.
    #[error("{0} needs something behind it, such as {1}")]
    Empty(&'static str, &'static str),
    /// Not an address.
    #[error("{0:?} is no address for UDP: write udp:HOST:PORT, such as udp:127.0.0.1:5005")]
    Address(String),
}

impl Spec {
    /// Reads what was typed. The words of a program are parted by spaces; a path with spaces in it needs a link without.
    ///
    /// # Errors
    /// Where it is no way to a machine.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let rest = rest.trim();
        match kind {
            "exec" if rest.is_empty() => Err(SpecError::Empty("exec:", "exec:/home/pi/car.py")),
            "exec" => Ok(Self::Exec(
                rest.split_whitespace().map(str::to_owned).collect(),
            )),
            "unix" if rest.is_empty() => Err(SpecError::Empty("unix:", "unix:/run/car.sock")),
            "unix" => Ok(Self::Unix(rest.into())),
            "udp" => {
                let bad = || SpecError::Address(rest.into());
                let mut addresses = rest.to_socket_addrs().map_err(|_| bad())?;
                addresses.next().map(Self::Udp).ok_or_else(bad)
            }
            _ => Err(SpecError::Kind(text.into())),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exec(words) => write!(f, "exec:{}", words.join(" ")),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Udp(address) => write!(f, "udp:{address}"),
        }
    }
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is on its way.
    Yes,
    /// What was written before was not read yet. Try again with what is newest then.
    Unread,
    /// There is nobody to write to.
    Nobody,
}

/// An open way to a machine, or one that is being opened.
pub(crate) trait Sink: Send + fmt::Debug {
    /// Opens what is not open, ends what has to end, and takes what the machine says into `heard`. Never waits.
    fn tend(&mut self, now: Time, heard: &mut Vec<u8>);

    /// Writes a line, if everything before it was read. Never waits.
    fn write(&mut self, line: &[u8]) -> Written;

    /// The machine does not read: a program is ended, to be started anew.
    fn give_up(&mut self, now: Time);

    /// Writes a last line and closes. May take half a second.
    fn close(&mut self, line: &[u8]);

    /// Lines for the log that came since this was asked.
    fn said(&mut self) -> Vec<String>;

    /// How long it may take until the first line is read.
    fn patience(&self) -> Time;

    /// What is wrong; empty where nothing is.
    fn problem(&self) -> &str;

    /// Counts how often it was opened: each machine is told STOP first.
    fn opened(&self) -> u64;
}

/// The sink of that place.
pub(crate) fn open(spec: &Spec) -> Box<dyn Sink> {
    match spec {
        Spec::Exec(words) => Box::new(exec::Exec::new(words.clone())),
        Spec::Unix(path) => Box::new(socket::Unix::new(path.clone())),
        Spec::Udp(address) => Box::new(socket::Udp::new(*address)),
    }
}

/// Pauses between attempts: they double, up to the longest, and begin anew after a success.
#[derive(Debug, Default)]
struct Retry {
    failures: u32,
    at: Time,
}

impl Retry {
    fn is_due(&self, now: Time) -> bool {
        now >= self.at
    }

    fn failed(&mut self, now: Time) {
        const FIRST: Time = Time::from_millis(100);
        const LONGEST: Time = Time::from_secs(5);
        self.at = now + (FIRST * 2_u32.pow(self.failures.min(8))).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
    }

    fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_read_and_what_is_none_says_what_to_write() {
        for text in [
            "exec:/home/pi/car.py --fast",
            "unix:/run/car.sock",
            "udp:127.0.0.1:5005",
        ] {
            assert_eq!(Spec::parse(text).unwrap().to_string(), text);
        }
        for (text, says) in [
            ("", "exec:/path/to/program"),
            ("/home/pi/car.py", "exec:/path/to/program"),
            ("exec:", "exec:/home/pi/car.py"),
            ("unix: ", "unix:/run/car.sock"),
            ("udp:nowhere", "udp:HOST:PORT"),
        ] {
            let error = Spec::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
