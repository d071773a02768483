//! Choices, panels and recordings.

use super::*;
use crate::geometry::Fit;

fn key(camera: &str) -> String {
    format!("pistreamer http://pi.local:8000/ {camera}")
}

#[test]
fn choices_are_kept_for_the_next_visit_and_beside_another_elements() {
    let mut page = Page::live();
    page.intends(Intent::Mirror);
    assert_eq!(page.stored[&key("yard")], "mirror=1");
    // Another element of the same camera writes meanwhile.
    page.stored.insert(key("yard"), "mirror=1 fit=cover".into());
    page.intends(Intent::Rotate);
    assert_eq!(page.stored[&key("yard")], "mirror=1 fit=cover turns=1");
    let again = Page::with(attributes(), Some(&page.stored[&key("yard")]), false);
    let settings = again.element.choices.settings;
    assert_eq!(
        (settings.mirror, settings.fit, settings.turns),
        (true, Fit::Cover, 1)
    );
}

#[test]
fn another_order_of_the_cameras_changes_no_cameras_choices() {
    let greets = |page: &mut Page, id: &str| {
        page.hears(ServerMessage::Hello(hello_of(id, id)));
    };
    let turns = |page: &Page| page.element.choices.settings.turns;
    let mut page = Page::new();
    greets(&mut page, "door");
    page.intends(Intent::Rotate);
    assert_eq!(page.stored[&key("door")], "turns=1");
    // The page asks for no camera, and another one is the first from now on.
    greets(&mut page, "yard");
    greets(&mut page, "yard");
    assert_eq!(turns(&page), 0);
    page.intends(Intent::Mirror);
    greets(&mut page, "door");
    greets(&mut page, "door");
    let settings = page.element.choices.settings;
    assert_eq!((settings.turns, settings.mirror), (1, false));
    let expected = [("door", "turns=1"), ("yard", "mirror=1")];
    let expected = expected.map(|(id, text)| (key(id), text.to_owned()));
    assert_eq!(page.stored, expected.into());
}

#[test]
fn a_camera_asked_for_by_its_place_or_by_its_id_has_the_same_choices() {
    for asked in ["0", "door"] {
        let by = Attributes {
            camera: Some(asked.into()),
            ..attributes()
        };
        let mut page = Page::with(by, None, false);
        page.hears(ServerMessage::Hello(hello_of("door", "Door")));
        page.intends(Intent::Rotate);
        assert_eq!(page.stored[&key("door")], "turns=1");
    }
}

#[test]
fn what_was_chosen_before_the_camera_was_known_is_that_cameras_from_then_on() {
    let mut page = Page::new();
    page.intends(Intent::Rotate);
    assert!(page.stored.is_empty());
    page.hears(hello());
    assert_eq!(page.stored[&key("yard")], "turns=1");
    assert_eq!(page.element.choices.settings.turns, 1);
}

#[test]
fn a_camera_whose_wire_format_was_chosen_is_connected_to_in_that_one() {
    let mut page = Page::new();
    page.stored
        .insert(key("yard"), "wire=pistreamer.jpeg.v1".into());
    page.hears(hello());
    assert_eq!(page.connection.0, 2);
    page.hears(hello());
    assert_eq!(page.connection.0, 2);
}

#[test]
fn what_is_pinned_or_without_controls_is_as_the_page_says() {
    let pinned = Attributes {
        pinned: "fit".into(),
        ..attributes()
    };
    let page = Page::with(pinned, Some("mirror=1 fit=cover"), false);
    let settings = page.element.choices.settings;
    assert_eq!((settings.mirror, settings.fit), (true, Fit::Contain));
    let bare = Attributes {
        controls: false,
        ..attributes()
    };
    let page = Page::with(bare, Some("mirror=1 fit=cover"), false);
    assert_eq!(page.element.choices.settings, Settings::default());
}

