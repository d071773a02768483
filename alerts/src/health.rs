//! Troubles, each told once when it has lasted for a while, and once when it is over.
//!
//! What counts as a trouble belongs to the caller, who looks at cameras, disks and the clock.

use crate::Kind;
use crate::schedule::Local;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which trouble it is: at most one of a kind and camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What is wrong.
    pub kind: Kind,
    /// With which camera; `None` where it is the machine's.
    pub camera: Option<String>,
}

/// A trouble as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which one.
    pub trouble: Trouble,
    /// Why, for people.
    pub reason: String,
    /// How long it has to last before it is told.
    pub patience: Duration,
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has lasted for its time.
    Began(Seen),
    /// It is over, and has lasted for that long.
    Ended(Trouble, Duration),
}

/// What can be said of a trouble that is not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// It is over.
    Over,
    /// Something else hides whether it is over, such as a lost signal whether pictures are recorded.
    Hidden,
    /// It cannot be any more: the camera is gone, or nothing is to be recorded. Nothing is told of that.
    Gone,
}

/// What was told and is not over, for the next start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Which trouble.
    pub trouble: Trouble,
    /// When it began, Unix time in µs.
    pub since_us: u64,
}

#[derive(Clone, Debug)]
struct Known {
    trouble: Trouble,
    /// When it began, or began again.
    since: Duration,
    /// How long it had lasted before that, in an earlier run of the server.
    before: Duration,
    /// How long it was seen, less a part of the time for which it was not: at its patience it is told.
    lasted: Duration,
    /// Whether it was seen at the last look.
    is_seen: bool,
    /// Since when it is over.
    gone: Option<Duration>,
    told: bool,
    /// How often it was told anew a short time behind its end.
    again: u32,
    /// Whether its end was told.
    ended: bool,
}

impl Known {
    fn new(trouble: Trouble, since: Duration) -> Self {
        Self {
            trouble,
            since,
            before: Duration::ZERO,
            lasted: Duration::ZERO,
            is_seen: false,
            gone: None,
            told: false,
            again: 0,
            ended: false,
        }
    }
}

/// How long a trouble has to be over before that is told. Each time that it comes back soon doubles that.
const CALM: Duration = Duration::from_secs(20);
const MOST_DOUBLINGS: u32 = 6;

/// How long one that is over is remembered.
const SOON: Duration = Duration::from_secs(3600);

/// One that comes and goes lasts, where it is there for more than a fifth of the time: what it lasted is made up for by four times
/// as long without it.
const MAKES_UP: u32 = 4;

/// Before that, the clock was not set: the beginning of 2024 in µs.
const SET_US: u64 = 1_704_067_200_000_000;

/// The troubles that are known.
#[derive(Debug, Default)]
pub struct Health {
    known: Vec<Known>,
    /// When it was looked last.
    looked: Duration,
}

impl Health {
    /// Goes on where the last run of the server ended. `now` is a clock that only goes on, `now_us` Unix time in µs.
    pub fn restored(told: Vec<Told>, now: Duration, now_us: u64) -> Self {
        let lasted = |since_us: u64| match since_us {
            ..SET_US => Duration::ZERO,
            _ => Duration::from_micros(now_us.saturating_sub(since_us)),
        };
        let known = told.into_iter().map(|told| Known {
            before: lasted(told.since_us),
            told: true,
            ..Known::new(told.trouble, now)
        });
        Self {
            known: known.collect(),
            looked: now,
        }
    }

    /// What was told and is not over.
    pub fn told(&self, now: Duration, now_us: u64) -> Vec<Told> {
        let told = self.known.iter().filter(|known| known.told);
        told.map(|known| Told {
            trouble: known.trouble.clone(),
            since_us:
                now_us.saturating_sub(
                    (known.before + now.saturating_sub(known.since)).as_micros() as u64
                ),
        })
        .collect()
    }

    /// The troubles that were told and are not over.
    pub fn active(&self) -> impl Iterator<Item = &Trouble> {
        let told = self.known.iter().filter(|known| known.told);
        told.map(|known| &known.trouble)
    }

