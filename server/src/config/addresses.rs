//! Addresses to listen on, as people type them, and which exclude each other.
//!
//! Binding them belongs to the stages.

use super::ConfigError;
use crate::source::Spec;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The port where none is typed.
pub(super) const USUAL_PORT: u16 = 8000;

/// An address to listen on: also as a port alone or behind a colon, which is every IPv4 address, as `localhost`, and
/// without a port.
///
/// # Errors
/// Where it is none of these.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, ConfigError> {
    let everywhere = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    let (host, port) = match text.rsplit_once(':') {
        // Not within an IPv6 address.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => ("", Some(text)),
        _ => (text, None),
    };
    let port = port.map_or(Ok(USUAL_PORT), str::parse);
    let address = match host {
        "" if !text.is_empty() => Some(everywhere),
        "*" => Some(everywhere),
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        host => match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').and_then(|inner| inner.parse().ok()),
            None => host.parse().ok(),
        },
    };
    address
        .zip(port.ok())
        .map(SocketAddr::from)
        .ok_or_else(|| ConfigError::BadAddress(text.into()))
}

/// Refuses sockets that exclude each other, before the system calls one of them taken by another program.
///
/// # Errors
/// With the camera whose socket the second one is, where it is one's.
pub(super) fn each_once(
    listen: &[SocketAddr],
    sources: &[&Spec],
) -> Result<(), (Option<usize>, ConfigError)> {
    let own = listen
        .iter()
        .map(|address| (*address, format!("listen {address}"), None));
    let cameras = sources.iter().enumerate().filter_map(|(camera, source)| {
        let at = source.listens()?;
        Some((at, format!("source {source}"), Some(camera)))
    });
    let all: Vec<_> = own.chain(cameras).collect();
    for (position, (second, typed, camera)) in all.iter().enumerate() {
        // Port 0 is another one each time.
        let excludes = |first: &SocketAddr| {
            first.port() == second.port()
                && first.port() != 0
                && first.is_ipv4() == second.is_ipv4()
                && (first.ip() == second.ip()
                    || first.ip().is_unspecified()
                    || second.ip().is_unspecified())
        };
        let mut before = all[..position].iter();
        if let Some((_, before, _)) = before.find(|(first, ..)| excludes(first)) {
            let error = ConfigError::Twice(before.clone(), typed.clone());
            return Err((*camera, error));
        }
    }
    Ok(())
}
