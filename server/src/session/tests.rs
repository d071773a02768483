//! Sessions by a clock that is set: what would take half a minute.

use super::*;
use crate::camera::Camera;
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

const CONFIG: Config = Config {
    send_timeout: Duration::from_secs(10),
    ping_interval: Duration::from_secs(20),
};

/// A text of a viewer's, masked with zeros.
fn said(text: &str) -> Vec<u8> {
    let mut message = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    message.extend(text.as_bytes());
    message
}

/// The end of a session of a camera without frames, with whoever is at the other end.
async fn session(ours: DuplexStream) -> End {
    let config = hub::Config {
        most: 1,
        quality: 80,
    };
    let camera = Camera::idle("0", config).unwrap();
    let roster = Roster::default();
    let viewer = roster.viewer(([127, 0, 0, 1], 1).into(), "0", "jpeg");
    let link = Link::new(ours, Vec::new()).await;
    let entry = roster.enter(viewer);
    let never = std::future::pending();
    run(
        link,
        camera.subscribe(Limits::default()),
        WireFormat::Jpeg,
        entry,
        CONFIG,
        never,
    )
    .await
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_answers_no_ping_goes_within_half_a_minute_also_while_it_is_paused() {
    for says in [r#"{"type":"pause"}"#, r#"{"type":"want"}"#] {
        let (ours, mut theirs) = duplex(1 << 16);
        let began = Instant::now();
        theirs.write_all(&said(says)).await.unwrap();
        // Its system takes everything, and its program hangs.
        let taking = async {
            let mut taken = Vec::new();
            theirs.read_to_end(&mut taken).await
        };
        let (end, taken) = futures::future::join(session(ours), taking).await;
        taken.unwrap();
        assert!(matches!(end, End::Stalled(_)), "{says}: {end}");
        assert!(
            began.elapsed() <= Duration::from_secs(31),
            "{says}: {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_answers_pings_may_be_paused_for_hours() {
    let (ours, mut theirs) = duplex(1 << 16);
    theirs
        .write_all(&said(r#"{"type":"pause"}"#))
        .await
        .unwrap();
    let mut viewer = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
    let answering = async { while let Some(Ok(_)) = viewer.next().await {} };
    let hours = Duration::from_secs(4 * 3600);
    let both = futures::future::join(session(ours), answering);
    assert!(timeout(hours, both).await.is_err(), "it was let go");
}
