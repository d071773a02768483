//! Announcing by the server itself, where no avahi-daemon runs.
//!
//! Nothing is kept of what others send, so that no one can fill this machine's memory, and there is no name to defend: the
//! names have a part that no other machine has (RFC 6762 §8.1), and the same one after each start, so that a bookmark lasts.

use super::links::{Link, join, leave, links, send, socket};
use super::message::{LABELS, PORT, Told, may_ask, query};
use super::offer::Offer;
use crate::util::host;
use crate::util::token_bucket::TokenBucket;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket as StdUdpSocket};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// How often is looked for other networks, and for something else to tell.
const LOOK: Duration = Duration::from_secs(5);

/// Pause between two answers to all, and between the two times that news is told (RFC 6762 §6, §8.3).
const APART: Duration = Duration::from_secs(1);

/// Up to which a shared answer is delayed, so that those of several machines do not meet, in milliseconds.
const DELAY: std::ops::Range<u64> = 20..120;

/// Queries that are read in a second, and at once, of those that share a bucket. A network of people asks a few times in a
/// minute.
const RATE: u32 = 4;
const BURST: u32 = 16;

/// Buckets, by the sender's address: one that asks all the time leaves room for most others.
const BUCKETS: usize = 32;

/// Largest query that is read: none goes in pieces.
const LARGEST_QUERY: usize = 1500;

/// Announces until cancelled.
///
/// # Errors
/// Where another program has the port of mDNS, or the system has no multicast.
pub(super) async fn announce(offer: &Offer, until: &CancellationToken) -> io::Result<()> {
    // Those that share it, as below, are others that answer.
    StdUdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT))?;
    let mut responder = Responder {
        socket: socket(PORT)?,
        offer,
        name: String::new(),
        host: String::new(),
        links: Vec::new(),
        joined: BTreeSet::new(),
        is_full: false,
        texts: Vec::new(),
    };
    let tag = host::tag(offer.port).unwrap_or_else(|| fastrand::u32(..));
    let tag = format!("{:06x}", tag >> 8);
    responder.name = format!("{} {tag}", Offer::name());
    responder.host = format!("pistreamer-{tag}");
    let served = until.run_until_cancelled(responder.serve()).await;
    responder.tell(true).await;
    match served {
        None => Ok(()),
        Some(Err(error)) => Err(error),
        Some(Ok(never)) => match never {},
    }
}

struct Responder<'a> {
    socket: UdpSocket,
    offer: &'a Offer,
    name: String,
    host: String,
    links: Vec<Link>,
    /// Those whose queries come.
    joined: BTreeSet<u32>,
    /// Whether it was said that there are too many.
    is_full: bool,
    texts: Vec<String>,
}

