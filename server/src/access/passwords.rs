//! Passwords: which are checked, when, and what is remembered of those that were right.
//!
//! A check costs 19 MiB and some tens of ms, on purpose. So there is one block of memory for all of them, one check at a
//! time, and a queue in which the address with fewest wrong ones behind it comes first. What was right once is known by its
//! MAC from then on, and costs nothing any more; neither does a wrong one then.
//!
//! What a wrong one costs its address is up to [`super::throttle`].

use super::Refused;
use super::held::Held;
use super::key::{Name, Password};
use super::known::{Known, Pool};
use super::neighbours::{is_neighbour, neighbourhood};
use super::throttle::{Pair, Throttle};
use crate::util::log_throttle::EventThrottle;
use argon2::Block;
use std::cmp::Reverse;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Checks that wait. One more, and the greediest address is told to come again.
const WAITING: usize = 64;

/// When to come again where that is so.
const AGAIN: Duration = Duration::from_secs(1);

/// Checks passwords.
#[derive(Debug, Default)]
pub(super) struct Passwords {
    desk: Mutex<Desk>,
    blocks: Mutex<Vec<Block>>,
    checks: AtomicU64,
}

#[derive(Debug, Default)]
struct Desk {
    throttle: Throttle,
    /// The oldest first.
    waiting: Vec<Job>,
    current: Option<Job>,
    /// Whether a thread works on these.
    is_staffed: bool,
}

/// A password to be checked, for all requests that show it at the same time from the same address.
#[derive(Debug)]
struct Job {
    held: Arc<Held>,
    pair: Pair,
    /// One of the addresses that count as the pair's.
    from: IpAddr,
    typed: Password,
    /// How many wrong ones that address had behind it or under way.
    burden: u32,
    askers: Vec<oneshot::Sender<Result<(), Refused>>>,
}

/// What comes of a password that was shown.
#[derive(Debug)]
enum Judged {
    At(Result<(), Refused>),
    /// Once it was checked.
    Later {
        answer: oneshot::Receiver<Result<(), Refused>>,
        /// Whether a thread has to be started for that.
        is_staff_needed: bool,
    },
}

impl Passwords {
    /// Whether that is the password.
    ///
    /// # Errors
    /// If it is wrong, or guessing is throttled.
    pub(super) async fn judge(
        self: &Arc<Self>,
        held: &Arc<Held>,
        typed: &Password,
        from: IpAddr,
    ) -> Result<(), Refused> {
        match self.show(held, typed, from, Instant::now()) {
            Judged::At(judged) => judged,
            Judged::Later {
                answer,
                is_staff_needed,
            } => {
                if is_staff_needed {
                    let passwords = Arc::clone(self);
                    // Goes on after the client has hung up: it has guessed all the same.
                    tokio::task::spawn_blocking(move || passwords.work());
                }
                answer.await.unwrap_or(Err(Refused::Wrong))
            }
        }
    }

    /// Notes a key or password that does not exist.
    ///
    /// # Errors
    /// Always: it is wrong, or guessing is throttled.
    pub(super) fn nobodys(&self, from: IpAddr) -> Refused {
        let (mut desk, now) = (self.desk(), Instant::now());
        let pair = pair(from, None);
        match desk.throttle.check(&pair, now) {
            Err(wait) => Refused::Throttled(wait),
            Ok(()) => {
                desk.throttle.failed(&pair, now);
                wrong(from)
            }
        }
    }

    /// How many were checked by their hash.
    pub(super) fn checks(&self) -> u64 {
        self.checks.load(Ordering::Relaxed)
    }

    fn show(&self, held: &Arc<Held>, typed: &Password, from: IpAddr, now: Instant) -> Judged {
        let from = from.to_canonical();
        let pair = pair(from, Some(&held.entry.name));
        let mut desk = self.desk();
        let mut known = held.known();
        let right = known.right(now);
        let is_right = right.map(|right| typed.is_tagged(&right.tag));
        if let Some(is_right) = is_right
            && let Some(patience) = known.patience(from)
        {
            // Wrong ones of other clients do not concern a client that was accepted from there before.
            let wait = patience.wait(now);
            if !wait.is_zero() {
                return Judged::At(Err(Refused::Throttled(wait)));
            }
            if is_right {
                known.remember(typed.tag(), from, now);
                return Judged::At(Ok(()));
            }
            patience.spend(now);
            return Judged::At(Err(wrong(from)));
        }
        if is_right.is_none()
            && let Some(job) = desk.same(held, from, typed)
        {
            let (asker, answer) = oneshot::channel();
            job.askers.push(asker);
            return Judged::Later {
                answer,
                is_staff_needed: false,
            };
        }
        let pool = desk.pool(&pair, from, now);
        let wait = known.allowance(pool).wait(now);
        let wait = match desk.throttle.check(&pair, now) {
            Err(longer) => longer.max(wait),
            Ok(()) => wait,
        };
        if !wait.is_zero() {
            return Judged::At(Err(Refused::Throttled(wait)));
        }
        if let Some(is_right) = is_right {
            return Judged::At(desk.told(&mut known, &pair, from, typed, is_right, now));
        }
        drop(known);
        let burden = desk.throttle.burden(pair.place, now);
        desk.throttle.begin(&pair, now);
        let (asker, answer) = oneshot::channel();
        desk.waiting.push(Job {
            held: Arc::clone(held),
            pair,
            from,
            typed: typed.clone(),
            burden,
            askers: vec![asker],
        });
        desk.send_away_the_greediest();
        Judged::Later {
            answer,
            is_staff_needed: !std::mem::replace(&mut desk.is_staffed, true),
        }
    }

