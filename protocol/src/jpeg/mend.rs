//! JPEGs as cameras write them → JPEGs as T.81 has them, changed as little as that takes.
//!
//! What cannot be mended is an error of [`super`].

use super::end::{self, End};
use super::tables::STANDARD_TABLES;
use super::{EOI, Header, Info, JpegError, SOI, SOS, decodable, segments};
use std::borrow::Cow;

/// A JPEG from elsewhere that is whole now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended<'a> {
    /// From SOI to EOI, with its Huffman tables and nothing between its segments: what came, where that was so.
    pub jpeg: Cow<'a, [u8]>,
    /// What it tells.
    pub info: Info,
    /// How many bytes of what came it took.
    pub taken: usize,
    /// It had no end. Whether all of the picture had come shows only when it is decoded.
    pub was_open: bool,
}

/// The JPEG that `bytes` begin with, mended: bytes go that stand between its segments or follow its end, and what is
/// missing comes, EOI and Huffman tables. What every decoder takes is taken, and what none does is refused.
///
/// A JPEG that needs none of this is walked and not copied.
pub fn mend(bytes: &[u8]) -> Result<Mended<'_>, JpegError> {
    let header = Header::read(bytes)?;
    decodable::check(bytes)?;
    let end = end::picture_end(bytes, header.picture_at);
    mend_until(bytes, &header, &end)
}

/// The same for a JPEG that ends with the last byte, as [`super::Walk`] has found: its picture data is not walked again.
pub fn mend_ended(jpeg: &[u8]) -> Result<Mended<'_>, JpegError> {
    if !jpeg.ends_with(&EOI) {
        return mend(jpeg);
    }
    let header = Header::read(jpeg)?;
    decodable::check(jpeg)?;
    let end = End {
        at: jpeg.len(),
        is_marked: true,
    };
    mend_until(jpeg, &header, &end)
}

fn mend_until<'a>(bytes: &'a [u8], header: &Header, end: &End) -> Result<Mended<'a>, JpegError> {
    let jpeg = if header.is_tidy && header.has_huffman_tables && end.is_marked {
        Cow::Borrowed(&bytes[..end.at])
    } else {
        let room = end.at + STANDARD_TABLES.len() + EOI.len();
        let mut jpeg = Vec::with_capacity(room);
        jpeg.extend(SOI);
        for segment in segments(bytes) {
            let segment = segment?;
            if segment.marker == SOS && !header.has_huffman_tables {
                jpeg.extend(STANDARD_TABLES);
            }
            jpeg.extend(&bytes[segment.at..segment.end()]);
        }
        jpeg.extend(&bytes[header.picture_at..end.at]);
        if !end.is_marked {
            jpeg.extend(EOI);
        }
        Cow::Owned(jpeg)
    };
    Ok(Mended {
        info: header.info(jpeg.len())?,
        jpeg,
        taken: end.at,
        was_open: !end.is_marked,
    })
}
