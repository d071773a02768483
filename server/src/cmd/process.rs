//! What the commands need of their process: a runtime, a log, and to be told when to end.

use crate::util::panics;
use crate::{config, log};
use std::io::IsTerminal;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A runtime on every core.
pub(super) fn every_core() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build()
}

/// A runtime on the thread that calls it.
pub(super) fn one_core() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

pub(super) fn init_log(config: &config::Log) -> anyhow::Result<()> {
    let directives = &config.filter;
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| anyhow::anyhow!("--log {directives:?} is not understood: {error}"))?;
    log::init(filter, config.json);
    panics::log();
    Ok(())
}

/// Done at the first SIGINT or SIGTERM. A second one ends the process at once.
pub(super) fn shutdown_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        let mut either =
            async || tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () };
        either().await;
        tracing::info!("stopping; once more to stop at once");
        tokio::spawn(async move {
            let mut either =
                async || tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () };
            either().await;
            std::process::exit(130);
        });
    })
}

/// Done when the terminal from which the program was started is closed. That sends SIGHUP, as does what asks for the
/// configuration to be read again.
pub(super) fn terminal_closes() -> anyhow::Result<impl Future<Output = ()>> {
    let terminals = || {
        [
            std::io::stdin().is_terminal(),
            std::io::stdout().is_terminal(),
            std::io::stderr().is_terminal(),
        ]
    };
    let before = terminals();
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move { while hangup.recv().await.is_some() && terminals() == before {} })
}
