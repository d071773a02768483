//! What the pattern shows: a lake before mountains on a windy afternoon, in plates that slide past each other.
//!
//! Painted once, in fractions of the picture's height, so that it is the same scene at every size. Moving it belongs to
//! [`super::lake`], and what is written over it to [`super::overlay`].

use super::canvas::{Canvas, Rgb, blend, edge, opaque, scale};
use super::noise::{Fractal, Grain, Rng};
use super::plate::Plate;
use super::strip;

/// A plate as wide as a panorama: it slides along and wraps around.
pub(crate) struct Panorama {
    pub plate: Plate,
    /// Its first line in the picture; even.
    pub top: usize,
    /// How far it slides in a second, as a fraction of the picture's height.
    pub speed: f32,
}

/// All the plates, for pictures of one size.
pub struct Scene {
    /// Width and height.
    pub(crate) size: (usize, usize),
    /// Sky, mountains, hills and far shore, from back to front.
    pub(crate) backdrop: Vec<Panorama>,
    /// The near shore.
    pub(crate) meadow: Panorama,
    pub(crate) balloons: [Plate; 2],
    pub(crate) boat: Plate,
    /// The line in which the water begins; even.
    pub(crate) waterline: usize,
}

/// Where the water begins, as a fraction of the height.
const WATERLINE: f32 = 0.53;
/// Width of a panorama over that of the picture.
const PERIOD: f32 = 1.25;

/// Share of each neighbouring pixel in a pixel, as behind a lens that is a little less sharp than the sensor.
const SOFTNESS: f32 = 0.25;
const HAZE: Rgb = [214.0, 214.0, 216.0];

struct Painter {
    /// The picture's height.
    height: f32,
    period: usize,
    seed: u64,
}

impl Scene {
    /// Paints the plates, which takes time. Both sizes are even; the same seed gives the same scene.
    pub fn new(width: usize, height: usize, seed: u64) -> Self {
        let painter = Painter {
            height: height as f32,
            period: ((width as f32 * PERIOD) as usize).next_multiple_of(2),
            seed,
        };
        Self {
            size: (width, height),
            backdrop: vec![
                painter.sky(),
                painter.mountains(),
                painter.hills(),
                painter.shore(),
            ],
            meadow: painter.meadow(),
            balloons: [
                balloon(
                    painter.height * 0.27,
                    [[206.0, 52.0, 44.0], [246.0, 202.0, 84.0]],
                ),
                balloon(
                    painter.height * 0.12,
                    [[36.0, 96.0, 150.0], [240.0, 238.0, 230.0]],
                ),
            ],
            boat: boat(painter.height * 0.1),
            waterline: painter.line(WATERLINE),
        }
    }
}

impl Painter {
    /// The even line at a fraction of the height.
    fn line(&self, fraction: f32) -> usize {
        (self.height * fraction / 2.0) as usize * 2
    }

    fn canvas(&self, top: f32, bottom: f32) -> Canvas {
        Canvas::new(self.period, self.line(bottom) - self.line(top))
    }

    fn panorama(&self, mut canvas: Canvas, top: f32, speed: f32) -> Panorama {
        canvas.soften(SOFTNESS);
        Panorama {
            plate: Plate::new(&canvas),
            top: self.line(top),
            speed,
        }
    }

    /// Noise whose largest features have that size in fractions of the height.
    fn noise(&self, salt: u64, size: (f32, f32), gain: f32) -> Fractal {
        self.grain(salt, size, gain, false)
    }

    fn grain(&self, salt: u64, size: (f32, f32), gain: f32, ridged: bool) -> Fractal {
        let grain = Grain {
            size: (size.0 * self.height, size.1 * self.height),
            gain,
            finest: 1.4,
            ridged,
        };
        Fractal::new(self.seed ^ salt << 32, self.period, grain)
    }

    fn empty_line(&self) -> Vec<f32> {
        vec![0.0; self.period]
    }

