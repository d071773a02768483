//! The FNV-1a hash, for what must stay the same with other versions of the compiler and of libraries.

/// The hash of these bytes.
pub(crate) fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}
