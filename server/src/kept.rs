//! What was set on each camera, and its presets: in memory, and in `controls.json` of the state directory.
//!
//! Values go by the names of controls, whose numbers differ between versions of libcamera, and belong to the device on which
//! they were set: another one under the same id gets none of them. Giving them to a source belongs to [`crate::source`].

use crate::state_dir;
use pistreamer_protocol::message::Cause;
use pistreamer_protocol::message::ControlValues;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const FILE: &str = "controls.json";

/// What a file is called from then on that cannot be read.
const ASIDE: &str = "controls-unreadable";

/// How long changes are gathered before they are written: a slider that is dragged makes dozens.
const GATHER: Duration = Duration::from_millis(500);

/// How long where something is set all the time: an SD card is not written twice a second for weeks.
const GATHER_LONGEST: Duration = Duration::from_secs(10);

/// How long the saving of a preset waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of the file, which could not be read again beyond a mebibyte.
const LARGEST: usize = 900 * 1024;

/// How long the next attempt waits where the disk takes nothing.
const AGAIN: Duration = Duration::from_secs(30);

/// Most devices of one camera that are remembered: those whose values were changed last.
const MOST_DEVICES: usize = 8;

/// Most presets of one device.
const MOST_PRESETS: usize = 32;

/// Longest name of a preset, in characters.
const LONGEST_NAME: usize = 40;

/// What the name of a device begins with that cannot be told from others after the next start: what is kept of it ends with the
/// program.
pub(crate) const TRANSIENT: char = '@';

/// What is kept of all cameras. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// `None` keeps it in memory alone.
    directory: Option<PathBuf>,
    content: Mutex<Content>,
    changed: Notify,
    /// Somebody waits for a change to be written.
    urgent: Notify,
    tried: watch::Sender<Tried>,
    /// Held while the file is written, so that an older content never replaces a newer one.
    writing: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Content {
    cameras: Cameras,
    /// Those that have changed here. Others of the file may be another server's.
    changed: BTreeSet<String>,
    /// Rises with each change.
    version: u64,
}

/// By the cameras' ids, the device first that was changed last.
type Cameras = BTreeMap<String, Vec<Device>>;

#[derive(Debug, Default)]
struct Written {
    version: u64,
    /// Whether it was told that it cannot be written.
    is_told: bool,
}

/// How far writing has come.
#[derive(Clone, Debug, Default)]
struct Tried {
    /// The version that is written.
    written: u64,
    /// The newest version that could not be written, and why.
    failed: Option<(u64, String)>,
}

/// What is kept of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Device {
    device: String,
    #[serde(default)]
    values: ControlValues,
    #[serde(default)]
    presets: BTreeMap<String, ControlValues>,
}

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    cameras: Cameras,
}

/// Why a preset is not saved.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum PresetError {
    /// Its name is none.
    BadName(String),
    /// There is nothing to keep.
    NoValues,
    /// It cannot be kept.
    Once(String),
    /// There are too many.
    TooMany,
    /// It is not written.
    NotWritten(String),
}

impl PresetError {
    /// The same with a code.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::BadName(name) => Cause::PresetNameUnusable {
                name: format!("{name:?}"),
                most: LONGEST_NAME as u64,
            },
            Self::NoValues => Cause::PresetWithoutValues,
            Self::Once(control) => Cause::PresetOfButton {
                control: control.clone(),
            },
            Self::TooMany => Cause::PresetsFull {
                most: MOST_PRESETS as u64,
            },
            Self::NotWritten(problem) => Cause::PresetNotWritten {
                problem: problem.clone(),
            },
        }
    }

    /// Whether it is there all the same, until the server stops.
    pub(crate) fn is_about_disk(&self) -> bool {
        matches!(self, Self::NotWritten(_))
    }
}

impl fmt::Display for PresetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause().fmt(f)
    }
}

impl Kept {
    /// What is kept in that directory. What cannot be read is moved aside; without a directory, all is forgotten at the end.
    pub(crate) fn open(directory: Option<PathBuf>) -> Self {
        let cameras = match directory.as_deref().map(read) {
            None => Cameras::new(),
            Some(Ok(cameras)) => cameras,
            Some(Err(error)) if error.kind() != io::ErrorKind::InvalidData => {
                tracing::error!(
                    %error,
                    "what was set on the cameras cannot be read, so they start as they are: nothing is written until it can"
                );
                Cameras::new()
            }
            Some(Err(error)) => {
                let aside = aside(directory.as_deref().unwrap_or(Path::new("")));
                tracing::error!(
                    %error,
                    aside = %aside.display(),
                    "what was set on the cameras cannot be read, so they start as they are: the file is moved aside"
                );
                let from = aside.with_file_name(FILE);
                if let Err(error) = std::fs::rename(from, aside) {
                    tracing::debug!("moving it aside: {error}");
                }
                Cameras::new()
            }
        };
        Self(Arc::new(Shared {
            directory,
            content: Mutex::new(Content {
                cameras,
                ..Content::default()
            }),
            ..Shared::default()
        }))
    }

