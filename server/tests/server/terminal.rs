//! SIGHUP says two things: that a terminal was closed, and that the configuration is to be read again.

use crate::support::{Running, python};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

/// A program in a terminal, which closes when its input does.
struct Terminal {
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    _script: Running,
    pid: String,
}

impl Terminal {
    fn start(directory: &Path, shell: &str) -> Self {
        let mut script = python("terminal.py")
            .args(["sh", "-c", shell])
            .current_dir(directory)
            .env("PISTREAMER", env!("CARGO_BIN_EXE_pistreamer"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = script.stdin.take();
        let output = BufReader::new(script.stdout.take().unwrap());
        let mut terminal = Self {
            input,
            output,
            _script: Running(script),
            pid: String::new(),
        };
        let line = terminal.line("pid ");
        terminal.pid = line.trim_start_matches("pid ").trim().to_owned();
        terminal
    }

    /// The next line that begins with or holds that text.
    fn line(&mut self, text: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "{text:?}");
            if line.contains(text) {
                return line;
            }
        }
    }

    fn send(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid]).status();
        assert!(sent.unwrap().success());
    }

    fn close(&mut self) {
        drop(self.input.take());
    }
}

const SERVE: &str = "exec \"$PISTREAMER\" --source pattern --listen 127.0.0.1:0 --no-auth";

#[test]
fn a_server_ends_when_its_terminal_closes_and_reads_its_configuration_when_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(directory.path(), SERVE);
    terminal.line("http://127.0.0.1:");
    for _ in 0..2 {
        terminal.send("-HUP");
        terminal.line("configuration reloaded");
    }
    terminal.close();
    assert_eq!(terminal.line("ended ").trim(), "ended 0");
}

#[test]
fn a_server_under_nohup_outlives_its_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("log");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    // As its shell does, it keeps the terminal open, so that the kernel tells it of the end.
    let nohup = SERVE.replace("exec", "exec 3<&0; exec nohup");
    let mut terminal = Terminal::start(directory.path(), &format!("{nohup} > log 2>&1"));
    let log = BufReader::new(std::fs::File::open(&fifo).unwrap());
    let mut lines = log.lines().map(Result::unwrap);
    let mut until = |text: &str| lines.find(|line| line.contains(text)).expect("it ended");
    until("http://127.0.0.1:");
    terminal.close();
    until("configuration reloaded");
    // It is there, and hears the next signals.
    terminal.send("-HUP");
    until("configuration reloaded");
    terminal.send("-TERM");
    assert_eq!(terminal.line("ended ").trim(), "ended 0");
}
