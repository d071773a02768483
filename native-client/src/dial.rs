//! Connections: TCP without delay, and TLS by the certificates that the system trusts, or those in `SSL_CERT_FILE`.
//!
//! What is said over them belongs to the callers.

mod verifier;

use crate::Endpoint;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use verifier::Verifier;

/// A connection: TCP alone, or TLS over it.
pub type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Connects, with all of TLS's handshake where the endpoint asks for TLS.
///
/// # Errors
/// Where the name has no address, the connection is refused, the certificate is not trusted, or `patience` is over.
pub async fn dial(endpoint: &Endpoint, patience: Duration) -> io::Result<Stream> {
    let mut connected = false;
    let connection = timeout(patience, connect(endpoint, &mut connected)).await;
    let connection = connection.unwrap_or_else(|_| {
        Err(if connected {
            io::Error::new(io::ErrorKind::TimedOut, SILENT)
        } else {
            io::ErrorKind::TimedOut.into()
        })
    });
    connection.map_err(|error| match endpoint.hint() {
        "" => error,
        hint => io::Error::new(error.kind(), format!("{error}{hint}")),
    })
}

/// What may be wrong with a server that says nothing while TLS begins.
const SILENT: &str =
    "it takes connections but does not answer in TLS: if it has none, try http:// or ws://";

async fn connect(endpoint: &Endpoint, connected: &mut bool) -> io::Result<Stream> {
    let tcp = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
    *connected = true;
    // Acks are tiny and must not wait for company.
    tcp.set_nodelay(true)?;
    if !endpoint.tls {
        return Ok(Either::Left(tcp));
    }
    secure(tcp, &endpoint.host, tls_config()?).await
}

/// Begins TLS on a connection, by the certificates in that PEM text in place of the system's, where there is one.
///
/// # Errors
/// Where the text holds none, or the server's certificate is not trusted.
pub async fn encrypt(tcp: TcpStream, host: &str, trusted: Option<&[u8]>) -> io::Result<Stream> {
    let config = match trusted {
        None => tls_config()?,
        Some(pem) => {
            let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
            let found = found.map_err(io::Error::other)?;
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(found.iter().cloned());
            if roots.is_empty() {
                return Err(io::Error::other("it holds no certificate in PEM"));
            }
            config_of(roots, found)?
        }
    };
    secure(tcp, host, config).await
}

async fn secure(tcp: TcpStream, host: &str, config: Arc<ClientConfig>) -> io::Result<Stream> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let tls = TlsConnector::from(config).connect(name, tcp).await;
    Ok(Either::Right(Box::new(tls.map_err(explained)?)))
}

/// The same error, in words of what to do about it where that is known.
fn explained(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return io::Error::new(error.kind(), SILENT);
    }
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref()) else {
        return error;
    };
    let bad = |text: String| io::Error::other(BadCertificate(text));
    let text = match tls {
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::UnknownIssuer => {
                "its certificate was signed by an authority that this system does not trust; for an authority of your own, \
                 name its certificate in SSL_CERT_FILE"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet: check the clock here"
            }
            _ => return bad(format!("its certificate is no good: {problem}")),
        },
        rustls::Error::InvalidMessage(_) => {
            return io::Error::other(
                "it does not speak TLS: try http:// or ws:// rather than https:// or wss://",
            );
        }
        _ => return error,
    };
    bad(text.into())
}

/// Why a server that speaks TLS is not trusted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadCertificate(String);

/// The time by which certificates are judged. rustls's own reading panics while the clock is before 1970.
#[derive(Debug)]
struct WallClock;

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Some(UnixTime::since_unix_epoch(since.unwrap_or_default()))
    }
}

fn tls_config() -> io::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    // Some systems hold certificates that cannot be read; the others are good all the same.
    roots.add_parsable_certificates(found.certs.iter().cloned());
    if roots.is_empty() {
        return Err(io::Error::other(match found.errors.first() {
            Some(error) => format!("no trusted certificate can be read: {error}"),
            None => "no certificate is trusted here: install ca-certificates, or look into SSL_CERT_FILE".into(),
        }));
    }
    let config = config_of(roots, found.certs)?;
    Ok(Arc::clone(CONFIG.get_or_init(|| config)))
}

fn config_of(
    roots: RootCertStore,
    trusted: Vec<CertificateDer<'static>>,
) -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(roots, trusted, &provider)?;
    let config = ClientConfig::builder_with_details(provider, Arc::new(WallClock))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}
