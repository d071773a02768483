//! Which cameras a grant is for: the one place that decides it, for every path. Handlers reach no camera but through here.

use super::extract::Admitted;
use crate::access::Grant;
use crate::camera::{Camera, Id, Registry};
use crate::front::query::Query;
use crate::front::{State, refusal, refused};
use crate::source::push_slot::PushSlot;
use crate::source::{Spec, ingest};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use pistreamer_protocol::message::Cause;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a client that pushes waits for its camera to appear, and how often it looks.
const APPEARS: Duration = Duration::from_secs(3);
const STARTS: Duration = Duration::from_millis(10);

/// Held while a place is looked for: of several clients that come at once, each gets another one.
static PLACES: Mutex<()> = Mutex::new(());

/// The server's cameras, as a grant sees them. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Cameras(Registry);

impl From<Registry> for Cameras {
    fn from(registry: Registry) -> Self {
        Self(registry)
    }
}

impl Cameras {
    /// The cameras that a grant is for, in order.
    pub(in crate::front) fn all(&self, grant: &Grant) -> Vec<Camera> {
        let cameras = self.0.list();
        let seen = cameras.iter().filter(|camera| grant.sees(camera.id()));
        seen.cloned().collect()
    }

    /// The camera with that id, where a grant is for it.
    ///
    /// # Errors
    /// The refusal of one that is none, or that the grant is not for.
    pub(in crate::front) fn get(&self, grant: &Grant, id: &str) -> Result<Camera, Box<Response>> {
        let camera = self.0.get(id);
        let seen = camera.filter(|camera| grant.sees(camera.id()));
        seen.ok_or_else(|| Box::new(self.refusal(grant, Some(id))))
    }

    /// The camera that a query names, or the first one that a grant is for.
    fn asked(&self, grant: &Grant, query: &Query) -> Result<Camera, Box<Response>> {
        match named(query) {
            Some(id) => self.get(grant, id),
            None => {
                let first = self.all(grant).into_iter().next();
                first.ok_or_else(|| Box::new(self.refusal(grant, None)))
            }
        }
    }

    /// Returns true if the predicate holds for any camera, whichever client asks.
    pub(in crate::front) fn is_any(&self, such: impl Fn(&Camera) -> bool) -> bool {
        self.0.list().iter().any(such)
    }

    /// The id under which a client pushes, where cameras appear for such clients and none is configured under it.
    ///
    /// # Errors
    /// The refusal of one that names no camera here, and is called like one that takes no pictures: it would get the place of
    /// another one.
    fn newcomer(&self, grant: &Grant, query: &Query) -> Result<Option<String>, Box<Response>> {
        let asked = named(query);
        let Some(id) = asked.or_else(|| query.get("from").filter(|id| !id.is_empty())) else {
            return Ok(None);
        };
        let all = self.0.all();
        if !all
            .iter()
            .any(|camera| camera.settings().source.welcomes().is_some())
        {
            return Ok(None);
        }
        let is_other = |camera: &Camera| {
            let source = camera.settings().source;
            **camera.id() == *id && !source.takes_pushes()
        };
        match all.iter().any(is_other) {
            false => Ok(Some(id.to_owned())),
            true if asked.is_some() => Ok(None),
            true if !grant.sees(id) => Err(Box::new(self.refusal(grant, Some(id)))),
            true => Err(Box::new(refusal(
                StatusCode::CONFLICT,
                format!(
                    "there is a camera {id} here, whose source is not ingest: give the one that pushes another id, or add ?camera=NAME to its URL"
                ),
            ))),
        }
    }

    /// The camera with that id and its slot. It appears where it is not there yet.
    async fn welcome(&self, grant: &Grant, id: &str) -> Result<(Camera, PushSlot), Box<Response>> {
        if !grant.sees(id) {
            return Err(Box::new(self.refusal(grant, Some(id))));
        }
        let refuse = |status, text: String| Box::new(refusal(status, text));
        Id::new(id).map_err(|error| refuse(StatusCode::BAD_REQUEST, error.to_string()))?;
        // From here on no change is missed.
        let mut changes = self.0.changes();
        let deadline = Instant::now() + APPEARS;
        let mut has_asked = false;
        loop {
            if let Some(camera) = self.0.all().iter().find(|camera| **camera.id() == *id)
                && let Some(slot) = camera.push_slot()
                && slot.is_ready()
            {
                return Ok((camera.clone(), slot.clone()));
            }
            if !has_asked && !self.0.all().iter().any(|camera| **camera.id() == *id) {
                has_asked = true;
                self.make_room(id)
                    .map_err(|text| refuse(StatusCode::CONFLICT, text))?;
            }
            if Instant::now() >= deadline {
                return Err(refuse(
                    StatusCode::CONFLICT,
                    "the camera does not start in time".into(),
                ));
            }
            tokio::select! {
                _ = changes.changed() => {}
                // Its source begins behind that.
                () = sleep(STARTS) => {}
            }
        }
    }

