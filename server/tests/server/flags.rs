//! A server's command line, flag by flag.

use pistreamer::config::Config;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

/// Flags of the server, by their names.
#[derive(Default)]
pub struct Flags {
    pub source: Vec<String>,
    pub capture: Capture,
    pub listen: Vec<String>,
    pub allow_origin: Vec<String>,
    pub no_auth: bool,
    pub state_dir: Option<PathBuf>,
    pub tls: Option<String>,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub host: Vec<String>,
    pub trusted_proxy: Vec<IpAddr>,
    pub max_connections: Option<usize>,
    pub max_per_address: Option<usize>,
    pub max_unauthenticated: Option<usize>,
    pub max_viewers: Option<usize>,
    pub renditions: Option<usize>,
    pub tiles: Option<String>,
    pub push: Vec<String>,
    pub operate: Option<String>,
    pub record: Option<PathBuf>,
    pub record_fps: Option<f64>,
    pub ffmpeg: Option<String>,
    pub send_timeout: Option<f64>,
    pub retry_pause: Option<f64>,
}

/// Those for every camera.
#[derive(Default)]
pub struct Capture {
    pub size: Option<String>,
    pub fps: Option<f64>,
}

impl Flags {
    /// A small test pattern for everyone, on a free port of the loopback interface.
    pub fn usual() -> Self {
        Self {
            source: vec!["pattern".into()],
            capture: Capture {
                size: Some("320x240".into()),
                fps: None,
            },
            listen: vec!["127.0.0.1:0".into()],
            no_auth: true,
            ..Self::default()
        }
    }

    /// What the program makes of them.
    pub fn configured(self) -> Config {
        let is_kept = self.state_dir.is_some();
        let mut config = Config::from_flags(self.typed()).unwrap();
        if !is_kept {
            // What a test sets on a camera is none of the next one's business.
            config.state_dir = None;
        }
        config
    }

    fn typed(self) -> Vec<OsString> {
        let mut typed = Typed::default();
        typed.all("--source", self.source);
        typed.all("--size", self.capture.size);
        typed.all("--fps", text(self.capture.fps));
        typed.all("--listen", self.listen);
        typed.all("--allow-origin", self.allow_origin);
        typed.all("--state-dir", self.state_dir);
        typed.all("--tls", self.tls);
        typed.all("--tls-cert", self.tls_cert);
        typed.all("--tls-key", self.tls_key);
        typed.all("--host", self.host);
        typed.all("--trusted-proxy", text(self.trusted_proxy));
        typed.all("--max-connections", text(self.max_connections));
        typed.all("--max-per-address", text(self.max_per_address));
        typed.all("--max-unauthenticated", text(self.max_unauthenticated));
        typed.all("--max-viewers", text(self.max_viewers));
        typed.all("--renditions", text(self.renditions));
        typed.all("--tiles", self.tiles);
        typed.all("--push", self.push);
        typed.all("--operate", self.operate);
        typed.all("--record", self.record);
        typed.all("--record-fps", text(self.record_fps));
        typed.all("--ffmpeg", text(self.ffmpeg));
        typed.all("--send-timeout", text(self.send_timeout));
        typed.all("--retry-pause", text(self.retry_pause));
        if self.no_auth {
            typed.0.push("--no-auth".into());
        }
        typed.0
    }
}

#[derive(Default)]
struct Typed(Vec<OsString>);

impl Typed {
    fn all(&mut self, flag: &str, values: impl IntoIterator<Item = impl Into<OsString>>) {
        for value in values {
            self.0.extend([flag.into(), value.into()]);
        }
    }
}

fn text(values: impl IntoIterator<Item = impl ToString>) -> impl Iterator<Item = String> {
    values.into_iter().map(|value| value.to_string())
}
