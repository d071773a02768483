//! The log: best effort. It blocks nothing that serves, whatever happens to standard error, and what others sent is escaped
//! in it.
//!
//! How lines wait for the thread that writes them belongs to [`outbox`]; which lines are worth writing, to
//! [`crate::util::log_throttle`].

mod outbox;

use outbox::Outbox;
use pistreamer_protocol::text::escaped;
use rustix::event::{PollFd, PollFlags, Timespec};
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

static OUTBOX: Outbox = Outbox::new();
static IS_RUNNING: AtomicBool = AtomicBool::new(false);

/// Target of what libcamera says.
pub(crate) const LIBCAMERA: &str = "pistreamer::libcamera";

/// How long the end of the program waits for an output that takes nothing to take its last lines.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Goes back to the beginning of the terminal's line and empties it (ECMA-48 §8.3.41).
const ERASE: &str = "\r\x1b[K";

/// How a note says in the log that lines are missing, once the log's format is known.
static NOTE: OnceLock<fn(u64) -> String> = OnceLock::new();

/// Has standard error written by a thread of its own, the only one that may have to wait for whoever reads it.
///
/// # Errors
/// Where the system gives no thread.
pub fn start() -> io::Result<()> {
    let note = |lost| {
        NOTE.get()
            .map_or_else(|| plain_note(lost), |note| note(lost))
    };
    let thread = std::thread::Builder::new().name("log".into());
    let writing = move || OUTBOX.write_to(io::stderr(), note);
    thread.spawn(writing)?;
    IS_RUNNING.store(true, Ordering::Release);
    Ok(())
}

/// Whether lines are written. In programs that have this library, but a log of their own, they are not.
pub fn is_running() -> bool {
    IS_RUNNING.load(Ordering::Acquire)
}

/// Writes what is traced from here on. Call [`start`] first.
pub fn init(mut filter: Targets, json: bool) {
    // Which of libcamera's lines there are is then said there.
    if std::env::var_os("LIBCAMERA_LOG_LEVELS").is_some() {
        filter = filter.with_target(LIBCAMERA, LevelFilter::TRACE);
    }
    let journal = goes_to_journal();
    // Set once: there is one log.
    let _ = NOTE.set(match (json, journal) {
        (true, _) => json_note,
        (false, true) => bare_note,
        (false, false) => text_note,
    });
    let log = tracing_subscriber::fmt()
        // What there is of these is the filter's to say.
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(io::stderr().is_terminal())
        // They would be printed, which fails where the log does.
        .log_internal_errors(false)
        .with_writer(move || Events { json });
    if json {
        return log.json().finish().with(filter).init();
    }
    let log = log.with_target(false).fmt_fields(Escaped);
    if journal {
        log.without_time().finish().with(filter).init();
    } else {
        log.finish().with(filter).init();
    }
}

/// Whether standard error is systemd's journal, which notes the time of each line itself (systemd.exec(5), JOURNAL_STREAM).
fn goes_to_journal() -> bool {
    let Ok(is) = rustix::fs::fstat(io::stderr()) else {
        return false;
    };
    std::env::var("JOURNAL_STREAM").is_ok_and(|told| told == format!("{}:{}", is.st_dev, is.st_ino))
}

/// Writes a line of the program's own. What is quoted in it cannot act on a terminal.
pub fn say(line: &str) {
    let lines: Vec<_> = line.lines().map(escaped).collect();
    OUTBOX.push(format!("{}\n", lines.join("\n")).as_bytes());
}

/// The same on a terminal, in place of a progress line.
pub fn say_over(line: &str) {
    OUTBOX.push(format!("{ERASE}{}\n", escaped(line)).as_bytes());
}

/// Rewrites a terminal's progress line. Lost without a word where the terminal takes nothing.
pub fn progress(line: &str) {
    OUTBOX.offer(format!("{ERASE}{}", escaped(line)).as_bytes());
}

/// Waits until the last lines are written, but not for long where standard error takes nothing.
pub fn flush() {
    OUTBOX.flush(LAST_LINES, takes_bytes);
}

/// Whether a write to standard error would not wait for another program, as far as the system tells.
fn takes_bytes() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    rustix::event::poll(&mut fds, Some(&Timespec::default())) == Ok(1)
}

fn plain_note(lost: u64) -> String {
    format!("pistreamer: {lost} lines were lost here\n")
}

fn now() -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

fn text_note(lost: u64) -> String {
    format!("{}  WARN {lost} lines of the log were lost here\n", now())
}

fn bare_note(lost: u64) -> String {
    format!(" WARN {lost} lines of the log were lost here\n")
}

fn json_note(lost: u64) -> String {
    let note = serde_json::json!({
        "timestamp": now(),
        "level": "WARN",
        "fields": { "message": "lines of the log were lost here", "lost": lost },
        "target": module_path!(),
    });
    format!("{note}\n")
}

/// Takes one event at a time, whole.
struct Events {
    json: bool,
}

impl Write for Events {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.json {
            // JSON escapes the control characters of ASCII, but not those that Unicode added.
            let text = String::from_utf8_lossy(line);
            let text = escaped(text.trim_end_matches('\n'));
            OUTBOX.push(format!("{text}\n").as_bytes());
        } else {
            OUTBOX.push(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fields as usual, but with what would act on a terminal or end the line escaped: messages and values may be others' text.
struct Escaped;

impl<'writer> FormatFields<'writer> for Escaped {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> std::fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut text), fields)?;
        writer.write_str(&escaped(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_that_others_sent_acts_on_the_terminal_or_begins_a_line() {
        let evil = "\u{1b}[2J\u{9b}31m\nforged line\u{202e}\r\u{7}";
        let captured = Captured::default();
        let writer = captured.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(true)
            .with_target(false)
            .fmt_fields(Escaped)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(log, || {
            let span = tracing::info_span!("viewer", address = %evil, name = evil);
            span.in_scope(|| {
                let error: Box<dyn std::error::Error> = evil.into();
                tracing::warn!(%error, reason = evil, odd = ?[evil], "{evil}");
                tracing::warn!(error = &*error, "an error");
            });
        });
        let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text:?}");
        for bad in ["\u{1b}[2J", "\u{9b}", "\u{202e}", "\r", "\u{7}"] {
            assert!(!text.contains(bad), "{bad:?} in {text:?}");
        }
        assert!(text.contains("forged line"));
    }
}
