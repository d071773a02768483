//! What is said about the picture, in each state.

use super::*;

#[test]
fn only_a_frame_makes_it_live_and_no_words_stand_over_it() {
    let mut page = Page::new();
    assert_eq!(
        (page.kind(), page.shown().notice.as_deref()),
        (Kind::Connecting, Some(""))
    );
    page.hears(hello());
    assert_eq!(page.kind(), Kind::Connecting);
    assert_eq!(page.data["name"], "Yard");
    assert_eq!(page.data["wire"], "pistreamer.gzip-base64.v1");
    page.now = 500.0;
    page.draws(7);
    let shown = page.shown();
    assert_eq!(
        (shown.kind, &shown.notice, shown.lasts),
        (Kind::Live, &None, None)
    );
    assert_eq!(page.data["seq"], "7");
    // The state is told before the frame that made it.
    let [
        ..,
        state,
        Tell::Frame {
            seq: Some(7),
            drawn_at,
            ..
        },
    ] = &page.told[..]
    else {
        panic!("{:?}", page.told)
    };
    assert_eq!(
        (state, *drawn_at),
        (&Tell::State("live", String::new()), 500.0)
    );
}

#[test]
fn a_frame_of_a_live_picture_is_told_and_changes_nothing_else() {
    let mut page = Page::live();
    page.now = 133.0;
    let frame = Tell::Frame {
        seq: Some(2),
        age: Some(12.0),
        captured_us: None,
        drawn_at: 133.0,
    };
    assert_eq!(
        page.draws(2),
        [Effect::Data("seq", "2".into()), Effect::Tell(frame)]
    );
    // Repeated, it is no news.
    assert_eq!(page.draws(2), [Effect::Data("seq", "2".into())]);
}

#[test]
fn without_new_frames_it_is_stale_by_the_clock_alone() {
    let mut page = Page::live();
    page.waits(1999.0);
    assert_eq!(page.kind(), Kind::Live);
    page.waits(2.0);
    let shown = page.shown();
    assert_eq!(
        (shown.kind, shown.reason.as_str()),
        (Kind::Stale, "no new picture comes")
    );
    assert_eq!(
        (&shown.notice, shown.lasts.map(|ms| ms as u64)),
        (&None, Some(2001))
    );
    page.waits(5000.0);
    assert_eq!(page.shown().lasts.map(|ms| ms as u64 / 1000), Some(7));
    page.draws(2);
    assert_eq!(page.kind(), Kind::Live);
}

#[test]
fn no_camera_is_told_with_the_servers_reason() {
    let mut page = Page::live();
    page.hears(status(CameraState::NoSignal, "unplugged"));
    let shown = page.shown();
    assert_eq!(
        (shown.kind, shown.notice.as_deref()),
        (Kind::NoSignal, Some("unplugged"))
    );
    page.draws(2);
    assert_eq!(page.kind(), Kind::NoSignal);
    page.now += 1.0;
    page.hears(status(CameraState::Starting, "opening"));
    assert_eq!(
        (page.kind(), page.shown().notice.as_deref()),
        (Kind::Starting, Some("opening"))
    );
    page.now += 1.0;
    page.hears(status(CameraState::Live, ""));
    page.draws(3);
    // The connection stands: nothing is being connected.
    let states = page.told.iter().filter_map(|tell| match tell {
        Tell::State(state, _) => Some(*state),
        _ => None,
    });
    assert_eq!(
        states.collect::<Vec<_>>(),
        ["connecting", "live", "no-signal", "starting", "live"]
    );
}

#[test]
fn a_lost_server_counts_down_and_is_tried_again() {
    let mut page = Page::live();
    let first = page.connection.0;
    page.loses("the connection was closed");
    let shown = page.shown();
    assert_eq!(shown.kind, Kind::Lost);
    assert_eq!(
        shown.notice.as_deref(),
        Some("the connection was closed · next try in 1 s")
    );
    assert!(shown.retry);
    page.waits(1000.0);
    assert_eq!(
        page.shown().notice.as_deref(),
        Some("the connection was closed · trying now")
    );
    assert_eq!(page.connection, (first + 1, true));
    // What the dead connection left behind proves nothing.
    page.does(Event::Connection(first, News::Drawn(frame(9), page.now)));
    assert_eq!(page.kind(), Kind::Lost);
    page.hears(hello());
    page.draws(1);
    assert_eq!(page.kind(), Kind::Live);
}

