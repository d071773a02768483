//! A scripted camera in place of a Raspberry Pi's, which the virtual one of libcamera cannot stand in for: it has their controls
//! with the garbage that they list, takes the lists that a real one would get, and ends the test where a real one would end the
//! process: at values of another type or count.

use super::known::KNOWN;
use super::listed::Listed;
use super::*;
use libcamera::controls::{
    AeEnable, AfState, AnalogueGain, AwbEnable, AwbMode, Brightness, ColourTemperature, Contrast,
    ExposureValue, FocusFoM, LensPosition, Lux, SensorTemperature,
};
use libcamera::utils::UniquePtr;

/// Frames per second that it is asked for.
const FPS: f64 = 30.0;

struct Scripted {
    controls: Controls,
    /// What it was told, each time.
    told: Vec<BTreeMap<u32, ControlValue>>,
    exposure: i32,
    gains: [f32; 2],
    automatic: bool,
    crop: Rectangle,
    limits: [i64; 2],
    now: Instant,
    /// The longest exposure that it takes, whatever it lists.
    longest: i32,
    tells_contrast: Option<f32>,
}

const WHOLE: Rectangle = Rectangle {
    x: 0,
    y: 2,
    width: 4608,
    height: 2592,
};

fn listed(name: &str) -> Option<[ControlValue; 3]> {
    let floats = |limits: [f32; 3]| Some(limits.map(ControlValue::from));
    let whole = |limits: [i32; 3]| Some(limits.map(ControlValue::from));
    let nothing = Rectangle {
        x: 0,
        y: 0,
        width: 0,
        height: 0,
    };
    match name {
        "AeEnable" => Some([false.into(), true.into(), true.into()]),
        "AwbEnable" => Some([false.into(), true.into(), ControlValue::None]),
        // As before it is configured.
        "ExposureTime" => whole([13, 0, 0]),
        "AnalogueGain" => floats([1.0, 16.0, 99.0]),
        "ExposureValue" => floats([-8.0, 8.0, 0.0]),
        "Brightness" => floats([-1.0, 1.0, 0.0]),
        "Contrast" => floats([0.0, 32.0, 1.0]),
        "Saturation" => floats([f32::NAN, 32.0, 1.0]),
        "Sharpness" => floats([16.0, 0.0, 1.0]),
        "AfMode" => whole([0, 2, 0]),
        "AwbMode" => whole([0, 7, 0]),
        "AfTrigger" => whole([0, 1, 0]),
        "AeFlickerMode" => whole([0, 1, 0]),
        "AeFlickerPeriod" => whole([100, 1_000_000, 0]),
        "LensPosition" => Some([0.0_f32.into(), 32.0_f32.into(), 1.0_f32.into()]),
        "ColourGainRed" | "ColourGainBlue" => {
            Some([0.0_f32.into(), 32.0_f32.into(), ControlValue::None])
        }
        "AfWindow" => Some([nothing, WHOLE, nothing].map(ControlValue::from)),
        "ScalerCrop" => Some(
            [
                Rectangle {
                    width: 64,
                    height: 64,
                    ..nothing
                },
                WHOLE,
                WHOLE,
            ]
            .map(ControlValue::from),
        ),
        _ => None,
    }
}

impl Scripted {
    fn new() -> Self {
        let listed = KNOWN.iter().filter_map(|known| {
            let [min, max, default] = listed(known.name)?;
            let values = Vec::new();
            Some((
                known,
                Listed {
                    min,
                    max,
                    default,
                    values,
                },
            ))
        });
        Self {
            controls: Controls::of(listed, 1e6 / FPS, Some(112e6)),
            told: Vec::new(),
            exposure: 20_000,
            gains: [1.5, 2.5],
            automatic: true,
            crop: WHOLE,
            limits: [33_333; 2],
            now: Instant::now(),
            longest: i32::MAX,
            tells_contrast: None,
        }
    }

