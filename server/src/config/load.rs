//! Where configuration files lie, and what they, the environment and the flags make together.

use super::checked;
use super::layer::{Given, Layer, Merged, Origin, Problem, Problems, SMALL_BOARD};
use super::page::Page;
use super::setting::{ALERT_TO, FPS, ID, KEY_FILE, PUSH, SOURCE, STATE_DIR, Value};
use super::{Config, board, file, flags, show};
use crate::access::Store;
use crate::camera::{Id, IdError, Settings, identify};
use crate::cli::{self, Serve};
use crate::source::Spec;
use crate::state_dir;
use crate::usage;
use crate::util::file_watch::FileWatch;
use pistreamer_alerts::Receiver;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that holds for the whole machine.
const SYSTEM: &str = "/etc/pistreamer/pistreamer.toml";

/// Files that are read, the last one winning. Only the one that was named has to exist.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Those that may exist.
    pub(crate) usual: Vec<PathBuf>,
    /// The one that was named.
    pub(crate) named: Option<PathBuf>,
    /// The one in which the machine tells its memory, on which defaults depend.
    pub(crate) memory: PathBuf,
}

impl Places {
    /// `/etc/pistreamer/pistreamer.toml`, `./pistreamer.toml`, then the one that the flag or the environment names.
    pub(crate) fn new(named: Option<&Path>) -> Self {
        let in_environment = || {
            let path = std::env::var_os(flags::CONFIG);
            path.filter(|path| !path.is_empty()).map(PathBuf::from)
        };
        Self {
            usual: vec![SYSTEM.into(), "pistreamer.toml".into()],
            named: named.map(Path::to_owned).or_else(in_environment),
            memory: board::MEMORY.into(),
        }
    }

    /// Every one, whether it exists or not.
    pub(super) fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.usual.iter().chain(&self.named)
    }

    /// The layers of the files that exist, and what is wrong with them.
    pub(super) fn layers(&self) -> (Vec<(PathBuf, Layer)>, Vec<Problem>) {
        let (mut layers, mut problems) = (Vec::new(), Vec::new());
        for path in self.all() {
            match file::read(path, self.named.as_ref() != Some(path)) {
                Ok(Some(text)) => {
                    let (layer, several) = file::parse(&text, path);
                    layers.push((path.clone(), layer));
                    problems.extend(several);
                }
                Ok(None) if self.named.as_ref() == Some(path) => problems.push(Problem {
                    origin: Origin::of_file(path),
                    text: "there is no such file".into(),
                }),
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        (layers, problems)
    }

    /// The files that exist, what they, the environment and what was typed make together, and what is wrong with the rest.
    fn merged(&self, typed: &Serve) -> (Vec<PathBuf>, Merged, Vec<Problem>) {
        let (layers, mut problems) = self.layers();
        let (files, mut layers): (Vec<_>, Vec<_>) = layers.into_iter().unzip();
        for layer in [environment(), flags::layer(typed)] {
            match layer {
                Ok(layer) => layers.push(layer),
                Err(Problems(several)) => problems.extend(several),
            }
        }
        let mut merged = Layer::merged(&layers);
        board::complete(&mut merged.cameras, &self.memory);
        (files, merged, problems)
    }
}

/// A configuration with what it was made of, which can be followed while the server runs.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What was typed.
    pub(super) typed: Serve,
    /// The files that may be there.
    pub(super) places: Places,
    /// The files that were read, the last one winning.
    pub(crate) files: Vec<PathBuf>,
    /// What of the cameras is not there now, and may be later.
    absent: Vec<Problem>,
    /// What is set and does nothing.
    useless: Vec<Problem>,
    /// Files in which every user of this machine can read passwords.
    exposed: Vec<PathBuf>,
    pub(super) merged: Merged,
    /// What administrators have set while the server runs.
    pub(super) page: Page,
    /// What of that cannot be.
    unset: Vec<Problem>,
    watch: FileWatch,
}

impl Loaded {
    /// Reads what a command line of the server, without the program's name, the environment and the files say.
    ///
    /// # Errors
    /// With everything that is wrong in them, or the first flag that is not understood.
    pub fn from_flags(
        flags: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Result<Self, Problems> {
        Self::new(&usage::flags(flags).map_err(Problems::of)?)
    }

    /// The same for what was understood of the command line.
    ///
    /// # Errors
    /// With everything that is wrong in them.
    pub(crate) fn new(typed: &Serve) -> Result<Self, Problems> {
        Self::from(&Places::new(typed.config.as_deref()), typed)
    }

    /// The same with files from elsewhere.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn from(places: &Places, typed: &Serve) -> Result<Self, Problems> {
        Self::watched(places, typed, None).0
    }

