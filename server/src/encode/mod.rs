//! Raw frame → stamped JPEG.
