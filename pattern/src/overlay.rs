//! What is written over the scene for people: that it is a test pattern, the time, the frame's number, and a hand that
//! goes round once a second.
//!
//! What programs read is in [`super::strip`].

use super::canvas::{Canvas, edge};
use super::font;
use super::picture::Picture;
use super::plate::Plate;
use super::strip;
use std::f32::consts::TAU;

const WHITE: [f32; 3] = [244.0, 246.0, 248.0];
const SHADOW: [f32; 3] = [10.0, 18.0, 32.0];

/// Everything that can be painted beforehand, for pictures of one size.
pub(crate) struct Overlay {
    title: (Plate, i64, i64),
    bar: (Plate, i64),
    digits: Digits,
    small: Digits,
    dial: Dial,
    /// Upper left corners of the time, of the number, and of the date.
    time_at: (f32, i64),
    seq_at: (f32, i64),
    date_at: (f32, i64),
}

/// Glyphs at one size.
struct Digits {
    glyphs: Vec<(char, Plate)>,
    size: f32,
    margin: f32,
}

/// The face that the hand sweeps over.
struct Dial {
    diameter: usize,
    left: usize,
    top: usize,
    /// Where each pixel lies, clockwise from the top, in 65536ths of a turn.
    turn: Vec<u16>,
    /// 255 within the face.
    face: Vec<u8>,
}

impl Overlay {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        // Wide pictures are written on by their height, tall ones by their width.
        let unit = (height as f32).min(width as f32 * 0.75);
        let margin = unit * 0.04;
        let bottom = strip::top(height) / 2 * 2;
        let bar_height = (unit * 0.145) as usize / 2 * 2;
        let top = (bottom - bar_height) as f32;

        let diameter = (unit * 0.105) as usize / 2 * 2;
        let dial = Dial::new(
            diameter,
            (width - diameter - margin as usize) / 2 * 2,
            (bottom - bar_height / 2 - diameter / 2) / 2 * 2,
        );
        let size = unit * 0.058;
        let label = unit * 0.026;
        let baseline = top + unit * 0.064;
        let label_line = top + unit * 0.021;
        let seq_left = dial.left as f32 - unit * 0.06 - font::width("00000000", size);

        let mut bar = Canvas::new(width, bottom - top as usize);
        for y in 0..bar.height {
            bar.line_mut(y).fill([10, 18, 32, 204]);
        }
        let rule = (unit * 0.003).max(1.0) as usize;
        for y in 0..rule {
            bar.line_mut(y).fill([255, 255, 255, 110]);
        }
        bar.text(
            "FRAME",
            (seq_left, label_line - top),
            label,
            0.15,
            WHITE,
            0.8,
        );
        let centre = diameter as f32 / 2.0;
        let middle = (dial.left as f32 + centre, dial.top as f32 - top + centre);
        for tick in 0..10 {
            let (sin, cos) = (tick as f32 / 10.0 * TAU).sin_cos();
            let at = |radius: f32| (middle.0 + sin * radius, middle.1 - cos * radius);
            bar.stroke(
                at(centre * 1.02),
                at(centre * 1.16),
                unit * 0.004,
                WHITE,
                0.8,
            );
        }

        Self {
            title: title(width, unit),
            bar: (Plate::new(&bar), top as i64),
            digits: Digits::new("0123456789:.", size),
            small: Digits::new("0123456789-UTC", label),
            dial,
            time_at: (margin, baseline as i64),
            seq_at: (seq_left, baseline as i64),
            date_at: (margin, label_line as i64),
        }
    }

    pub(crate) fn paint(&self, picture: &mut Picture, seq: u64, captured_us: u64) {
        let (title, x, y) = &self.title;
        title.put(picture, *x, *y);
        self.bar.0.put(picture, 0, self.bar.1);
        let utc = Utc::new(captured_us);
        let (time, date) = (utc.time(), utc.date());
        self.small.put(picture, self.date_at, &date);
        self.digits.put(picture, self.time_at, &time);
        self.digits.put(picture, self.seq_at, &decimal::<8>(seq));
        self.dial.paint(picture, (captured_us % 1_000_000) as u32);
    }
}

/// The words, and where they stand.
fn title(width: usize, unit: f32) -> (Plate, i64, i64) {
    let size = unit * 0.085;
    let words = "TEST PATTERN";
    let edge = size * 0.35;
    let mut canvas = Canvas::new(
        (font::width(words, size) + 2.0 * edge) as usize,
        (size + 2.0 * edge) as usize,
    );
    // Thinner and thinner strokes over each other make a soft shadow.
    let strokes = [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65].map(|of| size * of / 2.0);
    let widest = strokes[strokes.len() - 1];
    canvas.letters(words, (edge, edge), size, widest, SHADOW, |distance| {
        let through = |stroke: &f32| 1.0 - 0.055 * super::canvas::edge(distance - stroke);
        1.0 - strokes.iter().map(through).product::<f32>()
    });
    canvas.text(words, (edge, edge), size, 0.17, WHITE, 1.0);
    let x = (width - canvas.width.min(width)) / 4 * 2;
    (Plate::new(&canvas), x as i64, (unit * 0.035) as i64 / 2 * 2)
}

