//! Clips of streets, houses and facades, drawn from seeds: people who walk through them, and weather and light that nobody wants to be
//! called for.
//!
//! Positions and sizes are pixels of a picture of 1280×720. A clip is drawn at any part of that: as blocks of 8×8 pixels it is what a
//! detector is fed with, at half a block what other programs may look at.

pub(crate) mod judge;
pub(crate) mod list;
mod scene;

use scene::{Background, Random};

/// Pixels in a line, and lines.
const WIDTH: usize = 1280;
const HEIGHT: usize = 720;

/// Pictures a second.
pub(crate) const FPS: u32 = 5;

/// A clip: what it shows follows from this alone.
#[derive(Clone, Debug)]
pub(crate) struct Clip {
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) seconds: u32,
    /// Standard deviation of a pixel's noise.
    pub(crate) noise: f32,
    pub(crate) weather: Vec<Weather>,
    pub(crate) walkers: Vec<Walker>,
}

/// A person who crosses the picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walker {
    /// When, in s.
    pub(crate) start: f32,
    pub(crate) height: f32,
    /// Difference in brightness from what is behind.
    pub(crate) contrast: f32,
    pub(crate) to_right: bool,
    /// Where the feet are, 0 … 1 of the picture's height.
    pub(crate) feet: f32,
    /// The part of the way that is walked, from 0 … 1 of the picture's width to 0 … 1.
    pub(crate) way: (f32, f32),
}

impl Walker {
    /// Body lengths in a second.
    const SPEED: f32 = 0.8;

    /// When the way ends.
    pub(crate) fn end(&self) -> f32 {
        self.start + (self.way.1 - self.way.0) * WIDTH as f32 / (Self::SPEED * self.height)
    }
}

/// What changes in a picture besides people. Times are in s.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weather {
    /// The light becomes another one, by a factor, within that time.
    Light { at: f32, takes: f32, factor: f32 },
    /// Clouds pass: the light sinks by that part and comes back, again and again.
    Clouds { every: f32, takes: f32, depth: f32 },
    /// A shadow moves through the picture repeatedly; its edge is blurred over this many pixels.
    Shadow { every: f32, edge: f32, depth: f32 },
    /// A lamp is switched on, and off again.
    Lamp {
        on: f32,
        off: f32,
        x: f32,
        y: f32,
        reach: f32,
        gain: f32,
    },
    /// The camera's infrared filter switches: other brightness everywhere, and more noise.
    Infrared { at: f32 },
    /// A tree sways by so many pixels.
    Leaves { by: f32 },
    /// So many drops in a picture.
    Rain { drops: u32 },
    /// So many flakes are in the air.
    Snow { flakes: u32 },
    /// The camera shakes by so many pixels.
    Shake { by: f32 },
    /// Mains light makes bands.
    Banding { depth: f32 },
    /// A screen flickers behind a window.
    Television,
    /// Light of cars moves over the walls.
    Headlights { every: f32 },
}

/// Draws a clip's pictures, one after the other.
pub(crate) struct Player {
    clip: Clip,
    background: Background,
    random: Random,
    /// Samples in a block's side: 1 or more.
    detail: usize,
    frame: u32,
    luma: Vec<f32>,
    samples: Vec<u8>,
}

