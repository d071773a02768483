//! A proxy between the browser and a server, with one of the bad habits that proxies have.

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the proxy does to what goes through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// It passes on no answer to the offer of subprotocols, as Trunk does.
    LosesSubprotocols,
    /// It passes on paths without their queries.
    LosesQueries,
    /// It knows no WebSockets, like nginx without the configuration that passes on the upgrade.
    LosesUpgrades,
}

/// A running proxy. It ends with this value.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of this machine for the server on that one.
    ///
    /// # Errors
    /// Where it cannot.
    pub async fn before(server: u16, habit: Habit) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                // A connection that breaks concerns only the browser, which reports it.
                tokio::spawn(pass_on(browser, server, habit));
            }
        });
        Ok(Self { port, task })
    }

    /// The address of the viewer behind it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(mut browser: TcpStream, server: u16, habit: Habit) -> Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    let request = head(&mut browser).await?;
    let request = request.lines().filter_map(|line| altered(line, habit));
    server.write_all(lines(request).as_bytes()).await?;
    let answer = head(&mut server).await?;
    let lost = |line: &str| is_header(line, "sec-websocket-protocol");
    let answer = answer
        .lines()
        .filter(|line| habit != Habit::LosesSubprotocols || !lost(line))
        .map(str::to_owned);
    browser.write_all(lines(answer).as_bytes()).await?;
    copy_bidirectional(&mut browser, &mut server).await?;
    Ok(())
}

/// A line of a request as it goes on. One request for each connection, unless it becomes a WebSocket.
fn altered(line: &str, habit: Habit) -> Option<String> {
    if habit == Habit::LosesUpgrades && is_header(line, "upgrade") {
        return None;
    }
    if is_header(line, "connection")
        && (habit == Habit::LosesUpgrades || !line.to_ascii_lowercase().contains("upgrade"))
    {
        return Some("Connection: close".into());
    }
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next()) {
        (Some(method), Some(target), Some(version @ "HTTP/1.1"))
            if habit == Habit::LosesQueries =>
        {
            let path = target.split('?').next().unwrap_or_default();
            Some(format!("{method} {path} {version}"))
        }
        _ => Some(line.to_owned()),
    }
}

fn is_header(line: &str, name: &str) -> bool {
    let header = line.split_once(':');
    header.is_some_and(|(key, _)| key.eq_ignore_ascii_case(name))
}

/// Lines and the empty one that ends a head.
fn lines(lines: impl Iterator<Item = String>) -> String {
    let kept = lines.filter(|line| !line.is_empty());
    kept.map(|line| line + "\r\n").collect::<String>() + "\r\n"
}

/// Longest head that is passed on.
const HEAD_LIMIT: usize = 16 << 10;

async fn head(stream: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < HEAD_LIMIT, "the head is too long");
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(head)?)
}