#[test]
fn another_wire_format_is_another_connection_and_another_size_is_not() {
    let mut page = Page::live();
    page.intends(Intent::SizeHalf);
    assert_eq!(page.connection.0, 1);
    let effects = page.intends(Intent::WireJpeg);
    let connects = |effect: &Effect| matches!(effect, Effect::Connect(2, Some("jpeg"), _));
    assert!(effects.iter().any(connects), "{effects:?}");
}

#[test]
fn another_camera_leaves_nothing_of_the_one_before() {
    let mut page = Page::live().with_panels();
    page.intends(Intent::Record);
    page.does(Event::Recording(None));
    page.data.insert("seq", "1".into());
    let other = Attributes {
        camera: Some("door".into()),
        ..attributes()
    };
    let effects = page.does(Event::Attributes(Box::new(other), Some("mirror=1".into())));
    // The recording is named after the camera that it is of.
    assert!(
        effects.contains(&Effect::Panels(Pane::EndRecording("yard".into(), false))),
        "{effects:?}"
    );
    assert!(
        effects.contains(&Effect::Pipeline(Order::Clear)),
        "{effects:?}"
    );
    assert!(
        effects.contains(&Effect::Name(String::new())),
        "{effects:?}"
    );
    assert!(!page.data.contains_key("seq"));
    assert_eq!(
        (page.element.picture.seq(), page.kind()),
        (None, Kind::Connecting)
    );
    assert!(page.element.choices.settings.mirror);
}

#[test]
fn a_recording_starts_with_the_panels_and_ends_with_a_file() {
    let mut page = Page::new();
    let effects = page.intends(Intent::Record);
    let words = "There is no picture to record yet";
    assert!(
        effects.contains(&Effect::Toast(words.into())),
        "{effects:?}"
    );
    page.hears(hello());
    page.draws(1);
    // Asked for twice while the panels are on their way.
    assert!(page.intends(Intent::Record).contains(&Effect::LoadPanels));
    assert!(!page.intends(Intent::Record).contains(&Effect::LoadPanels));
    let effects = page.does(Event::Panels(true));
    let records = Effect::Panels(Pane::Record(Some((640, 480))));
    assert_eq!(
        effects.iter().filter(|effect| **effect == records).count(),
        1
    );
    let effects = page.does(Event::Recording(None));
    assert!(
        effects.contains(&Effect::Pipeline(Order::Tap(true))),
        "{effects:?}"
    );
    assert!(
        effects.contains(&Effect::ShowRecording(true)),
        "{effects:?}"
    );
    page.waits(1000.0);
    let effects = page.does(Event::Tick(0.5, 1.0));
    assert!(
        effects.contains(&Effect::RecordingTime(1000.0)),
        "{effects:?}"
    );
    let effects = page.intends(Intent::Record);
    assert!(
        effects.contains(&Effect::Panels(Pane::EndRecording("yard".into(), false))),
        "{effects:?}"
    );
    let effects = page.does(Event::Recorded(Some("nothing was recorded".into())));
    for done in [
        Effect::Toast("No recording: nothing was recorded".into()),
        Effect::Panels(Pane::CloseStage),
        Effect::Pipeline(Order::Tap(false)),
        Effect::ShowRecording(false),
    ] {
        assert!(effects.contains(&done), "{effects:?}");
    }
}

#[test]
fn a_recording_that_cannot_start_leaves_nothing_running() {
    let mut page = Page::live().with_panels();
    page.intends(Intent::Record);
    let effects = page.does(Event::Recording(Some("no encoder".into())));
    assert!(
        effects.contains(&Effect::Toast("Cannot record: no encoder".into())),
        "{effects:?}"
    );
    assert!(
        effects.contains(&Effect::Pipeline(Order::Tap(false))),
        "{effects:?}"
    );
    assert_eq!(page.element.capture.stage(), None);
}