impl Player {
    pub(crate) fn new(clip: &Clip, detail: usize) -> Self {
        Self {
            background: Background::new(clip.seed),
            random: Random::new(clip.seed ^ 0x5eed),
            clip: clip.clone(),
            detail,
            frame: 0,
            luma: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// Samples in a line, and lines.
    pub(crate) fn size(&self) -> (usize, usize) {
        (WIDTH / 8 * self.detail, HEIGHT / 8 * self.detail)
    }

    /// The next picture and its time in s.
    pub(crate) fn next(&mut self) -> Option<(f32, &[u8])> {
        let at = self.frame as f32 / FPS as f32;
        if self.frame >= self.clip.seconds * FPS {
            return None;
        }
        self.frame += 1;
        self.draw(at);
        Some((at, &self.samples))
    }

    fn draw(&mut self, at: f32) {
        let (width, height) = self.size();
        let weather = std::mem::take(&mut self.clip.weather);
        self.draw_background(&weather, at);
        for walker in &self.clip.walkers {
            draw_walker(
                walker,
                at,
                &self.background,
                &mut self.luma,
                (width, height),
            );
        }
        let mut noise = self.clip.noise * 0.125 * self.detail as f32;
        for weather in &weather {
            if let Weather::Infrared { at: switched } = *weather
                && at >= switched
            {
                noise *= 2.5;
            }
            self.draw_weather(*weather, at);
        }
        self.clip.weather = weather;
        self.samples.clear();
        for &luma in &self.luma {
            let sample = luma + noise * self.random.normal();
            self.samples.push(sample.round().clamp(0.0, 255.0) as u8);
        }
    }

    fn draw_background(&mut self, weather: &[Weather], at: f32) {
        let (width, height) = self.size();
        let side = (8 / self.detail) as isize;
        let (mut shake, mut sway, mut is_infrared) = ((0, 0), 0.0, false);
        for weather in weather {
            match *weather {
                Weather::Shake { by } => {
                    let off = |random: &mut Random| (random.normal() * by * 0.5).round() as isize;
                    shake = (off(&mut self.random), off(&mut self.random));
                }
                Weather::Leaves { by } => sway = by,
                Weather::Infrared { at: switched } => is_infrared = at >= switched,
                _ => {}
            }
        }
        self.luma.clear();
        for y in 0..height as isize {
            for x in 0..width as isize {
                let (mut px, mut py) = (x * side + shake.0, y * side + shake.1);
                if sway > 0.0
                    && let Some(phase) = self.background.leaf(x * side, y * side)
                {
                    let gust = 0.6 + 0.4 * (at * 0.7).sin();
                    px += (sway * gust * (at * 4.1 + phase).sin()).round() as isize;
                    py += (0.5 * sway * gust * (at * 5.3 + phase * 1.7).sin()).round() as isize;
                }
                self.luma
                    .push(self.background.mean(px, py, side, is_infrared));
            }
        }
    }

    fn draw_weather(&mut self, weather: Weather, at: f32) {
        let (width, height) = self.size();
        let side = 8.0 / self.detail as f32;
        let random = &mut self.random;
        let each = |luma: &mut [f32], gain: &dyn Fn(f32, f32) -> f32| {
            for (y, line) in luma.chunks_exact_mut(width).enumerate() {
                for (x, sample) in line.iter_mut().enumerate() {
                    *sample *= gain((x as f32 + 0.5) * side, (y as f32 + 0.5) * side);
                }
            }
        };
        match weather {
            Weather::Light {
                at: begin,
                takes,
                factor,
            } => {
                let part = ((at - begin) / takes.max(0.01)).clamp(0.0, 1.0);
                let gain = 1.0 + part * (factor - 1.0);
                each(&mut self.luma, &|_, _| gain);
            }
            Weather::Clouds {
                every,
                takes,
                depth,
            } => {
                let phase = at % every;
                let sinks =
                    (phase / takes).min(1.0) - ((phase - every / 2.0) / takes).clamp(0.0, 1.0);
                let gain = 1.0 - depth * sinks.clamp(0.0, 1.0);
                each(&mut self.luma, &|_, _| gain);
            }
            Weather::Shadow { every, edge, depth } => {
                let middle = (at % every) / every * (WIDTH as f32 + 1200.0) - 600.0;
                each(&mut self.luma, &|x, y| {
                    let away = (x + y * 0.3 - middle).abs() - 260.0;
                    1.0 - depth * (0.5 - away / edge).clamp(0.0, 1.0)
                });
            }
            Weather::Lamp {
                on,
                off,
                x,
                y,
                reach,
                gain,
            } if (on..off).contains(&at) => {
                each(&mut self.luma, &|px, py| {
                    let away = (px - x).hypot(py - y) / reach;
                    1.0 + gain / (1.0 + away * away * 4.0)
                });
            }
            Weather::Lamp { .. } | Weather::Leaves { .. } | Weather::Shake { .. } => {}
            Weather::Infrared { at: switched } => {
                if (switched..switched + 0.3).contains(&at) {
                    each(&mut self.luma, &|_, _| 0.1);
                }
            }
            Weather::Rain { drops } => {
                for _ in 0..drops {
                    let near = random.unit();
                    let (x, y) = (random.unit() * WIDTH as f32, random.unit() * HEIGHT as f32);
                    let (wide, long) = (1.0 + 2.0 * near, 8.0 + 50.0 * near);
                    let bright = 20.0 + 30.0 * random.unit();
                    add(
                        &mut self.luma,
                        (width, height),
                        side,
                        (x, y, wide, long),
                        bright,
                    );
                }
            }
            Weather::Snow { flakes } => {
                for flake in 0..flakes {
                    let mut own = Random::new(self.clip.seed ^ (u64::from(flake) << 20));
                    let (x, y, near) = (own.unit(), own.unit(), own.unit());
                    let falls = 60.0 + 200.0 * near;
                    let x = (x * WIDTH as f32 + 30.0 * (at * (0.5 + near)).sin()) % WIDTH as f32;
                    let y = (y * HEIGHT as f32 + at * falls) % HEIGHT as f32;
                    let size = 3.0 + 9.0 * near * near;
                    add(
                        &mut self.luma,
                        (width, height),
                        side,
                        (x, y, size, size),
                        90.0,
                    );
                }
            }
            Weather::Banding { depth } => {
                each(&mut self.luma, &|_, y| {
                    1.0 + depth * (y * 0.02 + at * 9.0).sin()
                });
            }
            Weather::Television => {
                let (x, y, wide, high) = self.background.window();
                let scene = (at * 0.9).floor();
                let mut own = Random::new(self.clip.seed ^ scene as u64 ^ 0x7e1e);
                let bright = 0.4 + 1.2 * own.unit() + 0.1 * (at * 13.0).sin();
                each(&mut self.luma, &|px, py| {
                    let is_in = (x..x + wide).contains(&px) && (y..y + high).contains(&py);
                    if is_in { bright } else { 1.0 }
                });
            }
            Weather::Headlights { every } => {
                let middle = (at % every) / every * 3.0 * WIDTH as f32 - 600.0;
                each(&mut self.luma, &|x, y| {
                    let away = ((x - middle) / 220.0).hypot((y - 430.0) / 130.0);
                    1.0 + 0.9 * (-away * away).exp()
                });
            }
        }
    }
}

/// Adds something bright of that place and size, as far as it covers samples.
fn add(
    luma: &mut [f32],
    (width, height): (usize, usize),
    side: f32,
    (x, y, wide, long): (f32, f32, f32, f32),
    bright: f32,
) {
    let covers = |sample: usize, from: f32, len: f32| {
        let begin = sample as f32 * side;
        ((from + len).min(begin + side) - from.max(begin)).max(0.0) / side
    };
    let samples = |from: f32, len: f32, most: usize| {
        (from / side) as usize..most.min(((from + len) / side) as usize + 1)
    };
    for row in samples(y, long, height) {
        for column in samples(x, wide, width) {
            luma[row * width + column] += bright * covers(column, x, wide) * covers(row, y, long);
        }
    }
}

/// Draws somebody: head, body and two legs that swing.
fn draw_walker(
    walker: &Walker,
    at: f32,
    background: &Background,
    luma: &mut [f32],
    (width, height): (usize, usize),
) {
    if at < walker.start || at > walker.end() {
        return;
    }
    let h = walker.height;
    let gone = (at - walker.start) * Walker::SPEED * h;
    let from = walker.way.0 * WIDTH as f32;
    let x = if walker.to_right {
        from + gone
    } else {
        WIDTH as f32 - from - gone
    };
    let feet = walker.feet * HEIGHT as f32;
    let top = feet - h;
    let base = background.along(feet - h * 0.6);
    let value = |part: f32| (base + walker.contrast * part).clamp(4.0, 250.0);
    let swing = 0.16 * h * (at * 5.5).sin();
    let side = WIDTH as f32 / width as f32;
    let grid = side / 4.0;
    let columns = |px: f32| (px / side).clamp(0.0, width as f32) as usize;
    let lines = |py: f32| (py / side).clamp(0.0, height as f32) as usize;
    for row in lines(top)..height.min(lines(feet) + 1) {
        for column in columns(x - 0.3 * h)..width.min(columns(x + 0.3 * h) + 1) {
            let (mut sum, mut covered) = (0.0, 0.0);
            for part in 0..16 {
                let px = column as f32 * side + (part % 4) as f32 * grid + grid / 2.0 - x;
                let py = row as f32 * side + (part / 4) as f32 * grid + grid / 2.0 - top;
                let (u, v) = (px / h, py / h);
                let leg = |way: f32| (u - way * (v - 0.5) * 2.0 / h).abs() < 0.045;
                let shade = if u.hypot(v - 0.075) < 0.075 {
                    value(0.8)
                } else if (0.15..0.53).contains(&v) && u.abs() < 0.12 + 0.02 * (v * 20.0).sin() {
                    value(1.0 + 0.1 * (v * 40.0).sin())
                } else if (0.5..1.0).contains(&v) && (leg(swing) || leg(-swing)) {
                    value(0.9)
                } else {
                    continue;
                };
                sum += shade;
                covered += 1.0;
            }
            let sample = &mut luma[row * width + column];
            *sample = (*sample * (16.0 - covered) + sum) / 16.0;
        }
    }
}
