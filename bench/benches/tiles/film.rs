//! Scenes before a camera that stands still, or turns.

/// Pixels.
pub(crate) const SIZE: (usize, usize) = (1280, 720);

/// Pictures a second.
pub(crate) const FPS: u64 = 30;

/// Standard deviation of the sensor's noise at half brightness, in levels.
const SIGMA: f32 = 2.5;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Film {
    /// Nothing.
    Still,
    /// A person walks through the picture.
    Walk,
    /// Leaves sway in the upper 30 percent.
    Leaves,
    /// The camera turns.
    Pan,
}

impl Film {
    pub(crate) const ALL: [Self; 4] = [Self::Still, Self::Walk, Self::Leaves, Self::Pan];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Still => "still",
            Self::Walk => "somebody walks through",
            Self::Leaves => "leaves sway",
            Self::Pan => "the camera turns",
        }
    }

    /// The most bytes, as a part of those of whole pictures.
    pub(crate) fn target_percent(self) -> f64 {
        match self {
            Self::Still => 2.0,
            Self::Walk => 25.0,
            Self::Leaves => 45.0,
            Self::Pan => 101.5,
        }
    }

    /// Begins it.
    pub(crate) fn painter(self) -> Painter {
        let mut random = 1_u64;
        let mut normal = || {
            let sum: u32 = (0..12)
                .map(|_| {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    (random >> 48) as u32
                })
                .sum();
            sum as f32 / 65536.0 - 6.0
        };
        Painter {
            film: self,
            scene: scene(),
            noise: (0..NOISE)
                .map(|_| (16.0 * SIGMA * normal()) as i16)
                .collect(),
            number: 0,
            random: 1,
        }
    }
}

/// Noise that lines take pieces of.
const NOISE: usize = 1 << 18;

/// As wide as the camera sees while it turns.
const WIDE: usize = 2 * SIZE.0;

/// Paints one picture after the other.
pub(crate) struct Painter {
    film: Film,
    /// Brightness of all that it may see, in 16ths.
    scene: Vec<i16>,
    noise: Vec<i16>,
    number: usize,
    random: u64,
}

impl Painter {
    /// The next picture: Y, Cb and Cr.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let (width, height) = SIZE;
        self.number += 1;
        let mut samples = Vec::with_capacity(width * height * 3 / 2);
        let sway = (6.0 * (self.number as f32 * 0.2).sin()) as isize;
        for y in 0..height {
            let left = match self.film {
                Film::Pan => 4 * self.number % (WIDE - width),
                Film::Leaves if y < height * 3 / 10 => (8 + sway) as usize,
                _ => 8,
            };
            let scene = &self.scene[y * WIDE + left..][..width];
            let noise = piece(&mut self.random, &self.noise, width);
            let sum = |(scene, noise): (&i16, &i16)| ((scene + noise + 8) >> 4).clamp(0, 255) as u8;
            samples.extend(scene.iter().zip(noise).map(sum));
        }
        if self.film == Film::Walk {
            // As large as a person at some metres.
            let left = 3 * self.number % (width - 120);
            for y in 180..680 {
                let noise = piece(&mut self.random, &self.noise, 120);
                let clothes = &self.scene[(y - 100) * WIDE + 700..][..120];
                let cloth = clothes.iter().zip(noise);
                let cloth = cloth
                    .map(|(scene, noise)| ((scene / 3 + 900 + noise) >> 4).clamp(0, 255) as u8);
                for (sample, cloth) in samples[y * width + left..].iter_mut().zip(cloth) {
                    *sample = cloth;
                }
            }
        }
        for colour in [120_i16, 134] {
            for y in 0..height / 2 {
                let noise = piece(&mut self.random, &self.noise, width / 2);
                let base = 16 * (colour + (y / 60 % 5) as i16 * 3);
                samples.extend(
                    noise
                        .iter()
                        .map(|noise| ((base + noise / 2 + 8) >> 4) as u8),
                );
            }
        }
        samples
    }
}

fn piece<'a>(random: &mut u64, noise: &'a [i16], len: usize) -> &'a [i16] {
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    &noise[(*random >> 40) as usize % (NOISE - len)..][..len]
}

/// Shapes, edges and textures, as hard to compress as a photograph.
fn scene() -> Vec<i16> {
    let (_, height) = SIZE;
    let at = |place: usize| {
        let (x, y) = ((place % WIDE) as f32, (place / WIDE) as f32);
        let wave = |a: f32, b: f32| (x * a + y * b).sin();
        let broad = 45.0 * wave(0.004, 0.006) + 25.0 * wave(0.019, -0.012);
        let is_edge = (x * 0.8 + 60.0 * (y * 0.01).sin()) as i32 / 90 % 2 == 0;
        let texture =
            9.0 * wave(0.9, 0.7) * wave(0.06, 0.04) + 8.0 * wave(-1.7, 1.1) * wave(0.03, -0.05);
        let edge = if is_edge { 22.0 } else { -22.0 };
        (16.0 * (118.0 + broad + edge + texture)) as i16
    };
    (0..WIDE * height).map(at).collect()
}
