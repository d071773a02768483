//! ntfy (docs.ntfy.sh/publish): the text in headers and the picture as the body, or the text as the body.

use super::{Request, separated};
use crate::{Alert, Kind, Stage};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

pub(super) fn request(url: &Url, alert: &Alert, picture: Option<&[u8]>) -> Request {
    let (url, allowed) = separated(url);
    let mut headers = vec![("Title", header(&alert.title))];
    if picture.is_some() {
        headers.push(("Message", header(&alert.text)));
        headers.push(("Filename", "picture.jpg".into()));
    }
    headers.push(("Priority", priority(alert).into()));
    headers.push(("Tags", tag(alert).into()));
    headers.extend(alert.link.iter().map(|link| ("Click", header(link))));
    headers.extend(allowed);
    Request {
        method: "PUT",
        url,
        headers,
        body: picture.unwrap_or(alert.text.as_bytes()).to_vec(),
    }
}

/// A text as a header's value: as it is, or encoded (RFC 2047), which ntfy understands.
fn header(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if is_plain && !text.contains("=?") {
        text.into()
    } else {
        format!("=?UTF-8?B?{}?=", STANDARD.encode(text))
    }
}

fn priority(alert: &Alert) -> &'static str {
    match (alert.kind, alert.state) {
        (Kind::Alive, _) => "low",
        (Kind::Tamper | Kind::Disk | Kind::NotRecording | Kind::NoSignal, Stage::Start) => "high",
        _ => "default",
    }
}

/// Names of emoji, which ntfy shows before the title.
fn tag(alert: &Alert) -> &'static str {
    match (alert.kind, alert.state) {
        (Kind::Motion, _) => "walking",
        (Kind::Event, _) => "bell",
        (Kind::Alive | Kind::Test, _) => "heavy_check_mark",
        (_, Stage::End) => "white_check_mark",
        _ => "warning",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::sample;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_picture_is_the_body_and_the_text_is_in_headers() {
        let sent = request(
            &url("https://ntfy.sh/topic"),
            &sample(),
            Some(b"\xff\xd8jpeg"),
        );
        assert_eq!((sent.method, &*sent.url), ("PUT", "https://ntfy.sh/topic"));
        assert_eq!(sent.body, b"\xff\xd8jpeg");
        let headers: Vec<_> = sent
            .headers
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        assert_eq!(
            headers,
            [
                ("Title", "Front door: motion"),
                ("Message", "Motion in garden at 14:03:12"),
                ("Filename", "picture.jpg"),
                ("Priority", "default"),
                ("Tags", "walking"),
                ("Click", "https://home.example/?camera=door"),
            ]
        );
    }

    #[test]
    fn without_a_picture_the_text_is_the_body_and_other_letters_are_encoded() {
        let alert = Alert {
            title: "Haustür: Bewegung".into(),
            text: "Bewegung an der Tür".into(),
            link: None,
            ..sample()
        };
        let sent = request(&url("http://me:p%40ss@pi:81/topic"), &alert, None);
        assert_eq!(
            (&*sent.url, &*sent.body),
            ("http://pi:81/topic", "Bewegung an der Tür".as_bytes())
        );
        assert_eq!(sent.headers[0].1, "=?UTF-8?B?SGF1c3TDvHI6IEJld2VndW5n?=");
        assert_eq!(
            sent.headers.last(),
            Some(&("Authorization", "Basic bWU6cEBzcw==".into()))
        );
        assert!(!format!("{sent:?}").contains("topic"));
        let sent = request(&url("https://:tk_abc@ntfy.sh/topic"), &alert, None);
        assert_eq!(
            sent.headers.last(),
            Some(&("Authorization", "Bearer tk_abc".into()))
        );
    }

    #[test]
    fn no_text_can_begin_another_header() {
        let alert = Alert {
            title: "a\r\nClick: b".into(),
            ..sample()
        };
        let sent = request(&url("https://:tk%0D%0Aabc@ntfy.sh/topic"), &alert, None);
        assert!(
            sent.headers
                .iter()
                .all(|(_, value)| !value.contains(['\r', '\n']))
        );
    }
}
