//! Who we are, for a camera that asks: Basic (RFC 7617) and Digest (RFC 7616) authentication.
//!
//! Nothing is said to a camera that doesn't ask, and a password itself goes only to one that knows nothing better.
//! Requests belong to `get`.

use axum::http::{HeaderMap, HeaderValue, header};
use digest_auth::{AlgorithmType, AuthContext, Qop, WwwAuthenticateHeader};
use pistreamer_client::Endpoint;

/// How a camera wants to know who we are.
#[derive(Debug, Default)]
pub enum Login {
    /// It hasn't asked.
    #[default]
    Unasked,
    /// By user and password.
    Basic,
    /// By proof of knowing the password.
    Digest(Box<WwwAuthenticateHeader>),
}

/// What to do when the camera asks and nothing is known.
pub(super) const MISSING: &str = "give user and password as in http://USER:PASSWORD@HOST/PATH";

/// What to do when the camera still refuses.
pub(super) const WRONG: &str = "the user or the password is not right";

impl Login {
    /// The `Authorization` of a GET, where the camera has asked for one.
    pub fn header(&mut self, endpoint: &Endpoint) -> Option<HeaderValue> {
        let credentials = endpoint.credentials.as_ref()?;
        let value = match self {
            Self::Unasked => return None,
            Self::Basic => credentials.basic(),
            Self::Digest(challenge) => {
                let context = AuthContext::new(
                    credentials.user(),
                    credentials.password(),
                    endpoint.path.as_str(),
                );
                challenge.respond(&context).ok()?.to_string()
            }
        };
        let mut value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Takes the challenges of an answer with status 401. Afterwards the same request is worth another attempt.
    ///
    /// # Errors
    /// Where it isn't, with what to do.
    pub fn challenged(
        &mut self,
        headers: &HeaderMap,
        endpoint: &Endpoint,
    ) -> Result<(), &'static str> {
        if endpoint.credentials.is_none() {
            return Err(MISSING);
        }
        let values = headers.get_all(header::WWW_AUTHENTICATE);
        let challenges: Vec<_> = values
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(challenges)
            .collect();
        let digest = challenges
            .iter()
            .filter_map(|challenge| challenge.digest())
            .max_by_key(strength);
        // Simple cameras say 401 and no more.
        let basic = challenges.is_empty() || challenges.iter().any(|one| one.is("basic"));
        *self = match (digest, &self) {
            (Some(digest), _) => Self::Digest(Box::new(digest)),
            (None, Self::Basic) => return Err(WRONG),
            (None, _) if basic => Self::Basic,
            (None, _) => return Err("it asks for neither Basic nor Digest authentication"),
        };
        Ok(())
    }
}

fn strength(digest: &WwwAuthenticateHeader) -> u8 {
    match digest.algorithm.algo {
        AlgorithmType::MD5 => 0,
        AlgorithmType::SHA2_256 => 1,
        AlgorithmType::SHA2_512_256 => 2,
    }
}

/// One challenge of a `WWW-Authenticate` header.
struct Challenge<'a> {
    scheme: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl Challenge<'_> {
    fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The challenge as one that can be answered.
    fn digest(&self) -> Option<WwwAuthenticateHeader> {
        if !self.is("digest") {
            return None;
        }
        let parameters: Vec<_> = self
            .parameters
            .iter()
            .map(|(name, value)| format!("{}={value}", name.to_ascii_lowercase()))
            .collect();
        let digest = WwwAuthenticateHeader::parse(&parameters.join(", ")).ok()?;
        let answerable = |qop: &Vec<Qop>| qop.contains(&Qop::AUTH);
        digest.qop.as_ref().is_none_or(answerable).then_some(digest)
    }
}

