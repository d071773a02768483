//! The routes: one table of what there is, what each needs, and how a request without is refused.
//!
//! `docs/security.md` has the same table for people, and a test compares the two. Judging a request belongs to [`super::admit`].

use super::admit::{COMMANDS, LINKS, RECORDINGS};
use super::admit::{Method, Needs, Refusal, Route, guard, route};
use super::{
    State, alerts, api, assets, clips, controls, events, ingest, keys, links, live, login,
    login_page, metrics, nearby, recordings, sessions, settings, still, upgrade, viewers, wall,
};
use crate::access::Role;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, patch, post, put};

/// Every route but those of the viewer's files, which need nothing.
#[rustfmt::skip]
pub(super) static ROUTES: [Route; 62] = {
    use Method::{Delete, Get, Patch, Post, Put};
    use Needs::{Nothing, Picture, Recording};
    use Refusal::{Challenge, Page, Words};
    const VIEW: Needs = Needs::Role(Role::View);
    const OPERATE: Needs = Needs::Role(COMMANDS);
    const PUBLISH: Needs = Needs::Role(Role::Publish);
    const ADMIN: Needs = Needs::Role(Role::Admin);
    [
        route(Get, "/", Picture, Page, || get(live::action_or_viewer)),
        route(Get, "/embed", Picture, Page, || get(assets::viewer)),
        route(Get, "/stream.mjpg", Picture, Challenge, || get(live::stream)),
        route(Get, "/stream", Picture, Challenge, || get(live::stream)),
        route(Get, "/video.mjpg", Picture, Challenge, || get(live::stream)),
        route(Get, "/snapshot.jpg", Picture, Challenge, || get(live::snapshot)),
        route(Get, "/snapshot", Picture, Challenge, || get(live::snapshot)),
        route(Get, "/still.jpg", OPERATE, Challenge, || get(still::still)),
        route(Get, "/ws", Picture, Words, || get(upgrade::upgrade)),
        // Some proxies keep /ws for WebSockets alone, and a browser doesn't tell why one failed: here a viewer can ask.
        route(Get, "/api/v1/ws", Picture, Words, || get(upgrade::upgrade)),
        route(Get, "/api/v1/session", Picture, Words, || get(login::session)),
        route(Get, "/api/v1/status", VIEW, Challenge, || get(api::status)),
        route(Get, "/api/v1/cameras", VIEW, Words, || get(api::cameras)),
        route(Get, "/api/v1/cameras/{id}/controls", VIEW, Words, || get(controls::list)),
        route(Put, "/api/v1/cameras/{id}/controls", OPERATE, Words, || put(controls::set)),
        route(Delete, "/api/v1/cameras/{id}/controls", OPERATE, Words, || delete(controls::reset)),
        route(Get, "/api/v1/cameras/{id}/controls/{name}", VIEW, Words, || get(controls::one)),
        route(Put, "/api/v1/cameras/{id}/controls/{name}", OPERATE, Words, || put(controls::set_one)),
        route(Delete, "/api/v1/cameras/{id}/controls/{name}", OPERATE, Words, || delete(controls::reset_one)),
        route(Get, "/api/v1/cameras/{id}/presets/{name}", VIEW, Words, || get(controls::preset)),
        route(Put, "/api/v1/cameras/{id}/presets/{name}", OPERATE, Words, || put(controls::save_preset)),
        route(Post, "/api/v1/cameras/{id}/presets/{name}", OPERATE, Words, || post(controls::apply_preset)),
        route(Delete, "/api/v1/cameras/{id}/presets/{name}", OPERATE, Words, || delete(controls::remove_preset)),
        route(Get, "/api/v1/cameras/{id}/settings", ADMIN, Words, || get(settings::list)),
        route(Patch, "/api/v1/cameras/{id}/settings", ADMIN, Words, || patch(settings::change)),
        route(Post, "/api/v1/cameras/{id}/restart", ADMIN, Words, || post(settings::restart)),
        route(Get, wall::PATH, VIEW, Words, || get(wall::get)),
        route(Put, wall::PATH, VIEW, Words, || put(wall::put)),
        route(Get, "/api/v1/recordings", Recording, Words, || get(recordings::list)),
        route(Get, "/api/v1/recordings/timeline", Recording, Words, || get(recordings::timeline)),
        route(Get, "/api/v1/recordings/frame.jpg", Recording, Challenge, || get(recordings::frame)),
        route(Get, "/api/v1/recordings/clip.mkv", Recording, Challenge, || get(clips::mkv)),
        route(Get, "/api/v1/recordings/clip.zip", Recording, Challenge, || get(clips::zip)),
        route(Get, "/api/v1/recordings/clip.mp4", Recording, Challenge, || get(clips::mp4)),
        route(Get, "/api/v1/recordings/links", LINKS, Words, || get(links::list)),
        route(Post, "/api/v1/recordings/links", LINKS, Words, || post(links::make)),
        route(Delete, "/api/v1/recordings/links/{name}", LINKS, Words, || delete(links::end)),
        route(Get, "/api/v1/events", RECORDINGS, Words, || get(events::list)),
        route(Post, "/api/v1/events", OPERATE, Words, || post(events::tell)),
        route(Get, "/api/v1/alerts", ADMIN, Words, || get(alerts::list)),
        route(Post, "/api/v1/alerts/test", ADMIN, Words, || post(alerts::test)),
        route(Get, "/api/v1/alerts/armed", VIEW, Words, || get(alerts::armed)),
        route(Put, "/api/v1/alerts/armed", OPERATE, Words, || put(alerts::arm)),
        route(Get, "/api/v1/servers", ADMIN, Words, || get(nearby::list)),
        route(Get, "/metrics", VIEW, Challenge, || get(metrics::metrics)),
        route(Post, "/api/v1/tickets", VIEW, Words, || post(login::ticket)),
        route(Get, "/ingest", PUBLISH, Words, || get(ingest::upgrade)),
        route(Get, "/api/v1/sessions", ADMIN, Words, || get(sessions::list)),
        route(Delete, "/api/v1/sessions/{id}", ADMIN, Words, || delete(sessions::end)),
        route(Get, "/api/v1/keys", ADMIN, Words, || get(keys::list)),
        route(Post, "/api/v1/keys", ADMIN, Words, || post(keys::add)),
        route(Delete, "/api/v1/keys/{name}", ADMIN, Words, || delete(keys::remove)),
        route(Post, "/api/v1/keys/{name}/links", ADMIN, Words, || post(keys::link)),
        route(Get, "/api/v1/viewers", ADMIN, Words, || get(viewers::list)),
        route(Delete, "/api/v1/viewers/{id}", ADMIN, Words, || delete(viewers::end)),
        route(Post, "/api/v1/session", Nothing, Words, || post(login::enter)),
        route(Delete, "/api/v1/session", Nothing, Words, || delete(login::leave)),
        route(Get, "/clip", Nothing, Words, || get(links::page)),
        route(Get, "/healthz", Nothing, Words, || get(api::health)),
        route(Get, "/login.html", Nothing, Words, || get(login_page::form)),
        route(Get, "/login.js", Nothing, Words, || get(login_page::script)),
        route(Get, "/login.css", Nothing, Words, || get(login_page::style)),
    ]
};

