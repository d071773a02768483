//! The target of a push.
//!
//! Pushing them belongs to [`crate::push`].

use pistreamer_client::{Config, Endpoint, UrlError};
use std::fmt;

/// The target of a push.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A program that listens for picamera's network stream.
    Tcp(Endpoint),
    /// Another pistreamer's `/ingest`.
    Ingest(Box<Config>),
}

impl Target {
    /// The target at a URL: `tcp://HOST:PORT`, for which `HOST:PORT` is enough, or a pistreamer's `ws://HOST`, where
    /// `/ingest` is added.
    ///
    /// # Errors
    /// Where the text is no such URL.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let url = url.trim();
        let is_tcp = url
            .get(..4)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("tcp:"));
        if is_tcp {
            Endpoint::address(url, "tcp").map(Self::Tcp)
        } else if url.contains("://") {
            Config::ingest(url).map(|config| Self::Ingest(Box::new(config)))
        } else {
            Endpoint::address(&format!("tcp://{url}"), "tcp").map(Self::Tcp)
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(endpoint) => write!(f, "{endpoint}"),
            Self::Ingest(config) => write!(f, "{}", config.endpoint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_apart_and_nonsense_is_refused() {
        let target = |url: &str| Target::parse(url).map(|target| target.to_string());
        for pc in [
            "tcp://pc.local:8500",
            "TCP://pc.local:8500",
            "pc.local:8500",
            " tcp://pc.local:8500/ ",
        ] {
            assert_eq!(target(pc).unwrap(), "pc.local:8500");
            assert!(matches!(Target::parse(pc), Ok(Target::Tcp(_))));
        }
        assert_eq!(target("[::1]:8500").unwrap(), "[::1]:8500");
        assert!(matches!(
            Target::parse("wss://me:pw@pi/"),
            Ok(Target::Ingest(config)) if config.endpoint.path == "/ingest"
        ));
        for bad in [
            "udp://pc:1",
            "tcp://",
            "",
            "pc.local",
            "tcp://pc.local",
            "tcp://pc.local:1/path",
            "tcp://pc.local:1?x",
            "tcp://me:pw@pc.local:1",
        ] {
            assert!(target(bad).is_err(), "{bad} was taken for a target");
        }
    }
}
