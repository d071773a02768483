//! The credentials in a request, wherever programs and browsers put them.

use crate::access::{Credential, Password};
use crate::front::query::Query;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Every credential in a request, those meant for this request first.
pub(super) fn credentials(headers: &HeaderMap, query: &Query, cookie: &str) -> Vec<Credential> {
    let mut shown = Vec::new();
    if let Some(ticket) = query.get("ticket") {
        shown.push(Credential::Ticket(ticket.into()));
    }
    if let Some(key) = query.get("key") {
        shown.push(Credential::Key(Password::new(key)));
    }
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '));
    match authorization {
        Some((scheme, text)) if scheme.eq_ignore_ascii_case("basic") => {
            shown.extend(basic(text.trim()));
        }
        Some((scheme, text)) if scheme.eq_ignore_ascii_case("bearer") => {
            shown.push(Credential::Key(Password::new(text.trim())));
        }
        _ => {}
    }
    shown.extend(sessions(headers, cookie).map(|token| Credential::Session(token.into())));
    shown
}

/// The sessions in a request.
pub(in crate::front) fn sessions<'a>(
    headers: &'a HeaderMap,
    cookie: &'a str,
) -> impl Iterator<Item = &'a str> {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    cookies
        .filter(move |(name, _)| *name == cookie)
        .map(|(_, value)| value)
        // One is usual; a browser can be made to send a few.
        .take(4)
}

/// User and password of RFC 7617. The user `camera` stands for any key. Without a password nobody has tried to come in: some
/// programs send that where none was given to them.
fn basic(text: &str) -> Option<Credential> {
    let decoded = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    (!password.is_empty()).then_some(())?;
    Some(Credential::Secret {
        name: (!user.is_empty() && user != "camera").then(|| user.to_owned()),
        secret: Password::new(password),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn credentials_are_found_wherever_programs_put_them() {
        let mut headers = HeaderMap::new();
        let mut found = |name: header::HeaderName, value: &str, query: &str| {
            headers.clear();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            let shown = credentials(&headers, &Query::parse(query), "pistreamer-x");
            shown
                .into_iter()
                .map(|credential| match credential {
                    Credential::Key(_) => "key".into(),
                    Credential::Secret { name, .. } => format!("secret of {name:?}"),
                    Credential::Code(_) => "code".into(),
                    Credential::Session(text) => format!("session {text}"),
                    Credential::Ticket(text) => format!("ticket {text}"),
                })
                .collect::<Vec<_>>()
                .join(", ")
        };
        let authorization = header::AUTHORIZATION;
        // camera:abc and anna:a:b
        assert_eq!(
            found(authorization.clone(), "Basic Y2FtZXJhOmFiYw==", ""),
            "secret of None"
        );
        assert_eq!(
            found(authorization.clone(), "basic YW5uYTphOmI=", ""),
            "secret of Some(\"anna\")"
        );
        assert_eq!(found(authorization.clone(), "Bearer abc", ""), "key");
        assert_eq!(found(authorization.clone(), "Basic ???", ""), "");
        // ":" and "camera:"
        assert_eq!(found(authorization.clone(), "Basic Og==", ""), "");
        assert_eq!(found(authorization.clone(), "Basic Y2FtZXJhOg==", ""), "");
        assert_eq!(found(authorization, "Digest x", ""), "");
        assert_eq!(
            found(header::COOKIE, "a=b; pistreamer-x=s.1; pistreamer-y=no", ""),
            "session s.1"
        );
        assert_eq!(
            found(header::COOKIE, "a=b", "ticket=t&key=k"),
            "ticket t, key"
        );
    }
}
