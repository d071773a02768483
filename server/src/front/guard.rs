//! Lets nobody in who doesn't belong: finds the credentials in a request, has them judged, and answers those without.
//!
//! What makes a credential good belongs to [`crate::access`]; sessions and tickets are handed out in [`super::login`].

use super::peer::{Peer, Secure};
use super::place::Place;
use super::query::Query;
use super::{State, login, no_place, origin, refusal};
use crate::access::{Credential, Grant, Password, Refused, Role, Via};
use crate::called;
use axum::extract::{self, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Lets those pass who may see the cameras; programs are asked for user and password.
pub(super) async fn view(
    state: extract::State<State>,
    query: Query,
    request: Request,
    next: Next,
) -> Response {
    match admit(&state, &query, &request, Role::View).await {
        Ok(grant) => pass_on(grant, request, next).await,
        Err(why) => ask(why, request.headers()),
    }
}

/// Lets those pass who may know what goes on: whoever has a key, but nobody with a ticket, which is for pictures.
pub(super) async fn insight(
    state: extract::State<State>,
    query: Query,
    request: Request,
    next: Next,
) -> Response {
    match admit(&state, &query, &request, Role::View).await {
        Ok(grant) if grant.via == Via::Ticket => tell(Turned::Down(grant.role)),
        Ok(grant) => pass(grant, request, next).await,
        Err(why) => ask(why, request.headers()),
    }
}

/// Lets those pass who may see the cameras; others are told so without a dialog of the browser's.
pub(super) async fn view_quietly(
    state: extract::State<State>,
    query: Query,
    request: Request,
    next: Next,
) -> Response {
    match admit(&state, &query, &request, Role::View).await {
        Ok(grant) => pass_on(grant, request, next).await,
        Err(why) => tell(why),
    }
}

/// Lets those pass who may push pictures in.
pub(super) async fn control(
    state: extract::State<State>,
    query: Query,
    request: Request,
    next: Next,
) -> Response {
    match admit(&state, &query, &request, Role::Publish).await {
        Ok(grant) => pass(grant, request, next).await,
        Err(why) => tell(why),
    }
}

/// Lets those pass whose server it is.
pub(super) async fn own(
    state: extract::State<State>,
    query: Query,
    request: Request,
    next: Next,
) -> Response {
    match admit(&state, &query, &request, Role::Admin).await {
        Ok(grant) => pass(grant, request, next).await,
        Err(why) => tell(why),
    }
}

/// Lets those pass who may see the cameras; people get a page on which they can show their key.
pub(super) async fn page(
    state: extract::State<State>,
    query: Query,
    request: Request,
    next: Next,
) -> Response {
    match admit(&state, &query, &request, Role::View).await {
        // It would stay in histories, bookmarks, and the logs of proxies.
        Ok(grant)
            if grant.via == Via::Secret
                && grant.role == Role::Admin
                && query.get("key").is_some()
                && query.action().is_none() =>
        {
            login::page(&state, StatusCode::FORBIDDEN, NO_ADMIN_KEY)
        }
        // So that the key does not stay in the address bar, the history and bookmarks. A frame has none of these, and no
        // cookie either where the page around it is another site's.
        Ok(grant)
            if grant.via == Via::Secret
                && query.get("key").is_some()
                && query.action().is_none()
                && !request.uri().path().ends_with("/embed") =>
        {
            let from_here = origin::is_asked_from_here(request.headers(), secure(&request), false);
            // A link on somebody else's page gives a session, but takes away none.
            let grant = (from_here || !is_signed_in(&state, request.headers())).then_some(grant);
            login::without_key(&state, grant.as_ref(), &request)
        }
        // What is asked for is no page then.
        Ok(grant) if query.action().is_some() => pass_on(grant, request, next).await,
        Ok(grant) => pass(grant, request, next).await,
        Err(why) if query.action().is_some() => ask(why, request.headers()),
        Err(_) => login::page(&state, StatusCode::UNAUTHORIZED, ""),
    }
}

/// What is said to a page's address with an admin key in it.
const NO_ADMIN_KEY: &str = "A page takes no admin key in its address, where browsers remember it. Open a link that \
    <code>{program} key</code> prints, type the key here, or make a key for this address that may only look: \
    <code>{program} key add NAME --role view</code>.";

/// Passes a request for something else than a page. A ticket for the pages of one origin is good where the browser says
/// that one of them asks, or the viewer in a frame of theirs; where it doesn't, as for an `<img>`, any page could.
async fn pass_on(grant: Grant, request: Request, next: Next) -> Response {
    let bound = grant
        .ticket
        .as_ref()
        .and_then(|ticket| ticket.origin.as_deref());
    let asks = request.headers().get(header::ORIGIN);
    match (
        bound,
        asks.map(|origin| origin.to_str().unwrap_or_default()),
    ) {
        (Some(origin), Some(asks))
            if !origin::is_same(origin, asks)
                && !origin::is_own(asks, request.headers(), secure(&request)) =>
        {
            refusal(
                StatusCode::FORBIDDEN,
                format!("this ticket is for pages of {origin}, and not for those of {asks}"),
            )
        }
        (Some(origin), None) => refusal(
            StatusCode::FORBIDDEN,
            format!(
                "this ticket is for pages of {origin}, and the request does not say which page it is of: use <pi-camera>, \
                 /embed in an iframe, or <img crossorigin=\"anonymous\">"
            ),
        ),
        _ => pass(grant, request, next).await,
    }
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
        Via::Secret => request.headers().contains_key(header::AUTHORIZATION),
        Via::Open => false,
    };
    let extensions = request.extensions();
    if let (Some(place), Some(Peer(peer))) = (extensions.get::<Arc<Place>>(), extensions.get())
        && let Err(full) = place.admit(&grant, peer.ip())
    {
        return no_place(full);
    }
    request.extensions_mut().insert(grant);
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
    extract::State(state): extract::State<State>,
    request: Request,
    next: Next,
) -> Response {
    let cookie = state.access.cookie_name();
    let sessions: Vec<_> = sessions(request.headers(), &cookie)
        .map(|token| Credential::Session(token.into()))
        .collect();
    let extensions = request.extensions();
    if let (Some(place), Some(Peer(peer))) = (extensions.get::<Arc<Place>>(), extensions.get())
        // What a proxy says about who asks is not read here.
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

/// Why somebody does not get what was asked for.
pub(super) enum Turned {
    /// Not let in.
    Away(Refused),
    /// Let in, but not to this.
    Down(Role),
}

/// Judges a request. What is awaited holds nothing of it.
pub(super) fn admit(
    state: &State,
    query: &Query,
    request: &Request,
    role: Role,
) -> impl Future<Output = Result<Grant, Turned>> + Send + use<> {
    let access = state.access.clone();
    let shown = credentials(request.headers(), query, &access.cookie_name());
    let peer = request.extensions().get::<Peer>().copied();
    async move {
        let Some(Peer(peer)) = peer else {
            return Err(Turned::Away(Refused::Nothing));
        };
        let judged = access.judge(&shown, peer.ip()).await;
        let grant = judged.map_err(Turned::Away)?;
        if !grant.role.includes(role) {
            let beyond = &access.counters().beyond_role;
            beyond.fetch_add(1, Ordering::Relaxed);
            return Err(Turned::Down(grant.role));
        }
        Ok(grant)
    }
}

/// How a request came.
fn secure(request: &Request) -> Secure {
    request.extensions().get().copied().unwrap_or(Secure(false))
}

/// Whether the browser holds a session that is good.
fn is_signed_in(state: &State, headers: &HeaderMap) -> bool {
    sessions(headers, &state.access.cookie_name()).any(|token| state.access.knows_session(token))
}

/// Every credential in a request, those meant for this request first.
fn credentials(headers: &HeaderMap, query: &Query, cookie: &str) -> Vec<Credential> {
    let mut shown = Vec::new();
    if let Some(ticket) = query.get("ticket") {
        shown.push(Credential::Ticket(ticket.into()));
    }
    if let Some(key) = query.get("key") {
        shown.push(Credential::Key(Password::new(key)));
    }
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '));
    match authorization {
        Some((scheme, text)) if scheme.eq_ignore_ascii_case("basic") => {
            shown.extend(basic(text.trim()));
        }
        Some((scheme, text)) if scheme.eq_ignore_ascii_case("bearer") => {
            shown.push(Credential::Key(Password::new(text.trim())));
        }
        _ => {}
    }
    shown.extend(sessions(headers, cookie).map(|token| Credential::Session(token.into())));
    shown
}

/// The sessions in a request.
pub(super) fn sessions<'a>(
    headers: &'a HeaderMap,
    cookie: &'a str,
) -> impl Iterator<Item = &'a str> {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    cookies
        .filter(move |(name, _)| *name == cookie)
        .map(|(_, value)| value)
        // One is usual; a browser can be made to send a few.
        .take(4)
}

