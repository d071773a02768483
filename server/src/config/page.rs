//! What administrators set of cameras while the server runs: `settings.json` in the state directory.
//!
//! It holds where neither files nor environment nor flags say anything. What a value means belongs to [`super::checked`], and
//! applying a change to [`super::reload`].

use super::checked::{Check, LONGEST_NAME, Look};
use super::layer::{Given, Origin, Problem, Values};
use super::setting::{self, Kind, Setting, Value};
use super::{SIZES, parse_size};
use crate::camera::Settings;
use crate::front::{NotChanged, Told};
use crate::state_dir;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FILE: &str = "settings.json";

/// What a file is called from then on that cannot be read. Further ones have a number, and the last one is replaced.
const ASIDE: &str = "settings-unreadable";
const MOST_ASIDE: u32 = 20;

/// What can be set of a camera, by its name in the API, which is the flag's where there is one.
static SETTABLE: [(&str, &Setting); 7] = [
    ("name", &setting::NAME),
    ("size", &setting::SIZE),
    ("fps", &setting::FPS),
    ("quality", &setting::QUALITY),
    ("hflip", &setting::HFLIP),
    ("vflip", &setting::VFLIP),
    ("rotate", &setting::ROTATE),
];

/// Sizes that are offered; others can be typed.
const USUAL_SIZES: [&str; 6] = [
    "320x240",
    "640x480",
    "1280x720",
    "1640x1232",
    "1920x1080",
    "2304x1296",
];

/// What was set of each camera, by the cameras' ids.
type Cameras = BTreeMap<String, Map<String, Json>>;

/// What changes of one camera, by name; `None` takes back what was set.
pub(super) type Changes = BTreeMap<String, Option<Json>>;

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    cameras: Cameras,
}

/// What administrators have set.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// Where it is kept; `None` where there is no state directory.
    directory: Option<PathBuf>,
    cameras: Cameras,
    /// Why what is there cannot be read.
    unread: Option<Arc<io::Error>>,
}

impl Page {
    /// Reads what is kept in that directory. Nothing is written there.
    pub(super) fn read(directory: Option<&Path>) -> Self {
        let (cameras, unread) = match directory.map_or(Ok(Cameras::new()), read) {
            Ok(cameras) => (cameras, None),
            Err(error) => (Cameras::new(), Some(Arc::new(error))),
        };
        Self {
            directory: directory.map(Path::to_owned),
            cameras,
            unread,
        }
    }

    /// Why what is there cannot be read, where it cannot.
    pub(super) fn unread(&self) -> Option<String> {
        let (error, file) = (self.unread.as_ref()?, self.file()?);
        Some(format!("{}: {error}", file.display()))
    }

