//! The certificate: read from PEM files, or made by the server itself.
//!
//! Taking over one that replaces it belongs to [`super::tls`].

use crate::state_dir;
use crate::util::host;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// PEM files: the chain, and the key.
    Files(PathBuf, PathBuf),
    /// Made by the server, and kept in that directory.
    SelfSigned(PathBuf),
}

impl Certificate {
    /// Where its chain and its key are. One of the server's own is made where there is none.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(super) fn files(&self) -> Result<(PathBuf, PathBuf), TlsError> {
        match self {
            Self::Files(chain, key) => Ok((chain.clone(), key.clone())),
            Self::SelfSigned(directory) => self_signed(directory)
                .map_err(|why| TlsError::Unmakeable(directory.clone(), why.to_string())),
        }
    }
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file can't be read.
    #[error("the {what} in {path} cannot be read: {why}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A file isn't PEM.
    #[error("{path} is no PEM file of a {what}: {why}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Key and certificate don't belong together, or are of an unknown kind.
    #[error("the TLS certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// A certificate can't be made or kept.
    #[error(
        "a certificate cannot be made in {directory}: {why}; give a directory that can be written with --state-dir",
        directory = .0.display(), why = .1
    )]
    Unmakeable(PathBuf, String),
}

/// Days for which a certificate of the server's own is valid: the most that iOS takes.
const GOOD_FOR: u32 = 825;

/// At a start, a certificate older than this is replaced.
const OLD: Duration = Duration::from_secs(700 * 24 * 3600);

/// Names of the files of the server's own certificate.
pub(super) const CERTIFICATE_FILE: &str = "tls-cert.pem";
const KEY_FILE: &str = "tls-key.pem";

/// What the files are called in errors.
const CERTIFICATE: &str = "certificate";
const PRIVATE_KEY: &str = "private key";

/// Reads the chain and the key.
///
/// # Errors
/// Where they cannot be used.
pub(super) fn read((chain, key): &(PathBuf, PathBuf)) -> Result<CertifiedKey, TlsError> {
    let bad = |path: &Path, what, text: &[u8], error: Option<pem::Error>| TlsError::File {
        path: path.to_owned(),
        what,
        why: why_no_pem(what, text, error),
    };
    let text = contents(chain, CERTIFICATE)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(chain, CERTIFICATE, &text, Some(error)))?;
    if certificates.is_empty() {
        return Err(bad(chain, CERTIFICATE, &text, None));
    }
    let text = contents(key, PRIVATE_KEY)?;
    state_dir::check_file(key).map_err(|error| TlsError::Unreadable {
        path: key.clone(),
        what: PRIVATE_KEY,
        why: error.to_string(),
    })?;
    if state_dir::is_open_to_all(key) {
        tracing::warn!(
            path = %key.display(),
            "every user of this machine may read or write the private key of the TLS certificate: chmod 600 it"
        );
    }
    let secret = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|error| bad(key, PRIVATE_KEY, &text, Some(error)))?;
    let certified = CertifiedKey::new(certificates, any_supported_type(&secret)?);
    certified.keys_match()?;
    Ok(certified)
}

fn contents(path: &Path, what: &'static str) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Unreadable {
        path: path.to_owned(),
        what,
        why: match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".into(),
            io::ErrorKind::PermissionDenied => {
                "the user that pistreamer runs as may not read it: change its owner or group, or copy it".into()
            }
            io::ErrorKind::IsADirectory => "it is a directory: name the file in it".into(),
            _ => error.to_string(),
        },
    })
}

fn why_no_pem(what: &str, text: &[u8], error: Option<pem::Error>) -> String {
    let holds = |label: &[u8]| text.windows(label.len()).any(|at| at == label);
    if text.is_empty() {
        "it is empty".into()
    } else if holds(b"-----BEGIN ENCRYPTED PRIVATE KEY") || holds(b"ENCRYPTED\n") {
        "it is locked by a passphrase: make one without by  openssl pkey -in FILE -out NEW".into()
    } else if what == CERTIFICATE && holds(b"PRIVATE KEY-----") {
        "it holds a private key, which belongs into --tls-key".into()
    } else if what == PRIVATE_KEY && holds(b"-----BEGIN CERTIFICATE") {
        "it holds a certificate, which belongs into --tls-cert".into()
    } else if text.starts_with(&[0x30]) {
        "it seems to be DER: convert it by  openssl x509 or openssl pkey  with -inform DER".into()
    } else {
        match error {
            Some(error) if !matches!(error, pem::Error::NoItemsFound) => error.to_string(),
            _ => "there is none in it".into(),
        }
    }
}

/// The files of the server's own certificate, made where there is none or it has become old.
fn self_signed(directory: &Path) -> Result<(PathBuf, PathBuf), Box<dyn std::error::Error>> {
    state_dir::make(directory)?;
    let files = (directory.join(CERTIFICATE_FILE), directory.join(KEY_FILE));
    let modified = files.0.metadata().and_then(|data| data.modified());
    // A clock that is behind, as without a network after a start, is no reason to make browsers warn again.
    let young = modified.is_ok_and(|at| at.elapsed().map_or(true, |age| age < OLD));
    if young && files.1.exists() {
        state_dir::check_file(&files.0)?;
        state_dir::check_file(&files.1)?;
        return Ok(files);
    }
    let mut names = vec!["localhost".to_owned()];
    if let Some(name) = host::name() {
        names.push(format!("{name}.local"));
        names.push(name);
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    names.extend(
        interfaces
            .iter()
            .map(|interface| interface.ip().to_string()),
    );
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "pistreamer");
    params.not_before = time::OffsetDateTime::now_utc() - time::Duration::days(1);
    params.not_after = params.not_before + time::Duration::days(GOOD_FOR.into());
    // Apple's systems want it of every server.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    // The key first: a certificate tells that both are there.
    for (name, pem) in [
        (KEY_FILE, key.serialize_pem()),
        (CERTIFICATE_FILE, certificate.pem()),
    ] {
        state_dir::replace(directory, name, pem.as_bytes())?;
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::chown;
    use std::time::SystemTime;

    #[test]
    fn the_servers_own_certificate_stays_while_the_clock_is_behind_and_is_no_other_users() {
        let directory = tempfile::tempdir().unwrap();
        let load = || Certificate::SelfSigned(directory.path().into()).files();
        let path = directory.path().join(CERTIFICATE_FILE);
        let certificate = || {
            load().unwrap();
            std::fs::read(&path).unwrap()
        };
        let made = certificate();
        let touch = |at| {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(at).unwrap();
        };
        touch(SystemTime::now() + OLD);
        assert_eq!(certificate(), made);
        touch(SystemTime::now() - OLD);
        assert_ne!(certificate(), made);
        // Only root can give a file away.
        let key = directory.path().join(KEY_FILE);
        if chown(&key, Some(65534), None).is_ok() {
            let said = load().unwrap_err().to_string();
            assert!(
                said.contains("tls-key.pem: it belongs to the user with the id 65534"),
                "{said}"
            );
        }
    }
}
