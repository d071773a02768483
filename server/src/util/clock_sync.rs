//! Whether the wall clock goes by another one, such as one of the network: a machine without a battery for its own is behind until
//! then.

/// Returns true once the kernel has been told so. Elsewhere than on Linux nothing tells it.
pub(crate) fn is_synchronised() -> bool {
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
