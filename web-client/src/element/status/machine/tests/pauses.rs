//! Pauses: of the person who watches, and of a page that is not seen.

use super::*;

#[test]
fn pause_and_play_tell_the_server_once_and_wait_for_a_new_frame() {
    let mut machine = live();
    machine.pause(300.0);
    machine.pause(400.0);
    assert_eq!(machine.take_actions(), [Action::Pause]);
    let status = machine.state(9000.0);
    assert_eq!((status.kind, status.since), (Kind::Paused, 300.0));
    machine.play(9000.0);
    machine.play(9001.0);
    assert_eq!(machine.take_actions(), [Action::Resume]);
    assert_eq!(machine.state(9001.0).kind, Kind::Connecting);
    machine.frame(9050.0, Some(300), None);
    assert_eq!(machine.state(9050.0).kind, Kind::Live);
}

#[test]
fn a_new_connection_learns_that_the_user_has_paused() {
    let mut machine = live();
    machine.pause(300.0);
    machine.closed(400.0, "", 0.0);
    assert_eq!(machine.state(400.0).kind, Kind::Paused);
    machine.tick(900.0, 0.0);
    machine.take_actions();
    machine.hello(1000.0, &hello());
    assert_eq!(machine.take_actions(), [Action::Pause]);
}

#[test]
fn a_hidden_page_pauses_then_closes_and_comes_back_at_once() {
    let mut machine = live();
    machine.set_hidden(1000.0, true);
    assert_eq!(machine.take_actions(), [Action::Pause]);
    assert_eq!(machine.state(1000.0).kind, Kind::Hidden);
    machine.heard(20_000.0);
    machine.set_hidden(20_000.0, false);
    assert_eq!(machine.take_actions(), [Action::Resume]);
    machine.frame(20_100.0, Some(9), None);
    machine.set_hidden(21_000.0, true);
    machine.tick(51_001.0, 0.0);
    assert_eq!(machine.take_actions(), [Action::Pause, Action::Close]);
    machine.tick(200_000.0, 0.0);
    assert_eq!(machine.take_actions(), []);
    machine.set_hidden(300_000.0, false);
    assert_eq!(machine.take_actions(), [Action::Connect]);
    assert_eq!(machine.state(300_000.0).kind, Kind::Connecting);
}

#[test]
fn paused_stays_paused_when_the_page_is_seen_again() {
    let mut machine = live();
    machine.pause(300.0);
    machine.set_hidden(400.0, true);
    machine.set_hidden(500.0, false);
    assert_eq!(machine.take_actions(), [Action::Pause]);
    assert_eq!(machine.state(500.0).kind, Kind::Paused);
}

#[test]
fn another_camera_starts_anew_and_stays_paused() {
    let mut machine = live();
    machine.set_stale_after(Some(300.0));
    machine.pause(250.0);
    machine.another_camera(300.0);
    assert_eq!(machine.take_actions(), [Action::Connect]);
    assert!(machine.paused());
    machine.hello(400.0, &hello());
    assert_eq!(machine.take_actions(), [Action::Pause]);
    machine.play(500.0);
    assert_eq!(machine.state(500.0).kind, Kind::Connecting);
    assert_eq!(machine.stale_at(500.0), Some(800.0));
}
