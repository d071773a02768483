//! A configuration file: TOML, taken apart into settings. Everything in it that is no setting is told, with its place and
//! the name that was probably meant.
//!
//! What the values mean belongs to [`super::checked`].

use super::layer::{Given, Layer, Origin, Problem, Values};
use super::pipe::Opened;
use super::setting::{self, ALL, CAMERA, Kind, PUSH, SECTIONS, SOURCE, Setting, Value};
use crate::state_dir;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// Largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Reads a file's text; `None` where there is no such file. One that was `found`, rather than named, has to be the user's own
/// or root's: it may lie in a directory where anybody can put it.
pub(crate) fn read(path: &Path, found: bool) -> Result<Option<String>, Problem> {
    let problem = |text: String| Problem {
        origin: Origin::File {
            file: Arc::new(path.to_owned()),
            line: 0,
            column: 0,
        },
        text,
    };
    let mut bytes = Vec::new();
    let opened = if found {
        state_dir::open_own(path).map(Opened::File)
    } else {
        Opened::named(path)
    };
    let read = opened.and_then(|opened| match opened {
        Opened::File(file) => file.take(LARGEST + 1).read_to_end(&mut bytes),
        Opened::Pipe(pipe) => pipe.take(LARGEST + 1).read_to_end(&mut bytes),
    });
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(problem(format!("it cannot be read: {error}"))),
    }
    if bytes.len() as u64 > LARGEST {
        return Err(problem(format!("it has more than {LARGEST} bytes")));
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let read = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let read = String::from_utf8_lossy(read);
        Problem {
            origin: origin(&Arc::new(path.to_owned()), &read, read.len()),
            text: "this is not UTF-8 text: write the file in UTF-8".into(),
        }
    })
}