    /// The part of one camera.
    pub(crate) fn of(&self, camera: &str) -> Memory {
        Memory {
            kept: self.clone(),
            camera: camera.into(),
        }
    }

    /// Writes changes down until the token is cancelled, and then the last ones.
    pub(crate) async fn follow(self, until: CancellationToken) {
        let (mut pause, mut fails) = (GATHER, false);
        let mut last = Instant::now();
        while until
            .run_until_cancelled(self.0.changed.notified())
            .await
            .is_some()
        {
            pause = match last.elapsed() {
                _ if fails => AGAIN,
                quiet if quiet > pause => GATHER,
                _ => (2 * pause).min(GATHER_LONGEST),
            };
            let gathered = async {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.0.urgent.notified() => {}
                }
            };
            until.run_until_cancelled(gathered).await;
            let kept = self.clone();
            let written = tokio::task::spawn_blocking(move || kept.write()).await;
            last = Instant::now();
            fails = !matches!(written, Ok(Ok(())));
            if fails {
                // It is tried again without another change.
                self.0.changed.notify_one();
            }
        }
        let kept = self.clone();
        // Where that fails, it is told.
        drop(tokio::task::spawn_blocking(move || kept.write()).await);
    }

    /// Writes it down, unless nothing has changed.
    ///
    /// # Errors
    /// Where it cannot be written. That is also logged, once.
    fn write(&self) -> io::Result<()> {
        // Nothing panics while it holds this lock.
        let writing = self.0.writing.lock();
        let mut written = writing.unwrap_or_else(PoisonError::into_inner);
        let (changed, version) = {
            let content = self.content();
            if content.version == written.version {
                return Ok(());
            }
            let changed = content.changed.iter();
            let changed = changed.map(|id| (id.clone(), content.cameras.get(id).cloned()));
            (changed.collect::<Vec<_>>(), content.version)
        };
        let result = match &self.0.directory {
            Some(directory) => write(directory, changed).map_err(|error| {
                let place = directory.display();
                io::Error::new(error.kind(), format!("{place}: {error}"))
            }),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "there is no state directory, because HOME is not set: give one with --state-dir",
            )),
        };
        match &result {
            Ok(()) => {
                if written.is_told {
                    tracing::info!("what was set on the cameras is written down again");
                }
                *written = Written {
                    version,
                    is_told: false,
                };
            }
            Err(error) if !written.is_told => {
                written.is_told = true;
                tracing::error!(
                    %error,
                    "what was set on the cameras holds until the server stops, because it cannot be written down"
                );
            }
            Err(_) => {}
        }
        self.0.tried.send_modify(|tried| match &result {
            Ok(()) => {
                *tried = Tried {
                    written: version,
                    failed: None,
                }
            }
            Err(error) => tried.failed = Some((version, error.to_string())),
        });
        result
    }

    /// Waits until that version is written down, for which [`Self::follow`] does not gather further changes.
    ///
    /// # Errors
    /// Where it cannot be, or that takes too long.
    async fn written(&self, version: u64) -> Result<(), PresetError> {
        let mut tried = self.0.tried.subscribe();
        self.0.urgent.notify_one();
        let is_over = |tried: &Tried| {
            let failed = tried.failed.as_ref();
            tried.written >= version || failed.is_some_and(|(failed, _)| *failed >= version)
        };
        let over = tokio::time::timeout(PATIENCE, tried.wait_for(is_over)).await;
        match over {
            Ok(Ok(tried)) if tried.written >= version => Ok(()),
            Ok(Ok(tried)) => {
                let failed = tried.failed.clone().unwrap_or_default();
                Err(PresetError::NotWritten(failed.1))
            }
            _ => Err(PresetError::NotWritten("the disk does not answer".into())),
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // Nothing panics while it holds this lock, and the content is valid at every point.
        self.0
            .content
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Replaces what the file holds of these cameras, and leaves that of others as it is.
fn write(directory: &Path, changed: Vec<(String, Option<Vec<Device>>)>) -> io::Result<()> {
    state_dir::make(directory)?;
    let _lock = state_dir::lock(directory)?;
    let mut cameras = read(directory)?;
    for (id, devices) in changed {
        let lasting = |device: &Device| !device.device.starts_with(TRANSIENT);
        let devices = devices.map(|devices| devices.into_iter().filter(lasting).collect());
        match devices {
            Some(devices) => cameras.insert(id, devices),
            None => cameras.remove(&id),
        };
    }
    let text = fitting(&mut File { cameras }, LARGEST)?;
    state_dir::replace(directory, FILE, &text)
}

/// The file's text. Where it would be too large to be read again, those devices are left out that were set longest ago, first of
/// the cameras with most of them.
fn fitting(file: &mut File, largest: usize) -> io::Result<Vec<u8>> {
    loop {
        let text = serde_json::to_vec(file)?;
        if text.len() <= largest {
            return Ok(text);
        }
        let mut devices = file
            .cameras
            .values_mut()
            .filter(|devices| !devices.is_empty());
        let first = devices.next();
        let most = first.map(|first| {
            devices.fold(
                first,
                |most, next| {
                    if next.len() > most.len() { next } else { most }
                },
            )
        });
        match most.and_then(Vec::pop) {
            Some(Device { device, .. }) => {
                tracing::warn!(device, "no room is left for what was set on a device");
            }
            None => return Ok(text),
        }
    }
}

/// A name for a file that cannot be read, which no other one has.
fn aside(directory: &Path) -> PathBuf {
    let names = (2..100).map(|number| format!("{ASIDE}-{number}.json"));
    let mut names = std::iter::once(format!("{ASIDE}.json")).chain(names);
    let free = |name: &String| !directory.join(name).exists();
    let name = names.find(free).unwrap_or_else(|| format!("{ASIDE}.json"));
    directory.join(name)
}

/// What the file in that directory holds; nothing where there is none.
fn read(directory: &Path) -> io::Result<Cameras> {
    match state_dir::read(&directory.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Cameras::new()),
        text => {
            let file = serde_json::from_str::<File>(&text?);
            let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            Ok(file.map_err(invalid)?.cameras)
        }
    }
}

/// What is kept of one camera.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    kept: Kept,
    camera: String,
}

