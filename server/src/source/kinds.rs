//! The kinds of sources. A new one is a folder with its [`Kind`](super::spec::Kind) and a line in [`KINDS`], from which `--help`
//! and errors list it.

use super::spec::{Entry, Spec, SpecError, Typed};
use super::unknown::Unknown;
use super::{files, http, ingest, local, nats, pattern, relay, tcp, v4l2};
use crate::placeholders;
use pistreamer_client::without_credentials;
use std::sync::Arc;

/// Every kind, in the order in which they are tried and listed.
const KINDS: [Entry; 11] = [
    local::AUTO,
    local::LIBCAMERA,
    v4l2::KIND,
    pattern::KIND,
    files::KIND,
    tcp::KIND,
    ingest::KIND,
    ingest::MANY,
    relay::KIND,
    nats::KIND,
    http::KIND,
];

/// Every kind of source, for `--help`: how it is written, and what it is.
pub(crate) fn help() -> String {
    let mut text = String::from("Where pictures come from:\n\n");
    for Entry { usage, about, .. } in KINDS {
        text += &format!("  {usage}\n          {about}\n");
    }
    text
}

/// Every way to write a source.
pub(crate) fn usages() -> String {
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
        Self::of_text(typed, &text)
    }

    /// The same also where a placeholder stands for nothing now: the source says so until it is parsed anew.
    ///
    /// # Errors
    /// As for [`Self::parse`].
    pub(crate) fn parse_or_wait(typed: &str) -> Result<Self, SpecError> {
        match Self::parse(typed) {
            Err(SpecError::BadPlaceholder(why)) if why.may_be_known_later() => {
                let text = placeholders::filled_as_far_as_known(typed)?;
                // What it is may be secret as a whole.
                let spec = Self::of_text(typed, &text).unwrap_or_else(|_| Self {
                    typed: typed.into(),
                    text: without_credentials(typed).into(),
                    kind: Arc::new(Unknown::new(&text, &without_credentials(typed))),
                    no_secret: None,
                });
                Ok(spec.without_secret(&why.to_string()))
            }
            parsed => parsed,
        }
    }

    /// The source that a text names that was typed so before its secrets were filled in.
    fn of_text(typed: &str, text: &str) -> Result<Self, SpecError> {
        let (kind, rest) = text
            .split_once(':')
            .map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        let parts = Typed { text, kind, rest };
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
            typed: typed.into(),
            text: text.into(),
            kind,
            no_secret: None,
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
        assert!(error("pattern:3").contains("unknown source"));
        assert!(error("tcp-listen:8500").contains("tcp-listen:0.0.0.0:8500"));
        let url = error("http://me:hunter2@");
        assert!(
            url.contains("not the URL") && !url.contains("hunter2"),
            "{url}"
        );
    }

    #[test]
    fn what_is_not_there_now_is_a_source_that_says_so() {
        let absent = |typed: &str| Spec::parse_or_wait(typed).unwrap().absent();
        assert_eq!(absent("pattern"), None);
        assert_eq!(absent("http://me@cam/"), None);
        assert!(absent("files:/no/such").unwrap().contains("/no/such"));
        for (without, with) in [
            ("http://me:${file:/no/such}@cam/a", "http://me:pw@cam/a"),
            ("wss://camera:${file:/no/such}@pi", "wss://camera:pw@pi"),
            ("http://pi/#key=${file:/no/such}", "http://pi/#key=pw"),
        ] {
            assert!(absent(without).unwrap().contains("${file:/no/such}"));
            let [without, with] = [without, with].map(|typed| Spec::parse_or_wait(typed).unwrap());
            assert!(without.is_same_camera(&with) && without != with);
        }
        // Which sources these are cannot be known.
        let [one, two] = ["${file:/no/such}", "http://cam:${NO_SUCH_ONE}/"]
            .map(|typed| Spec::parse_or_wait(typed).unwrap());
        assert!(one.absent().unwrap().contains("${file:/no/such}"));
        assert!(two.absent().unwrap().contains("NO_SUCH_ONE is not set"));
        assert!(!one.is_same_camera(&two));
        assert!(Spec::parse_or_wait("http://me:${NO_END@cam/").is_err());
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