#[test]
fn the_small_window_and_a_recording_share_the_stage() {
    let mut page = Page::live().with_panels();
    page.intends(Intent::PictureInPicture);
    page.does(Event::Floating(None));
    let effects = page.intends(Intent::Record);
    assert!(
        effects.contains(&Effect::Panels(Pane::Record(None))),
        "{effects:?}"
    );
    page.does(Event::Recording(None));
    page.does(Event::Unfloated);
    assert!(page.element.capture.stage().is_some());
    page.intends(Intent::Record);
    page.does(Event::Recorded(None));
    assert_eq!(page.element.capture.stage(), None);
}

#[test]
fn panels_that_cannot_be_loaded_are_told_and_loaded_when_asked_for_again() {
    let mut page = Page::live();
    assert!(page.intends(Intent::Menu).contains(&Effect::LoadPanels));
    let effects = page.does(Event::Panels(false));
    assert!(matches!(effects[..], [Effect::Toast(_)]), "{effects:?}");
    // The statistics, which come by themselves, don't ask again.
    page.draws(2);
    assert_eq!(page.element.controls.panels, Panels::Failed);
    assert!(page.intends(Intent::Menu).contains(&Effect::LoadPanels));
    let effects = page.does(Event::Panels(true));
    assert!(
        effects.contains(&Effect::Panels(Pane::Menu(true))),
        "{effects:?}"
    );
    // The toolbar stays while the menu is open.
    assert_eq!(page.does(Event::Idle(false)), []);
    assert!(
        page.does(Event::ClickedBeside)
            .contains(&Effect::Panels(Pane::Menu(false)))
    );
    assert_eq!(page.does(Event::Idle(true)), []);
    assert_eq!(page.does(Event::Idle(false)), [Effect::Sleep]);
}

#[test]
fn the_statistics_wait_for_the_first_picture() {
    let mut page = Page::with(attributes(), Some("overlay=1"), false);
    assert_eq!(page.element.controls.panels, Panels::Absent);
    page.hears(hello());
    assert!(page.draws(1).contains(&Effect::LoadPanels));
    let effects = page.does(Event::Panels(true));
    assert!(
        effects.contains(&Effect::Panels(Pane::Overlay(true))),
        "{effects:?}"
    );
    let written = effects.iter().find_map(|effect| match effect {
        Effect::Panels(Pane::Figures(figures)) => Some(figures),
        _ => None,
    });
    let figures = written.unwrap();
    assert_eq!(
        (figures.width, figures.seq, figures.wire),
        (640, Some(1), Some("gzip-base64"))
    );
}

#[test]
fn an_error_in_the_configuration_is_shown_until_it_is_dismissed_or_mended() {
    let told = |problem: Option<&str>| ServerMessage::Configuration {
        problem: problem.map(str::to_owned),
    };
    let shows = |problem: Option<&str>| Effect::Panels(Pane::Problem(problem.map(str::to_owned)));
    let mut page = Page::live();
    assert_eq!(page.hears(told(Some("line 3"))), [Effect::LoadPanels]);
    assert!(
        page.does(Event::Panels(true))
            .contains(&shows(Some("line 3")))
    );
    assert_eq!(page.hears(told(None)), [shows(None)]);
    page.hears(told(Some("line 3")));
    assert!(page.intends(Intent::Dismiss).contains(&shows(None)));
    // Told again on the next connection, it is no news; another one is.
    page.hears(hello());
    assert_eq!(page.hears(told(Some("line 3"))), []);
    assert_eq!(page.hears(told(Some("line 4"))), [shows(Some("line 4"))]);
    // Mended and made again, it is.
    page.hears(told(None));
    assert_eq!(page.hears(told(Some("line 3"))), [shows(Some("line 3"))]);
    // A server that starts with a right file says nothing of it.
    assert!(page.hears(hello()).contains(&shows(None)));
}

#[test]
fn what_is_wrong_with_the_configuration_is_no_matter_of_a_bare_element() {
    let mut page = Page::with(
        Attributes {
            controls: false,
            ..attributes()
        },
        None,
        false,
    );
    page.hears(hello());
    let problem = Some("line 3".into());
    assert_eq!(page.hears(ServerMessage::Configuration { problem }), []);
}

