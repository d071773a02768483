//! Clients that push pictures to the second camera, mostly in a wrong way.

use super::{Crowd, connect};
use anyhow::{Result, ensure};
use futures::SinkExt as _;
use pistreamer_protocol::{Stamp, jpeg};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

/// No visit takes longer.
const LONGEST: Duration = Duration::from_secs(3);

/// Comes, pushes some pictures, fails in some way, and is gone.
pub async fn visit(crowd: &Crowd, address: [u8; 4], mut chance: fastrand::Rng) {
    // How it ended is the pusher's own business.
    drop(timeout(LONGEST, push(crowd, address, &mut chance)).await);
}

async fn push(crowd: &Crowd, address: [u8; 4], chance: &mut fastrand::Rng) -> Result<()> {
    // A picture is what the other camera shows.
    let answer = super::census::get(crowd.server, "/snapshot.jpg?camera=0").await?;
    let start = answer.windows(2).position(|at| at == jpeg::SOI);
    let picture = answer[start.unwrap_or(answer.len())..].to_vec();
    ensure!(!picture.is_empty(), "there is no picture to push");
    let stream = connect(address, crowd.server).await?;
    let url = format!("ws://{}/ingest?camera=1", crowd.server);
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await?;
    for number in 0..chance.u64(..30) {
        let stamp = Stamp {
            seq: if chance.u8(..10) == 0 {
                chance.u64(..)
            } else {
                number
            },
            captured_us: chance.u64(..),
            camera: "far".into(),
        };
        socket.feed(Message::binary(stamp.write(&picture)?)).await?;
        socket.flush().await?;
        sleep(Duration::from_millis(chance.u64(..30))).await;
    }
    let mut bent = picture;
    match chance.u8(..6) {
        0 => bent.truncate(chance.usize(..bent.len())),
        1 => chance.fill(&mut bent),
        2 => bent.extend_from_slice(&[0; 1000]),
        3 => {
            let at = chance.usize(..bent.len());
            bent[at] = chance.u8(..);
        }
        4 => {
            let text = r#"{"type":"state","state":"no-signal","reason":"the pusher says so"}"#;
            socket.send(Message::text(text)).await?;
        }
        _ => {
            // Cut off in the middle of a message.
            let stream = socket.get_mut();
            stream
                .write_all(&[0x82, 0xFF, 0, 0, 0, 0, 0, 0x0F, 0, 0])
                .await?;
            stream.write_all(&bent).await?;
            return Ok(());
        }
    }
    socket.send(Message::binary(bent)).await?;
    sleep(Duration::from_millis(chance.u64(..100))).await;
    Ok(())
}
