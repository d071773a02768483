//! What a route is: by which method at which path, what it needs, and how a request without is refused.
//!
//! Which ones there are stands in [`crate::front`]'s table.

use super::denied::Denied;
use crate::access::{Grant, Role, Via};
use crate::front::State;
use axum::routing::MethodRouter;

/// The role that commands to a camera need: `control` messages of viewers, and the API's.
pub(in crate::front) const COMMANDS: Role = Role::Operate;

/// The role that is told what is wrong with the configuration, as `/api/v1/status` tells it.
pub(in crate::front) const CONFIGURATION: Role = Role::Admin;

/// What making links to recordings needs, and ending them.
pub(in crate::front) const LINKS: Needs = Needs::Role(COMMANDS);

/// What looking at recordings needs, over HTTP and over the WebSocket.
pub(in crate::front) const RECORDINGS: Needs = Needs::Role(Role::View);

/// What there is to ask for by one method at one path.
pub(in crate::front) struct Route {
    pub path: &'static str,
    pub method: Method,
    pub needs: Needs,
    pub refusal: Refusal,
    pub handler: fn() -> MethodRouter<State>,
}

/// What a request does. HEAD is answered as GET is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::front) enum Method {
    Get,
    Put,
    Patch,
    Post,
    Delete,
}

/// What a request must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::front) enum Needs {
    /// Nothing. What is answered shows no camera; `/healthz` tells only whether all of them deliver frames.
    Nothing,
    /// A key with the role `view`, or a ticket.
    Picture,
    /// A key with the role `view`, or a link to a recording.
    Recording,
    /// A key with this role.
    Role(Role),
}

/// How a request that shows nothing good is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::front) enum Refusal {
    /// By the page on which a person shows a key.
    Page,
    /// In words, and by a challenge that makes browsers ask for user and password.
    Challenge,
    /// In words: scripts ask here, which had better not make the browser ask.
    Words,
}

impl Needs {
    /// # Errors
    /// Why that is not enough.
    pub(crate) fn allow(self, grant: &Grant) -> Result<(), Denied> {
        if self != Self::Nothing && grant.clip().is_some() {
            let is_open = self == Self::Recording;
            return is_open.then_some(()).ok_or(Denied::LinkShowsClip);
        }
        let (needs, ticket) = match self {
            Self::Nothing => return Ok(()),
            Self::Picture => (Role::View, true),
            Self::Recording => (Role::View, false),
            Self::Role(role) => (role, false),
        };
        let by_ticket = grant.via == Via::Ticket;
        if grant.role.includes(needs) && (ticket || !by_ticket) {
            return Ok(());
        }
        let has = (!by_ticket).then_some(grant.role);
        Err(Denied::Forbidden { needs, has })
    }
}

pub(in crate::front) const fn route(
    method: Method,
    path: &'static str,
    needs: Needs,
    refusal: Refusal,
    handler: fn() -> MethodRouter<State>,
) -> Route {
    Route {
        path,
        method,
        needs,
        refusal,
        handler,
    }
}

impl Route {
    /// Whether that is one of its paths.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        let (mut parts, mut given) = (self.path.split('/'), path.split('/'));
        loop {
            match (parts.next(), given.next()) {
                (None, None) => return true,
                (Some(part), Some(given)) if part.starts_with('{') && !given.is_empty() => {}
                (Some(part), Some(given)) if part == given => {}
                _ => return false,
            }
        }
    }
}
