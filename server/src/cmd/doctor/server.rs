//! How the server of this machine is set up, as far as this user may know: no key, password, host or path of a person's.

use super::{Told, bounded, port};
use crate::cli::Serve;
use crate::config::{Config, Loaded};
use crate::front::Certificate;
use rustix::fs::{Access, access};
use rustix::process::geteuid;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long systemd may take to answer.
const SYSTEMD: Duration = Duration::from_secs(5);

/// In lines.
///
/// # Errors
/// Where the configuration has errors, which are not told: they quote it.
pub(super) fn told() -> Told {
    let service = format!("service: {}\n", service());
    match Loaded::new(&Serve::default()) {
        Ok(loaded) => Ok(configured(&loaded) + &service),
        Err(problems) => Err(format!(
            "its configuration has {}; this shows them: pistreamer config show\n{service}",
            match problems.0.len() {
                1 => "1 error".into(),
                several => format!("{several} errors"),
            }
        )),
    }
}

fn configured(loaded: &Loaded) -> String {
    let config = &loaded.config;
    let mut text = String::new();
    let files: Vec<_> = loaded
        .files
        .iter()
        .map(|file| without_person(file))
        .collect();
    let _ = match files[..] {
        [] => writeln!(text, "configuration: no file, all by default"),
        _ => writeln!(text, "configuration: {}", files.join(", ")),
    };
    let sources: Vec<_> = config
        .cameras
        .iter()
        .map(|camera| camera.source.word())
        .collect();
    let _ = writeln!(text, "cameras: {}: {}", sources.len(), sources.join(", "));
    for address in &config.listen {
        let from = match address.ip() {
            ip if ip.is_loopback() => "this machine alone",
            ip if ip.is_unspecified() => "everywhere",
            _ => "one address",
        };
        let state = port::state(*address);
        let _ = writeln!(text, "port {}, from {from}: {state}", address.port());
    }
    text + &guarded(config)
}

/// How it is encrypted, and who is let in.
fn guarded(config: &Config) -> String {
    let encrypted = match &config.certificate {
        None => "no",
        Some(Certificate::SelfSigned(_)) => "with a certificate of its own",
        Some(Certificate::Files(..)) => "with a certificate from files",
    };
    let keys = match &config.keys {
        Some(keys) => format!("needed; they are in {}", directory(keys.directory())),
        None => "none is needed, everybody is let in".into(),
    };
    format!("encrypted: {encrypted}\nkeys: {keys}\n")
}

/// A directory, and who may do what in it.
fn directory(directory: &Path) -> String {
    let shown = without_person(directory);
    let metadata = match fs::metadata(directory) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return format!("{shown}, which is not there yet");
        }
        Err(error) => return format!("{shown}: {}", error.kind()),
    };
    let may = match access(directory, Access::WRITE_OK) {
        Ok(()) if metadata.uid() == geteuid().as_raw() => "this user's",
        Ok(()) => "another user's, and this one may write in it",
        Err(_) => "this user may not write in it",
    };
    let mode = metadata.permissions().mode() & 0o7777;
    format!("{shown}, mode {mode:04o}, {may}")
}

/// A path for others to see: not where a person keeps things, nor under whose name.
fn without_person(path: &Path) -> String {
    let systems = ["/etc/", "/var/lib/pistreamer"];
    if systems.iter().any(|known| path.starts_with(known)) {
        return path.display().to_string();
    }
    let name = path.file_name().unwrap_or_default();
    match name.to_str() {
        Some(name @ ("pistreamer" | "pistreamer.toml")) => format!("…/{name}"),
        _ => "a directory elsewhere".into(),
    }
}

/// What systemd says of the service.
fn service() -> String {
    let mut command = Command::new("systemctl");
    command.args(["show", "pistreamer.service"]);
    command.arg("--property=LoadState,UnitFileState,ActiveState,SubState,NRestarts,Result");
    match bounded::output(&mut command, SYSTEMD) {
        Ok(output) if output.success => output.stdout.lines().collect::<Vec<_>>().join(" "),
        _ => "systemd does not answer".into(),
    }
}
