//! What a frame costs the program, counted in what a busy machine doesn't change.

use crate::process::{pistreamer, started};
use crate::support::{PATIENCE, Running, heavy_picture};
use futures::StreamExt;
use pistreamer_client::{Config, Subscription};
use tokio::time::timeout;

/// How often a process was given a page of memory so far (proc(5): `minflt`).
fn page_faults(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().nth(7).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_frame_gets_the_memory_of_the_last_one() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..4 {
        let picture = heavy_picture((320, 240), number, 250_000);
        std::fs::write(directory.path().join(format!("{number}.jpg")), picture).unwrap();
    }
    let source = format!("files:{}", directory.path().display());
    let (server, url) = started(pistreamer(&[
        "--source",
        &source,
        "--fps",
        "60",
        "--listen",
        "127.0.0.1:0",
        "--no-auth",
    ]));
    let server = Running(server);
    let mut viewer = Subscription::start(Config::new(&url).unwrap());
    let mut frames = async |count: u64| {
        let mut next = async || {
            let frame = timeout(PATIENCE, viewer.next()).await;
            frame.expect("no frame comes").unwrap().unwrap().stamp.seq
        };
        let first = next().await;
        let mut last = first;
        while last < first + count {
            last = next().await;
        }
        last - first
    };
    // The first ones get memory that nothing had before.
    frames(100).await;
    let before = page_faults(server.0.id());
    let count = frames(200).await;
    let faults = (page_faults(server.0.id()) - before) as f64 / count as f64;
    assert!(faults < 5.0, "{faults} pages of new memory for each frame");
}
