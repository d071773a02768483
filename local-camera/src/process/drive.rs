//! The process's end: one camera, driven for the server that started it.

use super::{News, Order, SIGN, Socket, VERSION};
use crate::libcamera::{Home, Opened, Owner, capture, list};
use crate::{Filled, Mode, SourceError, Still};
use pistreamer_protocol::message::{Cause, Control, ControlValues};
use rustix::io::{FdFlags, fcntl_setfd};
use std::fmt::{self, Write as _};
use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// How long a camera may take to stop once the server is gone. It may be stuck in its driver.
const STOPS: Duration = Duration::from_secs(3);

/// Does what the server at the other end of standard input orders.
pub fn main() -> ExitCode {
    // What libcamera starts, as it does for some cameras' algorithms, is not to hold the socket open.
    let stdin = io::stdin();
    let socket = fcntl_setfd(&stdin, FdFlags::CLOEXEC)
        .map_err(io::Error::from)
        .and_then(|()| stdin.as_fd().try_clone_to_owned());
    let Ok(socket) = socket.map(|fd| Arc::new(Socket::from(fd))) else {
        return ExitCode::FAILURE;
    };
    let hello = News::Hello {
        version: VERSION.into(),
    };
    if socket.send_with(&hello, &[]).is_err() {
        eprintln!("this program drives a camera for pistreamer, which starts it");
        return ExitCode::FAILURE;
    }
    let log = Log(Arc::clone(&socket));
    // Set once, here.
    let _ = tracing::dispatcher::set_global_default(tracing::Dispatch::new(log));
    let done = loop {
        match socket.receive() {
            Ok(Some((Order::List, _))) => break tell_cameras(&socket),
            Ok(Some((Order::Capture { config, which }, _))) => {
                let server = Server::new(Arc::clone(&socket));
                let orders = server.clone();
                std::thread::spawn(move || orders.take());
                break capture(&config, which.as_deref(), &server);
            }
            Ok(Some(_) | None) => {}
            // The server is gone.
            Err(_) => return ExitCode::SUCCESS,
        }
    };
    if let Err(error) = done {
        socket.send(&News::Failed(error.0));
    }
    ExitCode::SUCCESS
}

fn tell_cameras(socket: &Socket) -> Result<(), SourceError> {
    for camera in list()? {
        socket
            .send_with(&News::Camera(camera), &[])
            .map_err(|error| SourceError::new(format!("cannot tell of a camera: {error}")))?;
    }
    socket.send(&News::Listed);
    Ok(())
}

/// The server, as the camera's owner.
#[derive(Clone)]
struct Server {
    socket: Arc<Socket>,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    wanted: bool,
    stopping: bool,
    values: ControlValues,
    /// How many orders to set some came, and how many of these the camera's thread has taken.
    ordered: u64,
    taken: u64,
    /// `None` until the camera is open; how often it was opened.
    home: Option<Home>,
    opened: u64,
    /// Whether one is to be taken of the camera as it is open.
    still: bool,
    signed: Option<Instant>,
}

