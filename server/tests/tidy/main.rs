//! What the compiler does not check: which parts of the server may import which, that files beside each other import each other
//! in one direction only, that the tests that documents name are there, and that each language has all texts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod modules;
mod promises;
mod words;

use modules::Modules;
use std::fs;
use std::path::{Path, PathBuf};

/// Crates whose files must not import each other in circles.
const CRATES: [&str; 17] = [
    "alerts",
    "fleet",
    "protocol",
    "native-client",
    "local-camera",
    "motion",
    "network-camera",
    "operate",
    "pattern",
    "picture",
    "recording",
    "server",
    "tiles",
    "web-client",
    "web-client/tighten",
    "bench",
    "e2e",
];

/// What every part may import only if it is one of these: they put the parts together.
const TOP: [&str; 6] = ["app", "cli", "cmd", "config", "main", "usage"];

/// What a part of the server must never import, besides [`TOP`]. Parts that are not there yet are held to it from their
/// start.
const NEVER: [(&str, &[&str]); 15] = [
    (
        "access",
        &[
            "camera", "encode", "form", "front", "hub", "push", "session", "source",
        ],
    ),
    ("alerts", &["access", "front", "push", "session"]),
    (
        "broker",
        &[
            "access", "camera", "encode", "form", "front", "hub", "push", "session", "source",
        ],
    ),
    ("camera", &["access", "form", "front", "push", "session"]),
    (
        "encode",
        &["access", "camera", "form", "front", "push", "session"],
    ),
    (
        "form",
        &["access", "encode", "front", "push", "session", "source"],
    ),
    (
        "hub",
        &[
            "access", "encode", "form", "front", "push", "session", "source",
        ],
    ),
    ("motion", &["front", "session"]),
    ("operate", &["front", "session"]),
    ("publish", &["front", "session"]),
    ("push", &["access", "front", "session"]),
    ("record", &["front", "session"]),
    ("session", &["encode", "front", "push", "source"]),
    (
        "source",
        &[
            "access", "camera", "encode", "form", "front", "hub", "push", "session",
        ],
    ),
    ("util", &["*"]),
];

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Imports that [`NEVER`] or [`TOP`] forbid, as `FROM imports TO`.
fn forbidden(server: &Modules) -> Vec<String> {
    let mut found = Vec::new();
    for (from, to) in server.imports() {
        let (Some(part), Some(other)) = (from.first(), to.first()) else {
            continue;
        };
        let never = NEVER.iter().filter(|(name, _)| name == part);
        let never = never.flat_map(|(_, others)| *others);
        let is_named = never.into_iter().any(|name| name == other || *name == "*");
        let is_top = TOP.contains(&other.as_str()) && !TOP.contains(&part.as_str());
        if part != other && (is_named || is_top) {
            found.push(format!("{} imports {}", from.join("/"), to.join("/")));
        }
    }
    found
}

#[test]
fn no_part_of_the_server_imports_what_must_not_depend_on_it() {
    let server = Modules::read(&project().join("server/src")).unwrap();
    assert!(
        server.imports().len() > 200,
        "the imports are not understood"
    );
    assert_eq!(forbidden(&server), [""; 0]);
}

#[test]
fn files_beside_each_other_import_each_other_in_one_direction_only() {
    for name in CRATES {
        let modules = Modules::read(&project().join(name).join("src")).unwrap();
        let circles = modules.circles();
        assert!(
            circles.is_empty(),
            "{name}: {circles:?} go round in a circle"
        );
    }
}

/// A made-up crate.
fn made_up(files: &[(&str, &str)]) -> Modules {
    let directory = tempfile::tempdir().unwrap();
    for (path, source) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, source).unwrap();
    }
    Modules::read(directory.path()).unwrap()
}

#[test]
fn an_import_that_is_forbidden_is_found_however_it_is_written() {
    for import in [
        "use crate::front::State;",
        "use crate::{demand, front::{State, tls}};",
        "pub(crate) use super::super::front::tls::Tls;",
        "fn f() { let _ = crate::front::urls(); }",
        "fn f<'a>(_: &'a crate::front::State) {}",
        "use crate::front as the_hub;",
    ] {
        let server = made_up(&[
            ("lib.rs", "mod demand; mod front; mod hub;"),
            ("demand.rs", ""),
            ("front/mod.rs", "mod tls; pub struct State;"),
            ("front/tls.rs", ""),
            ("hub/mod.rs", "mod camera;"),
            ("hub/camera.rs", import),
        ]);
        let found = forbidden(&server);
        assert!(
            found
                .iter()
                .any(|found| found.starts_with("hub/camera imports front")),
            "{import}: {found:?}"
        );
    }
    let server = made_up(&[
        ("app.rs", "use crate::front;"),
        ("front.rs", "use crate::app::App;"),
        ("lib.rs", ""),
    ]);
    assert_eq!(forbidden(&server), ["front imports app"]);
}

#[test]
fn what_is_no_import_is_not_taken_for_one() {
    let server = made_up(&[
        ("lib.rs", ""),
        ("front.rs", ""),
        (
            "hub.rs",
            r##"//! See [`crate::front`]. /* use crate::front; */
            const A: (&str, char, &str) = ("\"use crate::front;", '"', r#"use crate::front;"#);
            #[cfg(test)]
            mod tests { use super::*; fn f() { { crate::front::urls(); } } }
            pub(crate) fn front() {}"##,
        ),
    ]);
    assert_eq!(forbidden(&server), [""; 0]);
}

#[test]
fn circles_are_found_through_other_files_and_through_what_a_folder_hands_on() {
    let direct = [
        ("lib.rs", ""),
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "use super::a;"),
    ];
    assert_eq!(made_up(&direct).circles(), [["a", "b"]]);
    let longer = [
        ("lib.rs", ""),
        ("x/mod.rs", "mod a; mod b; mod c; pub struct Shared;"),
        ("x/a.rs", "use super::b::B; use super::Shared;"),
        ("x/b.rs", "use super::c::C;"),
        ("x/c.rs", "use crate::x::a;"),
    ];
    assert_eq!(made_up(&longer).circles(), [["x/a", "x/b", "x/c"]]);
    let handed_on = [
        (
            "lib.rs",
            "mod a; mod b; pub use a::{A, Other}; pub use b::B;",
        ),
        ("a.rs", "use crate::B;"),
        ("b.rs", "use crate::A;"),
    ];
    assert_eq!(made_up(&handed_on).circles(), [["a", "b"]]);
    let folders = [
        ("lib.rs", ""),
        ("a/mod.rs", "mod deep;"),
        ("a/deep.rs", "use crate::b;"),
        ("b.rs", "use crate::a::A;"),
    ];
    assert_eq!(made_up(&folders).circles(), [["a", "b"]]);
    let none = [
        ("lib.rs", ""),
        ("a.rs", "use crate::{b, c};"),
        ("b.rs", "use crate::c;"),
        ("c.rs", ""),
    ];
    assert!(made_up(&none).circles().is_empty());
}
