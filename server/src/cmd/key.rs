//! `pistreamer key`: what people are told about access keys, and the links that let their devices in.
//!
//! What keys are good for belongs to [`crate::access`].

use crate::access::{CODE, Code, KeyError, Keys, Name, Secret, Session, Store, TypedRole, Wanted};
use crate::called;
use crate::camera::Id;
use crate::cli::{self, KeyCommand};
use crate::util::clock;
use crate::{config, front, log, state_dir, stdout};
use anyhow::{Context, bail};
use pistreamer_protocol::text::escaped;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::net::Ipv4Addr;
use std::path::Path;
use time::OffsetDateTime;

/// Shortest password that is taken, in characters.
const SHORTEST_PASSWORD: usize = 8;

/// Does what `pistreamer key` was told, and prints what there is to say.
///
/// # Errors
/// Where the keys can be neither read nor written, there is none of that name, or standard output takes no text.
pub(super) fn run(typed: &cli::Key) -> anyhow::Result<()> {
    Ok(stdout::print(&answer(typed)?)?)
}

fn answer(typed: &cli::Key) -> anyhow::Result<String> {
    let configured = config::OfKeys::read(typed);
    let store = config::store_of(typed, &configured)?;
    let directory = store.directory();
    let is_services = directory == Path::new(called::SERVICE);
    if is_services {
        log::say(&format!(
            "pistreamer: the keys of the service, in {}",
            directory.display()
        ));
    } else if typed.state_dir.is_none()
        && !store.path().exists()
        && Path::new(called::SERVICE).is_dir()
    {
        bail!(
            "there are no keys in {}: `{}` shows those of the service",
            directory.display(),
            called::key_command(Some(Path::new(called::SERVICE)))
        );
    }
    // The service's user may not read all of the configuration.
    let cameras = configured.cameras(&store);
    let held = state_dir::act_as_owner(directory)
        .with_context(|| format!("cannot act as the owner of {}", directory.display()))?;
    let command = config::key_command(directory);
    let store = match &held {
        Some(held) => store.reached_at(held.path()),
        None => store,
    };
    match typed.command.as_ref().unwrap_or(&KeyCommand::Show) {
        KeyCommand::Show => {
            let keys = store.read()?;
            let mut text = listing(&keys) + &links_of(&keys, &command);
            match store.sessions(&keys.keys) {
                Ok(sessions) => text += &devices(&sessions, &command),
                Err(error) => {
                    let _ = writeln!(
                        text,
                        "\nthe list of signed-in devices cannot be read: {error}"
                    );
                }
            }
            text.push('\n');
            if let Some(owner) = keys.owner() {
                let usual = || front::urls((Ipv4Addr::UNSPECIFIED, 8000).into(), false);
                let urls = store.addresses().unwrap_or_else(usual);
                match store.codes(owner, links(&urls)) {
                    Ok(codes) => text += &invitation(&urls, &codes, &command),
                    Err(error) => {
                        text += &plain(&urls);
                        let _ = writeln!(
                            text,
                            "pistreamer: no links that let a device in can be made in {}: {error}",
                            store.directory().display()
                        );
                    }
                }
                let cameras = cameras.filter(|cameras| cameras.len() > 1);
                for (id, name) in cameras.iter().flatten() {
                    let url = urls.first().map_or("/", String::as_str);
                    let name = name
                        .as_ref()
                        .map_or(String::new(), |name| format!(" ({name})"));
                    text += &camera_link(&format!("{id}{name}"), &format!("{url}?camera={id}"));
                }
            }
            Ok(text)
        }
        KeyCommand::Rotate { name } => {
            let new = store.rotate(name)?;
            Ok(format!("{name}: {}\n", new.as_str()))
        }
        KeyCommand::Add {
            name,
            role,
            camera,
            expires,
            password,
        } => {
            let TypedRole { role, by_old_name } = *role;
            for typed in camera {
                if Id::new(typed).is_err() {
                    bail!(
                        "{} is no camera's id: the log of the start and /api/v1/cameras list them",
                        escaped(typed)
                    );
                }
            }
            let secret = match password {
                true => Some(Secret::of_password(&ask(name, &store)?)?),
                false => None,
            };
            let entry = store.add(Wanted {
                name: name.clone(),
                role,
                cameras: camera.clone(),
                lifetime: expires.map(|cli::Lifetime(time)| time),
                secret,
            })?;
            let said = match &entry.secret {
                Secret::Key(key) => key.as_str(),
                Secret::Argon2(_) => "a password",
            };
            let renamed = if by_old_name {
                "the role control is called publish now\n"
            } else {
                ""
            };
            let unknown = no_such_camera(camera, cameras);
            Ok(format!("{name} ({role}): {said}\n{renamed}{unknown}"))
        }
        KeyCommand::Remove { name } => {
            store.remove(name)?;
            Ok(format!("{name} is removed\n"))
        }
        KeyCommand::End { device } => {
            let ended = store.end_session(device, clock::now_us());
            let path = store.directory().display();
            if !ended.with_context(|| format!("the device cannot be signed out in {path}"))? {
                bail!("no device {device} is signed in: {command} lists them");
            }
            Ok(format!("{device} is signed out\n"))
        }
    }
}

/// A warning of cameras that the configuration does not know, where it names any: they may be there later.
fn no_such_camera(chosen: &[String], known: Option<Vec<(Id, Option<String>)>>) -> String {
    let Some(known) = known else {
        return String::new();
    };
    let known: Vec<_> = known.into_iter().map(|(id, _)| id).collect();
    let unknown = chosen
        .iter()
        .filter(|id| !known.iter().any(|known| **known == ***id));
    let unknown: Vec<_> = unknown.map(String::as_str).collect();
    if unknown.is_empty() {
        return String::new();
    }
    let known: Vec<_> = known.iter().map(|id| &**id).collect();
    format!(
        "warning: the configuration has no camera {}: it has {}\n",
        unknown.join(", "),
        known.join(", ")
    )
}

