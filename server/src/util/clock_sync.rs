//! Whether the wall clock goes by another one, such as one of the network: a machine without a battery for its own is behind until
//! then.

use std::path::Path;

/// Where systemd-timesyncd says so: a service may be kept from asking the kernel.
const TOLD_BY_SYSTEMD: &str = "/run/systemd/timesync/synchronized";

/// systemd-timesyncd's directory, which is there while it runs.
const SYSTEMD: &str = "/run/systemd/timesync";

/// Returns true once that has been told. Elsewhere than on Linux nothing tells it.
pub(crate) fn is_synchronised() -> bool {
    Path::new(TOLD_BY_SYSTEMD).exists() || kernel_says() == Some(true)
}

/// Returns true where something tells that it goes by no other clock. Neither may be known: a service may be kept from asking.
pub(crate) fn is_known_to_run_free() -> bool {
    if Path::new(SYSTEMD).exists() {
        return !is_synchronised();
    }
    kernel_says() == Some(false)
}

/// `None` where it may not be asked.
fn kernel_says() -> Option<bool> {
    #[cfg(target_os = "linux")]
    {
        #[expect(unsafe_code, reason = "neither std nor rustix has it")]
        // SAFETY: zeros are valid in all of its fields, which are numbers. With no modes set, the kernel only fills it in.
        let (state, status) = unsafe {
            let mut read: libc::timex = std::mem::zeroed();
            (libc::adjtimex(&raw mut read), read.status)
        };
        (state >= 0).then_some(state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0)
    }
    #[cfg(not(target_os = "linux"))]
    None
}