    fn sky(&self) -> Panorama {
        let mut canvas = self.canvas(0.0, WATERLINE);
        let mut clouds = self.noise(1, (0.62, 0.2), 0.56);
        let (mut here, mut above) = (self.empty_line(), self.empty_line());
        for y in 0..canvas.height {
            let v = y as f32 / canvas.height as f32;
            let clear = match v < 0.55 {
                true => blend([44.0, 98.0, 172.0], [126.0, 176.0, 222.0], v / 0.55),
                false => blend(
                    [126.0, 176.0, 222.0],
                    [248.0, 226.0, 196.0],
                    (v - 0.55) / 0.45,
                ),
            };
            clouds.line(y as f32, &mut here);
            clouds.line(y as f32 - 0.02 * self.height, &mut above);
            for (x, pixel) in canvas.line_mut(y).iter_mut().enumerate() {
                let cover = step(-0.1, 0.75, here[x]) * 0.95;
                let light = (0.62 + 0.55 * (here[x] - above[x])).clamp(0.0, 1.0);
                let cloud = blend([164.0, 174.0, 196.0], [255.0, 250.0, 240.0], light);
                *pixel = opaque(blend(clear, cloud, cover));
            }
        }
        self.panorama(canvas, 0.0, 0.008)
    }

    fn mountains(&self) -> Panorama {
        let (top, bottom) = (0.16, WATERLINE);
        let mut canvas = self.canvas(top, bottom);
        let mut ridge = self.empty_line();
        self.grain(2, (0.62, 1.0), 0.5, true).line(0.0, &mut ridge);
        let mut rock = self.grain(3, (0.22, 0.34), 0.58, true);
        let mut patches = self.noise(4, (0.12, 0.06), 0.62);
        let (mut relief, mut patch) = (self.empty_line(), self.empty_line());
        let base = canvas.height as f32;
        let reach = (0.006 * self.height).max(1.0) as usize;
        for y in 0..canvas.height {
            rock.line(y as f32, &mut relief);
            patches.line(y as f32, &mut patch);
            let altitude = 1.0 - y as f32 / base;
            for (x, pixel) in canvas.line_mut(y).iter_mut().enumerate() {
                let summit = base * (0.46 - 0.24 * ridge[x]);
                let cover = edge(summit - y as f32);
                if cover == 0.0 {
                    continue;
                }
                let slope = relief[(x + reach) % self.period] - relief[x];
                let light = (0.52 - 1.0 * slope + 0.12 * relief[x]).clamp(0.0, 1.0);
                let stone = blend([58.0, 66.0, 92.0], [176.0, 160.0, 150.0], light);
                let snow = blend([134.0, 154.0, 196.0], [255.0, 251.0, 244.0], light);
                let white = step(0.38, 0.58, altitude + 0.13 * patch[x] + 0.1 * relief[x]);
                let colour = blend(stone, snow, white);
                let hazy = blend(colour, HAZE, 0.06 + 0.62 * (1.0 - altitude).powi(2));
                *pixel = opaque(hazy);
                pixel[3] = (cover * 255.0) as u8;
            }
        }
        self.panorama(canvas, top, 0.013)
    }

    fn hills(&self) -> Panorama {
        let (top, bottom) = (0.36, WATERLINE);
        let mut canvas = self.canvas(top, bottom);
        let mut outline = self.empty_line();
        self.noise(5, (0.9, 1.0), 0.5).line(0.0, &mut outline);
        let mut crowns = self.noise(6, (0.08, 0.05), 0.78);
        let mut woods = self.empty_line();
        let base = canvas.height as f32;
        for y in 0..canvas.height {
            crowns.line(y as f32, &mut woods);
            let depth = y as f32 / base;
            for (x, pixel) in canvas.line_mut(y).iter_mut().enumerate() {
                let summit = base * (0.42 - 0.26 * outline[x] - 0.05 * woods[x]);
                let cover = edge(summit - y as f32);
                if cover > 0.0 {
                    let light = (0.45 + 0.42 * woods[x]).clamp(0.0, 1.0);
                    let green = blend([30.0, 62.0, 58.0], [134.0, 158.0, 100.0], light);
                    *pixel = opaque(blend(green, HAZE, 0.34 - 0.22 * depth));
                    pixel[3] = (cover * 255.0) as u8;
                }
            }
        }
        self.panorama(canvas, top, 0.024)
    }

