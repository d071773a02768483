//! Which of the messages that wait for one receiver is sent next, and when one that failed is tried again.
//!
//! The messages themselves are in the [`crate::outbox`]; sending them belongs to the caller.

use pistreamer_protocol::backoff::Backoff;
use std::time::Duration;

/// First and longest pause behind a failure.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);

/// Answers without success behind which other messages have their turn: one that a receiver stumbles over holds up no other.
const TURNS: u32 = 4;

/// How long a message is tried.
pub const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Messages that wait for a receiver, at most.
pub const MOST: usize = 200;

#[derive(Clone, Copy, Debug)]
struct Waiting {
    number: u64,
    /// When it is given up.
    until: Duration,
    answers: u32,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// This message is to be sent.
    Send(u64),
    /// Nothing before that time.
    Wait(Duration),
    /// Nothing waits.
    Nothing,
}

/// The messages that wait for one receiver, by their numbers. Times are of a clock that only goes on.
#[derive(Debug)]
pub struct Queue {
    waiting: Vec<Waiting>,
    pauses: Backoff,
    /// Nothing is sent before.
    not_before: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            pauses: Backoff::new(FIRST, LONGEST),
            not_before: Duration::ZERO,
        }
    }
}

impl Queue {
    /// Adds a message of that age. Returns the oldest one where there is no room for both: it is not sent any more.
    pub fn add(&mut self, number: u64, age: Duration, now: Duration) -> Option<u64> {
        self.waiting.push(Waiting {
            number,
            until: now + LIFETIME.saturating_sub(age),
            answers: 0,
        });
        if self.waiting.len() <= MOST {
            return None;
        }
        let oldest = self.waiting.iter().map(|it| it.number).min();
        oldest.inspect(|oldest| self.remove(*oldest))
    }

    /// Removes a message: it was delivered, or is given up.
    pub fn remove(&mut self, number: u64) {
        self.waiting.retain(|it| it.number != number);
    }

    /// A message was delivered.
    pub fn delivered(&mut self, number: u64) {
        self.remove(number);
        self.pauses.reset();
        self.not_before = Duration::ZERO;
    }

    /// Whether the receiver has stumbled over a message several times: its picture may be why.
    pub fn stumbles(&self, number: u64) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|it| it.number == number && it.answers >= TURNS)
    }

    /// A message was not delivered. The receiver `answered`, at least by taking the connection, or was not reached, and may have said
    /// when it wants to be asked again.
    pub fn failed(
        &mut self,
        number: u64,
        answered: bool,
        wanted: Option<Duration>,
        now: Duration,
        random: f64,
    ) {
        let pause = self.pauses.pause(random);
        self.not_before = now + wanted.map_or(pause, |wanted| wanted.min(LONGEST).max(pause));
        if let Some(waiting) = self.waiting.iter_mut().find(|it| it.number == number) {
            waiting.answers += u32::from(answered);
        }
    }

    /// The receiver may work again, because its configuration changed: it is tried at once.
    pub fn hurry(&mut self) {
        self.pauses.reset();
        self.not_before = Duration::ZERO;
    }

    /// Takes out the messages whose time is over.
    pub fn expired(&mut self, now: Duration) -> Vec<u64> {
        let over = |it: &Waiting| now >= it.until;
        let expired = self
            .waiting
            .iter()
            .filter(|it| over(it))
            .map(|it| it.number)
            .collect();
        self.waiting.retain(|it| !over(it));
        expired
    }

    /// What is to be done now.
    pub fn next(&self, now: Duration) -> Next {
        let first = self
            .waiting
            .iter()
            .min_by_key(|it| (it.answers / TURNS, it.number));
        let Some(first) = first else {
            return Next::Nothing;
        };
        if now >= self.not_before {
            return Next::Send(first.number);
        }
        let ends = self.waiting.iter().map(|it| it.until).min();
        Next::Wait(self.not_before.min(ends.unwrap_or(Duration::MAX)))
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn messages_go_in_their_order_and_pauses_grow_to_an_hour() {
        let mut queue = Queue::default();
        assert_eq!(queue.next(s(0)), Next::Nothing);
        queue.add(7, s(0), s(0));
        queue.add(8, s(0), s(0));
        let mut now = s(0);
        for pause in [
            1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600,
        ] {
            assert_eq!(queue.next(now), Next::Send(7));
            queue.failed(7, false, None, now, 0.0);
            assert_eq!(queue.next(now), Next::Wait(now + s(pause)));
            now += s(pause);
        }
        queue.delivered(7);
        assert_eq!(queue.next(now), Next::Send(8));
        queue.failed(8, false, None, now, 1.0);
        assert_eq!(
            queue.next(now),
            Next::Wait(now + Duration::from_millis(1250))
        );
        queue.hurry();
        assert_eq!((queue.next(now), queue.len()), (Next::Send(8), 1));
    }

    #[test]
    fn a_receiver_that_says_when_is_asked_then_and_not_before() {
        let mut queue = Queue::default();
        queue.add(1, s(0), s(100));
        queue.failed(1, true, Some(s(90)), s(100), 0.0);
        assert_eq!(queue.next(s(189)), Next::Wait(s(190)));
        assert_eq!(queue.next(s(190)), Next::Send(1));
        // Who says now is not asked all the time.
        queue.failed(1, true, Some(s(0)), s(190), 0.0);
        assert_eq!(queue.next(s(190)), Next::Wait(s(192)));
        // Nor is anybody waited for longer than that.
        queue.failed(1, true, Some(s(u64::MAX / 4)), s(192), 0.0);
        assert_eq!(queue.next(s(192)), Next::Wait(s(192) + LONGEST));
        assert!(!queue.stumbles(1));
        queue.failed(1, true, None, s(192), 0.0);
        assert!(queue.stumbles(1) && !queue.stumbles(2));
    }

    #[test]
    fn a_message_that_a_receiver_stumbles_over_does_not_hold_up_the_others() {
        let mut queue = Queue::default();
        queue.add(1, s(0), s(0));
        queue.add(2, s(0), s(0));
        let mut now = s(0);
        for _ in 0..TURNS {
            assert_eq!(queue.next(now), Next::Send(1));
            queue.failed(1, true, None, now, 0.0);
            now += s(60);
        }
        assert_eq!(queue.next(now), Next::Send(2));
        queue.delivered(2);
        assert_eq!(queue.next(now), Next::Send(1));
    }

    #[test]
    fn what_is_too_old_or_too_much_is_given_up() {
        let mut queue = Queue::default();
        queue.add(1, s(3600), s(0));
        queue.add(2, s(0), s(0));
        assert_eq!(queue.expired(LIFETIME - s(3601)), [0; 0]);
        assert_eq!(queue.expired(LIFETIME - s(3600)), [1]);
        assert_eq!(queue.len(), 1);
        for number in 3..MOST as u64 + 2 {
            assert_eq!(queue.add(number, s(0), s(0)), None);
        }
        assert_eq!(queue.add(1000, s(0), s(0)), Some(2));
        assert_eq!(queue.len(), MOST);
        assert!(!queue.is_empty());
    }
}
