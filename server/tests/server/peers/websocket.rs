//! WebSockets by hand, which go wrong: another server that is relayed, and a pusher at `/ingest`.

use super::{Faults, INTERVAL, Next, bent, garbage, leave, send, stall};
use crate::support::picture;
use pistreamer_protocol::Stamp;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Another server. Each connection has one fault.
pub(super) async fn serve(listener: TcpListener, faults: Arc<Faults>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let Some(request) = head(&mut stream).await else {
            continue;
        };
        let next = faults.next();
        if let Next::Fault(mut chance) = next {
            if chance.u8(..6) > 0 {
                agree(&mut stream, &request).await;
                send(&mut stream, &frame(true, TEXT, HELLO.as_bytes(), false)).await;
                fail(&mut stream, false, &mut chance).await;
            } else {
                refuse(&mut stream, &mut chance).await;
            }
            leave(stream, &mut chance).await;
            continue;
        }
        agree(&mut stream, &request).await;
        send(&mut stream, &frame(true, TEXT, HELLO.as_bytes(), false)).await;
        match next {
            Next::Stall => stall(stream).await,
            _ => send_well(stream, &faults, false).await,
        }
    }
}

/// A pusher. Each connection has one fault.
pub(super) async fn push(address: SocketAddr, faults: Arc<Faults>) {
    loop {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = "GET /ingest HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        send(&mut stream, request.as_bytes()).await;
        // The one before may still be there.
        match head(&mut stream).await {
            Some(answer) if answer.starts_with("HTTP/1.1 101") => {}
            _ => {
                sleep(Duration::from_millis(1)).await;
                continue;
            }
        }
        match faults.next() {
            Next::Fault(mut chance) => {
                fail(&mut stream, true, &mut chance).await;
                leave(stream, &mut chance).await;
            }
            Next::Stall => stall(stream).await,
            Next::Good => send_well(stream, &faults, true).await,
        }
    }
}

const HELLO: &str = concat!(
    r#"{"type":"hello","protocol":1,"server":"faulty","time_us":1,"camera":{"id":"0","name":"","source":"x"},"#,
    r#""width":64,"height":48,"fps":30.0,"state":"live","since_us":1,"wire":"pistreamer.jpeg.v1","controls":[]}"#
);

const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// A frame after RFC 6455 §5.2, or one that is none.
fn frame(last: bool, opcode: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut frame = header(last, opcode, payload.len() as u64, masked);
    frame.extend(payload);
    frame
}

fn header(last: bool, opcode: u8, len: u64, masked: bool) -> Vec<u8> {
    let mask = u8::from(masked) << 7;
    let mut header = vec![u8::from(last) << 7 | opcode];
    match len {
        0..126 => header.push(mask | len as u8),
        126..0x1_0000 => {
            header.push(mask | 126);
            header.extend((len as u16).to_be_bytes());
        }
        _ => {
            header.push(mask | 127);
            header.extend(len.to_be_bytes());
        }
    }
    // With zeros nothing changes.
    header.extend(&[0; 4][..usize::from(masked) * 4]);
    header
}

/// What stands before the first empty line.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return None,
            }
        }
        String::from_utf8(head).ok()
    };
    timeout(Duration::from_secs(5), reading)
        .await
        .ok()
        .flatten()
}

async fn agree(stream: &mut TcpStream, request: &str) {
    let mut lines = request.lines().filter_map(|line| line.split_once(": "));
    let key = lines.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let accept = derive_accept_key(key.map_or("", |(_, key)| key).as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: pistreamer.jpeg.v1\r\n\r\n"
    );
    send(stream, answer.as_bytes()).await;
}

async fn refuse(stream: &mut TcpStream, chance: &mut fastrand::Rng) {
    let answers = [
        "",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 10000000\r\n\r\nno",
        "HTTP/1.1 500 No\r\n\r\n",
        "HTTP/1.1 301 Moved\r\nLocation: /ws\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
    ];
    match chance.usize(..answers.len() + 2) {
        endless if endless == answers.len() => {
            let headers = "X-Endless: so it is\r\n".repeat(10_000);
            send(stream, format!("HTTP/1.1 101 Yes\r\n{headers}").as_bytes()).await;
        }
        number => match answers.get(number) {
            Some(answer) => drop(send(stream, answer.as_bytes()).await),
            None => drop(send(stream, &garbage(chance, 10_000)).await),
        },
    }
}

