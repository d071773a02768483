//! Films of a camera that stands still, drawn from seeds: a scene, what happens in it, and a sensor's noise over it.

use pistreamer_tiles::{Config, Grid, Look, Plane, Sampling, Scene};

pub(crate) const WIDTH: usize = 320;
pub(crate) const HEIGHT: usize = 232;
pub(crate) const FPS: usize = 30;

/// Samples of the three planes.
pub(crate) type Planes<T> = [Vec<T>; 3];

/// Width and lines of the planes.
pub(crate) const SIZES: [(usize, usize); 3] = [
    (WIDTH, HEIGHT),
    (WIDTH / 2, HEIGHT / 2),
    (WIDTH / 2, HEIGHT / 2),
];

/// Noise of a sensor.
#[derive(Clone, Copy)]
pub(crate) struct Noise {
    /// Standard deviation where it is half bright, in levels.
    pub(crate) sigma: f32,
    /// The part of it that is six samples wide, as denoising leaves it.
    pub(crate) blotchy: f32,
}

/// Numbers that look random.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }

    fn normal(&mut self) -> f32 {
        let sum: f32 = (0..12).map(|_| self.next() as f32 / u32::MAX as f32).sum();
        sum - 6.0
    }
}

/// A scene like a photograph: shapes, edges and textures.
pub(crate) fn scenery(x: f32, y: f32, plane: usize) -> f32 {
    let wave = |a: f32, b: f32| (x * a + y * b).sin();
    let broad = 45.0 * wave(0.011, 0.017) + 25.0 * wave(0.05, -0.031);
    let edge = if (x * 0.8 + 40.0 * (y * 0.02).sin()) as i32 / 50 % 2 == 0 {
        22.0
    } else {
        -22.0
    };
    let texture = 7.0 * wave(0.9, 0.7) * wave(0.13, 0.09) + 5.0 * wave(-1.7, 1.1);
    match plane {
        0 => 118.0 + broad + edge + texture,
        1 => 120.0 + 0.3 * broad + 8.0 * wave(0.02, 0.04),
        _ => 133.0 - 0.3 * edge + 8.0 * wave(0.03, -0.02),
    }
}

/// The scene, moved by so many samples.
pub(crate) fn still(shift: f32) -> Planes<f32> {
    let mut planes = Planes::default();
    for (plane, ((width, lines), samples)) in SIZES.iter().zip(&mut planes).enumerate() {
        let scale = if plane == 0 { 1.0 } else { 2.0 };
        let at = |place: usize| {
            let (x, y) = (
                (place % width) as f32 * scale,
                (place / width) as f32 * scale,
            );
            scenery(x + shift, y, plane)
        };
        samples.extend((0..width * lines).map(at));
    }
    planes
}

/// What a viewer sees of a film.
pub(crate) struct Outcome {
    /// Strips that were sent with each picture, as a share of all.
    pub(crate) shares: Vec<f32>,
    /// How far the mean of a block of brightness was from the scene at most, in levels, after each picture.
    pub(crate) ghosts: Vec<f32>,
    /// The longest time for which a block was more than four levels wrong, in pictures.
    pub(crate) longest: usize,
    /// What is seen at the end.
    pub(crate) seen: Planes<u8>,
}

impl Outcome {
    /// Mean share of pictures from one on up to another.
    pub(crate) fn share(&self, from: usize, to: usize) -> f32 {
        let shares = &self.shares[from..to];
        shares.iter().sum::<f32>() / shares.len() as f32
    }

    /// The largest ghost from a picture on.
    pub(crate) fn ghost(&self, from: usize) -> f32 {
        self.ghosts[from..].iter().copied().fold(0.0, f32::max)
    }
}

