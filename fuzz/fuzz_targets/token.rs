//! Shows arbitrary texts, and sessions and tickets with arbitrary changes, as credentials: none opens but what was given,
//! for what it was given.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer::access::{Access, Credential, Password, Refused, Store, Ticket, Via};
use std::cell::LazyCell;
use std::net::{IpAddr, Ipv4Addr};
use tokio::runtime::Runtime;

/// A server's keys, and what it gave to those who have them.
struct Given {
    runtime: Runtime,
    access: Access,
    key: String,
    session: String,
    tickets: [String; 2],
}

fn given() -> Given {
    let directory = tempfile::tempdir().expect("there is room for a file");
    let access = Access::with(Store::new(directory.path().into())).expect("keys are made");
    let key = access.owners_key().expect("it is the first start");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("there is memory");
    let mut given = Given {
        runtime,
        access,
        key: key.as_str().to_owned(),
        session: String::new(),
        tickets: Default::default(),
    };
    let owner = Credential::Key(Password::new(&given.key));
    let grant = given.judge(owner).expect("the owner is let in");
    let somewhere = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let session = given.access.sign_in(&grant, "a fuzzer", somewhere);
    given.session = session.expect("a key was shown");
    given.tickets = ["", "http://dash.example"].map(|origin| {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let ticket = Ticket {
            camera: text("0").filter(|_| !origin.is_empty()),
            origin: text(origin),
            expires_us: u64::MAX,
        };
        grant.ticket(&ticket).expect("a key was shown")
    });
    given
}

impl Given {
    fn judge(&self, shown: Credential) -> Result<pistreamer::access::Grant, Refused> {
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.runtime.block_on(self.access.judge(&[shown], from))
    }
}

/// The text with some of its bytes replaced by others.
fn changed(text: &str, data: &[u8]) -> Option<String> {
    let ([at, len], new) = data.split_first_chunk()?;
    let at = usize::from(*at) % (text.len() + 1);
    let end = (at + usize::from(len % 8)).min(text.len());
    let new = std::str::from_utf8(new).ok()?;
    Some(format!("{}{new}{}", &text[..at], &text[end..]))
}

thread_local! {
    static GIVEN: LazyCell<Given> = LazyCell::new(given);
}

fuzz_target!(|data: &[u8]| {
    GIVEN.with(|given| {
        let Some((kind, rest)) = data.split_first() else {
            return;
        };
        let [origins, own] = &given.tickets;
        let text = match kind % 5 {
            0 => std::str::from_utf8(rest).ok().map(str::to_owned),
            1 => changed(&given.session, rest),
            2 => changed(origins, rest),
            3 => changed(own, rest),
            _ => changed(&given.key, rest),
        };
        let Some(text) = text else {
            return;
        };
        let session = given.judge(Credential::Session(text.clone()));
        assert_eq!(session.is_ok(), text == given.session, "{text:?}");
        let ticket = given.judge(Credential::Ticket(text.clone()));
        assert_eq!(ticket.is_ok(), given.tickets.contains(&text), "{text:?}");
        if let Ok(grant) = ticket {
            assert!(grant.via == Via::Ticket && grant.session.is_none());
        }
        for origin in ["http://dash.example", ""] {
            let admitted = given.access.ticket_admits(&text, origin);
            assert_eq!(admitted, text == *own && !origin.is_empty(), "{text:?}");
        }
        // People type blanks, hyphens and capitals into a key.
        let typed: String = text
            .chars()
            .filter(|letter| !letter.is_whitespace() && *letter != '-')
            .collect();
        let key = given.judge(Credential::Key(Password::new(&text)));
        let right = typed.to_ascii_lowercase() == given.key && text.len() <= Password::LONGEST;
        assert_eq!(key.is_ok(), right, "{text:?}");
    });
});
