//! Patience with wrong keys: each address has little of it for each name, and less each time.

use super::key::Name;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Wrong ones without consequences: people mistype.
const FREE: u32 = 3;

/// The wait after the first one that has consequences. It doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Wrong ones of an address are forgotten after this time without another.
const FORGOTTEN: Duration = Duration::from_secs(1800);

/// Pairs remembered. Of more, the one that has been good for longest is forgotten.
const REMEMBERED: usize = 1024;

/// An address, and the name that it guesses at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pair {
    /// What counts as one address.
    pub place: IpAddr,
    /// The name of a password; `None` for everything that goes by no such name.
    pub name: Option<Name>,
}

/// Wrong keys and passwords, by address and name.
#[derive(Debug, Default)]
pub(super) struct Throttle(HashMap<Pair, Failures>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    /// Guesses of which it isn't known yet whether they are wrong.
    under_way: u32,
    last: Instant,
}

impl Failures {
    fn count_at(self, now: Instant) -> u32 {
        let forgotten = now.saturating_duration_since(self.last) >= FORGOTTEN;
        if forgotten { 0 } else { self.count }
    }

    fn wait_at(self, now: Instant) -> Duration {
        let wait = match self.count_at(now).checked_sub(FREE + 1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST_WAIT
                .saturating_mul(1 << doublings.min(16))
                .min(LONGEST_WAIT),
        };
        wait.saturating_sub(now.saturating_duration_since(self.last))
    }
}

impl Throttle {
    /// # Errors
    /// How long to wait before the next try. Guesses that are under way count as wrong until they are known.
    pub(super) fn check(&self, pair: &Pair, now: Instant) -> Result<(), Duration> {
        let Some(failures) = self.0.get(pair) else {
            return Ok(());
        };
        let wait = failures.wait_at(now);
        let under_way = failures.under_way;
        if !wait.is_zero() {
            Err(wait)
        } else if under_way > 0 && failures.count_at(now) + under_way > FREE {
            Err(FIRST_WAIT)
        } else {
            Ok(())
        }
    }

    /// Whether it has tries left that have no consequences.
    pub(super) fn is_fresh(&self, pair: &Pair, now: Instant) -> bool {
        let failures = self.0.get(pair);
        failures.is_none_or(|failures| failures.count_at(now) <= FREE)
    }

    /// How many wrong ones an address has behind it or under way, whatever the name.
    pub(super) fn burden(&self, place: IpAddr, now: Instant) -> u32 {
        let all = self.0.iter().filter(|(pair, _)| pair.place == place);
        all.fold(0, |sum: u32, (_, failures)| {
            sum.saturating_add(failures.count_at(now))
                .saturating_add(failures.under_way)
        })
    }

    /// Notes a guess of which it will be known later whether it is wrong.
    pub(super) fn begin(&mut self, pair: &Pair, now: Instant) {
        self.entry(pair, now).under_way += 1;
    }

    /// That guess is not under way any more.
    pub(super) fn end(&mut self, pair: &Pair) {
        if let Some(failures) = self.0.get_mut(pair) {
            failures.under_way = failures.under_way.saturating_sub(1);
        }
    }

    /// Notes a wrong one.
    pub(super) fn failed(&mut self, pair: &Pair, now: Instant) {
        let failures = self.entry(pair, now);
        failures.count = failures.count_at(now).saturating_add(1);
        failures.last = now;
    }

    /// The right one was shown there.
    pub(super) fn forgive(&mut self, pair: &Pair) {
        if let Some(failures) = self.0.get_mut(pair) {
            failures.count = 0;
        }
    }

