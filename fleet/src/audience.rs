//! Who wants a publisher's frames: what edges said lately, pure and told the time by the steady clock.
//!
//! An edge says each second what it wants, and counts no more once it has been silent for some seconds, whatever became of it.

use crate::message::{Demand, Instance};
use crate::subject::RENDITIONS;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often an edge says what it wants.
pub const REPEAT: Duration = Duration::from_secs(1);

/// How long what an edge said counts.
pub const HOLDS: Duration = Duration::from_millis(2500);

/// Most edges that are remembered. All of them together want no more than the renditions that there are.
const MOST_EDGES: usize = 4096;

/// How long edges may take another publisher's frames before that is no coincidence: after a restart they follow the one
/// before for a moment.
const CONTESTED: Duration = Duration::from_secs(3);

/// Longest interval between frames, in seconds.
const LONGEST_INTERVAL: f64 = 3600.0;

/// What is wanted of one rendition: the highest rate that an edge asks for, in frames per second. Infinite is all frames.
pub type Rates = [Option<f64>; RENDITIONS];

/// The edges that want frames of one camera from one publisher.
#[derive(Debug)]
pub struct Audience {
    own: Instance,
    edges: BTreeMap<Instance, Edge>,
    /// Since when, and until when, edges take the frames of another publisher of the same camera.
    contested: Option<(Instant, Instant)>,
    refused: u64,
}

#[derive(Debug)]
struct Edge {
    until: Instant,
    rates: Rates,
}

/// What a demand changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An edge wants something that it did not want before: it is waiting for a picture.
    More,
    /// Nothing that has to be done at once.
    Same,
    /// It is for another publisher of the same camera.
    Another,
    /// Too many edges want something: this one is not counted.
    Full,
}

impl Audience {
    /// That of a publisher.
    pub fn new(own: Instance) -> Self {
        Self {
            own,
            edges: BTreeMap::new(),
            contested: None,
            refused: 0,
        }
    }

    /// An edge says what it wants.
    pub fn hear(&mut self, demand: &Demand, now: Instant) -> Heard {
        if demand.publisher != self.own {
            let since = self
                .contested
                .filter(|(_, until)| *until > now)
                .map_or(now, |(since, _)| since);
            if !demand.want.is_empty() {
                self.contested = Some((since, now + HOLDS));
            }
            self.edges.remove(&demand.edge);
            return Heard::Another;
        }
        let mut rates: Rates = Default::default();
        for want in &demand.want {
            rates[want.rendition.halvings()] = Some(want.fps.unwrap_or(f64::INFINITY));
        }
        let before = self.edges.get(&demand.edge).filter(|edge| edge.until > now);
        let more =
            |at: usize| rates[at].is_some() && before.is_none_or(|edge| edge.rates[at].is_none());
        let is_more = (0..RENDITIONS).any(more);
        if rates.iter().all(Option::is_none) {
            self.edges.remove(&demand.edge);
            return Heard::Same;
        }
        if self.edges.len() >= MOST_EDGES && !self.edges.contains_key(&demand.edge) {
            self.expire(now);
            if self.edges.len() >= MOST_EDGES {
                self.refused += 1;
                return Heard::Full;
            }
        }
        let until = now + HOLDS;
        self.edges.insert(demand.edge, Edge { until, rates });
        if is_more { Heard::More } else { Heard::Same }
    }

    fn expire(&mut self, now: Instant) {
        self.edges.retain(|_, edge| edge.until > now);
    }

    /// Forgets everybody: the broker is lost.
    pub fn clear(&mut self) {
        self.edges.clear();
    }

    /// What all edges together want now.
    pub fn wanted(&mut self, now: Instant) -> Rates {
        self.expire(now);
        let mut wanted: Rates = Default::default();
        for edge in self.edges.values() {
            for (wanted, rate) in wanted.iter_mut().zip(edge.rates) {
                *wanted = match (*wanted, rate) {
                    (Some(one), Some(other)) => Some(one.max(other)),
                    (one, other) => one.or(other),
                };
            }
        }
        wanted
    }

    /// When the next edge counts no more, if nothing is heard of it.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.edges.values().map(|edge| edge.until).min()
    }

    /// Number of edges that want something.
    pub fn edges(&self) -> usize {
        self.edges.len()
    }

    /// Whether edges take the frames of another publisher of the same camera, and have for a while.
    pub fn is_contested(&self, now: Instant) -> bool {
        self.contested.is_some_and(|(since, until)| {
            until > now && now.saturating_duration_since(since) >= CONTESTED
        })
    }
}

/// Lets frames of one rendition pass at a rate.
#[derive(Debug, Default)]
pub struct Pace {
    due: Option<Instant>,
}

