//! A picture of text, for viewers that take nothing but pictures: there is no signal, why, and since when.
//!
//! The words belong to [`crate::camera`]; WebSocket viewers get them in messages instead.

use super::{EncodeError, JpegEncoder};
use crate::source::{Layout, Plane, Yuv};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// The size where none is known yet.
const USUAL: (u32, u32) = (640, 480);

/// The smallest and the largest side: what can be read, and what is cheap to encode.
const SIDES: std::ops::RangeInclusive<u32> = 160..=1920;

const GROUND: u8 = 24;
const QUALITY: u8 = 75;

/// A JPEG of about that size, 0 standing for any: the title, and below it the text, broken into lines.
///
/// # Errors
/// Whatever libjpeg-turbo refuses.
pub(crate) fn placard(
    size: (u32, u32),
    title: &str,
    text: &[&str],
) -> Result<Vec<u8>, EncodeError> {
    let side = |given: u32, usual| match given {
        0 => usual,
        given => given.clamp(*SIDES.start(), *SIDES.end()) / 2 * 2,
    };
    let size = (
        side(size.0, USUAL.0) as usize,
        side(size.1, USUAL.1) as usize,
    );
    let mut page = Page::new(size);
    let title_pen = Pen::fitting(size, FontWeight::Bold, title.chars().count().max(12), 4);
    let pen = Pen::fitting(size, FontWeight::Regular, 40, 2);
    let lines: Vec<_> = text
        .iter()
        .flat_map(|text| pen.wrapped(text, size.0))
        .collect();
    let height = title_pen.height() + (lines.len() + 1) * pen.height();
    let mut top = size.1.saturating_sub(height) / 2;
    page.write(&title_pen, title, top, 230);
    top += title_pen.height() + pen.height() / 2;
    for line in lines {
        page.write(&pen, &line, top, 170);
        top += pen.height();
    }
    page.jpeg()
}

/// Whether there are letters for all of it; others become question marks.
pub(crate) fn has_letters_for(text: &str) -> bool {
    let raster = |letter| get_raster(letter, FontWeight::Regular, RasterHeight::Size16);
    text.chars().all(|letter| raster(letter).is_some())
}

/// The look of letters: a raster, scaled up `times` times.
struct Pen {
    weight: FontWeight,
    raster: RasterHeight,
    times: usize,
}

impl Pen {
    /// The largest pen with which this many letters fit into a line, and a line into a share of the height.
    fn fitting(size: (usize, usize), weight: FontWeight, letters: usize, share: usize) -> Self {
        let rasters = [
            RasterHeight::Size32,
            RasterHeight::Size24,
            RasterHeight::Size16,
        ];
        let all = (1..=4).rev().flat_map(|times| {
            rasters.map(|raster| Self {
                weight,
                raster,
                times,
            })
        });
        let fits = |pen: &Self| {
            pen.width() * letters <= size.0 * 9 / 10 && pen.height() * share * 2 <= size.1
        };
        all.into_iter()
            .filter(fits)
            .max_by_key(Self::height)
            .unwrap_or(Self {
                weight,
                raster: RasterHeight::Size16,
                times: 1,
            })
    }

    fn width(&self) -> usize {
        get_raster_width(self.weight, self.raster) * self.times
    }

    fn height(&self) -> usize {
        self.raster.val() * self.times
    }

    /// The text in lines that fit, broken between words, and within those that are longer than a line.
    fn wrapped(&self, text: &str, width: usize) -> Vec<String> {
        let most = (width * 9 / 10 / self.width()).max(1);
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            let letters: Vec<char> = word.chars().collect();
            for part in letters.chunks(most) {
                let line = lines.last_mut().expect("there is one from the start");
                let used = line.chars().count();
                if used == 0 {
                    line.extend(part);
                } else if used + 1 + part.len() <= most {
                    line.push(' ');
                    line.extend(part);
                } else {
                    lines.push(part.iter().collect());
                }
            }
        }
        lines
    }
}

/// A grey picture.
struct Page {
    size: (usize, usize),
    luma: Vec<u8>,
}

impl Page {
    fn new(size: (usize, usize)) -> Self {
        Self {
            size,
            luma: vec![GROUND; size.0 * size.1],
        }
    }

    /// Writes a line in the middle. What has no place is left out.
    fn write(&mut self, pen: &Pen, text: &str, top: usize, brightness: u8) {
        let (width, height) = self.size;
        let mut left = width.saturating_sub(text.chars().count() * pen.width()) / 2;
        for letter in text.chars() {
            let raster = get_raster(letter, pen.weight, pen.raster)
                .or_else(|| get_raster('?', pen.weight, pen.raster));
            for (y, row) in raster.iter().flat_map(|raster| raster.rows()).enumerate() {
                for (x, cover) in row.iter().enumerate() {
                    let span = brightness - GROUND;
                    let value = GROUND + (u16::from(span) * u16::from(*cover) / 255) as u8;
                    for dy in 0..pen.times {
                        for dx in 0..pen.times {
                            let (x, y) = (left + x * pen.times + dx, top + y * pen.times + dy);
                            if x < width && y < height {
                                self.luma[y * width + x] = value;
                            }
                        }
                    }
                }
            }
            left += pen.width();
        }
    }

    fn jpeg(&self) -> Result<Vec<u8>, EncodeError> {
        let (width, height) = self.size;
        let grey = vec![128; width / 2 * height.div_ceil(2)];
        let plane = |data, stride| Plane { data, stride };
        let yuv = Yuv {
            width: width as u32,
            height: height as u32,
            layout: Layout::I420([
                plane(&self.luma, width),
                plane(&grey, width / 2),
                plane(&grey, width / 2),
            ]),
        };
        Ok(JpegEncoder::new()?.encode(&yuv, QUALITY)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_any_kind_fit_onto_pictures_of_any_size() {
        let long = "x".repeat(300);
        for size in [
            (0, 0),
            (64, 64),
            (160, 4000),
            (641, 479),
            (9000, 300),
            (1920, 1080),
        ] {
            for text in [
                "",
                "the camera was unplugged",
                "Ünïcödé 漢字 \u{7}",
                long.as_str(),
            ] {
                let jpeg = placard(size, "NO SIGNAL", &[text, "since 13:45:10 UTC"]).unwrap();
                let mut decoder = jpeg_decoder::Decoder::new(&*jpeg);
                let pixels = decoder.decode().unwrap();
                let brightest = pixels.iter().max().unwrap();
                assert!(*brightest > 150, "nothing is written at {size:?}");
                let info = decoder.info().unwrap();
                assert!(u32::from(info.width) <= *SIDES.end());
            }
        }
    }

    #[test]
    fn lines_break_between_words_and_lose_nothing() {
        let pen = Pen::fitting((640, 480), FontWeight::Regular, 40, 2);
        let text = "cannot connect to http://192.168.1.77:8000/stream.mjpg: connection refused";
        let lines = pen.wrapped(text, 640);
        assert!(lines.len() > 1);
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        assert!(
            lines
                .iter()
                .all(|line| line.chars().count() * pen.width() <= 640)
        );
    }
}
