//! The way of a picture through all of it.

use crate::blobs::{Finder, forget_specks};
use crate::events::{Change, Event, Events, Zones};
use crate::light::MOST_SLOPE;
use crate::luma::Luma;
use crate::model::Model;
use crate::settings::Settings;
use crate::tamper::Tamper;
use crate::tracks::Tracks;
use crate::zones::{Rule, lowest_threshold, mask};
use std::time::Duration;

/// Times: at the beginning, when the scene is only learned; after all of the picture has changed; and without pictures, after which the
/// scene is learned again.
const FIRST: Duration = Duration::from_secs(3);
const SETTLES: Duration = Duration::from_secs(1);
const LONGEST_GAP: Duration = Duration::from_secs(10);

/// Detects motion in the pictures of one camera.
#[derive(Debug)]
pub struct Detector {
    settings: Settings,
    /// Of the pictures' size, from the first one on.
    scene: Option<Scene>,
    /// Memory for the next picture.
    next: Vec<f32>,
    finder: Finder,
    tracks: Tracks,
    tamper: Tamper,
    events: Events,
    moving: Vec<Moving>,
}

#[derive(Debug)]
struct Scene {
    model: Model,
    rules: Vec<Rule>,
    threshold: f32,
    /// When the last picture was, and until when nothing counts.
    at: Duration,
    calm_until: Duration,
}

/// Something that moves. All values are parts of the picture, 0 … 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moving {
    /// The left edge.
    pub x: f32,
    /// The upper edge.
    pub y: f32,
    /// Its width.
    pub width: f32,
    /// Its height.
    pub height: f32,
    /// The zones that it is in.
    pub zones: Zones,
}

/// What was seen in a picture.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// How much moves: 0 is nothing, 255 the whole picture, on a scale of square roots.
    pub score: u8,
    /// What moves, where it counts.
    pub moving: &'a [Moving],
    /// What the picture changes.
    pub change: Option<Change>,
}

impl Detector {
    /// A detector by these settings, which have to be [valid](Settings::check).
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            scene: None,
            next: Vec::new(),
            finder: Finder::default(),
            tracks: Tracks::new(),
            tamper: Tamper::default(),
            events: Events::default(),
            moving: Vec::with_capacity(64),
        }
    }

    /// The event that goes on.
    pub fn event(&self) -> Option<Event> {
        self.events.current
    }

    /// Ends the event that goes on: there are no more pictures.
    pub fn end(&mut self) -> Option<Event> {
        match self.events.end() {
            Some(Change::Ended(event)) => Some(event),
            _ => None,
        }
    }

    /// Takes the picture of that time, by a clock that is never set. Pictures of another size begin anew.
    pub fn feed(&mut self, luma: Luma<'_>, at: Duration) -> Seen<'_> {
        let size = luma.reduced(&mut self.next);
        self.moving.clear();
        let known = self.scene.take().filter(|scene| scene.goes_on(size, at));
        let is_new = known.is_none();
        let mut scene = known.unwrap_or_else(|| Scene::new(&self.settings, size, at));
        std::mem::swap(&mut scene.model.current, &mut self.next);
        if is_new {
            self.tracks.clear();
            self.tamper.begin(size.0 * size.1);
            self.events.forget();
        }
        let seconds = at.saturating_sub(scene.at).as_secs_f32().clamp(0.001, 1.0);
        scene.at = at;
        let (score, zones) = self.look(&mut scene, seconds);
        let change = if self.tamper.is_certain(&scene.model, at) {
            let change = self.events.tampered(at);
            if !matches!(change, Some(Change::Ended(_))) {
                self.tamper.told();
            }
            change
        } else {
            self.events.take(at, score, zones, self.settings.after)
        };
        self.scene = Some(scene);
        Seen {
            score,
            moving: &self.moving,
            change,
        }
    }

    /// What moves in the picture, and where; then the scene is learned from it.
    fn look(&mut self, scene: &mut Scene, seconds: f32) -> (u8, Zones) {
        let at = scene.at;
        let model = &mut scene.model;
        let light = model.compare(scene.threshold);
        if light.slope.abs() > MOST_SLOPE {
            if scene.at >= scene.calm_until {
                self.tamper.suspect(&model.mean, at);
            }
            model.restart();
            self.tracks.clear();
            scene.calm_until = scene.calm_until.max(at + SETTLES);
            return (0, Zones::default());
        }
        let least = scene
            .rules
            .iter()
            .map(|rule| rule.min_area)
            .fold(f32::MAX, f32::min);
        self.finder.find(model, least);
        forget_specks(model, &self.finder);
        self.tracks.follow(&self.finder.blobs, at, seconds);
        let found = if scene.at < scene.calm_until {
            (0, Zones::default())
        } else {
            self.count(&scene.rules, (model.width, model.height), at)
        };
        model.learn(light, seconds);
        found
    }

    /// Which of the tracks count, by the rules.
    fn count(&mut self, rules: &[Rule], size: (usize, usize), at: Duration) -> (u8, Zones) {
        let (width, height) = (size.0 as f32, size.1 as f32);
        let calm = self.tracks.calm();
        let (mut area, mut all) = (0.0, Zones::default());
        for track in &mut self.tracks.tracks {
            let moves = track.moves();
            let mut zones = Zones::default();
            for (zone, (rule, since)) in rules.iter().zip(&mut track.within).enumerate() {
                if !rule.counts(&track.blob, size, calm) {
                    *since = None;
                    continue;
                }
                let since = *since.get_or_insert(at);
                if moves && at.saturating_sub(since) >= rule.min_time {
                    zones.0 |= 1 << zone;
                }
            }
            if zones == Zones::default() {
                continue;
            }
            let blob = &track.blob;
            area += blob.area;
            all.0 |= zones.0;
            self.moving.push(Moving {
                x: blob.from.0 as f32 / width,
                y: blob.from.1 as f32 / height,
                width: (blob.to.0 - blob.from.0) as f32 / width,
                height: (blob.to.1 - blob.from.1) as f32 / height,
                zones,
            });
        }
        let part = (area / (width * height)).min(1.0);
        let score = if area > 0.0 {
            (255.0 * part.sqrt()).max(1.0)
        } else {
            0.0
        };
        (score as u8, all)
    }
}

impl Scene {
    fn new(settings: &Settings, size: (usize, usize), at: Duration) -> Self {
        Self {
            model: Model::new(size, mask(&settings.ignore, size)),
            rules: Rule::of(settings, size),
            threshold: lowest_threshold(settings),
            at,
            calm_until: at + FIRST,
        }
    }

    /// Whether a picture of that size and time belongs to it.
    fn goes_on(&self, size: (usize, usize), at: Duration) -> bool {
        let is_soon = at.saturating_sub(self.at) <= LONGEST_GAP;
        size == (self.model.width, self.model.height) && is_soon && at >= self.at
    }
}
