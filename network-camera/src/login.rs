//! Authentication for cameras that ask for it: Basic (RFC 7617) and Digest (RFC 7616).
//!
//! A camera that doesn't ask gets no credentials, and the password itself goes only to one that offers nothing better.
//! Sending requests is the caller's.

use digest_auth::{Algorithm, AlgorithmType, AuthContext, Charset, Qop, WwwAuthenticateHeader};
use http::{HeaderMap, HeaderValue, header};
use pistreamer_client::Endpoint;

/// The credentials for one camera.
#[derive(Debug, Default)]
pub struct Login {
    scheme: Scheme,
    /// True once the camera has asked for a digest. From then on the password itself is never sent instead.
    knows_better: bool,
}

/// The authentication that a camera asks for.
#[derive(Debug, Default)]
pub enum Scheme {
    /// It hasn't asked.
    #[default]
    Unasked,
    /// By user and password.
    Basic,
    /// By proof of knowing the password.
    Digest(Box<WwwAuthenticateHeader>),
}

/// The request that was answered with status 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// One without credentials, or with an outdated digest.
    First,
    /// One with a digest, whose nonce may have been used up.
    Again,
}

/// Why asking once more is pointless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The camera asks, and no credentials are configured.
    Missing,
    /// The camera has refused the user or the password.
    Wrong,
    /// It asks for the password itself, although it has asked for a proof (Digest) before: something may be in between that
    /// wants to read it.
    Unsafe,
    /// It asks for neither Basic nor Digest authentication.
    Unknown,
}

impl Login {
    /// Starts over, keeping only what must not be forgotten.
    pub fn begin_anew(&mut self) {
        self.scheme = Scheme::Unasked;
    }