    /// Takes what is seen now. Call it every second or so, with all that is wrong; `unseen` is asked about the rest.
    pub fn look(
        &mut self,
        seen: Vec<Seen>,
        unseen: impl Fn(&Trouble) -> Unseen,
        now: Duration,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let is_seen = |trouble: &Trouble| seen.iter().any(|seen| seen.trouble == *trouble);
        self.known
            .retain(|known| is_seen(&known.trouble) || unseen(&known.trouble) != Unseen::Gone);
        let passed = now.saturating_sub(std::mem::replace(&mut self.looked, now));
        for known in &mut self.known {
            if is_seen(&known.trouble) {
                continue;
            }
            known.is_seen = false;
            known.lasted = known.lasted.saturating_sub(passed / MAKES_UP);
            if unseen(&known.trouble) == Unseen::Hidden {
                // It may be there behind what hides it.
                known.gone = known.gone.filter(|_| !known.told);
                continue;
            }
            let gone = *known.gone.get_or_insert(now);
            let calm = CALM * 2_u32.pow(known.again.min(MOST_DOUBLINGS));
            if known.told && now >= gone + calm {
                known.told = false;
                known.ended = true;
                let lasted = known.before + gone.saturating_sub(known.since);
                known.lasted = Duration::ZERO;
                changes.push(Change::Ended(known.trouble.clone(), lasted));
            }
        }
        self.known
            .retain(|known| known.told || known.gone.is_none_or(|gone| now < gone + SOON));
        for seen in seen {
            let mut known = self.known.iter_mut();
            let known = match known.position(|known| known.trouble == seen.trouble) {
                Some(at) => &mut self.known[at],
                None => {
                    self.known.push(Known::new(seen.trouble.clone(), now));
                    self.known.last_mut().expect("it was pushed")
                }
            };
            known.gone = None;
            if std::mem::replace(&mut known.is_seen, true) {
                known.lasted += passed;
            } else if !known.told && known.lasted.is_zero() {
                (known.since, known.before) = (now, Duration::ZERO);
            }
            if !known.told && known.lasted >= seen.patience {
                known.told = true;
                known.again += u32::from(known.ended);
                changes.push(Change::Began(seen));
            }
        }
        changes
    }
}

/// Whether the daily message for `at` minutes past midnight is due. `last` is the local day of the last one; `None` where there was
/// none yet. A clock that was in the future stops it no longer than a day.
pub fn is_daily_due(at: u16, last: Option<i64>, now: Local) -> bool {
    now.minute >= at && last.is_some_and(|last| last < now.day || last > now.day + 1)
}

