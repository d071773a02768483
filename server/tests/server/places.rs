//! Who gets a place when many want one: everybody who comes at once, and nobody's share keeps the others out.

use crate::abuse::connect_from;
use crate::support::{Flags, PATIENCE, TestServer, TestViewer};
use pistreamer::access::{Entry, Key, Role, Secret, Store};
use pistreamer_protocol::message::ViewerMessage;
use serde_json::Value;
use std::net::SocketAddr;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

/// A server with an owner's key and two keys that may only look.
struct Locked {
    server: TestServer,
    store: Store,
    owner: String,
    door: String,
    shed: String,
    _directory: TempDir,
}

impl Locked {
    fn start(change: impl FnOnce(&mut Flags)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().into());
        let owner = store.open().unwrap().owners().unwrap().as_str().to_owned();
        let [door, shed] = ["door", "shed"].map(|name| {
            let key = Key::random().unwrap();
            let secret = Secret::Key(key.clone());
            let entry = Entry::new(name.parse().unwrap(), Role::View, secret);
            store.change(|keys| keys.keys.push(entry)).unwrap();
            key.as_str().to_owned()
        });
        let server = TestServer::start(|typed| {
            typed.no_auth = false;
            typed.state_dir = Some(directory.path().into());
            change(typed);
        });
        Self {
            server,
            store,
            owner,
            door,
            shed,
            _directory: directory,
        }
    }

    /// A viewer with a key from an address of the loopback network.
    async fn viewer(&self, key: &str, from: u8) -> Result<TestViewer, Error> {
        viewer(&self.server, &format!("/ws?key={key}"), from, &[]).await
    }

    /// Asks as the owner until there are no more connections of clients that were let in than this request's own.
    async fn alone(&self) {
        let path = format!("/metrics?key={}", self.owner);
        let alone = async {
            while !self
                .server
                .get(&path)
                .await
                .contains("\npistreamer_connections 1\n")
            {}
        };
        timeout(PATIENCE, alone).await.expect("a connection stays");
    }
}

