//! How a connection is lost, and how the next one is tried.

use super::*;

#[test]
fn a_lost_server_counts_down_and_stays_lost_until_it_speaks() {
    let mut machine = live();
    machine.closed(1000.0, "gone", 0.0);
    let status = machine.state(1000.0);
    assert_eq!((status.kind, status.since), (Kind::Lost, 1000.0));
    assert_eq!(status.retry_at, Some(1500.0));
    machine.tick(1499.0, 0.0);
    assert_eq!(machine.take_actions(), []);
    machine.tick(1500.0, 0.0);
    assert_eq!(machine.take_actions(), [Action::Connect]);
    let status = machine.state(1500.0);
    assert_eq!((status.kind, status.retry_at), (Kind::Lost, None));
    machine.closed(1600.0, "", 0.0);
    let status = machine.state(1600.0);
    assert_eq!((status.reason, status.since), ("gone", 1000.0));
    assert_eq!(status.retry_at, Some(2600.0));
    machine.tick(2600.0, 0.0);
    machine.hello(2700.0, &hello());
    assert_eq!(machine.state(2700.0).kind, Kind::Connecting);
    machine.closed(2800.0, "gone again", 0.0);
    assert_eq!(machine.state(2800.0).retry_at, Some(3300.0));
}

#[test]
fn a_socket_that_only_opens_does_not_reset_the_back_off() {
    let mut machine = Machine::new(0.0);
    let mut now = 0.0;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        machine.closed(now, "", 0.0);
        let at = machine.state(now).retry_at.unwrap();
        pauses.push(at - now);
        now = at;
        machine.tick(now, 0.0);
    }
    assert_eq!(pauses, [500.0, 1000.0, 2000.0, 4000.0, 8000.0, 10_000.0]);
}

#[test]
fn a_try_that_leads_to_nothing_is_given_up() {
    let mut machine = Machine::new(0.0);
    machine.take_actions();
    machine.tick(10_001.0, 0.0);
    assert_eq!(machine.take_actions(), [Action::Close]);
    assert_eq!(machine.state(10_001.0).kind, Kind::Lost);
}

#[test]
fn a_half_open_connection_is_left_after_eight_silent_seconds() {
    let mut machine = live();
    machine.tick(8200.0, 0.0);
    assert_eq!(machine.take_actions(), []);
    machine.tick(8201.0, 0.0);
    assert_eq!(machine.take_actions(), [Action::Close]);
    assert_eq!(machine.state(8201.0).kind, Kind::Lost);
}

#[test]
fn a_hidden_page_does_not_knock_at_a_lost_server() {
    let mut machine = live();
    machine.set_hidden(1000.0, true);
    machine.closed(2000.0, "gone", 0.0);
    machine.take_actions();
    machine.tick(100_000.0, 0.0);
    assert_eq!(machine.take_actions(), []);
    machine.set_hidden(100_001.0, false);
    assert_eq!(machine.take_actions(), [Action::Connect]);
    assert_eq!(machine.state(100_001.0).kind, Kind::Lost);
}

#[test]
fn a_connection_that_died_in_the_dark_is_noticed_soon() {
    let mut machine = live();
    machine.set_hidden(1000.0, true);
    machine.set_hidden(5000.0, false);
    machine.take_actions();
    machine.tick(7499.0, 0.0);
    assert_eq!(machine.take_actions(), []);
    machine.tick(7500.0, 0.0);
    assert_eq!(machine.take_actions(), [Action::Close, Action::Connect]);
}

#[test]
fn asking_for_a_try_skips_the_countdown() {
    let mut machine = live();
    machine.closed(1000.0, "gone", 0.0);
    machine.retry(1001.0);
    machine.retry(1002.0);
    assert_eq!(machine.take_actions(), [Action::Connect]);
}

#[test]
fn what_a_dead_connection_left_behind_changes_nothing() {
    let mut machine = live();
    machine.closed(1000.0, "gone", 0.0);
    assert!(!machine.frame(1001.0, Some(2), None));
    machine.closed(1002.0, "twice", 0.0);
    let status = machine.state(1002.0);
    assert_eq!((status.kind, status.reason), (Kind::Lost, "gone"));
}

#[test]
fn a_server_that_refuses_is_not_lost_and_one_that_then_goes_away_is() {
    let mut machine = Machine::new(0.0);
    machine.closed(100.0, "all seats are taken", 0.0);
    machine.refused();
    let status = machine.state(100.0);
    assert_eq!(
        (status.kind, status.reason, status.since),
        (Kind::Refused, "all seats are taken", 100.0)
    );
    machine.retry(200.0);
    assert_eq!(machine.state(200.0).kind, Kind::Refused);
    machine.closed(300.0, "no connection", 0.0);
    assert_eq!(machine.state(300.0).kind, Kind::Lost);
    machine.retry(400.0);
    machine.closed(500.0, "not you", 0.0);
    machine.refused();
    machine.retry(600.0);
    machine.hello(700.0, &hello());
    assert_eq!(machine.state(700.0).kind, Kind::Connecting);
}

#[test]
fn an_unusable_address_is_never_tried_again() {
    let mut machine = live();
    machine.another_camera(300.0);
    machine.take_actions();
    machine.unusable(300.0, "no address");
    machine.set_hidden(400.0, true);
    machine.set_hidden(500.0, false);
    machine.retry(600.0);
    machine.tick(100_000.0, 0.5);
    assert_eq!(machine.take_actions(), []);
    let status = machine.state(100_000.0);
    assert_eq!((status.kind, status.reason), (Kind::Refused, "no address"));
    machine.reconnect(200_000.0);
    assert_eq!(machine.take_actions(), [Action::Connect]);
}
