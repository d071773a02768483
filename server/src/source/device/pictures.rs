//! Makes pictures of a camera's filled buffers: JPEGs as they are, samples on loan, and copied where they cannot be lent.
//!
//! When there is a filled buffer belongs to what drives the camera.

use super::copy::Copy;
use super::format::read_jpeg;
use super::loan::{GiveBack, Loan};
use super::memory::Memory;
use crate::source::{Image, Port, SourceError};
use pistreamer_local_camera::{Buffer, Filled, Format, Picture};
use pistreamer_protocol::message::Cause;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Buffers that stay with the camera: it fills one while it finishes the other. What is wanted beyond that is copied.
const KEPT: usize = 2;

/// The pictures of an open camera.
pub(in crate::source) struct Pictures {
    picture: Picture,
    buffers: Vec<Arc<Memory>>,
    give_back: GiveBack,
    /// How many are lent.
    lent: Arc<AtomicUsize>,
    /// Memory for copies, gone round.
    spare: (SyncSender<Vec<u8>>, Receiver<Vec<u8>>),
}

impl Pictures {
    /// Maps a camera's buffers. What is lent of them goes home by `give_back`.
    ///
    /// # Errors
    /// Where their memory cannot be mapped, or is smaller than it is said to be.
    pub(in crate::source) fn map(
        picture: Picture,
        buffers: Vec<Buffer>,
        give_back: GiveBack,
    ) -> Result<Self, SourceError> {
        let buffers = buffers.into_iter().map(Memory::map);
        let buffers =
            buffers
                .collect::<std::io::Result<_>>()
                .map_err(|error| Cause::BuffersUnreadable {
                    error: error.to_string(),
                })?;
        Ok(Self::new(picture, buffers, give_back))
    }

    /// The pictures in buffers that are mapped already.
    pub(in crate::source) fn new(
        picture: Picture,
        buffers: Vec<Memory>,
        give_back: GiveBack,
    ) -> Self {
        Self {
            picture,
            spare: sync_channel(buffers.len()),
            buffers: buffers.into_iter().map(Arc::new).collect(),
            give_back,
            lent: Arc::default(),
        }
    }

    /// Takes the samples for full range, as the virtual cameras' never are.
    #[cfg(all(test, feature = "libcamera"))]
    pub(in crate::source) fn pretend_full_range(&mut self) {
        self.picture.limited = false;
    }

    /// Hands the picture of a filled buffer on. Returns true if that is lent, and goes home by itself.
    pub(in crate::source) fn hand_on(&self, filled: Filled, port: &Port) -> bool {
        let Some(memory) = self.buffers.get(filled.number) else {
            return false;
        };
        let lent = self.lent.load(Ordering::Relaxed);
        let is_raw = self.picture.format != Format::Mjpeg;
        if is_raw && !self.picture.limited && lent + KEPT < self.buffers.len() {
            let loan = Loan::new(
                self.picture,
                Arc::clone(memory),
                filled.number,
                Arc::clone(&self.give_back),
                Arc::clone(&self.lent),
            );
            port.frame(filled.captured_us, Image::Yuv(Box::new(loan)));
            return true;
        }
        match self.copied(memory, filled.used) {
            Ok(image) => drop(port.frame(filled.captured_us, image)),
            Err(problem) => port.broken(&problem),
        }
        false
    }

    /// The picture of a filled buffer, in memory of our own.
    ///
    /// # Errors
    /// Where there is none in it.
    pub(in crate::source) fn copy(&self, filled: Filled) -> Result<Image, String> {
        let memory = self.buffers.get(filled.number);
        let memory = memory.ok_or("the camera filled a buffer that it does not have")?;
        self.copied(memory, filled.used)
    }

    fn copied(&self, memory: &Memory, used: Option<usize>) -> Result<Image, String> {
        memory.begin_read();
        let copied = if self.picture.format == Format::Mjpeg {
            let jpeg = read_jpeg(memory.planes().next().unwrap_or(&[]), used);
            jpeg.map(Image::Jpeg)
                .map_err(|error| format!("the camera sent a broken JPEG: {error}"))
        } else {
            let samples = self.spare.1.try_recv().unwrap_or_default();
            let copy = Copy::new(self.picture, memory.planes(), samples, self.spare.0.clone());
            copy.map(|copy| Image::Yuv(Box::new(copy)))
                .ok_or_else(|| "the camera's buffer is smaller than its picture".into())
        };
        memory.end_read();
        copied
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demand::Demand;
    use crate::source::{RawFrame, Report, Sink};
    use pistreamer_local_camera::Place;
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::sync::mpsc::Sender;

    struct Frames(Sender<RawFrame>);

    impl Sink for Frames {
        fn frame(&self, frame: RawFrame) {
            self.0.send(frame).unwrap();
        }
        fn again(&self, _: RawFrame) {}
        fn report(&self, _: Report<'_>) {}
    }

    /// 4x2 pixels of NV12 in a file.
    fn buffer(value: u8) -> Buffer {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[value; 12]).unwrap();
        let place = |offset, len| Place {
            region: 0,
            offset,
            len,
        };
        Buffer {
            regions: vec![OwnedFd::from(file)],
            planes: vec![place(0, 8), place(8, 4)],
        }
    }

    const PICTURE: Picture = Picture {
        width: 4,
        height: 2,
        stride: 4,
        format: Format::Nv12,
        limited: false,
    };

    #[test]
    fn two_buffers_stay_with_the_camera_and_the_others_come_home_once() {
        let (sender, frames) = std::sync::mpsc::channel();
        let port = Port::new(Arc::new(Frames(sender)), Demand::default());
        let (home, homes) = std::sync::mpsc::channel();
        let give_back = Arc::new(move |number| home.send(number).unwrap());
        let buffers = (0..4).map(buffer).collect();
        let pictures = Pictures::map(PICTURE, buffers, give_back).unwrap();
        let lent = |number| {
            let filled = Filled {
                number,
                captured_us: 1,
                used: None,
            };
            pictures.hand_on(filled, &port)
        };
        assert_eq!([0, 1, 2].map(lent), [true, true, false]);
        let mut kept: Vec<_> = frames.try_iter().collect();
        let luma = |frame: &RawFrame| match &frame.image {
            Image::Yuv(pixels) => match pixels.yuv().layout {
                crate::source::Layout::Nv12([y, _]) => y.data[0],
                _ => panic!("it is NV12"),
            },
            _ => panic!("it has samples"),
        };
        assert_eq!(kept.iter().map(luma).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(homes.try_recv().is_err());
        kept.remove(1);
        assert_eq!(homes.try_iter().collect::<Vec<_>>(), [1]);
        assert!(lent(3), "there is room again");
        // A number of no buffer is nothing.
        assert!(!lent(9));
        drop(pictures);
        kept.extend(frames.try_iter());
        drop(kept);
        assert_eq!(homes.try_iter().collect::<Vec<_>>(), [0, 3]);
    }

    #[test]
    fn a_plane_beyond_its_memory_is_refused() {
        for (region, offset, len) in [(0, 0, 13), (0, usize::MAX, 2), (1, 0, 1)] {
            let place = Place {
                region,
                offset,
                len,
            };
            let buffer = Buffer {
                planes: vec![place],
                ..buffer(0)
            };
            assert!(Pictures::map(PICTURE, vec![buffer], Arc::new(|_| {})).is_err());
        }
    }
}
