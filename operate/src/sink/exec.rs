//! A program that drives: started here, told by lines on its standard input, and heard by its standard output. One that
//! ends is started again; one that does not read is ended first. What it writes to its standard error goes to the log.

use super::{Retry, Sink, Written};
use crate::limits::Time;
use pistreamer_protocol::text;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a program gets to end by itself after its input is closed, and once more after SIGTERM.
const PATIENCE: Duration = Duration::from_millis(200);

/// A program that ran for this long is started again at once when it ends.
const STEADY: Time = Time::from_secs(10);

/// Bytes that wait unread in the pipe, at most: one page.
const PIPE: usize = 4096;

/// Reads of what the program says, at a time.
const HEARD_AT_ONCE: usize = 16;

/// Bytes that a pipe holds that a program writes to.
const HELD_BY_A_PIPE: usize = 64 << 10;

/// How long a program gets until it reads for the first time: Python on a busy Pi Zero takes that long to import GPIO
/// libraries, and would begin anew each time that it is ended before.
const STARTS: Time = Time::from_secs(60);

/// A program that has read nothing for this long after its start is named to the operator.
const SLOW_START: Time = Time::from_secs(5);

/// Lines of a program's that are logged in a second. Further ones are left out.
const LOGGED: u32 = 20;

/// Longest line of a program's that is logged whole, in bytes.
const LONGEST_LINE: usize = 300;

#[derive(Debug)]
pub(super) struct Exec {
    words: Vec<String>,
    running: Option<Running>,
    /// Ends the last one.
    ending: Option<JoinHandle<()>>,
    retry: Retry,
    problem: String,
    opened: u64,
    /// Lines that it wrote to its standard error.
    said: Vec<String>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    stdin: ChildStdin,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    said: Said,
    since: Time,
    /// Lines that it was written. All but the last one were read.
    written: u64,
    /// Since when its standard input is known to be closed, as it is when it ends.
    deaf_since: Option<Time>,
}

/// What a program writes to its standard error.
#[derive(Debug, Default)]
struct Said {
    line: Vec<u8>,
    /// The last line that is not empty.
    last: String,
    /// The second that is counted, and lines in it.
    counted: (Time, u32),
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
            said: Vec::new(),
        }
    }

    fn start(&mut self, now: Time) {
        match spawn(&self.words, now) {
            Ok(running) => {
                // What was wrong with the one before stays to be read until this one is seen to live.
                self.running = Some(running);
                self.opened += 1;
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
        // Read here, so that a program that writes much waits for nobody who reads the server's log.
        .stderr(Stdio::piped())
        // Of its own, so that what it starts ends with it, and Ctrl-C does not end it before it is told STOP.
        .process_group(0);
    let mut child = command.spawn()?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), stdout, stderr) = pipes else {
        return Err(std::io::Error::other("it has no standard input"));
    };
    let running = Running {
        child,
        stdin,
        stdout,
        stderr,
        said: Said::default(),
        since: now,
        written: 0,
        deaf_since: None,
    };
    // As small as the system makes it: what it does not let be small is bounded all the same.
    let _ = rustix::pipe::fcntl_setpipe_size(&running.stdin, PIPE);
    if let Err(error) = running.unblock() {
        finish(running);
        return Err(error);
    }
    Ok(running)
}

impl Running {
    /// Has nothing wait for it.
    fn unblock(&self) -> std::io::Result<()> {
        let unblock = |fd: BorrowedFd<'_>| {
            let flags = fcntl_getfl(fd)?;
            fcntl_setfl(fd, flags | OFlags::NONBLOCK)
        };
        unblock(self.stdin.as_fd())?;
        let stdout = self.stdout.as_ref().map(AsFd::as_fd);
        let stderr = self.stderr.as_ref().map(AsFd::as_fd);
        Ok(stdout.into_iter().chain(stderr).try_for_each(unblock)?)
    }

    /// Takes what it says, and what it writes to its standard error.
    fn listen(&mut self, now: Time, heard: &mut Vec<u8>, said: &mut Vec<String>) {
        if let Some(stdout) = &mut self.stdout {
            drain(stdout, |bytes| heard.extend_from_slice(bytes));
        }
        if let Some(stderr) = &mut self.stderr {
            drain(stderr, |bytes| self.said.take(now, bytes, said));
        }
    }
}

