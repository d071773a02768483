//! Where a request comes from, and whether encrypted.

use std::net::SocketAddr;

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub SocketAddr);

/// Whether the request came encrypted, at least up to the proxy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Secure(pub bool);
