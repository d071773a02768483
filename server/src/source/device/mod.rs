//! What capture devices of this machine share, whatever their interface: the memory layout of pictures, and copying them.

pub(in crate::source) mod copy;
pub(in crate::source) mod format;
