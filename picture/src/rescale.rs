//! JPEG → smaller JPEG: libjpeg-turbo scales while it decodes, in the samples' own colours and subsampling.
//!
//! For pictures that come as JPEGs. Scaling samples belongs to whatever encodes them.

use crate::decoder::{ALIGN, Colours, Decoder};
use crate::meaning::Meaning;
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp, YuvImage, compressed_buf_len};

/// Larger pictures are not rescaled: a small file can claim a size that no memory holds.
pub(crate) const MOST_PIXELS: usize = 8192 * 8192;

/// Why a JPEG cannot be rescaled. It concerns that one picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RescaleError {
    /// It claims to be larger than any picture that is decoded here.
    #[error("a picture of {width}x{height} is too large to be decoded")]
    Size {
        /// Pixels in a line.
        width: u32,
        /// Lines.
        height: u32,
    },
    /// What libjpeg-turbo says.
    #[error("libjpeg-turbo: {0}")]
    Codec(#[from] turbojpeg::Error),
}

/// Rescales one JPEG after the other, keeping its buffers. Each thread has its own.
#[derive(Debug)]
pub struct Rescaler {
    compressor: Compressor,
    samples: Vec<u8>,
    room: Vec<u8>,
}

impl Rescaler {
    /// A rescaler for JPEGs of any size.
    ///
    /// # Errors
    /// Where libjpeg-turbo has no memory.
    pub fn new() -> Result<Self, RescaleError> {
        Ok(Self {
            compressor: Compressor::new()?,
            samples: Vec::new(),
            room: Vec::new(),
        })
    }

    /// Replaces `out` by the picture with its width and height halved `halvings` times, at most three, and returns its size.
    /// Orientation and colour profile are kept.
    ///
    /// # Errors
    /// If libjpeg-turbo cannot decode or encode it, or it is larger than 8192x8192.
    pub fn rescale(
        &mut self,
        jpeg: &[u8],
        halvings: u8,
        quality: u8,
        out: &mut Vec<u8>,
    ) -> Result<(u32, u32), RescaleError> {
        let mut decoder = Decoder::new(jpeg, halvings)?;
        let header = decoder.header()?;
        let (width, height) = (header.width, header.height);
        if (width * height) << (2 * halvings) > MOST_PIXELS {
            return Err(RescaleError::Size {
                width: (width << halvings) as u32,
                height: (height << halvings) as u32,
            });
        }
        self.compressor.set_quality(i32::from(quality))?;
        let (len, meaning) = match header.colours {
            Colours::Samples(subsamp) => {
                decoder.samples(&header, subsamp, &mut self.samples)?;
                let room = room(&mut self.room, width, height, subsamp)?;
                let picture = YuvImage {
                    pixels: self.samples.as_slice(),
                    width,
                    align: ALIGN,
                    height,
                    subsamp,
                };
                let len = self.compressor.compress_yuv_to_slice(picture, room)?;
                (len, Meaning::of(jpeg))
            }
            Colours::Pixels | Colours::Inks => {
                let is_inks = header.colours == Colours::Inks;
                let format = if is_inks {
                    PixelFormat::CMYK
                } else {
                    PixelFormat::RGB
                };
                decoder.pixels(&header, format, &mut self.samples)?;
                let mut meaning = Meaning::of(jpeg);
                if is_inks {
                    to_rgb(&mut self.samples);
                    // It describes inks, and browsers ignore it, too.
                    meaning.forget_profile();
                }
                let room = room(&mut self.room, width, height, Subsamp::None)?;
                let picture = Image {
                    pixels: self.samples.as_slice(),
                    width,
                    pitch: width * 3,
                    height,
                    format: PixelFormat::RGB,
                };
                self.compressor.set_subsamp(Subsamp::None)?;
                (self.compressor.compress_to_slice(picture, room)?, meaning)
            }
        };
        meaning.write(&self.room[..len], out);
        Ok((width as u32, height as u32))
    }
}

/// Room for the largest JPEG of that size; only what is written costs memory.
fn room(
    room: &mut Vec<u8>,
    width: usize,
    height: usize,
    subsamp: Subsamp,
) -> Result<&mut [u8], RescaleError> {
    let len = compressed_buf_len(width, height, subsamp)?;
    if room.len() < len {
        *room = vec![0; len];
    }
    Ok(room)
}

/// Four inks a pixel → red, green and blue as browsers make them of it, in place.
fn to_rgb(pixels: &mut Vec<u8>) {
    let count = pixels.len() / 4;
    for at in 0..count {
        let [c, m, y, k] = [0, 1, 2, 3].map(|ink| u32::from(pixels[at * 4 + ink]));
        // Inverted, as Adobe stores them: 255 is no ink.
        let light = [c, m, y].map(|ink| (ink * k / 255) as u8);
        pixels[at * 3..at * 3 + 3].copy_from_slice(&light);
    }
    pixels.truncate(count * 3);
}

#[cfg(test)]
mod tests {
    use super::*;
    use turbojpeg::{Image, PixelFormat};

