//! `pistreamer control`: lists, reads and sets a camera's controls, by a server's HTTP API.
//!
//! What names and values mean is the server's business. Reaching it belongs to [`super::api`].

mod listing;

use super::api::{Answer, Api, encoded};
use super::process::{finish, one_core, shutdown_signal};
use crate::access::Role;
use crate::{cli, stdout};
use anyhow::bail;
use listing::listed;
use pistreamer_protocol::message::Control;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Does what was typed, and prints what the camera has then.
///
/// # Errors
/// Where the server is not reached or refuses, or the camera does not take a value.
pub(super) fn run(typed: &cli::Control) -> anyhow::Result<()> {
    let api = Api::of(typed.server.as_deref(), Role::Operate)?;
    let api = if typed.yes { api.confirmed() } else { api };
    let told = finish(one_core()?, async {
        let stop = shutdown_signal()?;
        tokio::select! {
            told = control(&api, typed) => told,
            () = stop => bail!("stopped"),
        }
    })?;
    Ok(stdout::print(&told)?)
}

async fn control(api: &Api, typed: &cli::Control) -> anyhow::Result<String> {
    let camera = api.camera(typed.camera.as_deref()).await?;
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
        api.ask("PUT", &path, None).await?.good()?;
    }
    let answer = api.ask("GET", &format!("{camera}/controls"), None).await?;
    let list = answer.good()?.json()?;
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

/// What was not taken, in words.
fn left(answer: &Answer) -> anyhow::Result<Vec<String>> {
    if answer.status != 422 {
        answer.good()?;
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
        format!("the camera has not answered yet: {name} was {has} at last")
    });
    Ok(left.refused.values().cloned().chain(pending).collect())
}
