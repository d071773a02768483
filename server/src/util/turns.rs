//! A turn for each key: what many requests of one key wait for keeps no other key waiting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of all keys. Those who show none have one together.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Option<String>, Arc<Semaphore>>>);

impl Turns {
    /// Waits for the turn of a key, which lasts as long as what is returned lives. Cancel-safe.
    pub(crate) async fn take(&self, key: Option<&str>) -> OwnedSemaphorePermit {
        let turn = {
            // Nothing panics while it holds this lock.
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody has or waits for are free.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            let turn = turns.entry(key.map(ToOwned::to_owned));
            Arc::clone(turn.or_insert_with(|| Arc::new(Semaphore::new(1))))
        };
        let permit = turn.acquire_owned().await;
        permit.expect("it is never closed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn each_key_has_one_turn_at_a_time_and_nothing_of_those_before_stays() {
        let turns = Turns::default();
        let first = turns.take(Some("door")).await;
        assert!(turns.take(Some("door")).now_or_never().is_none());
        let other = turns.take(Some("yard")).await;
        let none = turns.take(None).await;
        assert_eq!(turns.0.lock().unwrap().len(), 3);
        drop((first, other, none));
        let _again = turns.take(Some("door")).await;
        assert_eq!(turns.0.lock().unwrap().len(), 1);
    }
}
