//! Which connection is evicted when every place is taken: fair shares, first by credential, then by address.
//!
//! Pure; what a place is, and how many there are, belongs to [`super::crowd`].

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

/// What the newcomer has of the places that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own {
    /// With the same key or ticket, where any is needed.
    pub credential: Option<usize>,
    /// Of these, from the same address.
    pub address: usize,
}

/// What let a client in: tickets count apart from the key that they were made with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Credential {
    /// The key's name; `None` where the server needs no key.
    pub key: Option<Arc<str>>,
    pub is_ticket: bool,
}

/// Under what a place is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// An administrator gives way to other administrators only.
    pub is_admin: bool,
    pub credential: Credential,
    pub address: IpAddr,
}

/// What a place is used for, the least worth first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// An open connection without a request.
    Idle,
    /// A viewer that wants no frames for now.
    Paused,
    /// A request that is being answered, or a pusher.
    Request,
    /// A viewer.
    Viewer,
}

/// A place that is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held<'a> {
    /// Greater for later arrivals.
    pub id: u64,
    pub claim: &'a Claim,
    pub used_for: Use,
}

/// The place that a newcomer takes over from another, `None` where its share is no smaller than everybody else's. An
/// administrator takes one from a client that is none, whatever the shares are.
///
/// A swap never leaves the newcomer with the greater share of the two. Two that come back whenever they are evicted would
/// evict each other for ever otherwise.
pub(super) fn gives_way<'a>(newcomer: &Claim, held: impl Iterator<Item = Held<'a>>) -> Option<u64> {
    let mut held: Vec<_> = held
        .filter(|held| newcomer.is_admin || !held.claim.is_admin)
        .collect();
    let outranks = newcomer.is_admin && held.iter().any(|held| !held.claim.is_admin);
    if outranks {
        held.retain(|held| !held.claim.is_admin);
    }
    let by_credential = counted(held.iter().map(|held| &held.claim.credential));
    let most = by_credential.values().max().copied().unwrap_or_default();
    let own = by_credential
        .get(&newcomer.credential)
        .copied()
        .unwrap_or_default();
    let from_another = outranks || own + 1 < most;
    if from_another {
        held.retain(|held| by_credential[&held.claim.credential] == most);
    } else {
        held.retain(|held| held.claim.credential == newcomer.credential);
    }

    let by_address = counted(held.iter().map(|held| held.claim.address));
    let most = by_address.values().max().copied().unwrap_or_default();
    let own = by_address
        .get(&newcomer.address)
        .copied()
        .unwrap_or_default();
    if from_another || own + 1 < most {
        held.retain(|held| by_address[&held.claim.address] == most);
    } else {
        // Between equals, one that does nothing with its place goes.
        held.retain(|held| held.used_for <= Use::Paused && own < by_address[&held.claim.address]);
    }
    held.iter()
        .min_by_key(|held| (held.used_for, Reverse(held.id)))
        .map(|held| held.id)
}

