//! The state directory's files: made for their owner alone, replaced in one step, and never written through links.
//!
//! What they hold belongs to [`crate::access`] and [`crate::front`].

use rustix::fs::{OFlags, readlinkat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Largest file that is read and written, in bytes.
const LARGEST: u64 = 1 << 20;

/// Bits of a mode: the group and everybody.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// Makes the directory, with mode 0700, where it does not exist.
///
/// # Errors
/// Where it cannot be made, or others could replace the files in it.
pub(crate) fn make(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    check(directory, directory)
}

/// Looks whether the directory is safe for what decides who is let in. `shown` is its path for people.
///
/// # Errors
/// Where others could replace the files in it, or, where it is sticky, put files there before they are made.
pub(crate) fn check(directory: &Path, shown: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::metadata(directory) else {
        // Reading a file in it says why.
        return Ok(());
    };
    check_owner(&metadata)?;
    if metadata.permissions().mode() & OTHERS_MAY_WRITE == 0 {
        return Ok(());
    }
    let text = format!(
        "other users of this machine may write in it: chmod 700 {}",
        shown.display()
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

/// Looks whether a file is another user's.
///
/// # Errors
/// Where there is none, or it is.
pub(crate) fn check_file(path: &Path) -> io::Result<()> {
    let owned = check_owner(&fs::metadata(path)?);
    owned.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Has this thread go on as the directory's owner, for good, where it is root's and the directory is another user's.
///
/// What it writes is that user's then, whose server has to read it; and links that the user put there lead to nothing that
/// is not that user's to read or write. The directory is held, because it may lie where only root comes, and its place may
/// have another one a moment later. Nothing happens, and `None` is returned, where there is no such directory, or this is
/// not root.
///
/// # Errors
/// Where the system does not allow it.
pub(crate) fn act_as_owner(directory: &Path) -> io::Result<Option<Held>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let held = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::PATH | OFlags::DIRECTORY).bits() as i32)
        .open(directory);
    let Ok(held) = held else {
        // Reading a file in it says why.
        return Ok(None);
    };
    let user = Uid::from_raw(held.metadata()?.uid());
    if !user.is_root() {
        let group = Gid::from_raw(group_of(user).unwrap_or(NO_GROUP));
        set_thread_groups(&[])?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
    }
    Ok(Some(Held(held)))
}

/// A directory that stays the same one, whatever takes its place, and can be reached also from where its parents cannot.
#[derive(Debug)]
pub(crate) struct Held(File);

impl Held {
    /// Where this process reaches it as long as this value lives (proc_pid_fd(5)).
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

/// Debian's `nogroup`, to which nothing belongs.
const NO_GROUP: u32 = 65_534;

/// The group that a user has at a login (passwd(5)). The directory's own may be root's, or one of others.
fn group_of(user: Uid) -> Option<u32> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let number = |field: Option<&str>| field?.parse::<u32>().ok();
    let mut groups = users.lines().filter_map(|line| {
        let mut fields = line.split(':').skip(2);
        let is_users = number(fields.next()) == Some(user.as_raw());
        number(fields.next()).filter(|_| is_users)
    });
    groups.next()
}

/// The directory's lock. It is held until the file is dropped, so that of two changes at once none is lost.
///
/// # Errors
/// Where it cannot be had.
pub(crate) fn lock(directory: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(directory.join("lock"))?;
    file.lock()?;
    Ok(file)
}

/// Replaces a file: whoever reads meanwhile, or after a crash at any moment, finds the old content or the new one. A link in
/// its place is replaced and not followed.
///
/// # Errors
/// Where it cannot be written, or is too large to be read again; then nothing changed.
pub(crate) fn replace(directory: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    if content.len() as u64 > LARGEST {
        return Err(too_large());
    }
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(directory.join(name))
        .map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

/// The text of a file that decides who is let in.
///
/// # Errors
/// Where it cannot be read, is too large or no file, or belongs to another user, who could let in anybody by it.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let file = open_regular(path)?;
    let metadata = file.metadata()?;
    check_owner(&metadata)?;
    if metadata.len() > LARGEST {
        return Err(too_large());
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

fn too_large() -> io::Error {
    let text = format!("it has more than {LARGEST} bytes");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Opens a regular file. Waits for no pipe.
///
/// # Errors
/// Where it cannot be opened, or is another one.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    open_regular_with(path, OFlags::empty())
}

fn open_regular_with(path: &Path, flags: OFlags) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NONBLOCK | flags).bits() as i32)
        .open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    let text = "it is not a regular file";
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

/// Opens a regular file that nobody but root, the user, and whoever became root by `sudo` can have written.
///
/// # Errors
/// Where it cannot be opened, or is another one.
pub(crate) fn open_own(path: &Path) -> io::Result<File> {
    let mut at = path.to_owned();
    // A link that another user put there could lead to any file of this one. The link that is followed is the one that is
    // looked at, because its place may have something else in it a moment later.
    for _ in 0..=MOST_LINKS {
        match open_regular_with(&at, OFlags::NOFOLLOW) {
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {}
            opened => return own(opened?, path),
        }
        let link = OpenOptions::new()
            .read(true)
            .custom_flags((OFlags::PATH | OFlags::NOFOLLOW).bits() as i32)
            .open(&at)?;
        check_own(&link.metadata()?)?;
        let leads_to = readlinkat(&link, "", Vec::new())?;
        let leads_to = Path::new(OsStr::from_bytes(leads_to.as_bytes()));
        at = at.parent().unwrap_or(Path::new("")).join(leads_to);
    }
    Err(Errno::LOOP.into())
}

/// Links that follow each other, as the system takes no more.
const MOST_LINKS: usize = 40;

/// Opens the file, unless another user could have written it.
fn own(file: File, path: &Path) -> io::Result<File> {
    let metadata = file.metadata()?;
    check_own(&metadata)?;
    let (mode, group) = (metadata.permissions().mode(), metadata.gid());
    // A user's own group has the user's number; any other one may have further members.
    let own = group == 0 || group == metadata.uid();
    let who = if mode & 0o002 != 0 {
        "every user of this machine may write it: chmod o-w"
    } else if mode & 0o020 != 0 && !own {
        "a group of other users may write it: chmod g-w"
    } else {
        return Ok(file);
    };
    let text = format!("{who} {}", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

/// Checks that the owner is root, this user, or the user who ran `sudo`.
fn check_own(metadata: &Metadata) -> io::Result<()> {
    if sudoer() == Some(metadata.uid()) {
        return Ok(());
    }
    check_owner(metadata)
}

/// The user who became root by `sudo`.
fn sudoer() -> Option<u32> {
    let root = geteuid().is_root();
    let id = std::env::var("SUDO_UID").ok().filter(|_| root)?;
    id.parse().ok()
}

/// Whether other users may read or write a file.
pub(crate) fn is_exposed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Whether everybody on this machine may read or write a file. A group may, as Debian's `ssl-cert` does.
pub(crate) fn is_open_to_all(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0)
}

fn check_owner(metadata: &Metadata) -> io::Result<()> {
    let (owner, own) = (metadata.uid(), geteuid().as_raw());
    if owner == own || owner == 0 {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "it belongs to the user with the id {owner}, and this program runs as {own}: run it as that user, or chown it"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{chown, lchown, symlink};

    #[test]
    fn nothing_is_written_through_links_that_lie_in_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let victim = elsewhere.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        for name in ["keys.json", "lock"] {
            symlink(&victim, directory.path().join(name)).unwrap();
        }
        replace(directory.path(), "keys.json", b"new").unwrap();
        assert!(lock(directory.path()).is_err(), "the lock follows links");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        let large = vec![b' '; LARGEST as usize + 1];
        assert!(replace(directory.path(), "keys.json", &large).is_err());
        let replaced = directory.path().join("keys.json");
        assert_eq!(fs::read_to_string(&replaced).unwrap(), "new");
        let mode = fs::symlink_metadata(&replaced).unwrap().mode();
        assert_eq!(mode & 0o170_777, 0o100_600);
    }

    #[test]
    fn a_file_that_another_user_can_have_written_is_not_opened() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pistreamer.toml");
        fs::write(&path, "").unwrap();
        open_own(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let said = open_own(&path).unwrap_err().to_string();
        assert!(said.contains("chmod o-w /"), "{said}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        open_own(&path).unwrap();
        if geteuid().is_root() {
            chown(&path, None, Some(65_534)).unwrap();
            let said = open_own(&path).unwrap_err().to_string();
            assert!(said.contains("chmod g-w /"), "{said}");
            chown(&path, Some(65_534), Some(0)).unwrap();
            let said = open_own(&path).unwrap_err().to_string();
            assert!(said.contains("the id 65534"), "{said}");
            chown(&path, Some(0), None).unwrap();
            let link = directory.path().join("link");
            symlink(&path, &link).unwrap();
            open_own(&link).unwrap();
            lchown(&link, Some(65_534), None).unwrap();
            assert!(
                open_own(&link).is_err(),
                "a link of another user is followed"
            );
        }
        fs::remove_file(&path).unwrap();
        // A pipe that nothing writes would hold up the start.
        let status = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(status.unwrap().success());
        assert!(open_own(&path).is_err());
    }

    #[test]
    fn a_link_of_another_user_is_not_followed_while_something_else_takes_its_place() {
        if !geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let there = |name: &str| directory.path().join(name);
        fs::write(there("secret"), "secret").unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let place = there("pistreamer.toml");
        fs::write(&place, "").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    symlink(there("secret"), there("next")).unwrap();
                    lchown(there("next"), Some(65_534), None).unwrap();
                    fs::rename(there("next"), &place).unwrap();
                    fs::write(there("next"), "").unwrap();
                    fs::rename(there("next"), &place).unwrap();
                }
            });
            let read = |file: File| io::read_to_string(file).unwrap();
            let texts = (0..50_000).filter_map(|_| Some(read(open_own(&place).ok()?)));
            let all_own = texts.into_iter().all(|text| text.is_empty());
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(all_own, "it was followed");
        });
    }

    #[test]
    fn a_directory_in_which_others_may_write_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("a/b");
        make(&directory).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&parent.path().join("a")), 0o700);
        for mode in [0o777, 0o1777, 0o770, 0o702] {
            fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
            for refused in [make(&directory), check(&directory, &directory)] {
                let said = refused.unwrap_err().to_string();
                assert!(said.contains("chmod 700 /"), "{mode:o}: {said}");
            }
        }
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        check(&directory, &directory).unwrap();
    }
}
