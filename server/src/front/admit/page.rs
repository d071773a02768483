//! What a page's address may not keep: the key with which it was opened.

use super::{is_signed_in, secure};
use crate::access::{Grant, Role, Via};
use crate::front::peer::Peer;
use crate::front::query::Query;
use crate::front::{State, device, login_page, origin, refusal, session_cookie};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The answer to a page's address that was opened by the key in it; `None` where there is none, or it may stay there.
pub(super) fn without_key(
    state: &State,
    grant: &Grant,
    query: &Query,
    request: &Request,
) -> Option<Response> {
    if grant.via != Via::Secret || query.get("key").is_none() {
        return None;
    }
    // It would stay in histories, bookmarks, and the logs of proxies.
    if grant.role == Role::Admin {
        let (message, headers) = (login_page::NO_ADMIN_KEY, request.headers());
        let page = login_page::page(state, StatusCode::FORBIDDEN, message, query, headers);
        return Some(page);
    }
    // A frame has no address bar, history or bookmarks, and no cookie either where the page around it is another site's.
    if request.uri().path().ends_with("/embed") {
        return None;
    }
    let from_here = origin::is_asked_from_here(request.headers(), secure(request), false);
    // A link on somebody else's page gives a session, but takes away none.
    let grant = (from_here || !is_signed_in(state, request.headers())).then_some(grant);
    Some(redirect(state, grant, request))
}

/// Gives the browser a session for what was granted, and the same address without its key.
fn redirect(state: &State, grant: Option<&Grant>, request: &Request) -> Response {
    let rest: Vec<_> = request
        .uri()
        .query()
        .unwrap_or_default()
        .split(['&', '?'])
        .filter(|pair| Query::parse(pair).get("key").is_none())
        .collect();
    // Relative, so that a prefix that a proxy put before it stays.
    let name = request.uri().path().rsplit('/').next().unwrap_or_default();
    let location = format!("./{name}?{}", rest.join("&"));
    let Ok(location) = HeaderValue::from_str(location.trim_end_matches('?')) else {
        return refusal(
            StatusCode::BAD_REQUEST,
            "this address cannot be redirected to",
        );
    };
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    if let (Some(grant), Some(Peer(peer))) = (grant, request.extensions().get()) {
        let device = device::of(request.headers());
        session_cookie::give(
            state,
            grant,
            (&device, peer.ip()),
            secure(request),
            &mut response,
        );
    }
    response
}
