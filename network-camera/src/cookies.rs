//! Cookies (RFC 6265) as far as cameras use them: one that is set with a redirect has to come back with the next request.
//!
//! Each goes back only to the host that set it; paths and expiry dates make no difference here.

use http::{HeaderMap, HeaderValue, header};
use pistreamer_client::Endpoint;

/// The cookies of one source.
#[derive(Debug, Default)]
pub struct Jar(Vec<Cookie>);

struct Cookie {
    host: String,
    name: String,
    value: String,
    /// True if it must only be sent encrypted.
    secure: bool,
}

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The value may stand for a password.
        write!(f, "{}@{}", self.name, self.host)
    }
}

/// Maximum number of cookies; the oldest is dropped first.
const MOST: usize = 32;

/// Longest cookie in bytes.
const LONGEST: usize = 4096;

impl Jar {
    /// Stores the cookies that a response of `from` sets.
    pub fn keep(&mut self, from: &Endpoint, headers: &HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let Some((pair, attributes)) = cookie.to_str().ok().map(parted) else {
                continue;
            };
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let (name, value) = (name.trim(), value.trim());
            if name.is_empty() || pair.len() > LONGEST {
                continue;
            }
            let attribute = |wanted: &str| {
                let mut attributes = attributes
                    .split(';')
                    .map(|attribute| attribute.split_once('=').unwrap_or((attribute, "")));
                attributes.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
            };
            let host = from.host.to_ascii_lowercase();
            self.0
                .retain(|kept| (&*kept.name, &kept.host) != (name, &host));
            let max_age = attribute("Max-Age").and_then(|(_, age)| age.trim().parse::<i64>().ok());
            if max_age.is_some_and(|age| age <= 0) {
                continue;
            }
            if self.0.len() == MOST {
                self.0.remove(0);
            }
            self.0.push(Cookie {
                host,
                name: name.to_owned(),
                value: value.to_owned(),
                secure: attribute("Secure").is_some(),
            });
        }
    }

    /// The `Cookie` header of a request to `to`, where there is one to send.
    pub fn header(&self, to: &Endpoint) -> Option<HeaderValue> {
        let theirs = self
            .0
            .iter()
            .filter(|cookie| cookie.host.eq_ignore_ascii_case(&to.host))
            .filter(|cookie| to.tls || !cookie.secure);
        let pairs: Vec<_> = theirs
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        let header = (!pairs.is_empty()).then(|| pairs.join("; "))?;
        HeaderValue::from_str(&header).ok()
    }
}

/// A cookie's name and value, and its attributes.
fn parted(cookie: &str) -> (&str, &str) {
    cookie.split_once(';').unwrap_or((cookie, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMES: [(&str, bool); 2] = [("http", false), ("https", true)];

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::parse(url, &SCHEMES).unwrap()
    }

    fn set(jar: &mut Jar, from: &str, cookie: &str) {
        let mut headers = HeaderMap::new();
        headers.append(header::SET_COOKIE, cookie.parse().unwrap());
        jar.keep(&endpoint(from), &headers);
    }

    fn sent(jar: &Jar, to: &str) -> String {
        let header = jar.header(&endpoint(to));
        header.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn cookies_go_back_to_the_host_that_set_them_and_nowhere_else() {
        let mut jar = Jar::default();
        set(&mut jar, "http://cam/", "session=a=b; Path=/; HttpOnly");
        set(&mut jar, "http://CAM:81/", " other = c ");
        set(&mut jar, "https://cam/", "secret=d; secure");
        assert_eq!(sent(&jar, "http://cam:82/x"), "session=a=b; other=c");
        assert_eq!(sent(&jar, "https://cam/"), "session=a=b; other=c; secret=d");
        for other in ["http://cam2/", "http://a.cam/", "http://am/"] {
            assert_eq!(sent(&jar, other), "", "{other}");
        }
        assert!(!format!("{jar:?}").contains("a=b"));
    }

    #[test]
    fn a_cookie_is_replaced_taken_back_or_not_kept_at_all() {
        let mut jar = Jar::default();
        set(&mut jar, "http://cam/", "a=1");
        set(&mut jar, "http://cam/", "a=2; Max-Age=60");
        assert_eq!(sent(&jar, "http://cam/"), "a=2");
        set(&mut jar, "http://cam/", "a=; Max-Age=0");
        for none in ["", "a", "=a", ";a=b", &format!("a={}", "x".repeat(5000))] {
            set(&mut jar, "http://cam/", none);
        }
        assert_eq!(sent(&jar, "http://cam/"), "");
        for number in 0..100 {
            set(&mut jar, "http://cam/", &format!("c{number}=1"));
        }
        assert_eq!(jar.0.len(), MOST);
        assert!(sent(&jar, "http://cam/").ends_with("; c99=1"));
    }
}
