//! Which libcamera this system has, to say so where none of ours fits it.

use pistreamer_protocol::message::Cause;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A release of libcamera. Each has a soname of its own, and its own binary interface.
pub(super) type Version = (u32, u32);

/// Reads `0.7`, or the beginning of `0.7.2`.
pub(super) fn version(text: &str) -> Option<Version> {
    let mut numbers = text.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    }
}

/// The newest one in the folders in which the dynamic linker looks.
pub(super) fn newest() -> Option<Version> {
    let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let named = std::env::split_paths(&named).collect();
    let libraries = [named, folders(Path::new("/"))].concat();
    let libraries = libraries.iter().flat_map(|folder| libraries_in(folder));
    libraries.map(|(version, _)| version).max()
}

/// Every one in the folders in which the dynamic linker of the system below `root` looks, once.
pub(crate) fn libraries(root: &Path) -> Vec<PathBuf> {
    let folders: BTreeSet<_> = folders(root)
        .iter()
        // On most systems, /lib is /usr/lib.
        .filter_map(|folder| folder.canonicalize().ok())
        .collect();
    let libraries = folders.iter().flat_map(|folder| libraries_in(folder));
    libraries.map(|(_, path)| path).collect()
}

/// Those in a folder, by their sonames.
fn libraries_in(folder: &Path) -> Vec<(Version, PathBuf)> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut libraries: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix("libcamera.so.")?;
            Some((self::version(version)?, entry.path()))
        })
        .collect();
    libraries.sort();
    libraries
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for parent in ["lib", "usr/lib", "usr/local/lib"].map(|path| root.join(path)) {
        let below = parent.read_dir().into_iter().flatten().flatten();
        folders.push(parent);
        // Debian's: /usr/lib/aarch64-linux-gnu.
        let of_machines =
            below.filter(|entry| entry.file_name().to_string_lossy().contains("-linux-"));
        folders.extend(of_machines.map(|entry| entry.path()));
    }
    folders
}

/// What to do where none of these, the oldest first, fits the one that is installed. `problem` is why the one that should
/// does not.
pub(super) fn explain(
    known: &[Version],
    installed: Option<Version>,
    problem: Option<String>,
) -> Cause {
    let text = |(major, minor): Version| format!("{major}.{minor}");
    let (Some(oldest), Some(newest)) = (known.first(), known.last()) else {
        return Cause::PartMissing;
    };
    let is = |version: &Version| installed.map(|installed| installed.cmp(version));
    let (too_old, too_new) = (is(oldest), is(newest));
    let (oldest, newest) = (text(*oldest), text(*newest));
    let Some(version) = installed.map(text) else {
        return Cause::NoLibcamera { oldest, newest };
    };
    match problem {
        _ if too_new == Some(Ordering::Greater) => Cause::LibcameraTooNew {
            version,
            oldest,
            newest,
        },
        _ if too_old == Some(Ordering::Less) => Cause::LibcameraTooOld {
            version,
            oldest,
            newest,
        },
        Some(problem) => Cause::LibcameraBroken { version, problem },
        None => Cause::LibcameraUnusable { version },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_follows_from_what_is_installed() {
        let explain = |known: &[Version], installed| explain(known, installed, None).to_string();
        let known = [(0, 4), (0, 5), (0, 6), (0, 7)];
        assert_eq!(
            explain(&known, Some((0, 8))),
            "libcamera 0.8 is installed; this pistreamer knows 0.4 to 0.7: update it"
        );
        assert_eq!(
            explain(&known, Some((0, 10))),
            "libcamera 0.10 is installed; this pistreamer knows 0.4 to 0.7: update it"
        );
        assert!(explain(&known, version("0.0.3")).contains("sudo apt full-upgrade"));
        assert!(explain(&known, None).contains("install libcamera-ipa"));
        assert!(explain(&known, Some((0, 6))).contains("cannot be used"));
        assert!(explain(&[], None).contains("install it again"));
    }
}
