//! The files that were begun before the machine knew the time. They are noted beside the recordings, so that they get their time when
//! that is learned, also after a pause of recording or another start of the program.
//!
//! A line each: `CAMERA/DAY/FILE`, when it was begun by the steady clock in µs, in which boot of the machine, and a checksum. After
//! another boot, when that was is not known any more.

use crate::catalogue::Catalogue;
use crate::disk::{Disk, File};
use crate::name::{Name, is_camera};
use crate::segment::ReadAt;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::Path;

/// The file with these lines, and the one that it is made anew in.
const NOTES: &str = "pistreamer-unset.txt";
const NEW_NOTES: &str = "pistreamer-unset.new";

/// Files of a camera that are noted: a week of continuous recordings. The oldest ones fall out.
const MOST: usize = 10_000;

/// Lines that say nothing any more, beyond those that do, before all are written anew.
const MOST_IDLE: usize = 1000;

/// Bytes of the file that are read: lines of many cameras.
const LONGEST: u64 = 16 << 20;

/// When a file was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// By the steady clock of this boot, in µs.
    At(u64),
    /// The same, and giving it that time has failed: it is tried again at the next start.
    Failed(u64),
    /// In another boot.
    Unknown,
    /// In another boot; it counts as other recordings do from this Unix time in ms on.
    UnknownUntil(u64),
}

/// In place of a boot, for [`Begun::UnknownUntil`].
const UNTIL: &str = "until";

/// The files whose time is not known, by their cameras.
#[derive(Debug, Default)]
pub(crate) struct Unset {
    files: BTreeMap<String, BTreeMap<Name, Begun>>,
    /// Which boot of the machine this is.
    boot: String,
    /// Lines in the file.
    lines: usize,
}

