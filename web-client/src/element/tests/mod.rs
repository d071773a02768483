//! What [`Element::update`] promises, without a browser.

mod age;
#[cfg(not(target_family = "wasm"))]
mod any;
mod choosing;
mod states;

use super::choices::Attributes;
use super::controls::Abilities;
use super::effect::{Effect, Order, Pane, Tell};
use super::event::{Event, News, Place};
use super::intent::Intent;
use super::settings::Settings;
use super::shown::{Kind, Shown};
use super::{Element, FAILS_AGAIN, Panels};
use crate::link::Drawn;
use crate::worker::Culprit;
use pistreamer_protocol::message::{Camera, CameraState, CameraStatus, Hello, ServerMessage};
use std::collections::BTreeMap;

/// A browser that does nothing but remember what was asked of it.
struct Page {
    element: Element,
    now: f64,
    shown: Option<Shown>,
    told: Vec<Tell>,
    data: BTreeMap<&'static str, String>,
    stored: BTreeMap<String, String>,
    /// The newest connection, and whether it is open.
    connection: (u32, bool),
    stale_at: Option<f64>,
}

const PLACE: Place = Place {
    stage: (800.0, 600.0),
    pixel_ratio: 1.0,
    visible: true,
    alone: false,
};

fn attributes() -> Attributes {
    Attributes {
        src: Some("http://pi.local:8000/".into()),
        camera: None,
        asked: Ok(None),
        ticket: None,
        controls: true,
        settings: Settings::default(),
        pinned: String::new(),
        max_fps: None,
        stale_after: None,
    }
}

fn status(state: CameraState, reason: &str) -> ServerMessage {
    ServerMessage::State(CameraStatus {
        state,
        reason: reason.into(),
        ..CameraStatus::default()
    })
}

fn frame(seq: u64) -> Drawn {
    Drawn {
        seq: Some(seq),
        age: Some(12.0),
        bytes: 50_000,
        width: 640,
        height: 480,
        took: 3.0,
        ..Drawn::default()
    }
}

impl Page {
    /// An element that has begun to connect.
    fn new() -> Self {
        Self::with(attributes(), None, false)
    }

    fn with(attributes: Attributes, stored: Option<&str>, paused: bool) -> Self {
        let abilities = Abilities {
            record: true,
            float: true,
            touch: false,
        };
        let mut page = Self {
            element: Element::new(
                0.0,
                attributes,
                stored.map(str::to_owned),
                abilities,
                paused,
            ),
            now: 0.0,
            shown: None,
            told: Vec::new(),
            data: BTreeMap::new(),
            stored: BTreeMap::new(),
            connection: (0, false),
            stale_at: None,
        };
        let made = page.does(Event::Made);
        assert!(
            !made
                .iter()
                .any(|effect| matches!(effect, Effect::Show(_) | Effect::Tell(_)))
        );
        page.does(Event::Begin(PLACE));
        page
    }

    /// An element that shows frame 1 of a camera called Yard.
    fn live() -> Self {
        let mut page = Self::new();
        page.now = 100.0;
        page.hears(hello());
        page.draws(1);
        assert_eq!(page.kind(), Kind::Live);
        page
    }

    /// Tells the element; remembers what it wants, and gives it.
    fn does(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = self.element.update(self.now, event);
        let mut recalls = false;
        for effect in &effects {
            match effect {
                Effect::Show(shown) => self.shown = Some(shown.clone()),
                Effect::Tell(tell) => self.told.push(tell.clone()),
                Effect::Data(name, value) => {
                    self.data.insert(name, value.clone());
                }
                Effect::ClearData => self.data.clear(),
                Effect::Remember(key, text) => {
                    self.stored.insert(key.clone(), text.clone());
                }
                Effect::Recall => recalls = true,
                Effect::Connect(number, ..) => self.connection = (*number, true),
                Effect::Pipeline(Order::Close) => self.connection.1 = false,
                Effect::AwaitStale(ms) => self.stale_at = Some(self.now + ms),
                _ => {}
            }
        }
        if recalls {
            let stored = self.recall();
            effects.extend(self.does(Event::Recalled(stored)));
        }
        effects
    }

    fn news(&mut self, news: News) -> Vec<Effect> {
        self.does(Event::Connection(self.connection.0, news))
    }

    fn hears(&mut self, message: ServerMessage) -> Vec<Effect> {
        self.news(News::Said(Ok(Box::new(message))))
    }

    fn draws(&mut self, seq: u64) -> Vec<Effect> {
        let at = self.now;
        self.news(News::Drawn(frame(seq), at))
    }

    /// The connection ends, and the server does not say why.
    fn loses(&mut self, reason: &str) {
        let greeted = self.element.status.is_greeted();
        let effects = self.news(News::Closed(reason.into(), 0.5));
        if !greeted {
            let number = self.connection.0;
            assert_eq!(effects, [Effect::AskRefusal(number, reason.into())]);
            self.news(News::Refused(Err(reason.into()), 0.5));
        }
    }

    fn recall(&self) -> Option<String> {
        let key = self.element.choices.storage_key()?;
        self.stored.get(&key).cloned()
    }

    fn intends(&mut self, intent: Intent) -> Vec<Effect> {
        let stored = self.recall();
        self.does(Event::Intent(intent, stored))
    }

    /// Time passes, as the browser's timers tell it.
    fn waits(&mut self, ms: f64) {
        let until = self.now + ms;
        while self.now < until {
            let tick = (self.now + 250.0).min(until);
            self.now = self.stale_at.filter(|at| *at <= tick).unwrap_or(tick);
            if self.stale_at.take_if(|at| *at <= self.now).is_some() {
                self.does(Event::StaleDue);
            } else {
                self.does(Event::Tick(0.5, 1.0));
            }
        }
    }

    fn shown(&self) -> &Shown {
        self.shown.as_ref().unwrap()
    }

    fn kind(&self) -> Kind {
        self.shown().kind
    }

    fn errors(&self) -> Vec<&str> {
        let told = self.told.iter().filter_map(|tell| match tell {
            Tell::Error(words) => Some(words.as_str()),
            _ => None,
        });
        told.collect()
    }

    /// With the panels loaded.
    fn with_panels(mut self) -> Self {
        self.intends(Intent::Menu);
        self.does(Event::Panels(true));
        self.intends(Intent::Menu);
        self
    }
}

fn hello() -> ServerMessage {
    ServerMessage::Hello(hello_of("yard", "Yard"))
}

fn hello_of(id: &str, name: &str) -> Hello {
    Hello {
        protocol: 1,
        server: "test".into(),
        time_us: 10_000_000,
        camera: Camera {
            id: id.into(),
            name: name.into(),
            ..Camera::default()
        },
        width: 640,
        height: 480,
        fps: 30.0,
        status: CameraStatus {
            state: CameraState::Live,
            ..CameraStatus::default()
        },
        wire: "pistreamer.gzip-base64.v1".into(),
        controls: Vec::new(),
        sets: false,
        plays: false,
        tiles: false,
    }
}
