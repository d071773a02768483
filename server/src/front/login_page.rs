//! The page on which a person shows a key, with its script and style.
//!
//! What the page sends is answered by [`super::login`].

use super::State;
use super::query::Query;
use crate::called;
use axum::extract;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

const PAGE: &str = include_str!("login/login.html");
const SCRIPT: &str = include_str!("login/login.js");
const STYLE: &str = include_str!("login/login.css");

/// Where the page tells something.
const MESSAGE: &str = r#"<p id="message" role="alert">"#;

/// Where the page sends what was typed, in browsers without JavaScript.
const ACTION: &str = r#"action="api/v1/session""#;

/// The page on which a person shows a key, where the viewer asks for it: its own page may come from elsewhere, such as Trunk.
pub(super) async fn form(extract::State(state): extract::State<State>, query: Query) -> Response {
    page(&state, StatusCode::OK, "", &query)
}

/// The page on which a person shows a key, with something to tell before. `query` is that of the page that was asked for, to whose
/// camera the form leads back.
pub(super) fn page(
    state: &State,
    status: StatusCode,
    message: &'static str,
    query: &Query,
) -> Response {
    let policy = state.origins.page_policy(None);
    let camera = query.for_same_camera();
    (
        status,
        [
            (header::CONTENT_SECURITY_POLICY, policy),
            // Without a referrer, the form's request would have no origin either (Fetch §3.2).
            (
                header::REFERRER_POLICY,
                HeaderValue::from_static("same-origin"),
            ),
        ],
        Html(
            PAGE.replace(MESSAGE, &format!("{MESSAGE}{message}"))
                .replace(ACTION, &format!(r#"action="api/v1/session{camera}""#))
                .replace("{program}", called::program_for_anyone()),
        ),
    )
        .into_response()
}

/// The page's script, which trades the key in the address bar.
pub(super) async fn script() -> Response {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        SCRIPT,
    )
        .into_response()
}

/// The page's looks.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}