    fn shore(&self) -> Panorama {
        let (top, bottom) = (0.40, WATERLINE);
        let mut canvas = self.canvas(top, bottom);
        let mut rng = Rng::new(self.seed ^ 7);
        let base = canvas.height as f32;
        for (rank, spacing) in [(0.0, 0.013), (1.0, 0.017)] {
            let count = (self.period as f32 / (spacing * self.height)) as usize;
            for _ in 0..count {
                let x = rng.unit() * self.period as f32;
                // Clumps and clearings.
                let wave =
                    (x / self.period as f32 * 44.0).sin() + (x / self.period as f32 * 19.0).cos();
                let tall = (0.066 + 0.013 * wave - 0.016 * rank) * rng.between(0.62, 1.1);
                let foot = base - rng.unit() * 0.004 * self.height;
                let shade = rng.between(0.7, 1.2) - 0.1 * rank;
                conifer(&mut canvas, &mut rng, (x, foot), tall * self.height, shade);
            }
        }
        for y in 0..canvas.height {
            let depth = base - y as f32;
            for pixel in canvas.line_mut(y) {
                if depth < 0.007 * self.height {
                    let tone = rng.between(0.7, 1.2);
                    *pixel = opaque(scale([96.0, 96.0, 74.0], tone));
                }
            }
        }
        self.panorama(canvas, top, 0.04)
    }

    fn meadow(&self) -> Panorama {
        let top = 0.66;
        let lines = strip::top(self.height as usize) - self.line(top);
        let mut canvas = Canvas::new(self.period, lines);
        let mut rng = Rng::new(self.seed ^ 8);
        let mut outline = self.empty_line();
        self.noise(9, (0.7, 1.0), 0.5).line(0.0, &mut outline);
        let base = canvas.height as f32;
        let bank = |x: usize| base * (0.25 - 0.08 * outline[x]);
        let mut turf = self.noise(10, (0.2, 0.05), 0.7);
        let mut tone = self.empty_line();
        for y in 0..canvas.height {
            turf.line(y as f32, &mut tone);
            for (x, pixel) in canvas.line_mut(y).iter_mut().enumerate() {
                let cover = edge(bank(x) - y as f32);
                if cover > 0.0 {
                    let light = (0.45 + 0.3 * tone[x]).clamp(0.0, 1.0);
                    *pixel = opaque(blend([36.0, 54.0, 22.0], [134.0, 150.0, 62.0], light));
                    pixel[3] = (cover * 255.0) as u8;
                }
            }
        }
        let blades = (self.period as f32 / self.height * 7600.0) as usize;
        for blade in 0..blades {
            // From far to near, so that the near ones hide the far ones.
            let near = blade as f32 / blades as f32;
            let x = rng.unit() * self.period as f32;
            let ground = bank(x as usize % self.period) + near * 0.8 * base;
            let tall = self.height * rng.between(0.012, 0.034) * (0.7 + near);
            let lean = rng.between(-0.35, 0.5) * tall;
            let hue = blend([62.0, 88.0, 30.0], [188.0, 190.0, 92.0], rng.unit().powi(2));
            let tip = (x + lean, ground - tall);
            let thin = (0.0016 * self.height * (0.7 + near)).max(0.7);
            canvas.stroke(
                (x, ground),
                tip,
                thin,
                scale(hue, rng.between(0.68, 1.0)),
                0.9,
            );
            if blade % 23 == 0 {
                let petals = [
                    [244.0, 240.0, 232.0],
                    [226.0, 64.0, 52.0],
                    [250.0, 206.0, 70.0],
                ];
                let colour = petals[rng.next() as usize % petals.len()];
                let size = self.height * 0.0034 * (0.6 + near);
                canvas.disc(tip, size, colour, 1.0);
                canvas.disc(
                    (tip.0, tip.1 + size * 0.3),
                    size * 0.4,
                    [90.0, 70.0, 30.0],
                    0.7,
                );
            }
        }
        self.panorama(canvas, top, 0.11)
    }
}

/// A fir: drooping tiers, lit from the right.
fn conifer(canvas: &mut Canvas, rng: &mut Rng, (x, foot): (f32, f32), tall: f32, shade: f32) {
    let tiers = 7.0;
    for row in 0..tall as i64 {
        let down = row as f32 / tall;
        let tier = (down * tiers).fract();
        let half = tall * (0.03 + 0.17 * down) * (0.6 + 0.4 * tier) * rng.between(0.8, 1.15);
        let y = (foot - tall) as i64 + row;
        for column in (x - half) as i64..=(x + half) as i64 {
            let across = (column as f32 + 0.5 - x) / half.max(0.5);
            let light =
                (0.3 + 0.3 * across - 0.25 * tier + rng.between(-0.16, 0.24)).clamp(0.0, 1.0);
            let green = blend([14.0, 34.0, 30.0], [84.0, 114.0, 60.0], light);
            canvas.dab(
                column,
                y,
                scale(green, shade),
                edge((across.abs() - 1.0) * half),
            );
        }
    }
}

