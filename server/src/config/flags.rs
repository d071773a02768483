//! Settings from the command line and from the environment.

use super::file::nearest;
use super::layer::{Given, Layer, Origin, Problem, Problems, Values};
use super::setting::{self, ALL, SOURCE, Setting, Value, words};
use crate::cli;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What was typed to serve.
///
/// # Errors
/// With every path that is not UTF-8 text.
pub(crate) fn layer(typed: &cli::Serve) -> Result<Layer, Problems> {
    let cli::Serve {
        config: _,
        source,
        capture,
        listen,
        allow_origin,
        no_auth,
        state_dir,
        tls,
        tls_cert,
        tls_key,
        host,
        announce,
        trusted_proxy,
        max_connections,
        max_per_address,
        max_unauthenticated,
        max_viewers,
        renditions,
        tiles,
        averaging,
        push,
        operate,
        recording,
        motion,
        look,
        alerting,
        send_timeout,
        retry_pause,
        logging,
    } = typed;
    let mut layer = Layer::default();
    layer.type_all([
        (&setting::LISTEN, texts(listen)),
        (&setting::HOST, texts(host)),
        (&setting::ANNOUNCE, on(*announce)),
        (&setting::TRUSTED_PROXY, texts(trusted_proxy)),
        (&setting::NO_AUTH, on(*no_auth)),
        (&setting::ALLOW_ORIGIN, texts(allow_origin)),
        (&setting::TLS, text(tls.as_ref())),
        (&setting::MAX_VIEWERS, count(*max_viewers)),
        (&setting::MAX_CONNECTIONS, count(*max_connections)),
        (&setting::MAX_UNAUTHENTICATED, count(*max_unauthenticated)),
        (&setting::MAX_PER_ADDRESS, count(*max_per_address)),
        (&setting::SEND_TIMEOUT, send_timeout.map(Value::Number)),
        (&setting::RETRY_PAUSE, retry_pause.map(Value::Number)),
        (&setting::MOTION, on(*motion)),
        (&setting::RENDITIONS, count(*renditions)),
        (&setting::TILES, tiles.map(Value::Switch)),
        (&setting::AVERAGING, averaging.map(Value::Switch)),
        (&setting::PUSH, texts(push)),
        (&setting::OPERATE_SINK, text(operate.as_ref())),
    ]);
    layer.type_all([
        (&setting::RECORD_MODE, text(recording.record_mode.as_ref())),
        (
            &setting::RECORD_FPS,
            recording.record_fps.map(Value::Number),
        ),
        (
            &setting::RECORD_SPARSE,
            recording.record_sparse.map(Value::Number),
        ),
        (
            &setting::RECORD_BEFORE,
            recording.record_before.map(Value::Number),
        ),
        (
            &setting::RECORD_AFTER,
            recording.record_after.map(Value::Number),
        ),
        (
            &setting::RECORD_SPACE,
            text(recording.record_space.as_ref()),
        ),
        (&setting::RECORD_FREE, text(recording.record_free.as_ref())),
        (
            &setting::RECORD_DAYS,
            recording.record_days.map(Value::Number),
        ),
        (
            &setting::RECORD_SPARSE_DAYS,
            recording.record_sparse_days.map(Value::Number),
        ),
        (
            &setting::RECORD_MEMORY,
            text(recording.record_memory.as_ref()),
        ),
        (
            &setting::RECORD_SYNC,
            recording.record_sync.map(Value::Number),
        ),
        (&setting::FFMPEG, text(recording.ffmpeg.as_ref())),
    ]);
    layer.type_look(look);
    layer.type_all([
        (&setting::ALERT_TO, texts(&alerting.alert)),
        (
            &setting::ALERT_COOLDOWN,
            alerting.alert_cooldown.map(Value::Number),
        ),
        (&setting::ALERT_ARMED, text(alerting.alert_armed.as_ref())),
        (&setting::ALERT_DAILY, text(alerting.alert_daily.as_ref())),
        (
            &setting::ALERT_NO_SIGNAL,
            alerting.alert_no_signal.map(Value::Number),
        ),
        (
            &setting::ALERT_NOT_RECORDING,
            alerting.alert_not_recording.map(Value::Number),
        ),
        (&setting::PUBLIC_URL, text(alerting.public_url.as_ref())),
    ]);
    layer.type_common(source, capture, logging);
    let paths = [
        (&setting::RECORD, &recording.record),
        (&setting::STATE_DIR, state_dir),
        (&setting::TLS_CERT, tls_cert),
        (&setting::TLS_KEY, tls_key),
    ];
    let problems: Vec<_> = paths
        .into_iter()
        .filter_map(|(setting, path)| layer.type_path(setting, path.as_deref()?).err())
        .collect();
    if problems.is_empty() {
        Ok(layer)
    } else {
        Err(Problems(problems))
    }
}

/// What was typed to push.
pub(crate) fn push(typed: &cli::Push) -> Layer {
    let mut layer = Layer::default();
    layer.type_common(typed.source.as_slice(), &typed.capture, &typed.logging);
    layer
}

/// What was typed to look for motion.
pub(super) fn motion(typed: &cli::Motion) -> Layer {
    let mut layer = Layer::default();
    layer.type_look(&typed.look);
    layer
}

impl Layer {
    fn type_look(&mut self, look: &cli::Look) {
        self.type_all([
            (&setting::MOTION_SENSITIVITY, count(look.motion_sensitivity)),
            (
                &setting::MOTION_MIN_AREA,
                look.motion_min_area.map(Value::Number),
            ),
            (&setting::MOTION_ZONES, texts(&look.motion_zone)),
            (&setting::MOTION_IGNORE, texts(&look.motion_ignore)),
        ]);
    }

