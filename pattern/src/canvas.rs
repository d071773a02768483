//! A canvas for what is painted once, when a pattern is made: RGB with transparency, shapes with smooth edges.
//!
//! It is slow. What is painted for each frame is copied from a [`super::plate::Plate`].

use super::font;

/// Red, green and blue, 0 to 255.
pub(crate) type Rgb = [f32; 3];

/// A picture of RGBA pixels, not premultiplied.
pub(crate) struct Canvas {
    pub width: usize,
    pub height: usize,
    pixels: Vec<[u8; 4]>,
}

impl Canvas {
    /// A clear canvas. An odd size is raised to the next even one.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let (width, height) = (width.next_multiple_of(2), height.next_multiple_of(2));
        Self {
            width,
            height,
            pixels: vec![[0; 4]; width * height],
        }
    }

    pub(crate) fn line(&self, y: usize) -> &[[u8; 4]] {
        &self.pixels[y * self.width..][..self.width]
    }

    pub(crate) fn line_mut(&mut self, y: usize) -> &mut [[u8; 4]] {
        &mut self.pixels[y * self.width..][..self.width]
    }

    /// Blurs by a share of each neighbour, as a lens does. Columns wrap around.
    pub(crate) fn soften(&mut self, share: f32) {
        let (width, height) = (self.width, self.height);
        let premultiplied = |[r, g, b, a]: [u8; 4]| {
            let cover = f32::from(a) / 255.0;
            [
                f32::from(r) * cover,
                f32::from(g) * cover,
                f32::from(b) * cover,
                f32::from(a),
            ]
        };
        let mix = |before: [f32; 4], here: [f32; 4], after: [f32; 4]| -> [f32; 4] {
            std::array::from_fn(|i| here[i] + share * (before[i] + after[i] - 2.0 * here[i]))
        };
        let across = |line: &[[u8; 4]]| -> Vec<[f32; 4]> {
            let line: Vec<_> = line.iter().copied().map(premultiplied).collect();
            (0..width)
                .map(|x| {
                    mix(
                        line[(x + width - 1) % width],
                        line[x],
                        line[(x + 1) % width],
                    )
                })
                .collect()
        };
        let mut here = across(self.line(0));
        let mut above = here.clone();
        for y in 0..height {
            let below = across(self.line((y + 1).min(height - 1)));
            for (x, pixel) in self.line_mut(y).iter_mut().enumerate() {
                let [r, g, b, a] = mix(above[x], here[x], below[x]);
                let [r, g, b] = [r, g, b].map(|channel| byte(channel * 255.0 / a.max(1.0)));
                *pixel = [r, g, b, byte(a)];
            }
            above = std::mem::replace(&mut here, below);
        }
    }

    /// Lays a colour over one pixel. Columns wrap around, lines outside are left out.
    pub(crate) fn dab(&mut self, x: i64, y: i64, colour: Rgb, cover: f32) {
        if cover <= 0.0 || y < 0 || y >= self.height as i64 {
            return;
        }
        let x = x.rem_euclid(self.width as i64) as usize;
        let pixel = &mut self.pixels[y as usize * self.width + x];
        *pixel = over(*pixel, colour, cover.min(1.0));
    }

    /// A disc.
    pub(crate) fn disc(&mut self, (x, y): (f32, f32), radius: f32, colour: Rgb, opacity: f32) {
        self.shape(
            (x - radius, y - radius),
            (x + radius, y + radius),
            |px, py| {
                let distance = (px - x).hypot(py - y) - radius;
                (colour, edge(distance) * opacity)
            },
        );
    }

    /// A filled rectangle with round corners.
    pub(crate) fn slab(
        &mut self,
        (left, top): (f32, f32),
        (right, bottom): (f32, f32),
        corner: f32,
        colour: Rgb,
        opacity: f32,
    ) {
        let centre = ((left + right) / 2.0, (top + bottom) / 2.0);
        let half = ((right - left) / 2.0 - corner, (bottom - top) / 2.0 - corner);
        self.shape((left, top), (right, bottom), |x, y| {
            let (x, y) = ((x - centre.0).abs() - half.0, (y - centre.1).abs() - half.1);
            let distance = x.max(0.0).hypot(y.max(0.0)) + x.max(y).min(0.0) - corner;
            (colour, edge(distance) * opacity)
        });
    }

    /// A line with round ends.
    pub(crate) fn stroke(
        &mut self,
        from: (f32, f32),
        to: (f32, f32),
        thickness: f32,
        colour: Rgb,
        opacity: f32,
    ) {
        let radius = thickness / 2.0;
        self.shape(
            (from.0.min(to.0) - radius, from.1.min(to.1) - radius),
            (from.0.max(to.0) + radius, from.1.max(to.1) + radius),
            |x, y| {
                let distance = font::distance_squared((x, y), from, to).sqrt() - radius;
                (colour, edge(distance) * opacity)
            },
        );
    }

    /// Text whose capitals are `size` high, its upper left corner at `at`. Returns its width.
    pub(crate) fn text(
        &mut self,
        text: &str,
        at: (f32, f32),
        size: f32,
        weight: f32,
        colour: Rgb,
        opacity: f32,
    ) -> f32 {
        let radius = size * weight / 2.0;
        let cover = |distance| edge(distance - radius) * opacity;
        self.letters(text, at, size, radius, colour, cover)
    }

    /// The same with the cover that it has at a distance from the middle of a stroke; none further away than `reach`.
    pub(crate) fn letters(
        &mut self,
        text: &str,
        at: (f32, f32),
        size: f32,
        reach: f32,
        colour: Rgb,
        cover: impl Fn(f32) -> f32,
    ) -> f32 {
        let mut x = at.0;
        for letter in text.chars() {
            let glyph = font::Glyph::new(letter, size);
            let corner = (x, at.1);
            let end = (corner.0 + glyph.width, corner.1 + size);
            self.shape(
                (corner.0 - reach, corner.1 - reach),
                (end.0 + reach, end.1 + reach),
                |x, y| {
                    let distance = glyph.distance((x - corner.0, y - corner.1));
                    (colour, cover(distance))
                },
            );
            x += font::advance(letter, size);
        }
        x - at.0
    }

    /// Paints every pixel of a rectangle as told for its centre, in colour and cover.
    pub(crate) fn shape(
        &mut self,
        (left, top): (f32, f32),
        (right, bottom): (f32, f32),
        paint: impl Fn(f32, f32) -> (Rgb, f32),
    ) {
        for y in top.floor() as i64 - 1..=bottom.ceil() as i64 + 1 {
            for x in left.floor() as i64 - 1..=right.ceil() as i64 + 1 {
                let (colour, cover) = paint(x as f32 + 0.5, y as f32 + 0.5);
                self.dab(x, y, colour, cover);
            }
        }
    }
}

