//! Servers that are asked by the wrong scheme or at an old address: what can be told about where they are.

use crate::dial::{BadCertificate, dial};
use crate::readable::readable;
use crate::{Endpoint, Error, without_credentials};
use http::{HeaderValue, Response, header};
use std::time::Duration;

/// What a redirect says: a server that encrypts sends there from plain HTTP.
pub(crate) fn elsewhere(endpoint: &Endpoint, response: &Response<Option<Vec<u8>>>) -> Error {
    let address = endpoint.to_string();
    let location = response.headers().get(header::LOCATION);
    let location = location.map_or(&[][..], HeaderValue::as_bytes);
    let location = readable(location);
    let same = format!("https://{}", endpoint.authority());
    if !endpoint.tls && location.starts_with(&same) {
        Error::Encrypts { address }
    } else {
        Error::Elsewhere {
            address,
            location: without_credentials(&location),
        }
    }
}

/// Whether something that answered plain HTTP with what is none answers TLS with TLS.
pub(crate) async fn speaks_tls(endpoint: &Endpoint, patience: Duration) -> bool {
    if endpoint.tls {
        return false;
    }
    let encrypted = Endpoint {
        tls: true,
        ..endpoint.clone()
    };
    match dial(&encrypted, patience).await {
        Ok(_) => true,
        // Its certificate need not be one that is trusted here.
        Err(error) => error
            .get_ref()
            .is_some_and(|inner| inner.is::<BadCertificate>()),
    }
}