/// A hot-air balloon with stripes in two colours.
fn balloon(tall: f32, colours: [Rgb; 2]) -> Plate {
    let radius = tall * 0.36;
    let mut canvas = Canvas::new((radius * 2.0 + 4.0) as usize, (tall + 4.0) as usize);
    let middle = (canvas.width as f32 / 2.0, radius + 2.0);
    let mouth = tall * 0.8 + 2.0;
    // Half the envelope's width at a height: a circle above, a taper below.
    let half = |y: f32| {
        let down = (y - middle.1) / radius;
        if down < 0.35 {
            radius * (1.0 - down * down).max(0.0).sqrt()
        } else {
            let t = ((y - middle.1 - 0.35 * radius) / (mouth - middle.1 - 0.35 * radius))
                .clamp(0.0, 1.0);
            radius * (0.9367 * (1.0 - t) + 0.13 * t) * (1.0 - 0.1 * (t * (1.0 - t)) * 4.0 * 0.5)
        }
    };
    let rope = [70.0, 60.0, 50.0];
    let basket_top = tall * 0.9;
    for side in [-1.0, 1.0] {
        let from = (middle.0 + side * radius * 0.13, mouth - 1.0);
        let to = (middle.0 + side * radius * 0.1, basket_top + 2.0);
        canvas.stroke(from, to, (tall * 0.006).max(0.8), rope, 0.9);
    }
    canvas.slab(
        (middle.0 - radius * 0.13, basket_top),
        (middle.0 + radius * 0.13, tall + 1.0),
        radius * 0.03,
        [112.0, 74.0, 40.0],
        1.0,
    );
    canvas.shape(
        (middle.0 - radius, 2.0),
        (middle.0 + radius, mouth),
        |x, y| {
            if y > mouth || y < 2.0 {
                return (rope, 0.0);
            }
            let half = half(y).max(0.5);
            let across = (x - middle.0) / half;
            let longitude = across.clamp(-1.0, 1.0).asin();
            let stripe = ((longitude / std::f32::consts::PI + 0.5) * 9.0) as usize;
            let up = ((middle.1 - y) / radius).clamp(-1.0, 1.0);
            let light =
                0.72 + 0.26 * across.clamp(-1.0, 1.0) + 0.14 * up - 0.22 * across.powi(4).min(1.0);
            // A band around the waist.
            let swap = usize::from((0.02..0.3).contains(&((y - middle.1) / radius)));
            let colour = colours[(stripe + swap) % 2];
            (scale(colour, light), edge((across.abs() - 1.0) * half))
        },
    );
    canvas.soften(SOFTNESS);
    Plate::new(&canvas)
}

/// A sailing boat and, below it, its reflection.
fn boat(tall: f32) -> Plate {
    let waterline = tall;
    let mut canvas = Canvas::new((tall * 0.95) as usize, (tall * 1.6) as usize);
    let wide = canvas.width as f32;
    let mast = wide * 0.5;
    for (flip, opacity) in [(false, 1.0), (true, 0.32)] {
        let squeeze = if flip { 0.6 } else { 1.0 };
        // Height above the water of a line, in fractions of the boat's height.
        let above = |y: f32| (waterline - y) * if flip { -1.0 } else { 1.0 } / tall / squeeze;
        canvas.shape((0.0, 0.0), (wide, tall * 1.6), |x, y| {
            let up = above(y);
            let across = (x - mast) / wide;
            let main =
                (0.14..0.98).contains(&up) && across > 0.012 && across < 0.34 * (0.98 - up) / 0.84;
            let jib =
                (0.14..0.84).contains(&up) && across < -0.012 && across > -0.3 * (0.84 - up) / 0.7;
            let hull = (0.0..0.11).contains(&up) && across.abs() < 0.30 + 0.9 * up;
            let pole = (0.0..1.0).contains(&up) && across.abs() < 0.012;
            let colour = if main {
                scale([252.0, 248.0, 238.0], 0.86 + 0.4 * across)
            } else if jib {
                scale([222.0, 74.0, 54.0], 1.0 + 0.6 * across)
            } else if hull {
                if up > 0.075 {
                    [236.0, 232.0, 222.0]
                } else {
                    [48.0, 60.0, 84.0]
                }
            } else {
                [80.0, 64.0, 50.0]
            };
            let cover = if main || jib || hull || pole {
                opacity
            } else {
                0.0
            };
            (colour, cover)
        });
    }
    canvas.soften(SOFTNESS);
    Plate::new(&canvas)
}

/// 0 below `low`, 1 above `high`, and a smooth slope between.
fn step(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