/// Reads what is there, and not for ever.
fn drain(mut from: impl Read, mut take: impl FnMut(&[u8])) {
    let mut bytes = [0; 1024];
    for _ in 0..HEARD_AT_ONCE {
        match from.read(&mut bytes) {
            Ok(count) if count > 0 => take(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => break,
        }
    }
}

impl Said {
    fn take(&mut self, now: Time, bytes: &[u8], said: &mut Vec<String>) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST_LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if !part.ends_with(b"\n") {
                continue;
            }
            let line = text::plain(String::from_utf8_lossy(&self.line).trim());
            self.line.clear();
            if line.is_empty() {
                continue;
            }
            if now >= self.counted.0 + Time::from_secs(1) {
                self.counted = (now, 0);
            }
            self.counted.1 += 1;
            if self.counted.1 <= LOGGED {
                said.push(line.clone());
            }
            self.last = line;
        }
    }
}

/// Ends a program: it sees the end of its input, then SIGTERM, then SIGKILL, with all that it started.
fn finish(running: Running) {
    let Running {
        mut child, stdin, ..
    } = running;
    drop(stdin);
    let group = Pid::from_child(&child);
    if !ends(group) {
        let _ = kill_process_group(group, Signal::TERM);
        ends(group);
    }
    // Also what it started and left behind. The program is not waited for before: its number would be free for others.
    let _ = kill_process_group(group, Signal::KILL);
    // Where it has gone to another group.
    let _ = child.kill();
    let _ = child.wait();
}

/// Whether nobody can read what is in the pipe.
fn has_no_reader(pipe: &ChildStdin) -> bool {
    let mut fds = [PollFd::new(pipe, PollFlags::empty())];
    let asked = poll(&mut fds, Some(&Timespec::default()));
    asked.is_ok() && fds[0].revents().contains(PollFlags::ERR)
}

/// How it has ended, if it has. It stays to be waited for.
fn ended(program: Pid) -> Option<String> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::Pid(program), options) {
        Ok(None) => None,
        Ok(Some(status)) => Some(match (status.exit_status(), status.terminating_signal()) {
            (Some(status), _) => format!("with status {status}"),
            (None, Some(signal)) => format!("by signal {signal}"),
            (None, None) => String::new(),
        }),
        Err(_) => Some(String::new()),
    }
}

fn ends(program: Pid) -> bool {
    let until = Instant::now() + PATIENCE;
    loop {
        if ended(program).is_some() {
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
        let program = &self.words[0];
        // Before what it said last is read.
        let ended = ended(Pid::from_child(&running.child));
        running.listen(now, heard, &mut self.said);
        if ended.is_some() {
            // Its last words: as much as a pipe holds, and a line that it did not end.
            for _ in 1..HELD_BY_A_PIPE / (1024 * HEARD_AT_ONCE) {
                running.listen(now, heard, &mut self.said);
            }
            running.said.take(now, b"\n", &mut self.said);
        }
        if has_no_reader(&running.stdin) {
            running.deaf_since.get_or_insert(now);
        }
        let is_deaf = running.deaf_since.is_some_and(|at| now >= at + PATIENCE);
        if let Some(how) = ended {
            let said = match &*running.said.last {
                "" => String::new(),
                last => format!(" ({last})"),
            };
            let problem = format!("{program} ended {how}{said}, and is started again");
            self.end(now, problem);
        } else if is_deaf {
            let problem = format!("{program} closed its standard input, and is started again");
            self.end(now, problem);
        } else if running.written >= 2 {
            self.problem.clear();
        } else if self.problem.is_empty() && now >= running.since + SLOW_START {
            self.problem =
                format!("{program} has not read its standard input since it was started");
        }
    }

    fn write(&mut self, line: &[u8]) -> Written {
        let Some(running) = &mut self.running else {
            return Written::Nobody;
        };
        // What cannot be known was not read.
        if rustix::io::ioctl_fionread(&running.stdin).map_or(true, |bytes| bytes > 0) {
            return Written::Unread;
        }
        match running.stdin.write(line) {
            // An empty pipe takes a line whole.
            Ok(_) => {
                running.written += 1;
                Written::Yes
            }
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

    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    fn patience(&self) -> Time {
        STARTS
    }

    fn problem(&self) -> &str {
        &self.problem
    }

    fn opened(&self) -> u64 {
        self.opened
    }
}
