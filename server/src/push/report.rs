//! The progress of a push, on the terminal or in the log.
//!
//! The counts are those of [`Push`].

use crate::camera::Push;
use crate::log;
use std::io::IsTerminal;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Interval at which the terminal's line is rewritten.
const REFRESH: Duration = Duration::from_secs(1);

/// Interval of log lines if standard error is no terminal.
const LOG: Duration = Duration::from_secs(10);

/// Shows the progress until it is dropped.
pub(crate) async fn report(push: &Push) {
    let target = push.target();
    let terminal = std::io::stderr().is_terminal();
    let mut ticks = interval(if terminal { REFRESH } else { LOG });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut before = (Instant::now(), push.delivered(), push.bytes());
    loop {
        ticks.tick().await;
        let now = (Instant::now(), push.delivered(), push.bytes());
        let seconds = (now.0 - before.0).as_secs_f64();
        let line = line(
            now.1,
            (now.1 - before.1) as f64 / seconds,
            (now.2 - before.2) as f64 / seconds,
        );
        before = now;
        if terminal {
            log::progress(&format!("to {target}: {line}"));
        } else {
            tracing::info!(target, "{line}");
        }
    }
}

fn line(frames: u64, fps: f64, bytes_per_second: f64) -> String {
    format!(
        "{frames} frames, {fps:.1} fps, {:.0} kB/s",
        bytes_per_second / 1000.0
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_has_count_rate_and_bandwidth() {
        assert_eq!(
            super::line(312, 29.97, 3_141_592.0),
            "312 frames, 30.0 fps, 3142 kB/s"
        );
    }
}
