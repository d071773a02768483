//! A program that drives: started here, told by lines on its standard input, and heard by its standard output. One that
//! ends is started again; one that does not read is ended first.

use super::{Retry, Sink, Written};
use crate::limits::Time;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a program gets to end by itself after its input is closed, and once more after SIGTERM.
const PATIENCE: Duration = Duration::from_millis(200);

/// A program that ran for this long is started again at once when it ends.
const STEADY: Time = Time::from_secs(10);

/// Bytes that wait unread in the pipe, at most: one page.
const PIPE: usize = 4096;

/// Bytes of the machine's that are taken at a time.
const HEARD_AT_ONCE: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Exec {
    words: Vec<String>,
    running: Option<Running>,
    /// Ends the last one.
    ending: Option<JoinHandle<()>>,
    retry: Retry,
    problem: String,
    opened: u64,
}

#[derive(Debug)]
struct Running {
    child: Child,
    stdin: ChildStdin,
    stdout: Option<ChildStdout>,
    since: Time,
}

impl Exec {
    pub(super) fn new(words: Vec<String>) -> Self {
        Self {
            words,
            running: None,
            ending: None,
            retry: Retry::default(),
            problem: String::new(),
            opened: 0,
        }
    }

    fn start(&mut self, now: Time) {
        match spawn(&self.words, now) {
            Ok(running) => {
                self.running = Some(running);
                self.opened += 1;
                self.problem.clear();
            }
            Err(error) => {
                let program = &self.words[0];
                self.problem = match error.kind() {
                    ErrorKind::NotFound => format!("there is no program {program}: check its path"),
                    ErrorKind::PermissionDenied => format!(
                        "{program} cannot be started: make it executable with chmod +x, and readable to the server's user"
                    ),
                    _ => format!("{program} cannot be started: {error}"),
                };
                self.retry.failed(now);
            }
        }
    }

    /// Ends the program on a thread of its own, because that may take a while.
    fn end(&mut self, now: Time, problem: String) {
        let Some(running) = self.running.take() else {
            return;
        };
        if now.saturating_sub(running.since) >= STEADY {
            self.retry.succeeded();
        }
        self.retry.failed(now);
        self.problem = problem;
        let ends = std::thread::Builder::new().name("operate-end".into());
        // Without a thread it ends here, which holds up nothing but a machine that stands.
        let (sender, receiver) = std::sync::mpsc::channel::<Running>();
        match ends.spawn(move || receiver.into_iter().for_each(finish)) {
            Ok(thread) => {
                self.ending = Some(thread);
                if let Err(unsent) = sender.send(running) {
                    finish(unsent.0);
                }
            }
            Err(_) => finish(running),
        }
    }
}

fn spawn(words: &[String], now: Time) -> std::io::Result<Running> {
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Of its own, so that what it starts ends with it, and Ctrl-C does not end it before it is told STOP.
        .process_group(0);
    let mut child = command.spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let Some(stdin) = stdin else {
        return Err(std::io::Error::other("it has no standard input"));
    };
    // As small as the system makes it: what it does not let be small is bounded all the same.
    let _ = rustix::pipe::fcntl_setpipe_size(&stdin, PIPE);
    let unblock = |fd: std::os::fd::BorrowedFd<'_>| {
        let flags = fcntl_getfl(fd)?;
        fcntl_setfl(fd, flags | OFlags::NONBLOCK)
    };
    unblock(stdin.as_fd())?;
    if let Some(stdout) = &stdout {
        unblock(stdout.as_fd())?;
    }
    Ok(Running {
        child,
        stdin,
        stdout,
        since: now,
    })
}

/// Ends a program: it sees the end of its input, then SIGTERM, then SIGKILL, with all that it started.
fn finish(running: Running) {
    let Running {
        mut child, stdin, ..
    } = running;
    drop(stdin);
    let group = Pid::from_child(&child);
    if !ends(&mut child) {
        let _ = kill_process_group(group, Signal::TERM);
        ends(&mut child);
    }
    // Also what it started and left behind.
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
}

fn ends(child: &mut Child) -> bool {
    let until = Instant::now() + PATIENCE;
    loop {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Sink for Exec {
    fn tend(&mut self, now: Time, heard: &mut Vec<u8>) {
        self.ending.take_if(|thread| thread.is_finished());
        if self.running.is_none() && self.ending.is_none() && self.retry.is_due(now) {
            self.start(now);
        }
        let Some(running) = &mut self.running else {
            return;
        };
        if let Some(stdout) = &mut running.stdout {
            let mut bytes = [0; 1024];
            let mut taken = 0;
            while taken < HEARD_AT_ONCE {
                match stdout.read(&mut bytes) {
                    Ok(count) if count > 0 => {
                        heard.extend_from_slice(&bytes[..count]);
                        taken += count;
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    _ => break,
                }
            }
        }
        if let Ok(Some(status)) = running.child.try_wait() {
            let problem = format!("{} ended ({status}), and is started again", self.words[0]);
            self.end(now, problem);
        }
    }

    fn write(&mut self, line: &[u8]) -> Written {
        let Some(running) = &mut self.running else {
            return Written::Nobody;
        };
        if rustix::io::ioctl_fionread(&running.stdin).unwrap_or(0) > 0 {
            return Written::Unread;
        }
        match running.stdin.write(line) {
            // An empty pipe takes a line whole.
            Ok(_) => Written::Yes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Written::Unread,
            Err(_) => Written::Nobody,
        }
    }

    fn give_up(&mut self, now: Time) {
        let problem = format!(
            "{} does not read its standard input, and is started again",
            self.words[0]
        );
        self.end(now, problem);
    }

    fn close(&mut self, line: &[u8]) {
        if let Some(mut running) = self.running.take() {
            // One that reads has it, and the others end.
            let _ = running.stdin.write(line);
            finish(running);
        }
        if let Some(thread) = self.ending.take() {
            let _ = thread.join();
        }
    }

    fn problem(&self) -> &str {
        &self.problem
    }

    fn opened(&self) -> u64 {
        self.opened
    }
}
