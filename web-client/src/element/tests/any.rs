//! What holds whatever happens, in whatever order.

use super::super::event::Pointer;
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// What happens next, in few enough kinds that they meet.
#[derive(Clone, Debug)]
enum Happens {
    Waits(f64),
    Said(Box<ServerMessage>),
    Drawn(Option<u64>, Option<f64>),
    Closed,
    Refused(bool),
    Paused(bool),
    Visible(bool),
    Retry,
    Intent(Intent),
    Camera(bool),
    Unusable,
    NoWorker,
    WorkerFailed(Culprit),
    Panels(bool),
    Recording(bool),
    Recorded(bool),
    Floating(bool),
    Old(Option<u64>),
    Touched(f64),
}

fn happens() -> impl Strategy<Value = Happens> {
    let states = [
        CameraState::Starting,
        CameraState::Live,
        CameraState::NoSignal,
    ];
    let state = prop::sample::select(states.to_vec()).prop_map(|state| status(state, "why"));
    let said = prop_oneof![3 => Just(hello()), 3 => state, 1 => Just(ServerMessage::Unknown)];
    let intents = [
        Intent::Pause,
        Intent::Record,
        Intent::PictureInPicture,
        Intent::Menu,
        Intent::Overlay,
        Intent::Rotate,
        Intent::WireJpeg,
        Intent::WireGzip,
        Intent::SizeNext,
        Intent::ZoomIn,
        Intent::Escape,
        Intent::Retry,
    ];
    let age = prop::option::of(prop::sample::select(vec![5.0, 900.0, 5000.0]));
    let culprits = vec![Culprit::This, Culprit::Another, Culprit::Unknown];
    let culprit = prop::sample::select(culprits);
    let waits = prop::sample::select(vec![16.0, 400.0, 2100.0, 9000.0, 31_000.0]);
    prop_oneof![
        6 => waits.prop_map(Happens::Waits),
        6 => said.prop_map(|message| Happens::Said(Box::new(message))),
        8 => (prop::option::of(0_u64..6), age).prop_map(|(seq, age)| Happens::Drawn(seq, age)),
        2 => Just(Happens::Closed),
        1 => any::<bool>().prop_map(Happens::Refused),
        2 => any::<bool>().prop_map(Happens::Paused),
        2 => any::<bool>().prop_map(Happens::Visible),
        1 => Just(Happens::Retry),
        4 => prop::sample::select(intents.to_vec()).prop_map(Happens::Intent),
        1 => any::<bool>().prop_map(Happens::Camera),
        1 => Just(Happens::Unusable),
        1 => Just(Happens::NoWorker),
        1 => culprit.prop_map(Happens::WorkerFailed),
        2 => any::<bool>().prop_map(Happens::Panels),
        1 => any::<bool>().prop_map(Happens::Recording),
        1 => any::<bool>().prop_map(Happens::Recorded),
        1 => any::<bool>().prop_map(Happens::Floating),
        1 => prop::option::of(0_u64..6).prop_map(Happens::Old),
        1 => (1.0..800.0_f64).prop_map(Happens::Touched),
    ]
}

/// A page with what the state is held against.
struct Checked {
    page: Page,
    visible: bool,
    /// When a frame other than the last one of its connection came, since everything that makes older ones prove nothing.
    proof: Option<f64>,
    last_seq: Option<u64>,
    recording: bool,
    panels: bool,
    connections: u32,
    tells: usize,
    state: Option<(&'static str, String)>,
}

impl Checked {
    fn happens(&mut self, what: Happens) {
        let failed = |fails: bool| fails.then(|| "why not".to_owned());
        let event = match what {
            Happens::Waits(ms) => return self.waits(ms),
            Happens::Said(message) => return self.news(News::Said(Ok(message))),
            Happens::Drawn(seq, age) => {
                if self.page.connection.1 && (seq.is_none() || seq != self.last_seq) {
                    (self.proof, self.last_seq) = (Some(self.page.now), seq);
                }
                let frame = Drawn {
                    seq,
                    age,
                    ..frame(0)
                };
                return self.news(News::Drawn(frame, self.page.now));
            }
            Happens::Closed => {
                // A pipeline tells the end of a connection once.
                if self.page.connection.1 && self.page.element.status.is_greeted() {
                    self.proof = None;
                    self.page.connection.1 = false;
                }
                return self.news(News::Closed("gone".into(), 0.5));
            }
            Happens::Refused(knows) => {
                (self.proof, self.page.connection.1) = (None, false);
                let answer = if knows {
                    Ok("no key".into())
                } else {
                    Err("gone".into())
                };
                return self.news(News::Refused(answer, 0.5));
            }
            Happens::Paused(paused) => Event::Paused(paused),
            Happens::Visible(visible) => {
                self.visible = visible;
                Event::Placed(Place { visible, ..PLACE })
            }
            Happens::Retry => Event::Retry,
            Happens::Intent(intent) => Event::Intent(intent, None),
            Happens::Camera(door) => {
                let camera = door.then(|| "door".to_owned());
                Event::Attributes(
                    Box::new(Attributes {
                        camera,
                        ..attributes()
                    }),
                    None,
                )
            }
            Happens::Unusable => {
                let asked = Err("no address".into());
                let src = Some("http://".into());
                Event::Attributes(
                    Box::new(Attributes {
                        src,
                        asked,
                        ..attributes()
                    }),
                    None,
                )
            }
            Happens::NoWorker => Event::NoWorker("gone".into()),
            Happens::WorkerFailed(culprit) => Event::WorkerFailed("trapped".into(), culprit),
            Happens::Panels(there) if self.page.element.controls.panels == Panels::Loading => {
                self.panels = there;
                Event::Panels(there)
            }
            Happens::Recording(fails) if self.panels => Event::Recording(failed(fails)),
            Happens::Recorded(fails) if self.panels => Event::Recorded(failed(fails)),
            Happens::Floating(fails) if self.panels => Event::Floating(failed(fails)),
            Happens::Old(seq) => {
                let frame = Drawn { seq, ..frame(0) };
                let old = self.page.connection.0.wrapping_sub(1);
                Event::Connection(old, News::Drawn(frame, self.page.now))
            }
            Happens::Touched(x) => {
                self.does(Event::Pointer(Pointer::Down(1, (x, x))));
                self.does(Event::Pointer(Pointer::Moved(1, (x + 9.0, x))));
                Event::Pointer(Pointer::Up(1))
            }
            _ => return,
        };
        self.does(event);
    }

