//! Telegram's Bot API (core.telegram.org/bots/api): `sendPhoto` with a picture, `sendMessage` without.

use super::Request;
use super::multipart::Form;
use crate::{Alert, Telegram};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest caption, in UTF-16 code units.
const CAPTION: usize = 1024;

pub(super) fn request(to: &Telegram, alert: &Alert, picture: Option<&[u8]>) -> Request {
    let url = |method: &str| format!("{}/bot{}/{method}", to.server, to.token);
    let text = text(alert);
    let (url, kind, body) = match picture {
        Some(picture) => {
            let mut form = Form::around(&[to.chat.as_bytes(), text.as_bytes(), picture]);
            form.text("chat_id", None, &to.chat);
            form.text("caption", None, &text);
            form.jpeg("photo", picture);
            let (kind, body) = form.end();
            (url("sendPhoto"), kind, body)
        }
        None => {
            let body = json!({"chat_id": to.chat, "text": text});
            let kind = ("Content-Type", "application/json".into());
            (url("sendMessage"), kind, body.to_string().into_bytes())
        }
    };
    Request {
        method: "POST",
        url,
        headers: vec![kind],
        body,
    }
}

fn text(alert: &Alert) -> String {
    let lines = [Some(&alert.title), Some(&alert.text), alert.link.as_ref()];
    let lines: Vec<_> = lines.into_iter().flatten().map(String::as_str).collect();
    let mut text = lines.join("\n");
    while text.encode_utf16().count() > CAPTION {
        text.pop();
    }
    text
}

/// What an answer says, for people.
pub fn said(body: &str) -> String {
    let said = serde_json::from_str::<Value>(body).ok();
    let said = said.and_then(|it| Some(it.get("description")?.as_str()?.to_owned()));
    said.unwrap_or_else(|| body.into())
}

/// When an answer wants the next request.
pub fn retry_after(body: &str) -> Option<Duration> {
    let answer = serde_json::from_str::<Value>(body).ok()?;
    let seconds = answer.get("parameters")?.get("retry_after")?.as_u64()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::sample;

    fn to() -> Telegram {
        Telegram {
            server: "https://api.telegram.org".into(),
            token: "1:A".into(),
            chat: "-42".into(),
        }
    }

    #[test]
    fn a_picture_is_sent_with_a_caption_and_a_text_alone_without() {
        let sent = request(&to(), &sample(), Some(b"jpeg"));
        assert_eq!(
            (sent.method, &*sent.url),
            ("POST", "https://api.telegram.org/bot1:A/sendPhoto")
        );
        let body = String::from_utf8(sent.body).unwrap();
        let caption =
            "Front door: motion\nMotion in garden at 14:03:12\nhttps://home.example/?camera=door";
        assert!(body.contains("name=\"chat_id\"\r\n\r\n-42\r\n"));
        assert!(body.contains(&format!("name=\"caption\"\r\n\r\n{caption}\r\n")));
        assert!(body.contains(
            "name=\"photo\"; filename=\"picture.jpg\"\r\nContent-Type: image/jpeg\r\n\r\njpeg\r\n"
        ));
        let sent = request(&to(), &sample(), None);
        assert_eq!(sent.url, "https://api.telegram.org/bot1:A/sendMessage");
        let body = String::from_utf8(sent.body).unwrap();
        assert_eq!(body, json!({"chat_id": "-42", "text": caption}).to_string());
    }

    #[test]
    fn a_caption_is_cut_where_telegram_takes_no_more() {
        let alert = Alert {
            text: "😀".repeat(900),
            ..sample()
        };
        let body = String::from_utf8(request(&to(), &alert, Some(b"")).body).unwrap();
        assert_eq!(
            body.matches('😀').count(),
            (CAPTION - "Front door: motion\n".len()) / 2
        );
    }

    #[test]
    fn an_answer_says_what_is_wrong_and_when_to_come_again() {
        let body = r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":7}}"#;
        assert_eq!(
            (said(body), retry_after(body)),
            ("Too Many Requests".into(), Some(Duration::from_secs(7)))
        );
        assert_eq!(
            (said("<html>"), retry_after("<html>")),
            ("<html>".into(), None)
        );
    }
}
