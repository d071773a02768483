//! A camera's buffer, mapped once for as long as it is used.
//!
//! Its layout belongs to [`super::format`]; access to it, to [`super::pictures`].

use pistreamer_local_camera::{Buffer, Place};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

/// The memory of one buffer. It has descriptors and mappings of its own, so it stays readable whatever happens to the
/// camera, the buffer and the library that drives it.
#[derive(Debug)]
pub(in crate::source) struct Memory {
    regions: Vec<Region>,
    planes: Vec<Place>,
}

/// One mapping.
#[derive(Debug)]
struct Region {
    /// The dma-buf that it is.
    dma_buf: Option<OwnedFd>,
    start: NonNull<u8>,
    len: usize,
}

impl Memory {
    /// Maps a buffer for reading.
    pub(in crate::source) fn map(buffer: Buffer) -> io::Result<Self> {
        let regions = buffer.regions.into_iter().map(Region::of_dma_buf);
        let regions: Vec<_> = regions.collect::<io::Result<_>>()?;
        let is_within = |place: &Place| {
            let len = regions.get(place.region).map_or(0, |region| region.len);
            place
                .offset
                .checked_add(place.len)
                .is_some_and(|end| end <= len)
        };
        if !buffer.planes.iter().all(is_within) {
            return Err(io::Error::other("a plane reaches beyond its memory"));
        }
        Ok(Self {
            regions,
            planes: buffer.planes,
        })
    }

    /// Maps the part of a device's memory that a buffer of it is, as one plane.
    pub(in crate::source) fn of_device(
        device: impl AsFd,
        offset: u32,
        len: usize,
    ) -> io::Result<Self> {
        Ok(Self {
            regions: vec![Region::map(device.as_fd(), offset, len)?],
            planes: vec![Place {
                region: 0,
                offset: 0,
                len,
            }],
        })
    }

    /// The planes' bytes, in their order.
    pub(in crate::source) fn planes(&self) -> impl Iterator<Item = &[u8]> {
        self.planes.iter().map(|plane| {
            let region = self.regions[plane.region].bytes();
            &region[plane.offset..plane.offset + plane.len]
        })
    }

    /// Opens the memory for the CPU: what the camera wrote becomes visible. Pairs with [`Self::end_read`].
    pub(in crate::source) fn begin_read(&self) {
        self.sync(DMA_BUF_SYNC_READ | DMA_BUF_SYNC_START);
    }

    /// Leaves the memory to the camera again.
    pub(in crate::source) fn end_read(&self) {
        self.sync(DMA_BUF_SYNC_READ | DMA_BUF_SYNC_END);
    }

    fn sync(&self, flags: u64) {
        for dma_buf in self
            .regions
            .iter()
            .filter_map(|region| region.dma_buf.as_ref())
        {
            // SAFETY: the ioctl reads one u64. Where the memory is no dma-buf it answers ENOTTY, and nothing is needed.
            #[expect(unsafe_code, reason = "std has no ioctl")]
            while unsafe { libc::ioctl(dma_buf.as_raw_fd(), DMA_BUF_IOCTL_SYNC, &flags) } != 0
                && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
            {}
        }
    }
}

// linux/dma-buf.h
const DMA_BUF_SYNC_READ: u64 = 1;
const DMA_BUF_SYNC_START: u64 = 0;
const DMA_BUF_SYNC_END: u64 = 4;
/// `_IOW('b', 0, struct dma_buf_sync)`.
const DMA_BUF_IOCTL_SYNC: libc::Ioctl = 0x4008_6200;

impl Region {
    fn of_dma_buf(fd: OwnedFd) -> io::Result<Self> {
        // Seeking tells the size of every dma-buf; fstat does not for those of older kernels.
        // SAFETY: no memory is involved. Nothing else uses the position.
        #[expect(
            unsafe_code,
            reason = "a File would read and write, which dma-bufs cannot"
        )]
        let len = unsafe { libc::lseek(fd.as_raw_fd(), 0, libc::SEEK_END) };
        let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
        let mut region = Self::map(fd.as_fd(), 0, len)?;
        region.dma_buf = Some(fd);
        Ok(region)
    }

    fn map(fd: BorrowedFd<'_>, offset: u32, len: usize) -> io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice; the result is checked.
        #[expect(unsafe_code, reason = "std has no mmap")]
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                offset as libc::off_t,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            dma_buf: None,
            start,
            len,
        })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is `len` bytes long, readable, and stays until drop; dma-bufs, sealed memfds and
        // devices' buffers never shrink. The camera writes to it only while it is queued, and then the slice does not exist.
        #[expect(unsafe_code, reason = "mapped memory becomes a slice somewhere")]
        unsafe {
            std::slice::from_raw_parts(self.start.as_ptr(), self.len)
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: mapped by `map`, unmapped only here, and no slice outlives `self`.
        #[expect(unsafe_code, reason = "std has no munmap")]
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.len)
        };
    }
}

// SAFETY: the mapping belongs to no thread, and it is only ever read through this.
#[expect(unsafe_code, reason = "a pointer to shared memory, see above")]
unsafe impl Send for Region {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "a pointer to shared memory, see above")]
unsafe impl Sync for Region {}
