//! A link between a viewer and a server, with a rate and a delay, that can stall. A TCP proxy in user space.
//!
//! What comes from the server passes a bottleneck of a given rate, then travels for the delay; what comes from
//! the viewer only travels. The bottleneck has a queue: a small one in a good network, a large one with bufferbloat.

use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What a link is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Bytes a second from the server to the viewer; infinite where there is no bottleneck.
    pub bytes_per_second: f64,
    /// Time that a byte travels, in each direction: half of the round trip.
    pub delay: Duration,
    /// Bytes that the bottleneck queues, besides the little that a proxy's sockets hold.
    pub queue: usize,
}

/// A link that is open for connections. They end with the value.
#[derive(Debug)]
pub struct Throttle {
    address: SocketAddr,
    gate: Arc<Gate>,
}

/// Whether anything moves.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    ended: bool,
    streams: Vec<TcpStream>,
}

/// Receive window of the proxy towards the server, which is a queue too.
const WINDOW: usize = 16 << 10;

/// Segments as on Ethernet. The loopback's own are larger than the queue.
const SEGMENT: u32 = 1448;

/// Longest that a byte waits only because it is carried together with others.
const GRAIN: Duration = Duration::from_millis(1);

/// Time for which the bottleneck catches up when the machine was busy elsewhere.
const BURST: Duration = Duration::from_millis(20);

/// Pieces that travel at a time. A link that is faster than its pieces can be carried holds up its server.
const TRAVELLING: usize = 1 << 12;

impl Throttle {
    /// Opens a link to the server at `target`.
    ///
    /// # Errors
    /// Where there is no free port.
    pub fn open(target: SocketAddr, link: Link) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let gate = Arc::new(Gate::default());
        let shared = Arc::clone(&gate);
        thread::spawn(move || {
            for viewer in listener.incoming().flatten() {
                if shared.ended() {
                    return;
                }
                // A connection that cannot be made is seen by the viewer.
                let _ = join(viewer, target, link, &shared);
            }
        });
        Ok(Self { address, gate })
    }

    /// Where viewers connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nothing moves any more, and nothing is lost.
    pub fn stop(&self) {
        self.gate.update(|state| state.stopped = true);
    }

    /// Everything moves again.
    pub fn resume(&self) {
        self.gate.update(|state| state.stopped = false);
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.gate.update(|state| {
            (state.ended, state.stopped) = (true, false);
            for stream in state.streams.drain(..) {
                // It may be closed already.
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl Gate {
    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn ended(&self) -> bool {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ended
    }

    /// Returns when things move.
    fn pass(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(state, |state| state.stopped));
    }
}

/// Carries a viewer's connection, on four threads.
fn join(viewer: TcpStream, target: SocketAddr, link: Link, gate: &Arc<Gate>) -> io::Result<()> {
    let server = Socket::new(Domain::for_address(target), Type::STREAM, None)?;
    server.set_recv_buffer_size(WINDOW)?;
    server.set_tcp_mss(SEGMENT)?;
    server.connect(&target.into())?;
    let server = TcpStream::from(server);
    for stream in [&viewer, &server] {
        stream.set_nodelay(true)?;
        let copy = stream.try_clone()?;
        gate.update(|state| state.streams.push(copy));
    }
    SockRef::from(&viewer).set_send_buffer_size(WINDOW)?;
    let way_back = Link {
        bytes_per_second: f64::INFINITY,
        queue: 0,
        ..link
    };
    carry(server.try_clone()?, viewer.try_clone()?, link, gate);
    carry(viewer, server, way_back, gate);
    Ok(())
}

type Piece = (Instant, Vec<u8>);

fn carry(from: TcpStream, to: TcpStream, link: Link, gate: &Arc<Gate>) {
    let (enter, leave) = sync_channel(TRAVELLING);
    let (entry, exit) = (Arc::clone(gate), Arc::clone(gate));
    thread::spawn(move || take(from, link, &enter, &entry));
    thread::spawn(move || give(to, &leave, &exit));
}

/// The bottleneck: takes bytes as fast as the link serialises them.
fn take(mut from: TcpStream, link: Link, enter: &SyncSender<Piece>, gate: &Gate) {
    let most = (link.bytes_per_second * GRAIN.as_secs_f64()).clamp(256.0, WINDOW as f64) as usize;
    let queueing = Duration::from_secs_f64(link.queue as f64 / link.bytes_per_second);
    let mut free = Instant::now();
    loop {
        gate.pass();
        let mut piece = vec![0; most];
        let Ok(read @ 1..) = from.read(&mut piece) else {
            return;
        };
        piece.truncate(read);
        gate.pass();
        let serialising = Duration::from_secs_f64(read as f64 / link.bytes_per_second);
        let now = Instant::now();
        free = free.max(now.checked_sub(BURST).unwrap_or(now)) + serialising;
        if enter.send((free.max(now) + link.delay, piece)).is_err() {
            return;
        }
        sleep_until(free.checked_sub(queueing).unwrap_or(now));
    }
}

/// The far end: gives bytes to whom they are for when they have travelled.
fn give(mut to: TcpStream, leave: &Receiver<Piece>, gate: &Gate) {
    for (due, piece) in leave {
        sleep_until(due);
        gate.pass();
        if to.write_all(&piece).is_err() {
            break;
        }
    }
    // The other side may have closed it.
    let _ = to.shutdown(Shutdown::Write);
}

fn sleep_until(due: Instant) {
    if let Some(left) = due.checked_duration_since(Instant::now()) {
        thread::sleep(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_as_slow_and_as_far_as_it_is_said_to_be() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = Link {
            bytes_per_second: 1e6,
            delay: Duration::from_millis(50),
            queue: 0,
        };
        let throttle = Throttle::open(listener.local_addr().unwrap(), link).unwrap();
        let mut viewer = TcpStream::connect(throttle.address()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let began = Instant::now();
        viewer.write_all(b"?").unwrap();
        server.read_exact(&mut [0]).unwrap();
        let there = began.elapsed();
        thread::spawn(move || server.write_all(&vec![0; 300_000]).unwrap());
        viewer.read_exact(&mut vec![0; 300_000]).unwrap();
        let back = began.elapsed() - there;
        assert!(there >= link.delay, "{there:?}");
        assert!(back >= Duration::from_millis(350) - BURST, "{back:?}");
    }
}
