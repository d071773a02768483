//! Clients that misbehave: each visit does one thing wrong, and whatever the server answers is right, as long as the others
//! see nothing of it.

use super::honest::{Manner, Viewer};
use super::{Crowd, connect};
use anyhow::Result;
use futures::SinkExt as _;
use pistreamer_protocol::WireFormat;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

/// No visit takes longer. Long enough for the server to notice a client that reads nothing any more.
const LONGEST: Duration = Duration::from_secs(8);

/// One visit, until it ends, or for this long.
pub async fn visit(crowd: &Crowd, address: [u8; 4], mut chance: fastrand::Rng, most: Duration) {
    let visiting = async {
        match chance.u8(..8) {
            0 => stream(crowd, address, &mut chance).await,
            1 => ask(crowd, address, &mut chance).await,
            2 => half(crowd, address, &mut chance).await,
            3 => reload(crowd, address, &mut chance).await,
            _ => lie(crowd, address, &mut chance).await,
        }
    };
    // How it ended is the visitor's own business.
    drop(timeout(LONGEST.min(most), visiting).await);
}

/// Takes nothing for a while, now and then for longer than the server bears.
async fn stand_still(chance: &mut fastrand::Rng) {
    let most = if chance.u8(..8) == 0 { 8000 } else { 2000 };
    sleep(Duration::from_millis(chance.u64(..most))).await;
}

async fn read_a_while(stream: &mut TcpStream, chance: &mut fastrand::Rng) -> Result<()> {
    let mut piece = vec![0; 64 << 10];
    for _ in 0..chance.usize(..40) {
        if stream.read(&mut piece).await? == 0 {
            break;
        }
        if chance.u8(..10) == 0 {
            sleep(Duration::from_millis(chance.u64(..300))).await;
        }
    }
    Ok(())
}

/// An MJPEG client that reads for a while, or stalls, and leaves.
async fn stream(crowd: &Crowd, address: [u8; 4], chance: &mut fastrand::Rng) -> Result<()> {
    let mut stream = connect(address, crowd.server).await?;
    let query = [
        "",
        "?fps=3",
        "?fps=-1",
        "?width=64",
        "?quality=999",
        "?camera=1",
        "?camera=7",
    ];
    let query = query[chance.usize(..query.len())];
    let request = format!("GET /stream.mjpg{query} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    read_a_while(&mut stream, chance).await?;
    if chance.bool() {
        stand_still(chance).await;
    }
    Ok(())
}

/// Requests of every kind, one after the other.
async fn ask(crowd: &Crowd, address: [u8; 4], chance: &mut fastrand::Rng) -> Result<()> {
    let mut stream = connect(address, crowd.server).await?;
    for _ in 0..chance.usize(1..6) {
        let method = ["GET", "GET", "HEAD", "OPTIONS", "POST", "BREW"];
        let path = [
            "/",
            "/snapshot.jpg",
            "/snapshot.jpg?max_age=0",
            "/api/v1/status",
            "/metrics",
            "/healthz",
            "/ws",
            "/ingest",
            "/nothing",
            "/../../etc/passwd",
            "/snapshot.jpg?width=NaN&quality=-1",
            "/api/v1/tickets",
        ];
        let (method, path) = (method[chance.usize(..6)], path[chance.usize(..path.len())]);
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = vec![0; 100_000];
        let reading = stream.read(&mut answer);
        drop(timeout(Duration::from_millis(500), reading).await);
    }
    Ok(())
}

/// A request that is none, or has no end.
async fn half(crowd: &Crowd, address: [u8; 4], chance: &mut fastrand::Rng) -> Result<()> {
    let mut stream = connect(address, crowd.server).await?;
    let mut bytes = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Long: ".to_vec();
    bytes.truncate(chance.usize(..=bytes.len()));
    let mut garbage = vec![b'a'; chance.usize(..100_000)];
    if chance.bool() {
        chance.fill(&mut garbage);
    }
    stream.write_all(&bytes).await?;
    stream.write_all(&garbage).await?;
    sleep(Duration::from_millis(chance.u64(..1000))).await;
    Ok(())
}

fn manner(chance: &mut fastrand::Rng) -> Manner {
    Manner {
        camera: chance.u8(..2),
        wire: WireFormat::ALL[chance.usize(..WireFormat::ALL.len())],
        acks: false,
        choosy: false,
        slow: false,
    }
}

/// A page that is loaded again and again.
async fn reload(crowd: &Crowd, address: [u8; 4], chance: &mut fastrand::Rng) -> Result<()> {
    for _ in 0..chance.usize(1..10) {
        let manner = manner(chance);
        let mut viewer = Viewer::connect(crowd, address, manner).await?;
        if chance.bool() {
            viewer
                .hear(Duration::from_millis(chance.u64(1..100)), false)
                .await?;
        }
    }
    Ok(())
}

/// A viewer that says what is not so, or nothing that makes sense, and may never read.
async fn lie(crowd: &Crowd, address: [u8; 4], chance: &mut fastrand::Rng) -> Result<()> {
    let mut viewer = Viewer::connect(crowd, address, manner(chance)).await?;
    let texts = [
        r#"{"type":"ack","seq":18446744073709551615}"#,
        r#"{"type":"ack","seq":1}"#,
        r#"{"type":"ack"}"#,
        r#"{"type":"want","max_fps":-1.0,"max_width":0,"quality":0}"#,
        r#"{"type":"want","max_fps":1e308,"max_width":4294967295,"quality":255,"unchanged":true}"#,
        r#"{"type":"want","max_fps":1e-308}"#,
        r#"{"type":"want","max_width":"wide"}"#,
        r#"{"type":"pause"}"#,
        r#"{"type":"resume"}"#,
        r#"{"type":"ping","id":18446744073709551615}"#,
        r#"{"type":"control","name":"Gain","value":1e308}"#,
        r#"{"type":"no-such-type"}"#,
        "[]",
        "{",
        "",
    ];
    let often = if chance.u8(..3) == 0 {
        2000
    } else {
        chance.usize(1..20)
    };
    let text = texts[chance.usize(..texts.len())];
    let reads = chance.bool();
    for _ in 0..often {
        let message = match chance.u8(..30) {
            0 => {
                let mut garbage = vec![0; chance.usize(..70_000)];
                chance.fill(&mut garbage);
                Message::binary(garbage)
            }
            1 => Message::Ping(vec![7; 125].into()),
            2 => Message::text(texts[chance.usize(..texts.len())]),
            3 => Message::text("x".repeat(chance.usize(..70_000))),
            _ => Message::text(text),
        };
        viewer.socket.send(message).await?;
        if reads {
            viewer.hear(Duration::from_millis(1), false).await?;
        }
    }
    stand_still(chance).await;
    Ok(())
}
