//! Secrets in URLs that are typed: `${NAME}` stands for a variable of the environment, `${file:PATH}` for what a file holds. So
//! none is among a program's arguments, which every user of the machine can read.

use crate::state_dir;
use crate::util::fnv::fnv;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

/// Why a placeholder stands for nothing. The text names it, and never what it stands for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderError {
    /// It has no end.
    #[error(
        "${{ has no end: write ${{NAME}} for a variable of the environment, or ${{file:PATH}} for a file"
    )]
    Endless,
    /// No such variable.
    #[error("${{{0}}} stands for a variable of the environment, and {0} is not set, or is empty")]
    NotSet(String),
    /// No such file, or nothing that can be used in it.
    #[error("${{file:{path}}} cannot be used: {why}")]
    File {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
}

impl PlaceholderError {
    /// The text for a path that was given without a placeholder.
    pub(crate) fn of_path(&self) -> String {
        match self {
            Self::File { path, why } => format!("{path} cannot be used: {why}"),
            other => other.to_string(),
        }
    }

    /// Whether it may stand for something later, or at another start.
    pub(crate) fn may_be_known_later(&self) -> bool {
        !matches!(self, Self::Endless)
    }
}

/// Longest secret that is taken from a file, in bytes.
const LONGEST: u64 = 4096;

/// What need not be encoded anywhere in a URL (RFC 3986 §2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The text with every placeholder filled in. What stands for a part of the text is a user, a password or a key, with whatever
/// letters it has, and is encoded as URLs have it; what stands for all of it is a URL.
///
/// # Errors
/// Where a placeholder stands for nothing.
pub(crate) fn filled(text: &str) -> Result<Cow<'_, str>, PlaceholderError> {
    filled_with(text, secret)
}

/// The same with what [`unknown`] says for each placeholder that stands for nothing.
///
/// # Errors
/// Where one has no end.
pub(crate) fn filled_as_far_as_known(text: &str) -> Result<Cow<'_, str>, PlaceholderError> {
    filled_with(text, |placeholder| {
        Ok(secret(placeholder).unwrap_or_else(|_| unknown(placeholder)))
    })
}

/// What stands in a URL in place of what a placeholder stands for and is not known: a word that is a host's name as well,
/// and another one for another placeholder.
pub(crate) fn unknown(placeholder: &str) -> String {
    let name = placeholder.rsplit(['/', ':']).next().unwrap_or_default();
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let name: String = name.chars().filter(|letter| fits(*letter)).collect();
    let name = name.trim_end_matches('-').to_ascii_lowercase();
    // Two files in different directories may have the same name.
    format!("unknown-{name}-{:06x}", fnv(placeholder.as_bytes()) >> 8)
}

fn filled_with(
    text: &str,
    secret: impl Fn(&str) -> Result<String, PlaceholderError>,
) -> Result<Cow<'_, str>, PlaceholderError> {
    let mut rest = text;
    let mut whole = String::new();
    while let Some((before, after)) = rest.split_once("${") {
        let (placeholder, after) = after.split_once('}').ok_or(PlaceholderError::Endless)?;
        let secret = secret(placeholder)?;
        if before.is_empty() && whole.is_empty() && after.is_empty() {
            return Ok(secret.into());
        }
        whole.push_str(before);
        whole.extend(utf8_percent_encode(&secret, ENCODED));
        rest = after;
    }
    if whole.is_empty() {
        return Ok(text.into());
    }
    whole.push_str(rest);
    Ok(whole.into())
}

/// What a file holds, as it is filled in for a part of a URL.
///
/// # Errors
/// Where there is no such file, or nothing that can be used in it.
pub(crate) fn of_file(path: &str) -> Result<String, PlaceholderError> {
    Ok(utf8_percent_encode(&content(path)?, ENCODED).to_string())
}

fn secret(placeholder: &str) -> Result<String, PlaceholderError> {
    if let Some(path) = placeholder.strip_prefix("file:") {
        return content(path);
    }
    let value = std::env::var(placeholder).unwrap_or_default();
    if value.is_empty() {
        Err(PlaceholderError::NotSet(placeholder.into()))
    } else {
        Ok(value)
    }
}

fn content(path: &str) -> Result<String, PlaceholderError> {
    let error = |why: String| PlaceholderError::File {
        path: path.into(),
        why,
    };
    let mut text = String::new();
    let read = state_dir::open_regular(Path::new(path))
        .and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
    read.map_err(|why| error(why.to_string()))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    match secret.len() {
        0 => Err(error("it is empty".into())),
        len if len as u64 > LONGEST => Err(error(format!("it has more than {LONGEST} bytes"))),
        _ => Ok(secret.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use std::io::Write;

    #[test]
    fn a_placeholder_is_filled_in_whatever_the_secret_has_in_it() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "s@fe:#/? ä").unwrap();
        let path = file.path().display();
        let url = format!("http://me:${{file:{path}}}@cam/?user=${{file:{path}}}&x=1");
        let encoded = "s%40fe%3A%23%2F%3F%20%C3%A4";
        assert_eq!(
            filled(&url).unwrap(),
            format!("http://me:{encoded}@cam/?user={encoded}&x=1")
        );
        // Alone it is a whole URL.
        assert_eq!(filled(&format!("${{file:{path}}}")).unwrap(), "s@fe:#/? ä");
        // Cargo sets it.
        let name = env!("CARGO_PKG_NAME");
        assert_eq!(
            filled("http://${CARGO_PKG_NAME}@cam").unwrap(),
            format!("http://{name}@cam")
        );
        assert_eq!(filled("http://cam/$x{}").unwrap(), "http://cam/$x{}");
    }

    proptest! {
        #[test]
        fn a_part_of_a_url_comes_back_from_its_encoding_and_nothing_else_changes(
            before in "[^$]{0,20}",
            secret in "\\PC{1,40}",
            after in "[^$]{1,20}",
        ) {
            let text = format!("{before}${{ANY}}{after}");
            let whole = filled_with(&text, |_| Ok(secret.clone())).unwrap();
            let part = whole.strip_prefix(&*before).and_then(|rest| rest.strip_suffix(&*after)).unwrap();
            prop_assert!(!part.contains([':', '/', '?', '#', '@', '[', ']', ' ']), "{part}");
            let decoded = percent_decode_str(part).decode_utf8().unwrap();
            prop_assert_eq!(decoded, secret);
        }
    }

    #[test]
    fn what_stands_for_nothing_is_named() {
        let said = |text: &str| filled(text).unwrap_err().to_string();
        assert!(said("http://${NO_SUCH_ONE}@cam").contains("${NO_SUCH_ONE}"));
        assert!(said("http://${}@cam").contains("not set"));
        assert!(said("http://${X@cam").contains("${NAME}"));
        assert!(said("http://${file:/no/such}@cam").contains("${file:/no/such}"));
        let empty = tempfile::NamedTempFile::new().unwrap();
        let empty = format!("${{file:{}}}", empty.path().display());
        assert!(said(&empty).contains("empty"));
        assert!(said("${file:/dev/zero}").contains("not a regular file"));
        let long = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(long.path(), [b'x'; 4097]).unwrap();
        let long = format!("${{file:{}}}", long.path().display());
        assert!(said(&long).contains("more than 4096 bytes"));
    }
}
