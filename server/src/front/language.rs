//! The language of the page on which a person signs in: the one that the browser asks for, where there is a table of it.
//!
//! English is the key of each text and needs no table. The viewer has tables of its own (`web-client/words/`).

use axum::http::{HeaderMap, header};
use std::collections::HashMap;
use std::sync::LazyLock;

pub(super) type Table = HashMap<String, String>;

/// The tables, each under its language's name.
pub(super) static TABLES: LazyLock<[(&str, Table); 3]> = LazyLock::new(|| {
    [
        ("de", include_str!("login/de.json")),
        ("es", include_str!("login/es.json")),
        ("fr", include_str!("login/fr.json")),
    ]
    .map(|(name, table)| {
        let table = serde_json::from_str(table);
        (name, table.expect("a test reads each of these files"))
    })
});

/// A language that the page can be in.
#[derive(Clone, Copy)]
pub(super) struct Language {
    /// As in the attribute `lang`.
    pub(super) name: &'static str,
    table: Option<&'static Table>,
}

impl Language {
    /// The one that a request would rather have than the others (RFC 9110 §12.5.4); English where it names none of them.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE);
        let accepted = accepted.and_then(|value| value.to_str().ok());
        let mut best = (0.0, Self::named("en"));
        for range in accepted.unwrap_or_default().split(',') {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight = weight.trim().strip_prefix("q=").map(str::parse::<f32>);
            let name = tag.split('-').next().unwrap_or_default().trim();
            if let (Some(Ok(weight)), Some(language)) = (weight, Self::named(name))
                && weight > best.0
            {
                best = (weight, Some(language));
            }
        }
        best.1.expect("English is a language")
    }

    fn named(name: &str) -> Option<Self> {
        let (name, table) = if name.eq_ignore_ascii_case("en") {
            ("en", None)
        } else {
            let mut tables = TABLES.iter();
            let (known, table) = tables.find(|(known, _)| name.eq_ignore_ascii_case(known))?;
            (*known, Some(table))
        };
        Some(Self { name, table })
    }

    /// A text in this language.
    pub(super) fn say<'a>(self, text: &'a str) -> &'a str
    where
        Self: 'a,
    {
        let said = self.table.and_then(|table| table.get(text));
        said.map_or(text, String::as_str)
    }

    /// A page in this language. Its texts stand in `{{` and `}}`.
    pub(super) fn fill(self, page: &str) -> String {
        let mut pieces = page.split("{{");
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (text, rest) = piece.split_once("}}").unwrap_or((piece, ""));
            filled.push_str(self.say(text));
            filled.push_str(rest);
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(accepted: &str) -> &'static str {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, accepted.parse().unwrap());
        Language::of(&headers).name
    }

    #[test]
    fn the_language_that_a_browser_would_rather_have_is_chosen() {
        assert_eq!(language("de-AT,de;q=0.9,en;q=0.8"), "de");
        assert_eq!(language("FR"), "fr");
        assert_eq!(language("en-GB, de;q=0.9"), "en");
        assert_eq!(language("en;q=0.1, es;q=0.2"), "es");
        // Nothing of what it asks for before.
        assert_eq!(language("ja, pt-BR;q=0.9, fr;q=0.5, en;q=0.4"), "fr");
        for none in ["", "ja", "*", "de;q=0", "de;q=NaN", "de;level=1", ";;,,-"] {
            assert_eq!(language(none), "en", "{none}");
        }
        assert_eq!(Language::of(&HeaderMap::new()).name, "en");
    }
}