    /// The same, with a watch of the files that decide what it is, from before they were read: those of settings, and those
    /// of secrets. What is wrong may be set right in any of them.
    ///
    /// `page` is what administrators have set, where that is known: it is read once, and then this program's own.
    pub(super) fn watched(
        places: &Places,
        typed: &Serve,
        page: Option<Page>,
    ) -> (Result<Self, Problems>, FileWatch) {
        let mut watch = FileWatch::new(places.all().cloned());
        let (files, merged, problems) = places.merged(typed);
        watch.add(secrets(&merged));
        let exposed = exposed(&files, &merged);
        let loaded = checked::checked(&merged, problems).map(|checked| {
            let mut config = checked.config;
            let page = page.unwrap_or_else(|| Page::read(config.state_dir.as_deref()));
            let unset = page.apply(&mut config.cameras, &merged.cameras);
            Self {
                config,
                typed: typed.clone(),
                places: places.clone(),
                files,
                absent: checked.absent,
                useless: checked.useless,
                exposed,
                merged,
                page,
                unset,
                watch: watch.clone(),
            }
        });
        (loaded, watch)
    }

    /// Refuses a camera that was typed and is the only one, where it is not there: there is nothing else to show, and the
    /// person who typed it reads the answer.
    ///
    /// # Errors
    /// With what is not there.
    pub(crate) fn refuse_typed_alone(&self) -> Result<(), Problems> {
        let typed = SOURCE.typed_flag().map(Origin::Flag);
        let is_typed = |problem: &Problem| Some(&problem.origin) == typed.as_ref();
        if self.config.cameras.len() == 1 && self.absent.iter().any(is_typed) {
            return Err(Problems(self.absent.clone()));
        }
        Ok(())
    }

    /// Warns of variables of the environment that are misspelt.
    pub(crate) fn warn_of_variables(&self) {
        let variables = std::env::vars_os().map(|(name, _)| name);
        for (variable, meant) in flags::misspelt(variables) {
            tracing::warn!(
                variable,
                "this variable has no effect: did you mean {meant}?"
            );
        }
    }

    /// What this machine's memory has decided, where it has.
    pub(crate) fn decided_by_memory(&self) -> Option<String> {
        let mut cameras = self.merged.cameras.iter();
        let rate = cameras.find_map(|camera| {
            let rate = camera.get(&FPS)?;
            (rate.origin == Origin::SmallBoard).then(|| rate.value.to_toml())
        })?;
        Some(format!(
            "this machine has {name} of memory: the default for {name} is {rate} frames a second; --fps and fps decide otherwise",
            name = SMALL_BOARD
        ))
    }

    /// Warns of cameras of which something is not there.
    pub(crate) fn warn_of_absent(&self) {
        for problem in &self.absent {
            tracing::warn!(%problem, "a camera is incomplete, and starts as soon as this is there");
        }
    }

    /// Warns of what is set and does nothing.
    pub(crate) fn warn_of_useless(&self) {
        for problem in &self.useless {
            tracing::warn!(%problem, "a setting has no effect");
        }
    }

    /// Warns of what administrators have set and cannot be.
    pub(super) fn warn_of_unset(&self) {
        for problem in &self.unset {
            tracing::warn!(%problem, "what was set of a camera cannot be, and it has what the configuration says");
        }
    }

    /// Warns of what has changed since in files and does nothing, because a variable or a flag wins.
    pub(crate) fn warn_of_overridden(&self, before: &Self) {
        for overridden in self.merged.overridden_since(&before.merged) {
            tracing::warn!(%overridden, "a change has no effect");
        }
    }

    /// Warns of files in which every user of this machine can read passwords.
    pub(crate) fn warn_of_passwords(&self) {
        for file in &self.exposed {
            tracing::warn!(
                file = %file.display(),
                "every user of this machine may read the passwords in this file: chmod 600 it, or move them \
                 elsewhere, with key_file or ${{file:PATH}}"
            );
        }
    }

    /// A watch of the files that decide what it is, from before they were read.
    pub(super) fn watch(&self) -> FileWatch {
        self.watch.clone()
    }

    /// The cameras with sources of which more is known than can be read now. An id may follow from that.
    ///
    /// # Errors
    /// Where two cameras have the same id then.
    pub(super) fn cameras_with(
        &self,
        known: impl Fn(&Settings) -> Option<Spec>,
    ) -> Result<Vec<Settings>, Problems> {
        let mut cameras = self.config.cameras.clone();
        for camera in &mut cameras {
            if let Some(source) = known(camera) {
                camera.source = source;
            }
        }
        let given = cameras.iter().zip(&self.merged.cameras);
        let given = given.map(|(camera, values)| {
            let id = values.get(&ID).map(|_| camera.id.clone());
            (id, &camera.source)
        });
        let ids = identify(given).map_err(|error| {
            let origin = match error {
                IdError::Alike { at, .. } => self.merged.cameras[at].get(&SOURCE),
                _ => None,
            };
            Problems(vec![Problem {
                origin: origin.map_or(Origin::Default, |given| given.origin),
                text: error.to_string(),
            }])
        })?;
        for (camera, id) in cameras.iter_mut().zip(ids) {
            camera.id = id;
        }
        Ok(cameras)
    }

    /// What says which cameras there are, the last one winning: the file, where it is one.
    pub(super) fn names_cameras(&self) -> &[Option<Arc<PathBuf>>] {
        &self.merged.names_cameras
    }

    /// The server's settings that differ, by their names in a file.
    pub(super) fn changed_at_server(&self, other: &Self) -> Vec<String> {
        self.merged.changed_at_server(&other.merged)
    }

