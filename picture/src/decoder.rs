//! libjpeg-turbo's decoder, to samples or pixels, scaled or not.
//!
//! What it takes for a picture belongs to [`crate::instance`].

#![expect(unsafe_code, reason = "the decoder is C")]

use crate::instance::Instance;
use std::ffi::c_int;
use turbojpeg::{Error, PixelFormat, ScalingFactor, Subsamp, raw, yuv_pixels_len};

/// Bytes that lines of samples begin at multiples of, for libjpeg-turbo's vector code.
pub(crate) const ALIGN: usize = 4;

/// The warning that picture data ends before the picture does.
const ENDS_EARLY: &str = "Corrupt JPEG data: premature end of data segment";

/// Decodes one JPEG.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    instance: Instance,
    jpeg: &'a [u8],
    factor: ScalingFactor,
}

/// What a JPEG says about itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// Pixels in a line, scaled.
    pub width: usize,
    /// Lines, scaled.
    pub height: usize,
    /// How its colours are stored.
    pub colours: Colours,
}

/// How a JPEG's colours are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    /// Luminance alone, or with chrominance: what can be scaled and encoded again as it is.
    Samples(Subsamp),
    /// Luminance and chrominance in a rare subsampling, or red, green and blue.
    Pixels,
    /// Four inks, inverted as Adobe stores them.
    Inks,
}

impl<'a> Decoder<'a> {
    /// A decoder of one JPEG that halves its width and height this many times, at most three.
    ///
    /// # Errors
    /// Where libjpeg-turbo has no memory.
    pub(crate) fn new(jpeg: &'a [u8], halvings: u8) -> Result<Self, Error> {
        let mut decoder = Self {
            instance: Instance::new(raw::TJINIT_TJINIT_DECOMPRESS)?,
            jpeg,
            factor: ScalingFactor::new(1, 1 << halvings.min(3)),
        };
        let factor = raw::tjscalingfactor {
            num: 1,
            denom: 1 << halvings.min(3),
        };
        // SAFETY: the handle is valid until drop.
        let done = unsafe { raw::tj3SetScalingFactor(decoder.instance.handle(), factor) };
        decoder.instance.accept(done)?;
        Ok(decoder)
    }

    /// Reads what stands before the picture data.
    ///
    /// # Errors
    /// Whatever libjpeg-turbo says.
    pub(crate) fn header(&mut self) -> Result<Header, Error> {
        // SAFETY: the handle is valid until drop, and the bytes are as many as that.
        let done = unsafe {
            raw::tj3DecompressHeader(
                self.instance.handle(),
                self.jpeg.as_ptr(),
                self.jpeg.len() as _,
            )
        };
        self.instance.accept(done)?;
        let side = |param| usize::try_from(self.instance.get(param)).unwrap_or(0);
        let subsamp = match self.instance.get(raw::TJPARAM_TJPARAM_SUBSAMP) {
            raw::TJSAMP_TJSAMP_444 => Some(Subsamp::None),
            raw::TJSAMP_TJSAMP_422 => Some(Subsamp::Sub2x1),
            raw::TJSAMP_TJSAMP_420 => Some(Subsamp::Sub2x2),
            raw::TJSAMP_TJSAMP_440 => Some(Subsamp::Sub1x2),
            raw::TJSAMP_TJSAMP_GRAY => Some(Subsamp::Gray),
            // Scaled as samples, some of the others' pixels have another brightness.
            _ => None,
        };
        let colours = match u32::try_from(self.instance.get(raw::TJPARAM_TJPARAM_COLORSPACE)) {
            Ok(raw::TJCS_TJCS_CMYK | raw::TJCS_TJCS_YCCK) => Colours::Inks,
            Ok(raw::TJCS_TJCS_YCbCr | raw::TJCS_TJCS_GRAY) => {
                subsamp.map_or(Colours::Pixels, Colours::Samples)
            }
            _ => Colours::Pixels,
        };
        Ok(Header {
            width: self.factor.scale(side(raw::TJPARAM_TJPARAM_JPEGWIDTH)),
            height: self.factor.scale(side(raw::TJPARAM_TJPARAM_JPEGHEIGHT)),
            colours,
        })
    }

    /// Decodes to planes, one after the other with lines at multiples of [`ALIGN`]. `out` becomes as long as they are.
    ///
    /// # Errors
    /// Whatever libjpeg-turbo says.
    pub(crate) fn samples(
        &mut self,
        header: &Header,
        subsamp: Subsamp,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let len = yuv_pixels_len(header.width, ALIGN, header.height, subsamp)?;
        out.resize(len, 0);
        // SAFETY: the handle is valid until drop, the bytes are as many as that, and the planes have the size that
        // libjpeg-turbo computes from the same header and factor.
        let done = unsafe {
            raw::tj3DecompressToYUV8(
                self.instance.handle(),
                self.jpeg.as_ptr(),
                self.jpeg.len() as _,
                out.as_mut_ptr(),
                ALIGN as c_int,
            )
        };
        self.instance.accept(done)
    }

    /// Decodes to pixels without gaps. `out` becomes as long as they are.
    ///
    /// # Errors
    /// Whatever libjpeg-turbo says.
    pub(crate) fn pixels(
        &mut self,
        header: &Header,
        format: PixelFormat,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let pitch = header.width * format.size();
        out.resize(pitch * header.height, 0);
        // SAFETY: the handle is valid until drop, the bytes are as many as that, and there is room for each line of the
        // scaled picture.
        let done = unsafe {
            raw::tj3Decompress8(
                self.instance.handle(),
                self.jpeg.as_ptr(),
                self.jpeg.len() as _,
                out.as_mut_ptr(),
                pitch as c_int,
                format as i32 as c_int,
            )
        };
        self.instance.accept(done)
    }
}

/// Whether picture data goes on to the end of the picture. This decodes it, in an eighth of its size.
pub(crate) fn is_complete(jpeg: &[u8]) -> bool {
    let decoded = || -> Result<bool, Error> {
        let mut decoder = Decoder::new(jpeg, 3)?;
        let header = decoder.header()?;
        let format = match header.colours {
            Colours::Inks => PixelFormat::CMYK,
            _ => PixelFormat::GRAY,
        };
        decoder.pixels(&header, format, &mut Vec::new())?;
        Ok(decoder.instance.warning.as_deref() != Some(ENDS_EARLY))
    };
    decoded().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_complete_when_all_of_its_data_is_there() {
        for picture in [
            include_bytes!("../../protocol/tests/pictures/quarters.jpg").as_slice(),
            include_bytes!("../../protocol/tests/pictures/rgb.jpg"),
            include_bytes!("../../protocol/tests/pictures/cmyk.jpg"),
            include_bytes!("../../protocol/tests/pictures/progressive.jpg"),
        ] {
            assert!(is_complete(picture));
            let (data, end) = picture.split_at(picture.len() - 2);
            assert!(is_complete(&[data, &[0; 40], end].concat()));
            assert!(!is_complete(&[&data[..data.len() - 4], end].concat()));
        }
    }
}
