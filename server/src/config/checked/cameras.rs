//! The cameras: what each one's settings mean, and what no two of them may share.

use super::recording::Mode;
use super::{Check, always};
use crate::camera::{Id, IdError, Settings, Target, identify};
use crate::config::layer::{Given, Origin, Problem, Values};
use crate::config::setting::{self, Value};
use crate::config::{ConfigError, in_range, parse_size, urls};
use crate::source::{self, Spec, Transform};
use pistreamer_protocol::text;

/// How a camera is called and looks.
#[derive(Clone, Debug)]
pub(in crate::config) struct Look {
    pub name: Option<String>,
    pub capture: source::Config,
    pub quality: u8,
}

impl Check {
    fn distinct_ids(&mut self, cameras: &[Values]) {
        let ids: Vec<_> = cameras
            .iter()
            .filter_map(|camera| camera.get(&setting::ID))
            .collect();
        for (number, id) in ids.iter().enumerate() {
            if let Some(first) = ids[..number].iter().find(|first| first.value == id.value) {
                let text = format!("{} has this id already: give another one", first.origin);
                self.problem(&id.origin, text);
            }
        }
    }

    /// The cameras, in order; at least one.
    pub(super) fn cameras(&mut self, cameras: &[Values]) -> Option<Vec<Settings>> {
        if cameras.is_empty() {
            self.problem(&Origin::Default, "there is no camera");
        }
        self.distinct_ids(cameras);
        let sources: Vec<_> = cameras.iter().map(|values| self.source(values)).collect();
        let given = cameras
            .iter()
            .map(|values| self.read(values, &setting::ID, |value| Id::new(&value.into_text())));
        let given: Vec<_> = given.collect();
        let sources: Vec<_> = sources
            .into_iter()
            .collect::<Option<_>>()
            .unwrap_or_default();
        let ids = identify(given.into_iter().zip(&sources)).unwrap_or_else(|error| {
            // Two that were given the same one are noted already.
            if let IdError::Alike { at, .. } = error
                && !cameras.iter().any(|camera| camera.is_unread(&setting::ID))
                && let Some(source) = cameras[at].get(&setting::SOURCE)
            {
                self.problem(&source.origin, error);
            }
            Vec::new()
        });
        let ids = ids.into_iter().map(Some).chain(std::iter::repeat(None));
        let sources = sources.into_iter().map(Some).chain(std::iter::repeat(None));
        let identities = ids.zip(sources);
        let settings: Vec<_> = cameras
            .iter()
            .zip(identities)
            .map(|(values, (id, source))| self.camera(values, id, source))
            .collect();
        self.distinct_targets(cameras, &settings);
        self.distinct_machines(cameras, &settings);
        settings.into_iter().collect()
    }

    /// Each target takes the frames of one camera, once.
    fn distinct_targets(&mut self, cameras: &[Values], settings: &[Option<Settings>]) {
        let mut before: Vec<(usize, &Target)> = Vec::new();
        for (number, camera) in settings.iter().enumerate() {
            for target in camera.iter().flat_map(|camera| &camera.push) {
                let mut known = before.iter();
                let same = known.find(|(other, known)| {
                    known.is_place_of(target) && (*other == number || !target.takes_several())
                });
                if let Some((first, _)) = same
                    && let Some(given) = cameras[number].get(&setting::PUSH)
                {
                    let text = if *first == number {
                        format!("it pushes to {target} twice: leave one of them out")
                    } else {
                        format!(
                            "another camera pushes to {target} already: give each one a target of its own in a file, where \
                             push stands in its [[camera]]"
                        )
                    };
                    self.problem(&given.origin, text);
                }
                before.push((number, target));
            }
        }
    }

