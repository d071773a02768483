//! `/api/v1/events`: what happened before the cameras, and what programs have to tell of it.
//!
//! What is recorded of it belongs to [`super::recordings`].

use super::admit::Admitted;
use super::query::Query;
use super::recordings::Refused;
use super::{State, refusal};
use crate::camera::Camera;
use axum::Json;
use axum::body::Bytes;
use axum::extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pistreamer_protocol::message::Happening;
use pistreamer_protocol::text;
use pistreamer_recording::library::{Happened, Listed, Wanted, cut};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Events of an answer, where nothing else is asked for, and at most.
const USUAL: f64 = 50.0;
const MOST: f64 = 500.0;

/// For how long the disk is searched in for an answer. What is known by then is the answer, and where to go on.
///
/// Others with the same key wait as long.
const SEARCHES: Duration = Duration::from_millis(300);

/// The last µs of the year 9999, behind which no file has a name.
const LATEST_US: f64 = 253_402_300_799_999_999.0;

/// The events that begin in a span of time, the newest first.
pub(super) async fn list(
    extract::State(state): extract::State<State>,
    grant: Admitted,
    query: Query,
) -> Result<Response, Refused> {
    let cameras = match query.get("camera") {
        Some(id) => vec![state.cameras.get(&grant, id)?],
        None => state.cameras.all(&grant),
    };
    let from_us = query.number("from_us")?.unwrap_or(0.0).max(0.0) as u64;
    let before_us = query
        .number("before_us")?
        .unwrap_or(LATEST_US)
        .min(LATEST_US) as u64;
    let limit = query.number("limit")?.unwrap_or(USUAL);
    if !(1.0..=MOST).contains(&limit) {
        let text = format!("limit= is 1 to {MOST}");
        return Err(Box::new(refusal(StatusCode::BAD_REQUEST, text)).into());
    }
    let least = query.number("min_peak")?.unwrap_or(0.0);
    let zone = query.get("zone").map(str::to_owned);
    let is_wanted = move |peak: Option<u8>, zones: &[String]| {
        f64::from(peak.unwrap_or_default()) >= least
            && zone.as_ref().is_none_or(|zone| zones.contains(zone))
    };
    let limit = limit as usize;
    // Ids are a camera's own.
    let (mut events, mut next_us) = (BTreeMap::new(), None);
    if let Some(recordings) = &state.recordings {
        let ids: Vec<_> = cameras.iter().map(|it| it.id().to_string()).collect();
        let is_wanted = is_wanted.clone();
        let found = recordings.read(grant.credential(), move |library| {
            let begun = Instant::now();
            let mut found = Vec::new();
            for (number, id) in (1..).zip(&ids) {
                let patience = SEARCHES * number / ids.len() as u32;
                let wanted = Wanted {
                    from_us,
                    before_us,
                    most: limit,
                    is_wanted: &|event| is_wanted(event.peak, &event.zones),
                    goes_on: &|| begun.elapsed() < patience,
                };
                found.push((id.clone(), library.events(id, &wanted)?));
            }
            Ok(found)
        });
        for (
            camera,
            Listed {
                events: of,
                rest_us,
            },
        ) in found.await?
        {
            next_us = next_us.max(rest_us);
            events.extend(
                of.into_iter()
                    .map(|it| ((camera.clone(), it.id.clone()), happening(&camera, it))),
            );
        }
    }
    // What goes on, and what is not in a file yet.
    let recent = cameras.iter().flat_map(Camera::recent_events);
    let recent = recent.filter(|event| is_wanted(event.peak, &event.zones));
    events.extend(recent.map(|event| ((event.camera.clone(), event.id.clone()), event)));
    let mut events: Vec<_> = events.into_values().collect();
    // Of one camera there may be older ones than of another.
    let first_us = from_us.max(next_us.unwrap_or_default());
    events.retain(|event| (first_us..before_us).contains(&event.start_us));
    events.sort_by(|one, other| {
        other
            .start_us
            .cmp(&one.start_us)
            .then(other.id.cmp(&one.id))
    });
    next_us = next_us.max(cut(&mut events, limit, |event| event.start_us));
    Ok(Json(json!({ "events": events, "next_us": next_us })).into_response())
}

fn happening(camera: &str, event: Happened) -> Happening {
    Happening {
        id: event.id,
        camera: camera.into(),
        start_us: event.start_us,
        end_us: Some(event.end_us),
        peak: event.peak,
        peak_us: event.peak_us,
        zones: event.zones,
        source: event.source,
        label: event.label,
    }
}

/// What a program tells.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    camera: Option<String>,
    #[serde(default)]
    label: String,
    #[serde(default = "usual_seconds")]
    seconds: f64,
    id: Option<String>,
}

fn usual_seconds() -> f64 {
    10.0
}

/// Longest event that a program tells at once; it may tell it again.
const LONGEST_S: f64 = 3600.0;

/// Longest label, in characters.
const LONGEST_LABEL: usize = 100;

/// Something happens, as a program says. It is recorded with what was before it; told again with its id, it goes on for longer.
pub(super) async fn tell(
    extract::State(state): extract::State<State>,
    grant: Admitted,
    body: Bytes,
) -> Result<Response, Refused> {
    let wrong = |text: String| Refused::from(Box::new(refusal(StatusCode::BAD_REQUEST, text)));
    let told: Told = serde_json::from_slice(&body).map_err(|error| {
        wrong(format!(
            r#"the body has to be JSON such as {{"camera": "door", "label": "bell", "seconds": 20}}: {error}"#
        ))
    })?;
    if !(0.1..=LONGEST_S).contains(&told.seconds) {
        return Err(wrong(format!(
            "seconds is 0.1 to {LONGEST_S}; tell it again with its id for longer"
        )));
    }
    if told.label.chars().count() > LONGEST_LABEL || text::plain(&told.label) != told.label {
        return Err(wrong(format!(
            "a label is a line of at most {LONGEST_LABEL} characters"
        )));
    }
    let camera = match &told.camera {
        Some(id) => state.cameras.get(&grant, id)?,
        None => {
            let first = state.cameras.all(&grant).into_iter().next();
            first.ok_or_else(|| wrong("there is no camera".into()))?
        }
    };
    let lasts_us = (told.seconds * 1e6) as u64;
    let event = camera
        .told_of(told.id.as_deref(), told.label, lasts_us)
        .map_err(|error| Box::new(refusal(StatusCode::TOO_MANY_REQUESTS, error.to_string())))?;
    Ok(Json(event).into_response())
}
