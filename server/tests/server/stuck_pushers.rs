//! A pusher that sends and reads nothing, so that the server has no room left for what it says: it has to go all the same
//! when its key or its camera goes, and the next pusher comes in.

use crate::reloaded::{HEAD, Server, camera};
use crate::support::{PATIENCE, TestServer, TestViewer, picture};
use futures::SinkExt;
use pistreamer::access::{Entry, Key, Role, Secret, Store};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Comes in as soon as its camera's source runs.
async fn pusher(address: SocketAddr, path: &str) -> WebSocketStream<TcpStream> {
    let connect = async {
        loop {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(4096).unwrap();
            socket.set_send_buffer_size(4096).unwrap();
            let stream = socket.connect(address).await.unwrap();
            if let Ok(viewer) = TestViewer::connect_over(stream, address, path, &[]).await {
                return viewer.socket;
            }
        }
    };
    timeout(PATIENCE, connect).await.expect("it is not let in")
}

/// Nothing goes on for this long where the server takes nothing, rather than slowly.
const STUCK: Duration = Duration::from_secs(5);

/// The server takes nothing more of it, because it takes nothing of what the server says.
async fn stuck_pusher(address: SocketAddr, path: &str) -> WebSocketStream<TcpStream> {
    let mut pusher = pusher(address, path).await;
    let jpeg = picture((16, 16), 90);
    loop {
        let sent = pusher.send(Message::binary(jpeg.clone()));
        match timeout(STUCK, sent).await {
            Ok(sent) => sent.unwrap(),
            Err(_) => return pusher,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pusher_that_reads_nothing_loses_its_place_with_its_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path().into());
    let owner = store.open().unwrap().owners().unwrap().as_str().to_owned();
    let shed = Key::random().unwrap();
    let entry = Entry::new(
        "shed".parse().unwrap(),
        Role::Publish,
        Secret::Key(shed.clone()),
    );
    store.change(|keys| keys.keys.push(entry)).unwrap();
    let server = TestServer::start(|typed| {
        typed.source = vec!["ingest".into()];
        typed.no_auth = false;
        typed.state_dir = Some(directory.path().into());
        typed.send_timeout = Some(3600.0);
    });
    let stuck = stuck_pusher(server.address, &format!("/ingest?key={}", shed.as_str())).await;
    store
        .change(|keys| keys.keys.retain(|entry| entry.name.as_str() != "shed"))
        .unwrap();
    pusher(server.address, &format!("/ingest?key={owner}")).await;
    drop(stuck);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pusher_that_reads_nothing_goes_with_its_camera_and_the_log_says_why() {
    // The send timeout of the server, which would end it after a while.
    let limits = "[limits]\nsend_timeout = 3600\n";
    let door = camera("door", "source = \"pattern\"\nsize = \"160x120\"");
    let shed = camera("shed", "source = \"ingest\"");
    let mut server = Server::start(&(limits.to_owned() + &door + &shed));
    let _stuck = stuck_pusher(server.address, "/ingest?camera=shed").await;
    server.replace(&(HEAD.to_owned() + limits + &door));
    server.hang_up();
    let line = server.log("disconnected");
    assert!(
        line.contains("pusher") && line.contains("Removed"),
        "{line}"
    );
}