/// The day that counts as the last one where there was none yet: today's message comes if its time does.
pub fn first_daily(at: u16, now: Local) -> i64 {
    if now.minute >= at {
        now.day
    } else {
        now.day - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen {
            trouble: Trouble {
                kind: Kind::NoSignal,
                camera: Some("door".into()),
            },
            reason: "the cable is loose".into(),
            patience: Duration::from_secs(120),
        }
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What is told each second, of a trouble that is there in these seconds.
    fn told(health: &mut Health, there: &[(u64, u64)], until: u64) -> Vec<(u64, bool)> {
        let mut told = Vec::new();
        for second in 0..until {
            let is_there = there
                .iter()
                .any(|(from, to)| (*from..*to).contains(&second));
            let now = is_there.then(seen).into_iter().collect();
            for change in health.look(now, |_| Unseen::Over, s(second)) {
                told.push((second, matches!(change, Change::Began(_))));
            }
        }
        told
    }

    #[test]
    fn a_trouble_is_told_once_when_it_has_lasted_and_once_when_it_is_over() {
        let mut health = Health::default();
        assert_eq!(
            told(&mut health, &[(10, 500)], 1000),
            [(130, true), (520, false)]
        );
        assert_eq!(health.active().count(), 0);
    }

    #[test]
    fn a_short_one_is_not_told_and_short_gaps_do_not_end_a_long_one() {
        let apart = [(10, 100), (400, 490)];
        assert_eq!(told(&mut Health::default(), &apart, 600), []);
        // A second with pictures every two minutes is no camera that works.
        let flaps: Vec<_> = (0..9).map(|n| (n * 120, n * 120 + 119)).collect();
        let flaps = told(&mut Health::default(), &flaps, 1000);
        assert_eq!(flaps.first(), Some(&(123, true)));
        let gaps = [(10, 200), (210, 300), (315, 400)];
        assert_eq!(
            told(&mut Health::default(), &gaps, 600),
            [(130, true), (420, false)]
        );
    }

    #[test]
    fn losses_add_up_where_they_are_much_of_the_time_and_seldom_ones_do_not() {
        let every = |period: u64, away: u64| -> Vec<_> {
            (0..3600 / period)
                .map(|n| (n * period, n * period + away))
                .collect()
        };
        // Lost for 11 s, back for 25 s, and so on: a radio link that is being jammed.
        let disturbed = told(&mut Health::default(), &every(36, 11), 3600);
        assert!(
            matches!(disturbed.first(), Some((at, true)) if *at < 1200),
            "{disturbed:?}"
        );
        let mostly = told(&mut Health::default(), &every(121, 100), 3600);
        assert_eq!(mostly.first().map(|(_, began)| *began), Some(true));
        assert!(mostly.len() <= 4, "{mostly:?}");
        assert_eq!(told(&mut Health::default(), &every(100, 5), 3600), []);
    }

    #[test]
    fn one_that_comes_and_goes_is_told_less_and_less_often() {
        let spans: Vec<_> = (0..100).map(|n| (n * 180, n * 180 + 150)).collect();
        let told = told(&mut Health::default(), &spans, 18_000);
        assert!(told.len() <= 4, "{told:?}");
        assert_eq!(told.first(), Some(&(120, true)));
    }

    #[test]
    fn what_is_hidden_is_not_over_and_what_is_gone_is_not_told() {
        let mut health = Health::default();
        health.look(vec![seen()], |_| Unseen::Over, s(0));
        assert_eq!(health.look(vec![seen()], |_| Unseen::Over, s(120)).len(), 1);
        assert_eq!(health.look(vec![], |_| Unseen::Hidden, s(200)), []);
        assert_eq!(health.look(vec![], |_| Unseen::Over, s(201)), []);
        assert_eq!(
            health.look(vec![], |_| Unseen::Over, s(221)).len(),
            1,
            "only what was looked at counts"
        );
        health.look(vec![seen()], |_| Unseen::Over, s(300));
        health.look(vec![seen()], |_| Unseen::Over, s(420));
        assert_eq!(health.active().count(), 1);
        assert_eq!(health.look(vec![], |_| Unseen::Gone, s(500)), []);
        assert_eq!(health.active().count(), 0);
    }

    #[test]
    fn what_is_hidden_keeps_no_half_a_state() {
        // Seen for 5 s, hidden for hours, and seen once: it has not lasted.
        let mut health = Health::default();
        for second in 0..5 {
            health.look(vec![seen()], |_| Unseen::Over, s(second));
        }
        for second in 5..30_000 {
            health.look(vec![], |_| Unseen::Hidden, s(second));
        }
        assert_eq!(health.look(vec![seen()], |_| Unseen::Over, s(30_000)), []);
        assert_eq!(health.look(vec![seen()], |_| Unseen::Over, s(30_119)), []);
        assert_eq!(
            health.look(vec![seen()], |_| Unseen::Over, s(30_120)).len(),
            1
        );
        // Over for a second, hidden for minutes: it has to be over for its time behind that.
        health.look(vec![], |_| Unseen::Over, s(30_200));
        health.look(vec![], |_| Unseen::Hidden, s(30_201));
        assert_eq!(health.look(vec![], |_| Unseen::Over, s(30_800)), []);
        let ended = Change::Ended(seen().trouble, s(800));
        assert_eq!(health.look(vec![], |_| Unseen::Over, s(30_820)), [ended]);
    }

    #[test]
    fn a_restart_neither_tells_it_again_nor_forgets_to_tell_its_end() {
        let mut health = Health::default();
        health.look(vec![seen()], |_| Unseen::Over, s(0));
        assert_eq!(health.look(vec![seen()], |_| Unseen::Over, s(120)).len(), 1);
        let kept = health.told(s(130), SET_US + 1_000_000_000);
        assert_eq!(kept[0].since_us, SET_US + 870_000_000);
        let kept: Vec<Told> = serde_json::from_value(serde_json::to_value(kept).unwrap()).unwrap();
        // Another run, with a clock that begins anew.
        let mut health = Health::restored(kept, s(0), SET_US + 1_010_000_000);
        assert_eq!(health.look(vec![seen()], |_| Unseen::Over, s(1)), []);
        let kept = health.told(s(1), SET_US + 1_011_000_000);
        assert_eq!(kept[0].since_us, SET_US + 870_000_000);
        assert_eq!(health.look(vec![], |_| Unseen::Over, s(2)), []);
        let ended = Change::Ended(seen().trouble, s(142));
        assert_eq!(health.look(vec![], |_| Unseen::Over, s(22)), [ended]);
        // It began before the clock was set, so its duration is unknown.
        let kept = vec![Told {
            trouble: seen().trouble,
            since_us: 1_000_000,
        }];
        let mut health = Health::restored(kept, s(0), SET_US);
        health.look(vec![], |_| Unseen::Over, s(10));
        let ended = Change::Ended(seen().trouble, s(10));
        assert_eq!(health.look(vec![], |_| Unseen::Over, s(30)), [ended]);
    }

    #[test]
    fn the_daily_message_comes_once_a_day_and_not_at_the_first_start_behind_its_time() {
        let at = |day, minute| Local { day, minute };
        let last = first_daily(480, at(7, 900));
        assert!(!is_daily_due(480, Some(last), at(7, 901)));
        assert!(
            !is_daily_due(480, Some(last), at(8, 479)) && is_daily_due(480, Some(last), at(8, 480))
        );
        assert!(
            !is_daily_due(480, Some(8), at(8, 481)) && is_daily_due(480, Some(8), at(11, 1000))
        );
        let last = first_daily(480, at(7, 100));
        assert!(is_daily_due(480, Some(last), at(7, 480)));
        assert!(!is_daily_due(480, None, at(7, 480)));
    }
}
