//! How the allocator treats memory that is free: what a frame took stays for the next one.
//!
//! glibc gives large free blocks back to the system, and every frame's buffers are large: each frame would be given its pages
//! anew, filled with zeros.

/// Blocks up to this size are taken from what is kept. The most that glibc accepts where addresses have 32 bits.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const FROM_KEPT: i32 = if cfg!(target_pointer_width = "64") {
    4 << 20
} else {
    512 << 10
};

/// Most free bytes that are kept, in each of the allocator's arenas.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: i32 = 4 << 20;

/// Keeps some memory for the next frame. To be called before there are threads.
pub fn keep_for_frames() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "std doesn't know its allocator")]
        let set = |what, value| {
            // SAFETY: it takes two numbers, and there is no other thread yet.
            unsafe { libc::mallopt(what, value) == 1 }
        };
        // One without the other would make more blocks go back, because glibc stops to learn from either.
        if set(libc::M_MMAP_THRESHOLD, FROM_KEPT) {
            set(libc::M_TRIM_THRESHOLD, KEPT);
        }
        // Otherwise glibc walks through all the small blocks that were freed whenever a large one is, as one is with each frame.
        set(libc::M_MXFAST, 0);
    }
}