/// Every route, each behind its guard.
pub(super) fn router(state: &State) -> Router<State> {
    ROUTES.iter().fold(Router::new(), |router, route| {
        let guard = from_fn_with_state((state.clone(), route), guard);
        router.route(route.path, (route.handler)().layer(guard))
    })
}

/// The methods that are answered at a path, as in an Allow header; `None` where nothing is but the viewer's files.
pub(super) fn allowed(path: &str) -> Option<String> {
    let methods = ROUTES.iter().filter(|route| route.is_at(path));
    let methods = methods.map(|route| match route.method {
        Method::Get => "GET, HEAD, ",
        Method::Put => "PUT, ",
        Method::Patch => "PATCH, ",
        Method::Post => "POST, ",
        Method::Delete => "DELETE, ",
    });
    let methods: String = methods.collect();
    (!methods.is_empty()).then(|| methods + "OPTIONS")
}

#[cfg(test)]
mod tests {
    use super::super::admit::CONFIGURATION;
    use super::*;
    use pistreamer_protocol::message::{Operate, Play, SeatRequest, ViewerMessage, Want};
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    /// The chapter of the documentation that has the tables.
    fn tables() -> String {
        let mut text = String::from(
            "| request | view | operate | publish | admin | ticket | link | no key |\n|---|---|---|---|---|---|---|---|\n",
        );
        for route in &ROUTES {
            let method = match route.method {
                Method::Get => "GET",
                Method::Put => "PUT",
                Method::Patch => "PATCH",
                Method::Post => "POST",
                Method::Delete => "DELETE",
            };
            let needed = match route.needs {
                Needs::Nothing | Needs::Picture | Needs::Recording => Role::View,
                Needs::Role(role) => role,
            };
            let open = route.needs == Needs::Nothing;
            let ticket = open || route.needs == Needs::Picture;
            let link = open || route.needs == Needs::Recording;
            let path = route.path.replace("{id}", "ID").replace("{name}", "NAME");
            row(
                &mut text,
                &format!("`{method} {path}`"),
                needed,
                [ticket, link, open],
            );
        }
        text += "\n| message | view | operate | publish | admin | ticket | link | no key |\n|---|---|---|---|---|---|---|---|\n";
        for message in [
            ViewerMessage::Ack { seq: 1 },
            ViewerMessage::Ping { id: None },
            ViewerMessage::Want(Want::default()),
            ViewerMessage::Pause,
            ViewerMessage::Resume,
            ViewerMessage::Control {
                name: String::new(),
                value: 0.0.into(),
                confirmed: false,
            },
            ViewerMessage::Set {
                values: BTreeMap::new(),
                confirmed: false,
                id: None,
            },
            ViewerMessage::Reset {
                names: None,
                id: None,
            },
            ViewerMessage::Seat {
                want: SeatRequest::Take,
            },
            ViewerMessage::Operate(Operate::default()),
            ViewerMessage::Play(Play::default()),
            ViewerMessage::Step { id: 0, by: 1 },
            ViewerMessage::Live { id: 0 },
        ] {
            let json: serde_json::Value = serde_json::from_str(&message.to_json()).unwrap();
            let name = format!("`{}` at `/ws`", json["type"].as_str().unwrap());
            let needed = match message {
                ViewerMessage::Control { .. }
                | ViewerMessage::Set { .. }
                | ViewerMessage::Reset { .. }
                | ViewerMessage::Seat { .. }
                | ViewerMessage::Operate(_) => COMMANDS,
                _ => Role::View,
            };
            let plays = matches!(message, ViewerMessage::Play(_) | ViewerMessage::Step { .. });
            let ticket = needed == Role::View && !plays;
            row(&mut text, &name, needed, [ticket, false, false]);
        }
        let told = "`configuration` from `/ws`";
        row(&mut text, told, CONFIGURATION, [false; 3]);
        text
    }

