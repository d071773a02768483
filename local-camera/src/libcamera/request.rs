//! A camera's requests: each with its buffer, and the picture in that once it is back.

use super::Owner;
use super::clock::captured_us;
use crate::{Buffer, Filled, Place};
use libcamera::camera::ActiveCamera;
use libcamera::framebuffer::{AsFrameBuffer, FrameMetadataStatus};
use libcamera::framebuffer_allocator::FrameBuffer;
use libcamera::request::Request;
use libcamera::stream::Stream;
use std::io;
use std::os::fd::BorrowedFd;

/// Makes a request with its buffer, and tells where that is.
pub(super) fn slot(
    camera: &mut ActiveCamera<'_>,
    stream: &Stream,
    number: usize,
    buffer: FrameBuffer,
) -> io::Result<(Option<Request>, Buffer)> {
    let memory = memory(&buffer)?;
    let mut request = camera
        .create_request(Some(number as u64))
        .ok_or(io::ErrorKind::OutOfMemory)?;
    request.add_buffer(stream, buffer)?;
    Ok((Some(request), memory))
}

/// A buffer's memory, with descriptors of its own.
fn memory(buffer: &impl AsFrameBuffer) -> io::Result<Buffer> {
    let (mut numbers, mut regions, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for plane in &*buffer.planes() {
        let offset = plane
            .offset()
            .ok_or_else(|| io::Error::other("a plane has no offset"))?;
        let number = plane.fd();
        // Planes mostly share one dma-buf at different offsets.
        let region = match numbers.iter().position(|known| *known == number) {
            Some(region) => region,
            None => {
                // SAFETY: the buffer that this number comes from is borrowed by the caller and keeps it open.
                #[expect(unsafe_code, reason = "the crate hands out bare numbers")]
                let fd = unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned()?;
                numbers.push(number);
                regions.push(fd);
                regions.len() - 1
            }
        };
        places.push(Place {
            region,
            offset,
            len: plane.len(),
        });
    }
    Ok(Buffer {
        regions,
        planes: places,
    })
}

/// Hands the picture of a completed request on. Returns true if its buffer is lent.
pub(super) fn hand_on(request: &Request, stream: &Stream, owner: &impl Owner) -> bool {
    match filled(request, stream) {
        Ok(Some(filled)) => owner.filled(filled),
        Ok(None) => false,
        Err(reason) => {
            owner.broken(reason);
            false
        }
    }
}

/// The picture of a completed request; `None` where it is not for showing.
pub(super) fn filled(request: &Request, stream: &Stream) -> Result<Option<Filled>, &'static str> {
    let buffer = request.buffer::<FrameBuffer>(stream);
    let metadata = buffer.and_then(AsFrameBuffer::metadata);
    match metadata.as_ref().map(|metadata| metadata.status()) {
        // The first pictures of some sensors.
        Some(FrameMetadataStatus::Startup) => return Ok(None),
        Some(FrameMetadataStatus::Error | FrameMetadataStatus::Cancelled) => {
            return Err("the camera marked the picture as damaged");
        }
        Some(FrameMetadataStatus::Success) | None => {}
    }
    let written = metadata.and_then(|metadata| metadata.planes().get(0));
    Ok(Some(Filled {
        number: request.cookie() as usize,
        captured_us: captured_us(request),
        used: written.map(|plane| plane.bytes_used as usize),
    }))
}
