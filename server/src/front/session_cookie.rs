//! The cookie of a browser's session.

use super::State;
use super::peer::Secure;
use crate::access::{Grant, SESSION};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use std::net::IpAddr;

/// Starts a session for what was granted, on that device at that address, and gives it to the browser.
pub(super) fn give(
    state: &State,
    grant: &Grant,
    (device, from): (&str, IpAddr),
    Secure(secure): Secure,
    response: &mut Response,
) {
    let Some(session) = state.access.sign_in(grant, device, from) else {
        return;
    };
    let cookie = format!(
        "{}={session}; Max-Age={}; Path=/; HttpOnly; SameSite=Lax{}",
        state.access.cookie_name(),
        SESSION.as_secs(),
        if secure { "; Secure" } else { "" }
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

/// Makes the browser forget its session.
pub(super) fn forget(state: &State, response: &mut Response) {
    let cookie = format!(
        "{}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
        state.access.cookie_name()
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}
