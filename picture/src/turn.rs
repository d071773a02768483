//! Mirrors and turns a JPEG without decoding its pixels: nothing of the picture is lost but lines at an edge, where there are any
//! that are less than a block.
//!
//! Turning samples belongs to whatever encodes them.

#![expect(unsafe_code, reason = "libjpeg-turbo is C")]

use crate::instance::Instance;
use crate::whole::{HEADROOM, Whole};
use pistreamer_protocol::jpeg::{self, JpegError, Orientation};
use std::ffi::c_int;
use std::ptr;
use std::slice;
use turbojpeg::{Error, raw};

/// Pixels of the largest blocks that JPEGs are made of: a smaller picture may be less than one.
const LARGEST_BLOCK: u16 = 32;

/// Why a JPEG cannot be turned. It concerns that one picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TurnError {
    /// What libjpeg-turbo says.
    #[error("libjpeg-turbo: {0}")]
    Codec(#[from] Error),
    /// What came out is no JPEG.
    #[error(transparent)]
    Jpeg(#[from] JpegError),
}

impl Whole {
    /// The picture turned as it is shown, which is by what it says of itself. Stamp, orientation and colour profile are kept.
    ///
    /// Up to 15 lines or columns of most pictures, and 31 of some, are cut off at an edge where they would end up at another one:
    /// those beyond the last whole block. 1920x1080 in 4:2:0 upside down has 1072 lines.
    ///
    /// It takes about as long as decoding and encoding the picture, which would lose some of it: `./dev bench encode` compares them.
    ///
    /// # Errors
    /// Where libjpeg-turbo cannot read it, or it is smaller than a block and not a whole one.
    pub fn turned(&self, turn: Orientation) -> Result<Self, TurnError> {
        let own = self.info.orientation;
        let stored = own.then(turn).then(own.inverse());
        let is_tiny = self.info.width.min(self.info.height) < LARGEST_BLOCK;
        let mut out = Out {
            jpeg: ptr::null_mut(),
            len: 0,
        };
        let transform = raw::tjtransform {
            r: raw::tjregion {
                x: 0,
                y: 0,
                w: 0,
                h: 0,
            },
            op: operation(stored) as c_int,
            options: if is_tiny {
                raw::TJXOPT_PERFECT
            } else {
                raw::TJXOPT_TRIM
            } as c_int,
            data: ptr::null_mut(),
            customFilter: None,
        };
        let mut instance = Instance::new(raw::TJINIT_TJINIT_TRANSFORM)?;
        // SAFETY: the handle is valid until drop, the bytes are as many as that, and there is one transform and one place for
        // what comes of it, which libjpeg-turbo allocates.
        let done = unsafe {
            raw::tj3Transform(
                instance.handle(),
                self.jpeg().as_ptr(),
                self.jpeg().len() as _,
                1,
                &mut out.jpeg,
                &mut out.len,
                &transform,
            )
        };
        instance.accept(done)?;
        let info = jpeg::inspect(out.bytes())?;
        let memory = [&[0; HEADROOM], out.bytes()].concat();
        Ok(Self::new(memory.into(), HEADROOM, info))
    }
}

/// What libjpeg-turbo calls it.
fn operation(turn: Orientation) -> raw::TJXOP {
    match turn.parts() {
        (false, 1) => raw::TJXOP_TJXOP_ROT90,
        (false, 2) => raw::TJXOP_TJXOP_ROT180,
        (false, 3) => raw::TJXOP_TJXOP_ROT270,
        (false, _) => raw::TJXOP_TJXOP_NONE,
        (true, 1) => raw::TJXOP_TJXOP_TRANSVERSE,
        (true, 2) => raw::TJXOP_TJXOP_VFLIP,
        (true, 3) => raw::TJXOP_TJXOP_TRANSPOSE,
        (true, _) => raw::TJXOP_TJXOP_HFLIP,
    }
}

/// A JPEG in memory of libjpeg-turbo's.
struct Out {
    jpeg: *mut u8,
    len: raw::size_t,
}

impl Out {
    fn bytes(&self) -> &[u8] {
        if self.jpeg.is_null() {
            return &[];
        }
        // SAFETY: libjpeg-turbo has written that many bytes there, and nothing else refers to them until drop.
        unsafe { slice::from_raw_parts(self.jpeg, self.len as usize) }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        // SAFETY: libjpeg-turbo has allocated it, or it is null, which is nothing to free.
        unsafe { raw::tj3Free(self.jpeg.cast()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mended;
    use bytes::Bytes;
    use pistreamer_protocol::Stamp;
    use turbojpeg::Subsamp;

    fn whole(jpeg: &[u8]) -> Whole {
        let mended = Mended::new(Bytes::copy_from_slice(jpeg));
        mended.and_then(Mended::whole).unwrap()
    }

    fn all() -> impl Iterator<Item = Orientation> {
        (1..=8).filter_map(Orientation::new)
    }

    /// Red, green, blue and yellow, by quarters, as a viewer sees them that turns a picture as it says of itself.
    fn quarters(picture: &Whole) -> [char; 4] {
        let mut decoder = jpeg_decoder::Decoder::new(picture.jpeg());
        let rgb = decoder.decode().unwrap();
        let info = decoder.info().unwrap();
        let (width, height) = (usize::from(info.width), usize::from(info.height));
        let stored = [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| {
            let at = (y * height / 4 * width + x * width / 4) * 3;
            match rgb[at..at + 3]
                .iter()
                .map(|sample| *sample > 100)
                .collect::<Vec<_>>()[..]
            {
                [true, false, false] => 'r',
                [false, true, false] => 'g',
                [false, false, true] => 'b',
                [true, true, false] => 'y',
                _ => '?',
            }
        });
        shown(picture.info.orientation, stored)
    }

    /// What becomes of quarters: mirrored, then turned.
    fn shown(turn: Orientation, [a, b, c, d]: [char; 4]) -> [char; 4] {
        let (mirror, turns) = turn.parts();
        let start = if mirror { [b, a, d, c] } else { [a, b, c, d] };
        (0..turns).fold(start, |[a, b, c, d], _| [c, a, d, b])
    }

    /// Coefficients, and nothing else, decide what a decoder makes of a JPEG.
    fn decoded(jpeg: &[u8]) -> Vec<u8> {
        jpeg_decoder::Decoder::new(jpeg).decode().unwrap()
    }

    const QUARTERS: [&[u8]; 4] = [
        include_bytes!("../../protocol/tests/pictures/quarters.jpg"),
        include_bytes!("../../protocol/tests/pictures/progressive.jpg"),
        include_bytes!("../../protocol/tests/pictures/rare-subsampling.jpg"),
        include_bytes!("../../protocol/tests/pictures/rgb.jpg"),
    ];

    #[test]
    fn every_turn_of_every_picture_shows_what_it_says() {
        for jpeg in QUARTERS {
            for own in all() {
                let jfif = jpeg::segments(jpeg).next().unwrap().unwrap().end();
                let says = [&jpeg[..jfif], &own.segment(), &jpeg[jfif..]].concat();
                let picture = whole(&says);
                let before = quarters(&picture);
                assert_eq!(before, shown(own, ['r', 'g', 'b', 'y']));
                for turn in all() {
                    let turned = picture.turned(turn).unwrap();
                    assert_eq!(turned.info.orientation, own);
                    assert_eq!(quarters(&turned), shown(turn, before), "{own:?} {turn:?}");
                }
            }
        }
    }

    #[test]
    fn there_and_back_again_is_the_same_picture() {
        for jpeg in QUARTERS {
            let picture = whole(jpeg);
            for turn in all() {
                let back = picture
                    .turned(turn)
                    .and_then(|turned| turned.turned(turn.inverse()));
                assert!(decoded(back.unwrap().jpeg()) == decoded(jpeg), "{turn:?}");
            }
        }
    }

    #[test]
    fn a_stamp_is_kept_and_a_new_one_needs_no_copy() {
        let stamp = Stamp {
            seq: 7,
            captured_us: 1_764_000_000_123_456,
            camera: "garden".into(),
        };
        let turn = Orientation::of(true, 1);
        let stamped = whole(QUARTERS[0]).with(&stamp).unwrap();
        let turned = stamped.turned(turn).unwrap();
        assert_eq!(Stamp::read(turned.jpeg()), Some(stamp.clone()));
        let turned = whole(QUARTERS[0]).turned(turn).unwrap();
        let end = turned.jpeg().as_ptr_range().end;
        let turned = turned.with(&stamp).unwrap();
        assert_eq!(turned.jpeg().as_ptr_range().end, end);
        assert_eq!(Stamp::read(turned.jpeg()), Some(stamp));
    }

    #[test]
    fn what_is_beyond_the_last_block_is_cut_off() {
        let picture = |width, height| {
            let mut pixels = image(width, height);
            pixels.truncate(width * height * 3);
            let picture = turbojpeg::Image {
                pixels: pixels.as_slice(),
                width,
                pitch: width * 3,
                height,
                format: turbojpeg::PixelFormat::RGB,
            };
            whole(&turbojpeg::compress(picture, 80, Subsamp::Sub2x2).unwrap())
        };
        let size = |picture: &Whole| (picture.info.width, picture.info.height);
        let odd = picture(70, 54);
        for (turn, expected) in [
            (Orientation::of(true, 0), (64, 54)),
            (Orientation::of(true, 2), (70, 48)),
            (Orientation::of(false, 2), (64, 48)),
            (Orientation::of(false, 1), (48, 70)),
            (Orientation::of(false, 3), (54, 64)),
            (Orientation::of(true, 3), (54, 70)),
        ] {
            assert_eq!(size(&odd.turned(turn).unwrap()), expected, "{turn:?}");
        }
        // There would be nothing left.
        assert!(picture(12, 12).turned(Orientation::of(true, 0)).is_err());
        assert!(picture(16, 16).turned(Orientation::of(true, 0)).is_ok());
    }

    fn image(width: usize, height: usize) -> Vec<u8> {
        (0..width * height * 3).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn what_libjpeg_warns_of_is_a_picture_and_what_it_cannot_read_is_an_error() {
        let turn = Orientation::of(false, 2);
        let [jpeg, ..] = QUARTERS;
        let (data, end) = jpeg.split_at(jpeg.len() - 2);
        let warned = whole(&[data, b"\0\0\0\0", end].concat());
        assert!(warned.turned(turn).is_ok());
        let info = whole(jpeg).info;
        let broken = [data, b"\xff\x02\0\x04ab", end].concat();
        assert!(Whole::new(broken.into(), 0, info).turned(turn).is_err());
    }
}
