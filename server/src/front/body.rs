//! Bodies of requests, which are few and small: each is read before anything else is done about its request.

use super::{refusal, wall};
use axum::body::{HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Duration;
use tokio::time::timeout;

/// Bytes of what is sent with a request that sends something: a key, or what a ticket is for.
const LARGEST: usize = 4096;

/// The same of the requests that may have more.
pub(super) const LARGEST_OF_ALL: usize = wall::LARGEST;

fn largest(path: &str) -> usize {
    if path == wall::PATH {
        wall::LARGEST
    } else {
        LARGEST
    }
}

/// Time for a client to finish its request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits until a request is whole, before anything else is done about it: a client that never sends what it announced
/// is not let in for it.
pub(super) async fn whole(request: Request, next: Next) -> Response {
    let reads = !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if !reads || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let largest = largest(request.uri().path());
    let too_large = || {
        let text = format!("the body of this request has {largest} bytes at most");
        refusal(StatusCode::PAYLOAD_TOO_LARGE, text)
    };
    if request.body().size_hint().lower() > largest as u64 {
        return too_large();
    }
    let (parts, body) = request.into_parts();
    match timeout(BODY_TIMEOUT, to_bytes(body, largest)).await {
        Ok(Ok(body)) => next.run(Request::from_parts(parts, body.into())).await,
        Ok(Err(_)) => too_large(),
        Err(_) => {
            let mut response = refusal(
                StatusCode::REQUEST_TIMEOUT,
                format!("the request's body did not come within {BODY_TIMEOUT:?}"),
            );
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            response
        }
    }
}
