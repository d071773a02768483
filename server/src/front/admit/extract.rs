//! What handlers take of a request that was let in.

use crate::access::Grant;
use crate::front::{State, refusal};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use std::ops::Deref;

/// What let a request in. Only this module's guard makes one.
#[derive(Clone, Debug)]
pub(in crate::front) struct Admitted(Grant);

impl Admitted {
    pub(super) fn new(grant: Grant) -> Self {
        Self(grant)
    }
}

impl Deref for Admitted {
    type Target = Grant;

    fn deref(&self) -> &Grant {
        &self.0
    }
}

impl FromRequestParts<State> for Admitted {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Response> {
        parts.extensions.get().cloned().ok_or_else(|| {
            refusal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "this route needs a grant, and its row in the table of routes says that it needs nothing",
            )
        })
    }
}
