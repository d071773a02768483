//! The program that Trunk builds: registers the custom element. Everything else is in the library.

fn main() {
    pistreamer_viewer::start();
}

/// Rust's own allocator takes 3 kB more of the download. The buffers of the frames' path are kept, so that neither has much
/// to do.
#[cfg(target_family = "wasm")]
#[global_allocator]
static MEMORY: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
