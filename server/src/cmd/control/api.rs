//! One server's HTTP API: a connection for each question, of which the command line has few.

use anyhow::{Context as _, bail};
use bytes::BytesMut;
use pistreamer_client::{Endpoint, UrlError, dial};
use pistreamer_network_camera::body::{Body, Piece};
use pistreamer_network_camera::head::{Found, Head};
use serde_json::Value;
use std::fmt::Write as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
    /// The JSON of an answer.
    pub(super) fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.text)
            .context("what it answers is not what a pistreamer of this version does")
    }
}

impl Api {
    /// The server with that URL, as it opens in a browser.
    ///
    /// # Errors
    /// Where it is no such URL.
    pub(super) fn new(url: &str) -> Result<Self, UrlError> {
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
    pub(super) fn has_code(&self) -> bool {
        self.endpoint.code.is_some()
    }

    /// The same, with that key.
    pub(super) fn with_key(mut self, key: &str) -> Self {
        self.endpoint.credentials = None;
        self.query = format!("?key={key}");
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
        let mut stream = dial::dial(&self.endpoint, PATIENCE).await?;
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut came = BytesMut::new();
        let head = loop {
            if let Found::Head(head, len) = Head::read(&came)? {
                let _ = came.split_to(len);
                break head;
            }
            if stream.read_buf(&mut came).await? == 0 {
                bail!("it closed the connection without an answer");
            }
        };
        let mut body = Body::new(head.framing());
        let mut text = Vec::new();
        loop {
            match body.take(&mut came)? {
                Piece::Data(data) => text.extend_from_slice(&data),
                Piece::End => break,
                // Some end TLS without saying so.
                Piece::More if stream.read_buf(&mut came).await.unwrap_or(0) == 0 => break,
                Piece::More => {}
            }
            if text.len() > LARGEST {
                bail!("its answer has more than {LARGEST} bytes");
            }
        }
        Ok(Answer {
            status: head.status.as_u16(),
            text: String::from_utf8_lossy(&text).trim_end().into(),
        })
    }
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