    /// Tells of a file that cannot be read, and moves a damaged one aside: the server starts all the same.
    pub(super) fn mend(&mut self) {
        let (Some(unread), Some(error)) = (self.unread(), &self.unread) else {
            return;
        };
        if error.kind() != io::ErrorKind::InvalidData {
            tracing::error!(
                problem = unread,
                "what was set of the cameras cannot be read, and does not hold: nothing is set until it can"
            );
            return;
        }
        let Some(directory) = &self.directory else {
            return;
        };
        // Another server may have done it meanwhile, and what is there now is good.
        let moved = state_dir::lock(directory).and_then(|_lock| match read(directory) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                move_aside(directory).map(Some)
            }
            read => read.map(|_| None),
        });
        match moved {
            Ok(None) => self.unread = None,
            Ok(Some(aside)) => {
                tracing::error!(
                    problem = unread,
                    aside = %aside.display(),
                    "what was set of the cameras cannot be read, and does not hold: the file is moved aside"
                );
                self.unread = None;
            }
            Err(error) => tracing::error!(
                problem = unread,
                %error,
                "what was set of the cameras cannot be read, and does not hold, and the file cannot be moved aside"
            ),
        }
    }

    fn file(&self) -> Option<PathBuf> {
        Some(self.directory.as_ref()?.join(FILE))
    }

    /// A camera's values with what was set, where nothing else says it, and what of that cannot be: it is left out.
    pub(super) fn complete(&self, values: &Values, camera: &Settings) -> (Values, Vec<Problem>) {
        let (mut completed, mut problems) = (values.clone(), Vec::new());
        let Some(set) = self.cameras.get(&*camera.id) else {
            return (completed, problems);
        };
        let file = Arc::new(self.file().unwrap_or_default());
        let known = SETTABLE.iter().filter_map(|(name, setting)| {
            let value = parse(setting, set.get(*name)?)?;
            Some((*setting, value))
        });
        for (setting, value) in known.filter(|(setting, _)| !is_fixed(values, setting)) {
            let mut with_it = completed.clone();
            let origin = Origin::Set(Arc::clone(&file));
            with_it.set(setting, Given { value, origin });
            match look(&with_it, camera) {
                Ok(_) => completed = with_it,
                Err(several) => problems.extend(several),
            }
        }
        (completed, problems)
    }

    /// Gives the cameras what was set of them. Returns what cannot be.
    pub(super) fn apply(&self, cameras: &mut [Settings], values: &[Values]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (camera, values) in cameras.iter_mut().zip(values) {
            if !self.cameras.contains_key(&*camera.id) {
                continue;
            }
            let (completed, several) = self.complete(values, camera);
            problems.extend(several);
            match look(&completed, camera) {
                Ok(look) => given(camera, look),
                Err(several) => problems.extend(several),
            }
        }
        problems
    }

    /// The same after a change: of that camera, whose other values are these.
    ///
    /// # Errors
    /// Why it cannot be. Then nothing has changed.
    pub(super) fn changed(
        &self,
        camera: &Settings,
        values: &Values,
        change: &Map<String, Json>,
    ) -> Result<(Self, Settings, Changes), NotChanged> {
        let mut changes = Changes::new();
        for (name, value) in change {
            let setting = settable(name).ok_or_else(|| {
                let known = SETTABLE.map(|(name, _)| name).join(", ");
                NotChanged::Invalid(format!(
                    "{name:?} is nothing that can be set here: there are {known}"
                ))
            })?;
            if let Some(text) = idle(setting, camera) {
                return Err(NotChanged::Invalid(text));
            }
            if let Some(by) = values.get(setting).filter(|_| is_fixed(values, setting)) {
                return Err(NotChanged::Fixed(fixed(name, &by.origin)));
            }
            let value = (!value.is_null())
                .then(|| {
                    let parsed = parse(setting, value).ok_or_else(|| {
                        NotChanged::Invalid(format!(
                            "{name} takes {}, and not {value}",
                            setting.takes()
                        ))
                    })?;
                    Ok(to_json(&parsed))
                })
                .transpose()?;
            changes.insert(name.clone(), value);
        }
        // What cannot be as it is may be set right now, and does not stand in the way.
        let (before, unset) = self.complete(values, camera);
        let mut page = self.clone();
        page.note(&camera.id, &changes);
        let (after, problems) = page.complete(values, camera);
        let is_set = |values: &Values, setting| {
            let given = values.get(setting);
            given.is_some_and(|given| matches!(given.origin, Origin::Set(_)))
        };
        let lost = SETTABLE.iter().any(|(name, setting)| {
            let is_wanted = match changes.get(*name) {
                Some(value) => value.is_some(),
                None => is_set(&before, setting),
            };
            is_wanted && !is_set(&after, setting)
        });
        if lost {
            let mut texts: Vec<_> = problems.into_iter().map(|problem| problem.text).collect();
            let is_new = |text: &String| !unset.iter().any(|before| before.text == *text);
            if texts.iter().any(is_new) {
                texts.retain(is_new);
            }
            return Err(NotChanged::Invalid(texts.join("; ")));
        }
        let mut changed = camera.clone();
        let look = look(&after, camera).map_err(|problems| {
            let texts = problems.into_iter().map(|problem| problem.text);
            NotChanged::Invalid(texts.collect::<Vec<_>>().join("; "))
        })?;
        given(&mut changed, look);
        Ok((page, changed, changes))
    }

    fn note(&mut self, camera: &str, changes: &Changes) {
        note(&mut self.cameras, camera, changes);
    }

    /// Writes down what has changed of a camera: whatever else the file says may be another server's. Where it cannot be read, it
    /// is moved aside, and has what is set here.
    ///
    /// # Errors
    /// Where it cannot be written. Then nothing has changed.
    pub(super) fn write(&self, camera: &str, changes: &Changes) -> io::Result<()> {
        let directory = self.directory.as_deref().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "there is no state directory, because HOME is not set: give one with --state-dir",
            )
        })?;
        state_dir::make(directory)?;
        let _lock = state_dir::lock(directory)?;
        let of_file = |error: io::Error| {
            let file = directory.join(FILE);
            io::Error::new(error.kind(), format!("{}: {error}", file.display()))
        };
        let cameras = match read(directory) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let aside = move_aside(directory).map_err(of_file)?;
                tracing::error!(
                    problem = %of_file(error),
                    aside = %aside.display(),
                    "what was set of the cameras could not be read any more: the file is moved aside, and what holds is written down anew"
                );
                self.cameras.clone()
            }
            read => {
                let mut cameras = read.map_err(of_file)?;
                match self.cameras.get(camera) {
                    // Another program has taken the file away, or moved it aside.
                    Some(held) if !cameras.contains_key(camera) => {
                        cameras.insert(camera.into(), held.clone());
                    }
                    _ => note(&mut cameras, camera, changes),
                }
                cameras
            }
        };
        let text = serde_json::to_vec_pretty(&File { cameras }).map_err(io::Error::other)?;
        state_dir::replace(directory, FILE, &text).map_err(of_file)
    }

    /// Each of a camera's settings, for people and programs.
    pub(super) fn told(&self, camera: &Settings, values: &Values) -> Vec<Told> {
        let (completed, _) = self.complete(values, camera);
        let one = |(name, setting): (&'static str, &'static Setting)| {
            let given = completed.get(setting);
            let origin = given
                .as_ref()
                .map_or(Origin::Default, |given| given.origin.clone());
            let otherwise = values
                .get(setting)
                .map_or(Json::Null, |given| to_json(&given.value));
            let idle = idle(setting, camera);
            let by = (idle.is_none() && is_fixed(values, setting)).then(|| origin.to_string());
            let why = idle.or_else(|| by.as_ref().map(|_| fixed(name, &origin)));
            Told {
                name,
                value: given.map_or(Json::Null, |given| to_json(&given.value)),
                otherwise,
                from: origin.to_string(),
                is_set: matches!(origin, Origin::Set(_)),
                fixed: why,
                by,
                takes: takes(setting, camera),
            }
        };
        SETTABLE.into_iter().map(one).collect()
    }
}

