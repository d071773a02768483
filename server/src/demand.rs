//! Demand: how many consumers a camera has. It flows upstream, as commands do: from `hub` to `encode` and `source`.
//!
//! What a stage does without demand is the stage's own business.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A count of consumers that blocking threads and tasks can wait on, and the end of the run that waits. Clones share both.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    shared: Arc<Shared>,
    stopping: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    told: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    consumers: usize,
    wanted_since: Option<Instant>,
}

/// One consumer; its drop ends the consumer's demand.
#[derive(Debug)]
pub struct Hold {
    shared: Arc<Shared>,
    first: bool,
}

impl Hold {
    /// Whether nobody else was there when this consumer came.
    pub fn is_first(&self) -> bool {
        self.first
    }
}

impl Demand {
    /// The same count for another run, which ends by itself.
    pub fn for_run(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            stopping: Arc::default(),
        }
    }

    /// Adds a consumer.
    pub fn hold(&self) -> Hold {
        let mut first = false;
        self.shared.update(|state| {
            first = state.consumers == 0;
            if first {
                state.wanted_since = Some(Instant::now());
            }
            state.consumers += 1;
        });
        Hold {
            shared: Arc::clone(&self.shared),
            first,
        }
    }

    /// Number of consumers.
    pub fn consumers(&self) -> usize {
        self.shared.lock().consumers
    }

    /// For how long there has been demand; `None` where there is none.
    pub fn wanted_for(&self) -> Option<Duration> {
        let state = *self.shared.lock();
        let since = state.wanted_since.filter(|_| state.consumers > 0)?;
        Some(since.elapsed())
    }

    /// Whether anybody has use for frames.
    pub fn wanted(&self) -> bool {
        self.consumers() > 0
    }

    /// Blocks until there is demand, the run ends, or the time is over; tells whether there is demand.
    pub fn wait_wanted(&self, timeout: Duration) -> bool {
        self.shared
            .wait(timeout, |state| state.consumers == 0 && !self.stopping())
            .consumers
            > 0
    }

    /// Blocks for so long, or until the run ends; tells whether it ends.
    pub fn sleep(&self, time: Duration) -> bool {
        self.shared.wait(time, |_| !self.stopping());
        self.stopping()
    }

    /// Waits, in a task, until the predicate holds for the demand. Cancel-safe.
    pub async fn until(&self, such: impl Fn(&Self) -> bool) {
        loop {
            let mut told = std::pin::pin!(self.shared.told.notified());
            // From here on no change is missed.
            told.as_mut().enable();
            if such(self) {
                return;
            }
            told.await;
        }
    }

    /// Tells every stage of this run that waits upstream to end.
    pub fn stop(&self) {
        // Under the lock, so that no stage misses it between its look and its wait.
        self.shared
            .update(|_| self.stopping.store(true, Ordering::Relaxed));
    }

    /// Whether [`Self::stop`] was called.
    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.update(|state| state.consumers -= 1);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock, and the state is valid at every point.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
        self.told.notify_waiters();
    }

    fn wait(&self, timeout: Duration, waiting: impl Fn(&State) -> bool) -> State {
        let guard = self.lock();
        let (guard, _) = self
            .changed
            .wait_timeout_while(guard, timeout, |state| waiting(state))
            .unwrap_or_else(PoisonError::into_inner);
        *guard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_source_wakes_with_the_first_consumer() {
        let demand = Demand::default();
        let waiter = std::thread::spawn({
            let demand = demand.clone();
            move || demand.wait_wanted(Duration::from_secs(60))
        });
        let hold = demand.hold();
        assert!(waiter.join().unwrap());
        drop(hold);
        assert!(!demand.wanted());
    }

    #[tokio::test]
    async fn a_waiting_task_wakes_with_the_first_consumer_and_with_the_end() {
        let demand = Demand::default();
        let wanted = tokio::spawn({
            let demand = demand.clone();
            async move { demand.until(Demand::wanted).await }
        });
        let ended = tokio::spawn({
            let demand = demand.clone();
            async move { demand.until(Demand::stopping).await }
        });
        tokio::task::yield_now().await;
        let _hold = demand.hold();
        wanted.await.unwrap();
        demand.stop();
        ended.await.unwrap();
    }

    #[test]
    fn the_end_of_one_run_is_not_that_of_the_next() {
        let first = Demand::default();
        let hold = first.hold();
        first.stop();
        let second = first.for_run();
        assert!(first.stopping() && !second.stopping());
        assert!(second.wait_wanted(Duration::from_secs(60)));
        drop(hold);
        assert!(!second.wanted() && !first.wanted());
    }

    #[test]
    fn stopping_ends_every_wait() {
        let demand = Demand::default();
        let waiter = std::thread::spawn({
            let demand = demand.clone();
            move || {
                (
                    demand.wait_wanted(Duration::from_secs(60)),
                    demand.sleep(Duration::from_secs(60)),
                )
            }
        });
        demand.stop();
        assert_eq!(waiter.join().unwrap(), (false, true));
    }
}
