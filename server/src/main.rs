//! The `pistreamer` program: parse, load, log, run, exit code. Everything else is in the library.

use pistreamer::app::{self, App};
use pistreamer::cli::{Cli, Command, Logging};
use pistreamer::config::{self, Config};
use pistreamer::stdout::{self, PrintError};
use pistreamer::usage::{self, Answer};
use pistreamer::{grab, keys, log, panics};
use std::io::IsTerminal;
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// As other programs end that were called wrongly.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let code = log::start().map_err(Into::into).and_then(|()| start());
    let code = code.unwrap_or_else(|error| {
        if !matches!(error.downcast_ref(), Some(PrintError::ReaderGone)) {
            log::say(&format!("pistreamer: {error:#}"));
        }
        ExitCode::FAILURE
    });
    log::flush();
    code
}

fn start() -> anyhow::Result<ExitCode> {
    match usage::parse(std::env::args_os()) {
        Ok(cli) => run(&cli).map(|()| ExitCode::SUCCESS),
        Err(Answer::Help(text)) => {
            stdout::print(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(Answer::Wrong(text)) => {
            log::say(&format!("pistreamer: {text}"));
            Ok(ExitCode::from(WRONG_USAGE))
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    if let Some(Command::Cameras) = cli.command {
        return Ok(stdout::print(&pistreamer::cameras::listing()?)?);
    }
    if let Some(Command::Key(typed)) = &cli.command {
        return Ok(stdout::print(&keys::run(typed)?)?);
    }
    if let Some(Command::Push(typed)) = &cli.command {
        let push = config::Push::new(typed)?;
        init_log(&typed.logging)?;
        return everywhere()?.block_on(async { app::push(&push, shutdown_signal()?).await });
    }
    if let Some(Command::Grab(typed)) = &cli.command {
        let config = grab::Config::new(typed)?;
        return everywhere()?.block_on(async { Ok(grab::run(config, shutdown_signal()?).await?) });
    }
    let config = Config::new(&cli.serve)?;
    init_log(&cli.serve.logging)?;
    let runtime = if config.certificate.is_some() {
        everywhere()?
    } else {
        Builder::new_current_thread().enable_all().build()?
    };
    runtime.block_on(async {
        let shutdown = shutdown_signal()?;
        let app = App::start(&config)?;
        stdout::print_aside(keys::welcome(
            &app,
            &keys::command(cli.serve.state_dir.as_deref()),
            std::io::stdout().is_terminal(),
        ));
        app.run(shutdown).await;
        Ok(())
    })
}

/// A runtime on every core.
fn everywhere() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build()
}

fn init_log(typed: &Logging) -> anyhow::Result<()> {
    let directives = config::log_filter(typed.log.as_deref().unwrap_or("info"))?;
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| anyhow::anyhow!("--log {directives:?} is not understood: {error}"))?;
    log::init(filter, typed.log_json);
    panics::log();
    Ok(())
}

/// Done at the first SIGINT or SIGTERM. A second one ends the process at once.
fn shutdown_signal() -> anyhow::Result<impl Future<Output = ()>> {
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
