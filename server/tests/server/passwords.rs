//! Passwords that people chose: what logins cost, and whom wrong ones concern.

use crate::access::{Answer, Locked, basic};
use crate::process::{pistreamer, started};
use crate::support::{PATIENCE, Running, memory};
use futures::future::join_all;
use futures::stream::{self, StreamExt};
use pistreamer::access::{Entry, Hash, Role, Secret, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PASSWORD: &str = "correct horse";

fn entry(name: &str, secret: Secret) -> Entry {
    Entry::new(name.parse().unwrap(), Role::View, secret)
}

/// A server where anna has a password.
async fn with_password() -> Locked {
    let locked = Locked::start();
    put(&locked, PASSWORD);
    let noticed = format!("/metrics?key={}", locked.add("noticed", Role::View));
    locked.until(&noticed, "", 200).await;
    locked
}

/// Gives anna that password.
fn put(locked: &Locked, password: &str) {
    let secret = Secret::of_password(password).unwrap();
    let change = |keys: &mut pistreamer::access::Keys| {
        keys.keys.retain(|entry| entry.name.as_str() != "anna");
        keys.keys.push(entry("anna", secret));
    };
    locked.store.change(change).unwrap();
}

async fn login(locked: &Locked, password: &str, from: &str) -> Answer {
    let headers = format!("X-Forwarded-For: {from}\r\n{}", basic("anna", password));
    locked.get("/api/v1/cameras", &headers).await
}

async fn checks(locked: &Locked) -> String {
    let metrics = locked
        .get("/metrics", &basic("camera", &locked.key()))
        .await;
    let line = metrics
        .body
        .lines()
        .find_map(|line| line.strip_prefix("pistreamer_password_checks_total "));
    line.unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_a_dozen_times_at_once_and_with_each_request_is_checked_once() {
    let locked = with_password().await;
    let dozen = (0..12).map(|_| login(&locked, PASSWORD, "192.0.2.1"));
    for answer in join_all(dozen).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    for number in 0..30 {
        let from = format!("192.0.2.{}", number % 3);
        assert_eq!(login(&locked, PASSWORD, &from).await.status, 200);
    }
    assert_eq!(checks(&locked).await, "1");
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_changed_is_worth_nothing_though_it_was_remembered() {
    let locked = with_password().await;
    assert_eq!(login(&locked, PASSWORD, "192.0.2.1").await.status, 200);
    put(&locked, "battery staple");
    while login(&locked, "battery staple", "192.0.2.1").await.status != 200 {}
    assert_eq!(login(&locked, PASSWORD, "192.0.2.1").await.status, 401);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_is_taken_in_the_middle_of_a_flood_of_wrong_ones() {
    let locked = with_password().await;
    // Wrong ones from 60 addresses, as many at once as they like, before and while the right one is shown.
    let flood = async |round: u32| {
        let guesses = (0..240).map(|number| {
            let from = format!("198.51.100.{}", number % 60);
            let (locked, guess) = (&locked, format!("{round} {number}"));
            async move { login(locked, &guess, &from).await.status }
        });
        let statuses: Vec<_> = stream::iter(guesses).buffer_unordered(60).collect().await;
        for status in statuses {
            assert!(status == 401 || status == 429, "{status}");
        }
    };
    let right = async |from: &str| login(&locked, PASSWORD, from).await;
    let (_, first) = tokio::join!(flood(0), right("192.0.2.1"));
    assert_eq!(first.status, 200, "{}", first.body);
    let (_, again, elsewhere) = tokio::join!(flood(1), right("192.0.2.1"), right("192.0.2.2"));
    assert_eq!((again.status, elsewhere.status), (200, 200));
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_logins_from_as_many_addresses_take_one_block_of_memory() {
    const LOGINS: usize = 400;
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let store = Store::new(state.clone());
    store.open().unwrap();
    // Nobody's, with the usual memory and half the time.
    let hash =
        "$argon2id$v=19$m=19456,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let secret = Secret::Argon2(Hash::try_from(hash.to_owned()).unwrap());
    let keys = store.change(|keys| keys.keys.push(entry("anna", secret)));
    let (server, url) = started(pistreamer(&[
        "--source",
        "pattern",
        // Of a larger one the whole scene follows the first picture, and its memory with it.
        "--size",
        "160x120",
        "--listen",
        "127.0.0.1:0",
        "--trusted-proxy",
        "127.0.0.1",
        "--state-dir",
        state.to_str().unwrap(),
    ]));
    let server = Running(server);
    let address = url.strip_prefix("http://").unwrap();
    let address = address.split('/').next().unwrap();
    let ask = async |path: &str, headers: String| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: pi\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let key = keys.unwrap().owners().unwrap().as_str().to_owned();
    // The camera has memory of its own once it was asked for a picture.
    let shown = async {
        while !ask("/snapshot.jpg", basic("camera", &key))
            .await
            .starts_with("HTTP/1.1 200")
        {}
    };
    timeout(PATIENCE, shown).await.expect("no picture");
    let before = memory(server.0.id(), "VmHWM:");
    let logins = (0..LOGINS).map(|number| {
        let from = format!(
            "X-Forwarded-For: 10.0.{}.{}\r\n",
            number / 200,
            number % 200
        );
        ask(
            "/api/v1/cameras",
            from + &basic("anna", &number.to_string()),
        )
    });
    let answers: Vec<_> = stream::iter(logins).buffer_unordered(4).collect().await;
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    let metrics = ask("/metrics", basic("camera", &key)).await;
    let all = format!("pistreamer_password_checks_total {LOGINS}\n");
    assert!(metrics.contains(&all), "{metrics}");
    let grown = memory(server.0.id(), "VmHWM:") - before;
    assert!(grown < 25_000_000, "{grown} bytes more");
}
