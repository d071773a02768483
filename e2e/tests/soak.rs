//! The short form of `./dev soak`: the same crowd, for two short rounds.

use pistreamer_e2e::soak::{Options, run};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn among_viewers_of_every_kind_every_frame_is_accounted_for_and_nothing_is_left() {
    let options = Options {
        duration: Duration::from_secs(14),
        round: Duration::from_secs(7),
        seed: 1,
    };
    let report = run(options).await.unwrap();
    assert!(report.seen.accounts > 0 && report.visits > 0, "{report:?}");
}
