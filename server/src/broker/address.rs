//! A broker's URL: `nats://HOST`, or `tls://HOST` where it is to be encrypted in any case, with options behind `?`.

use percent_encoding::percent_decode_str;
use pistreamer_client::Endpoint;
use pistreamer_fleet::login::{Key, Login};
use std::fmt;
use std::path::{Path, PathBuf};

/// A broker, and who this program is to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Broker {
    pub endpoint: Endpoint,
    /// A file of credentials, as `nsc` makes it.
    creds: Option<PathBuf>,
    /// A file with the seed of an NKEY.
    nkey: Option<PathBuf>,
    /// A file with the certificates that are trusted in place of the system's.
    ca: Option<PathBuf>,
    /// The camera's name at the broker, where it is not its id.
    pub camera: Option<String>,
    /// Most cameras that appear by themselves.
    pub most: usize,
    /// Most frames a second of each of them; `None` is all.
    pub fps: Option<f64>,
    /// What subjects begin with at which this program is answered.
    pub inbox: Option<String>,
}

/// A broker's usual port.
const PORT: u16 = 4222;

/// Schemes of a broker's URL, each with whether it is encrypted in any case.
const SCHEMES: [(&str, bool); 2] = [("nats", false), ("tls", true)];

/// Cameras that appear by themselves, where nothing else was said, and at most.
const USUAL_MOST: usize = 100;
const LARGEST_MOST: usize = 1000;

impl Broker {
    /// Whether a text is the URL of a broker.
    pub(crate) fn is_url(text: &str) -> bool {
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        SCHEMES
            .iter()
            .any(|(known, _)| scheme.eq_ignore_ascii_case(known))
    }

    /// Takes a URL apart.
    ///
    /// # Errors
    /// Where it is none, or has an option that there is not. Shows no credentials.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let endpoint = Endpoint::parse(&with_port(url.trim()), &SCHEMES);
        let endpoint = endpoint.map_err(|error| error.to_string())?;
        let (path, query) = endpoint
            .path
            .split_once('?')
            .unwrap_or((&endpoint.path, ""));
        if path != "/" {
            return Err(format!(
                "{} is a broker, which has no path: leave {path} out",
                endpoint.authority()
            ));
        }
        let mut broker = Self {
            creds: None,
            nkey: None,
            ca: None,
            camera: None,
            most: USUAL_MOST,
            fps: None,
            inbox: None,
            endpoint: endpoint.clone(),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            if value.is_empty() {
                return Err(format!("a broker's {name} is empty"));
            }
            match name {
                "creds" => broker.creds = Some(value.into()),
                "nkey" => broker.nkey = Some(value.into()),
                "ca" => broker.ca = Some(value.into()),
                "camera" => broker.camera = Some(value),
                "inbox" if is_subject(&value) => broker.inbox = Some(value),
                "inbox" => {
                    return Err(
                        "a broker's inbox is letters, digits, - and _, with points between".into(),
                    );
                }
                "cameras" => {
                    let count = value
                        .parse()
                        .ok()
                        .filter(|most| (1..=LARGEST_MOST).contains(most));
                    broker.most = count
                        .ok_or_else(|| format!("a broker's cameras are 1 to {LARGEST_MOST}"))?;
                }
                "fps" => {
                    let fps = value.parse().ok().filter(|fps| (0.1..=240.0).contains(fps));
                    broker.fps = Some(fps.ok_or("a broker's fps are 0.1 to 240")?);
                }
                _ => {
                    return Err(format!(
                        "a broker's URL has no {name:?}: there are creds, nkey, ca, camera, cameras, fps and inbox"
                    ));
                }
            }
        }
        if broker.creds.is_some() && broker.nkey.is_some() {
            return Err("a broker's creds have an NKEY in them: leave nkey out".into());
        }
        Ok(broker)
    }

    /// Whether both are the same place for one camera, whatever the credentials are. Cameras that bring their own ids have places
    /// of their own.
    pub(crate) fn is_place_of(&self, other: &Self) -> bool {
        self.endpoint.authority() == other.endpoint.authority() && self.camera == other.camera
    }

    /// Who this program is to the broker, as its files say now. Blocks.
    ///
    /// # Errors
    /// Where a file is not as it should be.
    pub(super) fn login(&self) -> Result<Login, String> {
        if let Some(file) = &self.creds {
            let text = read(file)?;
            return Login::of_credentials(&text).map_err(|error| about(file, error));
        }
        if let Some(file) = &self.nkey {
            let key = Key::of_seed(&read(file)?).map_err(|error| about(file, error))?;
            return Ok(Login::Key { key, jwt: None });
        }
        Ok(match &self.endpoint.credentials {
            None => Login::Open,
            Some(given) if given.password().is_empty() => Login::Token(given.user().into()),
            Some(given) => Login::Password {
                user: given.user().into(),
                password: given.password().into(),
            },
        })
    }

    /// The certificates that are trusted in place of the system's, as their file is now. Blocks.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(super) fn trusted(&self) -> Result<Option<Vec<u8>>, String> {
        let file = self.ca.as_deref();
        let pem = file.map(|file| std::fs::read(file).map_err(|error| about(file, error)));
        pem.transpose()
    }
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| about(file, error))
}