impl Responder<'_> {
    async fn serve(&mut self) -> io::Result<std::convert::Infallible> {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut allowances: Vec<_> = (0..BUCKETS)
            .map(|_| TokenBucket::new(RATE, BURST))
            .collect();
        let (mut again, mut told, mut said) = (None, Instant::now(), None);
        let mut bytes = [0; LARGEST_QUERY];
        loop {
            tokio::select! {
                _ = look.tick() => {
                    if self.look().await {
                        self.tell(false).await;
                        told = Instant::now();
                        again = Some(told + APART);
                    }
                    self.say(&mut said);
                }
                () = async { sleep_until(again.unwrap_or(told)).await }, if again.is_some() => {
                    self.tell(false).await;
                    (told, again) = (Instant::now(), None);
                }
                received = self.socket.recv_from(&mut bytes) => {
                    // What a datagram of ours met is no reason to end.
                    let Ok((length, SocketAddr::V4(from))) = received else { continue };
                    // What is not for this server is read and costs nothing, so that it is not in the way of what is.
                    if !self.may_ask(&bytes[..length]) {
                        continue;
                    }
                    let allowance = &mut allowances[from.ip().to_bits() as usize % BUCKETS];
                    if allowance.is_spent(Instant::now()) {
                        continue;
                    }
                    allowance.spend(Instant::now());
                    let is_new = told.elapsed() >= APART;
                    if self.answer(&bytes[..length], from, is_new).await {
                        told = Instant::now();
                    }
                }
            }
        }
    }

    /// Says, once for each, that it is announced, or that there is nowhere to.
    fn say(&self, said: &mut Option<bool>) {
        let is_told = self
            .links
            .iter()
            .any(|link| self.told(link, |_| ()).is_some());
        if *said == Some(true) || *said == Some(is_told) {
            return;
        }
        *said = Some(is_told);
        if is_told {
            tracing::info!(
                name = self.name,
                port = self.offer.port,
                "announced on the local network, as {}.local",
                self.host
            );
        } else {
            tracing::info!(
                "not announced on the local network so far: there is none with an IPv4 address at which the server listens"
            );
        }
    }

    fn may_ask(&self, bytes: &[u8]) -> bool {
        let [one, two, three] = LABELS;
        may_ask(bytes, &[one, two, three, &self.host])
    }

    /// Whether the networks or the texts are others than before.
    async fn look(&mut self) -> bool {
        let (links, texts) = (links().await, self.offer.texts());
        self.joined.retain(|index| {
            let is_there = links.iter().any(|link| link.index == *index);
            if !is_there && let Err(error) = leave(&self.socket, *index) {
                tracing::debug!(%error, link = index, "it is not left");
            }
            is_there
        });
        for link in &links {
            if self.joined.contains(&link.index) {
                continue;
            }
            match join(&self.socket, link) {
                Ok(()) => drop(self.joined.insert(link.index)),
                Err(error) if !self.is_full && error.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.is_full = true;
                    tracing::warn!(
                        heard = self.joined.len(),
                        networks = links.len(),
                        "queries of some networks are not heard: the system grants no more memberships \
                         (net.ipv4.igmp_max_memberships)"
                    );
                }
                Err(error) => {
                    tracing::debug!(%error, link = link.index, "its queries are not heard");
                }
            }
        }
        let is_new = links != self.links || texts != self.texts;
        (self.links, self.texts) = (links, texts);
        is_new
    }

    /// What is told on a link; `None` where the server is not reached on it.
    fn told<T>(&self, link: &Link, tell: impl FnOnce(&Told<'_>) -> T) -> Option<T> {
        let addresses = link.addresses.iter().copied();
        // Others would need to know by which of their interfaces a link-local one is reached.
        let others_reach = |address: &IpAddr| {
            let is_local =
                matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
            self.offer.reaches(*address) && !is_local
        };
        let addresses: Vec<_> = addresses.filter(others_reach).collect();
        let told = Told {
            name: &self.name,
            host: &self.host,
            port: self.offer.port,
            plain: !self.offer.encrypted,
            texts: &self.texts,
            addresses: &addresses,
        };
        (!addresses.is_empty()).then(|| tell(&told))
    }

    /// Tells everybody on each link.
    async fn tell(&self, goes: bool) {
        for link in &self.links {
            if let Some(message) = self.told(link, |told| told.to_all(goes))
                && let Err(error) = send(&self.socket, link, &message).await
            {
                tracing::debug!(%error, link = link.index, "it is not told");
            }
        }
    }

    /// Answers a query: all, where they were told nothing for a while, or the one that asked from a port of its own. Whether
    /// all were told.
    async fn answer(&self, bytes: &[u8], from: SocketAddrV4, is_new: bool) -> bool {
        // Where it came from, an answer can go only if that is here.
        let Some(link) = self.links.iter().find(|link| link.has(*from.ip())) else {
            return false;
        };
        let Some(query) = query(bytes) else {
            return false;
        };
        if from.port() != PORT {
            let answer = self.told(link, |told| {
                told.is_asked_for(&query).then(|| told.to_one(&query))
            });
            if let Some(answer) = answer.flatten() {
                let _ = self.socket.try_send_to(&answer, from.into());
            }
            return false;
        }
        let is_asked_for = self.told(link, |told| told.is_asked_for(&query));
        if !is_new || is_asked_for != Some(true) {
            return false;
        }
        sleep(Duration::from_millis(fastrand::u64(DELAY))).await;
        self.tell(false).await;
        true
    }
}
