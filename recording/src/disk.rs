//! What recordings need of a disk, as a trait: so that tests can play one that loses its power, is full, or fails.

use crate::segment::ReadAt;
use rustix::fs::{OFlags, StatVfs, statvfs};
use std::fs::{self, File as SystemFile, OpenOptions};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// A disk.
pub trait Disk {
    /// A file on it that is open for reading and writing.
    type File: File;

    /// Makes a new file.
    ///
    /// # Errors
    /// Where there is one of that name already, or the disk fails.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file that exists.
    ///
    /// # Errors
    /// Where there is none, or the disk fails.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file that exists for reading alone.
    ///
    /// # Errors
    /// Where there is none, or the disk fails.
    fn open_read(&self, path: &Path) -> io::Result<Self::File>;

    /// Makes the directory of a day, and that of its camera above it, where there is none. Not the one of all recordings: where that is
    /// missing, its disk is not mounted.
    ///
    /// # Errors
    /// Where the disk fails.
    fn make_directory(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory survive a power cut.
    ///
    /// # Errors
    /// Where the disk fails.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name, in place of whatever has that.
    ///
    /// # Errors
    /// Where the disk fails.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Where there is none, or the disk fails.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory, if it is empty.
    fn remove_directory(&self, path: &Path);

    /// What is in a directory.
    ///
    /// # Errors
    /// Where there is none, or the disk fails.
    fn list(&self, path: &Path) -> io::Result<Vec<Listed>>;

    /// How much room there is where that directory is.
    ///
    /// # Errors
    /// Where the disk fails.
    fn space(&self, path: &Path) -> io::Result<Space>;
}

/// An open file.
pub trait File: ReadAt {
    /// Writes all of these parts at the end.
    ///
    /// # Errors
    /// Where the disk fails; some of it may be written then.
    fn append(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()>;

    /// Replaces bytes.
    ///
    /// # Errors
    /// Where the disk fails.
    fn replace(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the end off.
    ///
    /// # Errors
    /// Where the disk fails.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Makes what was written survive a power cut.
    ///
    /// # Errors
    /// Where the disk fails.
    fn sync(&mut self) -> io::Result<()>;
}

/// Something in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name, where that is UTF-8 text.
    pub name: String,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Bytes in it.
    pub bytes: u64,
}

/// The room of a file system, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// What is free for this program.
    pub free: u64,
    /// How many files there may be; `None` where that has no limit.
    pub files: Option<Files>,
}

impl Space {
    /// The space once a file of this many bytes is removed.
    pub(crate) fn without(self, bytes: u64) -> Self {
        Self {
            free: self.free.saturating_add(bytes),
            files: self.files.map(|files| Files {
                free: files.free + 1,
                ..files
            }),
            ..self
        }
    }

    /// The same with all of it free.
    pub(crate) fn roomy(self) -> Self {
        Self {
            free: self.total,
            files: None,
            ..self
        }
    }
}

/// How many files a file system takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Files {
    /// All of them.
    pub total: u64,
    /// Those that are still to be made.
    pub free: u64,
}

/// The system's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

/// A file and nothing else: it waits for no pipe, and follows no link.
fn open(path: &Path, writes: bool) -> io::Result<SystemFile> {
    let file = OpenOptions::new()
        .read(true)
        .write(writes)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is no file"))
    }
}

impl Disk for System {
    type File = SystemFile;

    fn create(&self, path: &Path) -> io::Result<SystemFile> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    }

    fn open(&self, path: &Path) -> io::Result<SystemFile> {
        open(path, true)
    }

    fn open_read(&self, path: &Path) -> io::Result<SystemFile> {
        open(path, false)
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        for directory in [path.parent().unwrap_or(path), path] {
            match fs::DirBuilder::new().mode(0o700).create(directory) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made?,
            }
            // What is recorded through a link is not found again, and lies on another disk perhaps.
            if !fs::symlink_metadata(directory)?.is_dir() {
                let what = format!("{} is a link or a file", directory.display());
                return Err(io::Error::new(io::ErrorKind::NotADirectory, what));
            }
        }
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        SystemFile::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_directory(&self, path: &Path) {
        // One with something in it stays.
        let _ = fs::remove_dir(path);
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata())
            else {
                continue;
            };
            listed.push(Listed {
                name,
                is_directory: metadata.is_dir(),
                // What it takes: a file may say that it is larger than the disk.
                bytes: metadata.len().min(metadata.blocks().saturating_mul(512)),
            });
        }
        Ok(listed)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let StatVfs {
            f_blocks,
            f_bavail,
            f_frsize,
            f_files,
            f_favail,
            ..
        } = statvfs(path)?;
        Ok(Space {
            total: f_blocks.saturating_mul(f_frsize),
            free: f_bavail.saturating_mul(f_frsize),
            files: (f_files > 0).then_some(Files {
                total: f_files,
                free: f_favail,
            }),
        })
    }
}

impl ReadAt for SystemFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match FileExt::read_at(self, &mut buffer[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl File for SystemFile {
    fn append(&mut self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        // Where a patch of its beginning may have left it.
        self.seek(SeekFrom::End(0))?;
        while !parts.is_empty() {
            match self.write_vectored(parts) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut parts, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn replace(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
