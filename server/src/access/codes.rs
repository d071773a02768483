//! One-time codes: what a printed link and its QR code carry, so that no key stays in the history of a browser.
//!
//! They are kept in a file of the state directory, by which a code that `pistreamer key` made reaches the running server.
//! Only hashes are in it, and a code is taken out under the directory's lock before it lets anybody in.

use super::Store;
use super::key::{Entry, Name};
use crate::state_dir;
use crate::util::clock;
use crate::util::file_watch::Version;
use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::time::Duration;

const FILE: &str = "codes.json";

/// How long a code is good.
pub const CODE: Duration = Duration::from_secs(600);

/// Most codes that are kept. One more pushes the oldest out.
const MOST: usize = 100;

/// Crockford's base32: no letter that is read as another or as a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Letters of a code. 60 bits need no throttle, by which others could keep out the device that has the right one: 20,000
/// guesses a second find one of 100 codes within their ten minutes with a probability of 10⁻⁹.
const LETTERS: usize = 12;

/// A one-time code. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    fn random() -> io::Result<Self> {
        let mut bytes = [0; LETTERS];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| io::Error::other("the system has no randomness to give"))?;
        let letter = |byte: u8| char::from(ALPHABET[usize::from(byte % 32)]);
        Ok(Self(bytes.into_iter().map(letter).collect()))
    }

    /// A code as it was typed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let letters = text
            .chars()
            .filter(|letter| *letter != '-' && !letter.is_whitespace());
        let letters: String = letters
            .take(LETTERS + 1)
            .map(|letter| match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let known = letters.bytes().all(|letter| ALPHABET.contains(&letter));
        (letters.len() == LETTERS && known).then_some(Self(letters))
    }

    /// The code as it stands in a link.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> String {
        HEXLOWER.encode(digest(&SHA256, self.0.as_bytes()).as_ref())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Code(…)")
    }
}

/// What is kept of a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    hash: String,
    /// The key that it stands for.
    pub key: Name,
    /// Which secret that key had when the code was made.
    pub secret: String,
    expires_us: u64,
}

impl Kept {
    /// Not before it was made, either: a clock that was set back does not prolong it.
    fn is_good(&self, now_us: u64) -> bool {
        (now_us + 1..=now_us + CODE.as_micros() as u64).contains(&self.expires_us)
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Codes {
    codes: Vec<Kept>,
}

/// Codes that stand for a key, each with what is to be kept of it.
pub(super) fn make(entry: &Entry, count: usize) -> io::Result<Vec<(Code, Kept)>> {
    let expires_us = clock::now_us() + CODE.as_micros() as u64;
    let one = |_| {
        let code = Code::random()?;
        let kept = Kept {
            hash: code.hash(),
            key: entry.name.clone(),
            secret: entry.generation(),
            expires_us,
        };
        Ok((code, kept))
    };
    (0..count).map(one).collect()
}

/// Takes a code out of those that are kept, where it is among them.
pub(super) fn take(codes: &mut Vec<Kept>, code: &Code, now_us: u64) -> Option<Kept> {
    codes.retain(|kept| kept.is_good(now_us));
    let hash = code.hash();
    let at = codes.iter().position(|kept| kept.hash == hash)?;
    Some(codes.swap_remove(at))
}

/// The codes in the file as they were last seen: of wrong ones, nothing costs more than a look at its date.
#[derive(Debug, Default)]
pub(super) struct Seen {
    version: Option<Version>,
    hashes: Vec<String>,
}

impl Seen {
    /// Whether the code may be in the file.
    pub(super) fn has(&mut self, store: &Store, code: &Code) -> bool {
        let version = Version::of(&store.file(FILE));
        if version != self.version {
            self.version = version;
            let codes = store.kept().unwrap_or_default();
            self.hashes = codes.into_iter().map(|kept| kept.hash).collect();
        }
        self.hashes.contains(&code.hash())
    }
}

impl Store {
    /// New codes that stand for a key, each for one device.
    ///
    /// # Errors
    /// Where they cannot be kept.
    pub fn codes(&self, entry: &Entry, count: usize) -> io::Result<Vec<Code>> {
        let made = make(entry, count)?;
        let _lock = self.lock()?;
        let now_us = clock::now_us();
        let mut codes = self.kept().unwrap_or_default();
        codes.retain(|kept| kept.is_good(now_us));
        codes.extend(made.iter().map(|(_, kept)| kept.clone()));
        codes.drain(..codes.len().saturating_sub(MOST));
        self.write(FILE, &Codes { codes })?;
        Ok(made.into_iter().map(|(code, _)| code).collect())
    }

    /// Takes a code out of the file, where it is good. Of any number that try at the same time, one gets it.
    ///
    /// # Errors
    /// Where it cannot be taken out: then it is good for nothing.
    pub(super) fn take_code(&self, code: &Code) -> io::Result<Option<Kept>> {
        let _lock = self.lock()?;
        let mut codes = self.kept()?;
        let Some(taken) = take(&mut codes, code, clock::now_us()) else {
            return Ok(None);
        };
        let written = self.write(FILE, &Codes { codes });
        // A full disk takes no file, but gives one up.
        written.or_else(|_| std::fs::remove_file(self.file(FILE)))?;
        Ok(Some(taken))
    }

    fn kept(&self) -> io::Result<Vec<Kept>> {
        let text = match state_dir::read(&self.file(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        Ok(serde_json::from_str::<Codes>(&text)?.codes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store, Entry) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().into());
        let entry = store.open().unwrap().owner().unwrap().clone();
        (directory, store, entry)
    }

    #[test]
    fn of_many_that_show_a_code_at_once_one_gets_in() {
        let (_directory, store, entry) = store();
        let code = store.codes(&entry, 3).unwrap().remove(1);
        let taken = std::thread::scope(|scope| {
            let take = || store.take_code(&code).unwrap().is_some();
            let taking: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
            let taken = taking.into_iter().map(|thread| thread.join().unwrap());
            taken.filter(|taken| *taken).count()
        });
        assert_eq!(taken, 1);
        let text = std::fs::read_to_string(store.directory().join(FILE)).unwrap();
        assert!(!text.contains(code.as_str()), "{text}");
    }

    #[test]
    fn a_code_is_typed_as_people_read_it_and_nothing_else_is_one() {
        let code = Code("01VWXYZ23456".into());
        for typed in ["01VWXYZ23456", "oivw-xyz2 3456", " OLVWXYZ23456"] {
            assert_eq!(Code::parse(typed).as_ref(), Some(&code));
        }
        for bad in [
            "",
            "01VWXYZ2345",
            "01VWXYZ234567",
            "01VWXYZ2345U",
            "ö1VWXYZ23456",
        ] {
            assert_eq!(Code::parse(bad), None, "{bad}");
        }
        assert!(!format!("{code:?}").contains("VWX"));
    }

    #[test]
    fn codes_end_by_time_and_the_oldest_go_first() {
        let (_directory, store, entry) = store();
        let (code, kept) = make(&entry, 1).unwrap().remove(0);
        let made_us = kept.expires_us - CODE.as_micros() as u64;
        let good = |now_us| take(&mut vec![kept.clone()], &code, now_us).is_some();
        assert!(good(made_us) && good(kept.expires_us - 1));
        assert!(!good(kept.expires_us) && !good(made_us - 1));
        let first = store.codes(&entry, 1).unwrap().remove(0);
        let last = store.codes(&entry, MOST).unwrap().remove(0);
        assert_eq!(store.take_code(&first).unwrap(), None);
        assert!(store.take_code(&last).unwrap().is_some());
    }
}
