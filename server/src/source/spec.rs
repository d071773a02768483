//! A checked source: what was typed becomes a [`Spec`], and a spec becomes a source.
//!
//! Which kinds there are belongs to [`super::kinds`]; what a source does while it runs, to its own module.

use super::absent::Absent;
use super::appearing::Appearing;
use super::no_libcamera;
use super::push_slot::PushSlot;
use super::{Config, Source, SourceError};
use crate::demand::Demand;
use crate::placeholders::PlaceholderError;
use crate::via::Via;
use pistreamer_client::{Endpoint, UrlError, without_credentials};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// A kind's line in the table.
pub(super) struct Entry {
    /// How people write it.
    pub usage: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// The kind with what was typed; `None` where the text names another kind.
    pub parse: fn(&Typed<'_>) -> Option<Parsed>,
}

/// A kind with what was typed about it, or what is wrong with that.
pub(super) type Parsed = Result<Arc<dyn Kind>, SpecError>;

/// A text that names a source, taken apart at its first colon.
pub(super) struct Typed<'a> {
    /// The text, with secrets filled in.
    pub text: &'a str,
    /// What stands before the colon.
    pub kind: &'a str,
    /// What stands behind it.
    pub rest: Option<&'a str>,
}

impl Typed<'_> {
    /// Whether it is a URL of one of these schemes.
    pub(super) fn is_url(&self, schemes: &[&str]) -> bool {
        self.rest.is_some() && schemes.contains(&self.kind)
    }
}

/// One kind of source with what was typed about it: enough to make the source, and nothing is open yet.
pub(crate) trait Kind: fmt::Debug + Send + Sync {
    /// What a source of this kind calls itself ([`Source::camera`]).
    fn word(&self) -> &str;

    /// What stays the same while this is the same source, wherever it stands among others. Shows no credentials.
    fn identity(&self) -> Identity;

    /// Which options mean something to it.
    fn takes(&self) -> Options {
        Options::default()
    }

    /// Whether its pictures are pushed to `/ingest`.
    fn takes_pushes(&self) -> bool {
        false
    }

    /// Whether any other source of this kind shows the same, and nothing of the world: then it doesn't matter which of
    /// them an id means.
    fn is_interchangeable(&self) -> bool {
        false
    }

    /// The cameras that it finds, where those appear by themselves.
    fn appearing(&self) -> Option<&Appearing<Spec>> {
        None
    }

    /// How many of those there may be, where clients that push have them appear.
    fn welcomes(&self) -> Option<usize> {
        None
    }

    /// What it opens for itself alone.
    fn device(&self) -> Option<String> {
        None
    }

    /// The address that it listens on.
    fn listens(&self) -> Option<SocketAddr> {
        None
    }

    /// What is not there now, and may be later, as a disk that is not plugged in.
    fn absent(&self) -> Option<String> {
        None
    }

    /// Looks whether it can ever be made with these options.
    ///
    /// # Errors
    /// Where it cannot.
    fn check(&self, _: &Config) -> Result<(), SourceError> {
        Ok(())
    }

    /// Makes the source.
    ///
    /// # Errors
    /// Where it cannot be made with these options, or an address cannot be listened on.
    fn build(&self, capture: &Config, ends: &Ends<'_>) -> Result<Box<dyn Source>, SourceError>;
}

/// The word for a source, and what distinguishes it from others with the same word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// A host, a directory's name, a sensor's model, or the kind.
    pub word: String,
    /// The rest of the address; empty where the word is all there is.
    pub rest: String,
}

impl Identity {
    /// An identity that is a word alone.
    pub(crate) fn word(word: impl Into<String>) -> Self {
        Self {
            word: word.into(),
            rest: String::new(),
        }
    }

    /// The identity of a URL: host and port, and the rest unless that is the kind's usual path and the host cannot be
    /// mistaken. Of the query, only parameters that select a picture count: an id reveals a few bits of what it is made of,
    /// and other parameters may be secrets under any name. A new password therefore doesn't make another camera.
    pub(crate) fn url(kind: &str, endpoint: &Endpoint, usual: Option<&str>) -> Self {
        let (path, query) = endpoint
            .path
            .split_once('?')
            .unwrap_or((&endpoint.path, ""));
        let choosing = |pair: &&str| chooses(pair.split('=').next().unwrap_or_default());
        let query: Vec<_> = query.split('&').filter(choosing).collect();
        let is_usual = usual == Some(path) && query.is_empty();
        let rest = if is_usual && !may_be_another(&endpoint.host) {
            String::new()
        } else {
            format!("{kind} {path}?{}", query.join("&"))
        };
        Self {
            word: endpoint.authority(),
            rest,
        }
    }
}

/// Whether a host's name may be the whole identity of another kind, or of another host with a port.
fn may_be_another(host: &str) -> bool {
    let number = host.rsplit_once('-').map_or("", |(_, number)| number);
    let ends_in_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    ends_in_number || ["camera", "ingest", "libcamera", "pattern", "tcp"].contains(&host)
}

/// Whether a query parameter by that name chooses a picture.
pub(crate) fn chooses(name: &str) -> bool {
    CHOOSING.iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// Names of query parameters by which servers of several pictures tell them apart.
const CHOOSING: [&str; 19] = [
    "action", "cam", "camera", "ch", "channel", "chn", "dev", "device", "id", "input", "name",
    "profile", "source", "src", "stream", "subtype", "track", "video", "view",
];

/// Which options of [`Config`] mean something to a kind of source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Width and height.
    pub size: bool,
    /// The frame rate.
    pub fps: bool,
}

