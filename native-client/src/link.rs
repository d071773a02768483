//! The task behind a subscription: connects, reads, unpacks, acknowledges, and connects again.
//!
//! What waits for the caller belongs to [`crate::inbox`].

use crate::dial::{Stream, dial};
use crate::error::Error;
use crate::event::{Event, Frame};
use crate::inbox::{Command, Inbox};
use crate::readable::readable;
use crate::scheme::{elsewhere, speaks_tls};
use crate::trade;
use crate::violation;
use crate::{Config, Endpoint, Reconnect};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::{HeaderValue, Request, header};
use pistreamer_protocol::message::{Reason, ServerMessage, ViewerMessage, Want};
use pistreamer_protocol::{Backoff, Stamp, Unpacker, WireFormat, jpeg};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

/// A WebSocket to a server that sends the first of these formats, where it has the choice.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    wires: &[WireFormat],
    largest_message: usize,
    patience: Duration,
) -> Result<WebSocketStream<Stream>, Error> {
    let unreachable = |error| Error::Unreachable {
        address: endpoint.to_string(),
        error,
    };
    let mut cookie = None;
    if let Some(code) = &endpoint.code {
        cookie = Some(trade::cookie(code, endpoint, patience).await?);
    }
    let started = Instant::now();
    let left = || patience.saturating_sub(started.elapsed());
    let attempt = async |endpoint: &Endpoint, offer: &[WireFormat]| {
        let mut request = request(endpoint, offer)
            .map_err(|error| unreachable(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        if let Some(cookie) = &cookie {
            request.headers_mut().insert(header::COOKIE, cookie.clone());
        }
        let stream = dial(endpoint, left()).await.map_err(unreachable)?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(largest_message))
            .max_frame_size(Some(largest_message));
        let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        Ok(timeout(left(), handshake).await)
    };
    let mut answer = attempt(endpoint, wires).await?;
    if let Ok(Err(tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
        SubProtocolError::NoSubProtocol,
    )))) = answer
    {
        // The answer to the offer was lost on the way, as it is in some proxies: without an offer there is none to lose.
        let mut endpoint = endpoint.clone();
        endpoint.add_query("wire", wires[0].name());
        answer = attempt(&endpoint, &[]).await?;
    }
    match answer {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(tungstenite::Error::Http(response))) if response.status().is_redirection() => {
            Err(elsewhere(endpoint, &response))
        }
        Ok(Err(tungstenite::Error::Http(response))) if !response.status().is_success() => {
            let body = response.body().as_deref().unwrap_or_default();
            let cause = response.headers().get("pistreamer-cause");
            let cause = cause.and_then(|cause| Reason::of_header(cause.to_str().ok()?));
            Err(Error::Refused {
                address: endpoint.to_string(),
                status: response.status().as_u16(),
                text: readable(body),
                cause: cause.map(Box::new),
            })
        }
        // A forwarder closes connections while no server is behind it.
        Ok(Err(error @ tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete))) => {
            Err(Error::broken(endpoint, error))
        }
        Ok(Err(tungstenite::Error::Protocol(_))) if speaks_tls(endpoint, left()).await => {
            Err(Error::Encrypts {
                address: endpoint.to_string(),
            })
        }
        Ok(Err(tungstenite::Error::Http(_) | tungstenite::Error::Protocol(_))) => {
            Err(Error::NotWebSocket {
                address: endpoint.to_string(),
            })
        }
        Ok(Err(error)) => Err(Error::broken(endpoint, error)),
        Err(_) => Err(unreachable(io::ErrorKind::TimedOut.into())),
    }
}

fn request(endpoint: &Endpoint, wires: &[WireFormat]) -> Result<Request<()>, tungstenite::Error> {
    let mut request =
        format!("ws://{}{}", endpoint.authority(), endpoint.path).into_client_request()?;
    let offer = wires.iter().map(|wire| wire.subprotocol());
    let offer = offer.collect::<Vec<_>>().join(", ");
    let headers = request.headers_mut();
    if !offer.is_empty() {
        headers.insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_str(&offer)?,
        );
    }
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(crate::USER_AGENT),
    );
    if let Some(credentials) = &endpoint.credentials {
        let mut value = HeaderValue::from_str(&credentials.basic())?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(request)
}

