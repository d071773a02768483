//! Settings from one place, and what several places make together, each value with its origin.

use super::setting::{self, ALL, CAMERA, Setting, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing was given.
    Default,
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
        self.origin != Origin::Default
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => f.write_str(&self.text),
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

    fn has(&self, setting: &Setting) -> bool {
        self.given.contains_key(&setting.path())
    }

    fn unset(&mut self, setting: &Setting) {
        self.given.remove(&setting.path());
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
        let mut names_cameras = Vec::new();
        for layer in layers {
            if TLS_CHOICE.iter().any(|setting| layer.server.has(setting)) {
                TLS_CHOICE.iter().for_each(|setting| server.unset(setting));
            }
            server.extend(&layer.server);
            every_camera.extend(&layer.every_camera);
            if let Some(listed) = &layer.cameras {
                cameras.clone_from(listed);
                names_cameras.push(layer.file.clone());
            }
        }
        for camera in &mut cameras {
            camera.extend(&every_camera);
        }
        Merged {
            server,
            cameras,
            names_cameras,
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
}

impl Merged {
    /// The server's settings that differ, by their names in a file.
    pub(crate) fn changed_at_server(&self, other: &Self) -> Vec<String> {
        let value = |merged: &Self, setting| merged.server.get(setting).map(|given| given.value);
        let settings = ALL.iter().filter(|setting| setting.section != CAMERA);
        settings
            .filter(|setting| value(self, setting) != value(other, setting))
            .map(|setting| setting.path())
            .collect()
    }
}
