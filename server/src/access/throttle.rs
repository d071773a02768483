//! Patience with wrong keys: each address has little of it, and less each time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Wrong keys without consequences: people mistype.
const FREE: u32 = 3;

/// The wait after the first one that has consequences. It doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// An address that behaved for so long starts anew.
const FORGOTTEN: Duration = Duration::from_secs(1800);

/// Addresses remembered. Of more, the one that has been good for longest is forgotten.
const REMEMBERED: usize = 1024;

/// Wrong keys by address.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<HashMap<IpAddr, Failures>>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn wait(self) -> Duration {
        match self.count.checked_sub(FREE + 1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST_WAIT
                .saturating_mul(1 << doublings.min(16))
                .min(LONGEST_WAIT),
        }
    }
}

/// What counts as one address: whoever has one IPv6 address has the 64 bits behind it (RFC 4291 §2.5.4), but for
/// link-local ones, which all machines of a network have under the same 64 bits.
pub fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if address.is_unicast_link_local() => address.into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}

impl Throttle {
    /// # Errors
    /// How long that address must wait before its next try.
    pub fn check(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let failures = self.lock().get(&neighbourhood(address)).copied();
        let left = failures.map_or(Duration::ZERO, |failures| {
            failures
                .wait()
                .saturating_sub(now.saturating_duration_since(failures.last))
        });
        if left.is_zero() { Ok(()) } else { Err(left) }
    }

    /// Notes a wrong key; returns how many there were from that address.
    pub fn failed(&self, address: IpAddr, now: Instant) -> u32 {
        let mut all = self.lock();
        if all.len() >= REMEMBERED && !all.contains_key(&neighbourhood(address)) {
            all.retain(|_, failures| now.saturating_duration_since(failures.last) < FORGOTTEN);
            let longest_good = all.iter().min_by_key(|(_, failures)| failures.last);
            if let Some(longest_good) = longest_good.map(|(address, _)| *address)
                && all.len() >= REMEMBERED
            {
                all.remove(&longest_good);
            }
        }
        let failures = all.entry(neighbourhood(address)).or_insert(Failures {
            count: 0,
            last: now,
        });
        if now.saturating_duration_since(failures.last) >= FORGOTTEN {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        failures.count
    }

    /// That address has shown a good one.
    pub fn forgive(&self, address: IpAddr) {
        self.lock().remove(&neighbourhood(address));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(throttle: &Throttle, address: &str, times: u32, now: Instant) {
        for _ in 0..times {
            throttle.failed(address.parse().unwrap(), now);
        }
    }

    #[test]
    fn the_wait_grows_with_each_wrong_key_and_has_an_end() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let address = "192.0.2.1".parse().unwrap();
        fail(&throttle, "192.0.2.1", FREE, now);
        assert_eq!(throttle.check(address, now), Ok(()));
        for seconds in [1, 2, 4, 8] {
            fail(&throttle, "192.0.2.1", 1, now);
            assert_eq!(
                throttle.check(address, now),
                Err(Duration::from_secs(seconds))
            );
            assert_eq!(
                throttle.check(address, now + Duration::from_secs(seconds)),
                Ok(())
            );
        }
        fail(&throttle, "192.0.2.1", 1000, now);
        assert_eq!(throttle.check(address, now), Err(LONGEST_WAIT));
    }

    #[test]
    fn others_do_not_wait_but_the_same_ipv6_network_does() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        fail(&throttle, "2001:db8::1", 10, now);
        let waits = |address: &str| throttle.check(address.parse().unwrap(), now).is_err();
        fail(&throttle, "fe80::1", 10, now);
        assert!(waits("fe80::1") && !waits("fe80::2"));
        assert!(waits("2001:db8::2"));
        assert!(!waits("2001:db8:0:1::1"));
        assert!(!waits("192.0.2.1"));
        fail(&throttle, "192.0.2.9", 10, now);
        assert!(waits("::ffff:192.0.2.9"));
        throttle.forgive("192.0.2.9".parse().unwrap());
        assert!(!waits("192.0.2.9"));
    }

    #[test]
    fn a_flood_of_addresses_fills_no_memory() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..10_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            throttle.failed(address, now + Duration::from_millis(number.into()));
        }
        assert_eq!(throttle.lock().len(), REMEMBERED);
    }
}