/// Connects and reads, again and again, until the policy says that it is over.
pub(crate) async fn run(config: Config, inbox: Arc<Inbox>) {
    let mut backoff = match config.reconnect {
        Reconnect::Never => None,
        Reconnect::After { first, longest } => Some(Backoff::new(first, longest)),
    };
    loop {
        let (before, connections) = (inbox.stats().received, inbox.stats().connections);
        let Err(error) = session(&config, &inbox).await;
        let is_final = error.is_final(connections == 0);
        let Some(backoff) = backoff.as_mut().filter(|_| !is_final) else {
            return inbox.end(Some(error));
        };
        if inbox.stats().received > before {
            backoff.reset();
        }
        let retry_in = backoff.pause(fastrand::f64());
        inbox.put(Event::Lost { error, retry_in });
        sleep(retry_in).await;
    }
}

/// One connection, from dialling to its end.
async fn session(config: &Config, inbox: &Inbox) -> Result<std::convert::Infallible, Error> {
    let endpoint = &config.endpoint;
    let mut wires = [config.wire, WireFormat::Jpeg];
    if config.wire == WireFormat::Jpeg {
        wires[1] = WireFormat::GzipBase64;
    }
    let largest = largest_message(config.frame_limit);
    let mut socket = connect(endpoint, &wires, largest, config.connect_timeout).await?;
    inbox.count(|stats| stats.connections += 1);
    // Whatever was taken or set before belongs to another connection.
    inbox.take_ack();
    inbox.take_commands();
    let mut decoder = Decoder {
        limit: config.frame_limit,
        unpacker: Unpacker::new(config.frame_limit),
    };
    let want = Want {
        max_fps: config.max_fps,
        max_width: config.max_width,
        quality: config.quality,
        readings: config.readings,
        ..Want::default()
    };
    if want != Want::default() {
        say(
            &mut socket,
            config,
            Message::text(ViewerMessage::Want(want).to_json()),
        )
        .await?;
    }
    let mut heard = Instant::now();
    let (mut pinged, mut paused) = (false, false);
    // Until the server has said so.
    let mut sets = false;
    loop {
        if paused != inbox.is_paused() {
            paused = !paused;
            let message = if paused {
                ViewerMessage::Pause
            } else {
                ViewerMessage::Resume
            };
            say(&mut socket, config, Message::text(message.to_json())).await?;
        }
        for (id, command) in inbox.take_commands() {
            for message in messages(id, command, sets) {
                say(&mut socket, config, Message::text(message.to_json())).await?;
            }
        }
        let deadline = heard
            + if pinged {
                config.silence
            } else {
                config.silence / 2
            };
        tokio::select! {
            message = socket.next() => {
                (heard, pinged) = (Instant::now(), false);
                let message = match message {
                    Some(Ok(message)) => message,
                    Some(Err(error)) => {
                        violation::close(&mut socket, &error).await;
                        return Err(Error::broken(endpoint, error));
                    }
                    None => return Err(Error::closed(endpoint, "it went without a word".into())),
                };
                if let Err(error) = hear(message, &mut decoder, inbox, endpoint, &mut sets) {
                    if let Some(cause) = error.broke() {
                        violation::close(&mut socket, cause).await;
                    }
                    return Err(error);
                }
            }
            () = inbox.taken.notified() => {
                if let Some(seq) = inbox.take_ack() {
                    say(&mut socket, config, Message::text(ViewerMessage::Ack { seq }.to_json())).await?;
                }
            }
            () = inbox.turned.notified() => {}
            () = sleep_until(deadline) => {
                if pinged {
                    return Err(Error::silent(endpoint, config.silence));
                }
                pinged = true;
                say(&mut socket, config, Message::text(ViewerMessage::Ping { id: None }.to_json())).await?;
            }
        }
    }
}