    /// One request, and what is learned of its frame.
    fn frame(&mut self) -> Learned {
        let mut list = ControlList::new();
        self.controls.tell(&mut list);
        let told: BTreeMap<_, _> = (&*list).into_iter().collect();
        if let Some(limits) = told.get(&FrameDurationLimits::ID) {
            self.take(FrameDurationLimits::ID, limits);
        }
        for (id, value) in &told {
            self.take(*id, value);
        }
        self.told.push(told);
        if self.automatic {
            self.exposure += 111;
        }
        self.now += TELL;
        let metadata = self.metadata();
        self.controls.learn(&metadata, self.now)
    }

    /// What a real one does of what it is told, or ends the process.
    fn take(&mut self, id: u32, value: &ControlValue) {
        match (id, value) {
            (AeEnable::ID, ControlValue::Bool(on)) => self.automatic = on[..] == [true],
            (ExposureTime::ID, ControlValue::Int32(time)) if time.len() == 1 => {
                if !self.automatic {
                    self.exposure = time[0].min(self.limits[1] as i32).min(self.longest);
                }
            }
            (FrameDurationLimits::ID, ControlValue::Int64(limits)) if limits.len() == 2 => {
                self.limits = [limits[0], limits[1]];
            }
            (ColourGains::ID, ControlValue::Float(gains)) if gains.len() == 2 => {
                self.gains = [gains[0], gains[1]];
            }
            (ScalerCrop::ID, ControlValue::Rectangle(crop)) if crop.len() == 1 => {
                self.crop = crop[0];
            }
            (AfWindows::ID, ControlValue::Rectangle(windows)) if windows.len() > 1 => {}
            (
                AnalogueGain::ID
                | ExposureValue::ID
                | Brightness::ID
                | Contrast::ID
                | LensPosition::ID,
                ControlValue::Float(one),
            ) if one.len() == 1 => {}
            (
                AfMode::ID
                | AfTrigger::ID
                | AfMetering::ID
                | AwbMode::ID
                | AeFlickerMode::ID
                | AeFlickerPeriod::ID,
                ControlValue::Int32(one),
            ) if one.len() == 1 => {}
            (AwbEnable::ID, ControlValue::Bool(one)) if one.len() == 1 => {}
            _ => panic!("a real camera ends the process at {value:?} for {id}"),
        }
    }

    fn metadata(&self) -> UniquePtr<ControlList> {
        let mut list = ControlList::new();
        list.set(ExposureTime(self.exposure)).unwrap();
        list.set(ColourGains(self.gains)).unwrap();
        list.set(ScalerCrop(self.crop)).unwrap();
        list.set(Lux(312.44)).unwrap();
        list.set(ColourTemperature(4_321)).unwrap();
        list.set(FocusFoM(77)).unwrap();
        list.set(SensorTemperature(47.3)).unwrap();
        list.set(AfState::Idle).unwrap();
        if let Some(contrast) = self.tells_contrast {
            list.set(Contrast(contrast)).unwrap();
        }
        list
    }

    fn set(&mut self, values: &[(&str, message::ControlValue)]) {
        let values = values.iter();
        let values = values.map(|(name, value)| ((*name).to_owned(), value.clone()));
        self.controls.set(&values.collect());
    }

    fn number(&mut self, name: &str, value: f64) {
        self.set(&[(name, value.into())]);
    }

    fn rect(&mut self, name: &str, rect: [f64; 4]) {
        self.set(&[(name, message::ControlValue::Numbers(rect.into()))]);
    }

