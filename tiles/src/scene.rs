//! What was last encoded of each strip, and what of a new picture has to be.

use crate::blocks::{self, Difference};
use crate::grid::{Grid, Plane};
use crate::means::{Means, PICTURES};
use crate::noise::{GROUPS, Noise};

/// How a scene is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether what stands still is averaged.
    pub averaging: bool,
}

/// What has to be encoded of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look<'a> {
    /// All of it, as it was captured.
    All,
    /// These strips: each as it is remembered from here on ([`Scene::strip`]). Those of `captured` are as they are in the picture.
    Strips {
        /// What has changed, and what is sent anew without an average.
        captured: &'a [u32],
        /// Averages of what stands still.
        means: &'a [u32],
    },
}

/// A camera's scene: each strip as it was last encoded.
#[derive(Debug)]
pub struct Scene {
    grid: Grid,
    config: Config,
    noise: Noise,
    means: Means,
    strips: Vec<Strip>,
    /// The strips' samples, one after the other.
    samples: Vec<u8>,
    /// Groups of the strips' blocks of brightness.
    groups: Vec<u8>,
    /// What is remembered is what was encoded.
    is_current: bool,
    /// Most of it changes. Then most pictures are taken whole, and not compared.
    is_moving: bool,
    /// Pictures since one was compared.
    untested: u32,
    /// Pictures that were compared.
    compared: usize,
    /// Where the next averages begin, by columns.
    cursor: usize,
    captured: Vec<u32>,
    averaged: Vec<u32>,
    /// Memory of what is computed for each strip.
    differences: Vec<Difference>,
    edge: Vec<u8>,
}

/// How one strip was last encoded.
#[derive(Clone, Copy, Debug, Default)]
struct Strip {
    /// When, in µs.
    at_us: u64,
    /// As an average.
    is_mean: bool,
    /// Has an average under way.
    is_summed: bool,
    /// Pictures since then in which it had not changed.
    calm: u32,
}

/// Of a strip that stands still for this many pictures, an average is made.
const CALM: u32 = 4;

/// A strip that is this old is encoded anew, so that nothing that was missed stays for more than 10.5 s.
const OLD_US: u64 = 9_000_000;

/// Averages, and strips that are old, wait until this many go together, or until something has changed: a message has 700 bytes of
/// headers.
const TOGETHER: usize = 8;

/// But for no more pictures than this.
const LONGEST_WAIT: u32 = 15;

/// From one picture that is compared to the next one, while most of it changes.
const TEST_EVERY: u32 = 4;

impl Scene {
    /// A scene of which nothing is known yet.
    pub fn new(grid: Grid, config: Config) -> Self {
        let count = grid.count();
        Self {
            grid,
            config,
            noise: Noise::new(),
            means: Means::default(),
            strips: vec![Strip::default(); count],
            samples: vec![0; count * grid.strip_len()],
            groups: vec![0; count * luma_blocks(&grid)],
            is_current: false,
            is_moving: false,
            untested: TEST_EVERY,
            compared: 0,
            cursor: 0,
            captured: Vec::new(),
            averaged: Vec::new(),
            differences: Vec::new(),
            edge: vec![0; grid.strip_len()],
        }
    }

    /// How the picture is divided.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// A strip's samples as they were last encoded: Y, Cb and Cr without gaps, one after the other. After [`Look::All`] they may be
    /// those of an earlier picture.
    pub fn strip(&self, strip: u32) -> &[u8] {
        let len = self.grid.strip_len();
        &self.samples[strip as usize * len..][..len]
    }