    fn type_all<const N: usize>(&mut self, values: [(&Setting, Option<Value>); N]) {
        for (setting, value) in values {
            if let Some(value) = value {
                let origin = typed_as(setting);
                self.set(setting, Given { value, origin });
            }
        }
    }

    /// # Errors
    /// Where the path is not UTF-8 text.
    fn type_path(&mut self, setting: &Setting, path: &Path) -> Result<(), Problem> {
        let origin = typed_as(setting);
        let Some(path) = path.to_str() else {
            let text = not_utf8(path.as_os_str());
            return Err(Problem { origin, text });
        };
        let value = Value::Text(path.into());
        self.set(setting, Given { value, origin });
        Ok(())
    }

    fn type_common(&mut self, sources: &[String], capture: &cli::Capture, log: &cli::Logging) {
        self.type_all([
            (&setting::SIZE, text(capture.size.as_ref())),
            (&setting::FPS, capture.fps.map(Value::Number)),
            (&setting::QUALITY, count(capture.quality)),
            (&setting::HFLIP, on(capture.hflip)),
            (&setting::VFLIP, on(capture.vflip)),
            (&setting::ROTATE, count(capture.rotate)),
            (&setting::LOG, text(log.log.as_ref())),
            (&setting::LOG_JSON, on(log.log_json)),
        ]);
        if !sources.is_empty() {
            self.cameras = Some(cameras(sources, &typed_as(&SOURCE)));
        }
    }
}

fn text(text: Option<&String>) -> Option<Value> {
    text.map(|text| Value::Text(text.clone()))
}

fn texts<T: ToString>(items: &[T]) -> Option<Value> {
    let texts = || items.iter().map(ToString::to_string).collect();
    (!items.is_empty()).then(|| Value::Texts(texts()))
}

/// Why a value is refused that is not UTF-8 text, such as the name of a directory in another encoding.
pub(super) fn not_utf8(value: &OsStr) -> String {
    let shown = value.to_string_lossy();
    format!(
        "{shown:?} is not UTF-8 text: give the file or directory a name that is, or reach it by a link with such a name"
    )
}

fn count(count: Option<impl TryInto<u64>>) -> Option<Value> {
    Some(Value::Count(count?.try_into().unwrap_or(u64::MAX)))
}

fn on(on: bool) -> Option<Value> {
    on.then_some(Value::Switch(true))
}

fn typed_as(setting: &Setting) -> Origin {
    Origin::Flag(setting.typed_flag().unwrap_or_default())
}

/// A camera for each source.
fn cameras(sources: &[String], origin: &Origin) -> Vec<Values> {
    let camera = |source: &String| {
        let value = Value::Text(source.clone());
        let origin = origin.clone();
        let mut values = Values::default();
        values.set(&SOURCE, Given { value, origin });
        values
    };
    sources.iter().map(camera).collect()
}

/// The variable that stands for `--config`.
pub(super) const CONFIG: &str = "PISTREAMER_CONFIG";

/// Variables that are like one of this program's, each with that one: they do nothing, and that one was probably meant.
pub(crate) fn misspelt(variables: impl Iterator<Item = OsString>) -> Vec<(String, String)> {
    const PREFIX: &str = "PISTREAMER_";
    let known = ALL.iter().filter_map(|setting| setting.variable());
    let known: Vec<_> = known.chain([CONFIG.into()]).collect();
    let ends = known.iter().filter_map(|name| name.strip_prefix(PREFIX));
    let ends: Vec<_> = ends.map(str::to_ascii_lowercase).collect();
    let ends: Vec<_> = ends.iter().map(String::as_str).collect();
    let misspelt = |name: OsString| {
        let name = name.into_string().ok()?;
        let end = name.strip_prefix(PREFIX)?;
        let meant = nearest(end, &ends).filter(|_| !known.contains(&name))?;
        let meant = format!("{PREFIX}{}", meant.to_uppercase());
        Some((name, meant))
    };
    variables.filter_map(misspelt).collect()
}

/// What the environment says: for each flag there is a variable. One that is set to nothing is not set.
pub(crate) fn environment(variable: impl Fn(&str) -> Option<OsString>) -> Result<Layer, Problems> {
    let (mut layer, mut problems) = (Layer::default(), Vec::new());
    for setting in ALL {
        let Some(name) = setting.variable() else {
            continue;
        };
        let Some(value) = variable(&name) else {
            continue;
        };
        let origin = Origin::Environment(name);
        let text = match value.into_string() {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => text,
            Err(value) => {
                let text = not_utf8(&value);
                problems.push(Problem { origin, text });
                continue;
            }
        };
        if std::ptr::eq(*setting, &SOURCE) {
            match words(&text) {
                Some(sources) => layer.cameras = Some(cameras(&sources, &origin)),
                None => problems.push(Problem {
                    origin,
                    text: format!("quotes in it have no end: {text:?}"),
                }),
            }
            continue;
        }
        match setting.value_in_environment(&text) {
            Some(value) => layer.set(setting, Given { value, origin }),
            None => problems.push(Problem {
                origin,
                text: format!("it takes {}, and is {text:?}", setting.takes()),
            }),
        }
    }
    if problems.is_empty() {
        Ok(layer)
    } else {
        Err(Problems(problems))
    }
}
