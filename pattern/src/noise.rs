//! Reproducible randomness: a small generator, and fractal noise that repeats seamlessly from left to right.
//!
//! What the noise is used for belongs to [`super::scene`].

/// SplitMix64: one addition and three mixing steps a number.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in 0..1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform between the two.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Nearly normal, mean 0 and variance 1.
    pub(crate) fn normal(&mut self) -> f32 {
        // The sum of twelve uniform numbers has variance 1.
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }
}

/// A number whose bits depend on every bit of the input.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What fractal noise looks like.
#[derive(Clone, Copy)]
pub(crate) struct Grain {
    /// Size in pixels of the largest features: along a line, and across.
    pub size: (f32, f32),
    /// Strength of each halving of the size relative to the one before. 1 is the spectrum of photographs, less is smoother.
    pub gain: f32,
    /// Size in pixels of the smallest features.
    pub finest: f32,
    /// Whether creases take the place of smooth crests.
    pub ridged: bool,
}

/// Fractal value noise of zero mean and values mostly within ±1, repeating after `period` pixels.
pub(crate) struct Fractal {
    octaves: Vec<Octave>,
    period: usize,
    ridged: bool,
    corners: Vec<f32>,
}

struct Octave {
    seed: u64,
    columns: usize,
    cell_height: f32,
    strength: f32,
}

impl Fractal {
    pub(crate) fn new(seed: u64, period: usize, grain: Grain) -> Self {
        let (mut width, mut height) = grain.size;
        let mut strength = 1.0;
        let mut octaves = Vec::new();
        loop {
            octaves.push(Octave {
                seed: mix(seed ^ octaves.len() as u64),
                columns: ((period as f32 / width).round() as usize).max(1),
                cell_height: height.max(1.0),
                strength,
            });
            (width, height) = (width / 2.0, height / 2.0);
            strength *= grain.gain;
            if width < grain.finest {
                break;
            }
        }
        let power: f32 = octaves.iter().map(|octave| octave.strength.powi(2)).sum();
        for octave in &mut octaves {
            octave.strength *= 1.6 / power.sqrt();
        }
        Self {
            octaves,
            period,
            ridged: grain.ridged,
            corners: Vec::new(),
        }
    }

    /// One line of noise.
    pub(crate) fn line(&mut self, y: f32, out: &mut [f32]) {
        out.fill(0.0);
        for octave in &self.octaves {
            let position = y / octave.cell_height;
            let row = position.floor();
            let (row, across) = (row as i64, smooth(position - row));
            self.corners.clear();
            self.corners.extend((0..=octave.columns).map(|column| {
                let column = (column % octave.columns) as u64;
                let corner = |row: i64| {
                    let hash = mix(octave.seed ^ mix((row as u64) << 32 | column));
                    (hash >> 40) as f32 / (1u64 << 23) as f32 - 1.0
                };
                let above = corner(row);
                above + (corner(row + 1) - above) * across
            }));
            let step = octave.columns as f32 / self.period as f32;
            for (x, out) in out.iter_mut().enumerate() {
                let position = x as f32 * step;
                // Rounding may carry the last pixel into a cell that is not there.
                let column = (position as usize).min(octave.columns - 1);
                let fraction = position - column as f32;
                let left = self.corners[column];
                let value = left + (self.corners[column + 1] - left) * smooth(fraction);
                *out += octave.strength
                    * if self.ridged {
                        0.7 - 2.0 * value.abs()
                    } else {
                        value
                    };
            }
        }
    }
}

fn smooth(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}
