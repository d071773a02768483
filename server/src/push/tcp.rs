//! Sends picamera's network stream: the length of each JPEG in 32 bits, little-endian, and the JPEG; 0 at the end.
//!
//! Receiving belongs to [`crate::source::tcp`].

use super::{Sending, Stopped};
use crate::camera::{Camera, Push};
use crate::hub::Limits;
use pistreamer_client::Endpoint;
use socket2::SockRef;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Timeout for connecting, and for a listener to take a picture.
const PATIENCE: Duration = Duration::from_secs(10);

/// Unsent bytes that the kernel keeps: few, so that the newest frame is chosen late.
const UNSENT_LOW_WATER: u32 = 64 << 10;

/// The length that ends a stream.
const END: u32 = 0;

/// Pushes until `stop` (`Ok`) or until the connection fails.
pub(super) async fn push(
    camera: &Camera,
    endpoint: &Endpoint,
    push: &Push,
    stop: &CancellationToken,
) -> Result<Stopped, String> {
    let connected = tokio::select! {
        () = stop.cancelled() => return Ok(Stopped::Before),
        connected = patiently(connect(endpoint)) => connected,
    };
    let mut stream = connected.map_err(|error| format!("cannot reach {endpoint}: {error}"))?;
    tracing::info!(%endpoint, "connected");
    let mut sending = Sending::connected(push);
    let broke = |error: io::Error| format!("the connection to {endpoint} broke: {error}");
    let mut subscription = camera.subscribe(Limits::default());
    let mut answer = [0; 64];
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                patiently(stream.write_all(&END.to_le_bytes())).await.map_err(broke)?;
                patiently(stream.shutdown()).await.map_err(broke)?;
                return Ok(Stopped::Connected);
            }
            read = stream.read(&mut answer) => match read {
                Ok(0) => return Err(format!("{endpoint} closed the connection")),
                // The protocol has no messages in this direction.
                Ok(_) => {}
                Err(error) => return Err(broke(error)),
            },
            frame = subscription.newest() => {
                let jpeg = frame.jpeg();
                let Ok(len) = u32::try_from(jpeg.len()) else {
                    continue;
                };
                let image = async {
                    stream.write_all(&len.to_le_bytes()).await?;
                    stream.write_all(jpeg).await
                };
                patiently(image).await.map_err(broke)?;
                sending.sent(&frame);
                push.count_delivered(1);
            }
        }
    }
}

async fn connect(endpoint: &Endpoint) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_LOW_WATER)?;
    Ok(stream)
}

async fn patiently<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
