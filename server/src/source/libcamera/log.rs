//! libcamera's own log, as lines of ours: written by the log's thread, so that a standard error that takes nothing holds up
//! no thread of libcamera.
//!
//! How lines are written, and what happens to those that find no room, belongs to [`crate::log`].

use crate::log;
use std::io::{BufRead, BufReader, Read};
use tracing::Level;

/// Longest line that is kept whole, in bytes.
const MOST_LINE: u64 = 2048;

/// Stands in the pipe behind libcamera's last words.
pub(super) const LAST: &[u8] = b"\0\n";

/// Writes what libcamera says until it ends. `last` is called after the line [`LAST`].
pub(super) fn forward(pipe: impl Read, last: impl Fn()) {
    let mut pipe = BufReader::new(pipe);
    let (mut line, mut level) = (Vec::new(), Level::INFO);
    while let Ok(1..) = pipe.by_ref().take(MOST_LINE).read_until(b'\n', &mut line) {
        if line == LAST {
            last();
        } else {
            let text = String::from_utf8_lossy(&line);
            let (its, text) = parse(text.trim_end());
            // A line without a level belongs to the one before it.
            level = its.unwrap_or(level);
            tell(level, text);
        }
        line.clear();
    }
}

/// Level and text of `[0:04:05.678] [1234]  WARN Category file.cpp:12 text`.
fn parse(line: &str) -> (Option<Level>, &str) {
    let parts = || {
        let (_, rest) = line.strip_prefix('[')?.split_once("] [")?;
        let (_, rest) = rest.split_once("] ")?;
        let (level, text) = rest.trim_start().split_once(' ')?;
        let level = match level {
            "DEBUG" => Level::DEBUG,
            "INFO" => Level::INFO,
            "WARN" => Level::WARN,
            "ERROR" | "FATAL" => Level::ERROR,
            _ => return None,
        };
        Some((Some(level), text))
    };
    parts().unwrap_or((None, line))
}

/// A line of libcamera's, or of the process that drives it.
pub(super) fn tell(level: Level, text: &str) {
    macro_rules! tell {
        ($level:ident) => {
            tracing::event!(target: log::LIBCAMERA, Level::$level, "libcamera: {text}")
        };
    }
    // Commands that only print have no log.
    if !tracing::dispatcher::has_been_set() {
        return log::say(&format!("libcamera: {level} {text}"));
    }
    match level {
        Level::ERROR => tell!(ERROR),
        Level::WARN => tell!(WARN),
        Level::INFO => tell!(INFO),
        _ => tell!(DEBUG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_level_and_lose_what_the_log_tells_anyway() {
        assert_eq!(
            parse("[3:00:01.000000002] [77]  INFO Camera camera_manager.cpp:340 libcamera v0.7.2"),
            (
                Some(Level::INFO),
                "Camera camera_manager.cpp:340 libcamera v0.7.2"
            )
        );
        let fatal = "[0:00:01.2] [7] FATAL default log.cpp:1 assertion \"a] [b\" failed";
        assert_eq!(
            parse(fatal),
            (
                Some(Level::ERROR),
                "default log.cpp:1 assertion \"a] [b\" failed"
            )
        );
        for odd in ["", "[", "  0x123 in main", "[1] [2] LOUD x", "[1] [2] WARN"] {
            assert_eq!(parse(odd), (None, odd));
        }
    }
}