impl Unset {
    /// What is noted there of the recordings that there are, where this is that boot of the machine. Notes that cannot be read are left
    /// out, and told.
    pub(crate) fn read<D: Disk>(disk: &D, root: &Path, boot: &str, there: &Catalogue) -> Self {
        let mut unset = Self {
            boot: boot.into(),
            ..Self::default()
        };
        let path = root.join(NOTES);
        let text = match disk.open_read(&path).and_then(|file| whole(&file)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return unset,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "which recordings have no time yet cannot be read");
                return unset;
            }
        };
        // Without its end, a line may say another number.
        let ended = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in ended.lines().filter(|line| !line.is_empty()) {
            unset.lines += 1;
            if let Some((camera, name, begun)) = unset.parse(line)
                && there.has(camera, name)
            {
                unset.insert(camera, name, begun);
            }
        }
        unset
    }

    fn parse<'l>(&self, line: &'l str) -> Option<(&'l str, Name, Begun)> {
        let (line, checksum) = line.rsplit_once(' ')?;
        if u32::from_str_radix(checksum, 16).ok()? != crc32fast::hash(line.as_bytes()) {
            return None;
        }
        let mut words = line.split(' ');
        let (path, number, boot) = (words.next()?, words.next()?, words.next()?);
        let mut parts = path.split('/');
        let (camera, day, file) = (parts.next()?, parts.next()?, parts.next()?);
        let name = Name::parse(day, file).filter(|_| is_camera(camera))?;
        let number = number.parse().ok()?;
        let begun = match boot {
            UNTIL => Begun::UnknownUntil(number),
            boot if boot == self.boot => Begun::At(number),
            _ => Begun::Unknown,
        };
        Some((camera, name, begun))
    }

    fn line(&self, camera: &str, name: Name, begun: Begun) -> String {
        let (number, boot) = match begun {
            Begun::At(us) | Begun::Failed(us) => (us, self.boot.as_str()),
            Begun::Unknown => (0, "unknown"),
            Begun::UnknownUntil(ms) => (ms, UNTIL),
        };
        let line = format!("{camera}/{} {number} {boot}", name.path().display());
        format!("{line} {:08x}\n", crc32fast::hash(line.as_bytes()))
    }

    fn insert(&mut self, camera: &str, name: Name, begun: Begun) {
        let files = self.files.entry(camera.into()).or_default();
        files.insert(name, begun);
        if files.len() > MOST {
            files.pop_first();
        }
    }

    /// Notes a file that was begun at that time by the steady clock, in µs. Where that cannot be written, it is known until this ends.
    pub(crate) fn note<D: Disk>(
        &mut self,
        disk: &D,
        root: &Path,
        camera: &str,
        name: Name,
        steady_us: u64,
    ) {
        let begun = Begun::At(steady_us);
        self.insert(camera, name, begun);
        let path = root.join(NOTES);
        // One that was cut off before has no end.
        let line = format!("\n{}", self.line(camera, name, begun));
        let written = match disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk
                .create(&path)
                .and_then(|file| append(file, &line))
                .and_then(|()| disk.sync_directory(root)),
            opened => opened.and_then(|file| append(file, &line)),
        };
        match written {
            Ok(()) => self.lines += 1,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "that a recording has no time yet cannot be noted");
            }
        }
    }

    /// Whether the file's time is not known yet.
    pub(crate) fn has(&self, camera: &str, name: Name) -> bool {
        let files = self.files.get(camera);
        files.is_some_and(|files| files.contains_key(&name))
    }

    /// The next file that can get its time, and when it was begun by the steady clock, in µs.
    pub(crate) fn next(&self) -> Option<(String, Name, u64)> {
        self.files.iter().find_map(|(camera, files)| {
            files.iter().find_map(|(name, begun)| match begun {
                Begun::At(us) => Some((camera.clone(), *name, *us)),
                _ => None,
            })
        })
    }

    /// That file is removed, or has its time.
    pub(crate) fn forget(&mut self, camera: &str, name: Name) {
        if let Some(files) = self.files.get_mut(camera) {
            files.remove(&name);
            if files.is_empty() {
                self.files.remove(camera);
            }
        }
    }

    /// That file cannot get its time now.
    pub(crate) fn set_aside(&mut self, camera: &str, name: Name) {
        let files = self.files.get_mut(camera);
        if let Some(begun) = files.and_then(|files| files.get_mut(&name))
            && let Begun::At(us) = *begun
        {
            *begun = Begun::Failed(us);
        }
    }

    /// Forgets the files that have stayed for as long as others do, which `keeps_ms` says: by the steady clock, or, those of another
    /// boot, from now on by `ages_ms`, the Unix time in ms that recordings go by. Returns how many of those are new.
    pub(crate) fn lapse(
        &mut self,
        steady_us: u64,
        ages_ms: Option<u64>,
        keeps_ms: impl Fn(Name) -> u64,
    ) -> usize {
        let mut new = 0;
        for files in self.files.values_mut() {
            files.retain(|name, begun| {
                let keeps_ms = keeps_ms(*name);
                match (*begun, ages_ms) {
                    (Begun::At(us) | Begun::Failed(us), _) => {
                        us.saturating_add(keeps_ms.saturating_mul(1000)) > steady_us
                    }
                    (Begun::Unknown, Some(now_ms)) => {
                        *begun = Begun::UnknownUntil(now_ms.saturating_add(keeps_ms));
                        new += 1;
                        true
                    }
                    (Begun::UnknownUntil(until_ms), Some(now_ms)) => until_ms > now_ms,
                    (Begun::Unknown | Begun::UnknownUntil(_), None) => true,
                }
            });
        }
        self.files.retain(|_, files| !files.is_empty());
        new
    }

    /// Leaves out what says nothing any more, where that is much, or `always`.
    ///
    /// # Errors
    /// Where the disk fails: the notes stay as they were.
    pub(crate) fn tidy<D: Disk>(&mut self, disk: &D, root: &Path, always: bool) -> io::Result<()> {
        let said = self.files.values().map(BTreeMap::len).sum::<usize>();
        if self.lines == 0 || (!always && said > 0 && self.lines < 2 * said + MOST_IDLE) {
            return Ok(());
        }
        let path = root.join(NOTES);
        if said == 0 {
            disk.remove(&path)?;
        } else {
            let new = root.join(NEW_NOTES);
            // One that is left of a power cut.
            let _ = disk.remove(&new);
            let mut lines = String::new();
            for (camera, files) in &self.files {
                for (name, begun) in files {
                    lines += &self.line(camera, *name, *begun);
                }
            }
            append(disk.create(&new)?, &lines)?;
            disk.rename(&new, &path)?;
        }
        disk.sync_directory(root)?;
        self.lines = said;
        Ok(())
    }
}

fn append(mut file: impl File, text: &str) -> io::Result<()> {
    file.append(&mut [IoSlice::new(text.as_bytes())])?;
    file.sync()
}

/// The text of a file: as much as this program makes.
fn whole(file: &impl ReadAt) -> io::Result<String> {
    let mut bytes = vec![0; file.length()?.min(LONGEST) as usize];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Which boot of the machine this is.
pub(crate) fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let id = id.unwrap_or_default();
    // A line of its own has to hold it, as a word.
    let id: String = id
        .chars()
        .filter(|it| it.is_ascii_hexdigit() || *it == '-')
        .collect();
    // None is like another.
    if id.is_empty() {
        format!("{:x}", fastrand::u64(..))
    } else {
        id
    }
}
