//! File systems that are mounted for a test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// Whoever cannot mount anything sets this variable, and the tests that need it are left out.
const NO_MOUNTS: &str = "PISTREAMER_NO_MOUNTS";

/// Whether tests may mount. Where they cannot although they are to, they fail.
pub(crate) fn may_mount() -> bool {
    let may = std::env::var_os(NO_MOUNTS).is_none();
    if !may {
        eprintln!("LEFT OUT, because {NO_MOUNTS} is set");
    }
    may
}

/// Runs a command as root.
pub(crate) fn as_root(program: &str, arguments: &[&str]) {
    let is_root = rustix::process::geteuid().is_root();
    let mut command = Command::new(if is_root { program } else { "sudo" });
    if !is_root {
        command.args(["-n", program]);
    }
    let done = command.args(arguments).output();
    let said = match &done {
        Ok(done) if done.status.success() => return,
        Ok(done) => String::from_utf8_lossy(&done.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    panic!(
        "{program} {arguments:?}: {said}\nrun this as root, or as a user with sudo and no password, or leave it out with {NO_MOUNTS}=1"
    );
}

/// A mounted file system that belongs to this user.
pub(crate) struct Mounted {
    place: tempfile::TempDir,
}

impl Mounted {
    /// One in memory, of that size.
    pub(crate) fn memory(size: &str) -> Self {
        let user = rustix::process::geteuid().as_raw();
        let options = format!("size={size},mode=0700,uid={user}");
        Self::mount(&["-t", "tmpfs", "-o", &options, "tmpfs"])
    }

    /// The ext4 file system in an image.
    pub(crate) fn image(image: &Path) -> Self {
        Self::mount(&["-o", "loop", image.to_str().unwrap()])
    }

    fn mount(what: &[&str]) -> Self {
        let place = tempfile::tempdir().unwrap();
        as_root("mount", &[what, &[place.path().to_str().unwrap()]].concat());
        Self { place }
    }

    /// Takes it away, though files in it are open, and has the image there again once nothing uses it any more. In between, `meanwhile`
    /// is called.
    pub(crate) fn pull_out(&self, image: &Path, meanwhile: impl FnOnce()) {
        let at = self.path().to_str().unwrap();
        as_root("umount", &["-l", at]);
        meanwhile();
        let begun = Instant::now();
        // A second loop device for it would be a second disk with the same content.
        while is_used(image) {
            assert!(begun.elapsed() < PATIENCE, "the image stays in use");
            std::thread::sleep(Duration::from_millis(20));
        }
        as_root("mount", &["-o", "loop", image.to_str().unwrap(), at]);
    }

    /// Mounts it anew with that option.
    pub(crate) fn remount(&self, how: &str) {
        let at = self.path().to_str().unwrap();
        as_root("mount", &["-o", &format!("remount,{how}"), at]);
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    /// A directory for recordings in it.
    pub(crate) fn root(&self) -> PathBuf {
        self.path().join("recordings")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        as_root("umount", &["-l", self.path().to_str().unwrap()]);
    }
}

/// Whether the image is the file of a loop device.
fn is_used(image: &Path) -> bool {
    let listed = Command::new("/sbin/losetup").arg("-j").arg(image).output();
    !listed.unwrap().stdout.is_empty()
}

/// Makes an image with an ext4 file system in it that belongs to this user.
pub(crate) fn make_image(image: &Path, bytes: u64) {
    std::fs::File::create(image)
        .unwrap()
        .set_len(bytes)
        .unwrap();
    let (user, group) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    let owner = format!("root_owner={user}:{group}");
    let made = Command::new("/sbin/mkfs.ext4")
        .args(["-q", "-E", &owner])
        .arg(image)
        .output()
        .expect("mkfs.ext4 is missing: install e2fsprogs");
    assert!(made.status.success(), "{made:?}");
}
