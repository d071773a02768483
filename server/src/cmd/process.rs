//! What the commands need of their process: a runtime, a log, and to be told when to end.

use crate::util::{exit, panics};
use crate::{config, log};
use std::io::IsTerminal;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::Targets;

/// As shells tell of programs that SIGINT has ended.
const INTERRUPTED: u8 = 130;

/// A runtime on every core.
pub(super) fn every_core() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build()
}

/// A runtime on the thread that calls it.
pub(super) fn one_core() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Runs the task to its end. Reading and closing that it has left to threads ends with the process: a disk or a camera that
/// does not answer must not hold up the end for ever.
pub(super) fn finish<T>(
    runtime: Runtime,
    task: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let end = runtime.block_on(task);
    runtime.shutdown_background();
    end
}

pub(super) fn init_log(config: &config::Log) -> anyhow::Result<()> {
    let directives = &config.filter;
    let filter = directives
        .parse::<Targets>()
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
        tracing::info!("stopping; repeat the signal to stop at once");
        tokio::spawn(async move {
            let mut either =
                async || tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () };
            either().await;
            log::flush();
            exit::exit(INTERRUPTED);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_camera_that_never_closes_does_not_hold_up_the_end() {
        for runtime in [every_core(), one_core()] {
            let (close, closes) = mpsc::channel::<()>();
            let end = finish(runtime.unwrap(), async {
                let (begin, begun) = tokio::sync::oneshot::channel();
                tokio::task::spawn_blocking(move || {
                    begin.send(()).unwrap();
                    closes.recv()
                });
                begun.await?;
                Ok(7)
            });
            assert_eq!(end.unwrap(), 7);
            drop(close);
        }
    }
}
