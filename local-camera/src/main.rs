//! `pistreamer-camera`: drives a camera for pistreamer, with the libcamera that it is linked to.

use std::process::ExitCode;

fn main() -> ExitCode {
    pistreamer_local_camera::process::main()
}
