//! Whether the wall clock goes by another one, such as one of the network: a machine without a battery for its own is behind until
//! then.

/// Where systemd-timesyncd says so: a service may be kept from asking the kernel.
const TOLD_BY_SYSTEMD: &str = "/run/systemd/timesync/synchronized";

/// Returns true once that has been told. Elsewhere than on Linux nothing tells it.
pub(crate) fn is_synchronised() -> bool {
    std::path::Path::new(TOLD_BY_SYSTEMD).exists() || the_kernel_says_so()
}

fn the_kernel_says_so() -> bool {
    #[cfg(target_os = "linux")]
    {
        #[expect(unsafe_code, reason = "neither std nor rustix has it")]
        // SAFETY: zeros are valid in all of its fields, which are numbers. With no modes set, the kernel only fills it in.
        let (state, status) = unsafe {
            let mut read: libc::timex = std::mem::zeroed();
            (libc::adjtimex(&raw mut read), read.status)
        };
        state >= 0 && state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0
    }
    #[cfg(not(target_os = "linux"))]
    false
}
