//! A program that is called by HTTP: JSON, or a form with the JSON and the picture where the URL has `picture=1`.

use super::multipart::Form;
use super::{Request, separated};
use crate::Alert;
use url::Url;

pub(super) fn request(url: &Url, alert: &Alert, picture: Option<&[u8]>) -> Request {
    let wants = url
        .query_pairs()
        .any(|(name, value)| name == "picture" && value == "1");
    let (url, allowed) = separated(url);
    let json = alert.json();
    let (kind, body) = match picture.filter(|_| wants) {
        Some(picture) => {
            let mut form = Form::around(&[json.as_bytes(), picture]);
            form.text("alert", Some("application/json"), &json);
            form.jpeg("picture", picture);
            form.end()
        }
        None => (
            ("Content-Type", "application/json".into()),
            json.into_bytes(),
        ),
    };
    Request {
        method: "POST",
        url,
        headers: [kind].into_iter().chain(allowed).collect(),
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::sample;

    #[test]
    fn the_json_is_the_body_and_a_form_where_the_picture_is_wanted() {
        let url = |text: &str| text.parse::<Url>().unwrap();
        let sent = request(&url("https://h/hook?a=b#c"), &sample(), Some(b"jpeg"));
        assert_eq!((sent.method, &*sent.url), ("POST", "https://h/hook?a=b"));
        assert_eq!(sent.headers, [("Content-Type", "application/json".into())]);
        assert_eq!(sent.body, sample().json().into_bytes());
        let sent = request(
            &url("https://u:p@h/hook?picture=1"),
            &sample(),
            Some(b"jpeg"),
        );
        let body = String::from_utf8(sent.body).unwrap();
        assert!(body.contains(
            "name=\"alert\"\r\nContent-Type: application/json\r\n\r\n{\"kind\":\"motion\""
        ));
        assert!(body.contains(
            "name=\"picture\"; filename=\"picture.jpg\"\r\nContent-Type: image/jpeg\r\n\r\njpeg\r\n"
        ));
        assert_eq!(sent.headers[1], ("Authorization", "Basic dTpw".into()));
        let sent = request(&url("https://h/hook?picture=1"), &sample(), None);
        assert_eq!(sent.body, sample().json().into_bytes());
    }
}