    /// Looks at the next picture, and expects that what it says is encoded. The planes have to be as large as the grid's picture.
    pub fn look(&mut self, picture: &[Plane<'_>; 3], now_us: u64) -> Look<'_> {
        self.captured.clear();
        self.averaged.clear();
        if self.is_moving || !self.is_current {
            self.untested += 1;
            if !self.is_current || self.untested < TEST_EVERY {
                // Only what is compared next is remembered.
                let is_next = self.untested + 1 >= TEST_EVERY;
                return self.take_all(picture, now_us, is_next);
            }
        }
        if !self.noise.is_learned() {
            // By what it knew before, everything has changed.
            self.compare(picture, true);
            self.noise.learn();
        }
        self.compare(picture, false);
        self.noise.learn();
        let (changed, count) = (self.captured.len(), self.grid.count());
        self.is_moving = 4 * changed >= 3 * count;
        self.untested = 0;
        if 100 * changed >= 85 * count {
            return self.take_all(picture, now_us, true);
        }
        for strip in 0..self.captured.len() {
            self.take(picture, self.captured[strip] as usize, now_us);
        }
        if self.config.averaging {
            self.take_means(now_us);
            self.begin_means(now_us);
        } else {
            self.take_old(picture, now_us);
        }
        Look::Strips {
            captured: &self.captured,
            means: &self.averaged,
        }
    }

    /// Compares all strips with what is remembered: which have changed is in `captured` then. Where it only `learns`, nothing else
    /// follows of it.
    fn compare(&mut self, picture: &[Plane<'_>; 3], learns: bool) {
        let len = self.grid.strip_len();
        let luma = luma_blocks(&self.grid);
        let mut lonely = 0;
        self.compared += 1;
        // A quarter of a picture is enough where the one before was compared as well.
        let every = if learns || self.is_moving { 1 } else { 4 };
        for number in 0..self.strips.len() {
            let parts = match self.grid.inside(picture, number) {
                Some(parts) => parts,
                None => {
                    self.grid.copy(picture, number, &mut self.edge);
                    parts(&self.grid, &self.edge)
                }
            };
            let remembered = &self.samples[number * len..][..len];
            let visible = self.grid.visible(number);
            blocks::compare(
                &self.grid,
                &parts,
                visible,
                remembered,
                &mut self.differences,
            );
            let strip = &mut self.strips[number];
            let groups = &self.groups[number * luma..][..luma];
            let colours = (self.differences.len() - luma) / 2;
            let (mut changed, mut sums) = (0_u32, [0_i32; 3]);
            let is_noted = (number + self.compared).is_multiple_of(every);
            for (block, difference) in self.differences.iter().enumerate() {
                let (plane, group) = match groups.get(block) {
                    Some(group) => (0, usize::from(*group)),
                    None if block < luma + colours => (1, GROUPS - 2),
                    None => (2, GROUPS - 1),
                };
                sums[plane] += difference.sum;
                if is_noted && difference.is_whole {
                    self.noise.note(group, *difference, strip.is_mean);
                }
                changed += u32::from(self.noise.has_changed(group, *difference, strip.is_mean));
            }
            if learns {
                continue;
            }
            // |mean| > 1.5.
            let samples = [luma, colours, colours].map(|blocks| 64 * blocks as i32);
            let is_shifted = sums
                .iter()
                .zip(samples)
                .any(|(sum, samples)| 2 * sum.abs() > 3 * samples);
            if changed > 0 || is_shifted {
                lonely += u32::from(changed == 1 && !is_shifted);
                self.captured.push(number as u32);
                continue;
            }
            strip.calm = strip.calm.saturating_add(1);
            if strip.is_summed {
                let lines =
                    parts
                        .iter()
                        .zip(self.grid.parts())
                        .flat_map(|(part, (width, lines))| {
                            let lines = part.data.chunks(part.stride).take(lines);
                            lines.map(move |line| &line[..width])
                        });
                self.means.add(number, lines);
            }
        }
        if !learns {
            self.noise.lonely(lonely as f32 / self.strips.len() as f32);
        }
    }

    /// Takes all of the picture as it was captured.
    fn take_all(&mut self, picture: &[Plane<'_>; 3], now_us: u64, is_remembered: bool) -> Look<'_> {
        self.captured.clear();
        self.means.clear();
        for strip in 0..self.strips.len() {
            self.strips[strip] = Strip {
                at_us: now_us,
                ..Strip::default()
            };
            if is_remembered {
                self.remember(picture, strip);
            }
        }
        self.is_current = is_remembered;
        Look::All
    }

    /// Takes a strip as it was captured.
    fn take(&mut self, picture: &[Plane<'_>; 3], strip: usize, now_us: u64) {
        self.means.give_up(strip);
        self.strips[strip] = Strip {
            at_us: now_us,
            ..Strip::default()
        };
        self.remember(picture, strip);
    }

    fn remember(&mut self, picture: &[Plane<'_>; 3], strip: usize) {
        let len = self.grid.strip_len();
        self.grid
            .copy(picture, strip, &mut self.samples[strip * len..][..len]);
        self.group(strip);
    }

    fn group(&mut self, strip: usize) {
        let (len, luma) = (self.grid.strip_len(), luma_blocks(&self.grid));
        let brightness = blocks::brightness(&self.grid, &self.samples[strip * len..][..len]);
        for (group, brightness) in self.groups[strip * luma..][..luma]
            .iter_mut()
            .zip(brightness)
        {
            *group = brightness;
        }
    }

    /// Takes the averages that are complete, where it is time.
    fn take_means(&mut self, now_us: u64) {
        let (count, waited) = self.means.complete();
        if count < TOGETHER && waited < LONGEST_WAIT && (count == 0 || self.captured.is_empty()) {
            return;
        }
        let len = self.grid.strip_len();
        while let Some(strip) = self
            .means
            .take(|strip| &mut self.samples[strip * len..][..len])
        {
            self.strips[strip] = Strip {
                at_us: now_us,
                is_mean: true,
                ..Strip::default()
            };
            self.averaged.push(strip as u32);
            self.group(strip);
        }
    }

    /// Begins averages of what has stood still for a while, and of what is old.
    fn begin_means(&mut self, now_us: u64) {
        let at_once = self.at_once();
        let most = usize::from(PICTURES) * at_once;
        let free = most.saturating_sub(self.means.len());
        let means = &mut self.means;
        let mut left = at_once.min(free);
        let (strips, columns) = (&mut self.strips, self.grid.columns());
        let rows = strips.len() / columns;
        let from = self.cursor;
        for place in (from..strips.len()).chain(0..from) {
            if left == 0 {
                self.cursor = place;
                return;
            }
            let number = place % rows * columns + place / rows;
            let strip = &mut strips[number];
            let is_due = !strip.is_mean && strip.calm >= CALM || is_old(strip, now_us);
            if is_due && !strip.is_summed {
                strip.is_summed = true;
                means.begin(number);
                left -= 1;
            }
        }
    }

    /// Takes what is old as it is in this picture.
    fn take_old(&mut self, picture: &[Plane<'_>; 3], now_us: u64) {
        let mut old: Vec<_> = (0..self.strips.len())
            .filter(|strip| is_old(&self.strips[*strip], now_us))
            .collect();
        let oldest = old.iter().map(|strip| self.strips[*strip].at_us).min();
        let waits_long = oldest.is_some_and(|at_us| now_us - at_us > OLD_US + 500_000);
        if old.len() < TOGETHER && !waits_long && self.captured.is_empty() {
            return;
        }
        old.sort_by_key(|strip| self.strips[*strip].at_us);
        old.truncate(self.at_once());
        for strip in old {
            self.take(picture, strip, now_us);
            self.captured.push(strip as u32);
        }
    }

    /// Strips of which averages begin with one picture: all of them within 38, which is little more than a second.
    fn at_once(&self) -> usize {
        self.strips.len().div_ceil(38)
    }
}

fn is_old(strip: &Strip, now_us: u64) -> bool {
    now_us.saturating_sub(strip.at_us) >= OLD_US
}

fn luma_blocks(grid: &Grid) -> usize {
    let [(width, lines), ..] = grid.parts();
    width / 8 * lines / 8
}

/// The planes of a strip's samples.
fn parts<'a>(grid: &Grid, mut samples: &'a [u8]) -> [Plane<'a>; 3] {
    grid.parts().map(|(width, lines)| {
        let (data, rest) = samples.split_at(width * lines);
        samples = rest;
        Plane {
            data,
            stride: width,
        }
    })
}
