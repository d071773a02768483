//! Promises in the documentation name the tests that keep them: each name is that of a test.

use crate::project;
use std::fs;
use std::path::{Path, PathBuf};

/// The path of each test as documents write it: its file's modules, without `tests`, and its name.
fn tests() -> Vec<String> {
    let mut tests = Vec::new();
    for folder in [
        "server",
        "native-client",
        "network-camera",
        "picture",
        "protocol",
        "operate",
        "recording",
        "bench",
        "e2e",
    ] {
        let root = project().join(folder);
        for path in sources(&root) {
            let modules = modules(path.strip_prefix(&root).unwrap());
            let text = fs::read_to_string(&path).unwrap();
            let attributes = text
                .match_indices("#[test]")
                .chain(text.match_indices("#[tokio::test"));
            tests.extend(attributes.filter_map(|(at, _)| {
                let (_, name) = text[at..].split_once("fn ")?;
                Some(format!("{modules}{}", name.split('(').next()?))
            }));
        }
    }
    tests
}

/// The Rust files of a folder and of those in it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| {
        if path.is_dir() {
            return sources(&path);
        }
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        is_rust.then_some(path).into_iter().collect()
    });
    found.collect()
}

fn modules(file: &Path) -> String {
    let file = file.with_extension("");
    let names = file.iter().map(|name| name.to_str().unwrap());
    let named = names.filter(|name| !["src", "tests", "main", "lib", "mod"].contains(name));
    named.map(|name| format!("{name}::")).collect()
}

/// Whether a text in a document is the name of a test, or of all tests of a module.
fn is_name(text: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_lowercase() || "_:…*0123456789".contains(letter);
    let is_path = text.contains("::") && text.len() > "::".len() && text != "tests::";
    text.chars().all(letter) && (is_path || text.matches('_').count() > 4)
}

#[test]
fn each_test_that_a_promise_names_is_there() {
    let tests = tests();
    assert!(tests.len() > 500, "{} tests", tests.len());
    let document = fs::read_to_string(project().join("docs/security.md")).unwrap();
    let quoted = document.split('`').skip(1).step_by(2);
    let names: Vec<_> = quoted.filter(|text| is_name(text)).collect();
    assert!(names.len() > 100, "{} names", names.len());
    let missing: Vec<_> = names
        .into_iter()
        .filter(|name| {
            let short = name.replace("…::", "").replace("tests::", "");
            let (all, path) = match short.strip_suffix('*') {
                Some(module) => (true, module),
                None => (short.ends_with("::tests"), short.trim_end_matches("tests")),
            };
            let from_its_first_module = |test: &str, path: &str| {
                test.strip_suffix(path)
                    .is_some_and(|before| before.is_empty() || before.ends_with("::"))
            };
            !tests.iter().any(|test| {
                let (modules, _) = test.rsplit_once("::").unwrap_or_default();
                if all {
                    from_its_first_module(&format!("{modules}::"), path)
                } else {
                    from_its_first_module(test, path)
                }
            })
        })
        .collect();
    assert_eq!(missing, [""; 0]);
}
