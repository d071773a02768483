//! A camera's controls as viewers are offered them: those that are known here, with the values that the camera's frames tell.
//!
//! When a request goes to the camera belongs to [`super::stream`]; what is known of each control, to [`known`].

mod crop;
mod known;
mod listed;
#[cfg(test)]
mod scripted;

use known::{AUTO, Form, KNOWN, Known, MEASURED, METER_ALL, METER_WINDOWS, START};
use libcamera::control::{ControlEntry, ControlInfoMap, ControlList};
use libcamera::control_value::ControlValue;
use libcamera::controls::{
    AeFlickerMode, AeFlickerPeriod, AfMetering, AfMode, AfTrigger, AfWindows, ColourGains,
    ExposureTime, FrameDurationLimits, ScalerCrop,
};
use libcamera::geometry::Rectangle;
use listed::{Durations, Listed, Offered};
use pistreamer_protocol::jpeg::Orientation;
use pistreamer_protocol::message::{self, Control, ControlValues};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often values are told that change by themselves.
const TELL: Duration = Duration::from_millis(250);

/// Frames that a sensor takes to do what it is told, once the request with it is the camera's.
const SENSOR_DELAY: u64 = 3;

/// What a frame takes besides its exposure, at most, in µs.
const OVERHEAD: f64 = 2_000.0;

/// The controls of a running camera.
pub(super) struct Controls {
    offered: Vec<Offered>,
    /// What frames have told besides.
    measured: Vec<Control>,
    durations: Durations,
    /// What the next request tells the camera, and the one after it.
    waiting: BTreeMap<u32, ControlValue>,
    later: BTreeMap<u32, ControlValue>,
    /// What is focused on.
    window: Option<[f64; 4]>,
    /// What was set, for a camera that is opened anew.
    set: ControlValues,
    /// The longest frame that the camera was asked for last, in µs.
    asked_for: f64,
    /// Requests that the camera got, and that it gave back.
    queued: u64,
    done: u64,
    told: Option<Instant>,
}

impl Controls {
    /// What a camera lists once it is configured for that frame duration in µs; the longest that it has is `None` where it
    /// cannot be asked for any. Its picture is turned like that afterwards.
    pub(super) fn new(
        info: &ControlInfoMap,
        usual: f64,
        longest: Option<f64>,
        turn: Orientation,
    ) -> Self {
        let listed = |known: &'static Known| Some((known, Listed::read(info, known)?));
        let mut controls = Self::of(KNOWN.iter().filter_map(listed), usual, longest);
        for offered in &mut controls.offered {
            offered.turn = turn;
        }
        controls
    }

