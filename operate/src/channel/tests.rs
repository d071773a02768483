//! A machine is told to stop whatever others do.

use super::*;
use crate::limits::Limits;
use crate::sink::{Spec, Written};
use serde_json::Value;

const OPERATOR: Connection = 1;

/// Keeps what it is told last.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<Value>>);

impl Memory {
    fn last(&self) -> Value {
        self.0.lock().unwrap().clone()
    }
}

impl Sink for Memory {
    fn tend(&mut self, _: Time, _: &mut Vec<u8>) {}

    fn write(&mut self, line: &[u8]) -> Written {
        *self.0.lock().unwrap() = serde_json::from_slice(line).unwrap();
        Written::Yes
    }

    fn give_up(&mut self, _: Time) {}

    fn close(&mut self, line: &[u8]) {
        self.write(line);
    }

    fn said(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn patience(&self) -> Time {
        Time::ZERO
    }

    fn problem(&self) -> &str {
        ""
    }

    fn opened(&self) -> u64 {
        1
    }
}

fn wait(what: &str, such: impl Fn() -> bool) {
    let begun = Instant::now();
    while !such() {
        assert!(begun.elapsed() < Duration::from_secs(30), "not {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Says once where the stick is, with a picture of this moment.
fn say(channel: &Channel, seq: u64, throttle: f64) {
    let told = channel.operating(OPERATOR);
    channel.sent_frame(OPERATOR, seq, Instant::now());
    let command = Operate {
        seq,
        arm: told.arm,
        beat: told.beat,
        n: Some(seq),
        axes: BTreeMap::from([("throttle".into(), throttle)]),
        ..Operate::default()
    };
    // Where it stops, that is told.
    let _ = channel.operate(OPERATOR, &command);
}

#[test]
fn a_machine_is_told_stop_in_time_whatever_lock_others_hold() {
    let memory = Memory::default();
    let plan = Plan {
        sink: Spec::Exec(vec![]),
        limits: Limits {
            command: Duration::from_secs(2),
            picture: Duration::from_secs(2),
        },
        axes: vec!["throttle".into()],
        buttons: vec![],
    };
    let sink = Box::new(memory.clone());
    // Whoever is told of changes may wait as well.
    let busy = Arc::new(Mutex::new(()));
    let waits = Arc::clone(&busy);
    let changed = move || drop(waits.lock());
    let channel = Channel::start_with(plan, "car".into(), sink, changed).unwrap();
    channel.camera(true);
    let person = Person {
        connection: OPERATOR,
        name: "operator".into(),
    };
    channel.take(person, false).unwrap();
    let seq = std::cell::Cell::new(0);
    wait("driven", || {
        seq.set(seq.get() + 1);
        let is_armed = channel.operating(OPERATOR).state == Motion::Armed;
        say(&channel, seq.get(), if is_armed { 0.5 } else { 0.0 });
        memory.last()["axes"]["throttle"] == 0.5
    });
    let held = channel.shared.desk();
    wait("stopped", || memory.last()["drive"] == false);
    drop(held);
    wait("driven again", || {
        seq.set(seq.get() + 1);
        let is_armed = channel.operating(OPERATOR).state == Motion::Armed;
        say(&channel, seq.get(), if is_armed { 0.5 } else { 0.0 });
        memory.last()["axes"]["throttle"] == 0.5
    });
    let held = busy.lock().unwrap();
    wait("stopped", || memory.last()["drive"] == false);
    drop(held);
    wait("told", || {
        channel.operating(OPERATOR).state == Motion::Stopped
    });
    channel.end();
    assert_eq!(memory.last()["why"], "stopping");
}
