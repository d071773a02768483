//! The kinds of sources. A new one is a folder with its [`Kind`](super::spec::Kind), and a line in [`KINDS`].

use super::spec::{Entry, Spec, SpecError, Typed};
use super::{files, http, ingest, local, pattern, relay, tcp};
use crate::placeholders;
use pistreamer_client::without_credentials;

/// Every kind, in the order in which they are tried and listed.
const KINDS: [Entry; 8] = [
    local::AUTO,
    local::LIBCAMERA,
    pattern::KIND,
    files::KIND,
    tcp::KIND,
    ingest::KIND,
    relay::KIND,
    http::KIND,
];

/// Every way to write a source.
fn usages() -> String {
    let [first @ .., last] = KINDS.map(|entry| entry.usage);
    format!("{}, or {last}", first.join(", "))
}

impl Spec {
    /// The source that a text names. `${NAME}` and `${file:PATH}` in a URL are filled in.
    ///
    /// # Errors
    /// If the text names none. The error shows no credentials.
    pub fn parse(typed: &str) -> Result<Self, SpecError> {
        let is_url = typed.contains("://") || typed.starts_with("${");
        let text = if is_url {
            placeholders::filled(typed)?
        } else {
            typed.into()
        };
        let (kind, rest) = text
            .split_once(':')
            .map_or((&*text, None), |(kind, rest)| (kind, Some(rest)));
        let parts = Typed {
            text: &text,
            kind,
            rest,
        };
        let unknown = || {
            Err(SpecError::Unknown {
                typed: without_credentials(typed),
                known: usages(),
            })
        };
        let parsed = KINDS.iter().find_map(|entry| (entry.parse)(&parts));
        let kind = parsed
            .unwrap_or_else(unknown)
            .map_err(|error| match error {
                SpecError::BadUrl(error) => SpecError::BadUrl(error.about(typed)),
                error => error,
            })?;
        Ok(Self {
            text: text.as_ref().into(),
            kind,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(typed: &str) -> String {
        Spec::parse(typed).unwrap_err().to_string()
    }

    #[test]
    fn bad_sources_say_what_is_possible() {
        assert!(error("webcam").contains("libcamera:ID"));
        let unknown = error("rtsp://me:hunter2@cam/1");
        assert!(unknown.contains("rtsp://cam/1") && !unknown.contains("hunter2"));
        assert!(error("files:").contains("needs a path"));
        assert!(error("files:/no/such/place").contains("/no/such/place"));
        assert!(error("pattern:3").contains("unknown source"));
        assert!(error("tcp-listen:8500").contains("tcp-listen:0.0.0.0:8500"));
        let url = error("http://me:hunter2@");
        assert!(
            url.contains("not the URL") && !url.contains("hunter2"),
            "{url}"
        );
    }

    #[test]
    fn sources_elsewhere_are_told_apart() {
        let shown = |typed: &str| format!("{:?}", Spec::parse(typed).unwrap());
        for (typed, is) in [
            ("http://cam/video?x=1", "Http"),
            ("wss://pi.local", "Relay"),
            ("http://pi:8000/#key=abc", "Relay"),
            ("https://pi/#code=7K3M", "Relay"),
            ("tcp-listen:[::]:8500", "Tcp"),
            ("ingest", "Ingest"),
        ] {
            assert!(shown(typed).starts_with(is), "{typed}: {}", shown(typed));
        }
    }

    #[test]
    fn no_source_shows_its_credentials() {
        for typed in [
            "http://me:hunter2@cam/video",
            "wss://me:hunter2@pi/",
            "http://pi:8000/#key=hunter2",
        ] {
            let spec = Spec::parse(typed).unwrap();
            let shown = format!("{spec} {spec:?} {:?}", spec.identity());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
