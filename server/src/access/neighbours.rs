//! What counts as one address, and which addresses are of this machine's own networks.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Polling interval for the interfaces: their addresses come late after a start, and change when the provider says so.
const LOOK: Duration = Duration::from_secs(10);

/// The networks that this machine has an address in.
static OWN: RwLock<Networks> = RwLock::new(Networks(Vec::new()));

/// What counts as one address: the owner of an IPv6 address has the 64 bits behind it (RFC 4291 §2.5.4). Not so in this
/// machine's own networks, where all machines have theirs under the same 64 bits: there each address counts by itself.
pub fn neighbourhood(address: IpAddr) -> IpAddr {
    own(|networks| networks.neighbourhood(address))
}

/// Whether an address is one of those that a machine of an own network can take as many of as it likes.
pub(super) fn is_neighbour(address: IpAddr) -> bool {
    own(|networks| networks.have(address))
}

fn own<T>(ask: impl FnOnce(&Networks) -> T) -> T {
    ask(&OWN.read().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps up with the addresses of this machine's interfaces, until cancelled.
pub async fn follow_interfaces(until: CancellationToken) {
    loop {
        if let Ok(networks) = spawn_blocking(Networks::of_this_machine).await {
            *OWN.write().unwrap_or_else(PoisonError::into_inner) = networks;
        }
        if until.run_until_cancelled(sleep(LOOK)).await.is_none() {
            return;
        }
    }
}

/// IPv6 networks, by their first 64 bits. How much longer or shorter the prefix of an interface is does not matter: with
/// DHCPv6 it has all 128 bits, and those of a tunnel may be so few that the internet begins with them.
#[derive(Debug, Default)]
struct Networks(Vec<u64>);

impl Networks {
    fn of_this_machine() -> Self {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        Self::around(interfaces.iter().map(if_addrs::Interface::ip))
    }

    /// Those that a machine with such addresses is in.
    fn around(addresses: impl Iterator<Item = IpAddr>) -> Self {
        let mut networks: Vec<_> = addresses
            .filter_map(|address| match address {
                IpAddr::V6(address) if !address.is_loopback() => Some(network(address)),
                _ => None,
            })
            .collect();
        networks.sort_unstable();
        networks.dedup();
        Self(networks)
    }

    fn have(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                address.is_unicast_link_local() || self.0.contains(&network(address))
            }
            IpAddr::V4(_) => false,
        }
    }

    fn neighbourhood(&self, address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V6(address) if !self.have(address.into()) => {
                Ipv6Addr::from_bits(u128::from(network(address)) << 64).into()
            }
            address => address,
        }
    }
}

fn network(address: Ipv6Addr) -> u64 {
    (address.to_bits() >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(addresses: &[&str]) -> Networks {
        Networks::around(addresses.iter().map(|address| address.parse().unwrap()))
    }

    fn place(networks: &Networks, address: &str) -> String {
        let address = networks.neighbourhood(address.parse().unwrap());
        address.to_string()
    }

    #[test]
    fn each_address_of_an_own_network_counts_by_itself_and_elsewhere_all_of_a_network_count_as_one()
    {
        let own = of(&["192.0.2.1", "::1", "2001:db8::1", "fd12::7", "fe80::1"]);
        for single in [
            "192.0.2.9",
            "2001:db8::9",
            "2001:db8::ffff:ffff:ffff:ffff",
            "fd12::9",
            "fe80::9",
        ] {
            assert_eq!(place(&own, single), single);
        }
        assert_eq!(place(&own, "2001:db8:0:1::9"), "2001:db8:0:1::");
        assert_eq!(place(&own, "2001:db7:ffff:ffff::9"), "2001:db7:ffff:ffff::");
        assert_eq!(place(&own, "::ffff:192.0.2.9"), "192.0.2.9");
        assert_eq!(place(&own, "::9"), "::");
        // On another network they are one.
        assert_eq!(place(&of(&["192.0.2.1"]), "2001:db8::9"), "2001:db8::");
    }

    #[test]
    fn only_ipv6_addresses_of_an_own_network_can_be_had_without_end() {
        let own = of(&["192.0.2.1", "2001:db8::1"]);
        let have = |address: &str| own.have(address.parse().unwrap());
        assert!(have("2001:db8::9") && have("fe80::9"));
        assert!(!have("192.0.2.9") && !have("2001:db8:0:1::9") && !have("::ffff:192.0.2.9"));
    }

    #[tokio::test]
    async fn the_addresses_of_this_machine_are_known_once_it_was_looked_at() {
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        follow_interfaces(cancelled).await;
        for interface in if_addrs::get_if_addrs().unwrap() {
            let address = interface.ip();
            let counts_by_itself = neighbourhood(address) == address;
            assert!(counts_by_itself || address.is_loopback(), "{address}");
        }
    }
}
