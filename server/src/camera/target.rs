//! The target of a push.
//!
//! Pushing them belongs to [`crate::push`].

use super::Id;
use crate::broker::Broker;
use percent_encoding::percent_decode_str;
use pistreamer_client::{Config, Endpoint, UrlError, without_credentials};
use std::fmt;
use std::sync::Arc;

/// The target of a push.
#[derive(Clone, PartialEq)]
pub struct Target {
    /// As it was typed, with placeholders for secrets.
    typed: Arc<str>,
    /// The place; `None` where that is secret and not known.
    place: Option<Place>,
    /// Why a secret is not known, where one is not.
    no_secret: Option<Arc<str>>,
}

/// Where frames are pushed to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// A program that listens for picamera's network stream.
    Tcp(Endpoint),
    /// Another pistreamer's `/ingest`.
    Ingest(Box<Config>),
    /// A NATS broker.
    Nats(Box<Broker>),
}

/// Why a text is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no URL of one.
    #[error(transparent)]
    BadUrl(#[from] UrlError),
    /// It is no URL of a broker.
    #[error("{0}")]
    BadBroker(String),
}

impl TargetError {
    /// The same error about what was typed, where a secret was filled into that.
    pub(crate) fn about(self, typed: &str) -> Self {
        match self {
            Self::BadUrl(error) => Self::BadUrl(error.about(typed)),
            // It quotes no secrets.
            error => error,
        }
    }
}

impl Target {
    /// The target at a URL: `tcp://HOST:PORT`, for which `HOST:PORT` is enough, or a pistreamer's `ws://HOST`, where
    /// `/ingest` is added, or `nats://HOST`, a broker.
    ///
    /// # Errors
    /// Where the text is no such URL.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        Self::typed(url, url)
    }

    /// The target at a URL that was typed so before its secrets were filled in.
    ///
    /// # Errors
    /// As for [`Self::parse`].
    pub(crate) fn typed(typed: &str, url: &str) -> Result<Self, TargetError> {
        Ok(Self {
            typed: typed.into(),
            place: Some(Place::parse(url.trim())?),
            no_secret: None,
        })
    }

    /// One that was typed so, and of which a secret is not known. `url` has something else in its place.
    pub(crate) fn without_secret(typed: &str, url: &str, why: &str) -> Self {
        Self {
            typed: typed.into(),
            place: Place::parse(url).ok(),
            no_secret: Some(why.into()),
        }
    }

    /// The place, to be connected to.
    ///
    /// # Errors
    /// Where a secret is not known: with the reason.
    pub(crate) fn place(&self) -> Result<&Place, &str> {
        match (&self.no_secret, &self.place) {
            (None, Some(place)) => Ok(place),
            (why, _) => Err(why.as_deref().unwrap_or_default()),
        }
    }

    /// Whether a secret of it is not known now, and the other one is the same place with it.
    pub(crate) fn lacks_secret_of(&self, other: &Self) -> bool {
        self.no_secret.is_some()
            && other.no_secret.is_none()
            && (self.typed == other.typed || self.is_place_of(other))
    }

    /// Whether it takes frames only while somebody looks, and says nothing of those that it got.
    pub(crate) fn is_broker(&self) -> bool {
        matches!(&self.place, Some(Place::Nats(_)))
    }

    /// Whether it takes several cameras, each under its own id.
    pub(crate) fn takes_several(&self) -> bool {
        matches!(&self.place, Some(Place::Nats(broker)) if broker.camera.is_none())
    }

    /// Returns true if both are the same place, which takes one pusher at a time: whatever the credentials are, and however
    /// the path is written.
    pub(crate) fn is_place_of(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (Some(Place::Tcp(one)), Some(Place::Tcp(two))) => one.authority() == two.authority(),
            (Some(Place::Ingest(one)), Some(Place::Ingest(two))) => {
                place(&one.endpoint) == place(&two.endpoint)
            }
            (Some(Place::Nats(one)), Some(Place::Nats(two))) => one.is_place_of(two),
            (None, None) => self.typed == other.typed,
            _ => false,
        }
    }
}

impl Place {
    fn parse(url: &str) -> Result<Self, TargetError> {
        if Broker::is_url(url) {
            let broker = Broker::parse(url).map_err(TargetError::BadBroker)?;
            if let Some(camera) = &broker.camera {
                Id::new(camera).map_err(|error| TargetError::BadBroker(error.to_string()))?;
            }
            return Ok(Self::Nats(Box::new(broker)));
        }
        let is_tcp = url
            .get(..4)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("tcp:"));
        Ok(if is_tcp {
            Self::Tcp(Endpoint::address(url, "tcp")?)
        } else if url.contains("://") {
            Self::Ingest(Box::new(Config::ingest(url)?))
        } else {
            Self::Tcp(Endpoint::address(&format!("tcp://{url}"), "tcp")?)
        })
    }
}

/// Host, port, path and camera.
fn place(endpoint: &Endpoint) -> (&str, u16, String, Option<String>) {
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let path = &endpoint.path;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let camera = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("camera="));
    let (host, port) = (&*endpoint.host, endpoint.port);
    (host, port, decoded(path), camera.map(decoded))
}

/// Without credentials.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(Place::Tcp(endpoint)) => write!(f, "{endpoint}"),
            Some(Place::Ingest(config)) => write!(f, "{}", config.endpoint),
            Some(Place::Nats(broker)) => write!(f, "{broker}"),
            None => f.write_str(&without_credentials(&self.typed)),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.place).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_whatever_the_credentials_are_and_however_it_is_written() {
        let same = |one: &str, two: &str| {
            let [one, two] = [one, two].map(|url| Target::parse(url).unwrap());
            one.is_place_of(&two)
        };
        for other in [
            "ws://server",
            "http://a:b@SERVER/",
            "ws://c:d@server:80/ingest",
            "ws://server/%69ngest?wire=jpeg",
        ] {
            assert!(same("ws://server/ingest", other), "{other}");
        }
        assert!(same(
            "ws://server/?camera=a%62",
            "ws://me:pw@server/?wire=jpeg&camera=ab"
        ));
        assert!(same("tcp://PC:8500", "pc:8500"));
        for other in [
            "ws://server:81",
            "wss://server",
            "ws://server/?camera=b",
            "ws://server/elsewhere",
            "server:80",
        ] {
            assert!(!same("ws://server/ingest", other), "{other}");
        }
    }

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
            assert!(matches!(
                Target::parse(pc).unwrap().place(),
                Ok(Place::Tcp(_))
            ));
        }
        assert_eq!(target("[::1]:8500").unwrap(), "[::1]:8500");
        assert!(matches!(
            Target::parse("wss://me:pw@pi/").unwrap().place(),
            Ok(Place::Ingest(config)) if config.endpoint.path == "/ingest"
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
