//! Messages on the disk until each receiver has them, across restarts.
//!
//! A message is a file for each receiver, `NUMBER.RECEIVER.json`, which is never written again; its picture is one file for all of
//! them, `NUMBER.jpg`. Both are written whole under another name, synced, and renamed. What cannot be written stays in memory, and
//! is sent all the same. When to send belongs to [`crate::queue`].

use crate::Alert;
use crate::queue::MOST;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of pictures that are kept on the disk. The oldest ones are left out first.
const PICTURES: u64 = 16 << 20;

/// The same for those that cannot be written.
const PICTURES_IN_MEMORY: u64 = 2 << 20;

/// Receivers, with those of earlier configurations.
const RECEIVERS: usize = 16;

/// Largest file of a message that is read.
const LARGEST: u64 = 64 << 10;

/// Largest picture that is kept.
const LARGEST_PICTURE: u64 = 8 << 20;

/// Before that, the clock was not set: the beginning of 2024 in µs.
const SET_US: u64 = 1_704_067_200_000_000;

/// What was lost, and why; all of it since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Files that could not be read.
    pub corrupt: u64,
    /// Pictures that were left out because there were too many.
    pub pictures: u64,
    /// Messages that there was no room for.
    pub messages: u64,
    /// Messages that are in memory alone because they could not be written.
    pub unwritten: u64,
}

/// A picture of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    /// In this file.
    File(PathBuf),
    /// In memory alone.
    Memory(Arc<[u8]>),
}

impl Picture {
    /// Its bytes.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Memory(bytes) => Ok(bytes.to_vec()),
            Self::File(path) => {
                let mut bytes = Vec::new();
                File::open(path)?
                    .take(LARGEST_PICTURE)
                    .read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

#[derive(Debug)]
struct Kept {
    alert: Arc<Alert>,
    /// Receivers that do not have it yet.
    to: Vec<String>,
    picture: Option<(Picture, u64)>,
}

/// The messages that somebody waits for.
#[derive(Debug)]
pub struct Outbox {
    /// `None` where there is no place.
    directory: Option<PathBuf>,
    kept: BTreeMap<u64, Kept>,
    next: u64,
    lost: Lost,
    /// Why the last message could not be written; empty where it was.
    problem: String,
}

impl Outbox {
    /// Reads what an earlier run left. Files that cannot be read are removed, and counted. `None` keeps all in memory.
    pub fn open(directory: Option<&Path>) -> Self {
        let mut outbox = Self {
            directory: directory.map(Path::to_owned),
            kept: BTreeMap::new(),
            next: 1,
            lost: Lost::default(),
            problem: String::new(),
        };
        if let Some(directory) = directory
            && let Err(error) = outbox.read(directory)
        {
            outbox.problem = format!("{} cannot be used: {error}", directory.display());
        }
        outbox
    }

    fn read(&mut self, directory: &Path) -> io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let mut pictures = BTreeMap::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let Some((number, rest)) = name.split_once('.') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            self.next = self.next.max(number.saturating_add(1));
            match rest.strip_suffix(".json") {
                Some(receiver) if !receiver.is_empty() => match alert(&path) {
                    Some(alert) => {
                        let kept = self.kept.entry(number).or_insert_with(|| Kept {
                            alert: Arc::new(alert),
                            to: Vec::new(),
                            picture: None,
                        });
                        kept.to.push(receiver.into());
                    }
                    None => {
                        self.lost.corrupt += 1;
                        fs::remove_file(&path)?;
                    }
                },
                _ if rest == "jpg" => {
                    pictures.insert(number, path);
                }
                // What was not written to its end.
                _ if rest == "new" => fs::remove_file(&path)?,
                _ => {}
            }
        }
        for (number, path) in pictures {
            let bytes = fs::metadata(&path)?.len();
            match self.kept.get_mut(&number) {
                Some(kept) if is_jpeg(&path) => {
                    kept.picture = Some((Picture::File(path), bytes));
                }
                Some(_) => {
                    self.lost.corrupt += 1;
                    fs::remove_file(&path)?;
                }
                // All have its message, or none was written.
                None => fs::remove_file(&path)?,
            }
        }
        Ok(())
    }

    /// Keeps a message for these receivers, and returns its number. It is on the disk then, unless [`Self::problem`] says why not.
    pub fn add(&mut self, alert: Alert, to: &[String], picture: Option<&[u8]>) -> u64 {
        let number = self.next;
        self.next += 1;
        let written = self.write(number, &alert, to, picture);
        let picture = match (picture, &written) {
            (Some(bytes), Ok(Some(path))) => {
                Some((Picture::File(path.clone()), bytes.len() as u64))
            }
            (Some(bytes), _) => Some((Picture::Memory(bytes.into()), bytes.len() as u64)),
            (None, _) => None,
        };
        match written {
            Ok(_) => self.problem.clear(),
            Err(error) => {
                self.lost.unwritten += 1;
                self.problem = format!("waiting messages do not survive a restart: {error}");
            }
        }
        self.kept.insert(
            number,
            Kept {
                alert: Arc::new(alert),
                to: to.to_vec(),
                picture,
            },
        );
        self.keep_bounds();
        number
    }