    /// Has a camera appear. Where there are as many as may be, the one goes that has been without its pusher for longest.
    fn make_room(&self, id: &str) -> Result<(), String> {
        // Nothing panics while it holds this lock.
        let _places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.0.all();
        // Another request may have asked for it.
        let is_coming = |source: &Spec| {
            source
                .appearing()
                .is_some_and(|appearing| appearing.list().iter().any(|one| one.id == id))
        };
        let sources = all.iter().map(|camera| camera.settings().source);
        let hosts: Vec<_> = sources
            .filter(|source| source.welcomes().is_some())
            .collect();
        if hosts.iter().any(is_coming) {
            return Ok(());
        }
        let mut most_there = 0;
        for host in &hosts {
            let (Some(most), Some(appearing)) = (host.welcomes(), host.appearing()) else {
                continue;
            };
            let there = appearing.list();
            if there.len() >= most {
                most_there += most;
                let camera = |id: &str| all.iter().find(|camera| **camera.id() == *id);
                let left = there.iter().filter_map(|appeared| camera(&appeared.id));
                let left =
                    left.filter(|camera| camera.push_slot().is_some_and(|slot| !slot.is_taken()));
                let Some(oldest) = left.min_by_key(|camera| camera.state().since_us) else {
                    continue;
                };
                ingest::dismiss(appearing, oldest.id());
            }
            ingest::welcome(appearing, id);
            return Ok(());
        }
        Err(format!(
            "{most_there} cameras push here already, and there may be no more: raise the number of its source ingest:{most_there}"
        ))
    }

    fn refusal(&self, grant: &Grant, id: Option<&str>) -> Response {
        // Whether there is one is none of this grant's business.
        if let Some(id) = id.filter(|id| !grant.sees(id)) {
            let camera = id.into();
            return refused(StatusCode::FORBIDDEN, Cause::CameraNotForYou { camera });
        }
        let cameras = self.all(grant);
        let known: Vec<&str> = cameras.iter().map(|camera| &**camera.id()).collect();
        let cause = match (id, known.is_empty()) {
            (_, true) => Cause::NoCameraForYou,
            (id, false) => Cause::NoSuchCamera {
                camera: id.unwrap_or_default().into(),
                cameras: known.join(", "),
            },
        };
        refused(StatusCode::NOT_FOUND, cause)
    }
}

/// The id in a query.
fn named(query: &Query) -> Option<&str> {
    query.get("camera").filter(|id| !id.is_empty())
}

/// The camera that a path names, as in `/api/v1/cameras/{id}/…`, of those that what the request shows is for.
#[derive(Debug)]
pub(in crate::front) struct Named {
    pub grant: Admitted,
    pub camera: Camera,
}

impl FromRequestParts<State> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let grant = Admitted::from_request_parts(parts, state).await?;
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(IntoResponse::into_response)?;
        let id = params
            .iter()
            .find_map(|(name, id)| (name == "id").then_some(id));
        let camera = state.cameras.get(&grant, id.unwrap_or_default());
        let camera = camera.map_err(|refusal| *refusal)?;
        Ok(Self { grant, camera })
    }
}

/// The camera that a request asks for, or the first one, of those that what it shows is for.
#[derive(Debug)]
pub(in crate::front) struct Watched {
    pub grant: Admitted,
    pub camera: Camera,
}

impl Watched {
    /// # Errors
    /// The refusal where there is none.
    pub(crate) fn find(
        state: &State,
        grant: Admitted,
        query: &Query,
    ) -> Result<Self, Box<Response>> {
        let camera = state.cameras.asked(&grant, query)?;
        Ok(Self { grant, camera })
    }
}

impl FromRequestParts<State> for Watched {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let (grant, query) = admitted(parts, state).await?;
        Self::find(state, grant, &query).map_err(|refusal| *refusal)
    }
}

/// The camera that a request pushes pictures to: the one that it asks for, or the first one that takes pictures, of those that
/// what it shows is for.
#[derive(Debug)]
pub(in crate::front) struct Pushed {
    pub grant: Admitted,
    pub camera: Camera,
    pub slot: PushSlot,
}

impl FromRequestParts<State> for Pushed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let (grant, query) = admitted(parts, state).await?;
        // Other requests are refused later, and have no camera appear.
        let is_websocket = parts.headers.contains_key(header::SEC_WEBSOCKET_KEY);
        let newcomer = state.cameras.newcomer(&grant, &query);
        let newcomer = newcomer.map_err(|refusal| *refusal)?;
        if let Some(id) = newcomer.filter(|_| is_websocket) {
            let arrived = state.cameras.welcome(&grant, &id).await;
            let (camera, slot) = arrived.map_err(|refusal| *refusal)?;
            return Ok(Self {
                grant,
                camera,
                slot,
            });
        }
        let cameras = match named(&query) {
            Some(id) => vec![state.cameras.get(&grant, id).map_err(|refusal| *refusal)?],
            None => state.cameras.all(&grant),
        };
        let found = cameras.into_iter().find_map(|camera| {
            let slot = camera.push_slot()?.clone();
            Some((camera, slot))
        });
        let Some((camera, slot)) = found else {
            return Err(refusal(StatusCode::NOT_FOUND, no_slot(state, &grant)));
        };
        Ok(Self {
            grant,
            camera,
            slot,
        })
    }
}

/// What a pusher is told that no camera takes its pictures.
fn no_slot(state: &State, grant: &Grant) -> String {
    let cameras = state.cameras.all(grant);
    let takes = cameras.iter().filter(|camera| camera.push_slot().is_some());
    let ids: Vec<&str> = takes.map(|camera| &**camera.id()).collect();
    if ids.is_empty() {
        "no camera here takes pictures: give this pistreamer a camera with the source ingest".into()
    } else {
        format!(
            "that camera takes no pictures, as its source is not ingest; those that do: {}",
            ids.join(", ")
        )
    }
}

async fn admitted(parts: &mut Parts, state: &State) -> Result<(Admitted, Query), Response> {
    let grant = Admitted::from_request_parts(parts, state).await?;
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    Ok((grant, query))
}