#[test]
fn a_silent_server_is_lost_and_the_user_can_have_it_tried_at_once() {
    let mut page = Page::live();
    page.waits(8250.0);
    let shown = page.shown();
    assert_eq!(shown.kind, Kind::Lost);
    assert!(
        shown
            .notice
            .as_deref()
            .unwrap()
            .starts_with("the server has fallen silent")
    );
    assert!(!page.connection.1);
    page.intends(Intent::Retry);
    assert!(page.connection.1);
}

#[test]
fn paused_says_so_whatever_else_holds_and_play_needs_a_new_frame() {
    let mut page = Page::live();
    let effects = page.intends(Intent::Pause);
    assert!(
        effects.contains(&Effect::Pipeline(Order::Pause)),
        "{effects:?}"
    );
    assert_eq!(
        (page.kind(), page.shown().notice.as_deref()),
        (Kind::Paused, Some(""))
    );
    page.waits(5000.0);
    page.hears(status(CameraState::NoSignal, "unplugged"));
    assert_eq!(page.kind(), Kind::Paused);
    page.loses("gone");
    assert_eq!(
        (page.kind(), page.shown().reason.as_str()),
        (Kind::Paused, "the server is lost")
    );
    page.waits(1000.0);
    page.hears(hello());
    page.does(Event::Paused(false));
    assert_eq!(page.kind(), Kind::Connecting);
    page.draws(2);
    assert_eq!(page.kind(), Kind::Live);
}

#[test]
fn a_pause_survives_a_move_and_is_told_to_the_next_server() {
    let mut page = Page::with(attributes(), None, true);
    assert_eq!(page.kind(), Kind::Paused);
    let effects = page.hears(hello());
    assert!(
        effects.contains(&Effect::Pipeline(Order::Pause)),
        "{effects:?}"
    );
    let other = Attributes {
        camera: Some("door".into()),
        ..attributes()
    };
    page.does(Event::Attributes(Box::new(other), None));
    assert!(page.element.status.paused());
    let effects = page.hears(ServerMessage::Hello(hello_of("door", "Door")));
    assert!(
        effects.contains(&Effect::Pipeline(Order::Pause)),
        "{effects:?}"
    );
    assert_eq!(page.kind(), Kind::Paused);
}

#[test]
fn what_nobody_sees_rests_and_a_recording_goes_on() {
    let mut page = Page::live().with_panels();
    let hidden = Place {
        visible: false,
        ..PLACE
    };
    page.does(Event::Placed(hidden));
    assert_eq!(page.kind(), Kind::Hidden);
    page.waits(31_000.0);
    assert!(!page.connection.1);
    page.does(Event::Placed(PLACE));
    assert!(page.connection.1);
    page.hears(hello());
    page.draws(1);
    page.intends(Intent::Record);
    page.does(Event::Recording(None));
    page.does(Event::Placed(hidden));
    assert_eq!(page.kind(), Kind::Live);
}

#[test]
fn a_test_pattern_never_passes_for_a_camera() {
    let mut page = Page::new();
    let mut hello = hello_of("yard", "Yard");
    hello.status.test_pattern = Some(true);
    page.hears(ServerMessage::Hello(hello));
    for seq in 1..5 {
        page.draws(seq);
        assert!(page.shown().test_pattern);
    }
    page.loses("gone");
    assert!(page.shown().test_pattern);
    page.waits(1000.0);
    page.hears(super::hello());
    assert!(!page.shown().test_pattern);
}

