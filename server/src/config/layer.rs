//! Settings from one place, and what several places make together, each value with its origin.

use super::setting::{self, ALERTS, ALL, CAMERA, Setting, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a machine with little memory is called where its defaults are shown.
pub(super) const SMALL_BOARD: &str = "512 MB";

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing was given.
    Default,
    /// Nothing was given, and this machine has little memory.
    SmallBoard,
    /// An administrator has set it while the server runs, which is kept in that file.
    Set(Arc<PathBuf>),
    /// A line and column of a file, from 1; 0 is the file as a whole.
    File {
        /// The file.
        file: Arc<PathBuf>,
        /// The line.
        line: usize,
        /// The character in it.
        column: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::SmallBoard => write!(f, "default for {SMALL_BOARD}"),
            Self::Set(file) => write!(f, "set by an administrator, in {}", file.display()),
            Self::File { file, line: 0, .. } => write!(f, "{}", file.display()),
            Self::File { file, line, column } => write!(f, "{}:{line}:{column}", file.display()),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub origin: Origin,
    /// What is wrong, and what to do.
    pub text: String,
}

impl Problem {
    /// File, line and column.
    fn place(&self) -> Option<(&Path, usize, usize)> {
        match &self.origin {
            Origin::File { file, line, column } => Some((file, *line, *column)),
            _ => None,
        }
    }

    /// Whether it is about what stands at a place, rather than about what is missing.
    pub(super) fn has_place(&self) -> bool {
        !matches!(self.origin, Origin::Default | Origin::SmallBoard)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default | Origin::SmallBoard => f.write_str(&self.text),
            origin => write!(f, "{origin}: {}", self.text),
        }
    }
}

/// Everything that is wrong; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// As they follow each other in a file.
    pub(super) fn in_order(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|one, other| one.place().cmp(&other.place()));
        Self(problems)
    }

    /// A line for each, for people. Lines of a file begin with its name, line and column and nothing before them, so that
    /// editors and other tools find the place.
    pub fn lines(&self) -> String {
        let line = |problem: &Problem| match problem.place() {
            Some((_, line, _)) if line > 0 => problem.to_string(),
            _ => format!("pistreamer: {problem}"),
        };
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            let line_break = if number == 0 { "" } else { "\n" };
            write!(f, "{line_break}{problem}")?;
        }
        Ok(())
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Given {
    pub value: Value,
    pub origin: Origin,
}

impl Given {
    /// Whether a file, the environment or a flag has given it, or an administrator.
    pub(super) fn is_typed(&self) -> bool {
        !matches!(self.origin, Origin::Default | Origin::SmallBoard)
    }
}

/// Values by their settings' paths.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Values {
    given: BTreeMap<String, Given>,
    /// Those that were given, and cannot be read.
    unread: BTreeSet<String>,
}

impl Values {
    pub(crate) fn set(&mut self, setting: &Setting, given: Given) {
        self.given.insert(setting.path(), given);
    }

    /// Notes that one was given that cannot be read: what follows from its default is no mistake of anybody's.
    pub(crate) fn set_unread(&mut self, setting: &Setting) {
        self.unread.insert(setting.path());
    }

    pub(crate) fn is_unread(&self, setting: &Setting) -> bool {
        self.unread.contains(&setting.path())
    }

    /// What was given, else the default.
    pub(crate) fn get(&self, setting: &Setting) -> Option<Given> {
        let given = self.given.get(&setting.path()).cloned();
        given.or_else(|| {
            let value = setting.default_value()?;
            Some(Given {
                value,
                origin: Origin::Default,
            })
        })
    }

    pub(super) fn has(&self, setting: &Setting) -> bool {
        self.given.contains_key(&setting.path())
    }

    fn unset(&mut self, setting: &Setting) {
        self.given.remove(&setting.path());
    }

    /// What a file says here and the other one wins over.
    fn overridden_by(&self, other: &Self) -> Vec<Overridden> {
        let both = self.given.iter();
        both.filter_map(|(path, given)| Overridden::new(given, other.given.get(path)?))
            .collect()
    }

    /// Takes over what the other has.
    fn extend(&mut self, other: &Self) {
        let others = other.given.iter();
        self.given
            .extend(others.map(|(path, given)| (path.clone(), given.clone())));
        self.unread.extend(other.unread.iter().cloned());
    }
}

