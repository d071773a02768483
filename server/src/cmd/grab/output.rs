//! Where frames are written: a file each, whole or not at all, or one after the other to standard output.

use super::config::Target;
use pistreamer_client::Frame;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a frame could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// The directory cannot be made.
    #[error("cannot make the directory {}: {}", .0.display(), .1)]
    Directory(PathBuf, io::Error),
    /// A file cannot be written.
    #[error("cannot write {}: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    /// The reader of standard output has gone.
    #[error("the program that takes the frames has closed the pipe")]
    PipeClosed,
    /// It takes nothing.
    #[error("the program that takes the frames reads none")]
    Stalled,
    /// The system gives no thread.
    #[error("cannot start the thread that writes the frames: {0}")]
    NoThread(io::Error),
    /// A bug ended what writes.
    #[error("a bug ended what writes the frames")]
    Panicked,
    /// Standard output takes nothing.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
}

/// An open target.
#[derive(Debug)]
pub(super) enum Output {
    Directory(PathBuf),
    Stdout(File),
}

impl Output {
    pub(super) fn open(target: &Target) -> Result<Self, OutputError> {
        match target {
            Target::Directory(path) => {
                fs::create_dir_all(path)
                    .map_err(|error| OutputError::Directory(path.clone(), error))?;
                Ok(Self::Directory(path.clone()))
            }
            // A descriptor of its own: the one of `io::stdout` looks for line ends and copies each frame.
            Target::Stdout => {
                use std::os::fd::AsFd;
                let descriptor = io::stdout().as_fd().try_clone_to_owned();
                descriptor
                    .map(|descriptor| Self::Stdout(descriptor.into()))
                    .map_err(OutputError::Stdout)
            }
        }
    }

    pub(super) fn write(&mut self, frame: &Frame) -> Result<(), OutputError> {
        match self {
            Self::Directory(directory) => {
                let name = file_name(frame.stamp.captured_us, frame.stamp.seq);
                write_whole(directory, &name, &frame.jpeg)
                    .map_err(|error| OutputError::File(directory.join(name), error))
            }
            Self::Stdout(stdout) => {
                stdout
                    .write_all(&frame.jpeg)
                    .map_err(|error| match error.kind() {
                        io::ErrorKind::BrokenPipe => OutputError::PipeClosed,
                        _ => OutputError::Stdout(error),
                    })
            }
        }
    }
}

/// Writes a file under a temporary name, and renames it when it is whole.
fn write_whole(directory: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let part = directory.join(format!(".{name}.part"));
    let written = fs::write(&part, content).and_then(|()| fs::rename(&part, directory.join(name)));
    if written.is_err() {
        // What is there of it takes room on a disk that may be full.
        drop(fs::remove_file(&part));
    }
    written
}

/// `20261121T101530.123Z-000001042.jpg`: names sort by time, and frames of the same ms by number.
fn file_name(captured_us: u64, seq: u64) -> String {
    let (seconds, ms) = (captured_us / 1_000_000, captured_us / 1000 % 1000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}.{ms:03}Z-{seq:09}.jpg")
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar. Years are counted from March, so
/// that a leap day is a year's last, and in eras of 400 years, which are all alike.
fn civil(days: u64) -> (u64, u64, u64) {
    let from_march_0000 = days + 719_468;
    let (era, day_of_era) = (from_march_0000 / 146_097, from_march_0000 % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_time_in_utc() {
        // By `date -u -d @SECONDS +%Y%m%dT%H%M%S`.
        for (captured_us, seq, name) in [
            (0, 0, "19700101T000000.000Z-000000000.jpg"),
            (951_782_399_999_999, 7, "20000228T235959.999Z-000000007.jpg"),
            (951_868_799_000_000, 8, "20000229T235959.000Z-000000008.jpg"),
            (
                1_795_256_130_123_456,
                1042,
                "20261121T101530.123Z-000001042.jpg",
            ),
            (
                4_107_542_400_000_000,
                1,
                "21000301T000000.000Z-000000001.jpg",
            ),
        ] {
            assert_eq!(file_name(captured_us, seq), name);
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("taken.jpg")).unwrap();
        assert!(write_whole(directory.path(), "taken.jpg", b"picture").is_err());
        let left: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["taken.jpg"]);
    }
}
