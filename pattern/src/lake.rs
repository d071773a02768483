//! The scene in motion: its plates slide past each other, balloons fly, a boat sails, and the water shows what is above it.
//!
//! How the plates look belongs to [`super::scene`].

use super::picture::Picture;
use super::scene::{Panorama, Scene};

impl Scene {
    /// Paints the whole picture, which has the scene's size, as it is at `time`, in seconds.
    pub(crate) fn paint(&self, time: f64, picture: &mut Picture) {
        for panorama in &self.backdrop {
            self.pan(panorama, time, picture);
        }
        self.fly(time, picture);
        self.reflect(time, picture);
        self.sail(time, picture);
        self.pan(&self.meadow, time, picture);
    }

    fn pan(&self, panorama: &Panorama, time: f64, picture: &mut Picture) {
        let distance = time * f64::from(panorama.speed) * self.size.1 as f64;
        let offset = distance as usize % panorama.plate.width;
        panorama.plate.pan(picture, panorama.top, offset);
    }

    /// The balloons, drifting with the wind.
    fn fly(&self, time: f64, picture: &mut Picture) {
        let height = self.size.1 as f64;
        for (balloon, (start, speed, altitude)) in self
            .balloons
            .iter()
            .zip([(0.62, 0.03, 0.19), (0.16, 0.017, 0.24)])
        {
            let lap = (self.size.0 + balloon.width) as f64;
            let x = (start * self.size.0 as f64 + time * speed * height) % lap;
            let bob = (time * 0.7 + start * 9.0).sin() * 0.012;
            let x = x as i64
                - if x > self.size.0 as f64 {
                    lap as i64
                } else {
                    0
                };
            balloon.put(picture, x, ((altitude + bob) * height) as i64);
        }
    }

    fn sail(&self, time: f64, picture: &mut Picture) {
        let boat = &self.boat;
        let lap = (self.size.0 + boat.width) as f64;
        let way = time * 0.045 * self.size.1 as f64;
        let x = lap - (way + 0.72 * lap) % lap - boat.width as f64;
        boat.put(
            picture,
            x as i64,
            (0.505 * self.size.1 as f64) as i64 / 2 * 2,
        );
    }

    /// The water: what is above it, upside down, squeezed, and moved to and fro by waves that grow towards the viewer.
    fn reflect(&self, time: f64, picture: &mut Picture) {
        // Behind the near shore, down to below the lowest point that its bank can have.
        let end = self.meadow.top + self.size.1 / 6;
        let shore = self.waterline;
        let depth = (end - shore) as f64;
        for ((plane, by), tint) in picture
            .planes_mut()
            .into_iter()
            .zip([1, 2, 2])
            .zip([70u16, 136, 120])
        {
            let (width, shore, end) = (self.size.0 / by, shore / by, end / by);
            let (above, below) = plane.split_at_mut(shore * width);
            for (row, out) in below.chunks_exact_mut(width).take(end - shore).enumerate() {
                let away = (row * by) as f64 / depth;
                let phase = 26.0 / (0.12 + away) + time * 2.4;
                let swell = phase.sin() + 0.6 * (phase * 2.3 + time).sin();
                let lift = swell * (0.004 + 0.02 * away) * self.size.1 as f64 / by as f64;
                let source = (row as f64 * 1.25 + lift).clamp(0.0, shore as f64 - 1.0) as usize;
                let slide = (swell * (1.0 + 7.0 * away) * self.size.1 as f64 / 720.0) as isize
                    / by as isize;
                let from = &above[(shore - 1 - source) * width..][..width];
                let next = &above[(shore - 1 - source).saturating_sub(2) * width..][..width];
                let weight = 176 - (away * 64.0) as u16;
                water(out, [from, next], slide, weight, tint);
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
