//! Buffers that are kept from one message to the next, and never hold more than the largest one needed.

/// Makes a buffer at least that long. Unlike `resize` alone it never allocates more than that.
pub(crate) fn grow(buffer: &mut Vec<u8>, len: usize) {
    if buffer.len() < len {
        buffer.reserve_exact(len - buffer.len());
        buffer.resize(len, 0);
    }
}