#[test]
fn a_recording_that_reaches_its_limit_ends_with_a_file_and_a_silent_encoder_is_told() {
    let mut page = Page::live().with_panels();
    page.intends(Intent::Record);
    page.does(Event::Recording(None));
    let effects = page.does(Event::Encoder { full: false });
    let words = Effect::Toast(crate::text::NOTHING_IS_RECORDED.into());
    assert!(effects.contains(&words), "{effects:?}");
    let ends = Effect::Panels(Pane::EndRecording("yard".into(), true));
    assert!(page.does(Event::Encoder { full: true }).contains(&ends));
    // The encoder may have more to say until it has stopped.
    assert!(!page.does(Event::Encoder { full: true }).contains(&ends));
}

#[test]
fn the_screen_stays_on_while_a_live_picture_is_all_that_is_looked_at() {
    let awake = |effects: &[Effect]| {
        let mut kept = effects.iter().filter_map(|effect| match effect {
            Effect::Panels(Pane::KeepAwake(on)) => Some(*on),
            _ => None,
        });
        kept.next_back()
    };
    let mut page = Page::live();
    let alone = Place {
        alone: true,
        ..PLACE
    };
    let effects = page.does(Event::Placed(alone));
    assert!(effects.contains(&Effect::LoadPanels), "{effects:?}");
    assert_eq!(awake(&page.does(Event::Panels(true))), Some(true));
    // Nothing comes: it may sleep.
    page.now += 2500.0;
    assert_eq!(awake(&page.does(Event::StaleDue)), Some(false));
    page.draws(2);
    assert_eq!(page.kind(), Kind::Live);
    let hidden = Place {
        visible: false,
        ..alone
    };
    assert_eq!(awake(&page.does(Event::Placed(hidden))), Some(false));
    // Among other things on a page.
    let mut page = Page::live().with_panels();
    assert_eq!(awake(&page.does(Event::Placed(PLACE))), None);
}

#[test]
fn what_was_not_asked_for_is_missed_without_a_word() {
    let told = |effects: &[Effect]| {
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Toast(_)))
    };
    let mut page = Page::live();
    assert!(page.does(Event::Keyboard).contains(&Effect::LoadPanels));
    assert!(!told(&page.does(Event::Panels(false))));
    // It is not tried at each key, but when it is asked for.
    assert!(!page.does(Event::Keyboard).contains(&Effect::LoadPanels));
    assert!(page.intends(Intent::Menu).contains(&Effect::LoadPanels));
    assert!(told(&page.does(Event::Panels(false))));
}

#[test]
fn fingers_are_told_how_the_controls_come_back() {
    for touch in [false, true] {
        let mut page = Page::live();
        page.element.controls.abilities.touch = touch;
        let effects = page.does(Event::Idle(false));
        assert!(effects.contains(&Effect::Sleep));
        assert_eq!(effects.contains(&Effect::Hint), touch);
    }
}

#[test]
fn the_cameras_controls_are_shown_and_hidden_by_the_same_key_and_closed_by_escape() {
    let mut page = Page::live();
    let shown = |effects: &[Effect]| {
        let adjusts = effects.iter().filter_map(|effect| match effect {
            Effect::Panels(Pane::Adjust(shown)) => Some(*shown),
            _ => None,
        });
        adjusts.collect::<Vec<_>>()
    };
    assert_eq!(Intent::from_key("a"), Some(Intent::Adjust));
    // The panels come first.
    let effects = page.intends(Intent::Adjust);
    assert!(effects.contains(&Effect::LoadPanels) && shown(&effects).is_empty());
    assert_eq!(shown(&page.does(Event::Panels(true))), [true]);
    assert_eq!(shown(&page.intends(Intent::Adjust)), [false]);
    page.intends(Intent::Adjust);
    assert_eq!(shown(&page.intends(Intent::Escape)), [false]);
    assert!(shown(&page.intends(Intent::Escape)).is_empty());
}