async fn viewer(
    server: &TestServer,
    path: &str,
    from: u8,
    headers: &[(&'static str, &str)],
) -> Result<TestViewer, Error> {
    let stream = connect_from(from, server.address).await;
    TestViewer::connect_over(stream, server, path, headers).await
}

/// What a viewer is told that gets no place.
fn refused(came: Result<TestViewer, Error>) -> String {
    let Err(Error::Http(response)) = came else {
        panic!("it was let in");
    };
    assert_eq!(response.status(), 503);
    String::from_utf8(response.into_body().unwrap()).unwrap()
}

/// Whether the server ends this viewer for the sake of another, and says so.
async fn evicted(viewer: &mut TestViewer) -> bool {
    loop {
        match viewer.next().await {
            Some(Message::Close(close)) => return close.unwrap().code == CloseCode::Again,
            Some(_) => {}
            None => return false,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_that_come_at_once_from_one_address_get_in() {
    let locked = Locked::start(|_| ());
    let open = TestServer::start(|_| ());
    let with_key = format!("/ws?key={}", locked.door);
    for (server, path) in [(&locked.server, with_key.as_str()), (&open, "/ws")] {
        // All of them are connected before any has shown that it may look.
        let mut connected = Vec::new();
        for _ in 0..200 {
            connected.push(TcpStream::connect(server.address).await.unwrap());
        }
        let mut viewers = Vec::new();
        for stream in connected {
            let viewer = TestViewer::connect_over(stream, server, path, &[]).await;
            viewers.push(viewer.unwrap());
        }
        for viewer in &mut viewers {
            viewer.frame().await;
        }
    }
    locked.server.stop().await;
    open.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_come_take_no_place_and_are_given_up() {
    let locked = Locked::start(|typed| typed.max_connections = Some(4));
    let mut waiting = Vec::new();
    for number in 0..20 {
        let mut stream = connect_from(2 + number % 4, locked.server.address).await;
        let request = format!(
            "POST /api/v1/tickets?key={} HTTP/1.1\r\nHost: pi\r\nContent-Length: 4000\r\n\r\n[",
            locked.door
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    for key in [&locked.door, &locked.owner] {
        locked.viewer(key, 9).await.unwrap().frame().await;
    }
    for mut stream in waiting {
        let mut answer = String::new();
        let reading = stream.read_to_string(&mut answer);
        let ended = timeout(PATIENCE, reading).await.expect("it waits for ever");
        ended.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_or_ticket_keeps_out_the_owner_or_another_key() {
    let locked = Locked::start(|typed| typed.max_viewers = Some(8));
    let ticket = {
        let body = "{}";
        let headers = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let path = format!("/api/v1/tickets?key={}", locked.shed);
        let answer = locked.server.request("POST", &path, &headers).await;
        let answer = String::from_utf8(answer).unwrap();
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        body["ticket"].as_str().unwrap().to_owned()
    };
    let with_ticket = format!("/ws?ticket={ticket}");
    // Five addresses with one key take every place, and want no frames.
    let mut greedy = Vec::new();
    for number in 0..8 {
        let mut viewer = locked.viewer(&locked.door, 2 + number % 5).await.unwrap();
        viewer.frame().await;
        viewer.say(ViewerMessage::Pause).await;
        greedy.push(viewer);
    }
    let why = refused(locked.viewer(&locked.door, 2).await);
    assert!(
        why.contains("all 8 viewers") && why.contains("8 of them with the same key"),
        "{why}"
    );

    let mut honest = Vec::new();
    for came in [
        locked.viewer(&locked.owner, 9).await,
        locked.viewer(&locked.shed, 9).await,
        viewer(&locked.server, &with_ticket, 9, &[]).await,
        // And the same key elsewhere.
        locked.viewer(&locked.door, 10).await,
    ] {
        let mut came = came.unwrap();
        came.frame().await;
        honest.push(came);
    }
    // Those that took the places come again and again, and push out their own at most.
    for number in 0..20 {
        if let Ok(mut viewer) = locked.viewer(&locked.door, 2 + number % 5).await {
            viewer.say(ViewerMessage::Pause).await;
            greedy.push(viewer);
        }
    }
    for viewer in &mut honest {
        viewer.frame().await;
    }
    assert!(evicted(&mut greedy[7]).await);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_with_one_key_may_fill_the_house_and_the_owner_comes_in() {
    const HOUSE: u8 = 40;
    let locked = Locked::start(|typed| typed.max_viewers = Some(HOUSE.into()));
    let mut audience = Vec::new();
    for from in 0..HOUSE {
        audience.push(locked.viewer(&locked.door, 10 + from).await.unwrap());
    }
    for viewer in &mut audience {
        viewer.frame().await;
    }
    refused(locked.viewer(&locked.door, 9).await);
    let mut owner = locked.viewer(&locked.owner, 9).await.unwrap();
    let seq = owner.frame().await.stamp.seq;
    assert!(evicted(&mut audience.pop().unwrap()).await);
    for viewer in &mut audience {
        while viewer.frame().await.stamp.seq <= seq {}
    }
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_comes_in_from_an_address_whose_connections_are_all_taken() {
    let locked = Locked::start(|typed| typed.max_per_address = Some(4));
    let mut audience = Vec::new();
    for _ in 0..4 {
        let mut viewer = locked.viewer(&locked.door, 5).await.unwrap();
        viewer.frame().await;
        audience.push(viewer);
    }
    let why = refused(locked.viewer(&locked.door, 5).await);
    assert!(why.contains("all 4 connections that one address"), "{why}");
    // Nor do those beside it that say nothing.
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(connect_from(5, locked.server.address).await);
    }
    let mut owner = locked.viewer(&locked.owner, 5).await.unwrap();
    owner.frame().await;
    assert!(evicted(&mut audience.pop().unwrap()).await);
    for viewer in &mut audience {
        viewer.frame().await;
    }
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_places_are_shared_by_the_addresses_that_it_names() {
    let server = TestServer::start(|typed| {
        typed.max_viewers = Some(6);
        typed.trusted_proxy = vec!["127.0.0.1".parse().unwrap()];
    });
    let from = async |address: &str| {
        let headers = [("x-forwarded-for", address)];
        viewer(&server, "/ws", 1, &headers).await
    };
    let mut greedy = Vec::new();
    for _ in 0..6 {
        greedy.push(from("203.0.113.1").await.unwrap());
    }
    refused(from("203.0.113.1").await);
    for other in ["203.0.113.2", "203.0.113.3", "2001:db8::1"] {
        from(other).await.unwrap().frame().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_that_load_the_page_all_at_once_are_no_strangers_once_they_have_a_session() {
    let locked = Locked::start(|typed| typed.max_unauthenticated = Some(4));
    let session = {
        let body = format!(r#"{{"key":"{}"}}"#, locked.door);
        let headers = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let answer = locked
            .server
            .request("POST", "/api/v1/session", &headers)
            .await;
        let answer = String::from_utf8(answer).unwrap();
        let (_, cookie) = answer.split_once("set-cookie: ").unwrap();
        cookie.split(';').next().unwrap().to_owned()
    };
    let ask = format!("GET /pistreamer.js HTTP/1.1\r\nHost: pi\r\nCookie: {session}\r\n\r\n");
    let mut loading = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(locked.server.address).await.unwrap();
        stream.write_all(ask.as_bytes()).await.unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        loading.push(stream);
    }
    let metrics = locked
        .server
        .get(&format!("/metrics?key={}", locked.owner))
        .await;
    assert!(
        metrics.contains("\npistreamer_connections_refused_total 0\n"),
        "{metrics}"
    );
    locked.server.stop().await;
}

/// A client that asks for picture after picture and takes none of them.
async fn asks_and_takes_nothing(server: SocketAddr, key: &str) -> TcpStream {
    let mut stream = connect_from(5, server).await;
    let request = format!("GET /snapshot.jpg?key={key} HTTP/1.1\r\nHost: pi\r\n\r\n");
    let requests = request.repeat(10_000);
    let asking = stream.write_all(requests.as_bytes());
    // Until the server has so much to send that it reads no more.
    let _ = timeout(std::time::Duration::from_secs(2), asking).await;
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_no_answer_is_let_go() {
    let locked = Locked::start(|typed| typed.send_timeout = Some(1.0));
    let _silent = asks_and_takes_nothing(locked.server.address, &locked.door).await;
    locked.alone().await;
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_key_goes_every_connection_that_it_let_in() {
    let locked = Locked::start(|typed| typed.send_timeout = Some(3600.0));
    let _silent = asks_and_takes_nothing(locked.server.address, &locked.door).await;
    locked
        .store
        .change(|keys| keys.keys.retain(|entry| entry.name.as_str() != "door"))
        .unwrap();
    locked.alone().await;
    locked.server.stop().await;
}