/// The challenges of one header (RFC 9110 §11.6.1), in which commas part both parameters and challenges.
fn challenges(header: &str) -> Vec<Challenge<'_>> {
    let mut challenges: Vec<Challenge<'_>> = Vec::new();
    for item in super::items(header, ',') {
        let (name, value) = match item.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (item, None),
        };
        let (scheme, name) = match name.rsplit_once(char::is_whitespace) {
            Some((scheme, name)) => (Some(scheme.trim()), name),
            None if value.is_none() => (Some(name), ""),
            None => (None, name),
        };
        if let Some(scheme) = scheme {
            challenges.push(Challenge {
                scheme,
                parameters: Vec::new(),
            });
        }
        if let (Some(challenge), Some(value)) = (challenges.last_mut(), value) {
            challenge.parameters.push((name, value));
        }
    }
    challenges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint::parse(
            "http://Mufasa:Circle%20of%20Life@cam/dir/index.html",
            &super::super::SCHEMES,
        )
        .unwrap()
    }

    fn asked(headers: &[&str]) -> Result<Login, &'static str> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(header::WWW_AUTHENTICATE, value.parse().unwrap());
        }
        let mut login = Login::default();
        login.challenged(&map, &endpoint()).map(|()| login)
    }

    fn answer(headers: &[&str]) -> String {
        let header = asked(headers).unwrap().header(&endpoint()).unwrap();
        header.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_best_challenge_is_answered() {
        let md5 = r#"Digest realm="a, \"b\", c", nonce="n", qop="auth,auth-int""#;
        let sha = r#"Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth""#;
        let unknown = r#"Digest realm="r", nonce="n", algorithm=SHA-3"#;
        let basic = r#"Basic realm="r, s""#;
        let both = format!("{basic}, {sha}");
        for (headers, beginning, algorithm) in [
            (vec![basic], "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl", ""),
            (vec![], "Basic ", ""),
            (vec!["basic"], "Basic ", ""),
            (vec![unknown, basic], "Basic ", ""),
            (vec!["Negotiate", md5, basic], "Digest ", "algorithm=MD5"),
            (vec![md5, sha], "Digest ", "algorithm=SHA-256"),
            (vec![sha, md5], "Digest ", "algorithm=SHA-256"),
            (vec![both.as_str()], "Digest ", "algorithm=SHA-256"),
            (
                vec![r#"DIGEST Realm = "r",Nonce="n" , QOP = auth"#],
                "Digest ",
                "algorithm=MD5",
            ),
        ] {
            let answer = answer(&headers);
            assert!(
                answer.starts_with(beginning) && answer.contains(algorithm),
                "{headers:?}: {answer}"
            );
        }
        assert!(answer(&[md5]).contains(r#"realm="a, \"b\", c""#));
    }

    #[test]
    fn what_cannot_be_answered_is_said() {
        let error = |headers: &[&str]| asked(headers).unwrap_err();
        assert!(error(&["NTLM"]).contains("neither Basic nor Digest"));
        assert!(error(&[r#"Digest realm="r""#]).contains("neither Basic nor Digest"));
        assert!(
            error(&[r#"Digest realm="r", nonce="n", qop="auth-int""#])
                .contains("neither Basic nor Digest")
        );
        let nobody = Endpoint::parse("http://cam/", &super::super::SCHEMES).unwrap();
        let mut login = Login::default();
        let said = login.challenged(&HeaderMap::new(), &nobody);
        assert!(said.unwrap_err().contains("USER:PASSWORD"));
        assert_eq!(login.header(&nobody), None);
        let mut refused = asked(&[]).unwrap();
        assert_eq!(
            refused.challenged(&HeaderMap::new(), &endpoint()),
            Err(WRONG)
        );
    }

    #[test]
    fn requests_with_the_same_nonce_are_counted() {
        let mut login = asked(&[r#"Digest realm="r", nonce="n", qop="auth""#]).unwrap();
        for count in ["nc=00000001", "nc=00000002"] {
            let answer = login.header(&endpoint()).unwrap();
            assert!(answer.to_str().unwrap().contains(count));
            assert!(answer.is_sensitive());
        }
    }

    #[test]
    fn any_header_is_outlived() {
        for header in [
            "=",
            ",",
            "\"",
            "a=\"",
            "Digest",
            "Digest =",
            "Digest a",
            "Digest \\\"=,\"\\",
        ] {
            let _ = asked(&[header]);
        }
    }
}
