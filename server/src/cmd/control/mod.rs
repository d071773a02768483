//! `pistreamer control`: lists, reads and sets a camera's controls, by a server's HTTP API.
//!
//! What names and values mean is the server's business. Reaching it belongs to [`api`].

mod api;
mod listing;

use super::process::{finish, one_core, shutdown_signal};
use crate::access::{Key, Role, Secret, Store};
use crate::config::Loaded;
use crate::placeholders;
use crate::util::clock;
use crate::{cli, stdout};
use anyhow::{Context as _, bail};
use api::{Answer, Api};
use listing::listed;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pistreamer_protocol::message::Control;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Does what was typed, and prints what the camera has then.
///
/// # Errors
/// Where the server is not reached or refuses, or the camera does not take a value.
pub(super) fn run(typed: &cli::Control) -> anyhow::Result<()> {
    let api = match &typed.server {
        Some(url) => {
            let filled = placeholders::filled(url)?;
            Api::new(&filled).map_err(|error| error.about(url))?
        }
        None => own()?,
    };
    if api.has_code() {
        bail!(
            "the link of a device lets in a browser, once: give the server's URL with a key, as in \
             --server 'http://camera:${{file:/run/secrets/key}}@pi:8000'; `pistreamer key` shows the keys"
        );
    }
    let told = finish(one_core()?, async {
        let stop = shutdown_signal()?;
        tokio::select! {
            told = control(&api, typed) => told,
            () = stop => bail!("stopped"),
        }
    })?;
    Ok(stdout::print(&told)?)
}

/// The server that would start here with the configuration that is here.
fn own() -> anyhow::Result<Api> {
    let loaded = Loaded::new(&cli::Serve::default())
        .context("the configuration does not say where the server is; give --server URL")?;
    let config = loaded.config;
    let Some(mut address) = config.listen.first().copied() else {
        bail!("the configuration names no address to listen on; give --server URL");
    };
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    let scheme = if config.certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let api = Api::new(&format!("{scheme}://{address}/"))?;
    Ok(match config.keys.as_ref().and_then(key) {
        Some(key) => api.with_key(key.as_str()),
        None => api,
    })
}

/// A key of this server's that may set controls, where this user may read it.
fn key(keys: &Store) -> Option<Key> {
    let keys = keys.read().ok()?.keys;
    let mut keys = keys.into_iter().filter(|entry| {
        let is_good = entry.role.includes(Role::Operate) && entry.cameras.is_none();
        is_good && !entry.has_expired(clock::now_us())
    });
    keys.find_map(|entry| match entry.secret {
        Secret::Key(key) => Some(key),
        Secret::Argon2(_) => None,
    })
}

async fn control(api: &Api, typed: &cli::Control) -> anyhow::Result<String> {
    let camera = match &typed.camera {
        Some(id) => id.clone(),
        None => first_camera(api).await?,
    };
    let camera = format!("cameras/{}", encoded(&camera));
    let mut problems = Vec::new();
    if typed.reset {
        let answer = api
            .ask("DELETE", &format!("{camera}/controls"), None)
            .await?;
        problems.extend(left(&answer)?);
    }
    if let Some(preset) = &typed.preset {
        let path = format!("{camera}/presets/{}", encoded(preset));
        problems.extend(left(&api.ask("POST", &path, None).await?)?);
    }
    let (mut values, mut names) = (Map::new(), Vec::new());
    for word in &typed.what {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        names.push(name);
        // The server knows what a text stands for.
        values.extend(value.map(|value| (name.to_owned(), Value::from(value))));
    }
    if !values.is_empty() {
        let path = format!("{camera}/controls");
        let answer = api.ask("PUT", &path, Some(&Value::Object(values))).await?;
        problems.extend(left(&answer)?);
    }
    if let Some(preset) = &typed.save {
        let path = format!("{camera}/presets/{}", encoded(preset));
        good(&api.ask("PUT", &path, None).await?)?;
    }
    let answer = api.ask("GET", &format!("{camera}/controls"), None).await?;
    let list = good(&answer)?.json()?;
    if !problems.is_empty() {
        bail!("{}", problems.join("; "));
    }
    if typed.json {
        return Ok(answer.text + "\n");
    }
    let controls: Vec<Control> = serde_json::from_value(list["controls"].clone())?;
    let presets: Vec<String> = serde_json::from_value(list["presets"].clone())?;
    listed(&controls, &presets, &names)
}

/// The id of the server's first camera.
async fn first_camera(api: &Api) -> anyhow::Result<String> {
    let answer = api.ask("GET", "cameras", None).await?;
    let cameras = good(&answer)?.json()?;
    let id = cameras["cameras"][0]["id"].as_str();
    id.map(str::to_owned).context("the server has no camera")
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The answer, unless it is a refusal.
fn good(answer: &Answer) -> anyhow::Result<&Answer> {
    match answer.status {
        200..=299 => Ok(answer),
        401 => bail!(
            "{}; give --server a URL with a key: http://camera:KEY@HOST:PORT/; `pistreamer key` shows the keys",
            answer.text
        ),
        // An older pistreamer has no such path.
        404 if answer.text.is_empty() => bail!("the server is of a version without this"),
        _ => bail!("{}", answer.text),
    }
}

/// What was not taken, in words.
fn left(answer: &Answer) -> anyhow::Result<Vec<String>> {
    if answer.status != 422 {
        good(answer)?;
    }
    #[derive(serde::Deserialize)]
    struct Left {
        values: BTreeMap<String, Value>,
        refused: BTreeMap<String, String>,
        pending: Vec<String>,
    }
    let left: Left = serde_json::from_value(answer.json()?)?;
    let pending = left.pending.iter().map(|name| {
        let has = &left.values[name];
        format!(
            "{name} is {has} at the camera now, which has not taken the value yet, or another one"
        )
    });
    Ok(left.refused.values().cloned().chain(pending).collect())
}
