//! The state machine's promises.

mod connections;
mod pauses;

use super::*;
use crate::element::shown::Kind;
use pistreamer_protocol::message::Camera;

fn hello() -> Hello {
    Hello {
        protocol: 1,
        server: "test".into(),
        time_us: 10_000_000,
        camera: Camera::default(),
        width: 640,
        height: 480,
        fps: 30.0,
        status: CameraStatus {
            state: CameraState::Live,
            ..CameraStatus::default()
        },
        wire: String::new(),
        controls: Vec::new(),
        sets: false,
        plays: false,
        tiles: false,
    }
}

fn live() -> Machine {
    let mut machine = Machine::new(0.0);
    machine.hello(100.0, &hello());
    machine.frame(200.0, Some(1), Some(20.0));
    assert_eq!(machine.take_actions(), [Action::Connect]);
    machine
}

fn no_signal() -> CameraStatus {
    CameraStatus {
        state: CameraState::NoSignal,
        reason: "unplugged".into(),
        since_us: 4_000_000,
        test_pattern: None,
        ..CameraStatus::default()
    }
}

#[test]
fn a_test_pattern_is_told_by_hello_or_later_by_a_state() {
    let mut machine = live();
    assert!(!machine.test_pattern());
    let told = |test_pattern| CameraStatus {
        state: CameraState::Live,
        test_pattern,
        ..CameraStatus::default()
    };
    for (says, known) in [
        (Some(true), true),
        (None, true),
        (Some(false), false),
        (None, false),
    ] {
        machine.camera(300.0, &told(says));
        assert_eq!(machine.test_pattern(), known, "after {says:?}");
    }
}

#[test]
fn only_a_frame_makes_the_picture_live() {
    let mut machine = Machine::new(0.0);
    assert_eq!(machine.state(0.0).kind, Kind::Connecting);
    machine.hello(100.0, &hello());
    assert_eq!(machine.state(100.0).kind, Kind::Connecting);
    machine.frame(200.0, Some(1), Some(20.0));
    assert_eq!(machine.state(200.0).kind, Kind::Live);
}

#[test]
fn a_silent_stream_is_stale_after_two_seconds_whatever_the_socket_says() {
    let mut machine = live();
    for now in [1000.0, 2000.0, 2200.0] {
        machine.heard(now);
        assert_eq!(machine.state(now).kind, Kind::Live, "at {now}");
    }
    let status = machine.state(2201.0);
    assert_eq!((status.kind, status.since), (Kind::Stale, 200.0));
    machine.frame(5000.0, Some(2), None);
    assert_eq!(machine.state(5000.0).kind, Kind::Live);
}

#[test]
fn the_same_frame_again_is_not_a_new_one() {
    let mut machine = live();
    for now in [1000.0, 2000.0, 3000.0] {
        assert!(!machine.frame(now, Some(1), Some(20.0)));
    }
    assert_eq!(machine.state(3000.0).kind, Kind::Stale);
    assert!(machine.frame(3000.0, Some(2), None));
    for now in [3000.0, 3100.0] {
        assert!(machine.frame(now, None, None), "a stream without numbers");
    }
}

#[test]
fn frames_that_are_too_old_are_stale_however_fast_they_come() {
    let mut machine = live();
    machine.frame(300.0, Some(2), Some(2500.0));
    assert_eq!(machine.state(300.0).kind, Kind::Stale);
    machine.frame(400.0, Some(3), Some(100.0));
    assert_eq!(machine.state(400.0).kind, Kind::Live);
}

#[test]
fn a_camera_with_a_frame_each_five_seconds_is_not_stale_between_them() {
    let mut machine = Machine::new(0.0);
    let slow = Hello {
        fps: 0.2,
        ..hello()
    };
    machine.hello(0.0, &slow);
    machine.frame(0.0, Some(1), None);
    assert_eq!(machine.state(9000.0).kind, Kind::Live);
    assert_eq!(machine.state(10_001.0).kind, Kind::Stale);
}

#[test]
fn a_camera_that_never_delivers_is_not_connecting_forever() {
    let mut machine = Machine::new(0.0);
    machine.hello(100.0, &hello());
    assert_eq!(machine.state(2000.0).kind, Kind::Connecting);
    assert_eq!(machine.state(2101.0).kind, Kind::Stale);
}

