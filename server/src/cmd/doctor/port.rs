//! Whether a pistreamer answers at an address of this machine.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// In words.
pub(super) fn state(listened: SocketAddr) -> String {
    let mut address = listened;
    match address {
        SocketAddr::V4(ref mut it) if it.ip().is_unspecified() => it.set_ip(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(ref mut it) if it.ip().is_unspecified() => it.set_ip(Ipv6Addr::LOCALHOST),
        _ => {}
    }
    let Ok(stream) = TcpStream::connect_timeout(&address, PATIENCE) else {
        return match TcpListener::bind(listened) {
            Ok(_) => "free, no server runs".into(),
            Err(error) => format!("nothing answers, and it cannot be listened on: {error}"),
        };
    };
    match health(stream) {
        Ok(answer) if answer.starts_with("HTTP/1.1 3") => "a server that encrypts answers".into(),
        Ok(answer) if answer.starts_with("HTTP/1.1 ") => {
            let status: String = answer.chars().skip(9).take(3).collect();
            let means = match status.as_str() {
                "200" => "every camera delivers",
                "503" => "a camera does not deliver",
                _ => "is it a pistreamer?",
            };
            format!("a server answers /healthz with {status}: {means}")
        }
        _ => "taken by a program that does not answer as a pistreamer does".into(),
    }
}

/// The beginning of what it says of its health.
fn health(mut stream: TcpStream) -> std::io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 16];
    let read = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
}
