//! Decides which renditions of a camera's picture are made, and which consumer gets which. Pure.
//!
//! Making them belongs to [`crate::encode`], keeping the newest of each to [`super::feed`].

use super::rendition::{Config, Limits, Rendition};
use std::sync::Arc;

/// The renditions of pictures of one width, and the consumers of each.
#[derive(Debug)]
pub struct Plan {
    config: Config,
    renditions: Vec<Rendition>,
    /// The rendition that serves each wish, by rising number of the wish.
    served: Vec<(u64, Rendition)>,
    /// The renditions with consumers that keep strips.
    in_strips: Vec<Rendition>,
    /// Those with consumers that do not.
    in_whole: Vec<Rendition>,
}

impl Plan {
    /// Chooses the renditions that exceed all wishes together least, with one place reserved for the full one. A wish whose
    /// rendition is not chosen gets the next larger one. That costs most where the wish is for a large picture, so that
    /// many wishes for tiny ones are needed to displace it; among equals the first wish counts.
    fn new(wishes: &[(u64, Limits)], width: u32, config: Config) -> Self {
        let fitting = |limits: &Limits| Rendition::fitting(*limits, width, config);
        let mut wanted: Vec<(Rendition, u64)> = Vec::new();
        for (_, limits) in wishes {
            let fitting = fitting(limits);
            match wanted.iter_mut().find(|(known, _)| *known == fitting) {
                Some((_, times)) => *times += 1,
                None => wanted.push((fitting, 1)),
            }
        }
        let mut made: Vec<Rendition> = Vec::new();
        while made.len() + 1 < config.most {
            let cost = |made: &[Rendition]| -> u64 {
                let each =
                    |(wish, times): &(Rendition, u64)| wish.excess(wish.served_by(made)) * times;
                wanted.iter().map(each).sum()
            };
            let now = cost(&made);
            let mut best = (now, None);
            for (candidate, _) in &wanted {
                made.push(*candidate);
                let then = cost(&made);
                made.pop();
                if then < best.0 {
                    best = (then, Some(*candidate));
                }
            }
            match best.1 {
                Some(candidate) => made.push(candidate),
                None => break,
            }
        }
        let served: Vec<_> = wishes
            .iter()
            .map(|(id, limits)| (*id, fitting(limits).served_by(&made)))
            .collect();
        let for_those = |tiles: bool| {
            let theirs = wishes.iter().zip(&served);
            let theirs = theirs.filter(|((_, limits), _)| limits.tiles == tiles);
            theirs.map(|(_, (_, given))| *given).collect()
        };
        let (in_strips, in_whole) = (for_those(true), for_those(false));
        if served.iter().any(|(_, given)| *given == Rendition::FULL) {
            made.push(Rendition::FULL);
        }
        made.sort_by_key(|made| (std::cmp::Reverse(made.halvings), made.quality.is_none()));
        Self {
            config,
            renditions: made,
            served,
            in_strips,
            in_whole,
        }
    }

    /// Returns true if a consumer of that rendition keeps strips.
    pub fn is_kept_in_strips(&self, rendition: Rendition) -> bool {
        self.in_strips.contains(&rendition)
    }

    /// Returns true if a consumer of that rendition has use for nothing but whole pictures.
    pub fn is_wanted_whole(&self, rendition: Rendition) -> bool {
        self.in_whole.contains(&rendition)
    }

    /// The renditions to make, the smallest first, so that its consumers don't wait for the larger ones.
    pub fn renditions(&self) -> &[Rendition] {
        &self.renditions
    }

    /// What renditions there may be.
    pub fn config(&self) -> Config {
        self.config
    }

    /// The rendition that serves that wish; `None` if the wish is newer than the plan.
    pub fn serves(&self, wish: u64) -> Option<Rendition> {
        let at = self
            .served
            .binary_search_by_key(&wish, |(id, _)| *id)
            .ok()?;
        Some(self.served[at].1)
    }

    /// The number of consumers of that rendition.
    pub fn consumers(&self, rendition: Rendition) -> usize {
        let theirs = self.served.iter().filter(|(_, given)| *given == rendition);
        theirs.count()
    }
}

/// All consumers' wishes, and the plans that follow from them.
#[derive(Debug)]
pub(super) struct Wishes {
    config: Config,
    next: u64,
    wishes: Vec<(u64, Limits)>,
    /// Plans for the widths of the last pictures.
    plans: Vec<(u32, Arc<Plan>)>,
}

/// Plans that are remembered: a camera's pictures have one width, files may have some.
const PLANS: usize = 8;