impl Server {
    fn new(socket: Arc<Socket>) -> Self {
        Self {
            socket,
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock, and the state is valid at every point.
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes orders until the server is gone, and ends the process soon afterwards: at once, as an ordinary exit crashes or
    /// hangs where a thread is in libcamera.
    fn take(&self) {
        loop {
            match self.socket.receive() {
                Ok(Some((order, _))) => self.obey(order),
                Ok(None) => {}
                Err(_) => break,
            }
        }
        self.obey(Order::Stop);
        std::thread::sleep(STOPS);
        #[expect(unsafe_code, reason = "std destroys what the camera's thread uses")]
        // SAFETY: it does not return, and the system takes back all that is open.
        unsafe {
            libc::_exit(1);
        }
    }

    fn obey(&self, order: Order) {
        let mut state = self.state();
        match order {
            Order::Wanted(wanted) => state.wanted = wanted,
            Order::Set(values) => {
                state.values.extend(values);
                state.ordered += 1;
            }
            Order::Home { opened, number } => {
                if let Some(home) = &state.home
                    && opened == state.opened
                {
                    home.take(number);
                }
            }
            Order::Still { opened } => state.still = opened == state.opened,
            Order::Stop => state.stopping = true,
            Order::List | Order::Capture { .. } => {}
        }
        self.state.1.notify_all();
    }
}

impl Owner for Server {
    // The server notices a process that says nothing.
    fn calls_driver(&self) -> impl Sized {}

    fn stopping(&self) -> bool {
        let mut state = self.state();
        if state.signed.is_none_or(|signed| signed.elapsed() >= SIGN) {
            state.signed = Some(Instant::now());
            self.socket.send(&News::Alive);
        }
        state.stopping
    }

    fn wanted(&self) -> bool {
        self.state().wanted
    }

    fn wait_wanted(&self, timeout: Duration) {
        let waiting = |state: &mut State| !state.wanted && !state.stopping;
        // Whether it was the time makes no difference.
        drop(
            self.state
                .1
                .wait_timeout_while(self.state(), timeout, waiting),
        );
    }

    fn commands(&self) -> ControlValues {
        let mut state = self.state();
        state.taken = state.ordered;
        std::mem::take(&mut state.values)
    }

    fn controls(&self, controls: &[Control]) {
        let taken = self.state().taken;
        let controls = controls.to_vec();
        self.socket.send(&News::Controls { controls, taken });
    }

    fn readings(&self, values: &ControlValues) {
        self.socket.send(&News::Readings(values.clone()));
    }

    fn open(&self, opened: Opened) -> Result<(), SourceError> {
        let failed = |error: io::Error| Cause::BuffersNotHandedOver {
            error: error.to_string(),
        };
        let mut state = self.state();
        state.home = Some(opened.home);
        state.opened += 1;
        // The server asks again.
        state.still = false;
        drop(state);
        for buffer in opened.buffers {
            self.socket
                .send_with(&News::Buffer(buffer.planes), &buffer.regions)
                .map_err(failed)?;
        }
        let open = News::Open {
            id: opened.id,
            mode: opened.mode,
            picture: opened.picture,
            turn: opened.turn,
            still: opened.still,
            sizes: opened.sizes,
        };
        Ok(self.socket.send_with(&open, &[]).map_err(failed)?)
    }

    fn mode(&self, mode: &Mode) {
        self.socket.send(&News::Mode(mode.clone()));
    }

    fn filled(&self, filled: Filled) -> bool {
        self.socket.send_with(&News::Filled(filled), &[]).is_ok()
    }

    fn broken(&self, reason: &str) {
        self.socket.send(&News::Broken(reason.into()));
    }

    fn begins_still(&self) -> bool {
        let begins = std::mem::take(&mut self.state().still);
        if begins {
            self.socket.send(&News::Stops);
        }
        begins
    }

    fn still(&self, still: Result<Still, SourceError>) {
        let sent = still.and_then(|still| {
            let Still {
                picture,
                turn,
                buffer,
                filled,
            } = still;
            let failed = |error: io::Error| Cause::BuffersNotHandedOver {
                error: error.to_string(),
            };
            self.socket
                .send_with(&News::Buffer(buffer.planes), &buffer.regions)
                .map_err(failed)?;
            let still = News::Still {
                picture,
                turn,
                filled,
            };
            Ok(self.socket.send_with(&still, &[]).map_err(failed)?)
        });
        if let Err(error) = sent {
            self.socket.send(&News::NoStill(error.0));
        }
    }
}

/// Sends what is traced to the server, whose log it is for.
struct Log(Arc<Socket>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.0.send(&News::Log {
            level: event.metadata().level().to_string(),
            text: format!("{}{}", text.message, text.fields),
        });
    }
}

/// An event's message, and its fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
        written.expect("a String takes any text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_for_a_still_is_for_the_camera_as_it_is_open() {
        let (ours, _theirs) = Socket::pair().unwrap();
        let server = Server::new(Arc::new(ours));
        server.state().opened = 2;
        // It was opened anew since: the server asks once more.
        server.obey(Order::Still { opened: 1 });
        assert!(!server.begins_still());
        server.obey(Order::Still { opened: 2 });
        assert!(server.begins_still());
        assert!(!server.begins_still());
    }
}
