//! Whatever attackers do, viewers get frames, and further ones can connect.
//!
//! How many of the frames is measured by `pistreamer-bench abuse` on a quiet machine; here, attackers, viewers and other
//! tests share the cores.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use pistreamer::access::{Entry, Role, Secret, Store};
use pistreamer_bench::abuse::{ATTACKS, Victim, endure};
use std::net::IpAddr;
use std::time::Duration;
use support::Server;

const TIME: Duration = Duration::from_secs(1);

#[test]
fn under_each_attack_viewers_see_most_frames_and_newcomers_come_in() {
    let state = tempfile::tempdir().unwrap();
    let password = Secret::of_password(Victim::PASSWORD).unwrap();
    let person = Entry::new(Victim::PERSON.parse().unwrap(), Role::View, password);
    let store = Store::new(state.path().into());
    store.change(|keys| keys.keys.push(person)).unwrap();
    let proxy = IpAddr::from([127, 0, 0, Victim::PROXY]).to_string();
    let flags = [
        "--source",
        "ingest",
        "--source",
        "tcp-listen:127.0.0.1:0",
        "--state-dir",
        state.path().to_str().unwrap(),
        "--trusted-proxy",
        &proxy,
    ];
    let server = Server::start(32_000, &flags);
    let victim = Victim::new(server.address, state.path()).unwrap();
    for attack in ATTACKS {
        let endured = endure(&victim, *attack, TIME).unwrap();
        let name = attack.name;
        let kept = endured.sight.least_kept();
        assert!(kept > 0.5, "{name}: a viewer got {kept:.2} of the frames");
        let let_in = endured.newcomers_ms.iter().flatten().count();
        let came = endured.newcomers_ms.len();
        assert_eq!(let_in, came, "{name}: not every newcomer was let in");
        assert!(
            endured.deeds > 0 || name == "none",
            "{name}: nothing was done"
        );
    }
}
