//! The page on which a person shows a key, with its script and style.
//!
//! What the page sends is answered by [`super::login`].

use super::State;
use super::language::Language;
use super::query::Query;
use crate::called;
use axum::extract;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// The page, with its texts in `{{` and `}}`.
const PAGE: &str = include_str!("login/login.html");
const SCRIPT: &str = include_str!("login/login.js");
const STYLE: &str = include_str!("login/login.css");

/// What is said to a page's address with an admin key in it.
pub(super) const NO_ADMIN_KEY: &str = "A page takes no admin key in its address, where browsers remember it. Open a link \
    that <code>{program} key</code> prints, type the key here, or make a key for this address that may only look: \
    <code>{program} key add NAME --role view</code>.";

/// Where the page sends what was typed, in browsers without JavaScript.
const ACTION: &str = r#"action="api/v1/session""#;

/// The page on which a person shows a key, where the viewer asks for it: its own page may come from elsewhere, such as Trunk.
pub(super) async fn form(
    extract::State(state): extract::State<State>,
    query: Query,
    headers: HeaderMap,
) -> Response {
    page(&state, StatusCode::OK, "", &query, &headers)
}

/// The page on which a person shows a key, with something to tell before. `query` is that of the page that was asked for, to whose
/// camera the form leads back, and `headers` say in which language.
pub(super) fn page(
    state: &State,
    status: StatusCode,
    message: &'static str,
    query: &Query,
    headers: &HeaderMap,
) -> Response {
    let policy = state.origins.page_policy(None);
    let camera = query.for_same_camera();
    let language = Language::of(headers);
    let page = language
        .fill(PAGE)
        .replace("{language}", language.name)
        .replace("{message}", language.say(message))
        .replace("{program}", called::program_for_anyone())
        .replace(ACTION, &format!(r#"action="api/v1/session{camera}""#));
    (
        status,
        [
            (header::CONTENT_SECURITY_POLICY, policy),
            // Without a referrer, the form's request would have no origin either (Fetch §3.2).
            (
                header::REFERRER_POLICY,
                HeaderValue::from_static("same-origin"),
            ),
            (header::VARY, HeaderValue::from_static("Accept-Language")),
        ],
        Html(page),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::language::TABLES;
    use std::collections::BTreeSet;

    #[test]
    fn each_language_has_every_text_of_the_page_and_no_other() {
        let mut texts: BTreeSet<&str> = [NO_ADMIN_KEY].into();
        for piece in PAGE.split("{{").skip(1) {
            texts.insert(piece.split_once("}}").unwrap().0);
        }
        assert!(texts.len() > 10, "{texts:?}");
        for (name, table) in TABLES.iter() {
            let known: BTreeSet<&str> = table.keys().map(String::as_str).collect();
            assert_eq!(known, texts, "{name}");
            for (text, said) in table {
                assert!(!said.trim().is_empty(), "{name}: {text}");
                // It may stand in an attribute, and what is code stays as it is.
                assert!(!said.contains('"'), "{name}: {said}");
                let code = |text: &str| {
                    let pieces = text.split("<code>").skip(1);
                    pieces
                        .map(|piece| piece.split('<').next().unwrap().to_owned())
                        .collect::<Vec<_>>()
                };
                assert_eq!(code(said), code(text), "{name}");
                assert_eq!(
                    said.matches('<').count(),
                    text.matches('<').count(),
                    "{name}: {said}"
                );
            }
        }
    }
}