/// What tells a server of a command. One that does not know them all is told each value by itself.
fn messages(id: u64, command: Command, sets: bool) -> Vec<ViewerMessage> {
    let id = Some(id);
    match command {
        Command::Set { values, confirmed } if sets => vec![ViewerMessage::Set {
            values,
            confirmed,
            id,
        }],
        Command::Reset { names } if sets => vec![ViewerMessage::Reset { names, id }],
        Command::Set { values, confirmed } => {
            let one = |(name, value)| ViewerMessage::Control {
                name,
                value,
                confirmed,
            };
            values.into_iter().map(one).collect()
        }
        Command::Reset { .. } => Vec::new(),
    }
}

/// Sends a message, unless the server takes nothing for as long as it may be silent.
pub(crate) async fn say(
    socket: &mut WebSocketStream<Stream>,
    config: &Config,
    message: Message,
) -> Result<(), Error> {
    match timeout(config.silence, socket.send(message)).await {
        Ok(said) => said.map_err(|error| Error::broken(&config.endpoint, error)),
        Err(_) => Err(Error::silent(&config.endpoint, config.silence)),
    }
}

fn hear(
    message: Message,
    decoder: &mut Decoder,
    inbox: &Inbox,
    endpoint: &Endpoint,
    sets: &mut bool,
) -> Result<(), Error> {
    match message {
        Message::Binary(bytes) => match decoder.frame(bytes) {
            Some(frame) => inbox.put(Event::Frame(frame)),
            None => {
                inbox.count(|stats| stats.corrupt += 1);
                inbox.put(Event::Corrupt);
            }
        },
        Message::Text(text) => {
            violation::check_text(&text).map_err(|error| Error::broken(endpoint, error))?;
            match ServerMessage::from_json(&text) {
                Ok(ServerMessage::Hello(hello)) => {
                    *sets = hello.sets;
                    inbox.put(Event::Hello(Box::new(hello)));
                }
                Ok(ServerMessage::Answer(answer)) => inbox.put(Event::Answer(answer)),
                Ok(ServerMessage::Error { code, message, .. }) => {
                    inbox.put(Event::Refused { code, message });
                }
                Ok(ServerMessage::State(status)) => inbox.put(Event::Status(status)),
                Ok(ServerMessage::Controls { values }) => inbox.put(Event::Readings(values)),
                Ok(ServerMessage::Skipped { count, .. }) => {
                    inbox.count(|stats| stats.skipped += count);
                }
                // Pongs keep the connection alive by having come. What is malformed was not meant for us.
                _ => {}
            }
        }
        Message::Close(frame) => {
            let reason = frame.map_or("no reason given".into(), |frame| frame.to_string());
            let reason = readable(reason.as_bytes());
            return Err(Error::closed(endpoint, reason));
        }
        // tungstenite answers pings by itself.
        _ => {}
    }
    Ok(())
}

/// Largest message that can hold a frame of `limit` bytes: base64 is 4/3 of it, and gzip of any kind adds little.
pub(crate) fn largest_message(limit: usize) -> usize {
    let text = limit.saturating_mul(4) / 3;
    text.saturating_add(text / 64).saturating_add(4096)
}

/// Makes frames of messages.
pub(crate) struct Decoder {
    limit: usize,
    unpacker: Unpacker,
}

impl Decoder {
    /// The frame in a message, if it holds a whole and stamped one.
    fn frame(&mut self, message: Bytes) -> Option<Frame> {
        let wire = WireFormat::of(&message);
        let jpeg = match wire {
            WireFormat::Jpeg => message,
            WireFormat::GzipBase64 => Bytes::copy_from_slice(self.unpacker.unpack(&message).ok()?),
        };
        if jpeg.len() > self.limit || !jpeg::is_framed(&jpeg) {
            return None;
        }
        // Its user may decode it, and must be spared one that claims to be vast.
        jpeg::inspect_headers(&jpeg).ok()?;
        Some(Frame {
            stamp: Stamp::read(&jpeg)?,
            jpeg,
            wire,
        })
    }
}
