//! TLS: a certificate from files, taken over when they change, or one of the server's own making.
//!
//! On the same port plain HTTP is answered too, with the way to https ([`super::listen`]).

use super::cipher;
use crate::state_dir;
use crate::util::clock;
use crate::util::file_watch::FileWatch;
use crate::util::host;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// PEM files: the chain, and the key.
    Files(PathBuf, PathBuf),
    /// Made by the server, and kept in that directory.
    SelfSigned(PathBuf),
}

/// A connection: TCP alone, or TLS over it.
pub(super) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
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

/// Polling interval of the files.
const LOOK: Duration = Duration::from_secs(2);

/// Days for which a certificate of the server's own is valid: the most that iOS takes.
const GOOD_FOR: u32 = 825;

/// It is replaced when it is so old, at a start.
const OLD: Duration = Duration::from_secs(700 * 24 * 3600);

/// The time by which sessions are resumed. rustls's own reading panics while the clock is before 1970.
#[derive(Debug)]
struct WallClock;

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        let now = Duration::from_micros(clock::now_us());
        Some(UnixTime::since_unix_epoch(now))
    }
}

/// Accepts TLS connections. Clones share the certificate.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    files: (PathBuf, PathBuf),
    /// From before the files were read.
    watch: FileWatch,
    vouched_for: bool,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// The certificate in force.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl Current {
    fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

impl Tls {
    /// Reads the certificate, or makes one.
    ///
    /// # Errors
    /// Where there is none that can be used.
    pub fn load(certificate: &Certificate) -> Result<Self, TlsError> {
        let files = match certificate {
            Certificate::Files(chain, key) => (chain.clone(), key.clone()),
            Certificate::SelfSigned(directory) => self_signed(directory)
                .map_err(|why| TlsError::Unmakeable(directory.clone(), why.to_string()))?,
        };
        let watch = FileWatch::new([files.0.clone(), files.1.clone()]);
        let current = Arc::new(Current(RwLock::new(Arc::new(read(&files)?))));
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&current) as _;
        let fast_aes = cipher::has_fast_aes();
        let provider = cipher::provider(fast_aes);
        let mut config = ServerConfig::builder_with_details(provider, Arc::new(WallClock))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        cipher::decide(&mut config, fast_aes);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: Arc::new(config).into(),
            current,
            files,
            watch,
            vouched_for: matches!(certificate, Certificate::Files(..)),
        })
    }

    /// Whether the certificate is the owner's, which browsers have reason to trust. Of one that nobody vouches for a browser
    /// that was told to insist on encryption lets nobody past its warning (RFC 6797 §12.1).
    pub(super) fn is_vouched_for(&self) -> bool {
        self.vouched_for
    }

    /// Takes over certificates that replace the present one, until cancelled. One that can't be used changes nothing.
    pub async fn follow(&self, until: CancellationToken) {
        let mut watch = self.watch.clone();
        while let Some(()) = until.run_until_cancelled(watch.changed(LOOK)).await {
            let files = self.files.clone();
            let reading = tokio::task::spawn_blocking(move || read(&files));
            let Some(Ok(read)) = until.run_until_cancelled(reading).await else {
                continue;
            };
            match read {
                Ok(key) => {
                    *self
                        .current
                        .0
                        .write()
                        .unwrap_or_else(PoisonError::into_inner) = key.into();
                    tracing::info!(fingerprint = self.fingerprint(), "a new TLS certificate");
                }
                // One of the two may be written still: the next look tells.
                Err(error) => tracing::warn!(%error, "the TLS certificate stays as it was"),
            }
        }
    }

    /// The certificate's SHA-256, as browsers show it.
    pub fn fingerprint(&self) -> String {
        let key = self.current.get();
        let hash = key.cert.first().map(|leaf| digest(&SHA256, leaf));
        let mut text = String::new();
        for byte in hash.iter().flat_map(AsRef::as_ref) {
            let colon = if text.is_empty() { "" } else { ":" };
            // Writing to a String cannot fail.
            let _ = write!(text, "{colon}{byte:02X}");
        }
        text
    }

    /// Shakes hands; a client that speaks plain HTTP is handed back as it is. For the caller to bound in time.
    ///
    /// # Errors
    /// Where the client leaves or speaks something else.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        if first_byte(&stream)
            .await?
            .is_some_and(|byte| byte != HANDSHAKE)
        {
            return Ok(Either::Left(stream));
        }
        let stream = self.acceptor.accept(stream).await?;
        Ok(Either::Right(Box::new(stream)))
    }
}

/// What the files are called in errors.
const CERTIFICATE: &str = "certificate";
const PRIVATE_KEY: &str = "private key";

fn read((chain, key): &(PathBuf, PathBuf)) -> Result<CertifiedKey, TlsError> {
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
            "everybody on this machine may read or write the private key of the TLS certificate: chmod 600 it"
        );
    }
    let secret = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|error| bad(key, PRIVATE_KEY, &text, Some(error)))?;
    let certified = CertifiedKey::new(certificates, any_supported_type(&secret)?);
    certified.keys_match()?;
    Ok(certified)
}

/// Names of the files of the server's own certificate.
const CERTIFICATE_FILE: &str = "tls-cert.pem";
const KEY_FILE: &str = "tls-key.pem";

/// The first byte of a TLS connection (RFC 8446 §5.1).
pub(super) const HANDSHAKE: u8 = 22;

/// What a client begins with, left where it is; `None` where it left. For the caller to bound in time.
pub(super) async fn first_byte(stream: &TcpStream) -> io::Result<Option<u8>> {
    let mut first = [0];
    let got = stream.peek(&mut first).await?;
    Ok((got == 1).then_some(first[0]))
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
        let load = || Tls::load(&Certificate::SelfSigned(directory.path().into()));
        let made = load().unwrap().fingerprint();
        let path = directory.path().join(CERTIFICATE_FILE);
        let touch = |at| {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(at).unwrap();
        };
        touch(SystemTime::now() + OLD);
        assert_eq!(load().unwrap().fingerprint(), made);
        touch(SystemTime::now() - OLD);
        assert_ne!(load().unwrap().fingerprint(), made);
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

    #[tokio::test(start_paused = true)]
    async fn a_broken_certificate_changes_nothing_and_the_next_good_one_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let files = (path("cert.pem"), path("key.pem"));
        let make = || {
            let made = tempfile::tempdir().unwrap();
            let made = self_signed(made.path()).unwrap();
            std::fs::write(&files.1, std::fs::read(made.1).unwrap()).unwrap();
            std::fs::write(&files.0, std::fs::read(made.0).unwrap()).unwrap();
        };
        make();
        let certificate = Certificate::Files(files.0.clone(), files.1.clone());
        let tls = Tls::load(&certificate).unwrap();
        let first = tls.fingerprint();
        let following = tokio::spawn({
            let tls = tls.clone();
            async move { tls.follow(CancellationToken::new()).await }
        });
        std::fs::write(&files.0, "none").unwrap();
        // It is read meanwhile.
        tokio::time::sleep(LOOK * 2).await;
        assert_eq!(tls.fingerprint(), first);
        make();
        tokio::time::sleep(LOOK * 2).await;
        assert_ne!(tls.fingerprint(), first);
        following.abort();
    }
}
