//! TLS, with a certificate that is replaced when its files change.
//!
//! On the same port plain HTTP is answered too, with the way to https ([`super::listen`]).

use super::certificate::{self, Certificate, TlsError};
use super::cipher;
use crate::util::clock;
use crate::util::file_watch::FileWatch;
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::pki_types::UnixTime;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

/// A connection: TCP alone, or TLS over it.
pub(super) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Polling interval of the files.
const LOOK: Duration = Duration::from_secs(2);

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
pub(crate) struct Tls {
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
    pub(crate) fn load(certificate: &Certificate) -> Result<Self, TlsError> {
        Self::of(certificate, cipher::has_fast_aes())
    }

    /// The same on a machine that is fast with AES, or is not.
    fn of(certificate: &Certificate, fast_aes: bool) -> Result<Self, TlsError> {
        let files = certificate.files()?;
        let watch = FileWatch::new([files.0.clone(), files.1.clone()]);
        let current = Arc::new(Current(RwLock::new(Arc::new(certificate::read(&files)?))));
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&current) as _;
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
    pub(crate) async fn follow(&self, until: CancellationToken) {
        let mut watch = self.watch.clone();
        while let Some(()) = until.run_until_cancelled(watch.changed(LOOK)).await {
            let files = self.files.clone();
            let reading = tokio::task::spawn_blocking(move || certificate::read(&files));
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
                    tracing::info!(fingerprint = self.fingerprint(), "TLS certificate reloaded");
                }
                // One of the two may be written still: the next look tells.
                Err(error) => {
                    tracing::warn!(%error, "the TLS certificate was not reloaded; the previous one stays in use")
                }
            }
        }
    }

    /// The certificate's SHA-256, as browsers show it.
    pub(crate) fn fingerprint(&self) -> String {
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

/// The first byte of a TLS connection (RFC 8446 §5.1).
pub(super) const HANDSHAKE: u8 = 22;

/// What a client begins with, left where it is; `None` where it left. For the caller to bound in time.
pub(super) async fn first_byte(stream: &TcpStream) -> io::Result<Option<u8>> {
    let mut first = [0];
    let got = stream.peek(&mut first).await?;
    Ok((got == 1).then_some(first[0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::certificate::CERTIFICATE_FILE;
    use rustls::crypto::ring::default_provider;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use rustls::version::{TLS12, TLS13};
    use rustls::{
        CipherSuite, ClientConfig, ClientConnection, RootCertStore, ServerConnection,
        SupportedProtocolVersion,
    };

    /// What a client that asks for AES first, as browsers do, and a server agree upon.
    fn agreed(version: &'static SupportedProtocolVersion, fast_aes: bool) -> CipherSuite {
        let directory = tempfile::tempdir().unwrap();
        let certificate = Certificate::SelfSigned(directory.path().into());
        let tls = Tls::of(&certificate, fast_aes).unwrap();
        let mut roots = RootCertStore::empty();
        let file = directory.path().join(CERTIFICATE_FILE);
        roots
            .add(CertificateDer::from_pem_file(file).unwrap())
            .unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut client =
            ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
        let mut server = ServerConnection::new(Arc::clone(tls.acceptor.config())).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut sent = Vec::new();
            client.write_tls(&mut sent).unwrap();
            server.read_tls(&mut sent.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            let mut answered = Vec::new();
            server.write_tls(&mut answered).unwrap();
            client.read_tls(&mut answered.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        server.negotiated_cipher_suite().unwrap().suite()
    }

    #[test]
    fn a_machine_that_is_slow_with_aes_gets_chacha20_whatever_the_client_asks_for_first() {
        let is_chacha20 = |suite| format!("{suite:?}").contains("CHACHA20");
        for version in [&TLS12, &TLS13] {
            assert!(is_chacha20(agreed(version, false)));
            assert!(!is_chacha20(agreed(version, true)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_certificate_changes_nothing_and_the_next_good_one_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let files = (path("cert.pem"), path("key.pem"));
        let make = || {
            let made = tempfile::tempdir().unwrap();
            let made = Certificate::SelfSigned(made.path().into()).files().unwrap();
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
