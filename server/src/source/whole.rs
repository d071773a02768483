//! JPEGs from elsewhere, mended once where they come in: what goes on is valid, and a picture.
//!
//! What is mended belongs to [`jpeg::mend`].

use crate::decoder;
use bytes::Bytes;
use pistreamer_protocol::Stamp;
use pistreamer_protocol::jpeg::{self, Info, JpegError};
use std::borrow::Cow;

/// One whole JPEG with its Huffman tables.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The bytes that came, where nothing was wrong with them.
    pub jpeg: Bytes,
    /// What it tells.
    pub info: Info,
}

impl Whole {
    /// The same with that stamp in place of any that it has.
    ///
    /// # Errors
    /// As for [`Stamp::write`].
    pub(crate) fn with(&self, stamp: &Stamp) -> Result<Self, JpegError> {
        let jpeg: Bytes = stamp.write(&self.jpeg)?.into();
        let len = jpeg.len();
        Ok(Self {
            jpeg,
            info: Info { len, ..self.info },
        })
    }
}

/// What came, mended.
#[derive(Debug)]
pub enum Mended {
    /// It is whole.
    Whole(Whole),
    /// It had no end.
    Open(Open),
}

/// A JPEG that got its end here.
#[derive(Debug)]
pub struct Open(Whole);

impl Mended {
    /// Mends a JPEG, which may be followed by anything.
    ///
    /// # Errors
    /// Where it is none, or one that no browser shows.
    pub fn new(jpeg: Bytes) -> Result<Self, JpegError> {
        let mended = jpeg::mend(&jpeg)?;
        Ok(Self::of(mended, |same| jpeg.slice_ref(same)))
    }

    /// Mends a copy of a JPEG that ends where memory does, as [`jpeg::Walk`] has found.
    ///
    /// # Errors
    /// Where it is none, or one that no browser shows.
    pub fn copy_of_ended(memory: &[u8]) -> Result<Self, JpegError> {
        Ok(Self::of(jpeg::mend_ended(memory)?, Bytes::copy_from_slice))
    }

    /// Mends a copy of the JPEG that memory begins with.
    ///
    /// # Errors
    /// Where it is none, or one that no browser shows.
    pub fn copy_of(memory: &[u8]) -> Result<Self, JpegError> {
        Ok(Self::of(jpeg::mend(memory)?, Bytes::copy_from_slice))
    }

    fn of<'a>(mended: jpeg::Mended<'a>, keep: impl FnOnce(&'a [u8]) -> Bytes) -> Self {
        let whole = Whole {
            info: mended.info,
            jpeg: match mended.jpeg {
                Cow::Borrowed(same) => keep(same),
                Cow::Owned(mended) => mended.into(),
            },
        };
        if mended.was_open {
            Self::Open(Open(whole))
        } else {
            Self::Whole(whole)
        }
    }

    /// The whole picture. Takes long where it had no end.
    ///
    /// # Errors
    /// Where part of the picture is missing.
    pub fn whole(self) -> Result<Whole, JpegError> {
        match self {
            Self::Whole(whole) => Ok(whole),
            Self::Open(open) => open.checked(),
        }
    }
}

impl Open {
    /// Decodes the picture to see whether all of it has come, which takes as long as that does.
    ///
    /// # Errors
    /// Where it has not.
    pub fn checked(self) -> Result<Whole, JpegError> {
        let Whole { jpeg, info } = self.0;
        if decoder::is_complete(&jpeg) {
            Ok(Whole { jpeg, info })
        } else {
            let at = jpeg.len() - jpeg::EOI.len();
            Err(JpegError::Truncated { at })
        }
    }
}
