//! The files that were begun before the machine knew the time. They are noted beside the recordings, so that they get their time when
//! that is learned, also after a pause of recording or another start of the program.
//!
//! A line each: `CAMERA/DAY/FILE`, when it was begun by the steady clock in µs, in which boot of the machine, and a checksum. Once the
//! time is known, `clock`, the Unix time in µs at which the steady clock began, and the boot. After another boot, when a file without
//! such a line was begun is not known any more.

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
    /// At this Unix time in ms, in another boot, which learned it.
    Known(u64),
    /// In another boot.
    Unknown,
    /// In another boot; it stays until this Unix time in ms.
    UnknownUntil(u64),
}

/// In place of a boot, for [`Begun::Known`] and [`Begun::UnknownUntil`].
const KNOWN: &str = "known";
const UNTIL: &str = "until";

/// In place of a file: when the steady clock began.
const CLOCK: &str = "clock";

/// A file without its time.
#[derive(Clone, Copy, Debug)]
struct Entry {
    begun: Begun,
    /// Giving it its time has failed: it is tried again at the next start.
    has_failed: bool,
}

/// The files whose time is not known, by their cameras.
#[derive(Debug, Default)]
pub(crate) struct Unset {
    files: BTreeMap<String, BTreeMap<Name, Entry>>,
    /// Which boot of the machine this is.
    boot: String,
    /// The Unix time in µs at which the steady clock of this boot began, once that is known.
    clock_us: Option<i64>,
    /// Lines in the file.
    lines: usize,
    /// Nothing can get its time: not before something changes.
    is_idle: bool,
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
        let lines = ended.lines().filter(|line| !line.is_empty());
        let lines: Vec<Line<'_>> = lines.filter_map(parse).collect();
        unset.lines = lines.len();
        let clocks: BTreeMap<&str, i64> = lines.iter().filter_map(Line::clock).collect();
        unset.clock_us = clocks.get(boot).copied();
        for line in &lines {
            // Those of a camera whose directory cannot be read now are kept.
            if let Line::File(camera, name, number, of) = *line
                && (there.has(camera, name) || !there.cameras().any(|it| it == camera))
            {
                let begun = match of {
                    UNTIL => Begun::UnknownUntil(number),
                    KNOWN => Begun::Known(number),
                    of if of == boot => Begun::At(number),
                    of => clocks.get(of).map_or(Begun::Unknown, |clock_us| {
                        Begun::Known(number.saturating_add_signed(*clock_us) / 1000)
                    }),
                };
                unset.insert(camera, name, begun);
            }
        }
        unset
    }

    fn line(&self, camera: &str, name: Name, begun: Begun) -> String {
        let (number, boot) = match begun {
            Begun::At(us) => (us, self.boot.as_str()),
            Begun::Known(ms) => (ms, KNOWN),
            Begun::Unknown => (0, "unknown"),
            Begun::UnknownUntil(ms) => (ms, UNTIL),
        };
        checked(&format!(
            "{camera}/{} {number} {boot}",
            name.path().display()
        ))
    }

    fn clock_line(&self) -> Option<String> {
        let clock_us = self.clock_us?;
        Some(checked(&format!("{CLOCK} {clock_us} {}", self.boot)))
    }

    fn insert(&mut self, camera: &str, name: Name, begun: Begun) {
        let files = self.files.entry(camera.into()).or_default();
        let has_failed = false;
        files.insert(name, Entry { begun, has_failed });
        if files.len() > MOST {
            // Where the clock begins anew with each boot, the newest have the smallest names.
            let of_others = files
                .iter()
                .find(|(_, it)| !matches!(it.begun, Begun::At(_)));
            let oldest = of_others.or(files.first_key_value()).map(|(name, _)| *name);
            oldest.map(|oldest| files.remove(&oldest));
        }
    }

    /// Notes that the steady clock began at that Unix time in µs: files that were begun before get their time also after another boot.
    pub(crate) fn learn<D: Disk>(&mut self, disk: &D, root: &Path, clock_us: i64) {
        let is_of_use = self.all().any(|it| matches!(it.begun, Begun::At(_)));
        if self.clock_us.is_some() || !is_of_use {
            return;
        }
        self.clock_us = Some(clock_us);
        self.is_idle = false;
        let line = self.clock_line().unwrap_or_default();
        self.append(
            disk,
            root,
            &line,
            "when recordings were made cannot be noted",
        );
    }

    fn all(&self) -> impl Iterator<Item = &Entry> {
        self.files.values().flat_map(BTreeMap::values)
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
        self.is_idle = false;
        let line = self.line(camera, name, begun);
        self.append(
            disk,
            root,
            &line,
            "that a recording has no time yet cannot be noted",
        );
    }

    fn append<D: Disk>(&mut self, disk: &D, root: &Path, line: &str, otherwise: &str) {
        let path = root.join(NOTES);
        // One that was cut off before has no end.
        let line = format!("\n{line}");
        let written = match disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk
                .create(&path)
                .and_then(|file| append(file, &line))
                .and_then(|()| disk.sync_directory(root)),
            opened => opened.and_then(|file| append(file, &line)),
        };
        match written {
            Ok(()) => self.lines += 1,
            Err(error) => tracing::warn!(file = %path.display(), %error, "{otherwise}"),
        }
    }

    /// Whether the file's time is not known yet.
    pub(crate) fn has(&self, camera: &str, name: Name) -> bool {
        let files = self.files.get(camera);
        files.is_some_and(|files| files.contains_key(&name))
    }

    /// Since when, in Unix time in ms, a file has its turn among those that have to go for room; `None` if its name says that. `keeps_ms`
    /// says for how long it stays.
    pub(crate) fn since(
        &self,
        camera: &str,
        name: Name,
        keeps_ms: impl Fn(Name) -> u64,
    ) -> Option<u64> {
        let entry = self.files.get(camera)?.get(&name)?;
        Some(match entry.begun {
            // As if it had been made now.
            Begun::At(_) => u64::MAX,
            Begun::Unknown => u64::MAX - 1,
            Begun::Known(start_ms) => start_ms,
            Begun::UnknownUntil(until_ms) => until_ms.saturating_sub(keeps_ms(name)),
        })
    }

    /// The next file that can get its time, and the Unix time in ms of that.
    pub(crate) fn next(&mut self) -> Option<(String, Name, u64)> {
        if self.is_idle {
            return None;
        }
        let clock_us = self.clock_us;
        let next = self.files.iter().find_map(|(camera, files)| {
            files.iter().find_map(|(name, entry)| {
                let start_ms = match (entry.begun, clock_us) {
                    _ if entry.has_failed => return None,
                    (Begun::At(us), Some(clock_us)) => us.saturating_add_signed(clock_us) / 1000,
                    (Begun::Known(ms), _) => ms,
                    _ => return None,
                };
                Some((camera.clone(), *name, start_ms))
            })
        });
        self.is_idle = next.is_none();
        next
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
        if let Some(entry) = files.and_then(|files| files.get_mut(&name)) {
            entry.has_failed = true;
        }
    }

    /// Forgets the files that have stayed for as long as others do, which `keeps_ms` says: by the steady clock, or, those of another
    /// boot, by `ages_ms`, the Unix time in ms that recordings go by, from `wall_ms` on, which is given once the clock is set. Returns
    /// how many of those are new.
    pub(crate) fn lapse(
        &mut self,
        steady_us: u64,
        ages_ms: Option<u64>,
        wall_ms: Option<u64>,
        keeps_ms: impl Fn(Name) -> u64,
    ) -> usize {
        let mut new = 0;
        for files in self.files.values_mut() {
            files.retain(|name, entry| {
                let keeps_ms = keeps_ms(*name);
                match entry.begun {
                    Begun::At(us) => us.saturating_add(keeps_ms.saturating_mul(1000)) > steady_us,
                    Begun::Known(start_ms) => {
                        ages_ms.is_none_or(|now_ms| start_ms.saturating_add(keeps_ms) > now_ms)
                    }
                    Begun::Unknown => {
                        if let Some(wall_ms) = wall_ms {
                            entry.begun = Begun::UnknownUntil(wall_ms.saturating_add(keeps_ms));
                            new += 1;
                        }
                        true
                    }
                    Begun::UnknownUntil(until_ms) => ages_ms.is_none_or(|now_ms| until_ms > now_ms),
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
            match disk.remove(&path) {
                // Somebody else has removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        } else {
            let new = root.join(NEW_NOTES);
            // One that is left of a power cut.
            let _ = disk.remove(&new);
            let mut lines = self.clock_line().unwrap_or_default();
            for (camera, files) in &self.files {
                for (name, entry) in files {
                    lines += &self.line(camera, *name, entry.begun);
                }
            }
            append(disk.create(&new)?, &lines)?;
            disk.rename(&new, &path)?;
        }
        disk.sync_directory(root)?;
        self.lines = said + usize::from(said > 0 && self.clock_us.is_some());
        Ok(())
    }
}

fn append(mut file: impl File, text: &str) -> io::Result<()> {
    file.append(&mut [IoSlice::new(text.as_bytes())])?;
    file.sync()
}

/// The text of a file: the end of it, if that is longer than this program makes it.
fn whole(file: &impl ReadAt) -> io::Result<String> {
    let length = file.length()?;
    let mut bytes = vec![0; length.min(LONGEST) as usize];
    let read = file.read_at(length - bytes.len() as u64, &mut bytes)?;
    bytes.truncate(read);
    // Of a line that is cut off, the checksum is wrong.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a line of the notes says.
enum Line<'l> {
    /// When the steady clock of a boot began.
    Clock(&'l str, i64),
    /// A camera's file, a number, and what that is of.
    File(&'l str, Name, u64, &'l str),
}

impl<'l> Line<'l> {
    fn clock(&self) -> Option<(&'l str, i64)> {
        match *self {
            Self::Clock(boot, clock_us) => Some((boot, clock_us)),
            Self::File(..) => None,
        }
    }
}

fn parse(line: &str) -> Option<Line<'_>> {
    let (line, checksum) = line.rsplit_once(' ')?;
    if u32::from_str_radix(checksum, 16).ok()? != crc32fast::hash(line.as_bytes()) {
        return None;
    }
    let mut words = line.split(' ');
    let (path, number, of) = (words.next()?, words.next()?, words.next()?);
    if path == CLOCK {
        return Some(Line::Clock(of, number.parse().ok()?));
    }
    let mut parts = path.split('/');
    let (camera, day, file) = (parts.next()?, parts.next()?, parts.next()?);
    let name = Name::parse(day, file).filter(|_| is_camera(camera))?;
    Some(Line::File(camera, name, number.parse().ok()?, of))
}

/// A line with its checksum.
fn checked(line: &str) -> String {
    format!("{line} {:08x}\n", crc32fast::hash(line.as_bytes()))
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
