//! JPEGs from elsewhere, mended once where they come in: whatever holds a [`Whole`] has a valid picture.
//!
//! The rules of mending belong to [`jpeg::mend`].

use crate::decoder;
use bytes::{Buf, Bytes};
use pistreamer_protocol::jpeg::{self, Info, JpegError};
use pistreamer_protocol::strips::Tiles;
use pistreamer_protocol::{DEFAULT_FRAME_LIMIT, Stamp, UnpackError, Unpacker, WireFormat};
use std::borrow::Cow;

/// Bytes that are left free before a JPEG that is copied here: its stamp, unless the camera's id is very long, then fits in
/// without a second copy.
pub const HEADROOM: usize = 192;

/// One whole JPEG with its Huffman tables.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The JPEG, preceded by `start` free bytes.
    memory: Bytes,
    start: usize,
    /// Size, length and orientation.
    pub info: Info,
}

impl Whole {
    /// A JPEG that is whole, after `start` free bytes.
    pub(crate) fn new(memory: Bytes, start: usize, info: Info) -> Self {
        Self {
            memory,
            start,
            info,
        }
    }

    /// The JPEG: the bytes as received, if nothing was wrong with them.
    pub fn jpeg(&self) -> &[u8] {
        &self.memory[self.start..]
    }

    /// The JPEG, to be shared.
    pub fn into_jpeg(mut self) -> Bytes {
        self.memory.advance(self.start);
        self.memory
    }

    /// Replaces its stamp, or adds one. Copies the JPEG only if its memory is shared, or has too little room for the stamp.
    ///
    /// # Errors
    /// As for [`Stamp::write`].
    pub fn with(mut self, stamp: &Stamp) -> Result<Self, JpegError> {
        if self.start > 0 {
            match self.memory.try_into_mut() {
                Ok(mut memory) => {
                    let start = stamp.write_ahead(&mut memory, self.start);
                    self.memory = memory.freeze();
                    if let Some(start) = start {
                        self.start = start;
                        self.info.len = self.memory.len() - start;
                        return Ok(self);
                    }
                }
                Err(shared) => self.memory = shared,
            }
        }
        let jpeg: Bytes = stamp.write(self.jpeg())?.into();
        Ok(Self {
            info: Info {
                len: jpeg.len(),
                ..self.info
            },
            memory: jpeg,
            start: 0,
        })
    }
}

/// A received JPEG after mending.
#[derive(Debug)]
pub enum Mended {
    /// It was whole.
    Whole(Whole),
    /// It had no end.
    Open(Open),
}

/// A JPEG that got its end here.
#[derive(Debug)]
pub struct Open(Whole);

/// Why a message holds no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// It cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// It is longer than any frame.
    #[error("it is larger than {DEFAULT_FRAME_LIMIT} bytes")]
    TooLarge,
    /// What it holds is no JPEG, or one that no browser shows.
    #[error(transparent)]
    Jpeg(#[from] JpegError),
}

impl Mended {
    /// Mends the JPEG of a message in either wire format.
    ///
    /// # Errors
    /// Where there is none within the frame limit, or one that no browser shows.
    pub fn unpacked(unpacker: &mut Unpacker, message: Bytes) -> Result<Self, MessageError> {
        let jpeg = match WireFormat::of(&message) {
            WireFormat::Jpeg => message,
            WireFormat::GzipBase64 => Bytes::copy_from_slice(unpacker.unpack_to_mend(&message)?),
        };
        if jpeg.len() > DEFAULT_FRAME_LIMIT {
            return Err(MessageError::TooLarge);
        }
        Ok(Self::new(jpeg)?)
    }

    /// Mends a JPEG, which may be followed by anything.
    ///
    /// # Errors
    /// Where it is none, or one that no browser shows.
    pub fn new(jpeg: Bytes) -> Result<Self, JpegError> {
        Self::after(0, jpeg)
    }

    /// Mends the JPEG that begins after `start` free bytes, and may be followed by anything.
    ///
    /// # Errors
    /// Where it is none, or one that no browser shows.
    pub fn after(start: usize, mut memory: Bytes) -> Result<Self, JpegError> {
        let mended = jpeg::mend(&memory[start..])?;
        let (info, was_open) = (mended.info, mended.was_open);
        Ok(match mended.jpeg {
            Cow::Borrowed(same) => {
                let end = start + same.len();
                memory.truncate(end);
                Self::of(memory, start, info, was_open)
            }
            Cow::Owned(mended) => Self::of(mended.into(), 0, info, was_open),
        })
    }

