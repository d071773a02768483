//! MP4s of films, by ffmpeg: a process that is fed with a film and gives an MP4, piece by piece. It has what live pictures and recordings
//! leave of the machine, and ends with whoever takes it.

use bytes::Bytes;
use futures::Stream;
use futures::stream;
use rustix::process::{Pid, setpriority_process};
use std::env;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{sleep_until, timeout};

/// Encoders at a time; each key has one of them.
pub(crate) const MOST: usize = 2;

/// No encoder runs longer.
const LONGEST: Duration = Duration::from_secs(3600);

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

/// Letters that the log is told of what an encoder complains about.
const COMPLAINT: usize = 500;

/// H.264 in fragments: such a file is written from its beginning to its end, and plays everywhere. Sides have to be even. Frames keep their
/// times, to the millisecond: none refers to a later one, which would move the first.
const ARGUMENTS: &str = "-hide_banner -loglevel error -f matroska -i pipe:0 -an -vf scale=trunc(iw/2)*2:trunc(ih/2)*2:out_range=tv \
    -c:v libx264 -preset veryfast -crf 24 -bf 0 -pix_fmt yuv420p -fps_mode vfr -enc_time_base 1:1000 \
    -movflags +frag_keyframe+empty_moov+default_base_moof -f mp4 pipe:1";

/// What makes MP4s.
#[derive(Clone, Debug)]
pub(crate) struct Mp4 {
    /// As it was configured; `None` where none is to be made.
    program: Option<PathBuf>,
}

/// Why none is made.
#[derive(Debug)]
pub(crate) enum Missing {
    /// There is no such program.
    Program(PathBuf),
    /// None is to be made.
    Off,
}

impl Mp4 {
    pub(crate) fn new(program: Option<PathBuf>) -> Self {
        Self { program }
    }

    /// The program, if it is there.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn program(&self) -> Result<PathBuf, Missing> {
        let program = self.program.as_deref().ok_or(Missing::Off)?;
        let found = if program.components().count() > 1 {
            Some(program.to_owned()).filter(|it| it.is_file())
        } else {
            let path = env::var_os("PATH").unwrap_or_default();
            let mut places = env::split_paths(&path).map(|place| place.join(program));
            places.find(|it| it.is_file())
        };
        found.ok_or_else(|| Missing::Program(program.to_owned()))
    }
}

/// A process. Dropping it ends it.
#[derive(Debug)]
struct Encoder(Arc<Mutex<Child>>);

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    // Nothing panics while it holds this lock.
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let mut child = lock(&self.0);
        // One that has ended is not there to be ended.
        if let Ok(None) = child.try_wait() {
            let _ = child.kill();
        }
    }
}

/// Makes an MP4 of a film. What is returned ends with an error where it is not whole. `held` is kept until it is through.
///
/// # Errors
/// Where the program cannot be started.
pub(crate) fn encode(
    program: &Path,
    film: impl Iterator<Item = io::Result<Vec<u8>>> + Send + 'static,
    stands_still: Duration,
    held: impl Send + 'static,
) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
    let mut child = Command::new(program)
        .args(ARGUMENTS.split_ascii_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // Its threads, which it starts later, have what it has.
    let pid = Pid::from_raw(child.id() as i32);
    if let Err(error) = setpriority_process(pid, 19) {
        tracing::warn!(%error, "ffmpeg runs at the server's own priority");
    }
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let child = Arc::new(Mutex::new(child));
    let encoder = Encoder(Arc::clone(&child));
    let feeding = stdin.map(|stdin| {
        thread::Builder::new()
            .name("mp4-feed".into())
            .spawn(|| feed(film, stdin))
    });
    let feeding = feeding.transpose()?;
    let complaining = stderr.map(|mut stderr| {
        thread::Builder::new()
            .name("mp4-log".into())
            .spawn(move || {
                let mut said = Vec::new();
                let _ = stderr
                    .by_ref()
                    .take(COMPLAINT as u64)
                    .read_to_end(&mut said);
                let _ = io::copy(&mut stderr, &mut io::sink());
                String::from_utf8_lossy(&said).trim().to_owned()
            })
    });
    let complaining = complaining.transpose()?;
    let (pieces, receive) = mpsc::channel(2);
    let runtime = Handle::current();
    spawn_blocking(move || {
        let _held = held;
        let mut stdout = stdout;
        let mut read = || -> io::Result<Option<Bytes>> {
            let mut piece = vec![0; PIECE];
            let Some(stdout) = &mut stdout else {
                return Ok(None);
            };
            let len = stdout.read(&mut piece)?;
            piece.truncate(len);
            Ok((len > 0).then(|| piece.into()))
        };
        let send = |piece| {
            let taken = runtime.block_on(timeout(stands_still, pieces.send(piece)));
            matches!(taken, Ok(Ok(())))
        };
        let end = loop {
            match read() {
                Ok(Some(piece)) => {
                    if !send(Ok(Some(piece))) {
                        break None;
                    }
                }
                Ok(None) => break Some(Ok(())),
                Err(error) => break Some(Err(error)),
            }
        };
        if end.is_none() {
            let _ = lock(&child).kill();
        }
        let status = ended(&child);
        let fed = feeding.map_or(Ok(Ok(())), thread::JoinHandle::join);
        let said = complaining.map_or(Ok(String::new()), thread::JoinHandle::join);
        let is_whole = status.is_ok_and(|status| status.success()) && matches!(fed, Ok(Ok(())));
        match end {
            Some(Ok(())) if is_whole => {
                send(Ok(None));
            }
            None => {}
            _ => {
                let said = said.unwrap_or_default();
                // Whoever went away ended it.
                if !pieces.is_closed() {
                    tracing::warn!(ffmpeg = said, "an MP4 could not be made to its end");
                }
                send(Err(io::ErrorKind::ConnectionAborted.into()));
            }
        }
    });
    let over = Box::pin(sleep_until(tokio::time::Instant::now() + LONGEST));
    Ok(stream::unfold(
        Some((receive, encoder, over)),
        |state| async {
            let (mut receive, encoder, mut over) = state?;
            let cut = || Err(io::ErrorKind::ConnectionAborted.into());
            let piece = tokio::select! {
                () = &mut over => cut(),
                piece = receive.recv() => match piece {
                    Some(Ok(Some(piece))) => Ok(piece),
                    Some(Ok(None)) => return None,
                    Some(Err(error)) => Err(error),
                    None => cut(),
                },
            };
            let rest = piece.is_ok().then_some((receive, encoder, over));
            Some((piece, rest))
        },
    ))
}

/// How it has ended. One that has nothing more to say and stays is ended.
fn ended(child: &Mutex<Child>) -> io::Result<ExitStatus> {
    const POLL: Duration = Duration::from_millis(20);
    const STAYS: u32 = 500;
    for _ in 0..STAYS {
        if let Some(status) = lock(child).try_wait()? {
            return Ok(status);
        }
        thread::sleep(POLL);
    }
    let mut child = lock(child);
    child.kill()?;
    child.wait()
}

fn feed(film: impl Iterator<Item = io::Result<Vec<u8>>>, mut stdin: ChildStdin) -> io::Result<()> {
    for piece in film {
        stdin.write_all(&piece?)?;
    }
    Ok(())
}
