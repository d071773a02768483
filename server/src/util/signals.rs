//! Signals that would end the process for what is an error of one write.

/// Has a file that reached the size that `ulimit -f` or `LimitFSIZE=` allows be an error of the write (EFBIG), rather than the end
/// of the program (setrlimit(2)). To be called before there are threads.
pub fn ignore_file_size_limit() {
    #[expect(unsafe_code, reason = "std has no signals")]
    // SAFETY: no code of ours runs in a handler.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
