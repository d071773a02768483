//! Bodies of requests, which are few and small: each is read before anything else is done about its request.

use super::refusal;
use axum::body::{HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Duration;
use tokio::time::timeout;

/// Bytes of what is sent with a request that sends something: a key, or what a ticket is for.
pub(super) const LARGEST: usize = 4096;

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
    let too_large = || {
        let text = format!("a request's body has {LARGEST} bytes at most");
        refusal(StatusCode::PAYLOAD_TOO_LARGE, text)
    };
    if request.body().size_hint().lower() > LARGEST as u64 {
        return too_large();
    }
    let (parts, body) = request.into_parts();
    match timeout(BODY_TIMEOUT, to_bytes(body, LARGEST)).await {
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
