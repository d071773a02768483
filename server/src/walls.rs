//! How walls of cameras are arranged: a file of the state directory, with an arrangement for each key.
//!
//! Asking for one and changing it belongs to [`crate::front`]. What a key has arranged goes with it: [`crate::access`] calls
//! [`forget`]. A key that is replaced may be another person's from then on: its wall names no other servers any more, whose
//! addresses have keys in them.

use crate::state_dir;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// The file.
const FILE: &str = "walls.json";
/// Keys whose arrangements are kept. Beyond that, the one that was changed longest ago goes.
const MOST: usize = 64;

/// An arrangement. What a newer version has written besides is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Wall {
    /// Cameras that come first, in this order.
    pub order: Vec<String>,
    /// Cameras that are not shown.
    pub hidden: Vec<String>,
    /// Addresses of other servers whose cameras are shown, too.
    pub servers: Vec<String>,
    /// Cameras that are shown together.
    pub groups: Vec<Group>,
}

/// A group of cameras.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// What people call it.
    pub name: String,
    pub cameras: Vec<String>,
}

impl Wall {
    /// What of it is about this server's own cameras. Those of others have their server's place before the id.
    fn of_own_cameras(mut self) -> Self {
        let groups = self.groups.iter_mut().map(|group| &mut group.cameras);
        for list in [&mut self.order, &mut self.hidden]
            .into_iter()
            .chain(groups)
        {
            list.retain(|camera| !camera.contains(' '));
        }
        self.servers.clear();
        self
    }
}

/// Whose an arrangement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The key's name.
    pub key: String,
    /// Tells its secret from those before and after.
    pub generation: String,
}

/// The arrangement of one key.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// Its name.
    key: String,
    /// Of the secret that arranged it.
    #[serde(default)]
    generation: String,
    wall: Wall,
}

impl Kept {
    fn wall_for(self, owner: &Owner) -> Wall {
        if self.generation == owner.generation {
            self.wall
        } else {
            self.wall.of_own_cameras()
        }
    }
}

/// What that key has arranged.
///
/// # Errors
/// Where the file cannot be read.
pub(crate) fn of(directory: &Path, owner: &Owner) -> io::Result<Wall> {
    let mut kept = read(directory)?.into_iter();
    let kept = kept.find(|kept| kept.key == owner.key);
    Ok(kept.map(|kept| kept.wall_for(owner)).unwrap_or_default())
}

/// Keeps an arrangement in the place of the one before. What is as before is not written.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn keep(directory: &Path, owner: Owner, wall: Wall) -> io::Result<()> {
    let _lock = state_dir::lock(directory)?;
    let mut kept = read(directory)?;
    let Owner { key, generation } = owner;
    let is_as_before = match kept.iter().find(|kept| kept.key == key) {
        Some(kept) => kept.generation == generation && kept.wall == wall,
        None => wall == Wall::default(),
    };
    if is_as_before {
        return Ok(());
    }
    kept.retain(|kept| kept.key != key);
    if wall != Wall::default() {
        kept.push(Kept {
            key,
            generation,
            wall,
        });
    }
    write(directory, &kept)
}

/// Keeps those of keys that are still there: another person's key may have the same name one day. The caller holds the
/// directory's lock.
///
/// # Errors
/// Where the file cannot be read or written.
pub(crate) fn forget(directory: &Path, is_there: impl Fn(&str) -> bool) -> io::Result<()> {
    let mut kept = read(directory)?;
    let before = kept.len();
    kept.retain(|kept| is_there(&kept.key));
    if kept.len() == before {
        return Ok(());
    }
    write(directory, &kept)
}

/// Those that were changed longest ago come first.
fn read(directory: &Path) -> io::Result<Vec<Kept>> {
    match state_dir::read(&directory.join(FILE)) {
        // What cannot be read is no loss that anything has to wait for.
        Ok(text) => Ok(serde_json::from_str(&text).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn write(directory: &Path, kept: &[Kept]) -> io::Result<()> {
    let first = kept.len().saturating_sub(MOST);
    let text = serde_json::to_vec(&kept[first..]).map_err(io::Error::other)?;
    state_dir::replace(directory, FILE, &text)
}
