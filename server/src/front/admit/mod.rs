//! Authorization: a request's credentials are found, judged against what its route needs, and turned into what
//! handlers take: [`Admitted`], and [`Watched`], [`Pushed`] or [`Named`] where it is about a camera.
//!
//! Which route needs what stands in the table of routes, beside this folder. What makes a credential good belongs to [`crate::access`].

mod cameras;
mod credentials;
mod denied;
mod extract;
mod page;
mod route;

pub(crate) use cameras::Cameras;
pub(super) use cameras::{Named, Pushed, Watched};
pub(super) use credentials::sessions;
pub(super) use denied::Denied;
pub(super) use extract::Admitted;
pub(super) use route::{
    COMMANDS, CONFIGURATION, LINKS, Method, Needs, RECORDINGS, Refusal, Route, route,
};

use super::peer::{Peer, Secure};
use super::place::Place;
use super::query::Query;
use super::{State, login_page, no_place, origin, refused};
use crate::access::{Credential, Grant, Refused, Via};
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use credentials::credentials;
use pistreamer_protocol::message::Cause;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Lets those requests pass that show what the route needs, and answers the others.
pub(super) async fn guard(
    Shared((state, route)): Shared<(State, &'static Route)>,
    query: Query,
    request: Request,
    next: Next,
) -> Response {
    if route.needs == Needs::Nothing {
        return next.run(request).await;
    }
    // What mjpg-streamer has at `/` is no page.
    let is_page = route.refusal == Refusal::Page && query.action().is_none();
    if is_page && let Some(refused) = origin::framed_elsewhere(&state, &request) {
        return refused;
    }
    match admit(&state, &query, &request, route.needs).await {
        Ok(grant) if is_page => match page::without_key(&state, &grant, &query, &request) {
            Some(response) => response,
            None => pass(grant, request, next).await,
        },
        Ok(grant) => match foreign_page(&grant, &request) {
            Some(refused) => refused,
            None => pass(grant, request, next).await,
        },
        Err(_) if is_page => {
            let headers = request.headers();
            login_page::page(&state, StatusCode::UNAUTHORIZED, "", &query, headers)
        }
        Err(why) if route.refusal == Refusal::Words => why.response(),
        Err(why) => why.challenge(request.headers()),
    }
}

/// Judges a request. What is awaited holds nothing of it.
pub(super) fn admit(
    state: &State,
    query: &Query,
    request: &Request,
    needs: Needs,
) -> impl Future<Output = Result<Grant, Denied>> + Send + use<> {
    let access = state.access.clone();
    let shown = credentials(request.headers(), query, &access.cookie_name());
    let peer = request.extensions().get::<Peer>().copied();
    let is_elsewhere = request.headers().get(header::ORIGIN).is_some_and(|asks| {
        let asks = asks.to_str().unwrap_or_default();
        !origin::is_own(asks, request.headers(), secure(request))
    });
    async move {
        let Some(Peer(peer)) = peer else {
            return Err(Denied::Unauthenticated(Refused::Nothing));
        };
        let judged = access.judge(&shown, peer.ip()).await;
        let mut grant = judged.map_err(Denied::Unauthenticated)?;
        if is_elsewhere {
            grant = grant.for_another_origin();
        }
        needs.allow(&grant).inspect_err(|_| {
            let beyond = &access.counters().beyond_role;
            beyond.fetch_add(1, Ordering::Relaxed);
        })?;
        Ok(grant)
    }
}

/// The refusal of a ticket on a page that it is not for. A ticket for the pages of one origin is good where the browser says
/// that one of them asks, or the viewer in a frame of theirs; where it doesn't, as for an `<img>`, any page could.
fn foreign_page(grant: &Grant, request: &Request) -> Option<Response> {
    let origin = grant.ticket.as_ref()?.origin.as_deref()?;
    let Some(asks) = request.headers().get(header::ORIGIN) else {
        let page = origin.into();
        let cause = Cause::TicketOfUnknownPage { page };
        return Some(refused(StatusCode::FORBIDDEN, cause));
    };
    let asks = asks.to_str().unwrap_or_default();
    let is_its =
        origin::is_same(origin, asks) || origin::is_own(asks, request.headers(), secure(request));
    (!is_its).then(|| {
        let (page, asks) = (origin.into(), asks.into());
        refused(
            StatusCode::FORBIDDEN,
            Cause::TicketOfOtherPage { page, asks },
        )
    })
}

async fn pass(grant: Grant, mut request: Request, next: Next) -> Response {
    // A cookie goes with every request to this host, whichever page makes it: what it opens is for the own pages only. So
    // is what a ticket opens that names no origin.
    let own_only = match grant.via {
        Via::Session => true,
        Via::Ticket => grant
            .ticket
            .as_ref()
            .is_some_and(|ticket| ticket.origin.is_none()),
        // Browsers remember user and password, too, and send them wherever a page has an <img>.
        Via::Login => true,
        Via::Secret => request.headers().contains_key(header::AUTHORIZATION),
        Via::Open => false,
    };
    let extensions = request.extensions();
    if let (Some(place), Some(Peer(peer))) = (extensions.get::<Arc<Place>>(), extensions.get())
        && let Err(full) = place.admit(&grant, peer.ip())
    {
        return no_place(full);
    }
    request.extensions_mut().insert(Admitted::new(grant));
    let mut response = next.run(request).await;
    if own_only {
        response.headers_mut().insert(
            "cross-origin-resource-policy",
            HeaderValue::from_static("same-origin"),
        );
    }
    response
}

/// Gives browsers that load the viewer's files with a session a place among those that were let in, so that a class that
/// opens the page at once is not taken for a flood of strangers. Refuses nothing.
pub(super) async fn recognise(
    Shared(state): Shared<State>,
    request: Request,
    next: Next,
) -> Response {
    let cookie = state.access.cookie_name();
    let sessions: Vec<_> = sessions(request.headers(), &cookie)
        .map(|token| Credential::Session(token.into()))
        .collect();
    let extensions = request.extensions();
    if let (Some(place), Some(Peer(peer))) = (extensions.get::<Arc<Place>>(), extensions.get())
        // What a proxy says about the client is not read here.
        && !state.proxies.contains(&peer.ip().to_canonical())
        && (state.access.is_open() || !sessions.is_empty())
    {
        let (place, address) = (Arc::clone(place), peer.ip());
        if let Ok(grant) = state.access.judge(&sessions, address).await {
            // Without a place of that kind, it keeps its own.
            let _ = place.admit(&grant, address);
        }
    }
    next.run(request).await
}

/// How a request came.
fn secure(request: &Request) -> Secure {
    request.extensions().get().copied().unwrap_or(Secure(false))
}

/// Whether the browser holds a session that is good.
fn is_signed_in(state: &State, headers: &HeaderMap) -> bool {
    sessions(headers, &state.access.cookie_name()).any(|token| state.access.knows_session(token))
}
