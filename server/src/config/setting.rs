//! Every setting, once: where it stands in a file, its flag, what it takes, its default and its text.
//!
//! Files, environment, flags, `config show`, `config example` and the reference all read this table. What a value means
//! belongs to [`super::checked`].

use pistreamer_protocol::message::{ControlValue, ControlValues};
use toml::de::DeValue;

/// A value, from whichever place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Texts(Vec<String>),
    Number(f64),
    Count(u64),
    Switch(bool),
    Controls(ControlValues),
}

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// Several texts; one alone need not be in brackets.
    Texts,
    /// A file or directory; relative ones in a file start at that file's directory.
    Path,
    /// May have a fraction.
    Number,
    /// A whole number, not negative.
    Count,
    Switch,
    /// Values of controls by their names.
    Controls,
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The table in which it stands.
    pub section: &'static str,
    /// Its key there.
    pub key: &'static str,
    pub kind: Kind,
    /// As TOML, what holds if nothing is given; `None` leaves it unset.
    pub default: Option<&'static str>,
    /// As TOML, an example, where there is no default.
    pub sample: &'static str,
    /// The flag without its dashes, where there is one. The environment variable has its name.
    pub flag: Option<&'static str>,
    /// What it is, for the example and the reference.
    pub doc: &'static str,
    /// Not shown in the example: for tests.
    pub hidden: bool,
}

/// The section of a camera's own settings: `[[camera]]`.
pub(crate) const CAMERA: &str = "camera";

/// The section of who is told what.
pub(crate) const ALERTS: &str = "alerts";

/// Sections in the order of the example, each with what it is about.
pub(crate) const SECTIONS: [(&str, &str); 8] = [
    (
        "server",
        "Where the server listens and where it keeps its state.",
    ),
    ("access", "Who may watch."),
    (
        "tls",
        "Encryption. Give kind, or both cert_file and key_file.",
    ),
    ("log", "What is logged."),
    ("limits", "How much is served at once."),
    (
        "recording",
        "Where pictures are recorded, and how long recordings stay. Without a directory nothing is recorded.",
    ),
    (
        ALERTS,
        "Who is told what happens before the cameras, and what is wrong with them. A change of these is applied while the server runs.",
    ),
    (
        CAMERA,
        "One [[camera]] for each camera; without any there is one with the defaults. A change of these is applied \
         while the server runs.",
    ),
];

const fn setting(
    section: &'static str,
    key: &'static str,
    kind: Kind,
    doc: &'static str,
) -> Setting {
    Setting {
        section,
        key,
        kind,
        default: None,
        sample: "",
        flag: None,
        doc,
        hidden: false,
    }
}

impl Setting {
    const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    const fn default(mut self, toml: &'static str) -> Self {
        self.default = Some(toml);
        self
    }

    const fn sample(mut self, toml: &'static str) -> Self {
        self.sample = toml;
        self
    }

