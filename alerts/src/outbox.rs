//! Messages on the disk until each receiver has them, across restarts.
//!
//! A message is a file for each receiver, `NUMBER.RECEIVER.json`, which is never written again; its picture is one file for all
//! of them, `NUMBER.jpg`. Both are written whole under another name, synced, and renamed. A message can be sent before it is
//! written, so that a slow disk delays none: what is to be done at the disk is [`Work`], for a thread that may wait. When to
//! send belongs to [`crate::queue`].

use crate::Alert;
use crate::queue::MOST;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of pictures that are kept on the disk. The oldest ones are left out first.
const PICTURES: u64 = 16 << 20;

/// The same for those that are in memory alone, because they could not be written.
const PICTURES_IN_MEMORY: u64 = LARGEST_PICTURE;

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

/// What is to be done at the disk.
#[derive(Debug)]
pub enum Work {
    /// A message is to be written; what came of it goes to [`Outbox::written`].
    Write(Writing),
    /// A file is to be removed.
    Remove(PathBuf),
}

/// A message that is to be written.
#[derive(Debug)]
pub struct Writing {
    directory: PathBuf,
    number: u64,
    alert: Arc<Alert>,
    to: Vec<String>,
    picture: Option<Arc<[u8]>>,
}

impl Writing {
    /// Writes it: the picture first, so that no message lacks its own.
    ///
    /// # Errors
    /// Where not all of it can be written. Then nothing of it is there.
    pub fn run(&self) -> io::Result<()> {
        let write = |name: &str, content: &[u8]| write(&self.directory, self.number, name, content);
        let all = || {
            if let Some(picture) = &self.picture {
                write(&picture_name(self.number), picture)?;
            }
            let json = self.alert.json();
            let text = format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()));
            let mut to = self.to.iter();
            to.try_for_each(|receiver| write(&message_name(self.number, receiver), text.as_bytes()))
        };
        all().inspect_err(|_| {
            // Half of it would be half sent by the next run; this one sends all of it from memory.
            let names = self.to.iter().map(|to| message_name(self.number, to));
            for name in names.chain([picture_name(self.number)]) {
                let _ = fs::remove_file(self.directory.join(name));
            }
        })
    }
}

fn message_name(number: u64, receiver: &str) -> String {
    format!("{number:016}.{receiver}.json")
}

fn picture_name(number: u64) -> String {
    format!("{number:016}.jpg")
}

/// The messages that somebody waits for.
#[derive(Debug)]
pub struct Outbox {
    /// `None` where there is no place.
    directory: Option<PathBuf>,
    kept: BTreeMap<u64, Kept>,
    next: u64,
    lost: Lost,
    /// Why messages are not written; empty where all are.
    problem: String,
    /// Those that could not be written.
    unwritten: BTreeSet<u64>,
    todo: VecDeque<Todo>,
}

/// Work whose content is taken when it is done: what is not needed any more is not held for it.
#[derive(Debug)]
enum Todo {
    Write(u64),
    Remove(PathBuf),
}

impl Outbox {
    /// Reads what an earlier run left. Files that cannot be read are passed over, and counted. `None` keeps all in memory.
    /// Messages have numbers from `first` on, or behind those that wait.
    pub fn open(directory: Option<&Path>, first: u64) -> Self {
        let mut outbox = Self {
            directory: directory.map(Path::to_owned),
            kept: BTreeMap::new(),
            next: first,
            lost: Lost::default(),
            problem: String::new(),
            unwritten: BTreeSet::new(),
            todo: VecDeque::new(),
        };
        match directory {
            None => outbox.note_problem("there is no state directory"),
            Some(directory) => {
                if let Err(error) = outbox.read(directory) {
                    outbox.note_problem(format!("{}: {error}", directory.display()));
                }
            }
        }
        outbox
    }

    fn note_problem(&mut self, why: impl Display) {
        self.problem = format!("messages that wait do not survive a restart: {why}");
    }