/// Shows a scene so many pictures of a film, and a viewer what it says.
pub(crate) fn play(
    pictures: usize,
    averaging: bool,
    noise: impl Fn(usize) -> Noise,
    mut paint: impl FnMut(usize, &mut Planes<f32>),
) -> Outcome {
    let mut random = Random::new(7);
    let table: Vec<f32> = (0..1 << 15).map(|_| random.normal()).collect();
    let broad: Vec<f32> = (0..table.len())
        .map(|at| {
            (0..6)
                .map(|near| table[(at + near) % table.len()])
                .sum::<f32>()
                / 2.45
        })
        .collect();
    let gains: Vec<f32> = (0..256)
        .map(|level| (0.3 + 0.7 * level as f32 / 128.0).sqrt())
        .collect();
    let grid = Grid::new(WIDTH, HEIGHT, Sampling::Quarter, 5).unwrap();
    let mut scene = Scene::new(grid, Config { averaging });
    let mut clean = still(0.0);
    let mut captured = SIZES.map(|(width, lines)| vec![0_u8; width * lines]);
    let mut seen = captured.clone();
    let blocks = (WIDTH / 8) * (HEIGHT / 8);
    let mut wrong = vec![0; blocks];
    let mut outcome = Outcome {
        shares: Vec::new(),
        ghosts: Vec::new(),
        longest: 0,
        seen: Planes::default(),
    };
    for picture in 0..pictures {
        paint(picture, &mut clean);
        let Noise { sigma, blotchy } = noise(picture);
        for (plane, ((width, _), (clean, captured))) in SIZES
            .iter()
            .zip(clean.iter().zip(&mut captured))
            .enumerate()
        {
            let sigma = if plane == 0 { sigma } else { sigma / 2.0 };
            let (fine, coarse) = (sigma * (1.0 - blotchy), sigma * blotchy);
            for (clean, captured) in clean.chunks(*width).zip(captured.chunks_mut(*width)) {
                let at = random.next() as usize % (table.len() - width);
                let near = random.next() as usize % (table.len() - width);
                let noise = table[at..].iter().zip(&broad[near..]);
                for ((clean, captured), (one, other)) in clean.iter().zip(captured).zip(noise) {
                    let clean = clean.clamp(0.0, 255.0);
                    let gain = if plane == 0 {
                        gains[clean as usize]
                    } else {
                        1.0
                    };
                    *captured = (clean + gain * (fine * one + coarse * other) + 0.5) as u8;
                }
            }
        }
        let mut lent = captured
            .iter()
            .zip(SIZES)
            .map(|(data, (stride, _))| Plane { data, stride });
        let lent = [(); 3].map(|()| lent.next().unwrap());
        let count = grid.count() as f32;
        let strips: Vec<u32> = match scene.look(&lent, picture as u64 * 1_000_000 / FPS as u64) {
            Look::All => {
                seen.clone_from(&captured);
                outcome.shares.push(1.0);
                Vec::new()
            }
            Look::Strips { captured, means } => {
                outcome
                    .shares
                    .push((captured.len() + means.len()) as f32 / count);
                captured.iter().chain(means).copied().collect()
            }
        };
        for strip in strips {
            draw(&grid, strip as usize, scene.strip(strip), &mut seen);
        }
        let mut largest = 0.0_f32;
        for (block, wrong) in wrong.iter_mut().enumerate() {
            let (x, y) = (block % (WIDTH / 8) * 8, block / (WIDTH / 8) * 8);
            let mut difference = 0.0;
            for line in y..y + 8 {
                let range = line * WIDTH + x..line * WIDTH + x + 8;
                let clean = clean[0][range.clone()]
                    .iter()
                    .map(|level| level.clamp(0.0, 255.0));
                difference += seen[0][range].iter().copied().map(f32::from).sum::<f32>();
                difference -= clean.sum::<f32>();
            }
            let ghost = difference.abs() / 64.0;
            largest = largest.max(ghost);
            *wrong = if ghost > 4.0 { *wrong + 1 } else { 0 };
            outcome.longest = outcome.longest.max(*wrong);
        }
        outcome.ghosts.push(largest);
    }
    outcome.seen = seen;
    outcome
}

/// Draws a strip's samples where they belong.
fn draw(grid: &Grid, strip: usize, samples: &[u8], seen: &mut Planes<u8>) {
    let (column, row) = (strip % grid.columns(), strip / grid.columns());
    let mut samples = samples;
    for ((plane, (width, lines)), (of_width, of_lines)) in
        seen.iter_mut().zip(grid.parts()).zip(SIZES)
    {
        for line in 0..lines {
            let (here, rest) = samples.split_at(width);
            samples = rest;
            let y = row * lines + line;
            if y < of_lines {
                plane[y * of_width + column * width..][..width].copy_from_slice(here);
            }
        }
    }
}
