//! Makes one JPEG of a picture that is no frame of a stream, with tools of its own: it may be many times as large as those.

use super::making::turned;
use super::scale::Planes;
use super::{FrameError, JpegEncoder};
use crate::hub::Frame;
use crate::source::{Image, RawFrame};
use pistreamer_protocol::Stamp;

/// The picture as a stamped JPEG, turned as it is to be shown. Samples are encoded at that quality. Takes a second or so where
/// they are many.
///
/// # Errors
/// Where it cannot be encoded.
pub(crate) fn still(camera: &str, frame: RawFrame, quality: u8) -> Result<Frame, FrameError> {
    let RawFrame {
        seq,
        captured_us,
        turn,
        image,
    } = frame;
    let stamp = Stamp {
        seq,
        captured_us,
        camera: camera.into(),
    };
    let (size, jpeg) = match image {
        Image::Jpeg(picture) | Image::Stamped(picture) => {
            let picture = turned(picture, turn)?.with(&stamp)?;
            (picture.info.displayed(), picture.into_jpeg())
        }
        Image::Yuv(pixels) => {
            let mut planes = Planes::default();
            let mut encoder = JpegEncoder::new()?;
            let yuv = if turn.is_upright() {
                pixels.yuv()
            } else {
                planes.turn(&pixels.yuv(), turn)?;
                planes.yuv()
            };
            let jpeg = stamp.write(encoder.encode(&yuv, quality)?)?;
            ((yuv.width, yuv.height), jpeg.into())
        }
    };
    Ok(Frame::new(seq, captured_us, size, jpeg))
}