impl Memory {
    /// What was set on that device.
    pub(crate) fn values(&self, device: &str) -> ControlValues {
        self.look(device, |kept| kept.values.clone())
    }

    /// The presets of that device.
    pub(crate) fn presets(&self, device: &str) -> BTreeMap<String, ControlValues> {
        self.look(device, |kept| kept.presets.clone())
    }

    /// Keeps what is set on that device. It is written down soon.
    pub(crate) fn keep(&self, device: &str, values: &ControlValues) {
        if self.values(device) != *values {
            self.change(device, |kept| kept.values.clone_from(values));
        }
    }

    /// Keeps a preset of that device, and waits until it is written down.
    ///
    /// # Errors
    /// Where its name is none, there are too many, or it is not written.
    pub(crate) async fn save(
        &self,
        device: &str,
        name: &str,
        values: ControlValues,
    ) -> Result<(), PresetError> {
        let version = self.insert(device, name, values)?;
        self.kept.written(version).await
    }

    /// Returns the version that has it.
    fn insert(&self, device: &str, name: &str, values: ControlValues) -> Result<u64, PresetError> {
        if !is_name(name) {
            return Err(PresetError::BadName(name.into()));
        }
        if values.is_empty() {
            return Err(PresetError::NoValues);
        }
        let (is_kept, version) = self.change(device, |kept| {
            let has_room = kept.presets.len() < MOST_PRESETS || kept.presets.contains_key(name);
            if has_room {
                kept.presets.insert(name.into(), values);
            }
            has_room
        });
        is_kept.then_some(version).ok_or(PresetError::TooMany)
    }

    /// Removes a preset of that device. Returns whether there was one.
    pub(crate) fn remove(&self, device: &str, name: &str) -> bool {
        self.presets(device).contains_key(name)
            && self
                .change(device, |kept| kept.presets.remove(name).is_some())
                .0
    }

    fn look<T: Default>(&self, device: &str, at: impl FnOnce(&Device) -> T) -> T {
        let content = self.kept.content();
        let devices = content.cameras.get(&self.camera);
        let mut devices = devices.into_iter().flatten();
        let kept = devices.find(|kept| kept.device == device);
        kept.map(at).unwrap_or_default()
    }

