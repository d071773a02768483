//! What was given, checked: each value that means nothing is told with where it stands, and not only the first one.

mod alerts;
mod cameras;
mod motion;
mod operate;
mod recording;

pub(super) use cameras::{LONGEST_NAME, Look};

use super::layer::{Given, Merged, Origin, Problem, Problems, Values};
use super::setting::{self, Setting, Value};
use super::{Config, ConfigError, LARGEST_LIMIT, Log, PING_INTERVAL};
use super::{addresses, in_range, log_filter, pauses, store};
use crate::access::Store;
use crate::camera::Settings;
use crate::front::{AllowedOrigins, Certificate, KnownHosts, Limits};
use crate::session;
use std::fmt::Display;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Checks everything. `before` is what is wrong already, with values that could not be read: those are as if they had not
/// been given, and nothing is said of what would follow from their defaults.
pub(super) fn checked(merged: &Merged, before: Vec<Problem>) -> Result<Checked, Problems> {
    let mut check = Check::default();
    let config = check.config(merged);
    match config {
        Some(config) if before.is_empty() && check.problems.is_empty() => Ok(Checked {
            config,
            absent: check.absent,
            useless: check.useless,
        }),
        _ => Err(check.in_order(before)),
    }
}

/// A configuration that can work.
pub(super) struct Checked {
    pub config: Config,
    /// What of its cameras is not there now, and may be later.
    pub absent: Vec<Problem>,
    /// What is set and does nothing.
    pub useless: Vec<Problem>,
}

impl Checked {
    /// The configuration, if everything is there.
    pub(super) fn complete(self) -> Result<Config, Problems> {
        if self.absent.is_empty() {
            Ok(self.config)
        } else {
            Err(Problems::in_order(self.absent))
        }
    }
}

/// Checks what `push` needs: cameras and log, and what is set and does nothing.
pub(super) fn pushed(merged: &Merged) -> Result<(Vec<Settings>, Log, Vec<Problem>), Problems> {
    let mut check = Check::default();
    let cameras = check.cameras(&merged.cameras);
    let log = check.log(&merged.server);
    match (cameras, log) {
        (Some(cameras), Some(log)) if check.problems.is_empty() && check.absent.is_empty() => {
            Ok((cameras, log, check.useless))
        }
        _ => Err(check.in_order(Vec::new())),
    }
}

/// What counts as motion in a camera's pictures.
pub(super) fn motion(
    camera: &Values,
    before: Vec<Problem>,
) -> Result<pistreamer_motion::Settings, Problems> {
    let mut check = Check::default();
    match check.motion(camera) {
        Some(settings) if before.is_empty() && check.problems.is_empty() => Ok(settings),
        _ => Err(check.in_order(before)),
    }
}

/// What is wrong, gathered while everything is looked at.
#[derive(Default)]
pub(super) struct Check {
    pub(super) problems: Vec<Problem>,
    absent: Vec<Problem>,
    useless: Vec<Problem>,
    /// Whether there is a directory for recordings.
    records: bool,
}

impl Check {
    /// The problems, behind those from before, as they follow each other in a file.
    fn in_order(mut self, before: Vec<Problem>) -> Problems {
        if !before.is_empty() {
            self.problems.retain(Problem::has_place);
        }
        self.problems.extend(before);
        self.problems.extend(self.absent);
        Problems::in_order(self.problems)
    }

    fn problem(&mut self, origin: &Origin, error: impl Display) {
        self.problems.push(Problem {
            origin: origin.clone(),
            text: error.to_string(),
        });
    }

    /// What a setting's value means; `None` where it has none, or one that means nothing, which is noted.
    fn read<T, E: Display>(
        &mut self,
        values: &Values,
        setting: &Setting,
        parse: impl FnOnce(Value) -> Result<T, E>,
    ) -> Option<T> {
        let Given { value, origin } = values.get(setting)?;
        parse(value)
            .map_err(|error| self.problem(&origin, error))
            .ok()
    }

