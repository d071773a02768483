//! Fingers, mouse and wheel → zoom and pan. Pure numbers: the events themselves are read in [`crate::shell`].

use crate::geometry::{Layout, Zoom};

/// A touch that moves further than this, in CSS pixels, is no tap.
const TAP_SLACK: f64 = 12.0;
/// A touch that lasts longer than this, in ms, is no tap.
const TAP_TIME: f64 = 300.0;
/// How far a double tap zooms in.
const TAP_ZOOM: f64 = 2.5;

/// What a gesture turned out to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing to see.
    None,
    /// The picture lies elsewhere.
    Moved(Zoom),
    /// A single tap.
    Tap,
}

#[derive(Clone, Copy, Debug)]
struct Finger {
    id: i32,
    at: (f64, f64),
    from: (f64, f64),
    since: f64,
}

/// The fingers on the stage.
#[derive(Debug, Default)]
pub struct Gestures {
    fingers: Vec<Finger>,
    /// Whether the fingers now down have moved or pinched.
    moved: bool,
    last_tap: Option<(f64, (f64, f64))>,
}

impl Gestures {
    /// A finger or button went down. `at` is from the stage's top left.
    pub fn down(&mut self, id: i32, at: (f64, f64), now: f64) {
        self.fingers.retain(|finger| finger.id != id);
        self.moved = !self.fingers.is_empty();
        // More than two fingers are a hand that lies on the glass.
        if self.fingers.len() < 2 {
            self.fingers.push(Finger {
                id,
                at,
                from: at,
                since: now,
            });
        }
    }

    /// It moved.
    pub fn moved(&mut self, id: i32, at: (f64, f64), layout: &Layout, zoom: Zoom) -> Outcome {
        let Some(index) = self.fingers.iter().position(|finger| finger.id == id) else {
            return Outcome::None;
        };
        let before = self.fingers[index].at;
        self.fingers[index].at = at;
        self.moved |= distance(self.fingers[index].from, at) > TAP_SLACK;
        let zoom = match self.fingers[..] {
            [_] => layout.clamp(Zoom {
                x: zoom.x + at.0 - before.0,
                y: zoom.y + at.1 - before.1,
                ..zoom
            }),
            [a, b] => {
                let still = if index == 0 { b.at } else { a.at };
                let middle = |one: (f64, f64)| ((one.0 + still.0) / 2.0, (one.1 + still.1) / 2.0);
                let (from, to) = (middle(before), middle(at));
                let by = distance(at, still).max(1.0) / distance(before, still).max(1.0);
                layout.zoom_at(
                    Zoom {
                        x: zoom.x + to.0 - from.0,
                        y: zoom.y + to.1 - from.1,
                        ..zoom
                    },
                    to,
                    by,
                )
            }
            _ => return Outcome::None,
        };
        Outcome::Moved(zoom)
    }

    /// It went up.
    pub fn up(&mut self, id: i32, now: f64, layout: &Layout, zoom: Zoom) -> Outcome {
        let Some(index) = self.fingers.iter().position(|finger| finger.id == id) else {
            return Outcome::None;
        };
        let finger = self.fingers.remove(index);
        if self.moved || !self.fingers.is_empty() || now - finger.since > TAP_TIME {
            self.last_tap = None;
            return Outcome::None;
        }
        let again = self.last_tap.take().is_some_and(|(then, at)| {
            now - then < TAP_TIME && distance(at, finger.at) < 3.0 * TAP_SLACK
        });
        if !again {
            self.last_tap = Some((now, finger.at));
            return Outcome::Tap;
        }
        Outcome::Moved(if zoom.factor > 1.0 {
            Zoom::default()
        } else {
            layout.zoom_at(zoom, finger.at, TAP_ZOOM)
        })
    }

    /// It was taken away by the browser or the system.
    pub fn cancel(&mut self, id: i32) {
        self.fingers.retain(|finger| finger.id != id);
    }
}

fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    // `hypot` would be a function of its own in the download.
    let (x, y) = (a.0 - b.0, a.1 - b.1);
    (x * x + y * y).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout {
            stage: (400.0, 400.0),
            picture: (400.0, 400.0),
            ..Layout::default()
        }
    }

    fn zoomed(factor: f64) -> Zoom {
        Zoom {
            factor,
            ..Zoom::default()
        }
    }

    #[test]
    fn two_fingers_that_part_zoom_in_between_them() {
        let mut gestures = Gestures::default();
        gestures.down(1, (150.0, 200.0), 0.0);
        gestures.down(2, (250.0, 200.0), 10.0);
        let outcome = gestures.moved(2, (350.0, 200.0), &layout(), zoomed(1.0));
        let Outcome::Moved(zoom) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(zoom.factor, 2.0);
        assert_eq!(gestures.up(2, 20.0, &layout(), zoom), Outcome::None);
        assert_eq!(gestures.up(1, 30.0, &layout(), zoom), Outcome::None);
    }

    #[test]
    fn one_finger_drags_a_zoomed_picture() {
        let mut gestures = Gestures::default();
        gestures.down(1, (100.0, 100.0), 0.0);
        let Outcome::Moved(zoom) = gestures.moved(1, (130.0, 90.0), &layout(), zoomed(2.0)) else {
            panic!("nothing moved")
        };
        assert_eq!((zoom.x, zoom.y), (30.0, -10.0));
        assert_eq!(gestures.up(1, 50.0, &layout(), zoom), Outcome::None);
    }

    #[test]
    fn a_double_tap_zooms_in_and_the_next_one_out() {
        let mut gestures = Gestures::default();
        let mut tap = |now: f64, zoom| {
            gestures.down(1, (100.0, 100.0), now);
            gestures.up(1, now + 50.0, &layout(), zoom)
        };
        assert_eq!(tap(0.0, zoomed(1.0)), Outcome::Tap);
        let Outcome::Moved(zoom) = tap(200.0, zoomed(1.0)) else {
            panic!("no zoom")
        };
        assert_eq!(zoom.factor, TAP_ZOOM);
        assert_eq!(tap(1000.0, zoom), Outcome::Tap);
        assert_eq!(tap(1200.0, zoom), Outcome::Moved(Zoom::default()));
        assert_eq!(tap(3000.0, zoom), Outcome::Tap);
        assert_eq!(tap(4000.0, zoom), Outcome::Tap);
    }

    #[test]
    fn unknown_and_cancelled_fingers_do_nothing() {
        let mut gestures = Gestures::default();
        gestures.down(1, (0.0, 0.0), 0.0);
        gestures.cancel(1);
        assert_eq!(gestures.up(1, 10.0, &layout(), zoomed(1.0)), Outcome::None);
        assert_eq!(
            gestures.moved(7, (0.0, 0.0), &layout(), zoomed(1.0)),
            Outcome::None
        );
    }
}