fn about(file: &Path, error: impl fmt::Display) -> String {
    format!("{}: {error}", file.display())
}

fn is_subject(text: &str) -> bool {
    let is_word = |word: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !word.is_empty() && word.bytes().all(plain)
    };
    text.len() <= 100 && text.split('.').all(is_word)
}

/// The URL with a broker's usual port, where it has none.
fn with_port(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.into();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    let after_address = host.rsplit(']').next().unwrap_or_default();
    if host.is_empty() || after_address.contains(':') {
        url.into()
    } else {
        format!("{scheme}://{authority}:{PORT}{rest}")
    }
}

/// Without credentials.
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.endpoint.tls { "tls" } else { "nats" };
        write!(f, "{scheme}://{}", self.endpoint.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_the_broker_is_and_who_comes() {
        let broker = |url: &str| Broker::parse(url).unwrap();
        for (url, shown) in [
            ("nats://broker", "nats://broker:4222"),
            ("NATS://broker:4223/", "nats://broker:4223"),
            ("tls://me:hunter2@broker?camera=door", "tls://broker:4222"),
            ("nats://[fd00::1]", "nats://[fd00::1]:4222"),
        ] {
            assert_eq!(broker(url).to_string(), shown, "{url}");
            assert!(!format!("{:?}", broker(url)).contains("hunter2"));
        }
        let login = |url: &str| format!("{:?}", broker(url).login().unwrap());
        assert_eq!(login("nats://broker"), "Open");
        assert_eq!(login("nats://me:pw@broker"), "Password(..)");
        assert_eq!(login("nats://t0ken@broker"), "Token(..)");
        let missing = broker("nats://broker?creds=/no/such%20file").login();
        assert!(missing.unwrap_err().starts_with("/no/such file: "));
        let door = broker("nats://a:b@broker?camera=door");
        assert!(door.is_place_of(&broker("nats://broker/?camera=door&ca=x")));
        assert!(!door.is_place_of(&broker("nats://broker")));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_secrets() {
        for (url, says) in [
            ("nats://", "no host"),
            ("nats://me:hunter2@broker/path", "no path"),
            ("nats://me:hunter2@broker?user=x", "creds, nkey, ca"),
            ("nats://broker?creds=", "empty"),
            ("nats://broker?cameras=0", "1 to 1000"),
            ("nats://broker?fps=NaN", "0.1 to 240"),
            ("nats://broker?creds=a&nkey=b", "leave nkey out"),
            ("nats://broker?inbox=a..b", "points between"),
        ] {
            let error = Broker::parse(url).unwrap_err();
            assert!(
                error.contains(says) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