    fn entry(&mut self, pair: &Pair, now: Instant) -> &mut Failures {
        let all = &mut self.0;
        if all.len() >= REMEMBERED && !all.contains_key(pair) {
            all.retain(|_, failures| failures.under_way > 0 || failures.count_at(now) > 0);
            let idle = all.iter().filter(|(_, failures)| failures.under_way == 0);
            let longest_good = idle.min_by_key(|(_, failures)| failures.last);
            if let Some(longest_good) = longest_good.map(|(pair, _)| pair.clone())
                && all.len() >= REMEMBERED
            {
                all.remove(&longest_good);
            }
        }
        all.entry(pair.clone()).or_insert(Failures {
            count: 0,
            under_way: 0,
            last: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::neighbours::neighbourhood;
    use super::*;

    fn pair(address: &str, name: &str) -> Pair {
        Pair {
            place: neighbourhood(address.parse().unwrap()),
            name: (!name.is_empty()).then(|| name.parse().unwrap()),
        }
    }

    fn fail(throttle: &mut Throttle, pair: &Pair, times: u32, now: Instant) {
        for _ in 0..times {
            throttle.failed(pair, now);
        }
    }

    #[test]
    fn the_wait_grows_with_each_wrong_key_and_has_an_end() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let pair = pair("192.0.2.1", "");
        fail(&mut throttle, &pair, FREE, now);
        assert_eq!(throttle.check(&pair, now), Ok(()));
        for seconds in [1, 2, 4, 8] {
            fail(&mut throttle, &pair, 1, now);
            let wait = Duration::from_secs(seconds);
            assert_eq!(throttle.check(&pair, now), Err(wait));
            assert_eq!(throttle.check(&pair, now + wait), Ok(()));
        }
        fail(&mut throttle, &pair, 1000, now);
        assert_eq!(throttle.check(&pair, now), Err(LONGEST_WAIT));
        assert_eq!(throttle.check(&pair, now + FORGOTTEN), Ok(()));
        assert!(throttle.is_fresh(&pair, now + FORGOTTEN));
    }

    #[test]
    fn others_do_not_wait_but_the_same_ipv6_network_does() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for address in ["2001:db8::1", "fe80::1", "192.0.2.9"] {
            fail(&mut throttle, &pair(address, ""), 10, now);
        }
        let waits = |address: &str| throttle.check(&pair(address, ""), now).is_err();
        assert!(waits("fe80::1") && !waits("fe80::2"));
        assert!(waits("2001:db8::2"));
        assert!(!waits("2001:db8:0:1::1"));
        assert!(!waits("192.0.2.1"));
        assert!(waits("::ffff:192.0.2.9"));
    }

    #[test]
    fn what_is_wrong_for_one_name_is_nothing_to_another_and_what_is_right_forgives_no_other() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let (anna, bert) = (pair("192.0.2.1", "anna"), pair("192.0.2.1", "bert"));
        fail(&mut throttle, &anna, 10, now);
        assert!(throttle.check(&anna, now).is_err());
        assert!(throttle.check(&bert, now).is_ok());
        throttle.forgive(&bert);
        assert!(throttle.check(&anna, now).is_err());
        assert_eq!(throttle.burden(bert.place, now), 10);
        throttle.forgive(&anna);
        assert!(throttle.check(&anna, now).is_ok());
    }

    #[test]
    fn guesses_at_once_are_no_more_than_guesses_one_by_one() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let anna = pair("192.0.2.1", "anna");
        let mut begun = 0;
        while throttle.check(&anna, now).is_ok() {
            throttle.begin(&anna, now);
            begun += 1;
        }
        assert_eq!(begun, FREE + 1);
        for _ in 0..begun {
            throttle.end(&anna);
            throttle.failed(&anna, now);
        }
        assert_eq!(throttle.check(&anna, now), Err(FIRST_WAIT));
        let later = now + FIRST_WAIT;
        throttle.begin(&anna, later);
        assert_eq!(throttle.check(&anna, later), Err(FIRST_WAIT));
    }

    #[test]
    fn a_flood_of_addresses_fills_no_memory() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let under_way = pair("2001:db8::1", "anna");
        throttle.begin(&under_way, now);
        for number in 0..10_000_u32 {
            let place = IpAddr::from(number.to_be_bytes());
            let now = now + Duration::from_millis(number.into());
            throttle.failed(&Pair { place, name: None }, now);
        }
        assert_eq!(throttle.0.len(), REMEMBERED);
        assert_eq!(throttle.burden(under_way.place, now), 1);
    }
}