    fn news(&mut self, news: News) {
        self.does(Event::Connection(self.page.connection.0, news));
    }

    fn waits(&mut self, ms: f64) {
        let until = self.page.now + ms;
        while self.page.now < until {
            let tick = (self.page.now + 250.0).min(until);
            let due = self.page.stale_at.filter(|at| *at <= tick);
            self.page.now = due.unwrap_or(tick);
            if due.is_some() {
                self.page.stale_at = None;
                self.does(Event::StaleDue);
            } else {
                self.does(Event::Tick(0.5, 1.0));
            }
        }
    }

    fn does(&mut self, event: Event) {
        let before = (self.page.element.status.paused(), self.hidden());
        let effects = self.page.does(event);
        let rests = |(paused, hidden): (bool, bool)| paused || hidden;
        if rests(before) {
            // Only what comes after a rest proves anything, but for a drawn frame that is looked at below.
            self.proof = self.proof.filter(|at| *at >= self.page.now);
        }
        for effect in &effects {
            match effect {
                Effect::Connect(number, ..) => {
                    assert!(*number > self.connections, "{number} is no new connection");
                    self.connections = *number;
                    (self.proof, self.last_seq) = (None, None);
                }
                Effect::Pipeline(Order::Close) => self.proof = None,
                Effect::Panels(_) => assert!(self.panels, "{effect:?} without panels"),
                Effect::ShowRecording(on) => self.recording = *on,
                _ => {}
            }
        }
        self.check();
    }

    fn hidden(&self) -> bool {
        self.page.element.status.kind(self.page.now) == Kind::Hidden
    }

    fn check(&mut self) {
        let (page, element) = (&self.page, &self.page.element);
        let shown = page.shown();
        for tell in &page.told[self.tells..] {
            if let Tell::State(state, reason) = tell {
                let new = Some((*state, reason.clone()));
                assert_ne!(new, self.state, "told twice");
                self.state = new;
            }
        }
        self.tells = page.told.len();
        let told = self
            .state
            .as_ref()
            .map(|(state, reason)| (*state, reason.as_str()));
        assert_eq!(told, Some((shown.kind.name(), shown.reason.as_str())));
        match shown.kind {
            Kind::Live => {
                let proof = self
                    .proof
                    .expect("live without a frame since the last loss");
                assert!(page.now - proof <= 2000.0, "live by an old frame");
                assert_eq!(shown.notice, None);
                assert!(page.connection.1, "live without a connection");
            }
            Kind::Hidden => assert!(!self.visible),
            Kind::Paused => assert!(element.status.paused()),
            Kind::Lost | Kind::Refused => assert!(shown.notice.is_some()),
            _ => {}
        }
        if element.status.paused() {
            assert!(matches!(shown.kind, Kind::Paused | Kind::Hidden));
        }
        assert!(!shown.retry || matches!(shown.kind, Kind::Lost | Kind::Refused));
        assert_eq!(
            self.recording,
            element.capture.is_recording() || self.recording && !element.capture.is_recording()
        );
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_picture_never_lies(all in vec(happens(), 1..120)) {
        let mut checked = Checked {
            page: Page::new(),
            visible: true,
            proof: None,
            last_seq: None,
            recording: false,
            panels: false,
            connections: 1,
            tells: 0,
            state: None,
        };
        checked.check();
        for what in all {
            checked.happens(what);
        }
    }
}
