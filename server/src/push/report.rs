//! How far pushing has come, for whoever looks at the terminal.
//!
//! What is counted belongs to [`Push`].

use crate::camera::Push;
use crate::log;
use std::io::IsTerminal;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// A terminal's line is written anew so often.
const REFRESH: Duration = Duration::from_secs(1);

/// Where standard error is no terminal, a line is logged so often.
const LOG: Duration = Duration::from_secs(10);

/// Tells the progress until it is dropped: in a line that is written anew, or in the log.
pub async fn report(push: &Push) {
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
