//! `GET /ingest`: a WebSocket on which frames come in. The roles of `/ws` are exchanged: the client sends frames and
//! says what a server says, and is told what a viewer tells.
//!
//! Where the frames go belongs to [`crate::source::push_slot`]. Which clients may push is decided as for all routes.

use super::admit::Pushed;
use super::peer::Peer;
use super::place::Place;
use super::query::Query;
use super::tls::Stream;
use super::upgrade::{handshake, switch, upgraded};
use super::{State, refusal, stop};
use crate::session::{self, Stop};
use crate::source::push_slot::{PushSession, Unavailable};
use axum::extract::{self, Extension, Request};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use pistreamer_client::violation;
use pistreamer_picture::Mended;
use pistreamer_protocol::message::{
    CLOSE_CAMERA_REMOVED, CLOSE_SIGNED_OUT, ServerMessage, ViewerMessage,
};
use pistreamer_protocol::{DEFAULT_FRAME_LIMIT, Unpacker};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tracing::Instrument;

/// Largest message: a frame of the limit in base64, and gzip of any kind around it.
const LARGEST_MESSAGE: usize = DEFAULT_FRAME_LIMIT / 3 * 4 + (1 << 20);

/// A pusher that is silent for this time is pinged, and disconnected after twice this time.
const SILENCE: Duration = Duration::from_secs(5);

pub(super) async fn upgrade(
    extract::State(state): extract::State<State>,
    Extension(Peer(address)): Extension<Peer>,
    Pushed {
        grant,
        camera,
        slot,
    }: Pushed,
    Extension(place): Extension<Arc<Place>>,
    query: Query,
    mut request: Request,
) -> Response {
    let (accept, wire, offered) = match handshake(&request, &query) {
        Ok(agreed) => agreed,
        Err(refusal) => return *refusal,
    };
    if query.get("via").is_some_and(|via| state.via.is_own(via)) {
        return refusal(
            StatusCode::LOOP_DETECTED,
            "a camera would be pushed to the server that it belongs to: give --push the address of another server",
        );
    }
    let push = match slot.take() {
        Ok(push) => push,
        Err(unavailable @ (Unavailable::Occupied | Unavailable::Closed)) => {
            return refusal(StatusCode::CONFLICT, unavailable.to_string());
        }
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let span = tracing::info_span!("pusher", %address, camera = %camera.id(), key = grant.credential(), session = grant.session);
    let busy = place.begin();
    let (sessions, stop) = (state.sessions, stop(&state, &grant, &place, &camera, None));
    let session = async move {
        let Some((stream, read)) = upgraded(upgrade).await else {
            return;
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(LARGEST_MESSAGE))
            .max_frame_size(Some(LARGEST_MESSAGE));
        let socket =
            WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
        let connected = state.crowd.connected();
        let mut session = Session {
            socket,
            push,
            unpacker: Unpacker::default(),
            sessions,
        };
        let end = session.serve(stop).await;
        let Session {
            mut socket, push, ..
        } = session;
        // Another pusher can come in from here on.
        drop(push);
        if let End::Broke(error) = &end {
            violation::close(&mut socket, error).await;
        }
        if let Some((code, reason)) = goodbye(&end) {
            let goodbye = CloseFrame {
                code,
                reason: reason.into(),
            };
            // Whether it was heard makes no difference any more.
            let _ = timeout(Duration::from_secs(1), socket.close(Some(goodbye))).await;
        }
        connected.disconnected(end);
        drop(busy);
    };
    state.tasks.spawn(session.instrument(span));
    switch(accept, offered.then_some(wire))
}

/// What a pusher is told that has to go.
fn goodbye(end: &End) -> Option<(CloseCode, &'static str)> {
    Some(match end {
        End::Stopped(Stop::Shutdown) => (CloseCode::Away, "the server stops"),
        End::Stopped(Stop::SignedOut) => (CloseCode::from(CLOSE_SIGNED_OUT), "signed out"),
        End::Stopped(Stop::Ended) => (CloseCode::Again, ""),
        End::Stopped(Stop::Evicted) => (CloseCode::Again, "its place went to another client"),
        End::Stopped(Stop::Removed) => {
            let code = CloseCode::from(CLOSE_CAMERA_REMOVED);
            (code, "the camera was removed")
        }
        End::Restarts => (CloseCode::Restart, "the camera is restarting"),
        End::Left | End::Broke(_) | End::Silent => return None,
    })
}

/// Why a pusher's session ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the pusher left")]
    Left,
    #[error("the connection broke: {0}")]
    Broke(tokio_tungstenite::tungstenite::Error),
    #[error("the pusher has been silent for {:?}", SILENCE * 2)]
    Silent,
    #[error("it has to stop: {0:?}")]
    Stopped(Stop),
    #[error("the camera is restarting")]
    Restarts,
}