impl Wishes {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            next: 0,
            wishes: Vec::new(),
            plans: Vec::new(),
        }
    }

    /// What renditions there may be.
    pub(super) fn config(&self) -> Config {
        self.config
    }

    /// Sets the limits from here on.
    pub(super) fn configure(&mut self, config: Config) {
        self.config = config;
        self.plans.clear();
    }

    /// Adds a wish and returns its number.
    pub(super) fn add(&mut self, limits: Limits) -> u64 {
        let id = self.next;
        self.next += 1;
        self.wishes.push((id, limits));
        self.plans.clear();
        id
    }

    /// Removes a wish.
    pub(super) fn remove(&mut self, id: u64) {
        self.wishes.retain(|(wish, _)| *wish != id);
        self.plans.clear();
    }

    /// The plan for pictures of that width.
    pub(super) fn plan(&mut self, width: u32) -> Arc<Plan> {
        if let Some((_, plan)) = self.plans.iter().find(|(of, _)| *of == width) {
            return Arc::clone(plan);
        }
        let plan = Arc::new(Plan::new(&self.wishes, width, self.config));
        self.plans.truncate(PLANS - 1);
        self.plans.insert(0, (width, Arc::clone(&plan)));
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: Config = Config {
        most: 3,
        quality: 80,
        tiles: None,
    };

    fn width(max_width: u32) -> Limits {
        Limits {
            max_width: Some(max_width),
            quality: None,
            tiles: false,
        }
    }

    fn halved(halvings: u8) -> Rendition {
        Rendition {
            halvings,
            quality: None,
        }
    }

    #[test]
    fn the_smallest_size_that_reaches_the_width_is_meant() {
        for (max_width, of, halvings) in [
            (1920, 1920, 0),
            (5000, 1920, 0),
            (961, 1920, 0),
            (960, 1920, 1),
            (500, 1920, 1),
            (480, 1920, 2),
            (400, 1920, 2),
            (240, 1920, 3),
            (1, 1920, 3),
            (0, 1920, 3),
            (1, 320, 2),
            (1, 64, 0),
            (u32::MAX, u32::MAX, 0),
        ] {
            let fitting = Rendition::fitting(width(max_width), of, CONFIG);
            assert_eq!(fitting, halved(halvings), "{max_width} of {of}");
        }
        assert_eq!(
            Rendition::fitting(Limits::default(), 1920, CONFIG),
            Rendition::FULL
        );
    }

    #[test]
    fn similar_qualities_are_shared_and_none_is_above_the_servers() {
        for (wanted, quality) in [
            (1, Some(10)),
            (55, Some(60)),
            (60, Some(60)),
            (71, None),
            (80, None),
            (100, None),
            (101, None),
            (255, None),
        ] {
            let limits = Limits {
                max_width: None,
                quality: Some(wanted),
                tiles: false,
            };
            let fitting = Rendition::fitting(limits, 1920, CONFIG);
            assert_eq!(fitting.quality, quality, "{wanted}");
        }
    }

    #[test]
    fn no_more_than_the_limit_are_made_and_whoever_comes_late_gets_the_next_larger_one() {
        let mut wishes = Wishes::new(CONFIG);
        let quarter = wishes.add(width(480));
        let half = wishes.add(width(960));
        let eighth = wishes.add(width(240));
        let full = wishes.add(Limits::default());
        let poor = wishes.add(Limits {
            quality: Some(20),
            ..Limits::default()
        });
        let plan = wishes.plan(1920);
        assert_eq!(plan.renditions(), [halved(2), halved(1), Rendition::FULL]);
        assert_eq!(plan.serves(quarter), Some(halved(2)));
        assert_eq!(plan.serves(half), Some(halved(1)));
        assert_eq!(plan.serves(eighth), Some(halved(2)));
        assert_eq!(plan.serves(full), Some(Rendition::FULL));
        assert_eq!(plan.serves(poor), Some(Rendition::FULL));
        assert_eq!(plan.consumers(halved(2)), 2);
        wishes.remove(half);
        let plan = wishes.plan(1920);
        assert_eq!(plan.serves(eighth), Some(halved(3)));
        assert_eq!(plan.serves(half), None);
    }

    #[test]
    fn a_few_tiny_wishes_do_not_push_the_others_to_the_full_size() {
        let mut wishes = Wishes::new(CONFIG);
        let tiny = [wishes.add(width(1)), wishes.add(width(480))];
        let low = wishes.add(Limits {
            max_width: Some(1),
            quality: Some(10),
            tiles: false,
        });
        let others: Vec<_> = (0..2).map(|_| wishes.add(width(960))).collect();
        let plan = wishes.plan(1920);
        for other in others {
            assert_eq!(plan.serves(other), Some(halved(1)));
        }
        for small in tiny.into_iter().chain([low]) {
            assert_eq!(plan.serves(small), Some(halved(2)));
        }
        assert_eq!(plan.renditions(), [halved(2), halved(1)]);
    }

    #[test]
    fn two_tiny_wishes_of_any_quality_leave_a_single_viewer_its_size() {
        for tiny in [[(1, None), (480, None)], [(1, Some(10)), (1, Some(20))]] {
            let mut wishes = Wishes::new(CONFIG);
            for (max_width, quality) in tiny {
                wishes.add(Limits {
                    max_width: Some(max_width),
                    quality,
                    tiles: false,
                });
            }
            let other = wishes.add(width(960));
            assert_eq!(wishes.plan(1920).serves(other), Some(halved(1)), "{tiny:?}");
        }
    }

    #[test]
    fn a_dozen_tiny_wishes_of_any_kind_leave_a_single_viewer_its_size() {
        let kinds = [
            (1, None),
            (480, None),
            (1, Some(10)),
            (480, Some(10)),
            (960, Some(10)),
        ];
        for first in kinds {
            for second in kinds {
                for third in kinds {
                    let mut wishes = Wishes::new(CONFIG);
                    for (max_width, quality) in [first, second, third].repeat(4) {
                        wishes.add(Limits {
                            max_width: Some(max_width),
                            quality,
                            tiles: false,
                        });
                    }
                    let other = wishes.add(width(960));
                    let given = wishes.plan(1920).serves(other);
                    assert_eq!(given, Some(halved(1)), "{first:?} {second:?} {third:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_worse_is_given_than_was_wished_for() {
        let poor = |max_width, quality| Limits {
            max_width,
            quality: Some(quality),
            tiles: false,
        };
        let mut wishes = Wishes::new(Config { most: 2, ..CONFIG });
        for _ in 0..3 {
            wishes.add(poor(None, 20));
        }
        let good = wishes.add(width(960));
        let poorer = wishes.add(poor(None, 10));
        let plan = wishes.plan(1920);
        let wide = Rendition {
            halvings: 0,
            quality: Some(20),
        };
        assert_eq!(plan.serves(good), Some(halved(1)), "{plan:?}");
        assert_eq!(plan.serves(poorer), Some(Rendition::FULL));
        let mut wishes = Wishes::new(Config { most: 2, ..CONFIG });
        let (first, second) = (wishes.add(poor(None, 20)), wishes.add(poor(None, 10)));
        let plan = wishes.plan(1920);
        assert_eq!(
            (plan.serves(first), plan.serves(second)),
            (Some(wide), Some(wide))
        );
    }

    #[test]
    fn with_a_limit_of_one_everybody_gets_the_full_one() {
        let mut wishes = Wishes::new(Config { most: 1, ..CONFIG });
        let small = wishes.add(width(100));
        let plan = wishes.plan(1920);
        assert_eq!(plan.renditions(), [Rendition::FULL]);
        assert_eq!(plan.serves(small), Some(Rendition::FULL));
    }

    #[test]
    fn without_wishes_nothing_is_made_and_without_a_wish_for_it_not_the_full_one() {
        let mut wishes = Wishes::new(CONFIG);
        assert!(wishes.plan(1920).renditions().is_empty());
        wishes.add(width(480));
        assert_eq!(wishes.plan(1920).renditions(), [halved(2)]);
        assert_eq!(wishes.plan(640).renditions(), [Rendition::FULL]);
    }

    #[test]
    fn strips_are_kept_where_a_consumer_wants_them_and_whole_pictures_made_where_another_does() {
        let mut wishes = Wishes::new(CONFIG);
        let strips = |max_width| Limits {
            tiles: true,
            ..width(max_width)
        };
        wishes.add(strips(960));
        let plain = wishes.add(width(960));
        wishes.add(width(1920));
        let plan = wishes.plan(1920);
        let kept =
            |plan: &Plan| [halved(1), Rendition::FULL].map(|made| plan.is_kept_in_strips(made));
        let whole =
            |plan: &Plan| [halved(1), Rendition::FULL].map(|made| plan.is_wanted_whole(made));
        assert_eq!((kept(&plan), whole(&plan)), ([true, false], [true, true]));
        wishes.remove(plain);
        let plan = wishes.plan(1920);
        assert_eq!((kept(&plan), whole(&plan)), ([true, false], [false, true]));
    }
}
