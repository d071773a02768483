//! JPEG → smaller JPEG: libjpeg-turbo scales while it decodes, in the samples' own colours and subsampling.
//!
//! For sources that deliver JPEGs. What is still samples is scaled by [`super::scale`].

use super::EncodeError;
use turbojpeg::{
    Compressor, Decompressor, ScalingFactor, YuvImage, compressed_buf_len, yuv_pixels_len,
};

/// Larger pictures are left as they are: a small file can claim to be one that no memory holds.
const MOST_PIXELS: usize = 8192 * 8192;

/// Bytes that lines begin at multiples of, for libjpeg-turbo's vector code.
const ALIGN: usize = 4;

/// Rescales one JPEG after the other, keeping its buffers. Each thread has its own.
#[derive(Debug)]
pub struct Rescaler {
    decompressor: Decompressor,
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
            decompressor: Decompressor::new()?,
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
        let header = self.decompressor.read_header(jpeg)?;
        let factor = ScalingFactor::new(1, 1 << halvings);
        let (width, height) = (factor.scale(header.width), factor.scale(header.height));
        if header.width * header.height > MOST_PIXELS {
            return Err(EncodeError::Size {
                width: header.width as u32,
                height: header.height as u32,
            });
        }
        self.decompressor.set_scaling_factor(factor)?;
        let len = yuv_pixels_len(width, ALIGN, height, header.subsamp)?;
        self.samples.resize(len, 0);
        let mut picture = YuvImage {
            pixels: self.samples.as_mut_slice(),
            width,
            align: ALIGN,
            height,
            subsamp: header.subsamp,
        };
        self.decompressor
            .decompress_to_yuv(jpeg, picture.as_deref_mut())?;
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
