//! `pistreamer push`: a camera's frames to another server, without serving them.

use super::process::{every_core, finish, init_log, shutdown_signal};
use crate::{app, cli, config};

/// Pushes until the process is told to end, or the time is over.
///
/// # Errors
/// Where the configuration is wrong, the camera cannot be started, or nothing was delivered.
pub(super) fn run(typed: &cli::Push) -> anyhow::Result<()> {
    let config = config::Push::new(typed)?;
    init_log(&config.log)?;
    for problem in &config.useless {
        tracing::warn!(%problem, "a flag has no effect");
    }
    finish(every_core()?, async {
        Box::pin(app::push(&config, shutdown_signal()?)).await
    })
}
