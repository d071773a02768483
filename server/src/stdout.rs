//! Standard output, which may be full, closed, or a terminal that somebody stopped.
//!
//! Frames that `grab` writes there do not pass through here.

use std::io::{self, Write};

/// Why a text could not be printed.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// The program that read standard output has gone: it had enough, and needs no explanation.
    #[error("the reader of standard output has closed it")]
    ReaderGone,
    /// Such as a full disk.
    #[error("cannot write to standard output: {0}")]
    Failed(io::Error),
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Failed(error),
        }
    }
}

/// Prints a text, for a command that does nothing else.
///
/// # Errors
/// Where not all of it could be written.
pub fn print(text: &str) -> Result<(), PrintError> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    Ok(written.and_then(|()| stdout.flush())?)
}

/// Prints a text, for a program that goes on whether that is possible or not: on a thread, which may wait for it.
pub fn print_aside(text: String) {
    let printing = std::thread::Builder::new().name("stdout".into());
    let spawned = printing.spawn(move || match print(&text) {
        Err(PrintError::Failed(error)) => {
            tracing::warn!(%error, "cannot write to standard output");
        }
        Ok(()) | Err(PrintError::ReaderGone) => {}
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "cannot start the thread that prints");
    }
}
