//! `pistreamer` without a subcommand: serves, and says where.

use super::key::{camera_link, invitation, links, plain};
use super::process::{every_core, finish, init_log, one_core, shutdown_signal, terminal_closes};
use crate::app::App;
use crate::config::{self, Loaded};
use crate::util::exit::Busy;
use crate::{cli, service, stdout};
use std::io::IsTerminal;
use std::pin::pin;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// Serves until the process is told to end.
///
/// # Errors
/// Where the configuration is wrong, an address is taken, or the system refuses what serving needs.
pub(super) fn run(typed: &cli::Serve) -> anyhow::Result<()> {
    let loaded = Loaded::new(typed)?;
    loaded.refuse_typed_alone()?;
    init_log(&loaded.config.log)?;
    for file in &loaded.files {
        tracing::info!(file = %file.display(), "configuration read");
    }
    if let Some(decided) = loaded.decided_by_memory() {
        tracing::info!("{decided}");
    }
    loaded.warn_of_passwords();
    loaded.warn_of_absent();
    loaded.warn_of_useless();
    loaded.warn_of_variables();
    let runtime = if loaded.config.certificate.is_some() {
        every_core()?
    } else {
        one_core()?
    };
    finish(runtime, async {
        let (stop, closed) = (shutdown_signal()?, terminal_closes()?);
        let mut shutdown = pin!(async {
            tokio::select! { () = stop => (), () = closed => () }
        });
        let mut hangup = signal(SignalKind::hangup())?;
        let config = loaded.config.clone();
        let keys = config.keys.as_ref();
        let command = keys.map_or(String::new(), |keys| config::key_command(keys.directory()));
        // A disk, a camera or another process that holds the state directory may not answer.
        let starting = tokio::task::spawn_blocking(move || {
            let _busy = Busy::new();
            let app = App::start(&config)?;
            let text = welcome(&app, &command, std::io::stdout().is_terminal());
            anyhow::Ok((app, text))
        });
        let (app, text) = tokio::select! {
            started = starting => started??,
            () = shutdown.as_mut() => return Ok(()),
        };
        stdout::print_aside(text);
        let (cameras, until) = (app.cameras().clone(), app.ending().clone());
        let asked = Arc::new(Notify::new());
        let following = app.follow(loaded, Arc::clone(&asked));
        let hangups = async {
            while hangup.recv().await.is_some() {
                asked.notify_one();
            }
        };
        let shutdown = async {
            shutdown.await;
            service::stopping();
        };
        service::ready(&cameras);
        tokio::join!(
            app.run(shutdown),
            following,
            until.run_until_cancelled(hangups),
            until.run_until_cancelled(service::follow(&cameras)),
        );
        Ok(())
    })
}

/// What a starting server says: its addresses. Codes that let devices in go with them only where a person reads along,
/// not into logs.
///
/// `command` shows the key elsewhere.
fn welcome(app: &App, command: &str, person: bool) -> String {
    let urls = app.urls();
    let certificate = app.fingerprint().map_or(String::new(), |fingerprint| {
        format!("pistreamer: the certificate's SHA-256 is {fingerprint}\n")
    });
    let codes = if person {
        app.codes(links(&urls)).unwrap_or_default()
    } else {
        Vec::new()
    };
    let invited = if !codes.is_empty() {
        invitation(&urls, &codes, command)
    } else if app.is_open() {
        plain(&urls)
            + "pistreamer: everybody who can reach this machine can see the camera (--no-auth)\n"
    } else {
        plain(&urls) + &format!("pistreamer: the access key is shown by: {command}\n")
    };
    let cameras = app
        .links()
        .into_iter()
        .map(|(camera, url)| camera_link(&camera, &url));
    invited + &certificate + &cameras.collect::<String>()
}