    /// A JPEG in one colour.
    fn jpeg(width: usize, height: usize, subsamp: Subsamp, progressive: bool) -> Vec<u8> {
        let pixels = [200, 120, 40].repeat(width * height);
        let image = Image {
            pixels: pixels.as_slice(),
            width,
            pitch: width * 3,
            height,
            format: PixelFormat::RGB,
        };
        let mut compressor = Compressor::new().unwrap();
        compressor.set_quality(90).unwrap();
        compressor.set_subsamp(subsamp).unwrap();
        compressor.set_progressive(progressive).unwrap();
        compressor.compress_to_vec(image).unwrap()
    }

    #[test]
    fn every_kind_of_jpeg_keeps_its_colour_in_every_size() {
        let mut rescaler = Rescaler::new().unwrap();
        let mut out = Vec::new();
        for subsamp in [
            Subsamp::None,
            Subsamp::Sub2x1,
            Subsamp::Sub2x2,
            Subsamp::Sub1x2,
            Subsamp::Sub4x1,
            Subsamp::Sub1x4,
            Subsamp::Gray,
        ] {
            for (width, height) in [(64, 48), (67, 45), (1001, 17)] {
                for (halvings, progressive) in [(0, false), (1, false), (2, true), (3, false)] {
                    let whole = jpeg(width, height, subsamp, progressive);
                    let size = rescaler.rescale(&whole, halvings, 90, &mut out).unwrap();
                    let by = 1 << halvings;
                    let expected = (width.div_ceil(by), height.div_ceil(by));
                    assert_eq!((size.0 as usize, size.1 as usize), expected);
                    let info = pistreamer_protocol::jpeg::inspect(&out).unwrap();
                    assert_eq!((info.width.into(), info.height.into()), size);
                    let picture = turbojpeg::decompress(&out, PixelFormat::RGB).unwrap();
                    let colour = if subsamp == Subsamp::Gray {
                        [135, 135, 135]
                    } else {
                        [200, 120, 40]
                    };
                    for pixel in picture.pixels.chunks_exact(3) {
                        for (sample, wanted) in pixel.iter().zip(colour) {
                            assert!(sample.abs_diff(wanted) <= 6, "{subsamp:?}: {pixel:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_an_error_and_the_next_one_is_not() {
        let mut rescaler = Rescaler::new().unwrap();
        let mut out = Vec::new();
        let good = jpeg(64, 48, Subsamp::Sub2x2, false);
        assert!(rescaler.rescale(b"no picture", 1, 80, &mut out).is_err());
        assert!(rescaler.rescale(&good[..200], 1, 80, &mut out).is_err());
        // A frame header that claims to be 65,500 wide and high.
        let mut vast = good.clone();
        let sof = vast.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
        vast[sof + 5..sof + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
        assert!(rescaler.rescale(&vast, 3, 80, &mut out).is_err());
        assert!(rescaler.rescale(&good, 1, 80, &mut out).is_ok());
    }

    /// Each shows red and green over blue and yellow.
    const QUARTERS: [&[u8]; 5] = [
        include_bytes!("../../protocol/tests/pictures/quarters.jpg"),
        include_bytes!("../../protocol/tests/pictures/progressive.jpg"),
        include_bytes!("../../protocol/tests/pictures/rare-subsampling.jpg"),
        include_bytes!("../../protocol/tests/pictures/rgb.jpg"),
        include_bytes!("../../protocol/tests/pictures/cmyk.jpg"),
    ];

    fn is_quarters(jpeg: &[u8]) {
        // As every viewer decodes it: another decoder.
        let mut decoder = jpeg_decoder::Decoder::new(jpeg);
        let rgb = decoder.decode().unwrap();
        let info = decoder.info().unwrap();
        let (width, height) = (usize::from(info.width), usize::from(info.height));
        let colours = [[200, 30, 30], [30, 200, 30], [30, 30, 200], [220, 220, 60]];
        for (quarter, colour) in colours.into_iter().enumerate() {
            let (x, y) = (quarter % 2 * 2 + 1, quarter / 2 * 2 + 1);
            let at = (y * height / 4 * width + x * width / 4) * 3;
            for (sample, wanted) in rgb[at..at + 3].iter().zip(colour) {
                assert!(
                    sample.abs_diff(wanted) <= 12,
                    "{quarter}: {:?}",
                    &rgb[at..at + 3]
                );
            }
        }
    }

    #[test]
    fn every_way_of_storing_colours_keeps_them_in_every_size() {
        let mut rescaler = Rescaler::new().unwrap();
        let mut out = Vec::new();
        for picture in QUARTERS {
            for halvings in 0..4 {
                rescaler.rescale(picture, halvings, 90, &mut out).unwrap();
                is_quarters(&out);
            }
        }
    }

    #[test]
    fn what_a_picture_means_stays_in_every_size() {
        use pistreamer_protocol::jpeg::{Orientation, inspect, segments};
        let profile = b"\xff\xe2\0\x16ICC_PROFILE\0\x01\x01colour";
        let mut rescaler = Rescaler::new().unwrap();
        let mut out = Vec::new();
        for number in 1..=8 {
            let orientation = Orientation::new(number).unwrap();
            let meaning = [&orientation.segment()[..], profile].concat();
            for picture in QUARTERS {
                let jfif = segments(picture).next().unwrap().unwrap().end();
                let turned = [&picture[..jfif], &meaning, &picture[jfif..]].concat();
                rescaler.rescale(&turned, 1, 90, &mut out).unwrap();
                let info = inspect(&out).unwrap();
                assert_eq!((info.width, info.height), (48, 32));
                assert_eq!(info.orientation, orientation);
                // Inks have become light.
                let is_kept = picture != QUARTERS[4];
                let has = out.windows(profile.len()).any(|bytes| bytes == profile);
                assert_eq!(has, is_kept);
            }
        }
    }

    #[test]
    fn what_libjpeg_warns_of_is_a_picture() {
        let mut rescaler = Rescaler::new().unwrap();
        let mut out = Vec::new();
        let [picture, ..] = QUARTERS;
        let (data, end) = picture.split_at(picture.len() - 2);
        let [junk, stuffed] = [b"\0\0\0\0".as_slice(), b"\xff\0"];
        for junk in [junk, stuffed] {
            let warned = [data, junk, end].concat();
            rescaler.rescale(&warned, 1, 90, &mut out).unwrap();
            is_quarters(&out);
        }
        // A part is missing, and its place is grey, as in browsers.
        let torn = [&data[..data.len() - 20], end].concat();
        assert!(rescaler.rescale(&torn, 1, 90, &mut out).is_ok());
        // An error stays an error, also after a warning.
        let broken = [data, junk, b"\xff\x02\0\x04ab", end].concat();
        assert!(rescaler.rescale(&broken, 1, 90, &mut out).is_err());
    }

    #[test]
    fn what_was_rescaled_before_leaves_no_trace() {
        let bare: Vec<u8> = {
            let whole = jpeg(64, 48, Subsamp::Sub2x2, false);
            let mut segments: Vec<_> = pistreamer_protocol::jpeg::segments(&whole)
                .map(Result::unwrap)
                .collect();
            let scan = segments.pop().unwrap();
            segments.retain(|segment| segment.marker != 0xc4);
            let kept = segments
                .iter()
                .map(|segment| &whole[segment.at..segment.end()]);
            [&whole[..2]]
                .into_iter()
                .chain(kept)
                .chain([&whole[scan.at..]])
                .flatten()
                .copied()
                .collect()
        };
        let (mut fresh, mut after) = (Vec::new(), Vec::new());
        Rescaler::new()
            .unwrap()
            .rescale(&bare, 1, 80, &mut fresh)
            .unwrap();
        let mut rescaler = Rescaler::new().unwrap();
        // It brings Huffman tables that suit no other picture.
        let own_tables = jpeg(64, 48, Subsamp::Sub2x2, true);
        rescaler.rescale(&own_tables, 1, 80, &mut after).unwrap();
        rescaler.rescale(&bare, 1, 80, &mut after).unwrap();
        assert!(fresh == after);
    }

    #[test]
    fn a_small_file_cannot_take_much_memory() {
        // In a process of its own, whose memory nothing else takes.
        const ALONE: &str = "PISTREAMER_TEST_ALONE";
        if std::env::var_os(ALONE).is_none() {
            let name = "rescale::tests::a_small_file_cannot_take_much_memory";
            let alone = std::process::Command::new(std::env::current_exe().unwrap())
                .args([name, "--exact"])
                .env(ALONE, "1")
                .output()
                .unwrap();
            assert!(alone.status.success(), "{alone:?}");
            return;
        }
        let mut rescaler = Rescaler::new().unwrap();
        let mut out = Vec::new();
        for (side, fits) in [(0x1000_u16, true), (0x2000, false)] {
            // Where it comes in, it is refused for claiming so much in a few hundred bytes.
            let mut picture = QUARTERS[1].to_vec();
            let frame = picture.windows(2).position(|two| two == [0xff, 0xc2]);
            let claim = [side.to_be_bytes(), side.to_be_bytes()].concat();
            picture[frame.unwrap() + 5..][..4].copy_from_slice(&claim);
            assert!(pistreamer_protocol::jpeg::mend(&picture).is_err());
            let done = rescaler.rescale(&picture, 1, 80, &mut out);
            assert_eq!(done.is_ok(), fits, "{done:?}");
        }
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let most: u32 = most
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        assert!(most < 150_000, "{most} kB");
    }

    #[test]
    fn a_picture_of_endless_scans_is_given_up_early() {
        let mut rescaler = Rescaler::new().unwrap();
        let mut out = Vec::new();
        let picture = jpeg(64, 48, Subsamp::Gray, true);
        let is_scan = |two: &[u8]| two == [0xff, 0xda];
        let last = picture.windows(2).rposition(is_scan).unwrap();
        let (before, scan) = picture.split_at(last);
        let scan = &scan[..scan.len() - 2];
        let with_scans = |count| [before, &scan.repeat(count), b"\xff\xd9"].concat();
        assert!(rescaler.rescale(&with_scans(1), 1, 80, &mut out).is_ok());
        let error = rescaler.rescale(&with_scans(200), 1, 80, &mut out);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("100 scans"), "{error}");
    }
}