/// The share of a pixel covered by a shape whose outline is at this distance; negative inside.
pub(crate) fn edge(distance: f32) -> f32 {
    (0.5 - distance).clamp(0.0, 1.0)
}

/// The nearest value that a sample can have.
pub(crate) fn byte(value: f32) -> u8 {
    // Not round(): without SSE 4.1 that is a call for every sample.
    (value + 0.5) as u8
}

/// The colour between two others.
pub(crate) fn blend(from: Rgb, to: Rgb, t: f32) -> Rgb {
    std::array::from_fn(|i| from[i] + (to[i] - from[i]) * t)
}

/// The colour, lighter or darker.
pub(crate) fn scale(colour: Rgb, by: f32) -> Rgb {
    colour.map(|channel| channel * by)
}

/// An opaque pixel.
pub(crate) fn opaque(colour: Rgb) -> [u8; 4] {
    let [r, g, b] = colour.map(byte);
    [r, g, b, 255]
}

fn over(below: [u8; 4], colour: Rgb, cover: f32) -> [u8; 4] {
    let base = f32::from(below[3]) / 255.0 * (1.0 - cover);
    let alpha = base + cover;
    let mixed: [u8; 3] = std::array::from_fn(|i| {
        byte((f32::from(below[i]) * base + colour[i].clamp(0.0, 255.0) * cover) / alpha)
    });
    [mixed[0], mixed[1], mixed[2], byte(alpha * 255.0)]
}