    fn control(&self, name: &str) -> Control {
        let list = self.controls.list();
        let found = list.into_iter().find(|control| control.name == name);
        found.unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// What the last request told of that control.
    fn last(&self, id: u32) -> Option<String> {
        let told = self.told.last()?.get(&id)?;
        Some(format!("{told:?}"))
    }
}

#[test]
fn what_makes_no_sense_is_not_offered_and_what_decides_another_is_named() {
    let camera = Scripted::new();
    let list = camera.controls.list();
    for name in ["Saturation", "Sharpness", "HdrMode", "Lux"] {
        assert!(list.iter().all(|control| control.name != name), "{name}");
    }
    for (name, owner, inactive) in [
        ("ExposureTime", "AeEnable", true),
        ("ExposureValue", "AeEnable", false),
        ("LensPosition", "AfMode", false),
        ("ColourGainRed", "AwbEnable", true),
        ("AwbMode", "AwbEnable", false),
        ("AeFlickerPeriod", "AeFlickerMode", true),
        ("Brightness", "", false),
    ] {
        let control = camera.control(name);
        assert_eq!(
            (&*control.owner, control.inactive),
            (owner, inactive),
            "{name}"
        );
        assert!(!control.label.is_empty());
        assert!(
            (control.min..=control.max).contains(&control.value),
            "{control:?}"
        );
    }
    assert_eq!(camera.control("ExposureTime").max, 112e6 - OVERHEAD);
}

#[test]
fn what_the_camera_chooses_is_told_as_it_changes_and_what_it_measures_is_listed() {
    let mut camera = Scripted::new();
    let learned = camera.frame();
    assert!(learned.is_more, "what it measures is new");
    let lux = camera.control("Lux");
    assert_eq!((lux.value, lux.readonly, &*lux.unit), (312.4, true, "lx"));
    assert_eq!(camera.control("SensorTemperature").value, 47.5);
    let learned = camera.frame();
    assert!(!learned.is_more);
    let exposure = f64::from(camera.exposure);
    let told = ControlValues::from([("ExposureTime".to_owned(), exposure.into())]);
    assert_eq!(learned.values, told);
    // Four times a second.
    camera.now -= TELL / 2;
    assert_eq!(camera.frame(), Learned::default());
}

#[test]
fn the_automatic_comes_first_and_a_value_holds_until_the_camera_has_it() {
    let mut camera = Scripted::new();
    for _ in 0..3 {
        camera.frame();
    }
    camera.number("ExposureTime", 500.0);
    camera.frame();
    assert_eq!(
        camera.last(ExposureTime::ID),
        None,
        "the automatic decides it"
    );
    camera.set(&[("ExposureTime", 500.0.into()), ("AeEnable", 0.0.into())]);
    assert_eq!(camera.control("ExposureTime").value, 500.0);
    assert!(!camera.control("ExposureTime").inactive);
    // Frames that are under way were captured otherwise.
    camera.automatic = false;
    camera.exposure = 20_000;
    let mut list = ControlList::new();
    camera.controls.tell(&mut list);
    assert!(list.contains(AeEnable::ID) && list.contains(ExposureTime::ID));
    for _ in 0..SENSOR_DELAY {
        let metadata = camera.metadata();
        camera.now += TELL;
        camera.controls.learn(&metadata, camera.now);
        assert_eq!(camera.control("ExposureTime").value, 500.0);
    }
    assert!(camera.control("ExposureTime").pending);
    // What the camera has is shown, which is not what it was asked for, as soon as a frame tells it.
    camera.exposure = 498;
    let metadata = camera.metadata();
    let learned = camera.controls.learn(&metadata, camera.now);
    assert!(learned.is_settled);
    let time = camera.control("ExposureTime");
    assert_eq!((time.value, time.pending), (498.0, false));
    camera.number("AeEnable", 1.0);
    assert!(camera.control("ExposureTime").inactive);
}

#[test]
fn what_the_automatic_chose_is_set_where_the_camera_is_opened_anew() {
    let mut camera = Scripted::new();
    for _ in 0..5 {
        camera.frame();
    }
    // Nothing that it chooses is anybody's wish while it is on.
    assert!(camera.controls.were_set().is_empty());
    camera.number("AeEnable", 0.0);
    for _ in 0..8 {
        camera.frame();
    }
    let chosen = f64::from(camera.exposure);
    let set = camera.controls.were_set();
    assert_eq!(set["ExposureTime"], chosen.into());
    let mut again = Scripted::new();
    again.controls.set(&set);
    for _ in 0..8 {
        again.frame();
    }
    assert_eq!(f64::from(again.exposure), chosen);
}

#[test]
fn a_long_exposure_makes_the_camera_slower_and_a_short_one_as_fast_again() {
    let mut camera = Scripted::new();
    assert_eq!(camera.control("ExposureTime").slows_above, Some(33_333.0));
    assert_eq!(camera.controls.frame_duration(), 33_333.0);
    camera.set(&[("AeEnable", 0.0.into()), ("ExposureTime", 1e6.into())]);
    camera.frame();
    assert_eq!(camera.limits, [33_333, 1_002_000]);
    assert_eq!(camera.exposure, 1_000_000);
    assert_eq!(camera.controls.frame_duration(), 1_002_000.0);
    camera.number("ExposureTime", 10_000.0);
    camera.frame();
    assert_eq!(camera.limits, [33_333; 2]);
    camera.number("ExposureTime", 2e6);
    camera.number("AeEnable", 1.0);
    camera.frame();
    assert_eq!(
        camera.limits, [33_333; 2],
        "the automatic is never that slow"
    );
}

#[test]
fn what_the_camera_makes_of_a_long_exposure_decides_its_rate() {
    let mut camera = Scripted::new();
    camera.longest = 33_333;
    camera.set(&[("AeEnable", 0.0.into()), ("ExposureTime", 1e6.into())]);
    camera.frame();
    assert_eq!(camera.controls.frame_duration(), 1_002_000.0);
    for _ in 0..=SENSOR_DELAY {
        camera.frame();
    }
    // It has not taken it.
    assert_eq!(camera.control("ExposureTime").value, 33_333.0);
    assert_eq!(camera.controls.frame_duration(), 33_333.0);
    camera.frame();
    assert_eq!(camera.limits, [33_333; 2]);
}

#[test]
fn what_is_told_once_is_heard_and_what_is_never_told_is_pending_no_longer_than_it_takes() {
    let mut camera = Scripted::new();
    camera.number("Contrast", 1.3);
    camera.number("Brightness", 0.5);
    assert!(camera.control("Contrast").pending && camera.control("Brightness").pending);
    // With the frame of the request that has it, and with no other.
    camera.tells_contrast = Some(1.25);
    camera.frame();
    camera.tells_contrast = None;
    for _ in 0..SENSOR_DELAY {
        assert!(camera.control("Contrast").pending);
        camera.frame();
    }
    let contrast = camera.control("Contrast");
    assert_eq!((contrast.value, contrast.pending), (1.25, false));
    let brightness = camera.control("Brightness");
    assert_eq!((brightness.value, brightness.pending), (0.5, false));
}

#[test]
fn an_exposure_of_minutes_has_to_be_confirmed_and_a_slider_ends_before_it() {
    let time = Scripted::new().control("ExposureTime");
    assert_eq!((time.usual_max, time.confirm_above), (Some(1e6), Some(1e6)));
    assert!(time.asks_to_confirm(&2e6.into()) && !time.asks_to_confirm(&1e6.into()));
}

#[test]
fn no_gain_is_nothing_that_nobody_has_set() {
    let mut camera = Scripted::new();
    // As kept values are, before any frame.
    camera.set(&[("AwbEnable", 0.0.into()), ("ColourGainRed", 3.0.into())]);
    camera.frame();
    assert_eq!(camera.gains, [3.0, 1.0]);
    assert_eq!(camera.control("ColourGainBlue").default, 1.0);
}

#[test]
fn a_part_is_focused_on_by_two_equal_windows_and_with_the_request_after_that() {
    let mut camera = Scripted::new();
    camera.rect("ScalerCrop", [0.25, 0.25, 0.5, 0.5]);
    camera.rect("AfWindow", [0.5, 0.5, 0.25, 0.25]);
    camera.frame();
    let windows = camera.last(AfWindows::ID).unwrap();
    // From a quarter of the sensor, half of a half on.
    let window = "Rectangle { x: 2304, y: 1298, width: 576, height: 324 }";
    assert_eq!(windows.matches(window).count(), 2, "{windows}");
    assert!(camera.last(AfMode::ID).unwrap().contains("[1]"));
    assert!(camera.last(AfMetering::ID).unwrap().contains("[1]"));
    assert_eq!(camera.last(AfTrigger::ID), None);
    camera.frame();
    assert!(camera.last(AfTrigger::ID).unwrap().contains("[0]"));
    assert_eq!(camera.control("AfMode").value, 1.0);
    assert!(camera.control("LensPosition").inactive);
    // It lies elsewhere once the picture is another part.
    camera.rect("ScalerCrop", [0.0, 0.0, 1.0, 1.0]);
    camera.frame();
    assert!(
        camera
            .last(AfWindows::ID)
            .unwrap()
            .contains("x: 2304, y: 1298")
    );
    camera.number("AfMode", 2.0);
    camera.frame();
    assert!(camera.last(AfMetering::ID).unwrap().contains("[0]"));
    camera.number("AfTrigger", 1.0);
    camera.frame();
    camera.frame();
    assert!(camera.last(AfTrigger::ID).is_some());
}

#[test]
fn places_are_those_of_the_picture_as_it_is_turned_behind_the_camera() {
    let mut camera = Scripted::new();
    for offered in &mut camera.controls.offered {
        offered.turn = Orientation::of(false, 1);
    }
    // The right upper quarter of what is shown is the left upper one of what the camera has.
    camera.rect("ScalerCrop", [0.5, 0.0, 0.5, 0.5]);
    camera.frame();
    assert_eq!((camera.crop.x, camera.crop.y), (0, 2));
    let rect = camera.control("ScalerCrop").rect;
    assert_eq!(rect, Some([0.5, 0.0, 0.5, 0.5]));
    camera.rect("AfWindow", [0.75, 0.0, 0.25, 0.25]);
    camera.frame();
    let windows = camera.last(AfWindows::ID).unwrap();
    assert!(windows.contains("x: 0, y: 2, width: 576"), "{windows}");
}

#[test]
fn the_crop_keeps_its_shape_and_what_the_camera_shows_is_told() {
    let mut camera = Scripted::new();
    camera.rect("ScalerCrop", [0.0, 0.0, 0.5, 0.25]);
    assert_eq!(
        camera.control("ScalerCrop").rect,
        Some([0.0, 0.0, 0.5, 0.5])
    );
    camera.frame();
    assert_eq!((camera.crop.width, camera.crop.height), (2304, 1296));
    // It has its own idea.
    camera.crop.width = 2400;
    camera.crop.height = 1350;
    assert!(camera.control("ScalerCrop").pending);
    let settled = (0..2 * SENSOR_DELAY).filter(|_| camera.frame().is_settled);
    assert_eq!(settled.count(), 1);
    let crop = camera.control("ScalerCrop");
    assert_eq!(
        (crop.rect, crop.pending),
        (Some([0.0, 0.0, 0.5208, 0.5208]), false)
    );
}

#[test]
fn gains_go_together_and_flicker_has_its_period() {
    let mut camera = Scripted::new();
    for _ in 0..2 {
        camera.frame();
    }
    assert_eq!(camera.control("ColourGainBlue").value, 2.5);
    camera.set(&[("AwbEnable", 0.0.into()), ("ColourGainRed", 3.0.into())]);
    camera.frame();
    assert_eq!(camera.gains, [3.0, 2.5]);
    camera.number("AeFlickerMode", 1.0);
    camera.frame();
    assert!(camera.last(AeFlickerPeriod::ID).is_some());
    assert!(!camera.control("AeFlickerPeriod").inactive);
}

#[test]
fn no_value_ends_the_process() {
    let mut camera = Scripted::new();
    let mut chance = 7_u64;
    let names: Vec<_> = camera
        .controls
        .list()
        .into_iter()
        .map(|control| control.name)
        .collect();
    for _ in 0..3_000 {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let [a, b, c, d] =
            [16, 24, 32, 40].map(|shift| ((chance >> shift & 0xff) as f64) / 100.0 - 0.5);
        let name = &names[(chance >> 56) as usize % names.len()];
        let value = match chance >> 50 & 0x7 {
            0 => f64::NAN.into(),
            1 => f64::INFINITY.into(),
            2 => message::ControlValue::Numbers(vec![a, b, c, d]),
            3 => message::ControlValue::Numbers(vec![a]),
            4 => message::ControlValue::Text("anything".into()),
            5 => (a * 1e9).into(),
            _ => (a * 3.0).into(),
        };
        camera.set(&[(name, value)]);
        camera.frame();
        for control in camera.controls.list() {
            assert!(
                (control.min..=control.max).contains(&control.value),
                "{control:?}"
            );
        }
    }
}
