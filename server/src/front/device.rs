//! What a device is, in words, for the list of those that are signed in: from its User-Agent (RFC 9110 §10.1.5).

use axum::http::{HeaderMap, header};

/// What browsers call themselves, each before those whose names it has in its own besides.
const BROWSERS: [(&str, &str); 13] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("pistreamer-client/", "pistreamer"),
    ("curl/", "curl"),
    ("python", "Python"),
    ("HomeAssistant/", "Home Assistant"),
];

/// What they say of the system, likewise.
const SYSTEMS: [(&str, &str); 8] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
];

/// Longest name of a program that is taken over, in letters.
const LONGEST: usize = 24;

/// Such as "Chrome on Android". Of what is sent, only letters and digits of a program's name are ever taken over.
pub(super) fn of(headers: &HeaderMap) -> String {
    let sent = headers.get(header::USER_AGENT);
    let sent = sent
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let known = |table: &[(&str, &'static str)]| {
        let found = table.iter().find(|(mark, _)| sent.contains(mark));
        found.map(|(_, name)| *name)
    };
    match (known(&BROWSERS), known(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.into(),
        (None, Some(system)) => format!("a program on {system}"),
        (None, None) => {
            let name = sent.split(['/', ' ']).next().unwrap_or_default();
            let plain = name.chars().filter(char::is_ascii_alphanumeric);
            let name: String = plain.take(LONGEST).collect();
            if name.is_empty() {
                "a program".into()
            } else {
                name
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_a_device_calls_itself_its_name_is_short_and_plain(
            sent in prop_oneof!["\\PC{0,200}", "(Mozilla|Edg|Linux|Android|python|[ -~]{0,30}|/){0,8}"],
        ) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(sent.as_bytes()) {
                headers.insert(header::USER_AGENT, value);
            }
            let name = of(&headers);
            let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == ' ';
            prop_assert!(!name.is_empty() && name.len() < 40 && name.chars().all(is_plain), "{name:?}");
        }
    }

    #[test]
    fn a_device_is_told_in_words_and_nothing_else_gets_through() {
        let agent = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0";
        for (sent, words) in [
            (format!("{agent} Mobile Safari/537.36"), "Chrome on Android"),
            (format!("{agent} Mobile Safari/537.36 EdgA/140.0"), "Edge on Android"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 \
                 Mobile/15E148 Safari/604.1"
                    .into(),
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
                "Firefox on Linux",
            ),
            ("pistreamer-client/0.1.0".into(), "pistreamer"),
            ("Frigate/0.16 \u{1b}[31m<script>".into(), "a program"),
            ("Frigate/0.16".into(), "Frigate"),
            ("<b>".into(), "b"),
            (String::new(), "a program"),
            ("x".repeat(500), &"x".repeat(LONGEST)),
        ] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(&sent) {
                headers.insert(header::USER_AGENT, value);
            }
            assert_eq!(of(&headers), words, "{sent}");
        }
    }
}
