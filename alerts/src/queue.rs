//! Which of the messages that wait for one receiver is sent next, and when one that failed is tried again.
//!
//! The messages themselves are in the [`crate::outbox`]; sending them belongs to the caller.

use pistreamer_protocol::backoff::Backoff;
use std::collections::HashMap;
use std::time::Duration;

/// First and longest pause behind a failure.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);

/// Answers without success behind which other messages have their turn: one that a receiver stumbles over holds up no other.
const TURNS: u32 = 4;

/// Of these, attempts with the picture: the last one of a message's turn is without.
const WITH_PICTURE: u32 = TURNS - 1;

/// How long pictures are left out where the receiver took two messages in a row only without theirs.
const PLAIN: Duration = Duration::from_secs(3600);

/// How long a message is tried.
pub const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How long it is tried at least, however old it seems: the clock may have been set since it was made.
const LEAST: Duration = Duration::from_secs(3600);

/// Messages that wait for a receiver, at most.
pub const MOST: usize = 200;

#[derive(Clone, Debug)]
struct Waiting {
    number: u64,
    /// What it is about.
    subject: Option<String>,
    /// When it is given up.
    until: Duration,
    answers: u32,
    /// Those since the receiver last took anything.
    refused: u32,
}

/// How a message that the receiver took was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It has no picture.
    Text,
    /// With its picture.
    Whole,
    /// Without the picture that it has.
    Plain,
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
    /// Messages in a row that the receiver took only without their pictures.
    doubts: u32,
    /// Until then pictures are left out.
    plain_until: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            pauses: Backoff::new(FIRST, LONGEST),
            not_before: Duration::ZERO,
            doubts: 0,
            plain_until: Duration::ZERO,
        }
    }
}

