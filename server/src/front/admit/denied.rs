//! Why a request is not answered, and what is answered instead.

use crate::access::{Refused, Role};
use crate::called;
use crate::front::refused;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use pistreamer_protocol::message::Cause;

/// Why a request is denied what it asks for.
#[derive(Debug)]
pub(in crate::front) enum Denied {
    /// It shows nothing that lets it in.
    Unauthenticated(Refused),
    /// What it shows lets it in, but not to this.
    Forbidden {
        /// The role that this needs.
        needs: Role,
        /// The role that was shown; `None` is a ticket.
        has: Option<Role>,
    },
    /// It is a link to a recording, and this is not that.
    LinkShowsClip,
}

impl Denied {
    /// The refusal in words.
    pub(crate) fn response(self) -> Response {
        match self {
            Self::Unauthenticated(why) => {
                let Refused::Throttled(wait) = why else {
                    return refused(StatusCode::UNAUTHORIZED, why.cause());
                };
                let mut response = refused(StatusCode::TOO_MANY_REQUESTS, why.cause());
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, (wait.as_secs() + 1).into());
                response
            }
            Self::Forbidden { needs, has } => {
                let command = called::command_for_anyone(&format!("key add NAME --role {needs}"));
                let needs = needs.to_string();
                let cause = match has {
                    Some(role) => Cause::RoleTooLow {
                        has: role.to_string(),
                        needs,
                        command,
                    },
                    None => Cause::TicketOnlyShows { needs, command },
                };
                refused(StatusCode::FORBIDDEN, cause)
            }
            Self::LinkShowsClip => refused(StatusCode::FORBIDDEN, Cause::LinkShowsClip),
        }
    }

    /// The refusal for programs, which makes browsers ask for user and password.
    pub(crate) fn challenge(self, headers: &HeaderMap) -> Response {
        let mut response = self.response();
        if response.status() == StatusCode::UNAUTHORIZED && !is_part_of_another_page(headers) {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(r#"Basic realm="pistreamer", charset="UTF-8""#),
            );
        }
        response
    }
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