    fn of(
        listed: impl Iterator<Item = (&'static Known, Listed)>,
        usual: f64,
        longest: Option<f64>,
    ) -> Self {
        let durations = Durations {
            usual: usual.floor(),
            longest: longest
                .map(|longest| longest - OVERHEAD)
                .filter(|it| *it > usual),
        };
        let offered = listed.filter_map(|(known, listed)| Offered::new(known, &listed, durations));
        let mut offered: Vec<_> = offered.collect();
        // What is shown is part of where a window lies.
        let has_crop = offered.iter().any(|one| one.known.form == Form::Crop);
        offered.retain(|one| has_crop || one.known.form != Form::Window);
        let mut controls = Self {
            offered,
            measured: Vec::new(),
            durations,
            waiting: BTreeMap::new(),
            later: BTreeMap::new(),
            window: None,
            set: ControlValues::new(),
            asked_for: durations.usual,
            queued: 0,
            done: 0,
            told: None,
        };
        controls.judge();
        controls
    }

    /// Each control with its value.
    pub(super) fn list(&self) -> Vec<Control> {
        let offered = self.offered.iter().map(|offered| &offered.control);
        offered.chain(&self.measured).cloned().collect()
    }

    /// What was set since the camera is open, but for what is done once; and what something automatic chose before it was turned
    /// off, which the camera forgets when it is opened anew.
    pub(super) fn were_set(&self) -> ControlValues {
        let mut set = self.set.clone();
        for Offered { known, control, .. } in &self.offered {
            let is_chosen = known
                .owner
                .is_some_and(|(owner, _)| self.set.contains_key(owner));
            if is_chosen && !control.inactive && control.is_kept() {
                let name = known.name.to_owned();
                set.entry(name).or_insert_with(|| control.present());
            }
        }
        set
    }

    /// How long a frame takes at least, in µs: longer than it is asked for while the exposure does.
    pub(super) fn frame_duration(&self) -> f64 {
        let exposure = self.free(ExposureTime::ID).map(|time| time.control.value);
        let slow = exposure.filter(|exposure| *exposure > self.durations.usual);
        slow.map_or(self.durations.usual, |exposure| exposure + OVERHEAD)
    }

    /// Takes values. Those that the camera has no more in this mode become the nearest that it has.
    pub(super) fn set(&mut self, values: &ControlValues) {
        for at in 0..self.offered.len() {
            let offered = &self.offered[at];
            if let Some(value) = values.get(offered.known.name)
                && !offered.control.inactive
            {
                if offered.control.is_kept() {
                    self.set.insert(offered.known.name.into(), value.clone());
                }
                self.set_one(at, value);
                // What it decides comes behind it.
                self.judge();
            }
        }
        self.limit();
    }

    /// Has the camera take its time for a long exposure, and no longer than that.
    fn limit(&mut self) {
        /// What a camera makes of an exposure time differs by less.
        const CLOSE: f64 = 0.02;
        let duration = self.frame_duration();
        let is_close = (duration - self.asked_for).abs() <= CLOSE * self.asked_for;
        if self.durations.longest.is_some() && !is_close {
            self.asked_for = duration;
            let limits = [self.durations.usual, duration].map(|limit| limit.round() as i64);
            self.waiting.insert(FrameDurationLimits::ID, limits.into());
        }
    }

    fn set_one(&mut self, at: usize, value: &message::ControlValue) {
        let offered = &mut self.offered[at];
        let known = offered.known;
        let Some(value) = offered.nearest(value) else {
            return;
        };
        offered.tells = self.queued + 1;
        offered.settles = self.queued + 1 + SENSOR_DELAY;
        offered.heard = None;
        offered.control.pending = offered.control.is_kept();
        match known.form {
            Form::Crop => {
                if let Some(part) = value.rect().and_then(|rect| offered.zoom(rect)) {
                    let part = Rectangle::from(part);
                    self.waiting.insert(ScalerCrop::ID, part.into());
                    // It lies elsewhere on the sensor now.
                    if let Some(window) = self.window {
                        self.focus_on(window);
                    }
                }
            }
            Form::Window => {
                if let Some(rect) = value.rect() {
                    self.focus_once();
                    self.window = Some(rect);
                    self.focus_on(rect);
                }
            }
            Form::Trigger => self.focus_once(),
            Form::Switch | Form::Whole | Form::Real | Form::Choice(_) | Form::OfTwo(_) => {
                offered.control.adopt(&value);
                let number = offered.control.value;
                if let Some(value) = offered.to_camera(number) {
                    self.waiting.insert(known.id, value);
                }
                self.follow(known);
            }
        }
    }

    /// Has the camera told what belongs to a control that was set.
    fn follow(&mut self, known: &Known) {
        match known.id {
            // A part is focused on once; after that it is all of the picture again.
            id if id == AfMode::ID && self.window.take().is_some() => {
                self.waiting.insert(AfMetering::ID, METER_ALL.into());
            }
            id if id == AeFlickerMode::ID => {
                if let Some(period) = self.find(AeFlickerPeriod::ID) {
                    let period = period.control.value as i32;
                    self.waiting.insert(AeFlickerPeriod::ID, period.into());
                }
            }
            id if id == ColourGains::ID => {
                let gain = |of_two| {
                    let mut offered = self.offered.iter();
                    let gain = offered.find(|one| one.known.form == Form::OfTwo(of_two));
                    gain.map_or(1.0, |gain| gain.control.value as f32)
                };
                let gains = [gain(0), gain(1)];
                self.waiting.insert(ColourGains::ID, gains.into());
            }
            _ => {}
        }
    }

    /// Focuses once: in the mode for that, and with the request behind the one that has it.
    fn focus_once(&mut self) {
        let mode = self
            .offered
            .iter_mut()
            .find(|one| one.known.id == AfMode::ID);
        if let Some(mode) = mode
            && let Some(at) = mode.numbers.iter().position(|number| *number == AUTO)
        {
            mode.control.value = at as f64;
            self.waiting.insert(AfMode::ID, AUTO.into());
        }
        self.later.insert(AfTrigger::ID, START.into());
    }

    /// Has the camera focus on a part of the picture that it shows.
    fn focus_on(&mut self, rect: [f64; 4]) {
        let crop = self.find(ScalerCrop::ID);
        let Some(window) = crop.and_then(|crop| crop.part_of_shown(rect)) else {
            return;
        };
        let window = Rectangle::from(window);
        self.waiting.insert(AfMetering::ID, METER_WINDOWS.into());
        // Of one window alone the crate makes a value that is no list, at which the camera's own code ends the process.
        self.waiting.insert(AfWindows::ID, [window, window].into());
    }

    fn find(&self, id: u32) -> Option<&Offered> {
        self.offered.iter().find(|offered| offered.known.id == id)
    }

    fn free(&self, id: u32) -> Option<&Offered> {
        self.find(id).filter(|offered| !offered.control.inactive)
    }

    /// Notes which controls can be set, by the values of those that decide them.
    fn judge(&mut self) {
        for at in 0..self.offered.len() {
            let Some((name, _)) = self.offered[at].known.owner else {
                continue;
            };
            let mut owners = self.offered.iter();
            let owner = owners.find(|owner| owner.known.name == name);
            let (has_owner, is_free) = owner.map_or((false, true), |owner| {
                (true, self.offered[at].is_free(owner))
            });
            let control = &mut self.offered[at].control;
            control.inactive = !is_free;
            control.owner = if has_owner {
                name.into()
            } else {
                String::new()
            };
        }
    }

    /// What the camera is told with its next request.
    pub(super) fn tell(&mut self, controls: &mut ControlList) {
        self.queued += 1;
        let now = std::mem::replace(&mut self.waiting, std::mem::take(&mut self.later));
        for (id, value) in now {
            if let Err(error) = controls.set_raw(id, value) {
                tracing::warn!(%error, "the camera rejected a control");
            }
        }
    }

    /// Whether it is not known yet what the camera has made of a value.
    pub(super) fn are_any_pending(&self) -> bool {
        self.offered.iter().any(|offered| offered.control.pending)
    }

    /// Notes a request that came back without a picture.
    pub(super) fn cancelled(&mut self) {
        self.done += 1;
    }

    /// Learns from a frame what it was captured with.
    pub(super) fn learn(&mut self, metadata: &ControlList, now: Instant) -> Learned {
        self.done += 1;
        let mut learned = Learned::default();
        for offered in self.offered.iter_mut().filter(|one| one.control.pending) {
            let told = || offered.known.told.and_then(|told| told(metadata));
            if let Some(told) = (self.done >= offered.tells).then(told).flatten() {
                offered.heard = Some(told);
            }
            if self.done < offered.settles {
                continue;
            }
            // Where no frame tells it, the camera has had it for long enough.
            if let Some(told) = offered.heard.take() {
                offered.learn(&told);
            }
            offered.control.pending = false;
            learned.is_settled = true;
        }
        if learned.is_settled {
            // It may have made something else of them.
            self.judge();
            self.limit();
        }
        let since = self.told.map(|told| now.saturating_duration_since(told));
        if since.is_some_and(|since| since < TELL) {
            return learned;
        }
        self.told = Some(now);
        for offered in &mut self.offered {
            // What was set last is not to be seen yet.
            if self.done < offered.settles {
                continue;
            }
            let Some(told) = offered.known.told.and_then(|told| told(metadata)) else {
                continue;
            };
            let before = offered.control.present();
            offered.learn(&told);
            let value = offered.control.present();
            if value != before {
                learned.values.insert(offered.known.name.into(), value);
            }
        }
        for one in &MEASURED {
            let told = one.told.and_then(|told| told(metadata));
            let Some(value) = told.and_then(|told| one.value(&told)) else {
                continue;
            };
            let mut known = self.measured.iter_mut();
            match known.find(|control| control.name == one.name) {
                Some(control) if control.value.to_bits() == value.to_bits() => {}
                Some(control) => {
                    control.value = value;
                    learned.values.insert(one.name.into(), value.into());
                }
                None => {
                    self.measured.push(one.control(value));
                    learned.is_more = true;
                }
            }
        }
        learned
    }
}

/// What a frame tells.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Learned {
    /// Controls that have other values than before.
    pub(super) values: ControlValues,
    /// Whether there are controls that were not listed before.
    pub(super) is_more: bool,
    /// Whether it is known now what the camera made of something that was set.
    pub(super) is_settled: bool,
}