    /// Writes the picture first, so that no message lacks its own. Returns its path.
    fn write(
        &self,
        number: u64,
        alert: &Alert,
        to: &[String],
        picture: Option<&[u8]>,
    ) -> io::Result<Option<PathBuf>> {
        let Some(directory) = &self.directory else {
            return Err(io::Error::other("there is no state directory"));
        };
        let mut path = None;
        if let Some(picture) = picture {
            let name = format!("{number:016}.jpg");
            write(directory, number, &name, picture)?;
            path = Some(directory.join(name));
        }
        let json = alert.json();
        let text = format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()));
        let written = to.iter().try_for_each(|receiver| {
            let name = format!("{number:016}.{receiver}.json");
            write(directory, number, &name, text.as_bytes())
        });
        if written.is_err() {
            // What is half written would be half sent by the next run; this one sends all of it from memory.
            self.remove_files(number, to);
        }
        written.map(|()| path)
    }

    fn remove_files(&self, number: u64, to: &[String]) {
        let Some(directory) = &self.directory else {
            return;
        };
        let names = to
            .iter()
            .map(|receiver| format!("{number:016}.{receiver}.json"));
        for name in names.chain([format!("{number:016}.jpg"), format!("{number:016}.new")]) {
            let _ = fs::remove_file(directory.join(name));
        }
    }

    /// Leaves out the oldest pictures, and then messages, where there are too many.
    fn keep_bounds(&mut self) {
        let (mut on_disk, mut in_memory) = (0, 0);
        for kept in self.kept.values_mut().rev() {
            let Some((picture, bytes)) = &kept.picture else {
                continue;
            };
            let (sum, most) = match picture {
                Picture::File(_) => (&mut on_disk, PICTURES),
                Picture::Memory(_) => (&mut in_memory, PICTURES_IN_MEMORY),
            };
            *sum += bytes;
            if *sum > most {
                if let Picture::File(path) = picture {
                    let _ = fs::remove_file(path);
                }
                kept.picture = None;
                self.lost.pictures += 1;
            }
        }
        while self.kept.len() > MOST * RECEIVERS {
            if let Some((number, kept)) = self.kept.pop_first() {
                self.lost.messages += kept.to.len() as u64;
                self.remove_files(number, &kept.to);
            }
        }
    }

    /// What waits for a receiver, the oldest first: numbers, and when each was made.
    pub fn waiting<'a>(&'a self, receiver: &'a str) -> impl Iterator<Item = (u64, &'a Alert)> {
        let is_for = move |kept: &Kept| kept.to.iter().any(|to| to == receiver);
        let waiting = self.kept.iter().filter(move |(_, kept)| is_for(kept));
        waiting.map(|(number, kept)| (*number, &*kept.alert))
    }

    /// A message, with its picture where there is one.
    pub fn get(&self, number: u64) -> Option<(Arc<Alert>, Option<Picture>)> {
        let kept = self.kept.get(&number)?;
        let picture = kept.picture.as_ref().map(|(picture, _)| picture.clone());
        Some((Arc::clone(&kept.alert), picture))
    }

    /// A receiver has the message, or is not to have it any more.
    pub fn done(&mut self, number: u64, receiver: &str) {
        let Some(kept) = self.kept.get_mut(&number) else {
            return;
        };
        kept.to.retain(|to| to != receiver);
        if let Some(directory) = &self.directory {
            let _ = fs::remove_file(directory.join(format!("{number:016}.{receiver}.json")));
        }
        if kept.to.is_empty() {
            let picture = self.kept.remove(&number).and_then(|kept| kept.picture);
            if let Some((Picture::File(path), _)) = picture {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Removes what waits for receivers that are not among these, and returns how many messages that were.
    pub fn retain(&mut self, receivers: &[String]) -> u64 {
        let gone = |kept: &Kept| {
            let to = kept.to.iter().filter(|to| !receivers.contains(to));
            to.cloned().collect::<Vec<_>>()
        };
        let gone: Vec<_> = self
            .kept
            .iter()
            .map(|(number, kept)| (*number, gone(kept)))
            .collect();
        let mut count = 0;
        for (number, to) in gone {
            for receiver in to {
                self.done(number, &receiver);
                count += 1;
            }
        }
        count
    }

    /// What was lost since the start.
    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// Why messages do not survive a restart; empty where they do.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

/// How old a message is, as far as the clock can tell.
pub fn age(alert: &Alert, now_us: u64) -> std::time::Duration {
    let was_set = alert.at_us >= SET_US;
    let age_us = now_us.saturating_sub(alert.at_us);
    std::time::Duration::from_micros(if was_set { age_us } else { 0 })
}

fn write(directory: &Path, number: u64, name: &str, content: &[u8]) -> io::Result<()> {
    let new = directory.join(format!("{number:016}.new"));
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, directory.join(name))?;
        File::open(directory)?.sync_all()
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

/// The message in a file, where it is whole.
fn alert(path: &Path) -> Option<Alert> {
    let mut text = String::new();
    File::open(path)
        .ok()?
        .take(LARGEST)
        .read_to_string(&mut text)
        .ok()?;
    let (sum, json) = text.strip_suffix('\n')?.split_once(' ')?;
    let sum = u32::from_str_radix(sum, 16).ok()?;
    (crc32fast::hash(json.as_bytes()) == sum).then_some(())?;
    serde_json::from_str(json).ok()
}

/// Whether a file begins and ends as a JPEG does.
fn is_jpeg(path: &Path) -> bool {
    let picture = Picture::File(path.to_owned()).read();
    picture.is_ok_and(|bytes| bytes.starts_with(b"\xff\xd8") && bytes.ends_with(b"\xff\xd9"))
}

#[cfg(test)]
mod tests;
