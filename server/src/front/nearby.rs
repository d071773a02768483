//! `/api/v1/servers`: the servers of the local network, which a wall of cameras offers to add.

use super::State;
use crate::lan::{self, Found};
use axum::Json;
use axum::extract;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long the network is asked.
const ASKING: Duration = Duration::from_secs(2);
/// How long an answer counts: however many ask, the network is asked once in that time.
const FRESH: Duration = Duration::from_secs(10);

/// What was found last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nearby(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The server's own addresses.
    own: OnceLock<Vec<String>>,
    /// Held while the network is asked.
    found: Mutex<Option<(Instant, Vec<Found>)>>,
}

impl Nearby {
    /// Leaves out the server's own addresses.
    pub(crate) fn leave_out(&self, own: Vec<String>) {
        // They are set once, at the start.
        let _ = self.0.own.set(own);
    }

    async fn servers(&self) -> std::io::Result<Vec<Found>> {
        let mut known = self.0.found.lock().await;
        if let Some((at, found)) = &*known
            && at.elapsed() < FRESH
        {
            return Ok(found.clone());
        }
        let mut found = lan::find(ASKING, std::future::pending()).await?;
        let own = self.0.own.get();
        found.retain(|server| own.is_none_or(|own| !own.contains(&server.url)));
        *known = Some((Instant::now(), found.clone()));
        Ok(found)
    }
}

/// `GET /api/v1/servers`. Where the network cannot be asked, nothing is found, and the answer says why.
pub(super) async fn list(extract::State(state): extract::State<State>) -> Response {
    let answer = match state.nearby.servers().await {
        Ok(servers) => json!({"servers": servers}),
        Err(error) => json!({"servers": [], "problem": error.to_string()}),
    };
    Json(answer).into_response()
}
