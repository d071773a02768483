//! The bytes of a message's picture, which may be in a file.

use pistreamer_alerts::outbox::Picture;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long it may take to be read: a disk that hangs costs the picture and not the message.
const PATIENCE: Duration = Duration::from_secs(3);

/// The bytes, where they can be read.
pub(super) async fn bytes_of(picture: Picture) -> Option<Vec<u8>> {
    let reading = spawn_blocking(move || picture.read());
    timeout(PATIENCE, reading).await.ok()?.ok()?.ok()
}
