//! Opens the file that was named, which may be a pipe: the shell makes one of `<(command)`. One from which nothing comes is not
//! waited for.
//!
//! What is in it belongs to [`super::file`].

use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longest silence of a pipe.
const PATIENCE: Duration = Duration::from_secs(5);

/// Polling interval.
const POLL: Duration = Duration::from_millis(20);

/// Something to be read to its end.
pub(super) enum Opened {
    File(File),
    Pipe(Pipe),
}

impl Opened {
    /// What is at that path.
    pub(super) fn named(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open(path)?;
        let kind = file.metadata()?.file_type();
        if kind.is_fifo() {
            let has_come = false;
            return Ok(Self::Pipe(Pipe { file, has_come }));
        }
        // What is no file either, such as a terminal, is waited for.
        Ok(Self::File(if kind.is_file() {
            file
        } else {
            File::open(path)?
        }))
    }
}

/// A pipe that does not block.
pub(super) struct Pipe {
    file: File,
    has_come: bool,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.file.read(buffer) {
                // It has no writer yet.
                Ok(0) if !self.has_come => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => {
                    self.has_come = true;
                    return read;
                }
            }
            if Instant::now() >= until {
                let text = format!(
                    "it is a pipe, and nothing came through it for {} s",
                    PATIENCE.as_secs()
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            sleep(POLL);
        }
    }
}