    const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// `section.key`.
    pub(crate) fn path(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// The flag as it is typed.
    pub(crate) fn typed_flag(&self) -> Option<String> {
        self.flag.map(|flag| format!("--{flag}"))
    }

    /// The environment variable that stands for the flag.
    pub(crate) fn variable(&self) -> Option<String> {
        let name = self.flag?.replace('-', "_").to_uppercase();
        Some(format!("PISTREAMER_{name}"))
    }

    /// What it takes, in words.
    pub(crate) fn takes(&self) -> String {
        let sample = self.default.unwrap_or(self.sample);
        let kind = match self.kind {
            Kind::Text | Kind::Path => "a text",
            Kind::Texts => "a list of texts",
            Kind::Number => "a number",
            Kind::Count => "a whole number, 0 or more",
            Kind::Switch => return "true or false".into(),
            Kind::Controls => "a table of numbers, texts, true or false",
        };
        format!("{kind}, such as {sample}")
    }

    /// The value that a TOML value is, where it is of the right kind.
    pub(crate) fn value(&self, toml: &DeValue<'_>) -> Option<Value> {
        Some(match (self.kind, toml) {
            (Kind::Text | Kind::Path, DeValue::String(text)) => Value::Text(text.to_string()),
            (Kind::Texts, DeValue::String(text)) => Value::Texts(vec![text.to_string()]),
            (Kind::Texts, DeValue::Array(items)) => {
                let texts = items.iter().map(|item| item.get_ref().as_str());
                let texts: Option<Vec<_>> = texts.map(|text| text.map(str::to_owned)).collect();
                Value::Texts(texts?)
            }
            (Kind::Number, DeValue::Float(number)) => Value::Number(number.as_str().parse().ok()?),
            (Kind::Number, DeValue::Integer(number)) if number.radix() == 10 => {
                Value::Number(number.as_str().parse().ok()?)
            }
            (Kind::Count, DeValue::Integer(number)) => {
                Value::Count(u64::from_str_radix(number.as_str(), number.radix()).ok()?)
            }
            (Kind::Switch, DeValue::Boolean(on)) => Value::Switch(*on),
            (Kind::Controls, DeValue::Table(table)) => {
                let values = table.iter().map(|(name, value)| {
                    Some((name.get_ref().to_string(), control(value.get_ref())?))
                });
                Value::Controls(values.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// The value that an environment variable holds, where it is of the right kind. Lists are split at white space.
    pub(crate) fn value_in_environment(&self, text: &str) -> Option<Value> {
        let text = text.trim();
        Some(match self.kind {
            Kind::Text | Kind::Path => Value::Text(text.into()),
            Kind::Texts => Value::Texts(words(text)?),
            Kind::Number => Value::Number(text.parse().ok()?),
            Kind::Count => Value::Count(text.parse().ok()?),
            // It has no variable.
            Kind::Controls => return None,
            Kind::Switch => Value::Switch(match text.to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => true,
                "0" | "false" | "no" | "off" => false,
                _ => return None,
            }),
        })
    }

    /// The default.
    pub(crate) fn default_value(&self) -> Option<Value> {
        let value = DeValue::parse(self.default?).expect("a test parses every default");
        self.value(value.get_ref())
    }
}

/// A text's words: what stands between white space, or in quotes, as a path with spaces does. `None` where quotes have no end.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let (word, behind) = if ['"', '\''].contains(&first) {
            rest[1..].split_once(first)?
        } else {
            rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()))
        };
        words.push(word.to_owned());
        rest = behind.trim_start();
    }
    Some(words)
}

/// Only [`Setting::value`] and [`Setting::value_in_environment`] make values of what was given.
const OF_ITS_KIND: &str = "a setting's value is of its kind";

