//! The merged configuration as a file, each value with where it comes from. Secrets are left out.

use super::file::header;
use super::layer::{Merged, Values};
use super::setting::{ALERT_TO, ALL, CAMERA, ID, KEY_FILE, PUSH, SECTIONS, SOURCE, Setting, Value};
use crate::camera::Id;
use crate::source::spec::chooses;
use pistreamer_alerts::Receiver;
use std::fmt::Write as _;

/// The text. `ids` are those of the cameras, in order.
pub(super) fn shown(merged: &Merged, ids: &[&Id]) -> String {
    let mut text = String::new();
    for (section, _) in SECTIONS {
        if section == CAMERA {
            let ids = ids.iter().map(Some).chain(std::iter::repeat(None));
            for (camera, id) in merged.cameras.iter().zip(ids) {
                table(&mut text, section, camera, id.copied());
            }
        } else {
            table(&mut text, section, &merged.server, None);
        }
    }
    text
}

/// One section. `id` is the camera's.
fn table(text: &mut String, section: &str, values: &Values, id: Option<&Id>) {
    let line_break = if text.is_empty() { "" } else { "\n" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line_break}{}", header(section));
    if let Some(id) = id.filter(|_| values.get(&ID).is_none()) {
        let _ = writeln!(text, "id = \"{id}\"  # follows from the source");
    }
    for setting in ALL.iter().filter(|setting| setting.section == section) {
        let Some(given) = values.get(setting) else {
            continue;
        };
        // The password of the user in the URL stands elsewhere.
        let user: fn(&str) -> &str = if values.get(&KEY_FILE).is_some() {
            |user| user
        } else {
            star
        };
        let value = without_secrets(setting, given.value, user).to_toml();
        let _ = writeln!(text, "{} = {value}  # {}", setting.key, given.origin);
    }
}

fn without_secrets(setting: &Setting, value: Value, user: fn(&str) -> &str) -> Value {
    match value {
        Value::Text(text) if std::ptr::eq(setting, &SOURCE) => Value::Text(hidden(&text, user)),
        Value::Texts(texts) if std::ptr::eq(setting, &PUSH) => {
            Value::Texts(texts.iter().map(|text| hidden(text, star)).collect())
        }
        Value::Texts(texts) if std::ptr::eq(setting, &ALERT_TO) => {
            Value::Texts(texts.iter().map(|text| Receiver::hidden(text)).collect())
        }
        other => other,
    }
}

/// A source, with stars for credentials and for what a query and a fragment hold; placeholders stay, which are no secrets,
/// and parameters that name one of several cameras. `user` is how a user without a password is shown.
fn hidden(source: &str, user: fn(&str) -> &str) -> String {
    let Some((scheme, rest)) = source.split_once("://") else {
        return source.into();
    };
    let (authority, place) = rest.split_at(end_of_authority(rest));
    let authority = match authority.rsplit_once('@') {
        Some((name, host)) => match name.split_once(':') {
            Some((name, password)) => format!("{name}:{}@{host}", star(password)),
            None => format!("{}@{host}", user(name)),
        },
        None => authority.into(),
    };
    let (place, fragment) = match place.split_once('#') {
        Some((place, fragment)) => (place, format!("#{}", star(fragment))),
        None => (place, String::new()),
    };
    let place = match place.split_once('?') {
        Some((path, query)) => {
            let pairs = query.split('&').map(|pair| match pair.split_once('=') {
                Some((name, value)) if names_camera(name, value) => pair.into(),
                Some((name, value)) => format!("{name}={}", star(value)),
                None => star(pair).into(),
            });
            format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
        }
        None => place.into(),
    };
    // A password with a slash in it, which is taken for a path.
    let path = place.split('?').next().unwrap_or_default();
    let place = match path.rfind('@') {
        Some(at) => format!("/{STARS}{}", &place[at..]),
        None => place,
    };
    format!("{scheme}://{authority}{place}{fragment}")
}

/// Whether a parameter of a query names one of several cameras, and can be nothing else.
fn names_camera(name: &str, value: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    ["camera", "channel", "chan", "ch", "subtype"].contains(&name)
        && value.len() <= LONGEST_NAME
        && value.chars().all(fits)
}

/// Longest value of a parameter that is shown; keys and passwords are longer as a rule.
const LONGEST_NAME: usize = 16;

/// Whether a URL has stars where [`hidden`] leaves out what is secret.
pub(super) fn is_hidden(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    rest.match_indices(STARS).any(|(at, _)| {
        let before = rest[..at].chars().next_back();
        let after = rest[at + STARS.len()..].chars().next();
        matches!(before, Some('?' | '&' | '=' | '#'))
            || matches!(before, None | Some('/' | ':')) && after == Some('@')
    })
}

/// What stands in place of a secret.
const STARS: &str = "***";

/// Whether a URL holds a password or a key itself, rather than a placeholder for it.
pub(super) fn holds_password(url: &str) -> bool {
    let mut parts = url.split("${");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    plain.extend(parts.filter_map(|part| Some(part.split_once('}')?.1)));
    let Some((_, rest)) = plain.split_once("://") else {
        return false;
    };
    let (authority, place) = rest.split_at(end_of_authority(rest));
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let password = user.split_once(':').map_or("", |(_, password)| password);
    let (place, key) = place.split_once('#').unwrap_or((place, ""));
    let query = place.split_once('?').map_or("", |(_, query)| query);
    // What is a secret there, cameras call by any name.
    let secret = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or_default();
        !value.is_empty() && !chooses(name) && !is_user(name)
    };
    !password.is_empty() || secret(key) || query.split('&').any(secret)
}

/// Whether a parameter by that name tells only who asks.
fn is_user(name: &str) -> bool {
    let users = ["login", "loginuse", "u", "user", "username", "usr"];
    users.iter().any(|user| name.eq_ignore_ascii_case(user))
}

/// Where a URL's host ends, in the URL without its scheme. The paths of files in placeholders are passed over.
pub(super) fn end_of_authority(rest: &str) -> usize {
    let mut from = 0;
    loop {
        let text = &rest[from..];
        let end = text.find(['/', '?', '#']).unwrap_or(text.len());
        let placeholder = text.find("${").filter(|at| *at < end);
        match placeholder.and_then(|at| text[at..].find('}').map(|length| at + length)) {
            Some(behind) => from += behind,
            None => return from + end,
        }
    }
}

/// Stars, in place of anything but a placeholder alone.
fn star(secret: &str) -> &str {
    let is_placeholder = secret.starts_with("${") && secret.find('}') == Some(secret.len() - 1);
    if is_placeholder || secret.is_empty() {
        secret
    } else {
        STARS
    }
}