/// As a server sends it, whose frames all have a stamp.
fn stamped(jpeg: &[u8], seq: u64) -> Vec<u8> {
    let stamp = Stamp {
        seq,
        captured_us: seq,
        camera: "0".into(),
    };
    stamp.write(jpeg).unwrap()
}

async fn send_well(mut stream: TcpStream, faults: &Faults, masked: bool) {
    for seq in 1.. {
        let Some(jpeg) = faults.heal() else { return };
        let jpeg = if masked { jpeg } else { stamped(&jpeg, seq) };
        if !send(&mut stream, &frame(true, BINARY, &jpeg, masked)).await {
            return;
        }
        // Whatever it says is read, so that there is room for more.
        let mut said = [0; 4096];
        while matches!(stream.try_read(&mut said), Ok(1..)) {}
        sleep(INTERVAL).await;
    }
}

async fn fail(stream: &mut TcpStream, masked: bool, chance: &mut fastrand::Rng) {
    let good = stamped(&picture((64, 48), chance.u8(..)), chance.u64(..));
    let good = frame(true, BINARY, &good, masked);
    for _ in 0..chance.usize(..3) {
        send(stream, &good).await;
    }
    let bytes = match chance.u8(..18) {
        0 => good[..chance.usize(..good.len())].to_vec(),
        1 => garbage(chance, 100_000),
        2 => header(true, BINARY, chance.u64(1 << 30..), masked),
        3 => [header(true, BINARY, 15 << 20, masked), good].concat(),
        4 => frame(true, TEXT, &garbage(chance, 1000), masked),
        5 => {
            let texts = [
                "",
                "{",
                "[]",
                "null",
                r#"{"type":1}"#,
                r#"{"type":"state","state":"no-signal","reason":"because"}"#,
                r#"{"type":"state","state":"live"}"#,
                r#"{"type":"state","state":"no-such"}"#,
                r#"{"type":"hello","protocol":99999999999999999999}"#,
                r#"{"type":"unchanged","seq":18446744073709551615,"captured_us":0}"#,
                r#"{"type":"skipped","count":18446744073709551615,"total":0}"#,
                r#"{"type":"rendition","width":4294967295,"height":0,"full_width":1,"full_height":1}"#,
            ];
            frame(true, TEXT, chance.choice(texts).unwrap().as_bytes(), masked)
        }
        6 => {
            let hello = HELLO.replace("64", "4294967295").replace("30.0", "1e308");
            frame(true, TEXT, hello.as_bytes(), masked)
        }
        7 => {
            // A bomb: some MB of zeros in some kB.
            let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            std::io::Write::write_all(&mut bomb, &vec![b'A'; 8 << 20]).unwrap();
            let bomb = bomb.finish().unwrap();
            frame(
                true,
                BINARY,
                &bomb[..chance.usize(bomb.len() / 2..=bomb.len())],
                masked,
            )
        }
        8 => frame(true, 8, &garbage(chance, 125), masked),
        9 => frame(false, BINARY, &[7; 1000], masked).repeat(100),
        10 => frame(true, 0, b"nothing goes on", masked),
        11 => frame(true, chance.u8(3..8), b"unknown", masked),
        12 => frame(true, 9, b"ping", masked).repeat(1000),
        13 => frame(true, 9, &[0; 126], masked),
        14 => frame(true, BINARY, &good, !masked),
        15 => frame(true, BINARY, &[], masked).repeat(100),
        16 => {
            for byte in &good[..chance.usize(..30)] {
                send(stream, &[*byte]).await;
                tokio::task::yield_now().await;
            }
            Vec::new()
        }
        _ => frame(true, BINARY, &bent(chance), masked),
    };
    send(stream, &bytes).await;
}
