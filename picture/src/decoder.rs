//! libjpeg-turbo's decoder as browsers use it: what it only warns of is a picture, and what asks for too much is none.
//!
//! The one of the crate `turbojpeg` takes each warning for an error, and has no limit on memory.

#![expect(unsafe_code, reason = "the decoder is C")]

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;
use turbojpeg::{Error, PixelFormat, ScalingFactor, Subsamp, raw, yuv_pixels_len};

/// Progressive JPEGs with more scans are refused: each is a pass over the whole picture, and 16 MiB can hold a hundred thousand.
/// Usual ones have ten.
const MOST_SCANS: i32 = 100;

/// MiB that libjpeg may use for one picture: enough for all coefficients of one of 22 million pixels in 4:4:4. A sequential one
/// needs a few lines.
const MOST_MEMORY: i32 = 128;

/// Bytes that lines of samples begin at multiples of, for libjpeg-turbo's vector code.
pub(crate) const ALIGN: usize = 4;

/// How libjpeg's warnings begin: what it writes after them, where it gives up all the same, begins otherwise.
const WARNINGS: [&str; 6] = [
    "Corrupt JPEG data: ",
    "Premature end of JPEG file",
    "Inconsistent progression sequence",
    "Unknown Adobe color transform",
    "Warning: unknown JFIF revision",
    "Invalid SOS parameters for sequential",
];

/// The warning that picture data ends before the picture does.
const ENDS_EARLY: &str = "Corrupt JPEG data: premature end of data segment";

/// Decodes one JPEG. A used decoder keeps tables, which a picture that lacks some would be decoded with.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    handle: NonNull<c_void>,
    jpeg: &'a [u8],
    factor: ScalingFactor,
    /// What is wrong with the picture, though there is one.
    warning: Option<String>,
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
        // SAFETY: it takes a number and gives a new handle or null.
        let handle = unsafe { raw::tj3Init(raw::TJINIT_TJINIT_DECOMPRESS as c_int) };
        let handle = NonNull::new(handle).ok_or(Error::Null)?;
        let factor = ScalingFactor::new(1, 1 << halvings.min(3));
        let mut decoder = Self {
            handle,
            jpeg,
            factor,
            warning: None,
        };
        decoder.set(raw::TJPARAM_TJPARAM_SCANLIMIT, MOST_SCANS)?;
        decoder.set(raw::TJPARAM_TJPARAM_MAXMEMORY, MOST_MEMORY)?;
        let factor = raw::tjscalingfactor {
            num: 1,
            denom: 1 << halvings.min(3),
        };
        // SAFETY: the handle is valid until drop.
        let done = unsafe { raw::tj3SetScalingFactor(decoder.handle.as_ptr(), factor) };
        decoder.accept(done)?;
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
                self.handle.as_ptr(),
                self.jpeg.as_ptr(),
                self.jpeg.len() as _,
            )
        };
        self.accept(done)?;
        let side = |param| usize::try_from(self.get(param)).unwrap_or(0);
        let subsamp = match self.get(raw::TJPARAM_TJPARAM_SUBSAMP) {
            raw::TJSAMP_TJSAMP_444 => Some(Subsamp::None),
            raw::TJSAMP_TJSAMP_422 => Some(Subsamp::Sub2x1),
            raw::TJSAMP_TJSAMP_420 => Some(Subsamp::Sub2x2),
            raw::TJSAMP_TJSAMP_440 => Some(Subsamp::Sub1x2),
            raw::TJSAMP_TJSAMP_GRAY => Some(Subsamp::Gray),
            // Scaled as samples, some of the others' pixels have another brightness.
            _ => None,
        };
        let colours = match u32::try_from(self.get(raw::TJPARAM_TJPARAM_COLORSPACE)) {
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
                self.handle.as_ptr(),
                self.jpeg.as_ptr(),
                self.jpeg.len() as _,
                out.as_mut_ptr(),
                ALIGN as c_int,
            )
        };
        self.accept(done)
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
                self.handle.as_ptr(),
                self.jpeg.as_ptr(),
                self.jpeg.len() as _,
                out.as_mut_ptr(),
                pitch as c_int,
                format as i32 as c_int,
            )
        };
        self.accept(done)
    }

    fn set(&mut self, param: raw::TJPARAM, value: i32) -> Result<(), Error> {
        // SAFETY: the handle is valid until drop.
        let done = unsafe { raw::tj3Set(self.handle.as_ptr(), param as c_int, value) };
        self.accept(done)
    }

    fn get(&self, param: raw::TJPARAM) -> i32 {
        // SAFETY: the handle is valid until drop.
        unsafe { raw::tj3Get(self.handle.as_ptr(), param as c_int) }
    }

    fn accept(&mut self, done: c_int) -> Result<(), Error> {
        if done == 0 {
            return Ok(());
        }
        // SAFETY: the handle is valid until drop, and the text until the next call.
        let (text, code) = unsafe {
            let text = CStr::from_ptr(raw::tj3GetErrorStr(self.handle.as_ptr()));
            (
                text.to_string_lossy().into_owned(),
                raw::tj3GetErrorCode(self.handle.as_ptr()),
            )
        };
        // After a warning, an error counts as a warning, too.
        let is_warning = code == raw::TJERR_TJERR_WARNING as i32
            && WARNINGS.iter().any(|warning| text.starts_with(warning));
        if is_warning {
            self.warning.get_or_insert(text);
            Ok(())
        } else {
            Err(Error::TurboJpegError(text))
        }
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        // SAFETY: it is valid, and not used after this.
        unsafe { raw::tj3Destroy(self.handle.as_ptr()) };
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
        Ok(decoder.warning.as_deref() != Some(ENDS_EARLY))
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