#[test]
fn a_refused_key_says_what_to_do_once_and_is_tried_again() {
    let mut page = Page::new();
    let words = "this camera needs an access key: show it on the server's page";
    let tries = (0..3).map(|_| {
        let effects = page.news(News::Closed("closed".into(), 0.5));
        assert!(
            matches!(effects[..], [Effect::AskRefusal(..)]),
            "{effects:?}"
        );
        page.news(News::Refused(Ok(words.into()), 0.5));
        let shown = page.shown().clone();
        assert_eq!(
            (shown.kind, shown.reason.as_str(), shown.retry),
            (Kind::Refused, words, true)
        );
        let number = page.connection.0;
        while page.connection.0 == number {
            page.waits(250.0);
        }
        page.connection.0
    });
    assert_eq!(tries.collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(page.errors(), [words]);
    // Signed in meanwhile: the next try is let in.
    page.hears(hello());
    page.draws(1);
    assert_eq!(page.kind(), Kind::Live);
}

#[test]
fn a_camera_that_is_removed_is_no_lost_server_and_nothing_of_it_passes_for_the_next_one() {
    let mut page = Page::live();
    let words = "the camera was removed";
    page.news(News::Refused(Ok(words.into()), 0.5));
    let shown = page.shown();
    assert_eq!((shown.kind, shown.reason.as_str()), (Kind::Refused, words));
    assert_eq!(page.errors(), [words]);
    page.waits(1000.0);
    // Asked for no camera by its id, the server shows its first one.
    let first = page.connection.0;
    let effects = page.hears(ServerMessage::Hello(hello_of("door", "Door")));
    let toast = Effect::Toast("Another camera is shown now: Door".into());
    for effect in [toast, Effect::ClearData, Effect::Pipeline(Order::Clear)] {
        assert!(effects.contains(&effect), "no {effect:?} in {effects:?}");
    }
    let late = News::Drawn(frame(1), page.now);
    assert_eq!(page.does(Event::Connection(first, late)), []);
    assert_eq!(
        (page.kind(), page.connection),
        (Kind::Connecting, (first + 1, true))
    );
    page.hears(ServerMessage::Hello(hello_of("door", "Door")));
    page.draws(1);
    assert_eq!(
        (page.kind(), page.data["name"].as_str()),
        (Kind::Live, "Door")
    );
}

#[test]
fn an_answer_about_an_older_connection_is_no_news() {
    let mut page = Page::new();
    page.news(News::Closed("closed".into(), 0.5));
    let old = page.connection.0;
    let other = Attributes {
        ticket: Some("t".into()),
        ..attributes()
    };
    page.does(Event::Attributes(Box::new(other), None));
    let late = News::Refused(Ok("no key".into()), 0.5);
    assert_eq!(page.does(Event::Connection(old, late)), []);
    assert_eq!(page.kind(), Kind::Connecting);
}

#[test]
fn what_a_connection_still_says_that_was_given_up_changes_nothing() {
    let mut page = Page::new();
    page.waits(10_250.0);
    assert_eq!((page.kind(), page.connection), (Kind::Lost, (1, false)));
    assert_eq!(page.hears(hello()), []);
    assert_eq!(page.draws(1), []);
    assert_eq!(page.kind(), Kind::Lost);
}

#[test]
fn an_address_that_leads_nowhere_is_told_and_not_tried_again() {
    let mut page = Page::live();
    let before = page.told.len();
    let words = "src is not an address";
    let nowhere = Attributes {
        src: Some("http://".into()),
        asked: Err(words.into()),
        ..attributes()
    };
    page.does(Event::Attributes(Box::new(nowhere), None));
    let shown = page.shown();
    assert_eq!((shown.kind, shown.retry), (Kind::Refused, false));
    assert_eq!(shown.notice.as_deref(), Some(words));
    let state = Tell::State("refused", words.into());
    assert_eq!(
        page.told[before..],
        [Tell::Name(String::new()), Tell::Error(words.into()), state]
    );
    page.waits(60_000.0);
    page.intends(Intent::Retry);
    assert_eq!(page.connection, (1, false));
    page.does(Event::Attributes(Box::new(attributes()), None));
    assert_eq!(
        (page.kind(), page.connection),
        (Kind::Connecting, (2, true))
    );
}

#[test]
fn a_worker_that_dies_gives_way_to_the_page_which_wants_the_same() {
    let mut page = Page::live();
    page.intends(Intent::SizeHalf);
    let effects = page.does(Event::NoWorker("no clock".into()));
    assert!(
        effects.contains(&Effect::StartPipeline(false)),
        "{effects:?}"
    );
    assert_eq!(
        page.errors(),
        ["drawing in the page, because of the worker: no clock"]
    );
    let wants = |effect: &Effect| matches!(effect, Effect::Pipeline(Order::Want(_)));
    assert!(effects.iter().any(wants), "{effects:?}");
    assert_eq!(
        (page.connection, page.kind()),
        ((2, true), Kind::Connecting)
    );
}

#[test]
fn a_worker_that_fails_is_started_again_and_one_that_fails_for_this_element_twice_is_left() {
    let mut page = Page::live();
    let mut fails = |after: f64, culprit| {
        page.now += after;
        page.does(Event::WorkerFailed("trapped".into(), culprit))
    };
    let again = |effects: &[Effect]| effects.contains(&Effect::StartPipeline(true));
    // For others, however often.
    for _ in 0..3 {
        assert!(again(&fails(1000.0, Culprit::Another)));
    }
    assert!(again(&fails(1000.0, Culprit::This)));
    assert!(again(&fails(FAILS_AGAIN, Culprit::This)));
    assert!(again(&fails(1000.0, Culprit::Another)));
    let effects = fails(1000.0, Culprit::This);
    assert!(
        effects.contains(&Effect::GiveUp("trapped".into())),
        "{effects:?}"
    );
    // Where it is not known for whom, the page may do better.
    assert!(again(&fails(FAILS_AGAIN, Culprit::Unknown)));
    let effects = fails(1000.0, Culprit::Unknown);
    assert!(
        effects.contains(&Effect::StartPipeline(false)),
        "{effects:?}"
    );
    page.hears(hello());
    page.draws(1);
    assert_eq!(page.kind(), Kind::Live);
}

#[test]
fn what_is_left_out_is_counted_over_all_connections() {
    let mut page = Page::live();
    let skipped = |page: &mut Page, total| {
        page.hears(ServerMessage::Skipped { count: 1, total });
        page.does(Event::Tick(0.5, 1.0));
        page.data["skipped"].clone()
    };
    assert_eq!(skipped(&mut page, 3), "3");
    assert_eq!(skipped(&mut page, 5), "5");
    page.loses("gone");
    page.waits(1000.0);
    page.hears(hello());
    assert_eq!(skipped(&mut page, 2), "7");
    let overtaken = Drawn {
        skipped: 4,
        ..frame(3)
    };
    page.news(News::Drawn(overtaken, page.now));
    assert_eq!(skipped(&mut page, 2), "11");
    assert_eq!(page.data["drawn"], "2");
}

#[test]
fn broken_frames_are_counted_and_the_first_one_is_a_line_on_the_console() {
    let mut page = Page::live();
    let warned =
        |effects: Vec<Effect>| effects.contains(&Effect::Warn("a broken frame: cut".into()));
    assert!(warned(page.news(News::Corrupt(1, "cut".into()))));
    assert!(!warned(page.news(News::Corrupt(2, "cut".into()))));
    page.does(Event::Tick(0.5, 1.0));
    assert_eq!(page.data["corrupt"], "2");
}

#[test]
fn another_camera_than_the_one_asked_for_is_refused_and_not_shown() {
    let asked = |asked: &str| Attributes {
        asked: Ok(Some(asked.into())),
        ..attributes()
    };
    let mut page = Page::with(asked("door"), None, false);
    let effects = page.hears(hello());
    assert!(
        effects.contains(&Effect::Pipeline(Order::Close)),
        "{effects:?}"
    );
    let shown = page.shown();
    assert_eq!((shown.kind, shown.retry), (Kind::Refused, true));
    let words = "asked for the camera \"door\" and was answered by \"yard\"";
    assert!(shown.reason.starts_with(words), "{}", shown.reason);
    assert_eq!(page.errors(), [shown.reason.as_str()]);
    // Neither its frames nor its name are of interest.
    assert_eq!(page.draws(1), []);
    assert!(!page.data.contains_key("name"));
    page.waits(1000.0);
    page.hears(ServerMessage::Hello(hello_of("door", "Door")));
    page.draws(1);
    assert_eq!(page.kind(), Kind::Live);
    let mut page = Page::with(asked("yard"), None, false);
    page.hears(hello());
    page.draws(1);
    assert_eq!(page.kind(), Kind::Live);
}
