//! Which cipher connections are encrypted with: AES where the CPU has instructions for it, else ChaCha20.
//!
//! Browsers on PCs and phones ask for AES first, which is fast there. The processors of the Raspberry Pi up to the 4 have no
//! instructions for it.

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::{CipherSuite, ServerConfig, SupportedCipherSuite};
use std::sync::Arc;

/// What encrypts, in the order in which this machine is fast with it.
pub(super) fn provider(fast_aes: bool) -> Arc<CryptoProvider> {
    let mut provider = default_provider();
    if !fast_aes {
        // It keeps the order of the others.
        provider
            .cipher_suites
            .sort_by_key(|suite| !is_chacha20(suite));
    }
    Arc::new(provider)
}

/// Has that order decide, rather than the client's.
pub(super) fn decide(config: &mut ServerConfig, fast_aes: bool) {
    config.ignore_client_order = !fast_aes;
}

/// Whether this machine's CPU has instructions for AES.
pub(super) fn has_fast_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

fn is_chacha20(suite: &SupportedCipherSuite) -> bool {
    matches!(
        suite.suite(),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::version::{TLS12, TLS13};
    use rustls::{
        ClientConfig, ClientConnection, RootCertStore, ServerConnection, SupportedProtocolVersion,
    };

    /// What a client that asks for AES first, as browsers do, and a server agree upon.
    fn agreed(version: &'static SupportedProtocolVersion, fast_aes: bool) -> SupportedCipherSuite {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut server = ServerConfig::builder_with_provider(provider(fast_aes))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        decide(&mut server, fast_aes);
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut client =
            ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
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
        server.negotiated_cipher_suite().unwrap()
    }

    #[test]
    fn a_machine_that_is_slow_with_aes_gets_chacha20_whatever_the_client_asks_for_first() {
        for version in [&TLS12, &TLS13] {
            assert!(is_chacha20(&agreed(version, false)));
            assert!(!is_chacha20(&agreed(version, true)));
        }
    }
}
