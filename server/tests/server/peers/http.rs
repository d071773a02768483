//! A network camera whose web server goes wrong.

use super::{Faults, INTERVAL, Next, bent, garbage, leave, send, stall};
use crate::support::picture;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// What the camera is asked for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Stream,
    Snapshot,
}

pub(super) async fn serve(listener: TcpListener, kind: Kind, faults: Arc<Faults>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        match faults.next() {
            Next::Fault(mut chance) => {
                fail(&mut stream, kind, &mut chance).await;
                leave(stream, &mut chance).await;
            }
            Next::Stall => {
                asked(&mut stream).await;
                send(&mut stream, head(kind, 5000).as_bytes()).await;
                stall(stream).await;
            }
            Next::Good => serve_well(stream, kind, &faults).await,
        }
    }
}

/// Reads a request; tells whether there was one.
async fn asked(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    let reading = async {
        while !request.ends_with(b"\r\n\r\n") {
            if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
                return false;
            }
        }
        true
    };
    timeout(Duration::from_secs(1), reading).await == Ok(true)
}

/// The head of an answer, and for a stream that of its first part.
fn head(kind: Kind, len: usize) -> String {
    match kind {
        Kind::Stream => format!(
            "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n{}",
            part(len)
        ),
        Kind::Snapshot => {
            format!("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len}\r\n\r\n")
        }
    }
}

fn part(len: usize) -> String {
    format!("\r\n--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len}\r\n\r\n")
}

async fn serve_well(mut stream: TcpStream, kind: Kind, faults: &Faults) {
    let mut begun = false;
    while let Some(jpeg) = faults.heal() {
        if (kind == Kind::Snapshot || !begun) && !asked(&mut stream).await {
            return;
        }
        let head = if begun && kind == Kind::Stream {
            part(jpeg.len())
        } else {
            head(kind, jpeg.len())
        };
        begun = true;
        if !send(&mut stream, &[head.as_bytes(), &jpeg].concat()).await {
            return;
        }
        sleep(INTERVAL).await;
    }
}

async fn fail(stream: &mut TcpStream, kind: Kind, chance: &mut fastrand::Rng) {
    let good = picture((64, 48), chance.u8(..));
    if chance.u8(..8) == 0 {
        // Before it is asked.
        send(stream, &garbage(chance, 10_000)).await;
        return;
    }
    asked(stream).await;
    let answer =
        |status: &str, headers: &str| format!("HTTP/1.1 {status}\r\n{headers}\r\n").into_bytes();
    let bytes = match chance.u8(..20) {
        0 => Vec::new(),
        1 => garbage(chance, 10_000),
        2 => answer("200 OK", &"X-Endless: so it is\r\n".repeat(20_000)),
        3 => answer("200 OK", &format!("X-Long: {}\r\n", "a".repeat(1 << 20))),
        4 => answer("200 OK", "Content-Type: text/html\r\n"),
        5 => {
            let status = chance.choice([
                "500 No", "404 No", "401 No", "204 No", "101 No", "999 No", "0 No",
            ]);
            answer(status.unwrap(), "Content-Length: 0\r\n")
        }
        6 => {
            let to = chance.choice([
                "/stream",
                "/",
                "//",
                "gopher://x",
                "http://[::1",
                "http://127.0.0.1:1/",
            ]);
            answer(
                "302 Found",
                &format!("Location: {}\r\nContent-Length: 0\r\n", to.unwrap()),
            )
        }
        7 => answer(
            "200 OK",
            "Content-Type: image/jpeg\r\nContent-Length: -1\r\n",
        ),
        8 => answer(
            "200 OK",
            "Content-Type: image/jpeg\r\nContent-Length: 99999999999999999999\r\n",
        ),
        9 => {
            let chunks = chance.choice([
                "fffffffffffffffff\r\n",
                "-1\r\n",
                "5\r\nhello world\r\n",
                "zz\r\n",
                "0\r\n\r\n",
            ]);
            let headers = "Content-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n";
            [answer("200 OK", headers), chunks.unwrap().into()].concat()
        }
        10 => answer("100 Continue", "").repeat(1000),
        11 => {
            let boundary = "b".repeat(chance.usize(..20_000));
            answer(
                "200 OK",
                &format!("Content-Type: multipart/x-mixed-replace; boundary={boundary}\r\n"),
            )
        }
        12 => [head(kind, 100_000_000).into_bytes(), good].concat(),
        13 => [head(kind, good.len() / 2).into_bytes(), good.clone(), good].concat(),
        14 => {
            let endless = "X-Endless: so it is\r\n".repeat(20_000);
            [
                head(Kind::Stream, 10).into_bytes(),
                b"0123456789\r\n--next\r\n".into(),
                endless.into(),
            ]
            .concat()
        }
        15 => [
            head(kind, good.len()).into_bytes(),
            good[..chance.usize(..good.len())].to_vec(),
        ]
        .concat(),
        16 => answer(
            "401 No",
            "WWW-Authenticate: Digest realm=, nonce=\"\", qop=auth-int\r\nContent-Length: 9999\r\n",
        ),
        17 => [
            head(Kind::Stream, 0).into_bytes(),
            b"\r\n--next--\r\n".repeat(1000),
        ]
        .concat(),
        _ => {
            // Some good pictures and a bent one, a little at a time.
            let (jpeg, bent) = (good, bent(chance));
            let mut bytes = [head(kind, jpeg.len()).as_bytes(), &jpeg].concat();
            if kind == Kind::Stream {
                bytes.extend([part(bent.len()).as_bytes(), &bent].concat());
            }
            for piece in bytes.chunks(chance.usize(100..5000)) {
                if !send(stream, piece).await {
                    return;
                }
                tokio::task::yield_now().await;
            }
            Vec::new()
        }
    };
    send(stream, &bytes).await;
}