impl Value {
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            _ => unreachable!("{OF_ITS_KIND}"),
        }
    }

    pub(crate) fn into_texts(self) -> Vec<String> {
        match self {
            Self::Texts(texts) => texts,
            _ => unreachable!("{OF_ITS_KIND}"),
        }
    }

    pub(crate) fn into_number(self) -> f64 {
        match self {
            Self::Number(number) => number,
            _ => unreachable!("{OF_ITS_KIND}"),
        }
    }

    pub(crate) fn into_count(self) -> u64 {
        match self {
            Self::Count(count) => count,
            _ => unreachable!("{OF_ITS_KIND}"),
        }
    }

    pub(crate) fn into_switch(self) -> bool {
        match self {
            Self::Switch(on) => on,
            _ => unreachable!("{OF_ITS_KIND}"),
        }
    }

    pub(crate) fn into_controls(self) -> ControlValues {
        match self {
            Self::Controls(values) => values,
            _ => unreachable!("{OF_ITS_KIND}"),
        }
    }

    /// As it stands in a file.
    pub(crate) fn to_toml(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Texts(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
                format!("[{}]", texts.join(", "))
            }
            Self::Number(number) => number.to_string(),
            Self::Count(count) => count.to_string(),
            Self::Switch(on) => on.to_string(),
            Self::Controls(values) => {
                let values = values.iter().map(|(name, value)| {
                    let value = match value {
                        ControlValue::Text(text) => quoted(text),
                        ControlValue::Numbers(_) => format!("[{value}]"),
                        ControlValue::Number(number) => number.to_string(),
                    };
                    format!("{} = {value}", key(name))
                });
                format!("{{ {} }}", values.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A control's value, where a TOML value is one.
fn control(toml: &DeValue<'_>) -> Option<ControlValue> {
    let number = |toml: &DeValue<'_>| match toml {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => None,
    };
    Some(match toml {
        DeValue::String(text) => ControlValue::Text(text.to_string()),
        DeValue::Boolean(on) => ControlValue::Number(f64::from(u8::from(*on))),
        DeValue::Array(items) => {
            let numbers: Option<Vec<_>> = items.iter().map(|item| number(item.get_ref())).collect();
            ControlValue::Numbers(numbers.filter(|numbers| numbers.len() == 4)?)
        }
        toml => ControlValue::Number(number(toml)?),
    })
}

/// A key, in quotes where it needs them.
fn key(name: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if !name.is_empty() && name.chars().all(is_bare) {
        name.into()
    } else {
        quoted(name)
    }
}

/// A basic string (TOML 1.0, String): JSON's escapes are among TOML's, and U+007F alone needs one more.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.replace('\u{7f}', "\\u007F")
}

macro_rules! settings {
    ($($name:ident = $setting:expr;)*) => {
        $(pub(crate) static $name: Setting = $setting;)*
        /// Every setting, in the order of the example.
        pub(crate) static ALL: &[&Setting] = &[$(&$name),*];
    };
}

settings! {
    LISTEN = setting("server", "listen", Kind::Texts,
        "Addresses to listen on, or a port alone for every IPv4 address.")
        .flag("listen").default(r#"["0.0.0.0:8000"]"#);
    HOST = setting("server", "host", Kind::Texts,
        "Names under which this server is reached besides its addresses and names of the local network.")
        .flag("host").default("[]");
    ANNOUNCE = setting("server", "announce", Kind::Switch,
        "Tell the local network that this server is here, and the ids and names of its cameras, so that \"pistreamer find\" \
         and programs that look for web servers show it. Never a key.")
        .flag("announce").default("false");
    TRUSTED_PROXY = setting("server", "trusted_proxy", Kind::Texts,
        "Addresses of reverse proxies whose X-Forwarded-For, -Host and -Proto are believed.")
        .flag("trusted-proxy").default("[]");
    STATE_DIR = setting("server", "state_dir", Kind::Path,
        "Directory for the access keys and what is set on cameras. If unset: $STATE_DIRECTORY, \
         $XDG_STATE_HOME/pistreamer or ~/.local/state/pistreamer.")
        .flag("state-dir").sample(r#""/var/lib/pistreamer""#);

    NO_AUTH = setting("access", "no_auth", Kind::Switch,
        "Let everyone in who can reach this machine: no access key is needed.")
        .flag("no-auth").default("false");
    ALLOW_ORIGIN = setting("access", "allow_origin", Kind::Texts,
        "Origins whose pages may use the cameras too, such as \"http://192.168.1.5:8123\".")
        .flag("allow-origin").default("[]");

    TLS = setting("tls", "kind", Kind::Text,
        "\"self-signed\" encrypts with a certificate that the server makes itself.")
        .flag("tls").sample(r#""self-signed""#);
    TLS_CERT = setting("tls", "cert_file", Kind::Path,
        "PEM file of the certificate chain. It is read again when it changes.")
        .flag("tls-cert").sample(r#""/etc/pistreamer/cert.pem""#);
    TLS_KEY = setting("tls", "key_file", Kind::Path,
        "PEM file of the certificate's private key.")
        .flag("tls-key").sample(r#""/etc/pistreamer/key.pem""#);

    LOG = setting("log", "filter", Kind::Text,
        "error, warn, info, debug or trace, also per module as in \"info,pistreamer::session=debug\".")
        .flag("log").default(r#""info""#);
    LOG_JSON = setting("log", "json", Kind::Switch, "Log as JSON, one object a line.")
        .flag("log-json").default("false");

    MAX_VIEWERS = setting("limits", "viewers", Kind::Count, "Most viewers at once, 1 to 1000000.")
        .flag("max-viewers").default("256");
    MAX_CONNECTIONS = setting("limits", "connections", Kind::Count,
        "Most connections of clients that were let in, 1 to 1000000.")
        .flag("max-connections").default("512");
    MAX_UNAUTHENTICATED = setting("limits", "unauthenticated", Kind::Count,
        "Most connections of clients that were not let in, or not yet, 1 to 1000000; the oldest ones of the \
         busiest address go first. If unset: as many as viewers, from 128 to 1024.")
        .flag("max-unauthenticated").sample("256");
    MAX_PER_ADDRESS = setting("limits", "per_address", Kind::Count,
        "Most connections from one address, 1 to 1000000; behind a trusted proxy, from one that it names. If unset \
         there is no limit: where all are in use, the addresses with the most give way.")
        .flag("max-per-address").sample("16");
    SEND_TIMEOUT = setting("limits", "send_timeout", Kind::Number,
        "Seconds after which a viewer that takes nothing is disconnected, 0.1 to 3600.")
        .flag("send-timeout").default("10");
    RETRY_PAUSE = setting("limits", "retry_pause", Kind::Number,
        "Seconds after which a camera that failed is tried again, in place of pauses that grow; for tests.")
        .flag("retry-pause").sample("1").hidden();

    RECORD = setting("recording", "directory", Kind::Path,
        "Directory for recordings, such as on a USB disk.")
        .flag("record").sample(r#""/media/usb/recordings""#);
    RECORD_SPACE = setting("recording", "space", Kind::Text,
        "Most room that recordings take, in percent of the disk, as in 80%, or in bytes, as in 200GB; the oldest ones are deleted.")
        .flag("record-space").default(r#""80%""#);
    RECORD_FREE = setting("recording", "free", Kind::Text,
        "Room that stays free on the disk, as in 2GiB. If unset: 1GiB, or 5% of a smaller disk.")
        .flag("record-free").sample(r#""1GiB""#);
    RECORD_DAYS = setting("recording", "days", Kind::Number,
        "Days after which continuous recordings are deleted, also where there is room, 0.01 to 36500.")
        .flag("record-days").default("30");
    RECORD_SPARSE_DAYS = setting("recording", "sparse_days", Kind::Number,
        "The same for the pictures that are recorded every few seconds.")
        .flag("record-sparse-days").default("365");
    RECORD_MEMORY = setting("recording", "memory", Kind::Text,
        "Memory for pictures that wait for a slow disk, 1MiB to 16GiB; what does not fit is dropped and counted.")
        .flag("record-memory").default(r#""32MiB""#);
    RECORD_SYNC = setting("recording", "sync", Kind::Number,
        "Seconds after which what was written survives a power cut, 1 to 60; fewer wear out an SD card faster.")
        .flag("record-sync").default("5");
    FFMPEG = setting("recording", "ffmpeg", Kind::Text,
        "The program that makes MP4s of recordings, by its name or path; off makes none.")
        .flag("ffmpeg").default(r#""ffmpeg""#);

    ALERT_TO = setting(ALERTS, "to", Kind::Texts,
        "Who is told: ntfy:https://ntfy.sh/TOPIC, telegram:TOKEN@CHAT, exec:/PATH/OF/PROGRAM, \
         mqtt://HOST, or the http:// or https:// URL of a webhook. ${NAME} and ${file:PATH} stand for an environment variable and for what a file holds.")
        .flag("alert").default("[]");
    ALERT_CAMERAS = setting(ALERTS, "only_cameras", Kind::Texts,
        "Ids of the cameras whose events are told. If empty, all of them.")
        .default("[]");
    ALERT_ZONES = setting(ALERTS, "only_zones", Kind::Texts,
        "Names of the zones in which motion is told. If empty, all of the picture.")
        .default("[]");
    ALERT_COOLDOWN = setting(ALERTS, "cooldown", Kind::Number,
        "Seconds after an event that was told in which no other one of its kind is told of that camera, 0 to 86400.")
        .flag("alert-cooldown").default("60");
    ALERT_ARMED = setting(ALERTS, "armed", Kind::Text,
        "When events are told: always, never, or local times, as in Mon-Fri 08:00-17:00, Sat 22:00-06:30. What is wrong is told at \
         any time, and what is recorded does not depend on it.")
        .flag("alert-armed").default(r#""always""#);
    ALERT_DAILY = setting(ALERTS, "daily", Kind::Text,
        "Local time of a daily message that says that all of it works. If unset, there is none.")
        .flag("alert-daily").sample(r#""08:00""#);
    ALERT_NO_SIGNAL = setting(ALERTS, "no_signal", Kind::Number,
        "Seconds for which a camera delivers no pictures before that is told, 1 to 86400.")
        .flag("alert-no-signal").default("120");
    ALERT_NOT_RECORDING = setting(ALERTS, "not_recording", Kind::Number,
        "Seconds for which a camera is not recorded, or the disk is full or fails, before that is told, 1 to 86400.")
        .flag("alert-not-recording").default("60");
    PUBLIC_URL = setting(ALERTS, "public_url", Kind::Text,
        "URL under which the viewer is opened by those who are told, for links in messages. If unset, messages have none.")
        .flag("public-url").sample(r#""https://cameras.example.org/""#);

    ID = setting(CAMERA, "id", Kind::Text,
        "What links, tickets, keys and metrics call this camera. If unset, it is derived from the source.")
        .sample(r#""door""#);
    NAME = setting(CAMERA, "name", Kind::Text,
        "What people call this camera. If unset, the source's own name.")
        .sample(r#""Front door""#);
    SOURCE = setting(CAMERA, "source", Kind::Text,
        "Where pictures come from: auto, libcamera, libcamera:ID, v4l2, v4l2:ID, pattern, files:PATH, \
         tcp-listen:ADDRESS:PORT, ingest, or the URL of a network camera, of another pistreamer, or of a NATS broker (nats://HOST), whose \
         cameras appear by themselves. ${NAME} and ${file:PATH} in a URL stand \
         for an environment variable and for what a file holds.")
        .flag("source").default(r#""auto""#);
    KEY_FILE = setting(CAMERA, "key_file", Kind::Path,
        "File that holds the password for the source's URL: another pistreamer's access key, or a network camera's \
         password for the user in the URL.")
        .sample(r#""/etc/pistreamer/door.key""#);
    SIZE = setting(CAMERA, "size", Kind::Text, "Picture size, even numbers from 64x64 to 8192x8192.")
        .flag("size").default(r#""1280x720""#);
    FPS = setting(CAMERA, "fps", Kind::Number, "Frames per second, 0.1 to 240. On a machine with 512 MB of memory \
         or less it is 15, where it is not set.")
        .flag("fps").default("30");
    QUALITY = setting(CAMERA, "quality", Kind::Count, "JPEG quality, 1 to 100.")
        .flag("quality").default("80");
    HFLIP = setting(CAMERA, "transform.hflip", Kind::Switch, "Mirror the picture left to right.")
        .flag("hflip").default("false");
    VFLIP = setting(CAMERA, "transform.vflip", Kind::Switch, "Mirror the picture top to bottom.")
        .flag("vflip").default("false");
    ROTATE = setting(CAMERA, "transform.rotate", Kind::Count,
        "Turn the picture clockwise by 0, 90, 180 or 270 degrees.")
        .flag("rotate").default("0");
    CONTROLS = setting(CAMERA, "controls", Kind::Controls,
        "What the camera's controls are set to when it starts, by the names that pistreamer control lists; also as a table of its \
         own, [camera.controls]. What somebody sets later, and is kept, wins over them.")
        .sample(r#"{ AwbMode = "Daylight", Sharpness = 1.5 }"#);
    RENDITIONS = setting(CAMERA, "renditions", Kind::Count,
        "Most sizes and qualities in which the picture is made at a time, 1 to 16, for viewers that want it smaller.")
        .flag("renditions").default("3");
    TILES = setting(CAMERA, "tiles", Kind::Switch,
        "Send viewers that ask for it only the parts of the picture that changed by more than noise. Others get whole pictures.")
        .flag("tiles").default("true");
    AVERAGING = setting(CAMERA, "averaging", Kind::Switch,
        "Average what stands still for such viewers: it is sharper, and takes fewer bytes.")
        .flag("averaging").default("true");
    PUSH = setting(CAMERA, "push", Kind::Texts,
        "Where this camera's frames are pushed to, beside being served: ws://HOST:PORT or wss://HOST is a \
         pistreamer whose source is ingest, nats://HOST a broker from which any number of them take it, HOST:PORT or tcp://HOST:PORT a \
         listener for picamera's network stream. ${NAME} and ${file:PATH} stand for an environment variable and for what a file holds.")
        .flag("push").default("[]");
    RECORD_MODE = setting(CAMERA, "record.mode", Kind::Text,
        "What is recorded of this camera, where there is a directory for it: continuous is every picture at record.fps, and one \
         every few seconds that stays longer; motion is such pictures while something moves, and those every few seconds; events is the \
         same while a program says that something happens; sparse is the ones every few seconds alone; off is nothing.")
        .flag("record-mode").default(r#""continuous""#);
    RECORD_FPS = setting(CAMERA, "record.fps", Kind::Number,
        "Pictures a second in recordings but the sparse ones, 0.1 to 240, at most as many as the camera delivers.")
        .flag("record-fps").default("10");
    RECORD_SPARSE = setting(CAMERA, "record.sparse", Kind::Number,
        "Seconds between the pictures of sparse recordings, 1 to 3600.")
        .flag("record-sparse").default("10");
    RECORD_BEFORE = setting(CAMERA, "record.before", Kind::Number,
        "Seconds before an event that are recorded with it, 0 to 60.")
        .flag("record-before").default("5");
    RECORD_AFTER = setting(CAMERA, "record.after", Kind::Number,
        "Seconds without motion after which an event ends, 1 to 600; they are recorded with it.")
        .flag("record-after").default("10");
    MOTION = setting(CAMERA, "motion.on", Kind::Switch,
        "Look for motion. If unset, that is done where record.mode is motion and there is a directory for recordings.")
        .flag("motion").sample("true");
    MOTION_SENSITIVITY = setting(CAMERA, "motion.sensitivity", Kind::Count,
        "How small a difference in brightness is noticed, 1 to 100: 25 more halve it.")
        .flag("motion-sensitivity").default("50");
    MOTION_MIN_AREA = setting(CAMERA, "motion.min_area", Kind::Number,
        "Smallest part of the picture that counts, in percent, 0 to 100.")
        .flag("motion-min-area").default("0.04");
    MOTION_ZONES = setting(CAMERA, "motion.zones", Kind::Texts,
        "Where motion counts, each with a name and its corners, from 0,0 at the upper left to 1,1: something is in a zone when \
         the point between its feet is. Behind the corners a zone may have its own sensitivity=, min_area= and min_ms=, a time for \
         which something has to move in it. Without zones motion counts everywhere.")
        .flag("motion-zone").default("[]");
    MOTION_IGNORE = setting(CAMERA, "motion.ignore", Kind::Texts,
        "Where nothing is looked at, such as a tree or a street: corners, as in 0,0 1,0 1,0.2 0,0.2.")
        .flag("motion-ignore").default("[]");
    OPERATE_SINK = setting(CAMERA, "operate.sink", Kind::Text,
        "The machine below this camera that operators drive: exec:PROGRAM is a program that this server starts, and that reads \
         commands on its standard input; unix:SOCKET and udp:HOST:PORT are programs that listen there. docs/driving.md says what \
         they are told.")
        .flag("operate").sample(r#""exec:/home/pi/car.py""#);
    OPERATE_COMMAND = setting(CAMERA, "operate.command_timeout", Kind::Number,
        "Seconds after which a command ends, 0.05 to 5: the machine stops when none came since. The time that the link takes \
         there and back counts.")
        .default("0.25");
    OPERATE_PICTURE = setting(CAMERA, "operate.picture_limit", Kind::Number,
        "Most seconds that the picture which the operator sees may be old, 0.1 to 5: else the machine stops.")
        .default("0.4");
    OPERATE_AXES = setting(CAMERA, "operate.axes", Kind::Texts,
        "Names of the machine's axes, 16 at most. What is steered with comes first, then the throttle.")
        .default(r#"["steer", "throttle"]"#);
    OPERATE_BUTTONS = setting(CAMERA, "operate.buttons", Kind::Texts,
        "Names of the machine's buttons, such as \"horn\", 16 at most.")
        .default("[]");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_and_sample_is_of_its_settings_kind() {
        for setting in ALL {
            let text = setting.default.unwrap_or(setting.sample);
            let value = DeValue::parse(text).unwrap();
            assert!(
                setting.value(value.get_ref()).is_some(),
                "{}",
                setting.path()
            );
            assert!(SECTIONS.iter().any(|(name, _)| *name == setting.section));
        }
    }
}