    /// Checks what waits, until nothing does.
    fn work(&self) {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((held, typed)) = self.next(Instant::now()) {
            self.checks.fetch_add(1, Ordering::Relaxed);
            let check = AssertUnwindSafe(|| held.entry.secret.is_password(&typed, &mut blocks));
            // One that panics has failed, and is not the end of all others.
            let is_right = catch_unwind(check).unwrap_or(false);
            self.checked(is_right, Instant::now());
        }
    }

    /// What to check next.
    fn next(&self, now: Instant) -> Option<(Arc<Held>, Password)> {
        let mut desk = self.desk();
        while let Some(job) = desk.take_next() {
            let (held, typed) = (Arc::clone(&job.held), job.typed.clone());
            // Another check may have told it meanwhile.
            let right = held.known().right(now).map(|right| right.tag);
            match right {
                Some(tag) => desk.settle(job, typed.is_tagged(&tag), now),
                None if held.ended.is_cancelled() => desk.settle(job, false, now),
                None => {
                    desk.current = Some(job);
                    return Some((held, typed));
                }
            }
        }
        desk.is_staffed = false;
        None
    }

    /// The result.
    fn checked(&self, is_right: bool, now: Instant) {
        let mut desk = self.desk();
        if let Some(job) = desk.current.take() {
            desk.settle(job, is_right, now);
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    /// The same password, of the same name, from the same address.
    fn same(&mut self, held: &Arc<Held>, from: IpAddr, typed: &Password) -> Option<&mut Job> {
        let tag = typed.tag();
        self.waiting
            .iter_mut()
            .chain(&mut self.current)
            .find(|job| {
                Arc::ptr_eq(&job.held, held) && job.from == from && job.typed.is_tagged(&tag)
            })
    }

    /// The address with fewest wrong ones first, so that a flood of guesses waits behind addresses that have made none. Of equal
    /// ones the newest, who still waits.
    fn take_next(&mut self) -> Option<Job> {
        let all = self.waiting.iter().enumerate();
        let (next, _) = all.min_by_key(|(index, job)| (job.burden, Reverse(*index)))?;
        Some(self.waiting.remove(next))
    }

    fn send_away_the_greediest(&mut self) {
        if self.waiting.len() <= WAITING {
            return;
        }
        let all = self.waiting.iter().enumerate();
        let greediest = all.max_by_key(|(index, job)| (job.burden, Reverse(*index)));
        if let Some((greediest, _)) = greediest {
            let job = self.waiting.remove(greediest);
            // It was no guess, as it told nothing.
            self.throttle.end(&job.pair);
            job.answer(&Err(Refused::Throttled(AGAIN)));
        }
    }

    fn settle(&mut self, job: Job, is_right: bool, now: Instant) {
        self.throttle.end(&job.pair);
        let told = self.told(
            &mut job.held.known(),
            &job.pair,
            job.from,
            &job.typed,
            is_right,
            now,
        );
        job.answer(&told);
    }

    /// It is known whether a password is right.
    fn told(
        &mut self,
        known: &mut Known,
        pair: &Pair,
        from: IpAddr,
        typed: &Password,
        is_right: bool,
        now: Instant,
    ) -> Result<(), Refused> {
        if is_right {
            known.remember(typed.tag(), from, now);
            self.throttle.forgive(pair);
            return Ok(());
        }
        let pool = self.pool(pair, from, now);
        known.allowance(pool).spend(now);
        self.throttle.failed(pair, now);
        Err(wrong(from))
    }

    fn pool(&self, pair: &Pair, from: IpAddr, now: Instant) -> Pool {
        if is_neighbour(from) {
            Pool::Neighbours
        } else if self.throttle.is_fresh(pair, now) {
            Pool::Fresh
        } else {
            Pool::Others
        }
    }
}

impl Job {
    fn answer(self, told: &Result<(), Refused>) {
        for asker in self.askers {
            // They may have gone.
            let _ = asker.send(told.clone());
        }
    }
}

fn pair(from: IpAddr, name: Option<&Name>) -> Pair {
    Pair {
        place: neighbourhood(from),
        name: name.cloned(),
    }
}

/// Logs that passwords are guessed: a handful of lines, from however many addresses.
fn wrong(from: IpAddr) -> Refused {
    static WRONG: EventThrottle = EventThrottle::new();
    if let Some(times) = WRONG.again() {
        tracing::warn!(%from, times, "a wrong access key or password");
    }
    Refused::Wrong
}

#[cfg(test)]
mod tests;
