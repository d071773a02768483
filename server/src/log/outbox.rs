//! The lines that wait for the thread that writes them. Handing one over never blocks and never fails.
//!
//! What the lines say belongs to [`super`].

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most bytes that wait. A line that finds no room is lost and counted, rather than one that waits: what was said first tells
/// best what went wrong.
const MOST_BYTES: usize = 64 * 1024;

/// Pause before the next attempt where the output takes nothing and was set not to block.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// How often the end waits for a writer whose output takes bytes.
const MOST_TURNS: usize = 60;

/// A bounded hand-over to one writer.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Entry>,
    bytes: usize,
    /// Lines that were not written, and are not told of yet.
    lost: u64,
    /// The last write failed: what was lost is told with the next line, not before.
    is_failing: bool,
    is_writing: bool,
}

#[derive(Debug)]
enum Entry {
    Text(Vec<u8>),
    /// How many lines are missing here.
    Lost(u64),
}

impl Outbox {
    pub(super) const fn new() -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                bytes: 0,
                lost: 0,
                is_failing: false,
                is_writing: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock, and the state is valid at every point.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over a line.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.state();
        if state.bytes + line.len() > MOST_BYTES {
            state.lost += 1;
            return;
        }
        if state.lost > 0 {
            let lost = std::mem::take(&mut state.lost);
            state.waiting.push_back(Entry::Lost(lost));
        }
        state.add(line);
        self.changed.notify_all();
    }

    /// Hands over what is worth nothing later: where other lines wait, it is let go.
    pub(super) fn offer(&self, text: &[u8]) {
        let mut state = self.state();
        if state.is_idle() {
            state.add(text);
            self.changed.notify_all();
        }
    }

    /// Waits until everything is written, for at most that long, and once more that long whenever the output `takes_bytes`
    /// then: on a busy machine it is the writer that waits, for its turn.
    pub(super) fn flush(&self, patience: Duration, mut takes_bytes: impl FnMut() -> bool) {
        for _ in 0..MOST_TURNS {
            let is_busy = |state: &mut State| !state.is_idle();
            let waited = self
                .changed
                .wait_timeout_while(self.state(), patience, is_busy);
            let (state, ended) = waited.unwrap_or_else(PoisonError::into_inner);
            drop(state);
            if !ended.timed_out() || !takes_bytes() {
                return;
            }
        }
    }

    /// Writes whatever is handed over, for ever. `note` says how many lines were lost.
    pub(super) fn write_to(&self, mut output: impl Write, note: impl Fn(u64) -> String) -> ! {
        let mut is_torn = false;
        loop {
            let (mut text, lines) = match self.next() {
                Entry::Text(text) => (text, 1),
                Entry::Lost(lines) => (note(lines).into_bytes(), lines),
            };
            if is_torn {
                text.insert(0, b'\n');
            }
            let written = write(&mut output, &text);
            let is_failing = written < text.len();
            is_torn = if is_failing {
                is_torn || written > 0
            } else {
                false
            };
            let mut state = self.state();
            state.is_failing = is_failing;
            state.is_writing = false;
            if is_failing {
                state.lost += lines;
            }
            self.changed.notify_all();
        }
    }

    fn next(&self) -> Entry {
        let mut state = self.state();
        let entry = loop {
            if let Some(entry) = state.waiting.pop_front() {
                break entry;
            }
            if state.lost > 0 && !state.is_failing {
                break Entry::Lost(std::mem::take(&mut state.lost));
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        if let Entry::Text(text) = &entry {
            state.bytes -= text.len();
        }
        state.is_writing = true;
        entry
    }
}

impl State {
    fn add(&mut self, text: &[u8]) {
        self.bytes += text.len();
        self.waiting.push_back(Entry::Text(text.to_vec()));
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.is_writing && (self.lost == 0 || self.is_failing)
    }
}

/// Writes what it can, and returns how many bytes that were.
fn write(output: &mut impl Write, text: &[u8]) -> usize {
    let mut written = 0;
    while written < text.len() {
        match output.write(&text[written..]) {
            Ok(0) => break,
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Another program that shares the terminal or pipe set it so.
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(BUSY_PAUSE),
            Err(_) => break,
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// Takes each write only when the test says how it ends.
    struct Gate {
        verdicts: Receiver<io::Result<()>>,
        written: SyncSender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.verdicts.recv().unwrap()?;
            self.written.send(text.to_vec()).unwrap();
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (
        &'static Outbox,
        SyncSender<io::Result<()>>,
        Receiver<Vec<u8>>,
    ) {
        let outbox: &Outbox = Box::leak(Box::default());
        let (verdict, verdicts) = sync_channel(1000);
        let (written, texts) = sync_channel(1000);
        let gate = Gate { verdicts, written };
        std::thread::spawn(move || outbox.write_to(gate, |lines| format!("{lines} lost\n")));
        (outbox, verdict, texts)
    }

    #[test]
    fn lines_that_find_no_room_are_lost_counted_and_told_in_their_place() {
        let (outbox, verdict, texts) = gated();
        let line = vec![b'x'; 1024];
        outbox.push(&line);
        // Once the writer has that one, it takes no other one before it is let.
        while !outbox.state().is_writing {
            std::thread::yield_now();
        }
        for _ in 1..1000 {
            outbox.push(&line);
        }
        let kept = 1 + MOST_BYTES / line.len();
        verdict.send(Ok(())).unwrap();
        texts.recv().unwrap();
        let mut lines = 1;
        let told = loop {
            verdict.send(Ok(())).unwrap();
            let text = texts.recv().unwrap();
            if text != line {
                break String::from_utf8(text).unwrap();
            }
            lines += 1;
        };
        assert_eq!(lines, kept);
        assert_eq!(told, format!("{} lost\n", 1000 - lines));
        outbox.push(b"later\n");
        verdict.send(Ok(())).unwrap();
        assert_eq!(texts.recv().unwrap(), b"later\n");
    }

    #[test]
    fn what_an_output_refused_is_told_once_it_takes_lines_again() {
        let (outbox, verdict, texts) = gated();
        let full = || Err(io::Error::from(ErrorKind::StorageFull));
        outbox.push(b"first\n");
        verdict.send(full()).unwrap();
        outbox.flush(Duration::from_secs(60), || false);
        outbox.push(b"second\n");
        verdict.send(full()).unwrap();
        verdict.send(full()).unwrap();
        outbox.flush(Duration::from_secs(60), || false);
        outbox.push(b"third\n");
        verdict.send(Ok(())).unwrap();
        verdict.send(Ok(())).unwrap();
        assert_eq!(texts.recv().unwrap(), b"2 lost\n");
        assert_eq!(texts.recv().unwrap(), b"third\n");
    }

    #[test]
    fn flushing_an_output_that_takes_nothing_ends_and_so_does_offering() {
        let (outbox, verdict, texts) = gated();
        outbox.push(b"first\n");
        outbox.flush(Duration::ZERO, || false);
        outbox.offer(b"stale");
        verdict.send(Ok(())).unwrap();
        outbox.flush(Duration::from_secs(60), || false);
        assert_eq!(texts.recv().unwrap(), b"first\n");
        outbox.offer(b"progress");
        verdict.send(Ok(())).unwrap();
        assert_eq!(texts.recv().unwrap(), b"progress");
    }

    #[test]
    fn flushing_waits_for_a_writer_that_has_not_had_its_turn() {
        let (outbox, verdict, texts) = gated();
        outbox.push(b"last\n");
        let mut turns = 0;
        let takes_bytes = || {
            turns += 1;
            if turns == 3 {
                verdict.send(Ok(())).unwrap();
                // Received where it was written, so that the writer is then about to say so.
                assert_eq!(texts.recv().unwrap(), b"last\n");
            }
            true
        };
        outbox.flush(Duration::from_millis(1), takes_bytes);
        assert!(turns >= 3, "it gave up after {turns} turns");
    }
}