/// After a message that holds no picture, a pusher waits this many times as long as it took to find that out: a few
/// kilobytes can take milliseconds to unpack, which a flood of them would take from everybody.
const AFTER_GARBAGE: u32 = 3;

/// One pusher.
struct Session {
    socket: WebSocketStream<Stream>,
    push: PushSession,
    unpacker: Unpacker,
    sessions: session::Config,
}

impl Session {
    async fn serve(&mut self, stop: impl Future<Output = Stop>) -> End {
        let over = self.push.over();
        // Whatever is being said or unpacked meanwhile: a pusher that reads nothing has to go all the same.
        tokio::select! {
            biased;
            stop = stop => End::Stopped(stop),
            () = over => End::Restarts,
            end = self.talk() => end,
        }
    }

    async fn talk(&mut self) -> End {
        let mut paused = false;
        let mut demand_changes = pin!(self.push.change(paused));
        let mut heard = Instant::now();
        let mut pinged = false;
        loop {
            let deadline = heard + if pinged { SILENCE * 2 } else { SILENCE };
            let said = tokio::select! {
                biased;
                message = self.socket.next() => {
                    (heard, pinged) = (Instant::now(), false);
                    match message {
                        Some(Ok(Message::Close(_))) | None => return End::Left,
                        Some(Ok(message)) => self.hear(message).await,
                        Some(Err(error)) => return End::Broke(error),
                    }
                }
                // The first picture is taken all the same: it tells that there is one, and its size.
                () = &mut demand_changes, if paused || self.push.is_open() => {
                    paused = !paused;
                    demand_changes.set(self.push.change(paused));
                    if !paused {
                        self.push.resumed();
                    }
                    let message = if paused { ViewerMessage::Pause } else { ViewerMessage::Resume };
                    self.say(Message::text(message.to_json())).await
                }
                () = sleep_until(deadline) => {
                    if pinged {
                        return End::Silent;
                    }
                    pinged = true;
                    self.say(Message::Ping(Bytes::new())).await
                }
            };
            if let Err(end) = said {
                return end;
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        match message {
            Message::Binary(bytes) => {
                let began = Instant::now();
                match self.picture(bytes).await {
                    Ok(seq) => {
                        self.say(Message::text(ViewerMessage::Ack { seq }.to_json()))
                            .await
                    }
                    Err(problem) => {
                        self.push.left_out(&problem);
                        sleep(began.elapsed() * AFTER_GARBAGE).await;
                        Ok(())
                    }
                }
            }
            Message::Text(text) => {
                violation::check_text(&text).map_err(End::Broke)?;
                if let Ok(ServerMessage::State(status)) = ServerMessage::from_json(&text) {
                    self.push.status(&status);
                }
                Ok(())
            }
            // tungstenite answers pings by itself.
            _ => Ok(()),
        }
    }

    /// Hands in the picture of a message.
    async fn picture(&mut self, message: Bytes) -> Result<u64, String> {
        let mended = Mended::unpacked(&mut self.unpacker, message);
        let picture = match mended.map_err(|error| error.to_string())? {
            Mended::Whole(picture) => Ok(picture),
            // That decodes the picture, which must not hold up everybody.
            Mended::Open(open) => {
                let checked = tokio::task::spawn_blocking(move || open.checked());
                checked.await.map_err(|error| error.to_string())?
            }
        };
        let taken = picture.and_then(|picture| self.push.picture(picture));
        taken.map_err(|error| error.to_string())
    }

    async fn say(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.sessions.send_timeout, self.socket.send(message)).await {
            Ok(said) => said.map_err(End::Broke),
            Err(_) => Err(End::Silent),
        }
    }
}
