//! Reads what the system tells in files, whatever is in their place: a pipe, a folder, something endless, or bytes that are
//! no text.

use rustix::fs::OFlags;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Most bytes that are read of a file.
const MOST: u64 = 1 << 20;

/// Most names that are read of a folder.
const MOST_NAMES: usize = 10_000;

/// A file's text, where it has any.
pub(super) fn text(path: &Path) -> Option<String> {
    let file = OpenOptions::new()
        .read(true)
        // Opening anything but a regular file may block.
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32)
        .open(path)
        .ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(['\0', '\n', ' ']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// The names in a folder, in order; those with numbers by their number.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .take(MOST_NAMES)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    names
}