    fn camera(
        &mut self,
        values: &Values,
        id: Option<Id>,
        source: Option<Spec>,
    ) -> Option<Settings> {
        let renditions = self.read(values, &setting::RENDITIONS, |value| {
            in_range(value.into_count(), 1..=16, ConfigError::BadRenditions)
        });
        let tiles = self.read(values, &setting::TILES, always(Value::into_switch));
        let averaging = self.read(values, &setting::AVERAGING, always(Value::into_switch));
        let push = self.read(values, &setting::PUSH, |value| {
            urls::targets(&value.into_texts())
        });
        let record = self.record(values);
        let by_motion = matches!(record, Some((_, Mode::Motion))) && self.records;
        let motion = self.looked_for(values, by_motion);
        let operate = self.operate(values);
        let given = values.get(&setting::PUSH).map(|given| given.origin);
        for target in push.iter().flatten() {
            if let (Err(text), Some(origin)) = (target.place(), given.clone()) {
                let text = text.to_owned();
                self.absent.push(Problem { origin, text });
            }
        }
        let controls = values.get(&setting::CONTROLS);
        let controls = controls.map(|given| given.value.into_controls());
        let look = self.look(values, source.as_ref());
        let (id, source) = (id?, source?);
        let Look {
            name,
            capture,
            quality,
        } = look?;
        let takes = source.takes();
        for (setting, matters) in [(&setting::SIZE, takes.size), (&setting::FPS, takes.fps)] {
            let given = values.get(setting).filter(|given| given.is_typed());
            if let (false, Some(Given { origin, .. })) = (matters, given) {
                let what = setting.key;
                let text = format!("{what} does nothing here: {source} decides that itself");
                self.useless.push(Problem { origin, text });
            }
        }
        Some(Settings {
            id,
            name,
            source,
            capture,
            quality,
            renditions: renditions? as usize,
            tiles: tiles?,
            averaging: averaging?,
            push: push?,
            controls: controls.unwrap_or_default(),
            record: record?.0,
            motion: motion?,
            operate: operate?,
        })
    }

    /// What of a camera administrators may set while the server runs, where nothing else says it.
    pub(in crate::config) fn look(
        &mut self,
        values: &Values,
        source: Option<&Spec>,
    ) -> Option<Look> {
        let name = self.read(values, &setting::NAME, |value| {
            camera_name(value.into_text())
        });
        let size = self.read(values, &setting::SIZE, |value| {
            parse_size(&value.into_text())
        });
        let fps = self.read(values, &setting::FPS, |value| {
            in_range(value.into_number(), 0.1..=240.0, ConfigError::BadFps)
        });
        let quality = self.read(values, &setting::QUALITY, |value| {
            in_range(value.into_count(), 1..=100, ConfigError::BadQuality)
        });
        let rotate = self.read(values, &setting::ROTATE, |value| {
            match u16::try_from(value.into_count()) {
                Ok(angle @ (0 | 90 | 180 | 270)) => Ok(angle),
                other => Err(ConfigError::BadRotation(other.unwrap_or(u16::MAX))),
            }
        });
        let hflip = self.read(values, &setting::HFLIP, always(Value::into_switch));
        let vflip = self.read(values, &setting::VFLIP, always(Value::into_switch));
        let (width, height) = size?;
        let capture = source::Config {
            width,
            height,
            fps: fps?,
            transform: Transform {
                hflip: hflip?,
                vflip: vflip?,
                rotate: rotate?,
            },
        };
        if let Some(Err(error)) = source.map(|source| source.check(&capture)) {
            let given = values.get(&setting::SIZE);
            self.problem(&given.map_or(Origin::Default, |given| given.origin), error);
        }
        Some(Look {
            name,
            capture,
            quality: quality? as u8,
        })
    }

    fn source(&mut self, values: &Values) -> Option<Spec> {
        let key_file = values.get(&setting::KEY_FILE);
        let key_file = key_file.map(|given| given.value.into_text());
        let source = self.read(values, &setting::SOURCE, |value| {
            urls::source(&value.into_text(), key_file.as_deref())
        })?;
        if let Some(text) = source.absent() {
            let origin = values.get(&setting::SOURCE)?.origin;
            self.absent.push(Problem { origin, text });
        }
        Some(source)
    }
}

/// A camera's name as viewers are told it.
fn camera_name(name: String) -> Result<String, ConfigError> {
    let length = name.chars().count();
    if (1..=LONGEST_NAME).contains(&length) && text::plain(&name) == name {
        Ok(name)
    } else {
        Err(ConfigError::BadName)
    }
}

/// Longest name of a camera, in characters.
pub(in crate::config) const LONGEST_NAME: usize = 100;