    /// As a file that says where each value comes from. Secrets are left out.
    pub(crate) fn shown(&self) -> String {
        let cameras = &self.config.cameras;
        let ids: Vec<_> = cameras.iter().map(|camera| &camera.id).collect();
        let mut merged = self.merged.clone();
        for (values, camera) in merged.cameras.iter_mut().zip(cameras) {
            *values = self.page.complete(values, camera).0;
        }
        let unread = self
            .page
            .unread()
            .map(|why| format!("\n# what administrators have set cannot be read: {why}\n"));
        show::shown(&merged, &ids) + unread.as_deref().unwrap_or_default()
    }
}

/// What files and environment say of a server's keys and cameras. They are read once: a pipe has its text for one reader.
#[derive(Debug)]
pub(crate) struct OfKeys {
    merged: Merged,
    problems: Vec<Problem>,
}

impl OfKeys {
    /// Reads them.
    pub(crate) fn read(typed: &cli::Key) -> Self {
        let places = Places::new(typed.config.as_deref());
        let (_, merged, problems) = places.merged(&Serve::default());
        Self { merged, problems }
    }

    /// The state directory, where one is named.
    ///
    /// # Errors
    /// Where they have errors.
    pub(super) fn state_dir(&self) -> Result<Option<PathBuf>, Problems> {
        if self.problems.is_empty() {
            Ok(checked::path(&self.merged.server, &STATE_DIR))
        } else {
            Err(Problems::in_order(self.problems.clone()))
        }
    }

    /// The cameras, where they are named and the keys that are kept there are theirs, each with its owner's name for it.
    pub(crate) fn cameras(&self, keys: &Store) -> Option<Vec<(Id, Option<String>)>> {
        let checked = checked::checked(&self.merged, self.problems.clone()).ok()?;
        let directory = |store: &Store| store.directory().canonicalize().ok();
        let is_its = directory(checked.config.keys.as_ref()?)? == directory(keys)?;
        let cameras = checked.config.cameras.into_iter();
        (is_its && !self.merged.names_cameras.is_empty())
            .then(|| cameras.map(|camera| (camera.id, camera.name)).collect())
    }
}

/// The state directory that the whole machine's file names, where it can be read.
pub(super) fn state_dir_of_system() -> Option<PathBuf> {
    let places = Places {
        usual: vec![SYSTEM.into()],
        named: None,
        memory: board::MEMORY.into(),
    };
    let layers = places.layers().0.into_iter().map(|(_, layer)| layer);
    let merged = Layer::merged(&layers.collect::<Vec<_>>());
    checked::path(&merged.server, &STATE_DIR)
}

/// Those of the files in which every user of this machine can read passwords.
fn exposed(files: &[PathBuf], merged: &Merged) -> Vec<PathBuf> {
    let holds_password = |given: &Given| match &given.value {
        Value::Text(url) => show::holds_password(url),
        Value::Texts(urls) => urls.iter().any(|url| show::holds_password(url)),
        _ => false,
    };
    let cameras = merged.cameras.iter();
    let urls = cameras.flat_map(|camera| [camera.get(&SOURCE), camera.get(&PUSH)]);
    let urls = urls.flatten().filter(holds_password);
    // A topic and a token are passwords, too.
    let is_secret = |text: &String| !text.starts_with("${") && Receiver::hidden(text) != *text;
    let receivers = merged
        .server
        .get(&ALERT_TO)
        .filter(|given| matches!(&given.value, Value::Texts(texts) if texts.iter().any(is_secret)));
    let urls: Vec<_> = urls.chain(receivers).collect();
    let is_exposed = |file: &&PathBuf| {
        let from_it = |given: &Given| matches!(&given.origin, Origin::File { file: of, .. } if **of == **file);
        urls.iter().any(from_it) && state_dir::is_open_to_all(file)
    };
    files.iter().filter(is_exposed).cloned().collect()
}

/// The files that hold secrets of the cameras' sources and targets, and of those who are told.
fn secrets(merged: &Merged) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut urls = Vec::new();
    for camera in &merged.cameras {
        files.extend(checked::path(camera, &KEY_FILE));
        urls.extend(camera.get(&SOURCE).map(|given| given.value.into_text()));
        let targets = camera.get(&PUSH).map(|given| given.value.into_texts());
        urls.extend(targets.unwrap_or_default());
    }
    let receivers = merged.server.get(&ALERT_TO);
    urls.extend(
        receivers
            .map(|given| given.value.into_texts())
            .unwrap_or_default(),
    );
    for url in urls {
        let placeholders = url.split("${file:").skip(1);
        files.extend(placeholders.filter_map(|rest| Some(rest.split_once('}')?.0.into())));
    }
    files
}

/// What the environment says.
pub(super) fn environment() -> Result<Layer, Problems> {
    flags::environment(|name| std::env::var_os(name))
}

impl Origin {
    /// A file as a whole.
    pub(super) fn of_file(path: &Path) -> Self {
        Self::File {
            file: Arc::new(path.to_owned()),
            line: 0,
            column: 0,
        }
    }
}
