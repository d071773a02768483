//! `GET /ws`: from an HTTP request to a session (RFC 6455 §4.2).

use super::admit::{COMMANDS, CONFIGURATION, RECORDINGS, Watched};
use super::peer::Peer;
use super::place::Place;
use super::query::Query;
use super::tls::Stream;
use super::{State, no_place, recordings, refusal, refused, seat, stop};
use crate::access::Grant;
use crate::camera::Camera;
use crate::library::Plays;
use crate::session::{self, Allowed, Link, Rights};
use crate::util::handover::near;
use axum::extract::{self, Extension, Request};
use axum::http::{HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use pistreamer_protocol::WireFormat;
use pistreamer_protocol::message::Cause;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::Instrument;

pub(super) async fn upgrade(
    extract::State(state): extract::State<State>,
    Extension(Peer(address)): Extension<Peer>,
    Watched { grant, camera }: Watched,
    Extension(place): Extension<Arc<Place>>,
    query: Query,
    mut request: Request,
) -> Response {
    let mut limits = match query.limits() {
        Ok(limits) => limits,
        Err(refusal) => return *refusal,
    };
    limits.tiles = query.get("tiles") == Some("1");
    let begin_us = match query.number("at") {
        Ok(at) => at.map(|at| at as u64),
        Err(refusal) => return *refusal,
    };
    let plays = plays(&state, &grant, &camera);
    if begin_us.is_some() {
        match &plays {
            None => {
                let text =
                    "recordings need a key with the role view: a ticket shows live pictures alone";
                return refusal(StatusCode::FORBIDDEN, text);
            }
            Some(plays) if plays.recordings.is_none() => {
                return refusal(StatusCode::NOT_FOUND, "this server records nothing");
            }
            Some(_) => {}
        }
    }
    let via = match query.get("via") {
        Some(via) if state.via.is_own(via) => return own_relay(),
        Some(via) => Some(state.via.enter(camera.id(), via)),
        None => None,
    };
    let (accept, wire, offered) = match handshake(&request, &query) {
        Ok(agreed) => agreed,
        // Browsers don't tell a page why a handshake failed, so that the viewer asks again without one.
        Err(refusal) => {
            return match place.may_look() {
                Ok(()) => *refusal,
                Err(full) => no_place(full),
            };
        }
    };
    let entry = match seat(&state, &place, &grant, address, &camera, wire.subprotocol()) {
        Ok(entry) => entry,
        Err(refusal) => return *refusal,
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let tasks = state.tasks.clone();
    let span = tracing::info_span!(
        "viewer",
        %address,
        camera = %camera.id(),
        wire = wire.subprotocol(),
        key = grant.credential(),
        session = grant.session
    );
    let session = async move {
        let stop = stop(&state, &grant, &place, &camera, Some(&entry));
        let mut subscription = camera
            .subscribe(limits)
            .operating(grant.role.includes(COMMANDS))
            // Whoever may look live alone, for a while, need not know what happens otherwise.
            .noticing(grant.ticket.is_none());
        if begin_us.is_some() {
            // Not wanted for a moment.
            subscription.pause();
        }
        let problem = grant.role.includes(CONFIGURATION);
        let allowed = Allowed {
            problem: problem.then(|| state.configuration.problem()),
            plays,
            begin_us,
            rights: Rights {
                drive: grant.role.includes(COMMANDS),
                force: grant.role.includes(CONFIGURATION),
            },
            tiles: limits.tiles,
        };
        let Some((stream, read)) = upgraded(upgrade).await else {
            return;
        };
        let link = Link::new(stream, read).await;
        let connected = state.crowd.connected();
        let session = session::run(
            link,
            subscription,
            wire,
            entry,
            state.sessions,
            allowed,
            stop,
        );
        connected.disconnected(session.await);
        drop(via);
    };
    tasks.spawn(near(session.instrument(span)));

    switch(accept, offered.then_some(wire))
}

/// The camera's recordings, where who looks may see them.
fn plays(state: &State, grant: &Grant, camera: &Camera) -> Option<Plays> {
    RECORDINGS.allow(grant).ok()?;
    Some(Plays {
        recordings: state.recordings.clone(),
        camera: camera.id().to_string(),
        key: grant.credential().map(ToOwned::to_owned),
        gap: recordings::gap(camera),
    })
}

/// The answer that makes a WebSocket of the connection, with the wire format chosen where any was offered.
pub(super) fn switch(accept: HeaderValue, chosen: Option<WireFormat>) -> Response {
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    let mut response = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
    if let Some(wire) = chosen {
        let name = HeaderValue::from_static(wire.subprotocol());
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, name);
    }
    response
}

/// The refusal of a relay that would get this server's own pictures back.
fn own_relay() -> Response {
    refused(StatusCode::LOOP_DETECTED, Cause::Circle)
}

/// The answer to the viewer's key, the wire format, and whether the viewer offered any as a subprotocol. Only then one is
/// named: many a proxy passes on neither offers nor answers, and a browser whose offer is not answered breaks off.
pub(super) fn handshake(
    request: &Request,
    query: &Query,
) -> Result<(HeaderValue, WireFormat, bool), Box<Response>> {
    let asked = match query.get("wire").filter(|name| !name.is_empty()) {
        None => WireFormat::ALL[0],
        Some(name) => WireFormat::from_name(name).ok_or_else(|| -> Box<Response> {
            let known = WireFormat::ALL.map(WireFormat::name).join(" and ");
            let text = format!("there is no wire format {name:?}: ?wire= takes {known}");
            refusal(StatusCode::BAD_REQUEST, text).into()
        })?,
    };
    let headers = request.headers();
    let has = |name: header::HeaderName, token: &str| {
        let values = headers.get_all(name);
        values
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| {
                value
                    .split(',')
                    .any(|word| word.trim().eq_ignore_ascii_case(token))
            })
    };
    if request.method() != Method::GET
        || request.version() < Version::HTTP_11
        || !has(header::UPGRADE, "websocket")
        || !has(header::CONNECTION, "upgrade")
    {
        let mut response = refusal(
            StatusCode::UPGRADE_REQUIRED,
            "this is a WebSocket: connect to it with ws://, or open / in a browser",
        );
        response
            .headers_mut()
            .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return Err(response.into());
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        let mut response = refusal(
            StatusCode::UPGRADE_REQUIRED,
            "this server speaks WebSocket version 13",
        );
        response.headers_mut().insert(
            header::SEC_WEBSOCKET_VERSION,
            HeaderValue::from_static("13"),
        );
        return Err(response.into());
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let accept = key.and_then(|key| HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok());
    let Some(accept) = accept else {
        return Err(refusal(
            StatusCode::BAD_REQUEST,
            "the Sec-WebSocket-Key header is missing",
        )
        .into());
    };

    let offers: Vec<_> = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    if offers.is_empty() {
        return Ok((accept, asked, false));
    }
    let offers = offers.join(",");
    let wire = WireFormat::choose(&offers).ok_or_else(|| -> Box<Response> {
        let known = WireFormat::ALL.map(WireFormat::subprotocol).join(", ");
        refusal(
            StatusCode::BAD_REQUEST,
            format!("none of the subprotocols {offers:?} is known here; these are: {known}"),
        )
        .into()
    })?;
    Ok((accept, wire, true))
}

/// The connection after the upgrade, with what was read beyond it.
pub(super) async fn upgraded(upgrade: OnUpgrade) -> Option<(Stream, Vec<u8>)> {
    let upgraded = upgrade
        .await
        .inspect_err(|error| tracing::debug!(%error, "the client disconnected before the upgrade"))
        .ok()?;
    let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>() else {
        tracing::error!("the upgraded connection is not one of ours");
        return None;
    };
    Some((parts.io.into_inner(), parts.read_buf.into()))
}