/// The line and column at a byte offset of a file's text.
fn origin(file: &Arc<PathBuf>, text: &str, at: usize) -> Origin {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Origin::File {
        file: Arc::clone(file),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// The settings in a file's text, and what is wrong with the others. Relative paths in it start at `path`'s directory.
pub(crate) fn parse(text: &str, path: &Path) -> (Layer, Vec<Problem>) {
    let mut reader = Reader {
        text,
        file: Arc::new(path.to_owned()),
        problems: Vec::new(),
    };
    let mut layer = match DeTable::parse(text) {
        Ok(document) => reader.document(document.get_ref()),
        Err(error) => {
            let lines = error.message().replace('\n', ", ");
            reader.problem(
                error.span().unwrap_or_default(),
                format!("this is not TOML: {lines}"),
            );
            Layer::default()
        }
    };
    layer.file = Some(reader.file);
    (layer, reader.problems)
}

type Key<'i> = Spanned<DeString<'i>>;

struct Reader<'t> {
    text: &'t str,
    file: Arc<PathBuf>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn origin(&self, at: Range<usize>) -> Origin {
        origin(&self.file, self.text, at.start)
    }

    fn problem(&mut self, at: Range<usize>, text: String) {
        let origin = self.origin(at);
        self.problems.push(Problem { origin, text });
    }

    fn document(&mut self, document: &DeTable<'_>) -> Layer {
        let mut layer = Layer::default();
        for (key, value) in document {
            let name = &**key.get_ref();
            match value.get_ref() {
                _ if !SECTIONS.iter().any(|(section, _)| *section == name) => {
                    self.unknown_section(key, value.get_ref())
                }
                DeValue::Array(cameras) if name == CAMERA => {
                    let mut listed = Vec::new();
                    for camera in cameras {
                        let mut values = Values::default();
                        match camera.get_ref() {
                            DeValue::Table(table) => self.table(CAMERA, "", table, &mut values),
                            _ => self
                                .problem(camera.span(), "write each camera as [[camera]]".into()),
                        }
                        listed.push(values);
                    }
                    layer.cameras = Some(listed);
                }
                DeValue::Table(table) if name != CAMERA => {
                    self.table(name, "", table, &mut layer.server);
                }
                _ if name == CAMERA => {
                    self.problem(
                        key.span(),
                        "write [[camera]], with two brackets, for each camera".into(),
                    );
                }
                _ => self.problem(key.span(), format!("{name} is a section: write [{name}]")),
            }
        }
        layer
    }

    /// Takes over a table's values; `within` is the table's own name in its section, with a dot, where it isn't the section
    /// itself.
    fn table(&mut self, section: &str, within: &str, table: &DeTable<'_>, values: &mut Values) {
        for (key, value) in table {
            let name = format!("{within}{}", key.get_ref());
            let settings = ALL.iter().filter(|setting| setting.section == section);
            let mut settings = settings.map(|setting| (setting, setting.key));
            let below = format!("{name}.");
            if let Some((setting, _)) = settings.clone().find(|(_, key)| *key == name) {
                match self.value(setting, value) {
                    // Before it is anchored, it would be the file's directory.
                    Some(_) if setting.kind == Kind::Path && is_empty(value.get_ref()) => {
                        values.set_unread(setting);
                        let text = format!("{name} is empty: write a path, or leave it out");
                        self.problem(value.span(), text);
                    }
                    Some(read) => values.set(
                        setting,
                        Given {
                            value: read,
                            origin: self.origin(value.span()),
                        },
                    ),
                    None => {
                        values.set_unread(setting);
                        let (takes, is) = (setting.takes(), unlike(setting.kind, value.get_ref()));
                        let text = format!("{name} takes {takes}, and this is {is}");
                        self.problem(value.span(), text);
                    }
                }
            } else if settings.any(|(_, key)| key.starts_with(&below)) {
                match value.get_ref() {
                    DeValue::Table(inner) => self.table(section, &below, inner, values),
                    _ => self.problem(
                        value.span(),
                        format!("{name} takes a table, such as {name} = {{ … }}"),
                    ),
                }
            } else {
                self.unknown_key(section, within, key);
            }
        }
    }

    fn value(&mut self, setting: &'static Setting, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        let read = setting.value(value.get_ref())?;
        let mut anchored = |path: &str| self.anchored(path, value.span());
        Some(match read {
            Value::Text(text) if setting.kind == Kind::Path => Value::Text(anchored(&text)),
            Value::Text(text) if std::ptr::eq(setting, &SOURCE) => {
                Value::Text(match text.strip_prefix("files:") {
                    Some(path) if !path.is_empty() => format!("files:{}", anchored(path)),
                    _ => with_placeholders(&text, anchored),
                })
            }
            Value::Texts(urls)
                if std::ptr::eq(setting, &PUSH) || std::ptr::eq(setting, &setting::ALERT_TO) =>
            {
                let urls = urls.iter();
                Value::Texts(
                    urls.map(|url| with_placeholders(url, &mut anchored))
                        .collect(),
                )
            }
            other => other,
        })
    }

    /// The path, where relative, from the file's directory.
    fn anchored(&mut self, path: &str, at: Range<usize>) -> String {
        let directory = self.file.parent().unwrap_or(Path::new(""));
        match directory.join(path).to_str() {
            Some(path) => path.into(),
            None => {
                let text = format!(
                    "{path:?} is relative to this file's directory, whose name is not UTF-8 text: write an absolute path"
                );
                self.problem(at, text);
                path.into()
            }
        }
    }

    /// `value` is what the name stands for: a setting that is no table stands outside any section.
    fn unknown_section(&mut self, key: &Key<'_>, value: &DeValue<'_>) {
        let name = key.get_ref();
        let sections = SECTIONS.map(|(section, _)| section);
        let is_table = match value {
            DeValue::Table(_) => true,
            DeValue::Array(items) => {
                let mut items = items.iter();
                items.any(|item| matches!(item.get_ref(), DeValue::Table(_)))
            }
            _ => false,
        };
        let text = match (nearest(name, &sections), home_of(name)) {
            (_, Some(setting)) if !is_table => format!(
                "{name:?} stands outside any section: write {} below {}",
                setting.key,
                header(setting.section)
            ),
            (_, Some(setting)) => {
                let place = place_of(name, setting);
                format!("there is no section {name:?}: it belongs in {place}")
            }
            (Some(section), None) => {
                let header = header(section);
                format!("there is no section {name:?}: did you mean {header}?")
            }
            (None, None) => {
                let sections = sections.map(header).join(", ");
                format!("there is no section {name:?}: there are {sections}")
            }
        };
        self.problem(key.span(), text);
    }

    fn unknown_key(&mut self, section: &str, within: &str, key: &Key<'_>) {
        let name = format!("{within}{}", key.get_ref());
        let settings = ALL.iter().filter(|setting| setting.section == section);
        let keys: Vec<_> = settings
            .filter(|s| !s.hidden)
            .map(|setting| setting.key)
            .collect();
        let near = nearest(&name, &keys).filter(|_| called_elsewhere(&name).is_none());
        let instead = match (near, home_of(&name)) {
            (Some(key), _) => format!("did you mean {key}?"),
            (None, Some(setting)) if setting.section == section => format!("write {}", setting.key),
            (None, Some(setting)) => format!("it belongs in {}", place_of(&name, setting)),
            (None, None) => format!("there are {}", keys.join(", ")),
        };
        let header = header(section);
        self.problem(
            key.span(),
            format!("there is no {name:?} in {header}: {instead}"),
        );
    }
}

fn is_empty(value: &DeValue<'_>) -> bool {
    matches!(value, DeValue::String(text) if text.is_empty())
}

/// The text with other paths in its placeholders for files.
fn with_placeholders(text: &str, mut change: impl FnMut(&str) -> String) -> String {
    let mut parts = text.split("${file:");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str("${file:");
        whole.push_str(&match part.split_once('}') {
            Some((path, rest)) => format!("{}}}{rest}", change(path)),
            None => part.to_owned(),
        });
    }
    whole
}

