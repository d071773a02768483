//! What is known about one password: what was right, where, and how many wrong ones may still come.

use crate::util::token_bucket::TokenBucket;
use ring::hmac;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// A right password is forgotten after it was not shown for this time.
pub(super) const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

/// Addresses remembered of those where a password was right. Of more, the one that has been quiet for longest is forgotten.
const PLACES: usize = 64;

/// Wrong passwords from an address where the right one was shown before. Only beyond these must the right one wait there.
fn from_known_place() -> TokenBucket {
    TokenBucket::every(Duration::from_secs(10), 60)
}

/// Wrong passwords for one name from all other addresses together: however many guess, they try no more than 130,000 a day.
fn from_fresh_places() -> TokenBucket {
    TokenBucket::every(Duration::from_secs(1), 600)
}

fn from_neighbours() -> TokenBucket {
    TokenBucket::every(Duration::from_secs(4), 300)
}

fn from_other_places() -> TokenBucket {
    TokenBucket::every(Duration::from_secs(4), 60)
}

/// Which of these a guess is taken from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pool {
    /// Addresses with few wrong ones behind them.
    Fresh,
    /// IPv6 addresses of this machine's own networks: one machine there has new ones without end, and would leave nothing
    /// to others.
    Neighbours,
    Others,
}

/// What is known about the guesses at one password. It goes with the password.
#[derive(Debug)]
pub(super) struct Known {
    right: Option<Right>,
    fresh: TokenBucket,
    neighbours: TokenBucket,
    others: TokenBucket,
}

/// The right password.
pub(super) struct Right {
    pub tag: hmac::Tag,
    shown: Instant,
    /// The very addresses where it was shown, the quietest first, and what is left of the patience with wrong ones from
    /// there. A whole network that counts as one address would spend its owner's.
    places: Vec<(IpAddr, TokenBucket)>,
}

impl std::fmt::Debug for Right {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Right(…)")
    }
}

impl Default for Known {
    fn default() -> Self {
        Self {
            right: None,
            fresh: from_fresh_places(),
            neighbours: from_neighbours(),
            others: from_other_places(),
        }
    }
}

impl Known {
    pub(super) fn right(&mut self, now: Instant) -> Option<&mut Right> {
        let shown = self.right.as_ref().map(|right| right.shown);
        if shown.is_some_and(|shown| now.saturating_duration_since(shown) >= FORGOTTEN) {
            self.right = None;
        }
        self.right.as_mut()
    }

    /// What is left of the patience with an address where it was shown.
    pub(super) fn patience(&mut self, place: IpAddr) -> Option<&mut TokenBucket> {
        let mut places = self.right.iter_mut().flat_map(|right| &mut right.places);
        let known = places.find(|(known, _)| *known == place);
        known.map(|(_, patience)| patience)
    }

    pub(super) fn allowance(&mut self, pool: Pool) -> &mut TokenBucket {
        match pool {
            Pool::Fresh => &mut self.fresh,
            Pool::Neighbours => &mut self.neighbours,
            Pool::Others => &mut self.others,
        }
    }

    /// It was right, there.
    pub(super) fn remember(&mut self, tag: hmac::Tag, place: IpAddr, now: Instant) {
        let mut places = self.right.take().map_or(Vec::new(), |right| right.places);
        let before = places.iter().position(|(known, _)| *known == place);
        let known = before.map(|index| places.remove(index));
        if places.len() >= PLACES {
            places.remove(0);
        }
        places.push(known.unwrap_or((place, from_known_place())));
        self.right = Some(Right {
            tag,
            shown: now,
            places,
        });
    }
}
