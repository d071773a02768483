//! Asks a server arbitrary requests without a key, directly and as if through a trusted proxy: no answer has anything of the
//! camera in it, and where it encrypts, none in the clear leads to a host that isn't this one.
//!
//! The first line is method and target, the others are headers up to an empty one, and the rest is the body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer::app::App;
use pistreamer::config::Config;
use pistreamer_protocol::jpeg::SOI;
use std::cell::LazyCell;
use std::net::{Ipv4Addr, SocketAddr};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

/// Stands in everything that is the owner's business.
const SECRET: &[u8] = b"Lavender7391";

/// What the client decides here, so that each request ends where its body does, and each connection with the answer.
const FRAMING: [&str; 4] = [
    "connection:",
    "content-length:",
    "expect:",
    "transfer-encoding:",
];

const PICTURE: &[u8] = include_bytes!("../../protocol/tests/pictures/quarters.jpg");

struct Servers {
    runtime: Runtime,
    plain: SocketAddr,
    encrypting: SocketAddr,
    _files: TempDir,
}

/// The address of a server of one camera, which shows a picture with the secret in a comment.
fn start(runtime: &Runtime, files: &TempDir, name: &str, more: &str) -> SocketAddr {
    let directory = files.path().join(name);
    std::fs::create_dir(&directory).expect("there is room for a directory");
    let comment = [b"\xff\xfe\0\x0e", SECRET].concat();
    let picture = [&SOI, &*comment, &PICTURE[SOI.len()..]].concat();
    std::fs::write(directory.join("1.jpg"), picture).expect("there is room for a file");
    let (path, secret) = (directory.display(), String::from_utf8_lossy(SECRET));
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nhost = [\"cam.example.org\"]\ntrusted_proxy = [\"127.0.0.1\"]\n\
         state_dir = \"{path}/state\"\n[access]\nallow_origin = [\"http://dash.example\"]\n{more}\
         [[camera]]\nid = \"{secret}\"\nname = \"{secret}\"\nsource = \"files:{path}\"\n"
    );
    let config = Config::from_toml(&text).expect("it is a configuration");
    let _in_the_runtime = runtime.enter();
    let app = App::start(&config).expect("it starts");
    let url = app.urls().remove(0);
    let (_, address) = url
        .trim_end_matches('/')
        .split_once("://")
        .expect("it is a URL");
    runtime.spawn(app.run(std::future::pending()));
    address.parse().expect("it listens on an address")
}

fn servers() -> Servers {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("there is memory");
    let files = tempfile::tempdir().expect("there is room for a directory");
    Servers {
        plain: start(&runtime, &files, "plain", ""),
        encrypting: start(
            &runtime,
            &files,
            "encrypting",
            "[tls]\nkind = \"self-signed\"\n",
        ),
        runtime,
        _files: files,
    }
}

/// A request as it is sent, and the method in it.
fn request(data: &[u8]) -> Option<(Vec<u8>, &str)> {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = first.split_once(' ')?;
    let mut sent = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n").into_bytes();
    let mut rest = lines.next().unwrap_or_default();
    while !rest.is_empty() {
        let (line, left) = match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &[][..]),
        };
        rest = left;
        if !line.contains(&b':') {
            break;
        }
        let lower = line.to_ascii_lowercase();
        // hyper's own business. One is kept: what asks for a WebSocket has it.
        if lower == b"connection: upgrade"
            || !FRAMING
                .iter()
                .any(|name| lower.starts_with(name.as_bytes()))
        {
            sent.extend_from_slice(line);
            sent.extend_from_slice(b"\r\n");
        }
    }
    sent.extend_from_slice(format!("Content-Length: {}\r\n\r\n", rest.len()).as_bytes());
    sent.extend_from_slice(rest);
    Some((sent, method))
}

/// What a server answers to a client at that address, up to its end.
async fn answer(server: SocketAddr, from: Ipv4Addr, request: &[u8]) -> Vec<u8> {
    let socket = TcpSocket::new_v4().expect("there are descriptors");
    socket.bind((from, 0).into()).expect("there are ports");
    let mut stream = socket.connect(server).await.expect("it listens");
    let mut answer = Vec::new();
    // It may have seen enough before the end of the request.
    let _ = stream.write_all(request).await;
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// The value of a header of an answer.
fn header<'a>(answer: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n");
    let head = &answer[..head.unwrap_or(answer.len())];
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        let is_it = found.eq_ignore_ascii_case(name.as_bytes());
        is_it.then(|| value.strip_prefix(b":").map(<[u8]>::trim_ascii))?
    })
}

/// Redirects go to a host that this server goes by, as somebody else understands URLs.
async fn check_redirect(server: SocketAddr, answered: &[u8]) {
    let Some(location) = header(answered, "location") else {
        return;
    };
    let location = String::from_utf8_lossy(location).into_owned();
    let host = location.strip_prefix("https://").expect("it is encrypted");
    let host = &host[..host.find(['/', '?', '#', '\\']).unwrap_or(host.len())];
    let host = host.rsplit('@').next().unwrap_or_default();
    let again = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let again = answer(server, Ipv4Addr::LOCALHOST, again.as_bytes()).await;
    assert!(
        header(&again, "location").is_some(),
        "it leads to {location}"
    );
}

thread_local! {
    static SERVERS: LazyCell<Servers> = LazyCell::new(servers);
}

fuzz_target!(|data: &[u8]| {
    let Some((from, text)) = data.split_first() else {
        return;
    };
    let Some((sent, method)) = request(text) else {
        return;
    };
    // The first one is the proxy.
    let from = Ipv4Addr::new(127, 0, 0, 1 + from % 2);
    SERVERS.with(|servers| {
        servers.runtime.block_on(async {
            let answered = answer(servers.plain, from, &sent).await;
            let is_secret = |window: &[u8]| window == SECRET;
            assert!(
                data.windows(SECRET.len()).any(is_secret)
                    || !answered.windows(SECRET.len()).any(is_secret),
                "it is shown"
            );
            let status = answered.get(9..12);
            assert!(status != Some(b"101") && status != Some(b"500"));
            assert!(header(&answered, "set-cookie").is_none() || method == "DELETE");
            let answered = answer(servers.encrypting, from, &sent).await;
            check_redirect(servers.encrypting, &answered).await;
        });
    });
});
