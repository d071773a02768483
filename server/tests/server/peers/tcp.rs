//! A script after picamera's recipe that goes wrong.

use super::{Faults, INTERVAL, Next, bent, garbage, leave, send, stall};
use crate::support::picture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// What the server says about its cameras.
pub(super) async fn cameras(url: &str) -> serde_json::Value {
    let server = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(server).await.unwrap();
    let request = b"GET /api/v1/cameras HTTP/1.0\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str(body).unwrap()
}

/// Where the server's first camera listens.
pub(super) async fn address(url: &str) -> SocketAddr {
    let cameras = cameras(url).await;
    let name = cameras["cameras"][0]["name"].as_str().unwrap().to_owned();
    name.rsplit(' ').next().unwrap().parse().unwrap()
}

fn image(jpeg: &[u8]) -> Vec<u8> {
    [&(jpeg.len() as u32).to_le_bytes(), jpeg].concat()
}

pub(super) async fn push(address: SocketAddr, faults: Arc<Faults>) {
    loop {
        let mut stream = TcpStream::connect(address).await.unwrap();
        match faults.next() {
            Next::Fault(mut chance) => {
                fail(&mut stream, address, &mut chance).await;
                leave(stream, &mut chance).await;
            }
            Next::Stall => {
                send(&mut stream, &image(&picture((64, 48), 99))[..100]).await;
                stall(stream).await;
            }
            Next::Good => {
                while let Some(jpeg) = faults.heal() {
                    if !send(&mut stream, &image(&jpeg)).await {
                        break;
                    }
                    sleep(INTERVAL).await;
                }
            }
        }
    }
}

async fn fail(stream: &mut TcpStream, address: SocketAddr, chance: &mut fastrand::Rng) {
    let good = image(&picture((64, 48), chance.u8(..)));
    for _ in 0..chance.usize(..3) {
        send(stream, &good).await;
    }
    match chance.u8(..10) {
        0 => drop(send(stream, &good[..chance.usize(..good.len())]).await),
        1 => drop(send(stream, &garbage(chance, 1 << 20)).await),
        2 => drop(send(stream, &chance.u32((16 << 20) + 1..).to_le_bytes()).await),
        3 => {
            send(stream, &(15_u32 << 20).to_le_bytes()).await;
            send(stream, &good[4..]).await;
        }
        4 => {
            let mut wrong = good.clone();
            wrong[0] = wrong[0].wrapping_add(chance.u8(1..));
            send(stream, &wrong).await;
            send(stream, &good).await;
        }
        5 => drop(send(stream, &image(&bent(chance))).await),
        6 => drop(send(stream, &[0; 4]).await),
        7 => {
            for byte in &good[..chance.usize(..20)] {
                send(stream, &[*byte]).await;
                tokio::task::yield_now().await;
            }
        }
        8 => {
            // A second camera, while the first one pushes.
            if let Ok(mut second) = TcpStream::connect(address).await {
                send(&mut second, &good).await;
            }
        }
        _ => sleep(Duration::from_millis(chance.u64(..10))).await,
    }
    // What the server has not seen the end of keeps others out.
    drop(stream.shutdown().await);
    let end = async { while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {} };
    drop(timeout(Duration::from_secs(1), end).await);
}