fn note(cameras: &mut Cameras, camera: &str, changes: &Changes) {
    let set = cameras.entry(camera.to_owned()).or_default();
    for (name, value) in changes {
        match value {
            Some(value) => set.insert(name.clone(), value.clone()),
            None => set.remove(name),
        };
    }
    if set.is_empty() {
        cameras.remove(camera);
    }
}

/// Moves a file aside that cannot be read, and says where it is then. Those that were moved before stay.
fn move_aside(directory: &Path) -> io::Result<PathBuf> {
    let last = directory.join(format!("{ASIDE}-{MOST_ASIDE}.json"));
    let mut places = (1..MOST_ASIDE).map(|number| match number {
        1 => directory.join(format!("{ASIDE}.json")),
        number => directory.join(format!("{ASIDE}-{number}.json")),
    });
    let aside = places.find(|place| !place.exists()).unwrap_or(last);
    std::fs::rename(directory.join(FILE), &aside)?;
    Ok(aside)
}

fn settable(name: &str) -> Option<&'static Setting> {
    let mut all = SETTABLE.iter();
    all.find_map(|(known, setting)| (*known == name).then_some(*setting))
}

/// Whether a file, a variable or a flag says it.
fn is_fixed(values: &Values, setting: &Setting) -> bool {
    values.get(setting).is_some_and(|given| given.is_typed())
}

