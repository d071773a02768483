//! What capture devices of this machine share, whatever their interface: the memory layout of pictures, copying them,
//! checking that the device is alive, and keeping it to its rate.

pub(in crate::source) mod copy;
pub(in crate::source) mod format;
pub(in crate::source) mod health;
pub(in crate::source) mod rate;
