//! Finding the servers of the local network. Answers come to a port of its own, so that nothing is in the way of what answers
//! on this machine.

use super::links::{links, send, socket};
use super::message::{Found, LARGEST, heard, search};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::time::{Instant, interval, sleep_until};

/// How often is asked.
const ASK: Duration = Duration::from_secs(1);

/// Most servers, and most that one address is believed to have.
const MOST: usize = 256;
const MOST_AT_ONE: usize = 16;

/// Asks each network of this machine for that long, or until told to stop: what was found by then.
///
/// # Errors
/// Where this machine is on none.
pub(crate) async fn find(time: Duration, stop: impl Future<Output = ()>) -> io::Result<Vec<Found>> {
    let links = links().await;
    if links.is_empty() {
        let text = "this machine is on no network: it has no IPv4 address but its own";
        return Err(io::Error::new(io::ErrorKind::NetworkUnreachable, text));
    }
    let (socket, search) = (socket(0)?, search());
    let (mut ask, end) = (interval(ASK), Instant::now() + time);
    let mut found: Vec<(Ipv4Addr, Found)> = Vec::new();
    let mut bytes = vec![0; LARGEST];
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = sleep_until(end) => break,
            () = &mut stop => break,
            _ = ask.tick() => {
                for link in &links {
                    if let Err(error) = send(&socket, link, &search).await {
                        tracing::debug!(%error, link = link.index, "it is not asked");
                    }
                }
            }
            received = socket.recv_from(&mut bytes) => {
                if let Ok((length, SocketAddr::V4(from))) = received
                    && links.iter().any(|link| link.has(*from.ip()))
                {
                    for server in heard(&bytes[..length], *from.ip()) {
                        keep(&mut found, *from.ip(), server);
                    }
                }
            }
        }
    }
    found.sort_by_key(|(_, server)| address(&server.url));
    Ok(found.into_iter().map(|(_, server)| server).collect())
}

/// A server that was found already is not found again, and the newest word counts. Once the machine at an address has spoken, nothing
/// that others say of that address counts, and of others the first one. Whose word it is, its sender's address says, which can be forged.
fn keep(found: &mut Vec<(Ipv4Addr, Found)>, from: Ipv4Addr, server: Found) {
    let is_at = address(&server.url).map(|(ip, _)| ip);
    let is_its_own = |from: Ipv4Addr| is_at == Some(IpAddr::V4(from));
    let is_of_it = |known: &Found| address(&known.url).map(|(ip, _)| ip) == is_at;
    if is_its_own(from) {
        found.retain(|(other, known)| *other == from || !is_of_it(known));
    } else if found
        .iter()
        .any(|(other, known)| is_its_own(*other) && is_of_it(known))
    {
        return;
    }
    if let Some(known) = found.iter_mut().find(|(_, known)| known.url == server.url) {
        if known.0 == from || is_its_own(from) {
            *known = (from, server);
        }
    } else if found.len() < MOST
        && found.iter().filter(|(other, _)| *other == from).count() < MOST_AT_ONE
    {
        found.push((from, server));
    }
}

/// What they are sorted by.
fn address(url: &str) -> Option<(IpAddr, u16)> {
    let (_, rest) = url.split_once("://")?;
    let address: SocketAddr = rest.split('/').next()?.parse().ok()?;
    Some((address.ip(), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(port: usize) -> Found {
        Found {
            url: format!("http://192.0.2.1:{port}/"),
            server: String::new(),
            name: String::new(),
            cameras: Vec::new(),
            tls: false,
            version: String::new(),
        }
    }

    #[test]
    fn no_machine_speaks_for_another_one_that_speaks_for_itself() {
        let [own, other, third] = [1, 2, 3].map(|last| Ipv4Addr::new(192, 0, 2, last));
        let named = |name: &str| Found {
            server: name.into(),
            ..server(8000)
        };
        let mut found = Vec::new();
        keep(&mut found, other, named("first"));
        keep(&mut found, third, named("second"));
        assert_eq!(found, [(other, named("first"))]);
        keep(&mut found, own, named("own"));
        keep(&mut found, other, named("other"));
        assert_eq!(found, [(own, named("own"))]);
        keep(&mut found, own, named("newest"));
        assert_eq!(found, [(own, named("newest"))]);
        // Whatever else they say is there.
        keep(&mut found, other, server(80));
        assert_eq!(found, [(own, named("newest"))]);
    }

    #[test]
    fn one_machine_does_not_fill_the_list() {
        let mut found = Vec::new();
        // None of them is the machine that they speak of.
        for port in 1..1000 {
            keep(&mut found, Ipv4Addr::new(192, 0, 2, 9), server(port));
        }
        assert_eq!(found.len(), MOST_AT_ONE);
        keep(&mut found, Ipv4Addr::new(192, 0, 2, 2), server(1000));
        assert_eq!(found.len(), MOST_AT_ONE + 1);
        for machine in 0..255 {
            for port in 2000..2010 {
                keep(
                    &mut found,
                    Ipv4Addr::new(192, 0, 3, machine),
                    server(port + 10 * usize::from(machine)),
                );
            }
        }
        assert_eq!(found.len(), MOST);
    }
}
