//! What systemd is told where this program is a service: that it serves, in which state its cameras are, and that it is well
//! (sd_notify(3)).
//!
//! Own code, because the usual crates block while the socket's receiver does not read, and nothing here may block on it.

use crate::camera::{Phase, Registry, STUCK};
use pistreamer_protocol::text::escaped;
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often the cameras' states are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The server accepts connections.
pub(crate) fn ready(cameras: &Registry) {
    tell(&format!("READY=1\n{}", status(cameras)));
}

/// It reads its configuration again. [`reloaded`] follows.
pub(crate) fn reloading() {
    // Needed for Type=notify-reload.
    let now = clock_gettime(ClockId::Monotonic);
    let us = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={us}"));
}

/// It has read it, or goes on with the old one.
pub(crate) fn reloaded() {
    tell("READY=1");
}

/// It ends.
pub(crate) fn stopping() {
    tell("STOPPING=1");
}

/// Tells the cameras' states whenever one changes, and feeds the watchdog while not all drivers are stuck: one camera that
/// hangs at each start would take all others along. Never ends. To be polled by what serves, so that the watchdog is fed only
/// while that runs.
pub(crate) async fn follow(cameras: &Registry) {
    if std::env::var_os(SOCKET).is_none() {
        return std::future::pending().await;
    }
    let (watchdog, mut fed) = (watchdog(), Instant::now());
    let (mut told, mut were_stuck) = (status(cameras), false);
    loop {
        let wait = watchdog.map_or(LOOK, |interval| interval.min(LOOK));
        sleep(wait).await;
        let now = status(cameras);
        if now != told {
            tell(&now);
            told = now;
        }
        let Some(interval) = watchdog else {
            continue;
        };
        let are_stuck = cameras.are_stuck(STUCK);
        if are_stuck && !were_stuck {
            tracing::error!(
                "no camera's driver returns: systemd's watchdog is not fed any more, and will restart this server"
            );
        }
        were_stuck = are_stuck;
        if !are_stuck && fed.elapsed() >= interval {
            tell("WATCHDOG=1");
            fed = Instant::now();
        }
    }
}

fn status(cameras: &Registry) -> String {
    let states = cameras.list();
    let states = states.iter().map(|camera| {
        let state = camera.state();
        let phase = match state.phase {
            Phase::Live => "live",
            Phase::NoSignal => "no signal",
            _ => "starting",
        };
        let reason = if state.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", escaped(&state.reason.text))
        };
        format!("{} {phase}{reason}", camera.id())
    });
    let states: Vec<_> = states.collect();
    format!("STATUS={}", states.join("; "))
}

/// How often the watchdog is to be fed, where there is one: three times in its time.
fn watchdog() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let meant =
        number("WATCHDOG_PID").is_none_or(|process| process == u64::from(std::process::id()));
    let us = number("WATCHDOG_USEC").filter(|us| meant && *us > 0)?;
    Some(Duration::from_micros(us) / 3)
}

const SOCKET: &str = "NOTIFY_SOCKET";

/// Sends news, where anyone is to have them. What is not taken at once is lost.
fn tell(news: &str) {
    if let Some(name) = std::env::var_os(SOCKET)
        && let Err(error) = send(name.as_bytes(), news)
    {
        tracing::debug!(%error, "cannot notify systemd");
    }
}

fn send(name: &[u8], news: &str) -> io::Result<()> {
    let address = match name.split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(news.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_that_nobody_takes_hold_up_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let _unread = UnixDatagram::bind(&path).unwrap();
        let name = path.as_os_str().as_bytes();
        let full = (0..100_000).find_map(|_| send(name, "WATCHDOG=1").err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
    }
}
