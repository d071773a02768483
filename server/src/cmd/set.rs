//! `pistreamer set`: lists and sets a camera's settings while its server runs, by the server's HTTP API.
//!
//! What they mean, and which of them something else fixes, is the server's business. Controls, such as exposure, belong to
//! [`super::control`].

use super::api::Api;
use super::process::{finish, one_core, shutdown_signal};
use crate::access::Role;
use crate::{cli, stdout};
use anyhow::bail;
use pistreamer_protocol::text::plain;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Does what was typed, and prints what the camera has then.
///
/// # Errors
/// Where the server is not reached, or refuses: then nothing was set.
pub(super) fn run(typed: &cli::Set) -> anyhow::Result<()> {
    let api = Api::of(typed.server.as_deref(), Role::Admin)?;
    let told = finish(one_core()?, async {
        let stop = shutdown_signal()?;
        tokio::select! {
            told = set(&api, typed) => told,
            () = stop => bail!("stopped"),
        }
    })?;
    Ok(stdout::print(&told)?)
}

async fn set(api: &Api, typed: &cli::Set) -> anyhow::Result<String> {
    let mut change = Map::new();
    for word in &typed.what {
        let Some((name, value)) = word.split_once('=') else {
            bail!("{word:?} is not NAME=VALUE: write it like size=640x480");
        };
        let value = Some(value).filter(|value| !value.is_empty());
        // The server knows what a text stands for.
        change.insert(name.into(), value.map_or(Value::Null, Value::from));
    }
    let camera = api.camera(typed.camera.as_deref()).await?;
    let restart = async || -> anyhow::Result<()> {
        let path = format!("{camera}/restart");
        api.ask("POST", &path, None).await?.good()?;
        Ok(())
    };
    if typed.restart && change.is_empty() {
        restart().await?;
        return Ok(String::new());
    }
    let path = format!("{camera}/settings");
    let answer = if change.is_empty() {
        api.ask("GET", &path, None).await?
    } else {
        api.ask("PATCH", &path, Some(&Value::Object(change)))
            .await?
    };
    let settings = answer.good()?.json()?;
    if typed.restart {
        restart().await?;
    }
    if typed.json {
        return Ok(answer.text + "\n");
    }
    let mut text = String::new();
    for setting in settings["settings"].as_array().into_iter().flatten() {
        let said = |key: &str| plain(setting[key].as_str().unwrap_or_default());
        let value = match &setting["value"] {
            Value::Null => "(the source's)".into(),
            Value::String(value) => plain(value),
            value => value.to_string(),
        };
        let why = match &setting["fixed"] {
            Value::String(why) => plain(why),
            _ => said("from"),
        };
        writeln!(text, "{} = {value}  # {why}", said("name"))?;
        let takes = &setting["takes"];
        if let Some(nearest) = takes["nearest"].as_str() {
            let nearest = plain(nearest);
            writeln!(
                text,
                "# the camera has no {value}: it gives what is nearest, such as {nearest}"
            )?;
        }
        let sizes = takes["usual"].as_array().into_iter().flatten();
        let sizes: Vec<_> = sizes.filter_map(Value::as_str).map(plain).collect();
        if !sizes.is_empty() {
            writeln!(text, "# sizes: {}", sizes.join(", "))?;
        }
    }
    Ok(text)
}
