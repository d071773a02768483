//! Reads arbitrary bytes as what a NATS broker says, and as what machines say to each other through it: nothing panics, what is
//! understood can be written and is understood again, and no number of cameras or edges is too much.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use pistreamer_fleet::audience::Audience;
use pistreamer_fleet::login::{Key, Login};
use pistreamer_fleet::message::{Demand, Instance, State};
use pistreamer_fleet::roster::Roster;
use pistreamer_fleet::subject::Subject;
use pistreamer_fleet::wire::{self, Said};
use std::time::Instant;

const MOST: usize = 4;

fuzz_target!(|data: &[u8]| {
    let (mut whole, mut cut) = (BytesMut::from(data), BytesMut::new());
    let mut said = Vec::new();
    while let Ok(Some(next)) = wire::read(&mut whole) {
        said.push(next);
    }
    // However it is cut, it is the same.
    let mut same = said.iter();
    'bytes: for byte in data {
        cut.extend_from_slice(&[*byte]);
        loop {
            match wire::read(&mut cut) {
                Ok(Some(next)) => assert_eq!(Some(&next), same.next()),
                Ok(None) => break,
                Err(_) => break 'bytes,
            }
        }
    }
    let now = Instant::now();
    let mut audience = Audience::new(Instance::new(1));
    let mut roster = Roster::new(Instance::new(1), MOST);
    let payloads = said.iter().filter_map(|said| match said {
        Said::Message(message) => Some((&*message.subject, &message.payload[..])),
        _ => None,
    });
    for (subject, payload) in payloads.chain([("", data)]) {
        if let Some(subject) = Subject::parse(subject) {
            assert_eq!(Subject::parse(&subject.to_string()), Some(subject));
        }
        if let Ok(state) = State::read(payload) {
            assert!(State::read(&state.written()).is_ok());
            assert!(Subject::parse(&Subject::State(state.camera.clone()).to_string()).is_some());
            roster.hear(&state, now);
            assert!(roster.counts().0 <= MOST);
        }
        if let Ok(demand) = Demand::read(payload) {
            assert!(Demand::read(&demand.written()).is_ok());
            audience.hear(&demand, now);
        }
    }
    audience.wanted(now);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Key::of_seed(text);
        let _ = Login::of_credentials(text);
    }
});
