//! Puts a frame together: scene, water, sensor noise, writing, strip. Cheap enough to leave the processor to the rest.
//!
//! When a frame is due, and what becomes of it, belongs to the server's `source/pattern`.

use super::canvas::byte;
use super::motif::{self, Motif};
use super::noise::{Rng, mix};
use super::overlay::Overlay;
use super::picture::Picture;
use super::scene::{Panorama, Scene};
use super::strip::{self, Painted};

/// Paints frames of one size. The same seed, number and time give the same picture.
pub struct Renderer {
    width: usize,
    height: usize,
    fps: f64,
    seed: u64,
    scene: Scene,
    overlay: Overlay,
    /// Sensor noise around [`NOISE_MEAN`]. Each line of a frame takes a piece from somewhere.
    noise: Vec<u8>,
    first_row: usize,
}

/// What is painted under the writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// What is shown.
    pub motif: Motif,
    /// Whether a sensor's noise lies over it.
    pub noise: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            motif: Motif::default(),
            noise: true,
        }
    }
}

/// Standard deviation of the sensor noise, in steps of 256.
const NOISE: f32 = 1.6;
const NOISE_MEAN: u8 = 12;
/// Places where a line's piece of noise may begin.
const NOISE_STARTS: usize = 1 << 15;

impl Renderer {
    /// Prepares the scene: a few frames' worth of memory, and about 0.15 s of time for 1280x720. Both sizes are even.
    pub fn new(width: usize, height: usize, fps: f64, seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x006e_6f69_7365);
        let sample = |_| byte(f32::from(NOISE_MEAN) + NOISE * rng.normal());
        Self {
            width,
            height,
            fps,
            seed,
            scene: Scene::new(width, height, seed),
            overlay: Overlay::new(width, height),
            noise: (0..NOISE_STARTS + width).map(sample).collect(),
            first_row: strip::top(height),
        }
    }

    /// Paints frame number `seq` over the whole picture, which must have the renderer's size.
    pub fn render(&self, seq: u64, captured_us: u64, picture: &mut Picture) {
        let (time, look) = (seq as f64 / self.fps, Look::default());
        self.render_at(time, look, seq, captured_us, picture);
    }

    /// As [`Self::render`], with the given look, and with the scene at `time`, in seconds since its beginning.
    pub fn render_at(
        &self,
        time: f64,
        look: Look,
        seq: u64,
        captured_us: u64,
        picture: &mut Picture,
    ) {
        debug_assert_eq!(
            (self.width, self.height),
            (picture.width(), picture.height())
        );
        match look.motif {
            Motif::Lake => self.lake(time, picture),
            Motif::ColourBars => motif::colour_bars(picture),
            Motif::Grey => motif::grey(picture),
        }
        if look.noise {
            self.expose(seq, picture);
        }
        self.overlay.paint(picture, seq, captured_us);
        strip::paint(
            picture.planes_mut(),
            self.width,
            self.height,
            Painted { seq, captured_us },
        );
    }

    fn lake(&self, time: f64, picture: &mut Picture) {
        for panorama in &self.scene.backdrop {
            self.pan(panorama, time, picture);
        }
        self.fly(time, picture);
        self.reflect(time, picture);
        self.sail(time, picture);
        self.pan(&self.scene.meadow, time, picture);
    }

    fn pan(&self, panorama: &Panorama, time: f64, picture: &mut Picture) {
        let distance = time * f64::from(panorama.speed) * self.height as f64;
        let offset = distance as usize % panorama.plate.width;
        panorama.plate.pan(picture, panorama.top, offset);
    }

    /// The balloons, drifting with the wind.
    fn fly(&self, time: f64, picture: &mut Picture) {
        let height = self.height as f64;
        for (balloon, (start, speed, altitude)) in self
            .scene
            .balloons
            .iter()
            .zip([(0.62, 0.03, 0.19), (0.16, 0.017, 0.24)])
        {
            let lap = (self.width + balloon.width) as f64;
            let x = (start * self.width as f64 + time * speed * height) % lap;
            let bob = (time * 0.7 + start * 9.0).sin() * 0.012;
            let x = x as i64 - if x > self.width as f64 { lap as i64 } else { 0 };
            balloon.put(picture, x, ((altitude + bob) * height) as i64);
        }
    }

    fn sail(&self, time: f64, picture: &mut Picture) {
        let boat = &self.scene.boat;
        let lap = (self.width + boat.width) as f64;
        let way = time * 0.045 * self.height as f64;
        let x = lap - (way + 0.72 * lap) % lap - boat.width as f64;
        boat.put(
            picture,
            x as i64,
            (0.505 * self.height as f64) as i64 / 2 * 2,
        );
    }

    /// The water: what is above it, upside down, squeezed, and moved to and fro by waves that grow towards the viewer.
    fn reflect(&self, time: f64, picture: &mut Picture) {
        // Behind the near shore, down to below the lowest point that its bank can have.
        let end = self.scene.meadow.top + self.height / 6;
        let shore = self.scene.waterline;
        let depth = (end - shore) as f64;
        for ((plane, by), tint) in picture
            .planes_mut()
            .into_iter()
            .zip([1, 2, 2])
            .zip([70u16, 136, 120])
        {
            let (width, shore, end) = (self.width / by, shore / by, end / by);
            let (above, below) = plane.split_at_mut(shore * width);
            for (row, out) in below.chunks_exact_mut(width).take(end - shore).enumerate() {
                let away = (row * by) as f64 / depth;
                let phase = 26.0 / (0.12 + away) + time * 2.4;
                let swell = phase.sin() + 0.6 * (phase * 2.3 + time).sin();
                let lift = swell * (0.004 + 0.02 * away) * self.height as f64 / by as f64;
                let source = (row as f64 * 1.25 + lift).clamp(0.0, shore as f64 - 1.0) as usize;
                let slide = (swell * (1.0 + 7.0 * away) * self.height as f64 / 720.0) as isize
                    / by as isize;
                let from = &above[(shore - 1 - source) * width..][..width];
                let next = &above[(shore - 1 - source).saturating_sub(2) * width..][..width];
                let weight = 176 - (away * 64.0) as u16;
                water(out, [from, next], slide, weight, tint);
            }
        }
    }

    /// The sensor's noise, down to where the strip begins.
    fn expose(&self, seq: u64, picture: &mut Picture) {
        let [luma, ..] = picture.planes_mut();
        let rows = luma.chunks_exact_mut(self.width).take(self.first_row);
        for (y, row) in rows.enumerate() {
            let start = mix(self.seed ^ mix(seq << 16 | y as u64)) as usize % NOISE_STARTS;
            for (sample, &noise) in row.iter_mut().zip(&self.noise[start..]) {
                *sample = sample.saturating_add(noise).saturating_sub(NOISE_MEAN);
            }
        }
    }
}

/// A line of water: two other lines mixed and moved sideways, with `weight` 256ths of them kept and the rest the water's
/// own tint.
fn water(out: &mut [u8], from: [&[u8]; 2], slide: isize, weight: u16, tint: u16) {
    let width = out.len();
    let shift = slide.unsigned_abs().min(width - 1);
    let (weight, own) = (weight / 2, (256 - weight) * tint + 128);
    let lay = |out: &mut [u8], first: &[u8], second: &[u8]| {
        for ((out, &first), &second) in out.iter_mut().zip(first).zip(second) {
            *out = (((u16::from(first) + u16::from(second)) * weight + own) >> 8) as u8;
        }
    };
    let kept = width - shift;
    // The edge repeats where the moved lines have no more samples.
    if slide < 0 {
        lay(&mut out[shift..], &from[0][..kept], &from[1][..kept]);
        let first = out[shift];
        out[..shift].fill(first);
    } else {
        lay(&mut out[..kept], &from[0][shift..], &from[1][shift..]);
        let last = out[kept - 1];
        out[kept..].fill(last);
    }
}
