//! What people are told about access keys: `pistreamer key`, and the addresses to open when the server starts.
//!
//! What keys are good for belongs to [`crate::access`].

use crate::access::{Entry, Key, Keys, Name, Secret};
use crate::app::App;
use crate::cli::{self, KeyCommand};
use crate::{config, front};
use anyhow::{Context, bail};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::net::Ipv4Addr;

/// Shortest password that is taken, in characters.
const SHORTEST_PASSWORD: usize = 8;

/// Does what `pistreamer key` was told, and returns what there is to say.
///
/// # Errors
/// Where the keys can be neither read nor written, or there is none of that name.
pub fn run(typed: &cli::Key) -> anyhow::Result<String> {
    let store = config::store(typed.state_dir.as_deref())?;
    match typed.command.as_ref().unwrap_or(&KeyCommand::Show) {
        KeyCommand::Show => {
            let keys = store.read()?;
            let mut text = listing(&keys);
            if let Some(key) = keys.owners() {
                let usual = || front::urls((Ipv4Addr::UNSPECIFIED, 8000).into(), false);
                text += &invitation(&store.addresses().unwrap_or_else(usual), key);
            }
            Ok(text)
        }
        KeyCommand::Rotate { name } => {
            store.read()?;
            let new = Key::random()?;
            let mut found = false;
            store.change(|keys| {
                for entry in keys.keys.iter_mut().filter(|entry| entry.name == *name) {
                    entry.secret = Secret::Key(new.clone());
                    found = true;
                }
            })?;
            if !found {
                bail!(unknown(name, &store.read()?));
            }
            Ok(format!("{name}: {}\n", new.as_str()))
        }
        KeyCommand::Add {
            name,
            role,
            password,
        } => {
            if store.read()?.get(name).is_some() {
                bail!("there is a key {name} already: choose another name, or rotate or remove it");
            }
            let (secret, said) = if *password {
                (
                    Secret::of_password(&ask(name)?)?,
                    String::from("a password"),
                )
            } else {
                let key = Key::random()?;
                let said = key.as_str().to_owned();
                (Secret::Key(key), said)
            };
            store.change(|keys| {
                // Somebody else may have added it since.
                if keys.get(name).is_none() {
                    keys.keys.push(Entry {
                        name: name.clone(),
                        role: *role,
                        secret,
                    });
                }
            })?;
            Ok(format!("{name} ({role}): {said}\n"))
        }
        KeyCommand::Remove { name } => {
            let keys = store.read()?;
            if keys.get(name).is_none() {
                bail!(unknown(name, &keys));
            }
            if keys.keys.len() == 1 {
                bail!(
                    "{name} is the only key, and without one nobody could look: add another first, or rotate it"
                );
            }
            store.change(|keys| keys.keys.retain(|entry| entry.name != *name))?;
            Ok(format!("{name} is removed\n"))
        }
    }
}

fn unknown(name: &Name, keys: &Keys) -> String {
    let known: Vec<_> = keys.keys.iter().map(|entry| entry.name.as_str()).collect();
    format!("there is no key {name}: there are {}", known.join(", "))
}

fn ask(name: &Name) -> anyhow::Result<String> {
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
    for entry in &keys.keys {
        let secret = match &entry.secret {
            Secret::Key(key) => key.as_str(),
            Secret::Argon2(_) => "a password",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<16} {:<8} {secret}", entry.name, entry.role);
    }
    text
}

/// What a starting server says: its addresses. The key goes with them only where a person reads along, not into logs.
///
/// `command` shows the key elsewhere.
pub fn welcome(app: &App, command: &str, person: bool) -> String {
    let urls = app.urls();
    let plain = |urls: &[String]| {
        urls.iter()
            .map(|url| format!("pistreamer: open {url}\n"))
            .collect::<String>()
    };
    let certificate = app.fingerprint().map_or(String::new(), |fingerprint| {
        format!("pistreamer: the certificate's SHA-256 is {fingerprint}\n")
    });
    let invited = match app.owners_key() {
        Some(key) if person => invitation(&urls, &key),
        _ if app.is_open() => {
            plain(&urls)
                + "pistreamer: everybody who can reach this machine can see the camera (--no-auth)\n"
        }
        _ => plain(&urls) + &format!("pistreamer: the access key is shown by: {command}\n"),
    };
    invited + &certificate
}

/// The addresses with the key behind `#`, where browsers keep it to themselves, and the one for the phone as a QR code.
fn invitation(urls: &[String], key: &Key) -> String {
    let with_key = |url: &String| format!("{url}#key={}", key.as_str());
    let mut text = String::new();
    for url in urls {
        let _ = writeln!(text, "pistreamer: open {}", with_key(url));
    }
    // Not every phone knows .local names, and none reaches localhost.
    let for_phone = urls.iter().find(|url| {
        !url.contains("localhost") && !url.contains(".local:") && !url.contains("//127.")
    });
    if let Some(url) = for_phone
        && let Ok(code) = QrCode::new(with_key(url))
    {
        // Light on dark, as most terminals are: phones want dark on light.
        let picture = code
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