    fn read(&mut self, directory: &Path) -> io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        // All names first: a number is not used again, whatever cannot be read.
        let names = fs::read_dir(directory)?.flatten().filter_map(|entry| {
            let path = entry.path();
            let (number, rest) = path.file_name()?.to_str()?.split_once('.')?;
            let (number, rest) = (
                number.parse::<u64>().ok().filter(|_| number.len() == 16)?,
                rest.to_owned(),
            );
            Some((number, rest, path))
        });
        let mut names: Vec<_> = names.collect();
        names.sort();
        for (number, rest, path) in &names {
            self.next = self.next.max(number.saturating_add(1));
            match rest.strip_suffix(".json") {
                Some(receiver) if !receiver.is_empty() => self.take(*number, receiver, path),
                // What was not written to its end. Where it cannot be removed it does no harm.
                _ if rest == "new" => drop(fs::remove_file(path)),
                _ => {}
            }
        }
        for (number, _, path) in names.iter().filter(|(_, rest, _)| rest == "jpg") {
            match self.kept.get_mut(number) {
                Some(kept) => match fs::metadata(path) {
                    Ok(metadata) if is_jpeg(path) => {
                        kept.picture = Some((Picture::File(path.clone()), metadata.len()));
                    }
                    _ => self.lost.corrupt += 1,
                },
                // All have its message, or none was written.
                None => drop(fs::remove_file(path)),
            }
        }
        Ok(())
    }

    /// Takes over a message of an earlier run, where its file is whole.
    fn take(&mut self, number: u64, receiver: &str, path: &Path) {
        let alert = match read_whole(path) {
            Ok(bytes) => match alert(&bytes) {
                Some(alert) => alert,
                None => {
                    self.lost.corrupt += 1;
                    // It was read, and is no message.
                    return drop(fs::remove_file(path));
                }
            },
            Err(_) => {
                self.lost.corrupt += 1;
                return;
            }
        };
        let alert = Arc::new(alert);
        let kept = self.kept.entry(number).or_insert_with(|| Kept {
            alert: Arc::clone(&alert),
            to: Vec::new(),
            picture: None,
        });
        if kept.alert == alert {
            kept.to.push(receiver.into());
        } else {
            self.lost.corrupt += 1;
            let _ = fs::remove_file(path);
        }
    }

    /// Keeps a message for these receivers, and returns its number.
    pub fn add(&mut self, alert: Alert, to: &[String], picture: Option<Arc<[u8]>>) -> u64 {
        let number = self.next;
        self.next += 1;
        if self.directory.is_some() {
            self.todo.push_back(Todo::Write(number));
        } else {
            self.lost.unwritten += 1;
        }
        let picture = picture.and_then(|bytes| {
            let length = bytes.len() as u64;
            // A part of one would be none.
            let fits = length <= LARGEST_PICTURE;
            self.lost.pictures += u64::from(!fits);
            fits.then_some((Picture::Memory(bytes), length))
        });
        let (alert, to) = (Arc::new(alert), to.to_vec());
        self.kept.insert(number, Kept { alert, to, picture });
        self.keep_bounds();
        number
    }

    /// What is to be done at the disk next.
    pub fn work(&mut self) -> Option<Work> {
        loop {
            let number = match self.todo.pop_front()? {
                Todo::Remove(path) => return Some(Work::Remove(path)),
                Todo::Write(number) => number,
            };
            // All may have it by now.
            if let (Some(directory), Some(kept)) = (&self.directory, self.kept.get(&number)) {
                let picture = match &kept.picture {
                    Some((Picture::Memory(bytes), _)) => Some(Arc::clone(bytes)),
                    _ => None,
                };
                return Some(Work::Write(Writing {
                    directory: directory.clone(),
                    number,
                    alert: Arc::clone(&kept.alert),
                    to: kept.to.clone(),
                    picture,
                }));
            }
        }
    }

    /// Has the oldest message that could not be written be tried again; where that succeeds, the others are, too.
    pub fn retry(&mut self) {
        let first = self.unwritten.first().copied();
        if let Some(first) = first.filter(|first| !self.is_to_write(*first)) {
            self.todo.push_back(Todo::Write(first));
        }
    }

    fn is_to_write(&self, number: u64) -> bool {
        let is = |todo: &Todo| matches!(todo, Todo::Write(it) if *it == number);
        self.todo.iter().any(is)
    }

    /// A message was written, or was not.
    pub fn written(&mut self, writing: &Writing, result: io::Result<()>) {
        let Writing {
            directory,
            number,
            to,
            picture,
            ..
        } = writing;
        if let Err(error) = result {
            if self.kept.contains_key(number) && self.unwritten.insert(*number) {
                self.lost.unwritten += 1;
            }
            self.note_problem(error);
            return self.keep_bounds();
        }
        self.unwritten.remove(number);
        self.todo
            .retain(|todo| !matches!(todo, Todo::Write(it) if it == number));
        // There may be room for the others, too.
        let others = self.unwritten.iter().copied();
        let others: Vec<_> = others.filter(|it| !self.is_to_write(*it)).collect();
        self.todo.extend(others.into_iter().map(Todo::Write));
        if self.unwritten.is_empty() {
            self.problem.clear();
        }
        let path = directory.join(picture_name(*number));
        let kept = self.kept.get_mut(number);
        // Some may have it meanwhile, and the picture may be left out.
        let still =
            |receiver: &String| kept.as_ref().is_some_and(|kept| kept.to.contains(receiver));
        let gone = to.iter().filter(|receiver| !still(receiver));
        let gone =
            gone.map(|receiver| Todo::Remove(directory.join(message_name(*number, receiver))));
        self.todo.extend(gone);
        match kept.and_then(|kept| kept.picture.as_mut()) {
            Some((place, _)) => *place = Picture::File(path),
            None if picture.is_some() => self.todo.push_back(Todo::Remove(path)),
            None => {}
        }
        self.keep_bounds();
    }

    /// Leaves out the oldest pictures where there are too many, and then messages.
    fn keep_bounds(&mut self) {
        let (mut on_disk, mut in_memory) = (0, 0);
        for (number, kept) in self.kept.iter_mut().rev() {
            let Some((picture, bytes)) = &kept.picture else {
                continue;
            };
            let stays = self.directory.is_none() || self.unwritten.contains(number);
            let (sum, most) = match picture {
                Picture::Memory(_) if stays => (&mut in_memory, PICTURES_IN_MEMORY),
                _ => (&mut on_disk, PICTURES),
            };
            *sum += bytes;
            if *sum > most {
                if let Some((Picture::File(path), _)) = kept.picture.take() {
                    self.todo.push_back(Todo::Remove(path));
                }
                self.lost.pictures += 1;
            }
        }
        while self.kept.len() > MOST * RECEIVERS {
            let Some((number, to)) = self
                .kept
                .first_key_value()
                .map(|(number, it)| (*number, it.to.clone()))
            else {
                return;
            };
            self.lost.messages += to.len() as u64;
            to.iter().for_each(|receiver| self.done(number, receiver));
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
        let waited = kept.to.len();
        kept.to.retain(|to| to != receiver);
        let waits = kept.to.len();
        if waits == waited {
            return;
        }
        let is_written = !self.unwritten.contains(&number) && !self.is_to_write(number);
        if let Some(directory) = self.directory.as_ref().filter(|_| is_written) {
            let path = directory.join(message_name(number, receiver));
            self.todo.push_back(Todo::Remove(path));
        }
        if waits == 0 {
            let picture = self.kept.remove(&number).and_then(|kept| kept.picture);
            if let Some((Picture::File(path), _)) = picture {
                self.todo.push_back(Todo::Remove(path));
            }
            self.unwritten.remove(&number);
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

fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The message that a file has, where it is whole.
fn alert(bytes: &[u8]) -> Option<Alert> {
    let text = str::from_utf8(bytes).ok()?;
    let (sum, json) = text.strip_suffix('\n')?.split_once(' ')?;
    let sum = u32::from_str_radix(sum, 16).ok()?;
    (crc32fast::hash(json.as_bytes()) == sum).then_some(())?;
    serde_json::from_str(json).ok()
}

/// Whether a file begins and ends as a JPEG does.
fn is_jpeg(path: &Path) -> bool {
    let picture = Picture::File(path.to_owned()).read();
    picture.is_ok_and(|bytes| {
        // Cameras fill up with zeros.
        let end = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        bytes.starts_with(b"\xff\xd8") && bytes[..end].ends_with(b"\xff\xd9")
    })
}

#[cfg(test)]
mod tests;