/// What has to change where it is to be set here.
fn fixed(name: &str, by: &Origin) -> String {
    match by {
        Origin::Flag(flag) => {
            format!(
                "{name} is fixed by the flag {flag}: start the server without it to set it here"
            )
        }
        Origin::Environment(variable) => format!(
            "{name} is fixed by the variable {variable}: start the server without it to set it here"
        ),
        place => format!("{name} is fixed by {place}: take it out there to set it here"),
    }
}

/// Why a setting does nothing at a camera's source, where it does not.
fn idle(setting: &Setting, camera: &Settings) -> Option<String> {
    let takes = camera.source.takes();
    let matters = match setting.key {
        "size" => takes.size,
        "fps" => takes.fps,
        _ => true,
    };
    let what = setting.key;
    let source = &camera.source;
    (!matters).then(|| format!("{what} does nothing here: {source} decides that itself"))
}

fn look(values: &Values, camera: &Settings) -> Result<Look, Vec<Problem>> {
    let mut check = Check::default();
    match check.look(values, Some(&camera.source)) {
        Some(look) if check.problems.is_empty() => Ok(look),
        _ => Err(check.problems),
    }
}

fn given(camera: &mut Settings, look: Look) {
    let Look {
        name,
        capture,
        quality,
    } = look;
    (camera.name, camera.capture, camera.quality) = (name, capture, quality);
}

/// A value as it came: texts as they are typed, too.
fn parse(setting: &Setting, value: &Json) -> Option<Value> {
    let is_a_number =
        |value: &Value| !matches!(value, Value::Number(number) if !number.is_finite());
    match (setting.kind, value) {
        // A file's JSON has no number without an end.
        (_, Json::String(text)) => setting.value_in_environment(text).filter(is_a_number),
        (Kind::Switch, Json::Bool(on)) => Some(Value::Switch(*on)),
        (Kind::Number, Json::Number(number)) => Some(Value::Number(number.as_f64()?)),
        (Kind::Count, Json::Number(number)) => Some(Value::Count(number.as_u64()?)),
        _ => None,
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Texts(texts) => json!(texts),
        Value::Number(number) => json!(number),
        Value::Count(count) => json!(count),
        Value::Switch(on) => json!(on),
        Value::Controls(values) => json!(values),
    }
}

/// What it can be.
fn takes(setting: &Setting, camera: &Settings) -> Json {
    match setting.key {
        "name" => json!({ "longest": LONGEST_NAME }),
        "size" => {
            let can_be = |size: &&&str| {
                let mut capture = camera.capture.clone();
                let (width, height) = parse_size(size).unwrap_or_default();
                (capture.width, capture.height) = (width, height);
                camera.source.check(&capture).is_ok()
            };
            let usual: Vec<_> = USUAL_SIZES.iter().filter(can_be).collect();
            json!({ "min": SIZES.start(), "max": SIZES.end(), "step": 2, "usual": usual })
        }
        "fps" => json!({ "min": 0.1, "max": 240 }),
        "quality" => json!({ "min": 1, "max": 100 }),
        "transform.rotate" => json!({ "choices": [0, 90, 180, 270] }),
        _ => json!({ "choices": [false, true] }),
    }
}

fn read(directory: &Path) -> io::Result<Cameras> {
    match state_dir::read(&directory.join(FILE)) {
        Ok(text) => {
            let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            let file: File = serde_json::from_str(&text).map_err(invalid)?;
            Ok(file.cameras)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Cameras::new()),
        Err(error) => Err(error),
    }
}
