//! Commands to Chromium and events from it: the DevTools protocol over one WebSocket.
//!
//! What the commands mean belongs to [`crate::browser`].

use crate::PATIENCE;
use anyhow::{Context as _, Result, anyhow, bail};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// Commands on their way to Chromium. A full channel makes the sender wait; nothing is dropped.
const COMMANDS: usize = 16;

/// A connection to one Chromium. Everything that it reports is kept.
#[derive(Debug)]
pub struct DevTools {
    commands: mpsc::Sender<Command>,
    events: Arc<Mutex<Vec<Event>>>,
    task: JoinHandle<()>,
}

/// Why Chromium did not do what it was told.
#[derive(Debug, thiserror::Error)]
#[error("{method}: {message} ({code})")]
pub struct Refused {
    /// The command.
    pub method: String,
    /// JSON-RPC's number for it.
    pub code: i64,
    /// Chromium's words.
    pub message: String,
}

/// Something that Chromium reported.
#[derive(Clone, Debug)]
pub struct Event {
    /// The target that it came from; empty for the browser itself.
    pub session: String,
    /// Its name, such as `Runtime.exceptionThrown`.
    pub method: String,
    /// Its content.
    pub params: Value,
}

#[derive(Debug)]
struct Command {
    session: String,
    method: String,
    params: Value,
    answer: oneshot::Sender<Value>,
}

impl DevTools {
    /// Connects to that `ws://` address.
    ///
    /// # Errors
    /// Where Chromium does not answer there.
    pub async fn connect(url: &str) -> Result<Self> {
        // Screenshots and pictures come in one message each.
        let config = WebSocketConfig::default()
            .max_message_size(Some(256 << 20))
            .max_frame_size(Some(256 << 20));
        let (socket, _) = connect_async_with_config(url, Some(config), true)
            .await
            .context("connecting to Chromium")?;
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let events = Arc::default();
        let task = tokio::spawn(talk(socket, receiver, Arc::clone(&events)));
        Ok(Self {
            commands,
            events,
            task,
        })
    }

    /// Runs a command in a session; the empty one is the browser itself.
    ///
    /// # Errors
    /// Where Chromium refuses it or does not answer in time.
    pub async fn call(&self, session: &str, method: &str, params: Value) -> Result<Value> {
        let (answer, answered) = oneshot::channel();
        let command = Command {
            session: session.into(),
            method: method.into(),
            params,
            answer,
        };
        self.commands
            .send(command)
            .await
            .map_err(|_| anyhow!("{method}: Chromium is gone"))?;
        let mut answer = tokio::time::timeout(PATIENCE, answered)
            .await
            .with_context(|| format!("{method} is not answered"))?
            .with_context(|| format!("{method}: Chromium is gone"))?;
        if let Some(error) = answer.get("error") {
            bail!(Refused {
                method: method.into(),
                code: error["code"].as_i64().unwrap_or_default(),
                message: text(&error["message"]),
            });
        }
        Ok(answer["result"].take())
    }

    /// What Chromium has reported so far.
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }
}

impl Drop for DevTools {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn talk(
    mut socket: Socket,
    mut commands: mpsc::Receiver<Command>,
    events: Arc<Mutex<Vec<Event>>>,
) {
    let mut last_id = 0_u64;
    let mut waiting = HashMap::new();
    loop {
        let message = tokio::select! {
            Some(command) = commands.recv() => {
                last_id += 1;
                let text = request(last_id, &command.session, &command.method, command.params);
                waiting.insert(last_id, command.answer);
                if socket.send(text).await.is_err() {
                    return;
                }
                continue;
            }
            message = socket.next() => message,
        };
        let Some(Ok(message)) = message else { return };
        let Ok(mut message) = message
            .to_text()
            .map_err(drop)
            .and_then(|text| serde_json::from_str::<Value>(text).map_err(drop))
        else {
            continue;
        };
        if let Some(answer) = message["id"].as_u64().and_then(|id| waiting.remove(&id)) {
            // The caller may have given up.
            drop(answer.send(message));
        } else if let Some(method) = message["method"].as_str() {
            let event = Event {
                session: text(&message["sessionId"]),
                method: method.into(),
                params: message["params"].take(),
            };
            if event.method == "Target.attachedToTarget" {
                for method in [
                    "Runtime.enable",
                    "Log.enable",
                    "Runtime.runIfWaitingForDebugger",
                ] {
                    last_id += 1;
                    let request = request(
                        last_id,
                        &text(&event.params["sessionId"]),
                        method,
                        json!({}),
                    );
                    if socket.send(request).await.is_err() {
                        return;
                    }
                }
            }
            lock(&events).push(event);
        }
    }
}

fn request(id: u64, session: &str, method: &str, params: Value) -> Message {
    let mut request = json!({"id": id, "method": method, "params": params});
    if !session.is_empty() {
        request["sessionId"] = session.into();
    }
    Message::text(request.to_string())
}

/// The text of a JSON string; empty for anything else.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds this lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