/// User and password of RFC 7617. The user `camera` stands for any key. Without a password nobody has tried to come in: some
/// programs send that where none was given to them.
fn basic(text: &str) -> Option<Credential> {
    let decoded = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    (!password.is_empty()).then_some(())?;
    Some(Credential::Secret {
        name: (!user.is_empty() && user != "camera").then(|| user.to_owned()),
        secret: Password::new(password),
    })
}

/// The refusal for programs, which makes browsers ask for user and password.
fn ask(why: Turned, headers: &HeaderMap) -> Response {
    let mut response = tell(why);
    if response.status() == StatusCode::UNAUTHORIZED && !is_part_of_another_page(headers) {
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(r#"Basic realm="pistreamer", charset="UTF-8""#),
        );
    }
    response
}

/// Whether a browser fetches this for a page of another origin (Fetch Metadata, W3C). A password that somebody typed there
/// would not help: what it opens is not for such pages.
fn is_part_of_another_page(headers: &HeaderMap) -> bool {
    let says = |name: &str, values: &[&str]| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| values.contains(&value))
    };
    says("sec-fetch-site", &["cross-site", "same-site"]) && !says("sec-fetch-mode", &["navigate"])
}

/// The refusal in words.
pub(super) fn tell(why: Turned) -> Response {
    match why {
        Turned::Away(Refused::Throttled(wait)) => {
            let seconds = wait.as_secs() + 1;
            let mut response = refusal(
                StatusCode::TOO_MANY_REQUESTS,
                Refused::Throttled(wait).to_string(),
            );
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
            response
        }
        Turned::Away(why @ Refused::UsedUp) => refusal(StatusCode::UNAUTHORIZED, why.to_string()),
        Turned::Away(why) => refusal(
            StatusCode::UNAUTHORIZED,
            format!(
                "{why}: open the server's page and show the key there, or send it as password of the user camera; \
                 `{}` shows it",
                called::command_for_anyone("key")
            ),
        ),
        Turned::Down(role) => refusal(
            StatusCode::FORBIDDEN,
            format!("this needs more than the role {role}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_wherever_programs_put_them() {
        let mut headers = HeaderMap::new();
        let mut found = |name: header::HeaderName, value: &str, query: &str| {
            headers.clear();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            let shown = credentials(&headers, &Query::parse(query), "pistreamer-x");
            shown
                .into_iter()
                .map(|credential| match credential {
                    Credential::Key(_) => "key".into(),
                    Credential::Secret { name, .. } => format!("secret of {name:?}"),
                    Credential::Code(_) => "code".into(),
                    Credential::Session(text) => format!("session {text}"),
                    Credential::Ticket(text) => format!("ticket {text}"),
                })
                .collect::<Vec<_>>()
                .join(", ")
        };
        let authorization = header::AUTHORIZATION;
        // camera:abc and anna:a:b
        assert_eq!(
            found(authorization.clone(), "Basic Y2FtZXJhOmFiYw==", ""),
            "secret of None"
        );
        assert_eq!(
            found(authorization.clone(), "basic YW5uYTphOmI=", ""),
            "secret of Some(\"anna\")"
        );
        assert_eq!(found(authorization.clone(), "Bearer abc", ""), "key");
        assert_eq!(found(authorization.clone(), "Basic ???", ""), "");
        // ":" and "camera:"
        assert_eq!(found(authorization.clone(), "Basic Og==", ""), "");
        assert_eq!(found(authorization.clone(), "Basic Y2FtZXJhOg==", ""), "");
        assert_eq!(found(authorization, "Digest x", ""), "");
        assert_eq!(
            found(header::COOKIE, "a=b; pistreamer-x=s.1; pistreamer-y=no", ""),
            "session s.1"
        );
        assert_eq!(
            found(header::COOKIE, "a=b", "ticket=t&key=k"),
            "ticket t, key"
        );
    }
}
