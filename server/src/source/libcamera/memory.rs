//! A camera's buffer, mapped once for as long as it is used.
//!
//! Its layout belongs to [`crate::source::device::format`]; access to it, to [`super::stream`].

use libcamera::framebuffer::AsFrameBuffer;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

/// The memory of one buffer. It has descriptors and mappings of its own, so it stays readable whatever happens to the
/// camera, the buffer and libcamera.
#[derive(Debug)]
pub(super) struct Memory {
    regions: Vec<Region>,
    planes: Vec<Place>,
}

/// One dma-buf, mapped as a whole.
#[derive(Debug)]
struct Region {
    /// Number of the buffer's own descriptor.
    number: i32,
    fd: OwnedFd,
    start: NonNull<u8>,
    len: usize,
}

/// A plane within a region.
#[derive(Debug)]
struct Place {
    region: usize,
    offset: usize,
    len: usize,
}

impl Memory {
    /// Maps a buffer for reading.
    pub(super) fn map(buffer: &impl AsFrameBuffer) -> io::Result<Self> {
        let mut regions: Vec<Region> = Vec::new();
        let mut places = Vec::new();
        for plane in &*buffer.planes() {
            let offset = plane
                .offset()
                .ok_or_else(|| io::Error::other("a plane has no offset"))?;
            let number = plane.fd();
            // Planes mostly share one dma-buf at different offsets.
            let region = match regions.iter().position(|region| region.number == number) {
                Some(region) => region,
                None => {
                    regions.push(Region::map(number)?);
                    regions.len() - 1
                }
            };
            let len = plane.len();
            if offset
                .checked_add(len)
                .is_none_or(|end| end > regions[region].len)
            {
                return Err(io::Error::other("a plane reaches beyond its memory"));
            }
            places.push(Place {
                region,
                offset,
                len,
            });
        }
        Ok(Self {
            regions,
            planes: places,
        })
    }

    /// The planes' bytes, in their order.
    pub(super) fn planes(&self) -> impl Iterator<Item = &[u8]> {
        self.planes.iter().map(|plane| {
            let region = self.regions[plane.region].bytes();
            &region[plane.offset..plane.offset + plane.len]
        })
    }

    /// Opens the memory for the CPU: what the camera wrote becomes visible. Pairs with [`Self::end_read`].
    pub(super) fn begin_read(&self) {
        self.sync(DMA_BUF_SYNC_READ | DMA_BUF_SYNC_START);
    }

    /// Leaves the memory to the camera again.
    pub(super) fn end_read(&self) {
        self.sync(DMA_BUF_SYNC_READ | DMA_BUF_SYNC_END);
    }

    fn sync(&self, flags: u64) {
        for region in &self.regions {
            // SAFETY: the ioctl reads one u64. Where the memory is no dma-buf it answers ENOTTY, and nothing is needed.
            #[expect(unsafe_code, reason = "std has no ioctl")]
            while unsafe { libc::ioctl(region.fd.as_raw_fd(), DMA_BUF_IOCTL_SYNC, &flags) } != 0
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
    fn map(number: i32) -> io::Result<Self> {
        // SAFETY: the buffer that this number comes from is borrowed by the caller and keeps it open.
        #[expect(unsafe_code, reason = "the crate hands out bare numbers")]
        let fd = unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned()?;
        // Seeking tells the size of every dma-buf; fstat does not for those of older kernels.
        // SAFETY: no memory is involved. Nothing else uses the position.
        #[expect(
            unsafe_code,
            reason = "a File would read and write, which dma-bufs cannot"
        )]
        let len = unsafe { libc::lseek(fd.as_raw_fd(), 0, libc::SEEK_END) };
        let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
        // SAFETY: a new mapping at an address of the kernel's choice; the result is checked.
        #[expect(unsafe_code, reason = "std has no mmap")]
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            number,
            fd,
            start,
            len,
        })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is `len` bytes long, readable, and stays until drop; dma-bufs and sealed memfds never shrink.
        // The camera writes to it only while its request is queued, and then the slice does not exist.
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