    /// Goes on after a problem, to find the others: `None` only follows one.
    fn config(&mut self, merged: &Merged) -> Option<Config> {
        let server = &merged.server;
        self.records = path(server, &setting::RECORD).is_some();
        let cameras = self.cameras(&merged.cameras);
        let listen = self.read(server, &setting::LISTEN, |value| {
            let texts = value.into_texts();
            let addresses = texts.iter().map(|text| addresses::listen_address(text));
            addresses.collect::<Result<Vec<_>, _>>()
        });
        let announce = self.read(server, &setting::ANNOUNCE, always(Value::into_switch));
        let keys = self.keys(server);
        let certificate = self.certificate(server);
        let limits = self.limits(server);
        let origins = self.read(server, &setting::ALLOW_ORIGIN, |value| {
            AllowedOrigins::new(&value.into_texts())
        });
        let hosts = self.read(server, &setting::HOST, |value| {
            KnownHosts::new(&value.into_texts())
        });
        let proxies = self.read(server, &setting::TRUSTED_PROXY, |value| {
            let texts = value.into_texts();
            let address = |text: &String| {
                let address: Result<IpAddr, _> = text.parse();
                address
                    .map(|address| address.to_canonical())
                    .map_err(|_| format!("{text:?} is not an address, such as 192.168.1.2"))
            };
            texts.iter().map(address).collect::<Result<Vec<_>, _>>()
        });
        let send_timeout = self.read(server, &setting::SEND_TIMEOUT, |value| {
            in_range(value.into_number(), 0.1..=3600.0, ConfigError::BadTimeout)
        });
        let pauses = match server.get(&setting::RETRY_PAUSE) {
            None => pauses(None).ok(),
            Some(_) => self.read(server, &setting::RETRY_PAUSE, |value| {
                pauses(Some(value.into_number()))
            }),
        };
        let log = self.log(server);
        let recording = self.recording(server);
        let ffmpeg = self.read(server, &setting::FFMPEG, |value| {
            let program = value.into_text();
            Ok::<_, String>((program != "off").then(|| program.into()))
        });
        let alerts = self.alerts(server);
        let config = Config {
            cameras: cameras?,
            listen: listen?,
            announce: announce?,
            keys: keys?,
            state_dir: store(path(server, &setting::STATE_DIR).as_deref())
                .ok()
                .map(|store| store.directory().to_owned()),
            recording: recording?,
            ffmpeg: ffmpeg?,
            alerts: alerts?,
            certificate: certificate?,
            limits: limits?,
            origins: origins?,
            hosts: hosts?,
            proxies: proxies?,
            sessions: session::Config {
                send_timeout: Duration::from_secs_f64(send_timeout?),
                ping_interval: PING_INTERVAL,
            },
            pauses: pauses?,
            log: log?,
        };
        if config.listen.is_empty() {
            let origin = server.get(&setting::LISTEN)?.origin;
            self.problem(&origin, "give at least one address to listen on");
        }
        let sources: Vec<_> = config.cameras.iter().map(|camera| &camera.source).collect();
        if let Err((at, error)) = addresses::each_once(&config.listen, &sources) {
            let given = match at {
                Some(camera) => merged.cameras[camera].get(&setting::SOURCE),
                None => server.get(&setting::LISTEN),
            };
            self.problem(&given.map_or(Origin::Default, |given| given.origin), error);
        }
        Some(config)
    }

    fn log(&mut self, server: &Values) -> Option<Log> {
        let filter = self.read(server, &setting::LOG, |value| {
            log_filter(&value.into_text()).map(str::to_owned)
        });
        let json = self.read(server, &setting::LOG_JSON, always(Value::into_switch));
        Some(Log {
            filter: filter?,
            json: json?,
        })
    }

    /// Where the keys are kept, where there are any.
    fn keys(&mut self, server: &Values) -> Option<Option<Store>> {
        if self.read(server, &setting::NO_AUTH, always(Value::into_switch))? {
            return Some(None);
        }
        self.store(server).map(Some)
    }

    fn store(&mut self, server: &Values) -> Option<Store> {
        let given = path(server, &setting::STATE_DIR);
        store(given.as_deref())
            .map_err(|error| self.problem(&Origin::Default, error))
            .ok()
    }

    fn certificate(&mut self, server: &Values) -> Option<Option<Certificate>> {
        let kind = server.get(&setting::TLS);
        let files = (
            path(server, &setting::TLS_CERT),
            path(server, &setting::TLS_KEY),
        );
        let certificate = match (&kind, files) {
            (None, (None, None)) => None,
            (None, (Some(chain), Some(key))) => Some(Certificate::Files(chain, key)),
            (Some(given), (None, None)) if given.value == Value::Text("self-signed".into()) => {
                let store = self.store(server)?;
                Some(Certificate::SelfSigned(store.directory().to_owned()))
            }
            _ => {
                let settings = [&setting::TLS, &setting::TLS_CERT, &setting::TLS_KEY];
                let given = settings.iter().find_map(|setting| server.get(setting));
                let origin = given.map_or(Origin::Default, |given| given.origin);
                if !settings.iter().any(|setting| server.is_unread(setting)) {
                    self.problem(&origin, ConfigError::BadTls);
                }
                return None;
            }
        };
        Some(certificate)
    }

    fn limits(&mut self, server: &Values) -> Option<Limits> {
        let mut limit = |setting, unset: usize| {
            if server.get(setting).is_none() {
                return Some(unset);
            }
            self.read(server, setting, |value| {
                let limit = in_range(value.into_count(), 1..=LARGEST_LIMIT, ConfigError::BadLimit);
                limit.map(|limit| limit as usize)
            })
        };
        let viewers = limit(&setting::MAX_VIEWERS, 0);
        let members = limit(&setting::MAX_CONNECTIONS, 0);
        // Shares are fair without it.
        let per_address = limit(&setting::MAX_PER_ADDRESS, LARGEST_LIMIT as usize);
        // All viewers may come back at once.
        let guests = limit(
            &setting::MAX_UNAUTHENTICATED,
            viewers.unwrap_or_default().clamp(128, 1024),
        );
        Some(Limits {
            members: members?,
            guests: guests?,
            per_address: per_address?,
            viewers: viewers?,
        })
    }
}

/// For values that always mean something.
fn always<T>(into: impl FnOnce(Value) -> T) -> impl FnOnce(Value) -> Result<T, ConfigError> {
    |value| Ok(into(value))
}

pub(super) fn path(values: &Values, setting: &Setting) -> Option<PathBuf> {
    let given = values.get(setting)?;
    Some(Path::new(&given.value.into_text()).to_owned())
}
