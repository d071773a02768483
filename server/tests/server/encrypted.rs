//! The server's own TLS, as curl and this project's client see it.

use crate::process::{pistreamer, started_with};
use crate::support::{Running, TestServer};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// What curl gets: status, then where it is sent to, then the size of the answer. It trusts the certificate in that file.
fn curl(trusted: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "20",
            "--output",
            "/dev/null",
        ])
        .args([
            "--write-out",
            "%{http_code} %{redirect_url} %{size_download}",
        ])
        .arg("--cacert")
        .arg(trusted)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_its_own_encrypts_all_and_plain_http_is_sent_there() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(|typed| {
        typed.tls = Some("self-signed".into());
        typed.state_dir = Some(directory.path().into());
    });
    let trusted = directory.path().join("tls-cert.pem");
    let mode = PermissionsExt::mode(
        &directory
            .path()
            .join("tls-key.pem")
            .metadata()
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let address = server.address;
    let asked = tokio::task::spawn_blocking(move || {
        let snapshot = curl(&trusted, &[&format!("https://{address}/snapshot.jpg")]).unwrap();
        let size = snapshot
            .strip_prefix("200  ")
            .unwrap()
            .parse::<u32>()
            .unwrap();
        assert!(size > 1000, "{snapshot}");
        let plain = format!("http://{address}/snapshot.jpg?max_age=500");
        let redirect = curl(&trusted, &[&plain]).unwrap();
        let there = plain.replace("http:", "https:");
        assert!(redirect.starts_with(&format!("308 {there} ")), "{redirect}");
        assert!(
            curl(&trusted, &["--location", &plain])
                .unwrap()
                .starts_with("200 ")
        );
        let rebound = curl(&trusted, &["--header", "Host: evil.example", &plain]).unwrap();
        assert!(rebound.starts_with("426  "), "{rebound}");

        // Frames over wss, by a client that trusts only this certificate.
        let grabbed = pistreamer(&["grab", &format!("https://{address}"), "--count", "10"])
            .env("SSL_CERT_FILE", &trusted)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        assert!(grabbed.status.success(), "{grabbed:?}");
        assert!(grabbed.stdout.starts_with(b"\xff\xd8"));
    });
    asked.await.unwrap();
    // Half a handshake holds up nobody, not even the end.
    let mut half = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut half, &[22, 3, 1])
        .await
        .unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_replaced_is_taken_over_and_a_broken_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let make = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(path("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(path("cert.pem"), certificate.pem()).unwrap();
        std::fs::copy(path("cert.pem"), path(name)).unwrap();
    };
    make("first.pem");
    let server = TestServer::start(|typed| {
        typed.tls_cert = Some(path("cert.pem"));
        typed.tls_key = Some(path("key.pem"));
    });
    let url = format!("https://{}/healthz", server.address);
    curl(&path("first.pem"), &[&url]).unwrap();
    std::fs::write(path("cert.pem"), "-----BEGIN CERTIFICATE-----\nnone\n").unwrap();
    curl(&path("first.pem"), &[&url]).unwrap();
    make("second.pem");
    while curl(&path("second.pem"), &[&url]).is_err() {}
    assert!(curl(&path("first.pem"), &[&url]).is_err());
    server.stop().await;
}

/// The answer's headers, of a server whose certificate need not be trusted.
async fn headers(url: String, more: Vec<&'static str>) -> String {
    let asked = tokio::task::spawn_blocking(move || {
        Command::new("curl")
            .args(["--silent", "--insecure", "--max-time", "20"])
            .args(["--output", "/dev/null", "--dump-header", "-"])
            .args(more)
            .arg(url)
            .output()
            .unwrap()
    });
    let output = asked.await.unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .to_ascii_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_to_insist_on_a_certificate_that_they_can_trust_and_on_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let insists = |headers: &str| headers.contains("strict-transport-security: max-age=");
    let own = TestServer::start(|typed| {
        typed.tls = Some("self-signed".into());
        typed.state_dir = Some(directory.path().into());
    });
    let url = format!("https://{}/api/v1/cameras", own.address);
    let answer = headers(url, Vec::new()).await;
    assert!(answer.contains(" 200") && !insists(&answer), "{answer}");
    own.stop().await;
    // The same certificate, which its owner now vouches for.
    let owners = TestServer::start(|typed| {
        typed.tls_cert = Some(directory.path().join("tls-cert.pem"));
        typed.tls_key = Some(directory.path().join("tls-key.pem"));
    });
    for path in ["healthz", "snapshot.jpg", "login.css"] {
        let url = format!("https://{}/{path}", owners.address);
        let answer = headers(url, Vec::new()).await;
        assert!(insists(&answer), "{path}: {answer}");
    }
    let plain = headers(format!("http://{}/healthz", owners.address), Vec::new()).await;
    assert!(plain.contains(" 308") && !insists(&plain), "{plain}");
    owners.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_came_in_the_clear_is_not_the_servers_own_where_it_encrypts() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(|typed| {
        typed.tls = Some("self-signed".into());
        typed.state_dir = Some(directory.path().into());
    });
    let upgrade = &[
        "--http1.1",
        "--header",
        "Host: pi.local:8443",
        "--header",
        "Connection: Upgrade",
        "--header",
        "Upgrade: websocket",
        "--header",
        "Sec-WebSocket-Version: 13",
        "--header",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "--header",
    ];
    for path in ["snapshot.jpg", "ws"] {
        let url = format!("https://{}/{path}", server.address);
        let asked = async |origin: &'static str| {
            let more = upgrade.iter().copied().chain([origin, "--max-time", "2"]);
            headers(url.clone(), more.collect()).await
        };
        let clear = asked("Origin: http://pi.local:8443").await;
        assert!(clear.starts_with("http/1.1 403"), "{path}: {clear}");
        let own = asked("Origin: https://pi.local:8443").await;
        let good = own.starts_with("http/1.1 200") || own.starts_with("http/1.1 101");
        assert!(good, "{path}: {own}");
    }
    server.stop().await;
}

