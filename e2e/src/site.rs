//! Another web site: pages on an origin that is not the camera's.

use anyhow::Result;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A listening site with one page. It ends with this value.
#[derive(Debug)]
pub struct Site {
    port: u16,
    listener: Option<TcpListener>,
    task: Option<JoinHandle<()>>,
}

impl Site {
    /// Takes a free port of this machine, so that servers can be told to allow it before its page is written.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn reserve() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        Ok(Self {
            port,
            listener: Some(listener),
            task: None,
        })
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers every request with that page; the page's address.
    pub fn serve(&mut self, page: &str) -> String {
        let page: Arc<str> = page.into();
        if let Some(listener) = self.listener.take() {
            self.task = Some(tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // A connection that breaks concerns only the browser, which reports it.
                    tokio::spawn(answer(stream, Arc::clone(&page)));
                }
            }));
        }
        format!("{}/", self.origin())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn answer(mut stream: TcpStream, page: Arc<str>) -> Result<()> {
    let mut request = BufReader::new(&mut stream).lines();
    while let Some(line) = request.next_line().await? {
        if line.is_empty() {
            break;
        }
    }
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(())
}
