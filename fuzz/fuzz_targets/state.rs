//! Reads arbitrary bytes as the files in which a server keeps sessions and codes: whatever they say, it starts, its owner's key
//! opens, a session and a code that it gives are good, and no more devices are listed than are kept.
//!
//! The first byte says which file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer::access::{Access, Credential, Grant, Password, Refused, Store};
use std::cell::LazyCell;
use std::net::{IpAddr, Ipv4Addr};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const FROM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Server {
    runtime: Runtime,
    state: TempDir,
    key: String,
}

fn server() -> Server {
    let state = tempfile::tempdir().expect("there is room for a file");
    let access = Access::with(Store::new(state.path().into())).expect("keys are made");
    let key = access.owners_key().expect("it is the first start");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    Server {
        runtime: runtime.expect("there is memory"),
        state,
        key: key.as_str().to_owned(),
    }
}

impl Server {
    fn judge(&self, access: &Access, shown: Credential) -> Result<Grant, Refused> {
        self.runtime.block_on(access.judge(&[shown], FROM))
    }
}

thread_local! {
    static SERVER: LazyCell<Server> = LazyCell::new(server);
}

fuzz_target!(|data: &[u8]| {
    let Some((which, content)) = data.split_first() else {
        return;
    };
    let name = ["sessions.json", "codes.json"][usize::from(which % 2)];
    SERVER.with(|server| {
        let file = server.state.path().join(name);
        std::fs::write(&file, content).expect("there is room for a file");
        let store = Store::new(server.state.path().into());
        let keys = store.read().expect("the keys are as they were").keys;
        // What `pistreamer key` does.
        let listed = store.sessions(&keys).unwrap_or_default();
        if let Some(session) = listed.first() {
            assert_eq!(store.end_session(&session.id, 1).ok(), Some(true));
        }
        let access = Access::with(store).expect("it starts");
        let owner = Credential::Key(Password::new(&server.key));
        let grant = server.judge(&access, owner).expect("the owner is let in");
        let session = access.sign_in(&grant, "a fuzzer", FROM);
        let session = Credential::Session(session.expect("a key was shown"));
        assert!(server.judge(&access, session).is_ok());
        assert!((1..=200).contains(&access.sessions().len()));
        let codes = access.codes(1).expect("there is randomness");
        let code = || Credential::Code(codes[0].as_str().to_owned());
        assert!(server.judge(&access, code()).is_ok());
        assert!(server.judge(&access, code()).is_err());
        std::fs::remove_file(&file).unwrap_or_default();
    });
});
