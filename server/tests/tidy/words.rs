//! The viewer's texts: each language's table has every text that people see, and no other.

use crate::project;
use pistreamer_protocol::message::Cause;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const LANGUAGES: [&str; 3] = ["de", "es", "fr"];

/// What is said word for word elsewhere, and where: as the state of a connection it comes to be seen.
const ELSEWHERE: [(&str, &str); 4] = [
    (
        "protocol/src/message/cause.rs",
        "this camera needs an access key",
    ),
    ("protocol/src/message/cause.rs", "this access key is wrong"),
    ("protocol/src/message/cause.rs", "this session is over"),
    (
        "web-client/src/browser.js",
        "the server answers, but no WebSocket gets through: a proxy on the way has to pass on Upgrade",
    ),
];

/// How `title` has a text and its key.
const WITH_KEY: &str = "{text} ({text2})";

/// All texts of the files below a path, one after another.
fn content(path: &Path) -> String {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap();
        entries
            .map(|entry| content(&entry.unwrap().path()))
            .collect()
    } else {
        fs::read_to_string(path).unwrap_or_default()
    }
}

/// The texts that are marked with this: string literals behind it.
fn marked(source: &str, mark: &str, texts: &mut BTreeSet<String>) {
    for rest in source.split(mark).skip(1) {
        let Some(literal) = rest.trim_start().strip_prefix('"') else {
            continue;
        };
        let mut text = String::new();
        let mut letters = literal.chars().peekable();
        while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
            match letter {
                '\\' => match letters.next().unwrap() {
                    '\n' => while letters.next_if(|letter| letter.is_whitespace()).is_some() {},
                    escaped => text.push(escaped),
                },
                _ => text.push(letter),
            }
        }
        texts.insert(text);
    }
}

/// The texts of HTML: between tags, and those that are read out or shown beside the pointer.
fn texts_of(html: &str, texts: &mut BTreeSet<String>) {
    for name in [" title=\"", " aria-label=\""] {
        for rest in html.split(name).skip(1) {
            let text = rest.split('"').next().unwrap();
            // A key in parentheses is one of the list of keys.
            let plain = text.rsplit_once(" (").map_or(text, |(plain, _)| plain);
            texts.insert(plain.to_owned());
        }
    }
    for rest in html.split('>').skip(1) {
        let Some((text, _)) = rest.split_once('<') else {
            continue;
        };
        let is_text = text.chars().filter(|letter| letter.is_alphabetic()).count() > 1;
        if is_text && !text.contains(['$', '{', '`', '"', '=']) {
            texts.insert(text.trim().to_owned());
        }
    }
}

/// What is in braces.
fn values(text: &str) -> BTreeSet<&str> {
    let pieces = text.split('{').skip(1);
    pieces
        .map(|piece| piece.split_once('}').unwrap().0)
        .collect()
}

#[test]
fn each_language_has_every_text_of_the_viewer_and_no_other() {
    let viewer = project().join("web-client");
    let mut texts = BTreeSet::from([WITH_KEY.to_owned()]);
    marked(&content(&viewer.join("src")), "words!(", &mut texts);
    for script in [
        "panels.js",
        "adjust.js",
        "settings.js",
        "recordings.js",
        "share.js",
        "clip.js",
        "drive.js",
        "plain.js",
        "wall.js",
        "wall",
    ] {
        marked(&content(&viewer.join(script)), "words(", &mut texts);
    }
    texts_of(
        &content(&viewer.join("src/chrome/template.html")),
        &mut texts,
    );
    let panels = content(&viewer.join("panels.js"));
    texts_of(panels.split("const STYLE").next().unwrap(), &mut texts);
    for (path, text) in ELSEWHERE {
        assert!(
            content(&project().join(path)).contains(text),
            "{path} has no {text:?}"
        );
        texts.insert(text.to_owned());
    }
    assert!(texts.len() > 100, "{texts:?}");
    for language in LANGUAGES {
        let table = content(&viewer.join(format!("words/{language}.json")));
        let table: Map<String, Value> = serde_json::from_str(&table).unwrap();
        let known: BTreeSet<String> = table.keys().cloned().collect();
        let missing: Vec<_> = texts.difference(&known).collect();
        let unused: Vec<_> = known.difference(&texts).collect();
        assert!(
            missing.is_empty() && unused.is_empty(),
            "web-client/words/{language}.json: missing {missing:#?}, unused {unused:#?}"
        );
        for (text, said) in &table {
            let said = said.as_str().unwrap();
            assert!(!said.trim().is_empty(), "{language}: {text}");
            assert_eq!(values(said), values(text), "{language}: {said}");
        }
    }
}

#[test]
fn each_language_says_every_cause_that_a_server_gives() {
    for language in LANGUAGES {
        let path = format!("web-client/words/causes/{language}.json");
        let table: Map<String, Value> =
            serde_json::from_str(&content(&project().join(&path))).unwrap();
        let known: BTreeSet<&str> = table.keys().map(String::as_str).collect();
        let codes: BTreeSet<&str> = Cause::ALL.iter().map(|words| words.code).collect();
        let missing: Vec<_> = codes.difference(&known).collect();
        let unused: Vec<_> = known.difference(&codes).collect();
        assert!(
            missing.is_empty() && unused.is_empty(),
            "{path}: missing {missing:#?}, unused {unused:#?}"
        );
        for words in Cause::ALL {
            let said = table[words.code].as_str().unwrap();
            assert_eq!(values(said), values(words.text), "{path}: {}", words.code);
            // What names nothing but a program and its words is the same everywhere.
            let letters = |text: &str| text.split(['{', '}']).step_by(2).collect::<String>();
            let is_name = letters(words.text).split_whitespace().count() < 2;
            assert!(is_name || said != words.text, "{path}: {}", words.code);
        }
    }
}

#[test]
fn the_page_says_in_each_language_what_is_read_before_the_program_is_there() {
    let page = content(&project().join("index.html"));
    let said = |language: &str| page.matches(&format!("<p lang=\"{language}\"")).count();
    assert!(said("en") >= 4);
    for language in LANGUAGES {
        assert_eq!(said(language), said("en"), "{language}");
    }
    let mut texts = BTreeSet::new();
    texts_of(&page, &mut texts);
    for text in texts.iter().filter(|text| *text != "pistreamer") {
        let before = page.split(text).next().unwrap();
        let tag = before.rsplit('<').next().unwrap();
        assert!(
            tag.contains("lang=") || before.ends_with("</a> ") || tag.starts_with("a "),
            "{text:?} has no language"
        );
    }
}
