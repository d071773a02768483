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
pub(crate) fn has_fast_aes() -> bool {
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
