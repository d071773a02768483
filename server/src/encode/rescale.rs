//! JPEG → smaller JPEG: libjpeg-turbo scales while it decodes, in the samples' own colours and subsampling.
//!
//! For sources that deliver JPEGs. What is still samples is scaled by [`super::scale`].

use super::EncodeError;
use turbojpeg::{
    Compressor, Decompressor, ScalingFactor, Subsamp, YuvImage, compressed_buf_len, yuv_pixels_len,
};

/// Larger pictures are left as they are: a small file can claim to be one that no memory holds.
const MOST_PIXELS: usize = 8192 * 8192;

/// Progressive JPEGs with more scans are left as they are: each is a pass over the whole picture, and 16 MiB can hold a
/// hundred thousand. Usual ones have ten.
const MOST_SCANS: u32 = 100;

/// Bytes that lines begin at multiples of, for libjpeg-turbo's vector code.
const ALIGN: usize = 4;

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
    pub fn new() -> Result<Self, EncodeError> {
        Ok(Self {
            compressor: Compressor::new()?,
            samples: Vec::new(),
            room: Vec::new(),
        })
    }

    /// Replaces `out` by the picture with its width and height halved so often, at most three times, and returns its size.
    ///
    /// # Errors
    /// Whatever libjpeg-turbo cannot decode or encode, and pictures beyond all measure.
    pub fn rescale(
        &mut self,
        jpeg: &[u8],
        halvings: u8,
        quality: u8,
        out: &mut Vec<u8>,
    ) -> Result<(u32, u32), EncodeError> {
        // A used one keeps tables, which a picture that lacks some would be decoded with.
        let mut decompressor = Decompressor::new()?;
        decompressor.set_scan_limit(MOST_SCANS)?;
        let header = decompressor.read_header(jpeg)?;
        let factor = ScalingFactor::new(1, 1 << halvings);
        let (width, height) = (factor.scale(header.width), factor.scale(header.height));
        if !matches!(
            header.subsamp,
            Subsamp::None | Subsamp::Sub2x1 | Subsamp::Sub2x2 | Subsamp::Sub1x2 | Subsamp::Gray
        ) {
            return Err(EncodeError::Subsampling);
        }
        if header.width * header.height > MOST_PIXELS {
            return Err(EncodeError::Size {
                width: header.width as u32,
                height: header.height as u32,
            });
        }
        decompressor.set_scaling_factor(factor)?;
        let len = yuv_pixels_len(width, ALIGN, height, header.subsamp)?;
        self.samples.resize(len, 0);
        let mut picture = YuvImage {
            pixels: self.samples.as_mut_slice(),
            width,
            align: ALIGN,
            height,
            subsamp: header.subsamp,
        };
        decompressor.decompress_to_yuv(jpeg, picture.as_deref_mut())?;
        let room = compressed_buf_len(width, height, header.subsamp)?;
        if self.room.len() < room {
            self.room.resize(room, 0);
        }
        self.compressor.set_quality(i32::from(quality))?;
        let len = self
            .compressor
            .compress_yuv_to_slice(picture.as_deref(), &mut self.room)?;
        out.clear();
        out.extend_from_slice(&self.room[..len]);
        Ok((width as u32, height as u32))
    }
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
        // Scaled by libjpeg-turbo, some of its pixels have another brightness.
        let rare = jpeg(64, 48, Subsamp::Sub4x1, false);
        let error = rescaler.rescale(&rare, 1, 80, &mut out).unwrap_err();
        assert!(matches!(error, EncodeError::Subsampling), "{error}");
        assert!(rescaler.rescale(&good, 1, 80, &mut out).is_ok());
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