impl Pace {
    /// Whether a frame is to be sent now, at so many a second.
    pub fn passes(&mut self, fps: f64, now: Instant) -> bool {
        let interval = Duration::try_from_secs_f64((1.0 / fps).min(LONGEST_INTERVAL));
        let interval = interval.unwrap_or(Duration::ZERO);
        let due = self.due.unwrap_or(now);
        // A frame that comes a little early has its own interval, which is not ours.
        if now + interval / 8 < due {
            return false;
        }
        self.due = Some((due + interval).max(now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Want;
    use crate::subject::Rendition;
    use proptest::prelude::*;

    fn demand(edge: u64, want: &[(usize, Option<f64>)]) -> Demand {
        Demand {
            edge: Instance::new(edge),
            publisher: Instance::new(0),
            via: Vec::new(),
            want: want
                .iter()
                .map(|&(at, fps)| Want {
                    rendition: Rendition::ALL[at],
                    fps,
                })
                .collect(),
        }
    }

    #[test]
    fn the_first_edge_is_heard_at_once_and_the_last_one_is_forgotten_in_time() {
        let start = Instant::now();
        let mut audience = Audience::new(Instance::new(0));
        assert_eq!(audience.hear(&demand(1, &[(0, None)]), start), Heard::More);
        assert_eq!(
            audience.hear(&demand(1, &[(0, None)]), start + REPEAT),
            Heard::Same
        );
        assert_eq!(
            audience.hear(&demand(2, &[(0, Some(5.0))]), start + REPEAT),
            Heard::More
        );
        assert_eq!(audience.wanted(start + REPEAT)[0], Some(f64::INFINITY));
        // The one that wants everything goes.
        assert_eq!(audience.hear(&demand(1, &[]), start + REPEAT), Heard::Same);
        assert_eq!(audience.wanted(start + REPEAT)[0], Some(5.0));
        // And the other one is silent.
        let over = start + REPEAT + HOLDS;
        assert_eq!(audience.next_expiry(), Some(over));
        assert!(audience.wanted(over).iter().all(Option::is_none));
        assert!(HOLDS < Duration::from_secs(3) && HOLDS > REPEAT * 2);
        // It waits for a picture again.
        assert_eq!(audience.hear(&demand(2, &[(0, None)]), over), Heard::More);
    }

    #[test]
    fn who_takes_the_frames_of_another_publisher_of_that_name_is_not_counted() {
        let start = Instant::now();
        let mut audience = Audience::new(Instance::new(9));
        for second in 0..5 {
            let now = start + REPEAT * second;
            assert_eq!(audience.hear(&demand(1, &[(0, None)]), now), Heard::Another);
            assert_eq!(audience.is_contested(now), second >= 3);
            assert_eq!(audience.edges(), 0);
        }
        assert!(!audience.is_contested(start + REPEAT * 10));
    }

    #[test]
    fn no_number_of_edges_fills_the_memory_or_wants_more_than_there_is() {
        let now = Instant::now();
        let mut audience = Audience::new(Instance::new(0));
        for edge in 0..10_000 {
            audience.hear(&demand(edge, &[(0, None), (3, Some(1.0))]), now);
        }
        assert_eq!(audience.edges(), MOST_EDGES);
        assert_eq!(
            audience.hear(&demand(10_000, &[(1, None)]), now),
            Heard::Full
        );
        assert_eq!(
            audience.wanted(now),
            [Some(f64::INFINITY), None, None, Some(1.0)]
        );
    }

    #[test]
    fn a_rate_is_kept_and_a_camera_that_is_slower_loses_nothing() {
        let start = Instant::now();
        let passed = |camera: u64, fps: f64| {
            let mut pace = Pace::default();
            let times =
                (0..camera * 10).map(|n| start + Duration::from_micros(n * 1_000_000 / camera));
            times.filter(|now| pace.passes(fps, *now)).count()
        };
        assert!((49..=51).contains(&passed(30, 5.0)), "{}", passed(30, 5.0));
        assert_eq!(passed(5, 5.0), 50);
        assert_eq!(passed(5, 30.0), 50);
        assert_eq!(passed(30, f64::INFINITY), 300);
        for fps in [8e-20, 5e-20, f64::MIN_POSITIVE] {
            assert_eq!(passed(30, fps), 1, "{fps}");
        }
    }

    proptest! {
        #[test]
        fn exactly_what_was_said_lately_is_wanted(said in prop::collection::vec((0..4_u64, 0..5_usize, 0..3000_u64), 1..60)) {
            let start = Instant::now();
            let mut audience = Audience::new(Instance::new(0));
            let mut last: BTreeMap<u64, (u64, Option<usize>)> = BTreeMap::new();
            let mut at = 0;
            for (edge, want, wait) in said {
                at += wait;
                let now = start + Duration::from_millis(at);
                let want = (want < RENDITIONS).then_some(want);
                let wants: Vec<_> = want.iter().map(|want| (*want, None)).collect();
                audience.hear(&demand(edge, &wants), now);
                last.insert(edge, (at, want));
                let holds = |(said, want): &(u64, Option<usize>)| want.filter(|_| at - said < HOLDS.as_millis() as u64);
                let wanted = audience.wanted(now);
                for (rendition, wanted) in wanted.iter().enumerate() {
                    let model = last.values().filter_map(holds).any(|want| want == rendition);
                    prop_assert_eq!(wanted.is_some(), model);
                }
            }
        }
    }
}
