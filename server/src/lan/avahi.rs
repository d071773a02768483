//! Announcing through avahi-daemon: what it is given, it tells the network, until the connection ends.

use super::bus::{Answer, Bus, CallError, Fields, Method};
use super::links::links;
use super::offer::Offer;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::sleep;

/// How often is looked whether avahi-daemon still has it, and whether there is something else to tell.
const LOOK: Duration = Duration::from_secs(5);

/// Names that are tried, where other machines have the first ones.
const NAMES: u32 = 20;

/// `AVAHI_IF_UNSPEC`, `AVAHI_PROTO_UNSPEC`.
const ANY: i32 = -1;

/// States of an entry group.
const ESTABLISHED: u32 = 2;
const COLLISION: u32 = 3;
const FAILURE: u32 = 4;

/// A connection to a running avahi-daemon, and what it is to tell, which is nothing so far.
#[derive(Debug)]
pub(super) struct Avahi {
    bus: Bus,
    group: String,
    /// Whether the group was this server's so far.
    is_own: bool,
}

impl Avahi {
    /// # Errors
    /// Where none runs.
    pub(super) async fn find() -> Result<Self, CallError> {
        let mut bus = Bus::connect().await?;
        let method = method("/", "org.freedesktop.Avahi.Server", "EntryGroupNew");
        let answer = bus.call(&method, "", &Fields::default()).await?;
        let group = answer.text().unwrap_or_default().to_owned();
        Ok(Self {
            bus,
            group,
            is_own: false,
        })
    }

    /// Whether an error says that the group, which was this server's, is another program's by now.
    pub(super) fn is_others(&self, error: &str) -> bool {
        self.is_own && error.ends_with(".AccessDenied")
    }

    /// Announces, and keeps up with what there is to tell. Ends where avahi-daemon does not have it any more.
    pub(super) async fn announce(&mut self, offer: &Offer) -> CallError {
        match self.keep(offer).await {
            Err(error) => error,
            Ok(never) => match never {},
        }
    }

    async fn keep(&mut self, offer: &Offer) -> Result<std::convert::Infallible, CallError> {
        let (mut number, mut is_told) = (1, false);
        loop {
            let texts = offer.texts();
            let interfaces = interfaces(offer).await;
            let name = match number {
                1 => Offer::name(),
                number => format!("{} #{number}", Offer::name()),
            };
            self.call("Reset", "", &Fields::default()).await?;
            let given = self.give(&name, offer, &texts, &interfaces).await;
            let mut is_taken = match given {
                Err(CallError::Refused(error)) if error.ends_with(".CollisionError") => true,
                given => given.map(|()| false)?,
            };
            while !is_taken {
                let state = self.call("GetState", "", &Fields::default()).await?;
                match state.number() {
                    Some(ESTABLISHED) if !is_told => {
                        is_told = true;
                        tracing::info!(
                            name,
                            port = offer.port,
                            "announced on the local network, by avahi-daemon"
                        );
                    }
                    Some(COLLISION) => is_taken = true,
                    Some(FAILURE) => return Err(CallError::Refused("it failed".into())),
                    _ => {}
                }
                if offer.texts() != texts || self::interfaces(offer).await != interfaces {
                    break;
                }
                sleep(if is_told { LOOK } else { LOOK / 20 }).await;
            }
            if is_taken {
                number += 1;
                is_told = false;
            }
            if number > NAMES {
                let text = format!("{NAMES} other servers have its name");
                return Err(CallError::Refused(text));
            }
        }
    }

    async fn give(
        &mut self,
        name: &str,
        offer: &Offer,
        texts: &[String],
        interfaces: &BTreeSet<i32>,
    ) -> Result<(), CallError> {
        for interface in interfaces {
            for kind in ["_pistreamer._tcp", "_http._tcp"] {
                if kind == "_http._tcp" && offer.encrypted {
                    continue;
                }
                let mut service = Fields::default();
                service.signed(*interface);
                service.signed(ANY);
                service.unsigned(0);
                // Its own domain and host.
                for text in [name, kind, "", ""] {
                    service.text(text);
                }
                service.short(offer.port);
                service.arrays(texts);
                self.call("AddService", "iiussssqaay", &service).await?;
            }
        }
        if !interfaces.is_empty() {
            self.call("Commit", "", &Fields::default()).await?;
        }
        Ok(())
    }

    async fn call(
        &mut self,
        name: &str,
        signature: &str,
        body: &Fields,
    ) -> Result<Answer, CallError> {
        let method = method(&self.group, "org.freedesktop.Avahi.EntryGroup", name);
        let answer = self.bus.call(&method, signature, body).await?;
        self.is_own = true;
        Ok(answer)
    }
}

fn method<'a>(path: &'a str, interface: &'a str, name: &'a str) -> Method<'a> {
    Method {
        service: "org.freedesktop.Avahi",
        path,
        interface,
        name,
    }
}

/// Where it is announced: everywhere, or at the interfaces that have an address which is listened on.
async fn interfaces(offer: &Offer) -> BTreeSet<i32> {
    if offer.is_everywhere() {
        return BTreeSet::from([ANY]);
    }
    let links = links().await.into_iter().filter(|link| {
        let mut addresses = link.addresses.iter();
        addresses.any(|address| offer.reaches(*address))
    });
    links
        .filter_map(|link| link.index.try_into().ok())
        .collect()
}