impl Digits {
    fn new(letters: &str, size: f32) -> Self {
        let margin = (size * 0.12).ceil() + 1.0;
        let glyph = |letter: char| {
            let mut canvas = Canvas::new(
                (font::advance(letter, size) + 2.0 * margin) as usize,
                (size + 2.0 * margin) as usize,
            );
            let text = letter.to_string();
            canvas.text(&text, (margin, margin), size, 0.15, WHITE, 1.0);
            (letter, Plate::new(&canvas))
        };
        Self {
            glyphs: letters.chars().map(glyph).collect(),
            size,
            margin,
        }
    }

    fn put(&self, picture: &mut Picture, (mut x, y): (f32, i64), text: &[u8]) {
        for &letter in text {
            let letter = char::from(letter);
            if let Some((_, plate)) = self.glyphs.iter().find(|(glyph, _)| *glyph == letter) {
                let at = (x - self.margin) as i64;
                plate.put(picture, at, y - self.margin as i64);
            }
            x += font::advance(letter, self.size);
        }
    }
}

impl Dial {
    fn new(diameter: usize, left: usize, top: usize) -> Self {
        let radius = diameter as f32 / 2.0;
        let (mut turn, mut face) = (Vec::new(), Vec::new());
        for y in 0..diameter {
            for x in 0..diameter {
                let (x, y) = (x as f32 + 0.5 - radius, y as f32 + 0.5 - radius);
                let angle = x.atan2(-y).rem_euclid(TAU) / TAU;
                turn.push((angle * 65536.0) as u16);
                face.push((edge(x.hypot(y) - radius + 1.0) * 255.0) as u8);
            }
        }
        Self {
            diameter,
            left,
            top,
            turn,
            face,
        }
    }

    /// The hand at its place within the second, with a trail behind it.
    fn paint(&self, picture: &mut Picture, micros: u32) {
        let hand = (u64::from(micros) * 65536 / 1_000_000) as u16;
        let width = picture.width();
        let [luma, ..] = picture.planes_mut();
        let rows = luma[self.top * width..].chunks_exact_mut(width);
        let turns = self.turn.chunks_exact(self.diameter);
        let faces = self.face.chunks_exact(self.diameter);
        for ((row, turns), faces) in rows.zip(turns).zip(faces) {
            let pixels = row[self.left..][..self.diameter].iter_mut();
            for ((pixel, &turn), &face) in pixels.zip(turns).zip(faces) {
                let behind = u32::from(hand.wrapping_sub(turn));
                // A bright sector of a fortieth of a turn, then a trail that fades over the rest.
                let light = match behind {
                    0..1640 => 250,
                    _ => 30 + (65536 - behind) * 110 / 65536,
                };
                let (below, face) = (u32::from(*pixel), u32::from(face));
                *pixel = ((below * (255 - face) + light * face) / 255) as u8;
            }
        }
    }
}

/// A moment in UTC.
struct Utc {
    days: u64,
    millis: u64,
}

impl Utc {
    fn new(unix_us: u64) -> Self {
        let millis = unix_us / 1000;
        Self {
            days: millis / 86_400_000,
            millis: millis % 86_400_000,
        }
    }

    /// `14:03:27.123`
    fn time(&self) -> [u8; 12] {
        let seconds = self.millis / 1000;
        let mut text = *b"00:00:00.000";
        text[..2].copy_from_slice(&decimal::<2>(seconds / 3600));
        text[3..5].copy_from_slice(&decimal::<2>(seconds / 60 % 60));
        text[6..8].copy_from_slice(&decimal::<2>(seconds % 60));
        text[9..].copy_from_slice(&decimal::<3>(self.millis % 1000));
        text
    }

    /// `2026-02-11 UTC`, in the Gregorian calendar.
    fn date(&self) -> [u8; 14] {
        // Howard Hinnant's days_from_civil, backwards: eras of 400 years, and years that begin in March.
        let days = self.days + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        let mut text = *b"0000-00-00 UTC";
        text[..4].copy_from_slice(&decimal::<4>(era * 400 + year + next));
        text[5..7].copy_from_slice(&decimal::<2>(month));
        text[8..10].copy_from_slice(&decimal::<2>(day));
        text
    }
}

/// The last `N` decimal digits.
fn decimal<const N: usize>(mut number: u64) -> [u8; N] {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc_to_the_millisecond() {
        for (unix_us, date, time) in [
            (0, "1970-01-01 UTC", "00:00:00.000"),
            (951_782_399_999_999, "2000-02-28 UTC", "23:59:59.999"),
            (951_782_400_000_000, "2000-02-29 UTC", "00:00:00.000"),
            (1_764_000_000_123_456, "2025-11-24 UTC", "16:00:00.123"),
            (4_102_444_800_000_000, "2100-01-01 UTC", "00:00:00.000"),
        ] {
            let utc = Utc::new(unix_us);
            assert_eq!(utc.date(), date.as_bytes());
            assert_eq!(utc.time(), time.as_bytes());
        }
    }
}
