//! What neither std nor rustix has.

use std::os::fd::{AsRawFd, BorrowedFd};

/// Priority among threads that run before all others. Drivers' threads have 50.
const PRIORITY: i32 = 10;

/// Has the calling thread run before all that are not urgent, where the system lets it. Threads of normal priority wake up
/// as much as 60 ms late on a busy machine; those wake up within 1 ms.
pub(crate) fn be_urgent() -> bool {
    #[expect(unsafe_code, reason = "neither std nor rustix has it")]
    // SAFETY: The structure lives during the call, which reads it; zeros are valid in it. The system call itself, because musl's
    // function of that name does nothing.
    let result = unsafe {
        let mut parameters: libc::sched_param = std::mem::zeroed();
        parameters.sched_priority = PRIORITY;
        libc::syscall(
            libc::SYS_sched_setscheduler,
            0,
            libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK,
            &raw const parameters,
        )
    };
    result == 0
}

/// Bytes that were written to a socket and that its other end has not read.
pub(crate) fn unread(socket: BorrowedFd<'_>) -> Option<usize> {
    let mut bytes: libc::c_int = 0;
    #[expect(unsafe_code, reason = "rustix has it for terminals alone")]
    // SAFETY: The request writes one `int` where the pointer points, which lives during the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &mut bytes) };
    usize::try_from(bytes).ok().filter(|_| result == 0)
}
