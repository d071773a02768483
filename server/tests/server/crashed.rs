//! What is left of the access keys by a program that crashes while it writes them.

use crate::process::{pistreamer, shim};
use pistreamer::access::Store;
use std::os::unix::process::ExitStatusExt;

/// SIGKILL.
const KILLED: i32 = 9;

#[test]
fn killed_at_any_moment_a_rotation_leaves_the_old_key_or_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let shim = shim("crash-shim", directory.path());
    let state = directory.path().join("state");
    let store = Store::new(state.clone());
    store.open().unwrap();
    let owners = || store.read().unwrap().owners().unwrap().as_str().to_owned();
    let (mut moments, mut before) = (0, owners());
    loop {
        let output = pistreamer(&["key", "rotate", "--state-dir"])
            .arg(&state)
            .env("LD_PRELOAD", &shim)
            .env("CRASH_AT", (moments + 1).to_string())
            .output()
            .unwrap();
        let after = owners();
        assert_eq!(after.len(), 26, "{after}");
        assert_eq!(store.read().unwrap().keys.len(), 1);
        if output.status.success() {
            assert_ne!(after, before);
            break;
        }
        assert_eq!(output.status.signal(), Some(KILLED), "{output:?}");
        moments += 1;
        before = after;
    }
    // The lock, the new file, what is in it, and both on their way to the disk.
    assert!(moments >= 5, "it was killed at {moments} moments");
}