/// Settings that are one choice: a place that makes it leaves nothing of what was chosen elsewhere.
const TLS_CHOICE: [&Setting; 3] = [&setting::TLS, &setting::TLS_CERT, &setting::TLS_KEY];

/// What one place gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layer {
    /// The file that the place is, where it is one.
    pub file: Option<Arc<PathBuf>>,
    /// Settings of the server.
    pub server: Values,
    /// The cameras, where this place says which there are.
    pub cameras: Option<Vec<Values>>,
    /// Settings that it gives for every camera.
    pub every_camera: Values,
}

impl Layer {
    /// Notes a value; one for cameras is for every one of them.
    pub(crate) fn set(&mut self, setting: &Setting, given: Given) {
        if setting.section == CAMERA {
            self.every_camera.set(setting, given);
        } else {
            self.server.set(setting, given);
        }
    }

    /// The layers as one, the last one winning. A list is replaced as a whole, and so are the cameras; what is given for
    /// every camera wins over what stands at one, because only environment and flags do that.
    pub(crate) fn merged(layers: &[Self]) -> Merged {
        let (mut server, mut every_camera) = (Values::default(), Values::default());
        let mut cameras = vec![Values::default()];
        let (mut names_cameras, mut overridden) = (Vec::new(), Vec::new());
        for layer in layers {
            if TLS_CHOICE.iter().any(|setting| layer.server.has(setting)) {
                TLS_CHOICE.iter().for_each(|setting| server.unset(setting));
            }
            overridden.extend(server.overridden_by(&layer.server));
            server.extend(&layer.server);
            every_camera.extend(&layer.every_camera);
            if let Some(listed) = &layer.cameras {
                let by = listed
                    .first()
                    .and_then(|camera| camera.get(&setting::SOURCE));
                let replaced = cameras.iter().flat_map(|camera| camera.given.values());
                let replaced = replaced.filter_map(|given| Overridden::new(given, by.as_ref()?));
                overridden.extend(replaced);
                cameras.clone_from(listed);
                names_cameras.push(layer.file.clone());
            }
        }
        for camera in &mut cameras {
            overridden.extend(camera.overridden_by(&every_camera));
            camera.extend(&every_camera);
        }
        Merged {
            server,
            cameras,
            names_cameras,
            overridden,
        }
    }
}

/// What all places make together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Merged {
    pub server: Values,
    pub cameras: Vec<Values>,
    /// The places that say which cameras there are, the last one winning: the file, where it is one.
    pub names_cameras: Vec<Option<Arc<PathBuf>>>,
    /// What files say and variables or flags win over.
    overridden: Vec<Overridden>,
}

/// A value of a file that has no effect.
#[derive(Clone, Debug, PartialEq)]
struct Overridden {
    given: Given,
    by: Origin,
}

impl Overridden {
    /// `None` where that does not win over a file, or says the same.
    fn new(given: &Given, by: &Given) -> Option<Self> {
        let wins = matches!(by.origin, Origin::Environment(_) | Origin::Flag(_));
        let is_in_file = matches!(given.origin, Origin::File { .. });
        (wins && is_in_file && given.value != by.value).then(|| Self {
            given: given.clone(),
            by: by.origin.clone(),
        })
    }
}

impl fmt::Display for Overridden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} wins over what stands here",
            self.given.origin, self.by
        )
    }
}

impl Merged {
    /// What has no effect, and was not there with that value before.
    pub(super) fn overridden_since(&self, before: &Self) -> Vec<String> {
        let is_known = |now: &&Overridden| {
            let mut known = before.overridden.iter();
            known.any(|known| known.given.value == now.given.value && known.by == now.by)
        };
        let all = self.overridden.iter();
        all.filter(|now| !is_known(now))
            .map(ToString::to_string)
            .collect()
    }

    /// The server's settings that differ, by their names in a file.
    pub(crate) fn changed_at_server(&self, other: &Self) -> Vec<String> {
        let value = |merged: &Self, setting| merged.server.get(setting).map(|given| given.value);
        let settings = ALL.iter();
        settings
            .filter(|setting| setting.section != CAMERA && setting.section != ALERTS)
            .filter(|setting| value(self, setting) != value(other, setting))
            .map(|setting| setting.path())
            .collect()
    }
}
