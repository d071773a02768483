//! Peers that break the WebSocket protocol are told what they did wrong by the codes of RFC 6455 §7.4.1.

use crate::support::{PATIENCE, TestServer};
use futures::StreamExt;
use pistreamer_client::{Config, Reconnect, Subscription};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const PROTOCOL: u16 = 1002;
const INVALID: u16 = 1007;
const TOO_BIG: u16 = 1009;

/// What breaks the rules, as a client sends it where `mask` says so, and the code for it.
fn wrong(mask: u8) -> Vec<(&'static str, Vec<u8>, u16)> {
    let frame = |first: u8, second: u8, payload: &[u8]| {
        let key: &[u8] = if mask == 0 { &[] } else { &[0; 4] };
        [&[first, second | mask], key, payload].concat()
    };
    let mut wrong = vec![
        ("reserved bits", frame(0xf1, 1, b"x"), PROTOCOL),
        ("an unknown opcode", frame(0x83, 1, b"x"), PROTOCOL),
        ("an unknown control frame", frame(0x8b, 0, b""), PROTOCOL),
        ("a ping in pieces", frame(0x09, 1, b"x"), PROTOCOL),
        ("a piece of nothing", frame(0x80, 1, b"x"), PROTOCOL),
        ("a close frame of one byte", frame(0x88, 1, b"x"), PROTOCOL),
        (
            "a text that is not UTF-8",
            frame(0x81, 2, b"\xff\xfe"),
            INVALID,
        ),
    ];
    let masked_wrongly = if mask == 0 {
        vec![0x81, 0x81, 0, 0, 0, 0, b'x']
    } else {
        vec![0x81, 1, b'x']
    };
    wrong.push(("a mask where none belongs", masked_wrongly, PROTOCOL));
    let mut large = frame(0x81, 127, &[]);
    large.splice(2..2, (1_u64 << 40).to_be_bytes());
    wrong.push(("a text of a terabyte", large, TOO_BIG));
    wrong
}

/// The code of the close frame that comes at some time, before the connection ends.
async fn close_code(stream: &mut TcpStream) -> Option<u16> {
    loop {
        let [first, second] = [stream.read_u8().await.ok()?, stream.read_u8().await.ok()?];
        let len = match second & 0x7f {
            126 => u64::from(stream.read_u16().await.ok()?),
            127 => stream.read_u64().await.ok()?,
            len => len.into(),
        };
        let mut key = [0; 4];
        if second & 0x80 != 0 {
            stream.read_exact(&mut key).await.ok()?;
        }
        let mut payload = vec![0; len as usize];
        stream.read_exact(&mut payload).await.ok()?;
        if first == 0x88 {
            let code = [payload[0] ^ key[0], payload[1] ^ key[1]];
            return Some(u16::from_be_bytes(code));
        }
    }
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_and_pushers_that_break_the_protocol_are_told_how() {
    let server = TestServer::start(|typed| typed.source = vec!["ingest".into()]);
    for path in ["/ws", "/ingest"] {
        for (what, bytes, code) in wrong(0x80) {
            let told = async {
                loop {
                    let mut stream = TcpStream::connect(server.address).await.unwrap();
                    let request = format!(
                        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                    );
                    stream.write_all(request.as_bytes()).await.unwrap();
                    // The pusher before may still be there.
                    if head(&mut stream).await.starts_with("HTTP/1.1 101") {
                        stream.write_all(&bytes).await.unwrap();
                        return close_code(&mut stream).await;
                    }
                }
            };
            let told = timeout(PATIENCE, told).await.expect("nothing is said");
            assert_eq!(told, Some(code), "{path}: {what}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_breaks_the_protocol_is_told_how() {
    for (what, bytes, code) in wrong(0) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let config = Config::new(&url).unwrap().reconnect(Reconnect::Never);
        let mut frames = Subscription::start(config);
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = head(&mut stream).await;
        let key = request.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .starts_with("sec-websocket-key:")
                .then(|| line[18..].trim())
        });
        let accept = derive_accept_key(key.unwrap().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: pistreamer.gzip-base64.v1\r\n\r\n"
        );
        stream
            .write_all(&[answer.as_bytes(), &bytes].concat())
            .await
            .unwrap();
        let told = timeout(PATIENCE, close_code(&mut stream)).await;
        assert_eq!(told.expect("nothing is said"), Some(code), "{what}");
        drop(stream);
        assert!(frames.next().await.unwrap().is_err());
    }
}
