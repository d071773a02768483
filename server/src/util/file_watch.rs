//! Notices that files changed, by looking at them now and then: that works on every file system, for files that are replaced,
//! rewritten in place, or reached through links that are pointed elsewhere.
//!
//! Reading a file, and reacting to its content, belongs to the caller.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

/// Equal for as long as a file is neither replaced nor rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    device: u64,
    inode: u64,
    size: u64,
    /// Of the last change, of its permissions too: a file that could not be read may be readable now. Unlike the time of the
    /// last write, programs cannot set it back.
    changed: (i64, i64),
}

impl Version {
    /// The present one, of what links lead to; `None` where there is nothing.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Files that belong together, such as a certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct FileWatch {
    files: Vec<(PathBuf, Option<Version>)>,
    version: fn(&Path) -> Option<Version>,
}

impl FileWatch {
    /// Watches these files from now on. Make it before they are read: what changes in between is then noticed.
    pub(crate) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut watch = Self {
            files: Vec::new(),
            version: Version::of,
        };
        watch.add(paths);
        watch
    }

    /// Watches these files, too, from now on.
    pub(crate) fn add(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        self.files.extend(paths.into_iter().map(|path| {
            let version = (self.version)(&path);
            (path, version)
        }));
    }

    /// Returns true if one of the files has changed, appeared or gone since this last returned.
    ///
    /// A file may be only half written then. It changes once more when it is complete, so a caller that cannot use it keeps
    /// what it had, and reads it again after the next change.
    pub(crate) async fn has_changed(&mut self) -> bool {
        let (mut files, version) = (self.files.clone(), self.version);
        // A network's disk may not answer, which must not hold up anything else.
        let looked = tokio::task::spawn_blocking(move || {
            let mut changed = false;
            for (path, known) in &mut files {
                let now = version(path);
                changed |= now != *known;
                *known = now;
            }
            (files, changed)
        });
        let Ok((files, changed)) = looked.await else {
            return false;
        };
        self.files = files;
        changed
    }

    /// Waits for [`Self::has_changed`], polling at this interval. It may be dropped at any time without missing a change.
    pub(crate) async fn changed(&mut self, interval: Duration) {
        loop {
            sleep(interval).await;
            if self.has_changed().await {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::{Condvar, Mutex};

    #[tokio::test]
    async fn a_file_that_only_is_read_has_not_changed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "one").unwrap();
        let mut watch = FileWatch::new([path.clone(), directory.path().join("none")]);
        assert!(!watch.has_changed().await);
        fs::read(&path).unwrap();
        assert!(!watch.has_changed().await);
    }

    #[tokio::test]
    async fn every_way_to_change_a_file_is_noticed_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "one").unwrap();
        let mut watch = FileWatch::new([path("other"), path("file")]);
        let modified = fs::metadata(path("file")).unwrap().modified().unwrap();
        let rewritten_with_its_old_time = || {
            fs::write(path("file"), "longer").unwrap();
            let file = fs::File::options().write(true).open(path("file")).unwrap();
            file.set_modified(modified).unwrap();
        };
        let replaced_by_one_of_its_size = || {
            fs::write(path("new"), "LONGER").unwrap();
            fs::rename(path("new"), path("file")).unwrap();
        };
        let made_unreadable = || {
            fs::set_permissions(path("file"), fs::Permissions::from_mode(0o0)).unwrap();
        };
        let gone = || fs::remove_file(path("file")).unwrap();
        let back = || fs::write(path("file"), "one").unwrap();
        let changes: [&dyn Fn(); 5] = [
            &rewritten_with_its_old_time,
            &replaced_by_one_of_its_size,
            &made_unreadable,
            &gone,
            &back,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            // Two changes within a tick of the kernel's clock may look like one.
            let before = fs::metadata(path("file")).map(|data| (data.ctime(), data.ctime_nsec()));
            while tick(directory.path()) <= before.as_ref().copied().unwrap_or_default() {}
            change();
            assert!(watch.has_changed().await, "change {number}");
            assert!(!watch.has_changed().await, "change {number} is told twice");
        }
    }

    /// What the kernel's clock says for a file that is made now.
    fn tick(directory: &Path) -> (i64, i64) {
        let probe = tempfile::NamedTempFile::new_in(directory).unwrap();
        let data = probe.as_file().metadata().unwrap();
        (data.ctime(), data.ctime_nsec())
    }

    #[tokio::test]
    async fn a_directory_that_a_link_leads_to_can_be_swapped_for_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["first", "second"] {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join("file"), "same").unwrap();
        }
        symlink(path("first"), path("current")).unwrap();
        let mut watch = FileWatch::new([path("current").join("file")]);
        symlink(path("second"), path("next")).unwrap();
        fs::rename(path("next"), path("current")).unwrap();
        assert!(watch.has_changed().await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_waited_for_and_one_from_before_the_wait_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut watch = FileWatch::new([path.clone()]);
        let second = Duration::from_secs(1);
        let waited = tokio::time::timeout(10 * second, watch.changed(second)).await;
        assert!(waited.is_err(), "nothing has changed");
        fs::write(&path, "new").unwrap();
        watch.changed(second).await;
    }

    #[tokio::test]
    async fn a_disk_that_does_not_answer_holds_up_nothing_else() {
        static IS_SILENT: Mutex<bool> = Mutex::new(true);
        static ANSWERS: Condvar = Condvar::new();
        let mut watch = FileWatch {
            files: vec![("file".into(), None)],
            version: |path| {
                let is_silent = IS_SILENT.lock().unwrap();
                drop(ANSWERS.wait_while(is_silent, |is_silent| *is_silent));
                Version::of(path)
            },
        };
        tokio::select! {
            biased;
            _ = watch.has_changed() => panic!("the disk does not answer"),
            // Everything else goes on, on the same thread.
            () = sleep(Duration::from_millis(1)) => {}
        }
        *IS_SILENT.lock().unwrap() = false;
        ANSWERS.notify_all();
        assert!(!watch.has_changed().await);
    }
}
