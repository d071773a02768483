//! Recording on one disk, until that fails: what is on it is looked through and mended, then frames become files, and old ones make
//! room. No thread and no clock: times are given.
//!
//! Which directory that is, and what follows on a failure, belongs to [`crate::recorder`].

use crate::catalogue::Catalogue;
use crate::disk::{Disk, File, Space};
use crate::marks::Content;
use crate::name::{Class, Name};
pub use crate::plan::{Events, Plan};
use crate::recover::{Outcome, recover};
use crate::retention::{Amount, Limits, victim};
use crate::segment::{DATE_AT, ReadAt, date};
use crate::tag::tag;
use crate::track::{Cadence, Frame, Track, Written, make_day};
use crate::unset::Unset;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// How recordings are written and how long they stay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// How long they stay.
    pub limits: Limits,
    /// Longest time in µs until continuous recordings are synced; sparse ones take twelve times as long.
    pub sync_us: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            sync_us: 5_000_000,
        }
    }
}

/// Why recording ended.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The disk has no room, and no recording that could make some.
    #[error("{0}")]
    Full(String),
    /// The disk has no room, and removing recordings makes none.
    #[error("{0}")]
    Futile(String),
    /// Anything else.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Failure {
    fn of(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full(format!("the disk is full: {error}"))
            }
            _ => Self::Io(error),
        }
    }
}

/// Files that are closed in a row, from the newest on, after which no older one is looked at.
const CLOSED_IN_A_ROW: usize = 16;

/// Recording on one disk.
#[derive(Debug)]
pub struct Session<D: Disk> {
    disk: D,
    root: PathBuf,
    policy: Policy,
    catalogue: Catalogue,
    tracks: BTreeMap<(String, Class), Track<D::File>>,
    /// When each camera's last sparse frame was taken, by the steady clock.
    sparse_us: BTreeMap<String, u64>,
    /// Bytes that may be written before room is made again.
    allowance: u64,
    /// What of each camera was written.
    written: BTreeMap<String, Tally>,
    /// Frames of each camera that were lost with a file that failed.
    lost: BTreeMap<String, u64>,
    /// The files that were begun before the clock was set.
    unset: Unset,
    /// Until when no file of a class is begun, by the steady clock, because one failed.
    resting: BTreeMap<(String, Class), u64>,
    /// The files that failed since this was asked last: of which camera, and why.
    failed: Vec<(String, io::Error)>,
    /// Recordings that cannot be removed.
    stuck: BTreeSet<(String, Name)>,
    /// When the notes of files without their time may be made anew, by the steady clock: later, where that has failed.
    tidies_us: u64,
    /// The Unix time in ms by which recordings are too old; `None` where the clock may be wrong.
    ages: Option<u64>,
    /// The Unix time in ms after which no recording can have been made.
    ahead: Option<u64>,
    /// Whether recordings go for room that others take.
    yields: bool,
}

/// After a file failed, its camera's next one of that class is begun after this.
const RESTS_US: u64 = 5_000_000;

/// Recordings that are mended at the start although others could not be.
const MOST_UNMENDED: usize = 16;

/// Names that lie within this are right.
const RIGHT_MS: u64 = 1000;