/// What the camera that a source belongs to has at its ends.
pub(crate) struct Ends<'a> {
    /// That of the run that the source is made for. Where it stops, nothing waits for the source.
    pub demand: &'a Demand,
    /// The camera's id.
    pub camera: &'a str,
    /// The servers that look at this one; `None` where this program serves nothing.
    pub via: Option<&'a Via>,
    /// Where pictures are pushed in.
    pub slot: &'a PushSlot,
}

/// A checked source: what it is, and what it was typed as. Equal to another one that was typed the same.
#[derive(Clone)]
pub struct Spec {
    /// As it was typed, with placeholders for secrets.
    pub(super) typed: Arc<str>,
    /// With secrets filled in.
    pub(super) text: Arc<str>,
    pub(super) kind: Arc<dyn Kind>,
    /// Why a secret is not known, where one is not; something else is filled in for it then.
    pub(super) no_secret: Option<Arc<str>>,
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.no_secret) == (&other.text, &other.no_secret)
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

/// As it is typed, without credentials, and without the query, which may hold some.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &*self.text;
        if text.contains("://") {
            let shown = without_credentials(text);
            f.write_str(shown.strip_suffix("?…").unwrap_or(&shown))
        } else {
            f.write_str(text)
        }
    }
}

/// Why a text names no source.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// No such kind.
    #[error("unknown source {typed:?}: use {known}")]
    Unknown {
        /// Without credentials.
        typed: String,
        /// Every way to write a source.
        known: String,
    },
    /// The address of a `tcp-listen:` source is not one.
    #[error("{0:?} is not an address to listen on: write it like tcp-listen:0.0.0.0:8500")]
    BadListen(String),
    /// The URL is not one.
    #[error(transparent)]
    BadUrl(#[from] UrlError),
    /// Not a number of cameras.
    #[error(
        "{0:?} is not understood: write ingest for one camera, or ingest:8 for up to 8 that appear by themselves, 1000 at most"
    )]
    BadCount(String),
    /// The URL of a broker is not one.
    #[error("{0}")]
    BadBroker(String),
    /// A secret in a URL is missing.
    #[error(transparent)]
    BadPlaceholder(#[from] PlaceholderError),
    /// The path of a `files:` source is missing.
    #[error("files: needs a path, as in files:/home/pi/pictures")]
    NoPath,
    /// The binary has no libcamera.
    #[error("{}, or use the source pattern", no_libcamera::not_built())]
    NoLibcamera,
}

impl Spec {
    /// A source of that kind, the same one as others of that name.
    pub(super) fn of(name: &str, kind: Arc<dyn Kind>) -> Self {
        Self {
            typed: name.into(),
            text: name.into(),
            kind,
            no_secret: None,
        }
    }

    /// The same without a secret, for that reason.
    pub(crate) fn without_secret(self, why: &str) -> Self {
        Self {
            no_secret: Some(why.into()),
            ..self
        }
    }

    /// Whether a secret of it is not known now, and the other one is the same camera with it.
    pub(crate) fn lacks_secret_of(&self, other: &Self) -> bool {
        self.no_secret.is_some()
            && other.no_secret.is_none()
            && (self.is_typed_as(other) || self.is_same_camera(other))
    }

    /// Whether it was typed the same, whatever its secrets are.
    pub(crate) fn is_typed_as(&self, other: &Self) -> bool {
        self.typed == other.typed
    }

    /// What of it is not there now, and may be later.
    pub(crate) fn absent(&self) -> Option<String> {
        let no_secret = self.no_secret.as_deref().map(str::to_owned);
        no_secret.or_else(|| self.kind.absent())
    }

    /// What a source of its kind calls itself.
    pub(crate) fn word(&self) -> &str {
        self.kind.word()
    }

    /// Whether it is the same camera, whatever the credentials are.
    pub(crate) fn is_same_camera(&self, other: &Self) -> bool {
        self == other || (self.word(), self.identity()) == (other.word(), other.identity())
    }

    /// What stays the same while this is the same source.
    pub(crate) fn identity(&self) -> Identity {
        self.kind.identity()
    }

    /// Whether any other source of its kind shows the same, and nothing of the world.
    pub(crate) fn is_interchangeable(&self) -> bool {
        self.kind.is_interchangeable()
    }

    /// Whether its pictures are pushed to `/ingest`.
    pub fn takes_pushes(&self) -> bool {
        self.kind.takes_pushes()
    }

    /// The cameras that it finds, where those appear by themselves.
    pub(crate) fn appearing(&self) -> Option<&Appearing<Spec>> {
        self.kind.appearing()
    }

    /// How many of those there may be, where clients that push have them appear.
    pub(crate) fn welcomes(&self) -> Option<usize> {
        self.kind.welcomes()
    }

    /// Which options mean something to it.
    pub(crate) fn takes(&self) -> Options {
        self.kind.takes()
    }

    /// What it opens for itself alone.
    pub(crate) fn device(&self) -> Option<String> {
        self.kind.device()
    }

    /// The address that it listens on.
    pub fn listens(&self) -> Option<SocketAddr> {
        self.kind.listens()
    }

    /// Looks whether it can ever be made with these options.
    ///
    /// # Errors
    /// Where it cannot.
    pub(crate) fn check(&self, capture: &Config) -> Result<(), SourceError> {
        self.kind.check(capture)
    }

    /// Makes the source.
    ///
    /// # Errors
    /// As for [`Kind::build`].
    pub(crate) fn build(
        &self,
        capture: &Config,
        ends: &Ends<'_>,
    ) -> Result<Box<dyn Source>, SourceError> {
        match &self.no_secret {
            Some(why) => Ok(Box::new(Absent::new(
                self.identity().word,
                self.word(),
                why,
            ))),
            None => self.kind.build(capture, ends),
        }
    }
}