fn counted<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> HashMap<K, usize> {
    let mut counts = HashMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(key: &str, address: u8) -> Claim {
        Claim {
            is_admin: key == "owner",
            credential: Credential {
                key: Some(key.into()),
                is_ticket: false,
            },
            address: [192, 0, 2, address].into(),
        }
    }

    /// The place of whom the newcomer takes; ids count from 0.
    fn loser(newcomer: &Claim, held: &[(Claim, Use)]) -> Option<u64> {
        let held = held.iter().zip(0..).map(|((claim, used_for), id)| Held {
            id,
            claim,
            used_for: *used_for,
        });
        gives_way(newcomer, held)
    }

    fn viewers(claims: &[(&str, u8)]) -> Vec<(Claim, Use)> {
        claims
            .iter()
            .map(|(key, address)| (claim(key, *address), Use::Viewer))
            .collect()
    }

    #[test]
    fn an_audience_of_equals_stays_and_only_an_administrator_comes_in() {
        let audience = viewers(&[("door", 1), ("door", 2), ("door", 3)]);
        assert_eq!(loser(&claim("door", 4), &audience), None);
        assert_eq!(loser(&claim("door", 1), &audience), None);
        assert_eq!(loser(&claim("owner", 4), &audience), Some(2));
        let owners = viewers(&[("owner", 1), ("owner", 2), ("owner", 3)]);
        assert_eq!(loser(&claim("door", 4), &owners), None);
        assert_eq!(loser(&claim("owner", 4), &owners), None);
        let each_with_its_own_key = viewers(&[("door", 1), ("shed", 2), ("gate", 3)]);
        assert_eq!(loser(&claim("anna", 4), &each_with_its_own_key), None);
        assert_eq!(loser(&claim("owner", 4), &each_with_its_own_key), Some(2));
    }

    #[test]
    fn the_credential_with_the_greatest_share_gives_way_at_the_address_with_the_greatest_share() {
        let held = viewers(&[("door", 1), ("shed", 2), ("shed", 3), ("shed", 3)]);
        assert_eq!(loser(&claim("gate", 9), &held), Some(3));
        // Two of each key are as fair as it gets.
        assert_eq!(loser(&claim("door", 9), &held), Some(3));
        let fair = viewers(&[("door", 1), ("door", 9), ("shed", 2), ("shed", 3)]);
        assert_eq!(loser(&claim("door", 8), &fair), None);
        assert_eq!(loser(&claim("shed", 8), &fair), None);
        let mut tickets = claim("door", 7);
        tickets.credential.is_ticket = true;
        assert_eq!(loser(&tickets, &fair), Some(3));
    }

    #[test]
    fn one_address_cannot_keep_out_others_with_the_same_credential() {
        let held = viewers(&[("door", 1), ("door", 2), ("door", 2), ("door", 2)]);
        assert_eq!(loser(&claim("door", 3), &held), Some(3));
        assert_eq!(loser(&claim("door", 2), &held), None);
        // One against one would go on for ever.
        let held = viewers(&[("door", 1), ("door", 2), ("door", 2)]);
        assert_eq!(loser(&claim("door", 1), &held), None);
    }

    #[test]
    fn what_does_nothing_goes_first_and_also_between_equals() {
        let mut held = viewers(&[("door", 1), ("door", 2), ("door", 2), ("door", 2)]);
        held[1].1 = Use::Paused;
        held[2].1 = Use::Idle;
        assert_eq!(loser(&claim("door", 3), &held), Some(2));
        let mut held = viewers(&[("door", 1), ("door", 2)]);
        held[0].1 = Use::Paused;
        assert_eq!(loser(&claim("door", 3), &held), Some(0));
        assert_eq!(loser(&claim("door", 1), &held), None);
        assert_eq!(loser(&claim("door", 2), &held), None);
    }

    #[test]
    fn however_greedy_clients_come_back_shares_settle() {
        // Three keys from few addresses, which all want every place, and come back as soon as they lose one.
        const MOST: usize = 30;
        let mut chance = fastrand::Rng::with_seed(1);
        let mut held: Vec<(u64, Claim)> = Vec::new();
        let mut swaps = 0;
        for id in 0..20_000 {
            let key = ["door", "shed", "gate"][chance.usize(..3)];
            let newcomer = claim(key, chance.u8(..4));
            if held.len() >= MOST {
                let taken = held.iter().map(|(id, claim)| Held {
                    id: *id,
                    claim,
                    used_for: Use::Viewer,
                });
                let Some(loser) = gives_way(&newcomer, taken) else {
                    continue;
                };
                swaps += 1;
                held.retain(|(id, _)| *id != loser);
            }
            held.push((id, newcomer));
        }
        let shares = counted(held.iter().map(|(_, claim)| &claim.credential));
        assert!(
            shares.values().all(|share| *share == MOST / 3),
            "{shares:?}"
        );
        assert!(swaps < 10 * MOST, "{swaps} swaps");
    }
}
