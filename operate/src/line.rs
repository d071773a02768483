//! What the machine is told: a line of JSON.

use crate::interlock::Output;
use crate::limits::Time;
use crate::plan::{Plan, Position};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

#[derive(Serialize)]
struct Line<'a> {
    v: u8,
    run: u64,
    seq: u64,
    drive: bool,
    until_us: u64,
    ttl_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    axes: Axes<'a>,
    buttons: Vec<&'a str>,
}

struct Axes<'a>(&'a [String], &'a [f64]);

impl Serialize for Axes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0.iter().zip(self.1) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The line, with its end. `seq` is the line's own number, and rises as long as `run` stays the same.
pub(crate) fn write(plan: &Plan, (run, seq): (u64, u64), output: &Output, now: Time) -> Vec<u8> {
    let rest = plan.rest();
    let (position, until, n, why): (&Position, _, _, _) = match output {
        Output::Stop(why) => (&rest, None, None, Some(why.word())),
        Output::Drive {
            n, until, position, ..
        } => (position, Some(*until), Some(*n), None),
    };
    let held = plan.buttons.iter().zip(&position.buttons);
    let held = held.filter(|(_, is_held)| **is_held);
    let line = Line {
        v: 1,
        run,
        seq,
        drive: until.is_some(),
        until_us: until.unwrap_or_default().as_micros() as u64,
        ttl_ms: until.map_or(0, |until| until.saturating_sub(now).as_millis() as u64),
        n,
        why,
        axes: Axes(&plan.axes, &position.axes),
        buttons: held.map(|(name, _)| name.as_str()).collect(),
    };
    let mut line = serde_json::to_vec(&line).expect("a line holds nothing that JSON cannot");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::sink::Spec;
    use pistreamer_protocol::message::StopReason;
    use std::time::Duration;

    #[test]
    fn lines_have_the_documented_json() {
        let plan = Plan {
            sink: Spec::Udp("127.0.0.1:1".parse().unwrap()),
            limits: Limits::default(),
            axes: vec!["steer".into(), "throttle".into()],
            buttons: vec!["horn".into()],
        };
        let drive = Output::Drive {
            seq: 5,
            n: 77,
            until: Duration::from_micros(4_770_833_000),
            position: Position {
                axes: vec![-0.25, 0.5],
                buttons: vec![true],
                is_rest: false,
            },
        };
        let line = |output| {
            let line = write(
                &plan,
                (7, 912),
                &output,
                Duration::from_micros(4_770_620_100),
            );
            String::from_utf8(line).unwrap()
        };
        assert_eq!(
            line(drive),
            concat!(
                r#"{"v":1,"run":7,"seq":912,"drive":true,"until_us":4770833000,"ttl_ms":212,"n":77,"#,
                r#""axes":{"steer":-0.25,"throttle":0.5},"buttons":["horn"]}"#,
                "\n"
            )
        );
        assert_eq!(
            line(Output::Stop(StopReason::Picture)),
            concat!(
                r#"{"v":1,"run":7,"seq":912,"drive":false,"until_us":0,"ttl_ms":0,"why":"picture","#,
                r#""axes":{"steer":0.0,"throttle":0.0},"buttons":[]}"#,
                "\n"
            )
        );
    }
}
