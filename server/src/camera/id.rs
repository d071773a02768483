//! A camera's id: short, fit for URLs, and stable, whatever the camera's position among others.
//!
//! The identity of a source, from which ids are derived, belongs to [`crate::source::spec`].

use crate::source::Spec;
use crate::util::fnv::fnv;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The id of a camera. Clones share the text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

/// Longest id, in characters.
const LONGEST: usize = 64;

/// Longest word in an id that is derived.
const LONGEST_WORD: usize = 32;

/// Why an id was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It would be taken for a position in the order of the cameras.
    #[error(
        "{0:?} is no id for a camera: a number is a place in their order, so write it with a letter, such as cam{0}"
    )]
    Number(String),
    /// It has characters that are not allowed, or too many.
    #[error(
        "{0:?} is no id for a camera: use 1 to {LONGEST} of a-z, A-Z, 0-9, -, _ and ., beginning with a letter or digit"
    )]
    Malformed(String),
    /// Two cameras have it.
    #[error("two cameras have the id {0:?}: give each one its own")]
    Twice(Id),
    /// The id derived for a camera belongs to another one.
    #[error(
        "another camera has the id {id:?} as well, which follows from its source: give this one its own, such as \
         id = \"{id}-2\" in its [[camera]] of a configuration file, so that keys and links never come to mean the other one"
    )]
    Alike {
        /// The id.
        id: Id,
        /// The camera's position.
        at: usize,
    },
}

impl Id {
    /// An id that the camera's owner gave.
    ///
    /// # Errors
    /// Where the text is not fit for URLs.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let is_id = text.len() <= LONGEST
            && text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            && text.chars().all(fits);
        if !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit()) {
            Err(IdError::Number(text.into()))
        } else if is_id {
            Ok(Self(text.into()))
        } else {
            Err(IdError::Malformed(text.into()))
        }
    }

    /// The id derived from a source's identity: its word, and a few digits of a hash of the rest.
    fn derived(source: &Spec) -> String {
        let identity = source.identity();
        let mut id = String::new();
        for letter in identity
            .word
            .chars()
            .map(|letter| letter.to_ascii_lowercase())
        {
            match letter {
                'a'..='z' | '0'..='9' | '.' | '_' => id.push(letter),
                _ if id.is_empty() || id.ends_with('-') => {}
                _ => id.push('-'),
            }
        }
        let id = id.trim_matches(['-', '.', '_']);
        let short: String = id.chars().take(LONGEST_WORD).collect();
        let word = if short.is_empty() { "camera" } else { &short };
        if identity.rest.is_empty() && is_plain(&identity.word, &short) {
            return word.into();
        }
        // Neither part contains a zero byte, so that the boundary is unambiguous.
        let whole = [identity.word.as_bytes(), b"\0", identity.rest.as_bytes()].concat();
        format!("{word}-{:06x}", fnv(&whole) >> 8)
    }
}

/// Returns true if an id is the word itself, but for its case and for the colon before a port.
fn is_plain(word: &str, id: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let with_port = word
        .rsplit_once(':')
        .map(|(host, port)| format!("{host}-{port}"));
    word == id || with_port.as_deref() == Some(id)
}

/// An id for each camera: the owner's, or one derived from its source alone, so that it never passes to another camera
/// when others change. Test patterns all show the same, so that they are numbered from the second on.
///
/// # Errors
/// Where two cameras have the same id.
pub(crate) fn identify<'a>(
    cameras: impl IntoIterator<Item = (Option<Id>, &'a Spec)>,
) -> Result<Vec<Id>, IdError> {
    let cameras: Vec<_> = cameras.into_iter().collect();
    let mut taken: Vec<Id> = Vec::new();
    for id in cameras.iter().filter_map(|(given, _)| given.clone()) {
        if taken.contains(&id) {
            return Err(IdError::Twice(id));
        }
        taken.push(id);
    }
    let ids = cameras
        .into_iter()
        .enumerate()
        .map(|(at, (given, source))| {
            if let Some(given) = given {
                return Ok(given);
            }
            let derived = Id::derived(source);
            let numbered = (2..).map(|number| format!("{derived}-{number}"));
            let mut ids = std::iter::once(derived.clone())
                .chain(numbered.take_while(|_| source.is_interchangeable()))
                .map(|id| Id(id.into()));
            let free = ids.find(|id| !taken.contains(id));
            let id = free.ok_or_else(|| IdError::Alike {
                id: Id(derived.as_str().into()),
                at,
            })?;
            taken.push(id.clone());
            Ok(id)
        });
    ids.collect()
}

impl Deref for Id {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(sources: &[&str]) -> Vec<String> {
        let specs: Vec<_> = sources
            .iter()
            .map(|source| Spec::parse(source).unwrap())
            .collect();
        let ids = identify(specs.iter().map(|spec| (None, spec))).unwrap();
        ids.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_id_follows_from_the_source_and_from_nothing_beside_it() {
        let sources = [
            "pattern",
            "ingest",
            "auto",
            "http://me:hunter2@192.168.1.5:8080/video?channel=1&pwd=hunter2",
            "http://me:hunter2@192.168.1.5:8080/video?channel=2&pwd=hunter2",
            "ws://pi.local",
            "tcp-listen:0.0.0.0:8500",
        ];
        let given = ids(&sources);
        assert_eq!(given[..3], ["pattern", "ingest", "camera"]);
        assert!(given[3].starts_with("192.168.1.5-8080-"), "{given:?}");
        assert_ne!(given[3], given[4]);
        assert_eq!(given[5..], ["pi.local", "tcp-8500"]);
        let mut turned = sources;
        turned.reverse();
        let mut again = ids(&turned);
        again.reverse();
        assert_eq!(again, given);
        for (source, id) in sources.iter().zip(&given) {
            assert_eq!(&ids(&[source])[0], id);
        }
    }