/// How a section begins in a file.
pub(crate) fn header(section: &str) -> String {
    if section == CAMERA {
        format!("[[{section}]]")
    } else {
        format!("[{section}]")
    }
}

/// What other programs call settings, each with what it is called here.
const ELSEWHERE: [(&str, &Setting); 16] = [
    ("title", &setting::NAME),
    ("label", &setting::NAME),
    ("url", &SOURCE),
    ("uri", &SOURCE),
    ("device", &SOURCE),
    ("framerate", &setting::FPS),
    ("frame_rate", &setting::FPS),
    ("rate", &setting::FPS),
    ("resolution", &setting::SIZE),
    ("width", &setting::SIZE),
    ("height", &setting::SIZE),
    ("rotation", &setting::ROTATE),
    ("password", &setting::KEY_FILE),
    ("password_file", &setting::KEY_FILE),
    ("level", &setting::LOG),
    ("port", &setting::LISTEN),
];

fn called_elsewhere(name: &str) -> Option<&'static Setting> {
    let mut known = ELSEWHERE.iter();
    let (_, setting) = known.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(setting)
}

/// The setting that was meant by a key that stands in the wrong place, or has its flag's name or one from elsewhere.
fn home_of(name: &str) -> Option<&'static Setting> {
    if let Some(setting) = called_elsewhere(name) {
        return Some(setting);
    }
    let name = name.to_ascii_lowercase();
    let flag = name.replace('_', "-");
    let mut settings = ALL.iter().copied();
    settings.find(|setting| setting.key == name || setting.flag == Some(&flag))
}

/// Where a setting belongs that was given by that name.
fn place_of(name: &str, setting: &Setting) -> String {
    let header = header(setting.section);
    if setting.key.eq_ignore_ascii_case(name) {
        header
    } else {
        format!("{header}, as {}", setting.key)
    }
}

/// The name that was probably meant, in whatever case: a third of its characters may be wrong, and one in any case.
pub(super) fn nearest<'a>(typed: &str, names: &[&'a str]) -> Option<&'a str> {
    let typed = typed.to_ascii_lowercase();
    let wrong = |name: &&&str| strsim::osa_distance(&typed, name);
    let best = names.iter().min_by_key(wrong)?;
    (wrong(&best) <= (best.len() / 3).max(1)).then_some(best)
}

/// What a value is that a setting of that kind does not take, in words that tell it from what it takes.
fn unlike(takes: Kind, value: &DeValue<'_>) -> String {
    match (takes, value) {
        (Kind::Count, DeValue::Integer(number)) if number.as_str().starts_with('-') => {
            "a negative one".into()
        }
        (Kind::Count, DeValue::Integer(_)) => "one that is too large".into(),
        (Kind::Number, DeValue::Integer(_)) => "a number that is not written in decimal".into(),
        (Kind::Texts, DeValue::Array(items)) => {
            let mut items = items.iter().map(Spanned::get_ref);
            let other = items.find(|item| !matches!(item, DeValue::String(_)));
            format!("a list with {} in it", other.map_or("nothing", kind))
        }
        _ => kind(value).into(),
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