    fn row(text: &mut String, what: &str, needed: Role, others: [bool; 3]) {
        let roles = Role::ALL.map(|role| role.includes(needed));
        write!(text, "| {what} |").unwrap();
        for allowed in roles.iter().chain(&others) {
            text.push_str(if *allowed { " yes |" } else { " |" });
        }
        text.push('\n');
    }

    #[test]
    fn the_table_of_roles_in_the_documentation_is_that_of_the_code() {
        let documented = include_str!("../../../docs/security.md");
        let tables = tables();
        assert!(
            documented.contains(&tables),
            "docs/security.md has to have these tables:\n\n{tables}"
        );
    }

    #[test]
    fn each_path_allows_the_methods_that_it_answers() {
        for (path, methods) in [
            ("/", Some("GET, HEAD, OPTIONS")),
            ("/api/v1/session", Some("GET, HEAD, POST, DELETE, OPTIONS")),
            ("/api/v1/tickets", Some("POST, OPTIONS")),
            ("/api/v1/sessions/abc", Some("DELETE, OPTIONS")),
            ("/api/v1/sessions/", None),
            (
                "/api/v1/cameras/door/controls",
                Some("GET, HEAD, PUT, DELETE, OPTIONS"),
            ),
            (
                "/api/v1/cameras/door/presets/day",
                Some("GET, HEAD, PUT, POST, DELETE, OPTIONS"),
            ),
            (
                "/api/v1/cameras/door/settings",
                Some("GET, HEAD, PATCH, OPTIONS"),
            ),
            ("/api/v1/cameras//controls", None),
            ("/api/v1/cameras/door/controls/", None),
            ("/api/v1/cameras/door", None),
            ("/viewer.js", None),
        ] {
            assert_eq!(allowed(path).as_deref(), methods, "{path}");
        }
    }
}
