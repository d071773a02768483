//! Servers behind TLS: whatever the program connects to may be `https://` or `wss://`, by an authority of one's own.
//!
//! The certificates that are trusted are those of a process, so each client here is one.

use crate::process::{self, pistreamer};
use crate::support::{Running, TestServer, TestViewer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority for certificates that no system trusts.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Its certificate, as `SSL_CERT_FILE` takes it.
    fn file(&self) -> NamedTempFile {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), self.0.pem()).unwrap();
        file
    }

    /// A proxy that takes TLS off before the server, with a certificate for that name; where it listens.
    async fn proxy(&self, server: &TestServer, name: &str) -> SocketAddr {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()])
            .unwrap()
            .signed_by(&key, &self.0)
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = server.address;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Clients that trust nobody leave early.
                    if let Ok(mut outside) = acceptor.accept(stream).await {
                        let mut inside = TcpStream::connect(server).await.unwrap();
                        let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                    }
                });
            }
        });
        address
    }
}

/// Runs the program to its end with that file of trusted certificates.
async fn run(trusted: &NamedTempFile, arguments: &[&str]) -> Output {
    let mut command = trusting(trusted, arguments);
    let output = tokio::task::spawn_blocking(move || command.output());
    output.await.unwrap().unwrap()
}

fn trusting(trusted: &NamedTempFile, arguments: &[&str]) -> Command {
    let mut command = pistreamer(arguments);
    command
        .env("SSL_CERT_FILE", trusted.path())
        .env_remove("SSL_CERT_DIR");
    command
}

/// Grabs three frames; the one line that it says where that fails.
async fn grab(trusted: &NamedTempFile, url: &str) -> Result<(), String> {
    let output = run(trusted, &["grab", url, "--count", "3"]).await;
    if output.status.success() {
        assert!(output.stdout.starts_with(b"\xff\xd8"));
        return Ok(());
    }
    let text = String::from_utf8(output.stderr).unwrap();
    let said = text.lines().rfind(|line| line.starts_with("pistreamer: "));
    Err(said.unwrap_or(&text).to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_are_fetched_over_tls_by_an_authority_of_ones_own() {
    let server = TestServer::start(|_| ());
    let authority = Authority::new("our own");
    let trusted = authority.file();
    let proxy = authority.proxy(&server, "127.0.0.1").await;
    grab(&trusted, &format!("https://{proxy}")).await.unwrap();
    for source in [
        format!("wss://{proxy}"),
        format!("https://{proxy}/stream.mjpg"),
        format!("https://{proxy}/snapshot.jpg"),
    ] {
        let command = trusting(
            &trusted,
            &["--source", &source, "--listen", "127.0.0.1:0", "--no-auth"],
        );
        let (relay, url) = process::started(command);
        let relay = Running(relay);
        let grabbed = grab(&trusted, &url).await;
        assert_eq!(grabbed, Ok(()), "{source}");
        drop(relay);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_are_pushed_over_tls_by_an_authority_of_ones_own() {
    let server = TestServer::start(|typed| typed.source = vec!["ingest".into()]);
    let authority = Authority::new("our own");
    let target = format!("wss://{}", authority.proxy(&server, "127.0.0.1").await);
    let mut viewer = TestViewer::connect(&server).await;
    let trusted = authority.file();
    let push = [
        "push",
        &target,
        "--source",
        "pattern",
        "--size",
        "320x240",
        "--duration",
        "2",
    ];
    let (output, frame) = tokio::join!(run(&trusted, &push), viewer.frame());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(frame.stamp.camera, "pattern");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_no_good_is_refused_in_plain_words() {
    let server = TestServer::start(|_| ());
    let authority = Authority::new("our own");
    let trusted = authority.file();
    let refusal = async |trusted: &NamedTempFile, address: SocketAddr| {
        let said = grab(trusted, &format!("https://{address}")).await;
        said.expect_err("it was trusted")
    };

    let proxy = authority.proxy(&server, "127.0.0.1").await;
    let said = refusal(&Authority::new("another").file(), proxy).await;
    assert!(
        said.contains("name its certificate in SSL_CERT_FILE"),
        "{said}"
    );

    let elsewhere = authority.proxy(&server, "elsewhere.example").await;
    let said = refusal(&trusted, elsewhere).await;
    assert!(
        said.contains("its certificate is for another name"),
        "{said}"
    );

    let said = refusal(&trusted, server.address).await;
    assert!(said.contains("it does not speak TLS"), "{said}");
    let said = grab(&trusted, &format!("http://{proxy}")).await;
    let said = said.expect_err("plain HTTP was taken");
    assert!(said.contains("encrypts: use https://"), "{said}");

    let empty = NamedTempFile::new().unwrap();
    let said = refusal(&empty, proxy).await;
    assert!(said.contains("look into SSL_CERT_FILE"), "{said}");

    let source = format!("https://{elsewhere}/stream.mjpg");
    let command = trusting(
        &trusted,
        &["--source", &source, "--listen", "127.0.0.1:0", "--no-auth"],
    );
    let (relay, url) = process::started(command);
    let relay = Running(relay);
    let said = run(&trusted, &["grab", &url, "--duration", "1"]).await;
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("for another name"), "{said}");
    drop(relay);
    server.stop().await;
}