    /// Returns what the change does, and the version that has it.
    fn change<T>(&self, device: &str, change: impl FnOnce(&mut Device) -> T) -> (T, u64) {
        let mut content = self.kept.content();
        let devices = content.cameras.entry(self.camera.clone()).or_default();
        let at = devices.iter().position(|kept| kept.device == device);
        let mut kept = at.map(|at| devices.remove(at)).unwrap_or_default();
        kept.device = device.into();
        let changed = change(&mut kept);
        if !kept.values.is_empty() || !kept.presets.is_empty() {
            devices.insert(0, kept);
            devices.truncate(MOST_DEVICES);
        }
        if devices.is_empty() {
            content.cameras.remove(&self.camera);
        }
        content.changed.insert(self.camera.clone());
        content.version += 1;
        let version = content.version;
        drop(content);
        self.kept.0.changed.notify_one();
        (changed, version)
    }
}

fn is_name(name: &str) -> bool {
    let fits = |letter: char| letter.is_alphanumeric() || " -_.".contains(letter);
    (1..=LONGEST_NAME).contains(&name.chars().count())
        && name.starts_with(char::is_alphanumeric)
        && !name.ends_with(' ')
        && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(number: f64) -> ControlValues {
        ControlValues::from([("Gain".to_owned(), number.into())])
    }

    #[test]
    fn what_is_set_comes_back_for_the_same_device_alone() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Some(parent.path().join("state"));
        let kept = Kept::open(directory.clone());
        let door = kept.of("door");
        door.keep("usb:1", &values(2.0));
        door.insert("usb:1", "night", values(8.0)).unwrap();
        kept.of("yard").keep("usb:1", &values(4.0));
        kept.write().unwrap();
        let again = Kept::open(directory).of("door");
        assert_eq!(again.values("usb:1"), values(2.0));
        assert_eq!(again.presets("usb:1")["night"], values(8.0));
        assert_eq!(again.values("usb:2"), ControlValues::new());
        assert!(again.remove("usb:1", "night") && !again.remove("usb:1", "night"));
        again.keep("usb:1", &ControlValues::new());
        assert!(!again.kept.content().cameras.contains_key("door"));
    }

    #[tokio::test]
    async fn what_cannot_be_written_holds_in_memory_and_is_written_once_it_can_be() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("state");
        std::fs::write(&directory, "in the way").unwrap();
        let kept = Kept::open(Some(directory.clone()));
        let door = kept.of("door");
        door.keep("usb:1", &values(2.0));
        assert!(kept.write().is_err());
        let version = door.insert("usb:1", "night", values(8.0)).unwrap();
        assert!(kept.write().is_err());
        let said = kept.written(version).await.unwrap_err();
        assert!(said.to_string().contains("cannot be written"), "{said}");
        assert_eq!(door.values("usb:1"), values(2.0));
        std::fs::remove_file(&directory).unwrap();
        kept.write().unwrap();
        assert_eq!(kept.written(version).await, Ok(()));
        let again = Kept::open(Some(directory)).of("door");
        assert_eq!(again.values("usb:1"), values(2.0));
        assert_eq!(again.presets("usb:1").len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_preset_is_written_at_once_and_what_a_disk_does_not_take_is_tried_again() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("state");
        std::fs::write(&directory, "in the way").unwrap();
        let kept = Kept::open(Some(directory.clone()));
        let until = CancellationToken::new();
        let follows = tokio::spawn(kept.clone().follow(until.clone()));
        let door = kept.of("door");
        let said = door.save("usb:1", "night", values(8.0)).await.unwrap_err();
        assert!(said.to_string().contains("cannot be written"), "{said}");
        std::fs::remove_file(&directory).unwrap();
        let began = Instant::now();
        // Without another change.
        let version = kept.content().version;
        let mut tried = kept.0.tried.subscribe();
        tried
            .wait_for(|tried| tried.written >= version)
            .await
            .unwrap();
        let took = began.elapsed();
        assert!(took > AGAIN / 2 && took <= AGAIN + GATHER, "{took:?}");
        let began = Instant::now();
        door.save("usb:1", "day", values(9.0)).await.unwrap();
        assert!(began.elapsed() < GATHER, "{:?}", began.elapsed());
        // The last change is written at the end.
        door.keep("usb:1", &values(3.0));
        until.cancel();
        follows.await.unwrap();
        let again = Kept::open(Some(directory)).of("door");
        assert_eq!(again.values("usb:1"), values(3.0));
        assert_eq!(again.presets("usb:1").len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_delays_the_saving_of_a_preset_and_holds_no_thread_for_each() {
        let kept = Kept::default();
        // As while a write does not come back.
        let door = kept.of("door");
        let saves = (0..20).map(|number| {
            let door = door.clone();
            tokio::spawn(async move {
                door.save("usb:1", &format!("p {number}"), values(1.0))
                    .await
            })
        });
        for save in saves.collect::<Vec<_>>() {
            let said = save.await.unwrap().unwrap_err().to_string();
            assert!(said.contains("the disk does not answer"), "{said}");
        }
        assert_eq!(door.presets("usb:1").len(), 20);
    }

    #[test]
    fn the_file_never_grows_beyond_what_is_read_again() {
        let kept = Kept::default();
        for camera in ["door", "yard"] {
            for number in 0..4 {
                kept.of(camera).keep(&format!("usb:{number}"), &values(1.0));
            }
        }
        kept.of("door").keep("usb:9", &values(1.0));
        let cameras = kept.content().cameras.clone();
        let mut file = File { cameras };
        let text = fitting(&mut file, 300).unwrap();
        assert!(text.len() <= 300);
        let left = |camera: &str| -> Vec<_> {
            let devices = file.cameras[camera].iter();
            devices.map(|device| device.device.clone()).collect()
        };
        assert_eq!(left("door").first().unwrap(), "usb:9");
        assert!(left("yard").contains(&"usb:3".to_owned()));
    }

    #[test]
    fn servers_that_share_a_directory_keep_each_others_cameras() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Kept::open(Some(directory.path().into()));
        let (one, other) = (open(), open());
        one.of("door").keep("usb:1", &values(1.0));
        other.of("yard").keep("usb:2", &values(2.0));
        for kept in [&one, &other, &one] {
            kept.write().unwrap();
        }
        let again = open();
        assert_eq!(again.of("door").values("usb:1"), values(1.0));
        assert_eq!(again.of("yard").values("usb:2"), values(2.0));
    }

    #[test]
    fn each_file_that_makes_no_sense_is_moved_aside() {
        let directory = tempfile::tempdir().unwrap();
        for (text, name) in [
            ("{", "controls-unreadable.json"),
            ("[", "controls-unreadable-2.json"),
        ] {
            std::fs::write(directory.path().join(FILE), text).unwrap();
            let kept = Kept::open(Some(directory.path().into()));
            assert_eq!(kept.of("door").values(""), ControlValues::new());
            let aside = std::fs::read_to_string(directory.path().join(name));
            assert_eq!(aside.unwrap(), text);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_for_now_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        // As an error of the disk: it is no file.
        std::fs::create_dir(directory.path().join(FILE)).unwrap();
        let kept = Kept::open(Some(directory.path().into()));
        kept.of("door").keep("usb:1", &values(2.0));
        assert!(kept.write().is_err());
        assert!(directory.path().join(FILE).is_dir());
        std::fs::remove_dir(directory.path().join(FILE)).unwrap();
        kept.write().unwrap();
    }

    #[test]
    fn what_is_kept_of_a_device_that_cannot_be_told_from_others_ends_with_the_program() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Kept::open(Some(directory.path().into())).of("door");
        let door = open();
        door.keep("usb:1", &values(1.0));
        door.keep("@device:grabber@video7", &values(2.0));
        door.kept.write().unwrap();
        assert_eq!(door.values("@device:grabber@video7"), values(2.0));
        assert_eq!(
            open().values("@device:grabber@video7"),
            ControlValues::new()
        );
        assert_eq!(open().values("usb:1"), values(1.0));
    }

    #[test]
    fn what_is_kept_is_bounded_and_names_are_plain() {
        let door = Kept::default().of("door");
        for number in 0..20 {
            door.keep(&format!("usb:{number}"), &values(1.0));
        }
        assert_eq!(door.kept.content().cameras["door"].len(), MOST_DEVICES);
        assert_eq!(door.values("usb:19"), values(1.0));
        for number in 0..MOST_PRESETS {
            door.insert("usb:19", &format!("preset {number}"), values(1.0))
                .unwrap();
        }
        let nothing = door.insert("usb:18", "nothing", ControlValues::new());
        assert_eq!(nothing, Err(PresetError::NoValues));
        let more = door.insert("usb:19", "one more", values(1.0));
        assert_eq!(more, Err(PresetError::TooMany));
        for bad in ["", " day", "day ", "a/b", "..", "\u{1b}", &"x".repeat(41)] {
            let refused = door.insert("usb:0", bad, values(1.0));
            assert_eq!(refused, Err(PresetError::BadName(bad.into())), "{bad:?}");
        }
        assert!(is_name("Mond & Sterne".replace(" &", "").as_str()) && is_name("夜"));
    }
}
