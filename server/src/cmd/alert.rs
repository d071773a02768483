//! `pistreamer alert`: tests the ways to those who are told what happens, without a server.

use super::process::{finish, one_core, shutdown_signal};
use crate::alerts;
use crate::cli::{self, AlertCommand};
use crate::config::Loaded;
use crate::stdout;
use anyhow::bail;
use futures::future::join_all;
use pistreamer_alerts::{Outcome, Plan};
use std::sync::Arc;

/// Does what was typed, and prints what came back.
///
/// # Errors
/// Where the configuration is wrong, or somebody was not told.
pub(super) fn run(typed: &cli::Alert) -> anyhow::Result<()> {
    let AlertCommand::Test(typed) = &typed.command;
    let loaded = Loaded::new(typed)?;
    loaded.warn_of_useless();
    let (text, failed) = finish(one_core()?, async {
        let stop = shutdown_signal()?;
        tokio::select! {
            told = test(&loaded.config.alerts) => Ok(told),
            () = stop => bail!("stopped"),
        }
    })?;
    stdout::print(&text)?;
    match (failed, loaded.config.alerts.receivers.len()) {
        (_, 0) => bail!(
            "nobody is told: give --alert, or to = [\"ntfy:https://ntfy.sh/TOPIC\"] below [alerts] in a file"
        ),
        (0, _) => Ok(()),
        (failed, all) => bail!("{failed} of {all} were not told"),
    }
}

/// What came back from each, and how many were not told.
async fn test(plan: &Plan) -> (String, usize) {
    let alert = Arc::new(alerts::test());
    let told = plan.receivers.iter().map(async |(_, receiver)| {
        let came = match alerts::send(receiver, &alert, None).await {
            Outcome::Delivered => Ok("told".to_owned()),
            Outcome::Later { reason, .. } | Outcome::Never(reason) => {
                Err(format!("not told: {reason}"))
            }
        };
        (receiver.name(), came)
    });
    let told = join_all(told).await;
    let failed = told.iter().filter(|(_, came)| came.is_err()).count();
    let lines = told.into_iter().map(|(name, came)| {
        let came = came.unwrap_or_else(|reason| reason);
        format!("{name}: {came}\n")
    });
    (lines.collect(), failed)
}
