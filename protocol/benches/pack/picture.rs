//! Photograph-like JPEGs from a seed: texture at every scale, shading, hard edges and a sensor's noise.
//!
//! Nothing is drawn from files, so that every machine measures the same pictures. Measuring belongs to `main.rs`.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// A camera picture of that size as a JPEG, 4:2:0, quality 80.
pub(crate) fn jpeg(width: u16, height: u16, seed: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 80);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder
        .encode(&pixels(width, height, seed), width, height, ColorType::Rgb)
        .expect("a picture of this size can be encoded");
    out
}

fn pixels(width: u16, height: u16, seed: u32) -> Vec<u8> {
    let mut noise = Noise(seed);
    let scale = f32::from(width);
    let mut out = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (f32::from(x) / scale, f32::from(y) / scale);
            let detail = texture(u, v, f32::from(width), seed);
            let (object, tint) = object_at(u, v, seed);
            let light = 96.0 + 70.0 * v - 40.0 * u + object + detail;
            for (channel, share) in tint.into_iter().enumerate() {
                let colour = 14.0 * texture(u + channel as f32, v, 12.0, seed ^ 77);
                out.push((light * share + colour / 10.0 + noise.next()).clamp(0.0, 255.0) as u8);
            }
        }
    }
    out
}

/// Value noise, octave over octave: each has half the wavelength of the one before and little less strength, so that at
/// quality 80 the JPEGs are as large as a camera's (53, 140 and 290 kB at 640x480, 1280x720 and 1920x1080).
fn texture(u: f32, v: f32, finest: f32, seed: u32) -> f32 {
    let (mut sum, mut strength, mut frequency) = (0.0, 52.0, 4.0);
    while frequency < finest {
        sum += strength * (lattice(u * frequency, v * frequency, seed) - 0.5);
        strength *= 0.85;
        frequency *= 2.0;
    }
    sum
}

/// Random values at whole coordinates, smooth in between; 0 to 1.
fn lattice(x: f32, y: f32, seed: u32) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (tx, ty) = (smooth(x - x0), smooth(y - y0));
    let at = |dx: i32, dy: i32| {
        let (x, y) = (x0 as i32 + dx, y0 as i32 + dy);
        hash(x as u32 ^ hash(y as u32 ^ hash(seed))) as f32 / u32::MAX as f32
    };
    let top = at(0, 0) + (at(1, 0) - at(0, 0)) * tx;
    let bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * tx;
    top + (bottom - top) * ty
}

/// Brightness and tint of the foremost of some discs and bars, which have hard edges.
fn object_at(u: f32, v: f32, seed: u32) -> (f32, [f32; 3]) {
    let part = |i: u32, shift: u32| (hash(seed ^ i) >> shift & 0xff) as f32 / 255.0;
    for i in 0..24 {
        let (du, dv) = (u - part(i, 0), v - part(i, 8) * 0.6);
        let size = 0.02 + 0.08 * part(i, 16);
        let inside = if i % 3 == 0 {
            du.abs() < size / 5.0 && dv.abs() < size * 2.0
        } else {
            du * du + dv * dv < size * size
        };
        if inside {
            let tint = [0.85 + 0.3 * part(i, 24), 1.0, 0.85 + 0.3 * part(i, 4)];
            return (120.0 * (part(i, 12) - 0.5), tint);
        }
    }
    (0.0, [1.0; 3])
}

/// What a small sensor adds indoors: about normal, standard deviation 3.5.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let bits = hash(self.0);
        let sum: u32 = bits.to_le_bytes().into_iter().map(u32::from).sum();
        (sum as f32 - 510.0) / 148.0 * 3.5
    }
}

fn hash(mut value: u32) -> u32 {
    value = (value ^ value >> 16).wrapping_mul(0x7feb_352d);
    value = (value ^ value >> 15).wrapping_mul(0x846c_a68b);
    value ^ value >> 16
}
