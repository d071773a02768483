//! MJPEG clients that behave. They are told of nothing that is left out, so the server's own count of it has to fit.
//!
//! Viewers of the WebSocket are the business of [`super::honest`].

use super::census::{get, lost};
use super::{Crowd, connect};
use crate::PATIENCE;
use anyhow::{Context as _, Result, anyhow, ensure};
use pistreamer_protocol::Stamp;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What one client has got.
struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    first: Option<u64>,
    last: u64,
    frames: u64,
}

impl Client {
    async fn connect(crowd: &Crowd, address: [u8; 4]) -> Result<Self> {
        let mut stream = connect(address, crowd.server).await?;
        let address = stream.local_addr()?;
        let request = b"GET /stream.mjpg?camera=0 HTTP/1.0\r\n\r\n";
        stream.write_all(request).await?;
        let mut client = Self {
            stream: BufReader::new(stream),
            address,
            first: None,
            last: 0,
            frames: 0,
        };
        client.headers().await?;
        Ok(client)
    }

    /// What stands before the next empty line: the length, where it says one.
    async fn headers(&mut self) -> Result<Option<usize>> {
        let mut length = None;
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line).await?;
            ensure!(read > 0, "the stream ended");
            if line.trim().is_empty() {
                return Ok(length);
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = Some(value.trim().parse()?);
            }
        }
    }

    /// The next part. One without a stamp is no frame but a word about the camera.
    async fn part(&mut self) -> Result<()> {
        let reading = async {
            let length = self.headers().await?.context("a part has no length")?;
            let mut jpeg = vec![0; length];
            self.stream.read_exact(&mut jpeg).await?;
            let mut end = [0; 2];
            self.stream.read_exact(&mut end).await?;
            Ok::<_, anyhow::Error>(jpeg)
        };
        let jpeg = timeout(PATIENCE, reading).await;
        let jpeg = jpeg.map_err(|_| anyhow!("nothing comes any more"))??;
        pistreamer_protocol::jpeg::inspect(&jpeg)?;
        if let Some(stamp) = Stamp::read(&jpeg) {
            let seq = stamp.seq;
            ensure!(seq > self.last, "frame {seq} came after {}", self.last);
            self.first.get_or_insert(seq);
            self.last = seq;
            self.frames += 1;
        }
        Ok(())
    }

    /// Frames that neither came nor were counted as left out, by the server's count at some moment, and that count.
    async fn missing(&mut self, server: SocketAddr) -> Result<(i64, u64)> {
        let answer = get(server, "/api/v1/status").await?;
        let body = answer.windows(4).position(|at| at == b"\r\n\r\n");
        let status: Value = serde_json::from_slice(&answer[body.context("no status")? + 4..])?;
        let viewers = status["viewers"].as_array().context("no viewers")?;
        let address = self.address.to_string();
        let own = viewers.iter().find(|viewer| viewer["address"] == address);
        let own = own.context("the server does not know its client")?;
        let count = |what| own[what].as_u64().context("no count");
        let (sent, skipped) = (count("sent")?, count("skipped")?);
        while self.frames < sent {
            self.part().await?;
        }
        let produced = self.first.map_or(0, |first| self.last - first + 1);
        Ok((produced as i64 - (self.frames + skipped) as i64, skipped))
    }
}

/// One client's session of this length.
///
/// # Errors
/// Whatever the server does wrong.
pub async fn look(
    crowd: &Crowd,
    address: [u8; 4],
    mut chance: fastrand::Rng,
    life: Duration,
) -> Result<()> {
    let lost_before = lost(crowd.server).await?;
    let mut client = Client::connect(crowd, address).await?;
    let end = Instant::now() + life;
    while Instant::now() < end {
        client.part().await?;
        if chance.u8(..20) == 0 {
            tokio::time::sleep(Duration::from_millis(chance.u64(..400))).await;
        }
    }
    // The count may be read in the middle of its change.
    let deadline = Instant::now() + PATIENCE;
    let skipped = loop {
        let (missing, skipped) = client.missing(crowd.server).await?;
        let lost = lost(crowd.server).await? - lost_before;
        if (0..=lost).contains(&missing) {
            break skipped;
        }
        ensure!(
            Instant::now() < deadline,
            "of frames {} to {} {} came and {skipped} are counted as skipped; the camera lost {lost}",
            client.first.unwrap_or_default(),
            client.last,
            client.frames,
        );
        client.part().await?;
    };
    let mut seen = crowd.seen();
    seen.viewers += 1;
    seen.accounts += 1;
    seen.frames += client.frames;
    seen.skipped += skipped;
    Ok(())
}
