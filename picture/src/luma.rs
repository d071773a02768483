//! JPEG → brightness at an eighth of its size: libjpeg-turbo takes it from the blocks' means, without decoding the rest.

use crate::decoder::{Colours, Decoder};
use crate::rescale::{MOST_PIXELS, RescaleError};
use turbojpeg::PixelFormat;

/// Replaces `out` by the brightness of a JPEG in an eighth of its size, line by line without gaps, and returns its width and height.
///
/// # Errors
/// If libjpeg-turbo cannot decode it, or it is larger than 8192x8192.
pub fn eighth_of_luma(jpeg: &[u8], out: &mut Vec<u8>) -> Result<(usize, usize), RescaleError> {
    let mut decoder = Decoder::new(jpeg, 3)?;
    let header = decoder.header()?;
    let (width, height) = (header.width, header.height);
    if width * height * 64 > MOST_PIXELS {
        return Err(RescaleError::Size {
            width: (width * 8) as u32,
            height: (height * 8) as u32,
        });
    }
    if header.colours == Colours::Inks {
        decoder.pixels(&header, PixelFormat::CMYK, out)?;
        for at in 0..width * height {
            // Inverted, as Adobe stores them: 255 is no ink.
            let ink = |ink: usize| u32::from(out[at * 4 + ink]);
            out[at] = ((ink(0) + ink(1) + ink(2)) * ink(3) / (3 * 255)) as u8;
        }
        out.truncate(width * height);
    } else {
        decoder.pixels(&header, PixelFormat::GRAY, out)?;
    }
    Ok((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_jpeg_has_its_brightness() {
        let mut out = Vec::new();
        for picture in [
            include_bytes!("../../protocol/tests/pictures/quarters.jpg").as_slice(),
            include_bytes!("../../protocol/tests/pictures/rgb.jpg"),
            include_bytes!("../../protocol/tests/pictures/cmyk.jpg"),
            include_bytes!("../../protocol/tests/pictures/progressive.jpg"),
        ] {
            let (width, height) = eighth_of_luma(picture, &mut out).unwrap();
            let info = pistreamer_protocol::jpeg::inspect(picture).unwrap();
            let size = (usize::from(info.width), usize::from(info.height));
            assert_eq!((width, height), (size.0.div_ceil(8), size.1.div_ceil(8)));
            assert_eq!(out.len(), width * height);
            // Blue is the darkest quarter, and yellow the brightest.
            let quarter = |x: usize, y: usize| out[(y * height / 4) * width + x * width / 4];
            let (blue, yellow) = (quarter(1, 3), quarter(3, 3));
            assert!(blue < 110 && yellow > 140, "{blue} {yellow}");
        }
        assert!(eighth_of_luma(b"no picture", &mut out).is_err());
    }
}