impl<D: Disk> Session<D> {
    /// Looks through a directory, and closes what was not closed. `boot` is a word for the boot of the machine that this is: the steady
    /// clock goes on for as long as it is the same.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn open(disk: D, root: &Path, policy: Policy, boot: &str) -> Result<Self, Failure> {
        let catalogue = Catalogue::scan(&disk, root).map_err(Failure::of)?;
        let unset = Unset::read(&disk, root, boot, &catalogue);
        let mut session = Self {
            disk,
            root: root.to_owned(),
            policy,
            catalogue,
            tracks: BTreeMap::new(),
            sparse_us: BTreeMap::new(),
            allowance: 0,
            lost: BTreeMap::new(),
            unset,
            resting: BTreeMap::new(),
            failed: Vec::new(),
            stuck: BTreeSet::new(),
            tidies_us: 0,
            ages: None,
            ahead: None,
            written: BTreeMap::new(),
            yields: true,
        };
        session.mend();
        Ok(session)
    }

    /// Closes files that were not closed: the newest ones of each camera and class. A file that cannot be mended is played as it
    /// lies, and holds nothing up.
    fn mend(&mut self) {
        let mut unmended = 0;
        let mut newest = Vec::new();
        for camera in self.catalogue.cameras() {
            newest.extend(Class::ALL.map(|class| (camera.to_owned(), class)));
        }
        for (camera, class) in newest {
            // Those without their time lie anywhere among the names.
            let recordings = self.catalogue.of(&camera, class).rev();
            let (unset, others): (Vec<_>, Vec<_>) =
                recordings.partition(|it| self.unset.has(&camera, it.name));
            let mut closed = 0;
            for (recording, is_unset) in unset
                .into_iter()
                .map(|it| (it, true))
                .chain(others.into_iter().map(|it| (it, false)))
            {
                if closed == CLOSED_IN_A_ROW || unmended == MOST_UNMENDED {
                    break;
                }
                let path = recording.path(&self.root);
                let unsynced_ms = Cadence::of(class, self.policy.sync_us).unsynced_ms();
                let file = path.display();
                match recover(
                    &self.disk,
                    &path,
                    &tag(&camera, class, &Content::default()),
                    unsynced_ms,
                ) {
                    Ok(Outcome::Whole) => {
                        closed += usize::from(!is_unset);
                        continue;
                    }
                    Ok(Outcome::Recovered {
                        bytes,
                        cut,
                        damaged,
                    }) => {
                        tracing::info!(%file, cut, damaged, "a recording that was cut off is closed");
                        self.catalogue.set(&camera, recording.name, bytes);
                    }
                    Ok(Outcome::Removed) => {
                        tracing::info!(%file, "a recording without a frame is removed");
                        self.catalogue.remove(&camera, recording.name);
                    }
                    Ok(Outcome::Damaged(what)) => {
                        tracing::warn!(%file, what, "a recording cannot be mended; it stays as it is");
                        unmended += 1;
                    }
                    Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => return,
                    Err(error) => {
                        tracing::warn!(%file, %error, "a recording cannot be mended now");
                        unmended += 1;
                    }
                }
                closed = 0;
            }
        }
    }

    /// What there is.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The room on the disk.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn space(&self) -> io::Result<Space> {
        self.disk.space(&self.root)
    }

    /// Frames of each camera that were lost since this was asked last.
    pub fn take_lost(&mut self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.lost)
    }

    /// Files that failed since this was asked last: of which camera, and why.
    pub fn take_failed(&mut self) -> Vec<(String, io::Error)> {
        std::mem::take(&mut self.failed)
    }

    /// Whether any file is being written.
    pub fn writes(&self) -> bool {
        self.tracks.values().any(|track| track.open().is_some())
    }

    /// What of each camera was written since this was asked last.
    pub fn take_written(&mut self) -> BTreeMap<String, Tally> {
        std::mem::take(&mut self.written)
    }

    /// Says which recordings may go. To be called once in a while.
    pub fn allow(&mut self, allowed: Allowed, now: Now) {
        let Allowed {
            ages,
            ahead,
            yields,
        } = allowed;
        (self.ages, self.ahead, self.yields) = (ages, ahead, yields);
        self.lapse_unset(now);
    }

    /// Whether a file is begun with that frame, which may be one of an event.
    pub fn begins(&self, plan: &Plan, frame: &Frame, of_event: bool, now: Now) -> bool {
        let frame = recaptured(frame, now);
        let goes_on = |class| {
            let track = self.tracks.get(&(plan.camera.clone(), class));
            track.is_some_and(|track| track.goes_on(&frame))
        };
        let is_continuous = plan.continuous_us.is_some();
        let classes = [
            (of_event, Class::Event),
            (!of_event && is_continuous, Class::Continuous),
            (!of_event, Class::Sparse),
        ];
        let mut classes = classes.into_iter().filter(|(is_written, _)| *is_written);
        !classes.all(|(_, class)| goes_on(class))
    }

    /// Takes a frame of an event.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn record_event(&mut self, plan: &Plan, frame: &Frame, now: Now) -> Result<(), Failure> {
        let frame = recaptured(frame, now);
        self.push(plan, Class::Event, &frame, now).map(drop)
    }

    /// Closes the file of a camera's event.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn close_event(&mut self, camera: &str, now_us: u64) -> Result<(), Failure> {
        let key = (camera.to_owned(), Class::Event);
        self.with(&key, now_us, |track, _| track.close(now_us))
    }

    /// Takes a frame.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn record(&mut self, plan: &Plan, frame: &Frame, now: Now) -> Result<(), Failure> {
        let frame = &recaptured(frame, now);
        if plan.continuous_us.is_some() {
            self.push(plan, Class::Continuous, frame, now)?;
        }
        let last = self.sparse_us.get(&plan.camera);
        // A tenth early is in time.
        let wait_us = plan.sparse_us - plan.sparse_us / 10;
        if last.is_none_or(|last| frame.steady_us >= last + wait_us) {
            let is_taken = self.push(plan, Class::Sparse, frame, now)?;
            // One that failed is tried again when its file is, rather than when the next one is due.
            let again_us = (frame.steady_us + RESTS_US).saturating_sub(wait_us);
            let last_us = if is_taken {
                frame.steady_us
            } else {
                again_us.min(frame.steady_us)
            };
            self.sparse_us.insert(plan.camera.clone(), last_us);
        }
        Ok(())
    }

    /// Returns false if the frame is lost.
    fn push(
        &mut self,
        plan: &Plan,
        class: Class,
        frame: &Frame,
        now: Now,
    ) -> Result<bool, Failure> {
        let key = (plan.camera.clone(), class);
        self.track(plan, class);
        let goes_on = self.tracks[&key].goes_on(frame);
        let rests = self.resting.get(&key);
        if self.tracks[&key].is_too_soon(frame)
            || rests.is_some_and(|until| !goes_on && now.steady_us < *until)
        {
            *self.lost.entry(key.0).or_default() += 1;
            return Ok(false);
        }
        if !goes_on {
            self.with(&key, now.steady_us, |track, _| track.close(now.steady_us))?;
        }
        if !goes_on || self.allowance < frame.jpeg.len() as u64 {
            self.make_room()?;
        }
        if !goes_on {
            // One that has just failed may have taken the track with it.
            self.track(plan, class);
            self.with(&key, now.steady_us, |track, disk| {
                track.begin(disk, frame).map(|()| Written::default())
            })?;
            if !now.is_set {
                self.note_unset(&key, frame.steady_us);
            }
        }
        self.allowance = self.allowance.saturating_sub(frame.jpeg.len() as u64);
        let before = self.failed.len();
        self.with(&key, now.steady_us, |track, _| {
            track.push(frame, now.steady_us)
        })?;
        let track = self.tracks.get(&key);
        let is_taken =
            self.failed.len() == before && track.is_some_and(|track| track.open().is_some());
        if !is_taken {
            *self.lost.entry(key.0).or_default() += 1;
        }
        Ok(is_taken)
    }

    /// Has a track for a camera's class.
    fn track(&mut self, plan: &Plan, class: Class) {
        let key = (plan.camera.clone(), class);
        if !self.tracks.contains_key(&key) {
            let track = Track::new(&self.root, plan, class, self.policy.sync_us);
            self.tracks.insert(key, track);
        }
    }

    /// Notes the file that a track has just begun.
    fn note_unset(&mut self, key: &(String, Class), steady_us: u64) {
        if let Some((name, _)) = self.tracks.get(key).and_then(Track::open) {
            self.unset
                .note(&self.disk, &self.root, &key.0, name, steady_us);
        }
    }

    /// Where the clock has been set since, gives a file that was begun before the name that it would have now. Returns whether there may
    /// be others: one at a time, so that frames do not wait for them.
    ///
    /// # Errors
    /// Where the disk fails. A file that alone does keeps its name, and is tried again at the next start.
    pub fn set_clock(&mut self, now: Now) -> Result<bool, Failure> {
        if now.is_set {
            let clock_us = now.wall_us as i64 - now.steady_us as i64;
            self.unset.learn(&self.disk, &self.root, clock_us);
        }
        let Some((camera, name, start_ms)) = self.unset.next() else {
            return Ok(false);
        };
        let key = (camera, name.class);
        if start_ms.abs_diff(name.start_ms) > RIGHT_MS {
            let open = self.tracks.get(&key).and_then(Track::open);
            if open.is_some_and(|(open, _)| open == name) {
                let close = |track: &mut Track<_>, _: &D| track.close(now.steady_us);
                self.with(&key, now.steady_us, close)?;
            }
            // Others may have removed it.
            if self.catalogue.has(&key.0, name)
                && let Err(error) = self.rename(&key.0, name, start_ms)
            {
                if concerns_all(&error) {
                    return Err(Failure::of(error));
                }
                let file = self.root.join(&key.0).join(name.path());
                tracing::warn!(file = %file.display(), %error, "a recording cannot be given its time now");
                self.unset.set_aside(&key.0, name);
                return Ok(true);
            }
        }
        self.unset.forget(&key.0, name);
        Ok(true)
    }

    /// Has recordings of which nobody knows the time go like others once they have stayed for as long.
    fn lapse_unset(&mut self, now: Now) {
        let limits = self.policy.limits;
        let keeps_ms = |name: Name| limits.keeps_ms(name.class);
        let wall_ms = now.is_set.then_some(now.wall_us / 1000);
        let unknown = self
            .unset
            .lapse(now.steady_us, self.ages, wall_ms, keeps_ms);
        if unknown > 0 {
            tracing::warn!(
                recordings = unknown,
                "some recordings were made before the machine knew the time, and it has started again since: they keep their names, and stay for as long as those of today"
            );
        }
        if now.steady_us >= self.tidies_us {
            self.tidy_unset(unknown > 0, now.steady_us);
        }
    }

    fn tidy_unset(&mut self, always: bool, steady_us: u64) {
        if let Err(error) = self.unset.tidy(&self.disk, &self.root, always) {
            self.tidies_us = steady_us + RESTS_US;
            tracing::warn!(%error, "which recordings have no time yet cannot be noted");
        }
    }

    /// Gives a file another time, or a little later where that is another's.
    fn rename(&mut self, camera: &str, from: Name, start_ms: u64) -> io::Result<()> {
        let class = from.class;
        let directory = self.root.join(camera);
        let mut names = (start_ms..).map(|start_ms| Name { start_ms, class });
        let to = loop {
            let Some(to) = names.find(|to| !self.catalogue.has(camera, *to)) else {
                return Ok(());
            };
            // Somebody may have put one there since.
            match self.disk.open_read(&directory.join(to.path())) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => break to,
                taken => drop(taken?),
            }
        };
        let (old, new) = (directory.join(from.path()), directory.join(to.path()));
        let mut file = match self.disk.open(&old) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        file.replace(DATE_AT, &date(to.start_ms))?;
        file.sync()?;
        let bytes = file.length()?;
        drop(file);
        let (left, day) = (old.parent().unwrap_or(&old), new.parent().unwrap_or(&new));
        make_day(&self.disk, day)?;
        self.disk.rename(&old, &new)?;
        self.catalogue.remove(camera, from);
        self.catalogue.set(camera, to, bytes);
        for directory in [day, left] {
            self.disk.sync_directory(directory)?;
        }
        self.disk.remove_directory(left);
        tracing::info!(from = %old.display(), to = %new.display(), "a recording has its time, now that the clock is set");
        Ok(())
    }

    /// Does something with a track, and keeps the catalogue right.
    fn with(
        &mut self,
        key: &(String, Class),
        now_us: u64,
        work: impl FnOnce(&mut Track<D::File>, &D) -> io::Result<Written>,
    ) -> Result<(), Failure> {
        let Some(track) = self.tracks.get_mut(key) else {
            return Ok(());
        };
        let pending = track.pending() as u64;
        let written = match work(track, &self.disk) {
            Ok(written) => written,
            Err(error) => {
                *self.lost.entry(key.0.clone()).or_default() += pending;
                // The file is left as after a crash.
                self.tracks.remove(key);
                if concerns_all(&error) {
                    return Err(Failure::of(error));
                }
                // Other cameras go on.
                self.resting.insert(key.clone(), now_us + RESTS_US);
                self.failed.push((key.0.clone(), error));
                return Ok(());
            }
        };
        for (name, bytes) in track.open().into_iter().chain(written.closed) {
            self.catalogue.set(&key.0, name, bytes);
        }
        if written.frames > 0 {
            let tally = self.written.entry(key.0.clone()).or_default();
            tally.frames += written.frames;
            tally.bytes += written.bytes;
        }
        Ok(())
    }

    /// Removes recordings that are too old, and as many more as there has to be room for the next step.
    ///
    /// # Errors
    /// Where others have the room, or the disk fails.
    pub fn make_room(&mut self) -> Result<(), Failure> {
        let mut limits = self.policy.limits;
        let before = self.space().map_err(Failure::of)?;
        // What was taken and is not written yet will need room, too.
        let pending: u64 = self.tracks.values().map(Track::pending_bytes).sum();
        limits.space = Amount::Bytes(limits.space(before).saturating_sub(pending));
        // What there is once those are gone. That is measured afterwards: their bytes may be held by another link, a player or a copy.
        let mut expected = before;
        let mut removed = 0;
        loop {
            let open: Vec<_> = self
                .tracks
                .iter()
                .filter_map(|((camera, _), track)| Some((camera.as_str(), track.open()?.0)))
                .collect();
            let stays = |camera: &str, name: Name| {
                open.contains(&(camera, name)) || self.stuck.contains(&(camera.to_owned(), name))
            };
            let room = if self.yields {
                expected
            } else {
                expected.roomy()
            };
            // What has not got its time yet looks older than it is.
            let keeps_ms = |name: Name| limits.keeps_ms(name.class);
            let unset = |camera: &str, name| self.unset.since(camera, name, keeps_ms);
            let (ages, ahead) = (self.ages, self.ahead);
            let old = victim(&self.catalogue, &limits, room, ages, ahead, stays, unset);
            let Some(old) = old else {
                break;
            };
            let path = old.path(&self.root);
            match self.disk.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    if concerns_all(&error) {
                        return Err(Failure::of(error));
                    }
                    tracing::warn!(file = %path.display(), %error, "an old recording cannot be removed");
                    self.stuck.insert((old.camera, old.name));
                    continue;
                }
                _ => self.catalogue.remove(&old.camera, old.name),
            }
            self.unset.forget(&old.camera, old.name);
            if let Some(day) = path.parent() {
                self.disk.remove_directory(day);
            }
            removed += old.bytes;
            expected = expected.without(old.bytes);
        }
        let disk = self.space().map_err(Failure::of)?;
        if limits.lacks_room(disk) {
            let gained = disk.free.saturating_sub(before.free);
            if removed > 0 && gained < removed / 2 && limits.lacks_room(before) {
                return Err(Failure::Futile(
                    "the disk is full, and removing recordings makes no room: another program, a copy or a snapshot holds them".into(),
                ));
            }
            let floor = mib(limits.free(disk) + limits.step(disk));
            return Err(Failure::Full(format!(
                "the disk is full of other files: less than {floor} MiB, or too few files, are free; remove some, or have less stay \
                 free (recording.free)"
            )));
        }
        self.allowance = limits.step(disk);
        Ok(())
    }

    /// When [`tick`](Self::tick) has something to do, by the steady clock.
    pub fn due_us(&self) -> Option<u64> {
        self.tracks.values().filter_map(Track::due_us).min()
    }

    /// Writes, syncs and closes what it is time for.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn tick(&mut self, now_us: u64) -> Result<(), Failure> {
        let due = |track: &Track<_>| track.due_us().is_some_and(|due| due <= now_us);
        self.each(now_us, due, |track| track.tick(now_us))
    }

    /// Closes the files of a camera.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn close_camera(&mut self, camera: &str, now_us: u64) -> Result<(), Failure> {
        let of_it: Vec<_> = Class::ALL.map(|class| (camera.to_owned(), class)).into();
        for key in of_it {
            self.with(&key, now_us, |track, _| track.close(now_us))?;
            self.tracks.remove(&key);
            self.resting.remove(&key);
        }
        self.sparse_us.remove(camera);
        Ok(())
    }

    /// Closes all files.
    ///
    /// # Errors
    /// Where the disk fails: the other files are closed all the same.
    pub fn close(&mut self, now_us: u64) -> Result<(), Failure> {
        self.each(now_us, |_| true, |track| track.close(now_us))
    }

    fn each(
        &mut self,
        now_us: u64,
        which: impl Fn(&Track<D::File>) -> bool,
        mut work: impl FnMut(&mut Track<D::File>) -> io::Result<Written>,
    ) -> Result<(), Failure> {
        let keys: Vec<_> = self
            .tracks
            .iter()
            .filter(|(_, track)| which(track))
            .map(|(key, _)| key.clone())
            .collect();
        let mut failure = None;
        for key in keys {
            if let Err(error) = self.with(&key, now_us, |track, _| work(track)) {
                failure = Some(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }
}

/// What a frame was captured at, by the clock as it is now: that may have been set meanwhile.
fn recaptured(frame: &Frame, now: Now) -> Frame {
    let since_us = now.steady_us as i64 - frame.steady_us as i64;
    Frame {
        captured_us: now.wall_us.saturating_add_signed(-since_us),
        ..frame.clone()
    }
}

/// Whether an error is one of the whole disk, rather than of a file.
fn concerns_all(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(
        error.kind(),
        StorageFull | QuotaExceeded | ReadOnlyFilesystem
    )
}

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

/// The present, by both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Unix time in µs.
    pub wall_us: u64,
    /// µs by a clock that is never set.
    pub steady_us: u64,
    /// Whether the first of them goes by another clock, such as one of the network.
    pub is_set: bool,
}

/// Which recordings may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// The Unix time in ms by which recordings are too old, if any are.
    pub ages: Option<u64>,
    /// What is named after this Unix time in ms was recorded by a clock that was wrong.
    pub ahead: Option<u64>,
    /// Whether they go for room that others take.
    pub yields: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames, once for each file that they are in.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
}