impl Queue {
    /// Adds a message of that age; those about the same `subject` are sent in the order of their numbers. Returns the oldest one
    /// where there is no room for both: it is not sent any more.
    pub fn add(
        &mut self,
        number: u64,
        subject: Option<String>,
        age: Duration,
        now: Duration,
    ) -> Option<u64> {
        self.waiting.push(Waiting {
            number,
            subject,
            until: now + LIFETIME.saturating_sub(age).max(LEAST),
            answers: 0,
            refused: 0,
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
    pub fn delivered(&mut self, number: u64, sent: Sent, now: Duration) {
        self.remove(number);
        self.pauses.reset();
        self.not_before = Duration::ZERO;
        self.waiting.iter_mut().for_each(|it| it.refused = 0);
        match sent {
            Sent::Text => {}
            Sent::Whole => self.doubts = 0,
            Sent::Plain if now < self.plain_until => {}
            Sent::Plain => {
                self.doubts += 1;
                // Once, it may have failed for another reason.
                if self.doubts > 1 {
                    self.plain_until = now + PLAIN;
                }
            }
        }
    }

    /// Whether a message is to be sent without its picture: the receiver has failed over it, which may be why.
    pub fn leaves_out(&self, number: u64, now: Duration) -> bool {
        let tries = if self.doubts == 0 { WITH_PICTURE } else { 1 };
        let mut waiting = self.waiting.iter();
        now < self.plain_until || waiting.any(|it| it.number == number && it.refused >= tries)
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
            waiting.refused += u32::from(answered);
        }
    }

    /// Tries the receiver at once, because it may work again.
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
        // The end of something is not told before its begin.
        let mut begins = HashMap::new();
        for it in &self.waiting {
            if let Some(subject) = &it.subject {
                let first: &mut u64 = begins.entry(subject).or_insert(it.number);
                *first = it.number.min(*first);
            }
        }
        let waits = |it: &&Waiting| {
            let begin = it.subject.as_ref().and_then(|it| begins.get(it));
            begin.is_some_and(|begin| *begin < it.number)
        };
        let first = self
            .waiting
            .iter()
            .filter(|it| !waits(it))
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
        queue.add(7, None, s(0), s(0));
        queue.add(8, None, s(0), s(0));
        let mut now = s(0);
        for pause in [
            1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600,
        ] {
            assert_eq!(queue.next(now), Next::Send(7));
            queue.failed(7, false, None, now, 0.0);
            assert_eq!(queue.next(now), Next::Wait(now + s(pause)));
            now += s(pause);
        }
        queue.delivered(7, Sent::Text, now);
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
        queue.add(1, None, s(0), s(100));
        queue.failed(1, true, Some(s(90)), s(100), 0.0);
        assert_eq!(queue.next(s(189)), Next::Wait(s(190)));
        assert_eq!(queue.next(s(190)), Next::Send(1));
        // Who says now is not asked all the time.
        queue.failed(1, true, Some(s(0)), s(190), 0.0);
        assert_eq!(queue.next(s(190)), Next::Wait(s(192)));
        // Nor is anybody waited for longer than that.
        queue.failed(1, true, Some(s(u64::MAX / 4)), s(192), 0.0);
        assert_eq!(queue.next(s(192)), Next::Wait(s(192) + LONGEST));
    }

    #[test]
    fn a_message_that_a_receiver_stumbles_over_does_not_hold_up_the_others() {
        let mut queue = Queue::default();
        queue.add(1, None, s(0), s(0));
        queue.add(2, None, s(0), s(0));
        let mut now = s(0);
        for _ in 0..TURNS {
            assert_eq!(queue.next(now), Next::Send(1));
            queue.failed(1, true, None, now, 0.0);
            now += s(60);
        }
        assert_eq!(queue.next(now), Next::Send(2));
        queue.delivered(2, Sent::Text, now);
        assert_eq!(queue.next(now), Next::Send(1));
    }

    /// Sends all that waits to a receiver that takes a message with its picture, or only without, after that long an attempt.
    /// Returns the numbers in the order in which it took them, which of them with their pictures, and when the last.
    fn sent(queue: &mut Queue, takes: impl Fn(u64, bool) -> bool) -> (Vec<(u64, bool)>, Duration) {
        let (mut now, mut sent) = (s(0), Vec::new());
        while !queue.is_empty() && now < LIFETIME {
            match queue.next(now) {
                Next::Send(number) => {
                    let is_whole = !queue.leaves_out(number, now);
                    if takes(number, is_whole) {
                        let how = if is_whole { Sent::Whole } else { Sent::Plain };
                        queue.delivered(number, how, now);
                        sent.push((number, is_whole));
                    } else {
                        now += s(60);
                        queue.failed(number, true, None, now, 0.0);
                    }
                }
                Next::Wait(until) => now = until,
                Next::Nothing => break,
            }
        }
        (sent, now)
    }

    #[test]
    fn pictures_that_a_receiver_does_not_take_silence_it_for_minutes_and_not_for_a_day() {
        let mut queue = Queue::default();
        for number in 1..=50 {
            queue.add(number, None, s(0), s(0));
        }
        let (sent, now) = sent(&mut queue, |_, is_whole| !is_whole);
        let all: Vec<_> = (1..=50).map(|number| (number, false)).collect();
        assert_eq!(sent, all);
        assert!(now <= s(300), "{now:?}");
        // An hour later one is tried with its picture again.
        queue.add(51, None, s(0), now);
        assert!(queue.leaves_out(51, now + PLAIN - s(1)) && !queue.leaves_out(51, now + PLAIN));
        queue.failed(51, true, None, now + PLAIN, 0.0);
        assert!(queue.leaves_out(51, now + PLAIN));
    }

    #[test]
    fn one_picture_that_is_not_taken_costs_no_other_message_its_own() {
        let mut queue = Queue::default();
        for number in 1..=4 {
            queue.add(number, None, s(0), s(0));
        }
        let (sent, _) = sent(&mut queue, |number, is_whole| number != 2 || !is_whole);
        assert_eq!(sent, [(1, true), (2, false), (3, true), (4, true)]);
        // Nor does a message that is never taken.
        let mut queue = Queue::default();
        for number in 1..=4 {
            queue.add(number, None, s(0), s(0));
        }
        let (sent, _) = self::sent(&mut queue, |number, _| number != 1);
        assert_eq!(sent, [(2, true), (3, true), (4, true)]);
    }

    #[test]
    fn the_end_of_something_is_never_told_before_its_begin() {
        let mut queue = Queue::default();
        let door = || Some("no-signal door".to_owned());
        queue.add(1, door(), s(0), s(0));
        for _ in 0..TURNS {
            queue.failed(1, true, None, s(0), 0.0);
        }
        queue.add(2, door(), s(0), s(0));
        assert_eq!(queue.next(s(60)), Next::Send(1));
        queue.add(3, Some("no-signal yard".into()), s(0), s(0));
        assert_eq!(queue.next(s(60)), Next::Send(3), "others go on");
        queue.remove(3);
        // A begin that is given up holds its end up no longer.
        queue.remove(1);
        assert_eq!(queue.next(s(60)), Next::Send(2));
    }

    #[test]
    fn a_message_that_seems_old_after_a_restart_is_tried_all_the_same() {
        let mut queue = Queue::default();
        queue.add(1, None, s(3 * 24 * 3600), s(0));
        assert_eq!(queue.next(s(0)), Next::Send(1));
        assert_eq!(queue.expired(LEAST - s(1)), [0; 0]);
        assert_eq!(queue.expired(LEAST), [1]);
    }

    #[test]
    fn what_is_too_old_or_too_much_is_given_up() {
        let mut queue = Queue::default();
        queue.add(1, None, s(3600), s(0));
        queue.add(2, None, s(0), s(0));
        assert_eq!(queue.expired(LIFETIME - s(3601)), [0; 0]);
        assert_eq!(queue.expired(LIFETIME - s(3600)), [1]);
        assert_eq!(queue.len(), 1);
        for number in 3..MOST as u64 + 2 {
            assert_eq!(queue.add(number, None, s(0), s(0)), None);
        }
        assert_eq!(queue.add(1000, None, s(0), s(0)), Some(2));
        assert_eq!(queue.len(), MOST);
        assert!(!queue.is_empty());
    }
}
