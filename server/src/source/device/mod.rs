//! What capture devices of this machine share, whatever their interface: their buffers, the memory layout of pictures, and
//! lending or copying them.

pub(in crate::source) mod copy;
pub(in crate::source) mod format;
pub(in crate::source) mod loan;
pub(in crate::source) mod memory;
pub(in crate::source) mod pictures;