/// A password for a key that is to be added.
fn ask(name: &Name, store: &Store) -> anyhow::Result<String> {
    // Before anything is typed.
    if store.read()?.get(name).is_some() {
        bail!(KeyError::Known(name.clone()));
    }
    let password = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("Password for {name}: "))
            .context("the password cannot be read")?
    } else {
        let mut line = String::new();
        std::io::stdin()
            .read_line(&mut line)
            .context("the password cannot be read from standard input")?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    if password.chars().count() < SHORTEST_PASSWORD {
        bail!("this password is too short: use at least {SHORTEST_PASSWORD} characters");
    }
    if password.len() > crate::access::Password::LONGEST {
        bail!(
            "this password is too long: use at most {} bytes",
            crate::access::Password::LONGEST
        );
    }
    Ok(password)
}

fn listing(keys: &Keys) -> String {
    let mut text = String::new();
    for entry in keys.keys.iter().filter(|entry| entry.clip.is_none()) {
        let secret = match &entry.secret {
            Secret::Key(key) => key.as_str(),
            Secret::Argon2(_) => "a password",
        };
        let cameras = entry.cameras.as_ref().map_or(String::new(), |cameras| {
            format!(", for camera {}", cameras.join(", "))
        });
        let end = match entry.expires_us {
            Some(_) if entry.has_expired(clock::now_us()) => ", expired".into(),
            Some(expires_us) => format!(", until {}", time_of_day(expires_us)),
            None => String::new(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<16} {:<8} {secret}{cameras}{end}",
            entry.name, entry.role
        );
    }
    text
}

/// The links to recordings. `command` ends one.
fn links_of(keys: &Keys, command: &str) -> String {
    let mut text = String::new();
    for entry in &keys.keys {
        let Some(clip) = &entry.clip else {
            continue;
        };
        if text.is_empty() {
            let _ = writeln!(
                text,
                "\nlinks to recordings; `{command} remove NAME` ends one:"
            );
        }
        let camera = entry.cameras.as_ref().and_then(|cameras| cameras.first());
        let (from, to) = (time_of_day(clip.from_us), time_of_day(clip.to_us));
        let end = match entry.expires_us {
            Some(_) if entry.has_expired(clock::now_us()) => "expired".into(),
            Some(expires_us) => format!("until {}", time_of_day(expires_us)),
            None => String::new(),
        };
        let _ = writeln!(
            text,
            "{:<16} {} {from} to {to}, by {}, {end}",
            entry.name,
            escaped(camera.map_or("", String::as_str)),
            clip.by
        );
    }
    text
}

/// The devices that are signed in. `command` shows them.
fn devices(sessions: &[Session], command: &str) -> String {
    let mut text = String::new();
    if !sessions.is_empty() {
        let _ = writeln!(text, "\nsigned in; `{command} end ID` signs one out:");
    }
    for session in sessions {
        let last = time_of_day(session.last_us);
        let _ = writeln!(
            text,
            "{}  {:<28} {:<16} {last}  {}",
            escaped(&session.id),
            escaped(&session.device),
            session.key,
            session.address
        );
    }
    text
}

/// Unix time in µs as people read it.
fn time_of_day(us: u64) -> String {
    let seconds = i64::try_from(us / 1_000_000).unwrap_or_default();
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let ((year, month, day), (hour, minute, _)) = (at.to_calendar_date(), at.to_hms());
    let month = u8::from(month);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

pub(super) fn plain(urls: &[String]) -> String {
    let lines = urls.iter().map(|url| format!("pistreamer: open {url}\n"));
    lines.collect()
}

/// Where one of several cameras is seen, by a device that was let in.
pub(super) fn camera_link(camera: &str, url: &str) -> String {
    format!("pistreamer: camera {camera} is at {url}\n")
}

/// Links that are printed for these addresses: each one, and the QR code.
pub(super) fn links(urls: &[String]) -> usize {
    urls.len() + 1
}

/// The addresses, each with a code of its own behind `#`, where browsers keep it to themselves, and one more for the phone as a
/// QR code.
pub(super) fn invitation(urls: &[String], codes: &[Code], command: &str) -> String {
    let with_code = |url: &str, code: &Code| format!("{url}#code={}", code.as_str());
    let mut text = String::new();
    for (url, code) in urls.iter().zip(codes) {
        let _ = writeln!(text, "pistreamer: open {}", with_code(url, code));
    }
    let minutes = CODE.as_secs() / 60;
    let _ = writeln!(
        text,
        "pistreamer: each link lets one device in, within {minutes} minutes; for new ones: {command}"
    );
    if let (Some(url), Some(code)) = (front::for_phone(urls), codes.get(urls.len()))
        && let Ok(picture) = QrCode::new(with_code(url, code))
    {
        // Light on dark, as most terminals are: phones want dark on light.
        let picture = picture
            .render::<Dense1x2>()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build();
        let _ = writeln!(
            text,
            "\n{picture}\n\nScan it with a phone in the same network."
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_of_devices_holds_cannot_act_on_the_terminal() {
        let listed = r#"[{"id":"a\u001b[2Jb","key":"door","device":"x\ny","address":"::1","first_us":0,"last_us":0,"secret":""}]"#;
        let text = devices(
            &serde_json::from_str::<Vec<Session>>(listed).unwrap(),
            "key",
        );
        assert!(
            text.contains(r"a\u001b[2Jb") && text.contains(r"x\ny"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
