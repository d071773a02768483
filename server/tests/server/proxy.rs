//! The server behind nginx, at the root and under a prefix, configured with the lines of `docs/integrations.md`.
//! `./dev test` installs nginx.

use crate::software::{missing, run};
use crate::support::{PATIENCE, TestServer};
use futures::{StreamExt, TryStreamExt};
use pistreamer_client::{Config, Subscription};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The `http` block that the documentation gives for a server at that address.
fn documented(listen: SocketAddr, server: SocketAddr, prefix: &str) -> String {
    let text = include_str!("../../../docs/integrations.md");
    let section = text.split_once("\n## nginx\n").unwrap().1;
    let block = section.split_once("```nginx\n").unwrap().1;
    let block = block.split_once("```").unwrap().0;
    let mut block = block.to_owned();
    let mut put = |what: &str, instead: &str| {
        assert!(
            block.contains(what),
            "the documentation has no {what:?} any more"
        );
        block = block.replace(what, instead);
    };
    put("listen 80;", &format!("listen {listen};"));
    // A slash at the end takes the prefix off.
    let slash = if prefix == "/" { "" } else { "/" };
    put(
        "http://127.0.0.1:8000;",
        &format!("http://{server}{slash};"),
    );
    put("location / {", &format!("location {prefix} {{"));
    block
}

/// A running nginx.
struct Nginx {
    address: SocketAddr,
    process: Child,
    _directory: TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Killed, it would leave its workers behind.
        let process = self.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &process]).status();
        if told.is_ok() {
            let _ = self.process.wait();
        }
    }
}

fn nginx(server: &TestServer, prefix: &str) -> Nginx {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let home = directory.path().display();
    let text = format!(
        "daemon off; pid {home}/pid; error_log {home}/log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
{}
}}",
        documented(address, server.address, prefix)
    );
    let configuration = directory.path().join("nginx.conf");
    std::fs::write(&configuration, text).unwrap();
    // Where Debian has it, which need not be on PATH.
    let debians = Path::new("/usr/sbin/nginx");
    let program = debians.exists().then_some(debians);
    let process = Command::new(program.unwrap_or(Path::new("nginx")))
        .arg("-e")
        .arg(directory.path().join("log"))
        .arg("-c")
        .arg(&configuration)
        // It inherits the socket, as it does when it is replaced by a new version: so the port is free for certain.
        .env("NGINX", "0;")
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .spawn()
        .unwrap_or_else(|error| missing("nginx-light", "nginx", error));
    Nginx {
        address,
        process,
        _directory: directory,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_behind_nginx_at_the_root_and_under_a_prefix() {
    let server = TestServer::start(|_| ());
    for prefix in ["/", "/camera/"] {
        let nginx = nginx(&server, prefix);
        let proxy = nginx.address;
        let url = |path: &str| format!("http://{proxy}{prefix}{path}");

        for path in ["snapshot.jpg", "stream.mjpg"] {
            let frames = [
                "-v",
                "error",
                "-read_intervals",
                "%+#20",
                "-count_frames",
                "-show_entries",
                "stream=codec_name,width,height,nb_read_frames",
                "-of",
                "csv=p=0",
                &url(path),
            ];
            let said = run("ffmpeg", "ffprobe", &frames).await;
            let counted = match path {
                "snapshot.jpg" => "mjpeg,320,240,1",
                _ => "mjpeg,320,240,20",
            };
            assert_eq!(said.trim(), counted, "{prefix}{path}");
        }
        let page = run("curl", "curl", &["-sf", &url("embed.js")]).await;
        assert!(page.contains("viewer.js"), "{page}");

        let mut frames = Subscription::start(Config::new(&url("")).unwrap());
        let mut last = 0;
        for _ in 0..10 {
            let frame = timeout(PATIENCE, frames.try_next()).await.unwrap();
            let seq = frame.unwrap().unwrap().stamp.seq;
            assert!(seq > last, "{seq} after {last}");
            last = seq;
        }

        assert!(page_may_look(&url("ws"), &format!("http://{proxy}")).await);
        assert!(!page_may_look(&url("ws"), "http://evil.example").await);
        drop(nginx);
    }
    server.stop().await;
}

/// Whether a page of that origin gets a WebSocket and its first message.
async fn page_may_look(url: &str, origin: &str) -> bool {
    let mut request = url.replace("http:", "ws:").into_client_request().unwrap();
    request
        .headers_mut()
        .insert("origin", origin.parse().unwrap());
    match tokio_tungstenite::connect_async(request).await {
        Ok((mut socket, _)) => {
            let first = timeout(PATIENCE, socket.next()).await.unwrap();
            matches!(first, Some(Ok(Message::Text(hello))) if hello.contains("hello"))
        }
        Err(Error::Http(response)) if response.status() == 403 => false,
        Err(error) => panic!("{url}: {error}"),
    }
}
