//! libcamera's names for the pixel formats of [`Format`].

use crate::Format;
use libcamera::pixel_format::PixelFormat;

/// DRM's name of it. Spelled out, because the crate has no constants with libcamera 0.4.
pub(super) const fn pixel_format(format: Format) -> PixelFormat {
    PixelFormat::new(u32::from_le_bytes(format.fourcc()), 0)
}

/// The format of that name, where it is one that is taken.
pub(super) fn named(name: PixelFormat) -> Option<Format> {
    Format::ALL
        .into_iter()
        .find(|format| pixel_format(*format) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_libcameras_names() {
        let names = Format::ALL.map(|format| pixel_format(format).fourcc().to_le_bytes());
        assert_eq!(names, [*b"YU12", *b"NV12", *b"MJPG", *b"YUYV", *b"UYVY"]);
        assert_eq!(named(pixel_format(Format::Nv12)), Some(Format::Nv12));
        assert_eq!(named(PixelFormat::new(0, 0)), None);
    }
}
