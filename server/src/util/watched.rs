//! A value that is watched beside others, all the time: a session asks dozens of times a second whether it has changed, which it hardly
//! ever has. Waiting begins once for each change. With `watch::Receiver::changed`, each question would begin a wait, and end it.

use std::future::{pending, poll_fn};
use std::task::{Context, Poll, Waker};
use tokio::sync::watch;
use tokio::task::coop;
use tokio_util::sync::ReusableBoxFuture;

/// What is watched.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    value: watch::Receiver<T>,
    /// Ends with each change.
    change: ReusableBoxFuture<'static, watch::Receiver<T>>,
    /// Whom that wakes, as long as it waits for a value that was not borrowed.
    waits: Option<Waker>,
}

impl<T: Send + Sync + 'static> Watched<T> {
    pub(crate) fn new(value: watch::Receiver<T>) -> Self {
        Self {
            change: ReusableBoxFuture::new(changed(value.clone())),
            value,
            waits: None,
        }
    }

    /// The value as it is now. That it has changed may still be told.
    pub(crate) fn borrow(&mut self) -> watch::Ref<'_, T> {
        let value = self.value.borrow_and_update();
        // Asked under its lock: nothing comes in between.
        if value.has_changed() {
            // What waits for a change has had one.
            self.waits = None;
        }
        value
    }

    /// Whether there is another value than the one that was borrowed last.
    pub(crate) fn has_changed(&self) -> bool {
        self.value.has_changed().unwrap_or(false)
    }

    /// Waits until the value is another one than when that was told last, for ever where it changes no more. Cancel-safe.
    pub(crate) async fn changed(&mut self) {
        poll_fn(|cx| self.poll_changed(cx)).await;
    }

    fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waits = self.waits.as_ref();
        if waits.is_some_and(|waker| waker.will_wake(cx.waker())) && !self.has_changed() {
            return Poll::Pending;
        }
        self.waits = None;
        // Without a budget, a wait only asks to be polled again.
        let begins = coop::has_budget_remaining();
        let Poll::Ready(seen) = self.change.poll(cx) else {
            self.waits = begins.then(|| cx.waker().clone());
            return Poll::Pending;
        };
        self.change.set(changed(seen));
        Poll::Ready(())
    }
}

async fn changed<T>(mut value: watch::Receiver<T>) -> watch::Receiver<T> {
    if value.changed().await.is_err() {
        pending::<()>().await;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn each_change_is_told_once_and_the_end_is_none() {
        let (sender, mut receiver) = watch::channel(1);
        receiver.mark_changed();
        let mut watched = Watched::new(receiver);
        assert_eq!(watched.changed().now_or_never(), Some(()));
        assert_eq!(watched.changed().now_or_never(), None);
        sender.send_replace(2);
        sender.send_replace(3);
        assert!(watched.has_changed());
        watched.changed().await;
        assert_eq!(*watched.borrow(), 3);
        assert!(!watched.has_changed());
        assert_eq!(watched.changed().now_or_never(), None);
        let waiting = tokio::spawn(async move {
            watched.changed().await;
            watched
        });
        tokio::task::yield_now().await;
        sender.send_replace(4);
        let mut watched = waiting.await.unwrap();
        // Also where a value was borrowed before it was told.
        sender.send_replace(5);
        assert_eq!(*watched.borrow(), 5);
        let waiting = tokio::spawn(async move {
            loop {
                watched.changed().await;
                if *watched.borrow() == 6 {
                    return watched;
                }
            }
        });
        tokio::task::yield_now().await;
        sender.send_replace(6);
        let mut watched = waiting.await.unwrap();
        drop(sender);
        assert_eq!(watched.changed().now_or_never(), None);
        assert_eq!(*watched.borrow(), 6);
    }
}