#[test]
fn the_fingerprint_is_printed_and_kept_and_wrong_flags_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().to_str().unwrap();
    let serve = [
        "--source",
        "pattern",
        "--listen",
        "127.0.0.1:0",
        "--no-auth",
    ];
    let own = ["--tls", "self-signed", "--state-dir", state];
    let mut fingerprints = Vec::new();
    for _ in 0..2 {
        let mut child = pistreamer(&[&serve[..], &own].concat())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let running = Running(child);
        let mut lines = lines.map(Result::unwrap);
        assert!(lines.next().unwrap().contains("open https://127.0.0.1:"));
        let fingerprint = lines
            .filter_map(|line| Some(line.split_once("SHA-256 is ")?.1.to_owned()))
            .next();
        fingerprints.push(fingerprint.unwrap());
        drop(running);
    }
    assert_eq!(fingerprints[0].split(':').count(), 32);
    assert_eq!(fingerprints[0], fingerprints[1]);
    for (flags, said) in [
        (&["--tls", "yes"][..], "--tls self-signed"),
        (&["--tls-cert", "/dev/null"], "--tls-cert and --tls-key"),
        (
            &["--tls-cert", "/dev/null", "--tls-key", "/dev/null"],
            "/dev/null is no PEM file of a certificate",
        ),
        (
            &["--tls-cert", "/no/such", "--tls-key", "/no/such"],
            "the certificate in /no/such cannot be read: there is no such file",
        ),
    ] {
        let output = pistreamer(&[&serve[..], flags].concat()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(said), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_as_openssl_makes_it_is_good_for_its_own_server_and_for_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    // They may sign others (CA:TRUE), which is what `openssl req -x509` makes of itself.
    for (name, host) in [("good", "IP:127.0.0.1"), ("other", "DNS:other.example")] {
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cam",
            ])
            .args(["-addext", &format!("subjectAltName={host}"), "-keyout"])
            .arg(path(&format!("{name}-key.pem")))
            .arg("-out")
            .arg(path(&format!("{name}.pem")))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    let key = KeyPair::generate().unwrap();
    let mut old = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    old.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (old.not_before, old.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    std::fs::write(path("old.pem"), old.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(path("old-key.pem"), key.serialize_pem()).unwrap();
    for (served, trusted, said) in [
        ("good", "good", ""),
        (
            "good",
            "other",
            "was signed by an authority that this system does not trust",
        ),
        ("other", "other", "is for another name"),
        ("old", "old", "has expired"),
    ] {
        let server = TestServer::start(|typed| {
            typed.tls_cert = Some(path(&format!("{served}.pem")));
            typed.tls_key = Some(path(&format!("{served}-key.pem")));
        });
        let url = format!("https://{}", server.address);
        let trusted = path(&format!("{trusted}.pem"));
        let grabbed = tokio::task::spawn_blocking(move || {
            pistreamer(&["grab", &url, "--count", "2"])
                .env("SSL_CERT_FILE", &trusted)
                .env_remove("SSL_CERT_DIR")
                .output()
                .unwrap()
        });
        let grabbed = grabbed.await.unwrap();
        let text = String::from_utf8_lossy(&grabbed.stderr);
        assert_eq!(
            grabbed.status.success(),
            said.is_empty(),
            "{served}: {text}"
        );
        assert!(text.contains(said), "{served}: {text}");
        server.stop().await;
    }
}

#[test]
fn a_private_key_that_is_another_users_is_refused_and_one_that_all_may_read_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(path("key.pem"), key.serialize_pem()).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(path("cert.pem"), certificate.pem()).unwrap();
    let (chain, key) = (path("cert.pem"), path("key.pem"));
    let serve = || {
        let mut command = pistreamer(&["--source", "pattern", "--no-auth"]);
        command.args(["--listen", "127.0.0.1:0", "--tls-cert"]);
        command.arg(&chain).arg("--tls-key").arg(&key);
        command
    };
    for (mode, told) in [(0o644, true), (0o640, false)] {
        std::fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
        let log = path("log");
        let written = std::fs::File::create(&log).unwrap();
        let (mut server, _) = started_with(serve(), written.into());
        // In good order, so that all of its log is written.
        let pid = server.id().to_string();
        let ended = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(ended.unwrap().success() && server.wait().unwrap().success());
        let said = std::fs::read_to_string(&log).unwrap();
        let exposed = said.contains("private key of the TLS certificate");
        assert_eq!(exposed, told, "{mode:o}: {said}");
    }
    // Only root can give a file away.
    if std::os::unix::fs::chown(&key, Some(65534), None).is_ok() {
        let output = serve().output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(
            said.contains("key.pem: it belongs to the user with the id 65534"),
            "{said}"
        );
    }
}
