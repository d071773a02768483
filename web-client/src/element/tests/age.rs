//! How old the badge says the picture is.

use super::*;

/// What the badge says now.
fn shown(page: &mut Page, frames: impl IntoIterator<Item = (u64, Option<f64>)>) -> Vec<String> {
    let mut ages = Vec::new();
    for (seq, age) in frames {
        page.now += 50.0;
        let at = page.now;
        let drawn = News::Drawn(Drawn { age, ..frame(seq) }, at);
        let number = page.connection.0;
        let mut effects = page.does(Event::Connection(number, drawn));
        effects.extend(page.does(Event::Tick(0.5, 1.0)));
        ages.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Age(age) => Some(age),
            _ => None,
        }));
    }
    ages
}

#[test]
fn a_live_picture_has_an_age_that_changes_once_a_second() {
    let mut page = Page::live();
    let frames = (2..62).map(|seq| (seq, Some(seq as f64)));
    let ages = shown(&mut page, frames);
    assert_eq!(ages, ["2 ms", "22 ms", "42 ms"]);
}

#[test]
fn an_age_that_is_not_known_or_makes_no_sense_is_not_shown() {
    let mut page = Page::live();
    assert_eq!(shown(&mut page, [(2, None)]), [""; 0]);
    assert_eq!(shown(&mut page, [(3, Some(-7.0))]), [""; 0]);
    assert_eq!(shown(&mut page, [(4, Some(7.0)), (5, None)]), ["7 ms", ""]);
}

#[test]
fn a_picture_that_is_not_live_has_none() {
    let mut page = Page::live();
    assert_eq!(shown(&mut page, [(2, Some(7.0))]), ["7 ms"]);
    let effects = page.does(Event::Paused(true));
    assert!(effects.contains(&Effect::Age(String::new())), "{effects:?}");
    let waited = page.does(Event::Tick(0.5, 1.0));
    assert!(!waited.iter().any(|effect| matches!(effect, Effect::Age(_))));
}