    /// Mends a copy of a JPEG that ends where memory does, as [`jpeg::Walk`] has found.
    ///
    /// # Errors
    /// Where it is none, or one that no browser shows.
    pub fn copy_of_ended(memory: &[u8]) -> Result<Self, JpegError> {
        Ok(Self::copy(jpeg::mend_ended(memory)?))
    }

    /// Mends a copy of the JPEG that memory begins with.
    ///
    /// # Errors
    /// Where it is none, or one that no browser shows.
    pub fn copy_of(memory: &[u8]) -> Result<Self, JpegError> {
        Ok(Self::copy(jpeg::mend(memory)?))
    }

    fn copy(mended: jpeg::Mended<'_>) -> Self {
        let (memory, start) = match mended.jpeg {
            Cow::Borrowed(same) => ([&[0; HEADROOM], same].concat(), HEADROOM),
            Cow::Owned(mended) => (mended, 0),
        };
        Self::of(memory.into(), start, mended.info, mended.was_open)
    }

    fn of(memory: Bytes, start: usize, info: Info, was_open: bool) -> Self {
        let whole = Whole::new(memory, start, info);
        if was_open {
            Self::Open(Open(whole))
        } else {
            Self::Whole(whole)
        }
    }

    /// The whole picture. Takes long where it had no end.
    ///
    /// # Errors
    /// Where part of the picture is missing, or it is a [mosaic](pistreamer_protocol::strips).
    pub fn whole(self) -> Result<Whole, JpegError> {
        match self {
            Self::Whole(whole) => whole.shown(),
            Self::Open(open) => open.checked(),
        }
    }
}

impl Whole {
    /// A mosaic is no picture to anybody but the viewer that it was made for.
    fn shown(self) -> Result<Self, JpegError> {
        if matches!(Tiles::read(self.jpeg()), Ok(Some(_))) {
            let why = "it is a mosaic of a picture's parts";
            return Err(JpegError::Undecodable { why });
        }
        Ok(self)
    }
}

impl Open {
    /// Decodes the picture to see whether all of it has come, which takes as long as that does.
    ///
    /// # Errors
    /// Where it has not, or it is a mosaic.
    pub fn checked(self) -> Result<Whole, JpegError> {
        let Self(whole) = self;
        if decoder::is_complete(whole.jpeg()) {
            whole.shown()
        } else {
            let at = whole.jpeg().len() - jpeg::EOI.len();
            Err(JpegError::Truncated { at })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = include_bytes!("../../protocol/tests/pictures/quarters.jpg");

    fn stamp() -> Stamp {
        Stamp {
            seq: 7,
            captured_us: 1_764_000_000_123_456,
            camera: "garden".into(),
        }
    }

    fn whole() -> Whole {
        Mended::copy_of(JPEG).and_then(Mended::whole).unwrap()
    }

    #[test]
    fn a_copied_picture_is_stamped_where_it_is() {
        let picture = whole();
        let end = picture.jpeg().as_ptr_range().end;
        let stamped = picture.with(&stamp()).unwrap();
        assert_eq!(stamped.jpeg(), stamp().write(JPEG).unwrap());
        assert_eq!(stamped.info.len, stamped.jpeg().len());
        assert_eq!(stamped.jpeg().as_ptr_range().end, end);
        assert_eq!(stamped.into_jpeg().as_ptr_range().end, end);
    }

    #[test]
    fn a_mosaic_is_no_whole_picture() {
        let stamped = stamp().write(JPEG).unwrap();
        let tiles = b" since=1 size=64x48 tiles=0";
        let at = stamped
            .windows(14)
            .position(|text| text == b" camera=garden");
        let (before, after) = stamped.split_at(at.unwrap() + 14);
        let mut mosaic = [before, tiles, after].concat();
        let com = mosaic.windows(2).position(|marker| marker == b"\xff\xfe");
        mosaic[com.unwrap() + 3] += tiles.len() as u8;
        let refused = Mended::copy_of(&mosaic).and_then(Mended::whole);
        assert!(matches!(refused, Err(JpegError::Undecodable { .. })));
        assert!(Mended::copy_of(&stamped).and_then(Mended::whole).is_ok());
    }

    #[test]
    fn a_picture_that_is_shared_or_stamped_is_copied_and_stays_as_it_is() {
        let shared = whole();
        let stamped = shared.clone().with(&stamp()).unwrap();
        assert_eq!(shared.jpeg(), JPEG);
        assert_eq!(stamped.jpeg(), stamp().write(JPEG).unwrap());
        let again = stamped.with(&stamp()).unwrap();
        assert_eq!(again.jpeg(), stamp().write(JPEG).unwrap());
        assert_eq!(again.info.len, again.jpeg().len());
    }
}
