//! The least that a server of frames has to do: one thread that hands the same bytes to the kernel once for each viewer.
//!
//! It reads no file, reads nothing from its clients, and one viewer that takes nothing stops it for all. It packs only where it
//! is asked to, which tells what the pack alone costs at a camera's pace, on caches that have held other things meanwhile.

use crate::crowd::now_us;
use crate::picture;
use pistreamer_protocol::Stamp;
use pistreamer_protocol::pack::pack_into;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Serves a picture of `bytes` bytes, `fps` times a second, as WebSocket messages, each packed anew if `packed`. Ends only in
/// an error.
///
/// # Errors
/// Where it cannot accept viewers or stamp a picture.
pub fn serve(listener: &TcpListener, bytes: usize, fps: f64, packed: bool) -> anyhow::Result<()> {
    let picture = picture::jpeg(bytes, 1);
    let mut viewers: Vec<TcpStream> = Vec::new();
    listener.set_nonblocking(true)?;
    let mut pack = Vec::new();
    let began = Instant::now();
    for seq in 1.. {
        let due = Duration::from_secs_f64(seq as f64 / fps);
        thread::sleep(due.saturating_sub(began.elapsed()));
        loop {
            match listener.accept() {
                Ok((stream, _)) => viewers.extend(greeted(stream)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let stamp = Stamp {
            seq,
            captured_us: now_us(),
            camera: "0".into(),
        };
        let mut frame = stamp.write(&picture)?;
        if packed {
            pack.clear();
            pack_into(&frame, &mut pack);
            std::mem::swap(&mut frame, &mut pack);
        }
        let mut header = [0x82, 127, 0, 0, 0, 0, 0, 0, 0, 0];
        header[2..].copy_from_slice(&(frame.len() as u64).to_be_bytes());
        viewers.retain_mut(|viewer| send(viewer, &header, &frame).is_ok());
    }
    Ok(())
}

fn greeted(mut stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut some = [0; 1024];
        match stream.read(&mut some)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => request.extend_from_slice(&some[..read]),
        }
    }
    stream.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    )?;
    Ok(stream)
}

fn send(viewer: &mut TcpStream, header: &[u8], frame: &[u8]) -> io::Result<()> {
    let sent = viewer.write_vectored(&[IoSlice::new(header), IoSlice::new(frame)])?;
    match sent.checked_sub(header.len()) {
        Some(sent) => viewer.write_all(&frame[sent..]),
        None => Err(ErrorKind::WriteZero.into()),
    }
}