    /// The authentication that the camera asks for.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The `Authorization` of a GET, if the camera has asked for one.
    pub fn header(&mut self, endpoint: &Endpoint) -> Option<HeaderValue> {
        let credentials = endpoint.credentials.as_ref()?;
        let value = match &mut self.scheme {
            Scheme::Unasked => return None,
            Scheme::Basic => credentials.basic(),
            Scheme::Digest(challenge) => {
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

    /// Takes the challenges of a response with status 401. Afterwards the request can be repeated.
    ///
    /// # Errors
    /// If that is pointless.
    pub fn challenged(
        &mut self,
        headers: &HeaderMap,
        endpoint: &Endpoint,
    ) -> Result<Asked, Denied> {
        if endpoint.credentials.is_none() {
            return Err(Denied::Missing);
        }
        let lines = lines(headers);
        let challenges: Vec<_> = lines.iter().flat_map(|line| challenges(line)).collect();
        let digest = challenges
            .iter()
            .filter_map(Challenge::digest)
            .max_by_key(strength);
        let asked = match self.scheme {
            Scheme::Digest(_) => Asked::Again,
            Scheme::Unasked | Scheme::Basic => Asked::First,
        };
        // Simple cameras say 401 and no more.
        let basic = lines.is_empty() || challenges.iter().any(|one| one.is("basic"));
        self.scheme = match (digest, &self.scheme) {
            (Some(digest), _) => {
                self.knows_better = true;
                Scheme::Digest(Box::new(digest))
            }
            (None, Scheme::Basic) => return Err(Denied::Wrong),
            // A response to a digest without any challenge refuses the digest.
            (None, Scheme::Digest(_)) if lines.is_empty() => return Err(Denied::Wrong),
            (None, _) if basic && self.knows_better => return Err(Denied::Unsafe),
            (None, _) if basic => Scheme::Basic,
            (None, _) => return Err(Denied::Unknown),
        };
        Ok(asked)
    }
}

/// Returns true if a response with status 401 only says that the digest was outdated.
pub fn is_stale(headers: &HeaderMap) -> bool {
    let lines = lines(headers);
    let mut challenges = lines.iter().flat_map(|line| challenges(line));
    challenges.any(|challenge| challenge.digest().is_some_and(|digest| digest.stale))
}

/// The header lines with challenges. One that is no text is ignored like an unknown scheme.
fn lines(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::WWW_AUTHENTICATE).into_iter();
    values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect()
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

    /// A parameter's value, without its quotes.
    fn parameter(&self, wanted: &str) -> Option<String> {
        let (_, value) = self
            .parameters
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        Some(unquoted(value))
    }

    /// The challenge as one that can be answered. `digest_auth` computes the answer but takes algorithms and qualities of
    /// protection only as the standard spells them; so does `http-auth`, which refuses an empty `qop` besides.
    fn digest(&self) -> Option<WwwAuthenticateHeader> {
        if !self.is("digest") {
            return None;
        }
        let algorithm = self.parameter("algorithm").filter(|name| !name.is_empty());
        let algorithm = match algorithm {
            Some(name) => KNOWN_ALGORITHMS
                .iter()
                .find(|known| known.eq_ignore_ascii_case(&name))?
                .parse()
                .ok()?,
            None => Algorithm::default(),
        };
        let offered = self.parameter("qop").unwrap_or_default();
        let mut offered = offered
            .split([',', ' '])
            .filter(|qop| !qop.is_empty())
            .peekable();
        // An empty offer is none, and then the answer is that of RFC 2069.
        let qop = match offered.peek() {
            Some(_) => Some(vec![
                offered
                    .any(|qop| qop.eq_ignore_ascii_case("auth"))
                    .then_some(Qop::AUTH)?,
            ]),
            None => None,
        };
        let is_true = |name| {
            self.parameter(name)
                .is_some_and(|value| value.eq_ignore_ascii_case("true"))
        };
        Some(WwwAuthenticateHeader {
            domain: None,
            realm: self.parameter("realm")?,
            nonce: self.parameter("nonce")?,
            opaque: self.parameter("opaque"),
            stale: is_true("stale"),
            algorithm,
            qop,
            userhash: is_true("userhash"),
            charset: Charset::UTF8,
            nc: 0,
        })
    }
}

/// Digests that can be computed.
const KNOWN_ALGORITHMS: [&str; 6] = [
    "MD5",
    "MD5-sess",
    "SHA-256",
    "SHA-256-sess",
    "SHA-512-256",
    "SHA-512-256-sess",
];

/// What a value says, whether it is quoted (RFC 9110 §5.6.4) or not.
fn unquoted(value: &str) -> String {
    let Some(quoted) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

/// The challenges of one header (RFC 9110 §11.6.1), in which commas part both parameters and challenges.
fn challenges(header: &str) -> Vec<Challenge<'_>> {
    let mut challenges: Vec<Challenge<'_>> = Vec::new();
    for item in crate::items(header, ',') {
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

    const SCHEMES: [(&str, bool); 2] = [("http", false), ("https", true)];

    fn endpoint() -> Endpoint {
        Endpoint::parse(
            "http://Mufasa:Circle%20of%20Life@cam/dir/index.html",
            &SCHEMES,
        )
        .unwrap()
    }

    fn asked(headers: &[&str]) -> Result<Login, Denied> {
        let mut map = HeaderMap::new();
        for value in headers {
            let value = HeaderValue::from_bytes(value.as_bytes());
            map.append(header::WWW_AUTHENTICATE, value.unwrap());
        }
        let mut login = Login::default();
        login.challenged(&map, &endpoint()).map(|_| login)
    }

    fn answer(headers: &[&str]) -> String {
        let header = asked(headers).unwrap().header(&endpoint()).unwrap();
        String::from_utf8(header.as_bytes().to_vec()).unwrap()
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

    /// What RFC 2617 §3.5 and RFC 2069 say of that user at that path.
    fn expected(answer: &str) -> String {
        let value = |name: &str| {
            let (_, rest) = answer.split_once(&format!(" {name}=")).unwrap();
            rest.split([',', '"'])
                .find(|part| !part.is_empty())
                .unwrap()
        };
        let md5 = |text: String| Algorithm::default().hash_str(&text);
        let user = md5(format!("Mufasa:{}:Circle of Life", value("realm")));
        let uri = md5("GET:/dir/index.html".into());
        let nonce = value("nonce");
        md5(if answer.contains("qop") {
            format!(
                "{user}:{nonce}:{}:{}:auth:{uri}",
                value("nc"),
                value("cnonce")
            )
        } else {
            format!("{user}:{nonce}:{uri}")
        })
    }

    #[test]
    fn challenges_as_cameras_spell_them_are_answered_as_the_standard_does() {
        for challenge in [
            r#"Digest realm="x", nonce="n1", qop="auth", algorithm=md5"#,
            r#"Digest realm="x", nonce="n1", qop="AUTH", algorithm="MD5""#,
            r#"Digest realm="x", nonce="n1", qop="auth-int, Auth", algorithm=Md5"#,
            r#"Digest realm="x", nonce="n1", qop="auth,,unheard-of", algorithm="""#,
            r#"Digest realm="x", nonce="n1", qop="", algorithm=MD5"#,
            r#"Digest realm="x", nonce="n1", qop="#,
            r#"Digest realm="x", nonce="n1", stale=TRUE, charset=utf-8, domain=/ x"#,
            r#"digest REALM=x,NONCE=n1,Opaque="""#,
            "Digest\trealm=\"x\",\tnonce=\"n1\"",
            "Digest realm=\"K\u{e4}mera \\\\x\", nonce=\"n1\"",
        ] {
            let answer = answer(&[challenge]);
            if challenge.contains('K') {
                assert!(answer.contains("realm=\"K\u{e4}mera \\\\x\""), "{answer}");
                continue;
            }
            let response = format!("response=\"{}\"", expected(&answer));
            assert!(answer.contains(&response), "{challenge}: {answer}");
            let has_qop = challenge.to_ascii_lowercase().contains("auth");
            assert_eq!(answer.contains("qop=auth"), has_qop, "{answer}");
        }
    }

    #[test]
    fn a_camera_that_has_asked_for_a_proof_is_never_given_the_password() {
        let proof = r#"Digest realm="r", nonce="n", qop="auth""#;
        let mut map = HeaderMap::new();
        map.append(header::WWW_AUTHENTICATE, proof.parse().unwrap());
        let mut login = Login::default();
        assert_eq!(login.challenged(&map, &endpoint()), Ok(Asked::First));
        for asks in [
            vec![r#"Basic realm="r""#],
            vec![r#"Digest realm="r", nonce="n", algorithm=x"#, "Basic"],
            vec![],
        ] {
            let mut map = HeaderMap::new();
            for value in asks {
                map.append(header::WWW_AUTHENTICATE, value.parse().unwrap());
            }
            login.begin_anew();
            assert_eq!(login.header(&endpoint()), None);
            let refused = login.challenged(&map, &endpoint()).unwrap_err();
            assert_eq!(refused, Denied::Unsafe);
            assert_eq!(login.header(&endpoint()), None);
        }
        assert_eq!(login.challenged(&map, &endpoint()), Ok(Asked::First));
        assert!(matches!(login.scheme(), Scheme::Digest(_)));
        assert_eq!(
            login.challenged(&HeaderMap::new(), &endpoint()),
            Err(Denied::Wrong)
        );
    }

    #[test]
    fn what_cannot_be_answered_is_said() {
        let error = |headers: &[&str]| asked(headers).unwrap_err();
        for unknown in [
            "NTLM",
            r#"Digest realm="r""#,
            r#"Digest realm="r", nonce="n", qop="auth-int""#,
        ] {
            assert_eq!(error(&[unknown]), Denied::Unknown, "{unknown}");
        }
        let nobody = Endpoint::parse("http://cam/", &SCHEMES).unwrap();
        let mut login = Login::default();
        let said = login.challenged(&HeaderMap::new(), &nobody);
        assert_eq!(said, Err(Denied::Missing));
        assert_eq!(login.header(&nobody), None);
        let mut refused = asked(&[]).unwrap();
        assert_eq!(
            refused.challenged(&HeaderMap::new(), &endpoint()),
            Err(Denied::Wrong)
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