#[test]
fn no_signal_carries_the_servers_reason_and_time() {
    let mut machine = live();
    machine.camera(500.0, &no_signal());
    let status = machine.state(600.0);
    assert_eq!(
        (status.kind, status.reason, status.since),
        (Kind::NoSignal, "unplugged", 500.0)
    );
    // A viewer that comes later learns since when.
    let mut late = Machine::new(0.0);
    let hello = Hello {
        status: no_signal(),
        ..hello()
    };
    late.hello(10_000.0, &hello);
    assert_eq!(late.state(10_000.0).since, 4000.0);
    // The frame before the loss is not new when the camera is back.
    machine.camera(900.0, &CameraStatus::default());
    assert_eq!(machine.state(900.0).kind, Kind::Starting);
    machine.frame(1000.0, Some(2), None);
    assert_eq!(machine.state(1000.0).kind, Kind::Live);
}

#[test]
fn a_connection_that_ended_in_the_dark_is_no_lost_server_unless_the_next_fails_too() {
    let mut machine = live();
    machine.set_hidden(300.0, true);
    machine.set_hidden(9000.0, false);
    machine.take_actions();
    // What its worker had still to say.
    machine.frame(9000.5, Some(2), Some(20.0));
    machine.closed(9001.0, "no connection", 0.5);
    assert_eq!(machine.take_actions(), [Action::Connect]);
    assert_ne!(machine.state(9002.0).kind, Kind::Lost);
    machine.closed(9003.0, "no connection", 0.5);
    assert_eq!(machine.state(9004.0).kind, Kind::Lost);
    // Later its end is the server's.
    let mut machine = live();
    machine.set_hidden(300.0, true);
    machine.set_hidden(9000.0, false);
    machine.frame(9010.0, Some(2), Some(20.0));
    machine.closed(9000.0 + PROBE, "no connection", 0.5);
    assert_eq!(machine.state(9001.0 + PROBE).kind, Kind::Lost);
}

#[test]
fn a_page_that_sets_when_a_picture_is_stale_is_told_so_then_whatever_the_frame_rate() {
    for fps in [60.0, 0.2] {
        let mut machine = Machine::new(0.0);
        machine.set_stale_after(Some(300.0));
        machine.hello(0.0, &Hello { fps, ..hello() });
        assert_eq!(machine.stale_at(0.0), Some(300.0));
        assert_eq!(machine.state(301.0).kind, Kind::Stale);
        machine.frame(400.0, Some(1), Some(20.0));
        assert_eq!(machine.stale_at(400.0), Some(700.0));
        assert_eq!(machine.state(700.0).kind, Kind::Live);
        assert_eq!(machine.state(701.0).kind, Kind::Stale);
        assert_eq!(machine.stale_at(701.0), None);
        machine.frame(800.0, Some(2), Some(301.0));
        assert_eq!(machine.state(800.0).kind, Kind::Stale);
        machine.set_stale_after(Some(5.0));
        machine.frame(900.0, Some(3), Some(20.0));
        assert_eq!(machine.stale_at(900.0), Some(1000.0));
    }
}

#[test]
fn a_camera_that_takes_its_time_to_start_is_not_awaited_without_end() {
    let mut machine = Machine::new(0.0);
    let mut starting = hello();
    starting.status.state = CameraState::Starting;
    machine.hello(0.0, &starting);
    for now in [0.0, 2001.0] {
        assert_eq!(machine.state(now).kind, Kind::Starting);
        assert_eq!(machine.stale_at(now), None);
    }
}

#[test]
fn a_camera_that_starts_anew_shows_no_picture_from_before_until_a_new_one_comes() {
    let mut machine = live();
    let told = |state| CameraStatus {
        state,
        ..CameraStatus::default()
    };
    machine.camera(300.0, &told(CameraState::Starting));
    let status = machine.state(301.0);
    assert_eq!((status.kind, status.since), (Kind::Starting, 300.0));
    // What was on its way is a frame from before.
    machine.frame(310.0, Some(2), Some(20.0));
    machine.camera(5000.0, &told(CameraState::Live));
    let status = machine.state(5001.0);
    assert_eq!((status.kind, status.since), (Kind::Starting, 300.0));
    // It is not awaited without end.
    assert_eq!(machine.stale_at(5001.0), Some(7000.0));
    assert_eq!(machine.state(7001.0).kind, Kind::Stale);
    machine.frame(7100.0, Some(3), Some(20.0));
    assert_eq!(machine.state(7101.0).kind, Kind::Live);
}

#[test]
fn a_state_of_the_future_leaves_the_picture_to_its_frames() {
    let mut machine = live();
    let told = CameraStatus {
        state: CameraState::Unknown,
        ..CameraStatus::default()
    };
    machine.camera(300.0, &told);
    assert_eq!(machine.state(301.0).kind, Kind::Live);
    assert_eq!(machine.state(2201.0).kind, Kind::Stale);
    machine.frame(2300.0, Some(2), Some(20.0));
    assert_eq!(machine.state(2301.0).kind, Kind::Live);
}
