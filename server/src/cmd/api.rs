//! A server's HTTP API, for commands that ask a running one: a connection for each question, of which there are few.

use crate::access::{Key, Role, Secret, Store};
use crate::cli;
use crate::config::Loaded;
use crate::placeholders;
use crate::util::clock;
use crate::util::http_call::call;
use anyhow::{Context as _, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pistreamer_client::{Endpoint, UrlError};
use serde_json::Value;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tokio::time::timeout;

/// How long a server may take to be reached, and to answer. It waits for the camera itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// Largest answer that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// A server.
#[derive(Debug)]
pub(super) struct Api {
    endpoint: Endpoint,
    /// What stands before the API's paths, and ends in a slash.
    directory: String,
    /// What stands behind them; may be empty.
    query: String,
}

/// What it answers.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Answer {
    /// The answer, unless it is a refusal.
    ///
    /// # Errors
    /// With the refusal's words.
    pub(super) fn good(&self) -> anyhow::Result<&Self> {
        match self.status {
            200..=299 => Ok(self),
            401 => bail!(
                "{}; give --server a URL with a key: http://camera:KEY@HOST:PORT/; `pistreamer key` shows the keys",
                self.text
            ),
            // An older pistreamer has no such path.
            404 if self.text.is_empty() => bail!("the server is of a version without this"),
            _ => bail!("{}", self.text),
        }
    }

    /// The JSON of an answer.
    pub(super) fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.text)
            .context("what it answers is not what a pistreamer of this version does")
    }
}

impl Api {
    /// The server with that URL, else the one of this machine, with a key of its own that is good for that.
    ///
    /// # Errors
    /// Where there is none, or the URL lets nothing in but a browser.
    pub(super) fn of(server: Option<&str>, role: Role) -> anyhow::Result<Self> {
        let api = match server {
            Some(url) => {
                let filled = placeholders::filled(url)?;
                Self::new(&filled).map_err(|error| error.about(url))?
            }
            None => own(role)?,
        };
        if api.has_code() {
            bail!(
                "the link of a device lets in a browser, once: give the server's URL with a key, as in \
                 --server 'http://camera:${{file:/run/secrets/key}}@pi:8000'; `pistreamer key` shows the keys"
            );
        }
        Ok(api)
    }

    /// The path of the camera with that id, or of the first one.
    ///
    /// # Errors
    /// Where the server has none.
    pub(super) async fn camera(&self, id: Option<&str>) -> anyhow::Result<String> {
        let first = || async {
            let cameras = self.ask("GET", "cameras", None).await?;
            let cameras = cameras.good()?.json()?;
            let id = cameras["cameras"][0]["id"].as_str();
            id.map(str::to_owned).context("the server has no camera")
        };
        let id = match id {
            Some(id) => id.to_owned(),
            None => first().await?,
        };
        Ok(format!("cameras/{}", encoded(&id)))
    }

    /// The server with that URL, as it opens in a browser.
    ///
    /// # Errors
    /// Where it is no such URL.
    fn new(url: &str) -> Result<Self, UrlError> {
        const PAGE: &str = "page";
        let endpoint = Endpoint::websocket(url, PAGE)?;
        let (path, query) = match endpoint.path.split_once('?') {
            Some((path, query)) => (path, format!("?{query}")),
            None => (endpoint.path.as_str(), String::new()),
        };
        let end = path.rfind('/').map_or(0, |at| at + 1);
        Ok(Self {
            directory: path[..end].into(),
            query,
            endpoint,
        })
    }

    /// Whether it shows a one-time code, which is for one device alone.
    fn has_code(&self) -> bool {
        self.endpoint.code.is_some()
    }

    /// The same, with that key.
    fn with_key(mut self, key: &str) -> Self {
        self.endpoint.credentials = None;
        self.query = format!("?key={key}");
        self
    }

    /// The same, where values are meant that have to be confirmed.
    pub(super) fn confirmed(mut self) -> Self {
        let first = if self.query.is_empty() { '?' } else { '&' };
        self.query = format!("{}{first}confirmed=1", self.query);
        self
    }

    /// Asks for something of the API.
    ///
    /// # Errors
    /// Where the server is not reached, or answers something else.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let place = self.endpoint.authority();
        let asked = timeout(PATIENCE, self.exchange(method, path, body)).await;
        let asked = asked.unwrap_or_else(|_| bail!("it does not answer"));
        asked.with_context(|| format!("cannot ask the server at {place}"))
    }

    async fn exchange(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut request = format!(
            "{method} {}api/v1/{path}{} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n",
            self.directory,
            self.query,
            self.endpoint.authority(),
            body.len()
        );
        if let Some(credentials) = &self.endpoint.credentials {
            write!(request, "Authorization: {}\r\n", credentials.basic())?;
        }
        write!(request, "\r\n{body}")?;
        let limits = (PATIENCE, LARGEST);
        let answer = call(&self.endpoint, request.as_bytes(), PATIENCE, limits).await?;
        if !answer.is_whole {
            bail!("its answer breaks off, or has more than {LARGEST} bytes");
        }
        Ok(Answer {
            status: answer.head.status.as_u16(),
            text: answer.text,
        })
    }
}

/// The server that would start here with the configuration that is here.
fn own(role: Role) -> anyhow::Result<Api> {
    let loaded = Loaded::new(&cli::Serve::default())
        .context("the configuration does not say where the server is; give --server URL")?;
    let config = loaded.config;
    let Some(mut address) = config.listen.first().copied() else {
        bail!("the configuration names no address to listen on; give --server URL");
    };
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    let scheme = if config.certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let api = Api::new(&format!("{scheme}://{address}/"))?;
    Ok(
        match config.keys.as_ref().and_then(|keys| key(keys, role)) {
            Some(key) => api.with_key(key.as_str()),
            None => api,
        },
    )
}

/// A key of this server's with that role, where this user may read it.
fn key(keys: &Store, role: Role) -> Option<Key> {
    let keys = keys.read().ok()?.keys;
    let mut keys = keys.into_iter().filter(|entry| {
        let is_good = entry.role.includes(role) && entry.cameras.is_none();
        is_good && !entry.has_expired(clock::now_us())
    });
    keys.find_map(|entry| match entry.secret {
        Secret::Key(key) => Some(key),
        Secret::Argon2(_) => None,
    })
}

/// Fit for a path.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_beside_the_page() {
        for (url, directory, query) in [
            ("http://pi:8000", "/", ""),
            ("http://pi:8000/", "/", ""),
            ("https://home/cam/", "/cam/", ""),
            ("https://home/cam/?key=abc", "/cam/", "?key=abc"),
            ("ws://pi:8000/ws?camera=door", "/", "?camera=door"),
        ] {
            let api = Api::new(url).unwrap();
            assert_eq!((&*api.directory, &*api.query), (directory, query), "{url}");
        }
        assert!(Api::new("pi").is_err());
        assert!(Api::new("http://pi/#code=abc").unwrap().has_code());
    }
}
