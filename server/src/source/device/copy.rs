//! Pictures copied out of a device's memory, in full range and without padding.
//!
//! Lending pictures in that memory, and the choice between the two, belong to the device's own folder.

use super::format::{Extents, stretch};
use crate::source::{Pixels, Plane, Yuv};
use pistreamer_local_camera::Picture;
use std::sync::mpsc::SyncSender;

/// A picture in memory of our own, in full range and without padding.
pub(in crate::source) struct Copy {
    picture: Picture,
    samples: Vec<u8>,
    spare: SyncSender<Vec<u8>>,
}

impl Copy {
    /// Copies a picture, whose planes are `given`, into `samples`, which goes to `spare` afterwards. `None`: they are too
    /// small for the picture.
    pub(in crate::source) fn new<'a>(
        picture: Picture,
        given: impl Iterator<Item = &'a [u8]>,
        mut samples: Vec<u8>,
        spare: SyncSender<Vec<u8>>,
    ) -> Option<Self> {
        let total = picture.planes().map(|plane| plane.row * plane.lines).sum();
        samples.resize(total, 0);
        copy(&picture, given, &mut samples).map(|()| Self {
            picture,
            samples,
            spare,
        })
    }
}

fn copy<'a>(
    picture: &Picture,
    given: impl Iterator<Item = &'a [u8]>,
    mut to: &mut [u8],
) -> Option<()> {
    let mut sources = planes(picture, given);
    for plane in picture.planes() {
        let source = sources.next()?;
        let (out, rest) = std::mem::take(&mut to).split_at_mut(plane.row * plane.lines);
        to = rest;
        let mut lines = source.data.chunks(source.stride);
        for out in out.chunks_exact_mut(plane.row) {
            let line = lines.next()?.get(..plane.row)?;
            if picture.limited {
                stretch(plane.samples, line, out);
            } else {
                out.copy_from_slice(line);
            }
        }
    }
    Some(())
}

impl Pixels for Copy {
    fn yuv(&self) -> Yuv<'_> {
        let mut rest = self.samples.as_slice();
        let planes = self.picture.planes().map(|plane| {
            let (data, after) = rest.split_at(plane.row * plane.lines);
            rest = after;
            Plane {
                data,
                stride: plane.row,
            }
        });
        Yuv {
            width: self.picture.width,
            height: self.picture.height,
            layout: self.picture.layout(planes),
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // If there are enough spare ones, this one is freed.
        let _ = self.spare.try_send(std::mem::take(&mut self.samples));
    }
}

/// The picture's planes within the memory. Some drivers give them as one, end to end.
pub(in crate::source) fn planes<'a>(
    picture: &Picture,
    mut given: impl Iterator<Item = &'a [u8]>,
) -> impl Iterator<Item = Plane<'a>> {
    let mut rest: &[u8] = &[];
    picture.planes().map(move |plane| {
        rest = given.next().unwrap_or(rest);
        let data = rest;
        rest = rest.get(plane.stride * plane.lines..).unwrap_or(&[]);
        Plane {
            data,
            stride: plane.stride.max(1),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Layout;
    use pistreamer_local_camera::Format;
    use std::sync::mpsc::sync_channel;

    /// 4x3 samples in lines of 6 bytes: luminance 16 and 235 by turns, Cb 128, Cr 240.
    const PICTURE: Picture = Picture {
        width: 4,
        height: 3,
        stride: 6,
        format: Format::Yuv420,
        limited: true,
    };
    const Y: &[u8] = &[
        16, 235, 16, 235, 7, 7, 16, 235, 16, 235, 7, 7, 16, 235, 16, 235, 7, 7,
    ];
    const CB: &[u8] = &[128, 128, 7, 128, 128, 7];
    const CR: &[u8] = &[240, 240, 7, 240, 240];

    fn copied(picture: &Picture, given: &[&[u8]]) -> Option<Vec<u8>> {
        let total = picture.planes().map(|plane| plane.row * plane.lines).sum();
        let mut samples = vec![0; total];
        copy(picture, given.iter().copied(), &mut samples).map(|()| samples)
    }

    #[test]
    fn a_copy_has_full_range_and_no_padding() {
        let full = [[0, 255].repeat(6), vec![128; 4], vec![255; 4]].concat();
        assert_eq!(copied(&PICTURE, &[Y, CB, CR]), Some(full));
        let as_it_is = Picture {
            limited: false,
            ..PICTURE
        };
        let same = [[16, 235].repeat(6), vec![128; 4], vec![240; 4]].concat();
        assert_eq!(copied(&as_it_is, &[Y, CB, CR]), Some(same));
    }

    #[test]
    fn planes_that_are_given_as_one_are_told_apart() {
        let one = [Y, CB, CR].concat();
        assert_eq!(copied(&PICTURE, &[&one]), copied(&PICTURE, &[Y, CB, CR]));
    }

    #[test]
    fn memory_that_is_too_small_makes_no_picture() {
        assert_eq!(copied(&PICTURE, &[]), None);
        assert_eq!(copied(&PICTURE, &[Y, CB]), None);
        assert_eq!(copied(&PICTURE, &[Y, CB, &CR[..4]]), None);
    }

    #[test]
    fn a_copy_gives_its_memory_back() {
        let (spare, spares) = sync_channel(1);
        let samples = copied(&PICTURE, &[Y, CB, CR]).unwrap();
        let copy = Copy {
            picture: PICTURE,
            samples,
            spare,
        };
        let Layout::I420([y, cb, cr]) = copy.yuv().layout else {
            panic!("it is 4:2:0 in three planes");
        };
        assert_eq!(
            [
                y.stride,
                y.data.len(),
                cb.stride,
                cb.data.len(),
                cr.data.len()
            ],
            [4, 12, 2, 4, 4]
        );
        drop(copy);
        assert_eq!(spares.try_recv().unwrap().len(), 20);
    }
}