    #[test]
    fn a_new_password_makes_no_other_camera() {
        for [before, after] in [
            ["http://me:old@cam/video", "http://you:new@cam/video"],
            [
                "http://cam/video?user=a&password=old",
                "http://cam/video?user=b&password=new",
            ],
            ["wss://camera:old@pi/", "wss://camera:new@pi/"],
        ] {
            assert_eq!(ids(&[before]), ids(&[after]));
        }
    }

    #[test]
    fn what_may_be_secret_in_a_query_leaves_no_trace_in_an_id() {
        let plain = ids(&["http://cam/video"]);
        for query in [
            "u=a&p=1234",
            "pin=1234",
            "sid=77",
            "code=77&x",
            "Keyname=77",
            "1234",
        ] {
            assert_eq!(ids(&[&format!("http://cam/video?{query}")]), plain);
        }
    }

    #[test]
    fn an_id_stays_with_its_camera_when_two_change_places_or_one_goes() {
        for [one, other] in [
            ["http://nvr/mjpeg?name=door", "http://nvr/mjpeg?name=garage"],
            ["http://nvr/mjpeg?Channel=1", "http://nvr/mjpeg?Channel=2"],
            ["http://nvr/one", "http://nvr/two"],
            ["http://nvr/live", "ws://nvr/live"],
            ["http://nvr/", "ws://nvr"],
            ["ws://[fd00::1:2]", "ws://[fd00:1::2]"],
            ["http://[fd00::1:2]/", "http://[fd00:1::2]/"],
            ["ws://pi:8000", "ws://pi-8000"],
            ["http://pi:8000/", "http://pi-8000/"],
            ["ws://a-b", "ws://a--b"],
            ["ws://a.example", "ws://_a.example"],
            ["tcp-listen:0.0.0.0:8500", "ws://tcp-8500"],
            ["tcp-listen:0.0.0.0:8500", "http://tcp-8500/"],
            ["tcp-listen:0.0.0.0:8500", "ws://tcp:8500"],
            ["auto", "ws://camera"],
            ["auto", "http://camera/"],
            ["ingest", "ws://ingest"],
            ["ingest", "http://ingest/"],
            ["pattern", "ws://pattern"],
        ] {
            let [first, second] = <[_; 2]>::try_from(ids(&[one, other])).unwrap();
            assert_ne!(first, second);
            assert_eq!(ids(&[other, one]), [&*second, &*first]);
            assert_eq!(ids(&[other]), [second]);
        }
    }

    #[test]
    fn cameras_that_no_id_tells_apart_are_refused_until_one_is_given_an_id() {
        for pair in [
            ["ingest", "ingest"],
            ["ws://nvr", "wss://nvr"],
            ["http://a:b@nvr/?pin=1", "http://c:d@nvr/?pin=2"],
        ] {
            let specs = pair.map(|source| Spec::parse(source).unwrap());
            let [one, other] = &specs;
            let error = identify([(None, one), (None, other)]).unwrap_err();
            assert!(matches!(error, IdError::Alike { at: 1, .. }), "{error:?}");
            let named = Id::new("named").unwrap();
            let alone = identify([(None, one)]).unwrap().remove(0);
            for both in [
                [(Some(named.clone()), other), (None, one)],
                [(None, one), (Some(named), other)],
            ] {
                assert!(identify(both).unwrap().contains(&alone));
            }
            assert!(identify([(None, one), (Some(alone), other)]).is_err());
        }
    }

    #[test]
    fn of_test_patterns_each_has_an_id_of_its_own() {
        assert_eq!(
            ids(&["pattern", "pattern", "pattern"]),
            ["pattern", "pattern-2", "pattern-3"]
        );
        let pattern = Spec::parse("pattern").unwrap();
        let given = [
            (None, &pattern),
            (Some(Id::new("pattern").unwrap()), &pattern),
        ];
        let ids = identify(given.clone()).unwrap();
        assert_eq!([&*ids[0], &*ids[1]], ["pattern-2", "pattern"]);
        assert!(identify([given[1].clone(), given[1].clone()]).is_err());
    }

    #[test]
    fn ids_are_fit_for_urls() {
        for bad in [
            "",
            "1",
            "007",
            "-a",
            "a b",
            "ü",
            "a/b",
            "a?",
            ".",
            &"x".repeat(65),
        ] {
            assert!(Id::new(bad).is_err(), "{bad}");
        }
        for good in [
            "0a",
            "front-door",
            "Garage_2",
            "192.168.1.5-8080",
            &"x".repeat(64),
        ] {
            assert!(Id::new(good).is_ok(), "{good}");
        }
        let long = format!("http://{}.example/", "host".repeat(20));
        for id in ids(&["http://[fe80::1]:8080/", &long, "http://cam/ü"]) {
            assert!(Id::new(&id).is_ok(), "{id}");
        }
    }
}
