//! URLs of cameras and of targets, as they are given: with the secrets that stand elsewhere.
//!
//! Hiding them belongs to [`super::show`].

use super::ConfigError;
use super::show::{end_of_authority, is_hidden};
use crate::camera::Target;
use crate::placeholders;
use crate::source::Spec;

/// The source that a text names, with the password that a file holds, where one was given for it.
pub(super) fn source(text: &str, key_file: Option<&str>) -> Result<Spec, String> {
    if is_hidden(text) {
        return Err(LEFT_OUT.into());
    }
    match key_file {
        Some(file) => with_key_file(text, file),
        None => Spec::parse_or_wait(text).map_err(|error| error.to_string()),
    }
}

/// Where frames are pushed to, also where a secret of it is not known now.
pub(super) fn targets(texts: &[String]) -> Result<Vec<Target>, String> {
    if texts.iter().any(|text| is_hidden(text)) {
        return Err(LEFT_OUT.into());
    }
    let targets = texts.iter().map(|text| match target(text) {
        Err(ConfigError::BadPlaceholder(why)) if why.may_be_known_later() => {
            let known = placeholders::filled_as_far_as_known(text)?;
            Ok(Target::without_secret(text, &known, &why.to_string()))
        }
        target => target,
    });
    let targets: Result<_, _> = targets.collect();
    targets.map_err(|error| error.to_string())
}

/// One of them, with all its secrets.
pub(super) fn target(typed: &str) -> Result<Target, ConfigError> {
    let filled = placeholders::filled(typed)?;
    Ok(Target::typed(typed, &filled).map_err(|error| error.about(typed))?)
}

/// Why a URL is refused that `pistreamer config show` has shown.
pub(super) const LEFT_OUT: &str = "*** stands here in place of a secret, as `pistreamer config show` leaves them out: write the \
                        secret, ${NAME} or ${file:PATH}";

/// The source at a URL with the password that the file holds.
fn with_key_file(url: &str, file: &str) -> Result<Spec, String> {
    // Other sources quote what stands here where it is wrong.
    let (scheme, rest) = url
        .split_once("://")
        .filter(|(scheme, _)| {
            let schemes = ["http", "https", "ws", "wss"];
            schemes.iter().any(|url| scheme.eq_ignore_ascii_case(url))
        })
        .ok_or(
            "key_file is for a source that is an http, https, ws or wss URL, and this is none",
        )?;
    let (authority, rest) = rest.split_at(end_of_authority(rest));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("camera", authority));
    if user.contains(':') {
        return Err("the URL has a password already: leave it or key_file out".into());
    }
    let source = |password: &str| {
        let text = format!("{scheme}://{user}:{password}@{host}{rest}");
        Spec::parse_or_wait(&text).map_err(|error| error.to_string())
    };
    match placeholders::of_file(file) {
        Ok(password) => source(&password),
        Err(why) => {
            let why = format!("key_file {}", why.of_path());
            Ok(source(&placeholders::unknown(file))?.without_secret(&why))
        }
    }
}
