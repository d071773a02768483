//! What the test pattern promises as a source.

use super::*;
use crate::demand::Demand;
use crate::source::{Layout, RawFrame, Report, Sink, Transform};
use pistreamer_pattern::{Look, Painted, Picture, Renderer, read_back};
use std::sync::{Arc, Mutex};

#[test]
fn sizes_and_rates_out_of_range_are_refused_with_a_reason() {
    let new = |width, height, fps| {
        let config = Config {
            width,
            height,
            fps,
            transform: Transform::default(),
        };
        PatternSource::new(config, 1).map(|source| source.mode)
    };
    for (width, height, fps, reason) in [
        (158, 120, 30.0, "its smallest size is 160x120"),
        (160, 118, 30.0, "its smallest size is 160x120"),
        (65000, 120, 30.0, "its largest size is"),
        (640, 480, 0.0, "give more than 0"),
        (640, 480, f64::NAN, "give more than 0"),
    ] {
        let error = new(width, height, fps).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let mode = new(161, 121, 0.1).unwrap();
    assert_eq!((mode.width, mode.height), (160, 120));
}

/// Notes what the frames say, and stops the source after the third, or if no frames are wanted once it is open.
struct Watch {
    demand: Demand,
    seen: Mutex<Vec<(u64, u64, Painted)>>,
}

impl Sink for Watch {
    fn frame(&self, frame: RawFrame) {
        let Image::Yuv(pixels) = &frame.image else {
            panic!("the pattern is samples");
        };
        let yuv = pixels.yuv();
        let Layout::I420([luma, cb, cr]) = yuv.layout else {
            panic!("the pattern is I420");
        };
        let (width, height) = (yuv.width as usize, yuv.height as usize);
        assert_eq!(cb.data.len(), width / 2 * height / 2);
        assert_eq!(cr.data.len(), width / 2 * height / 2);
        let painted = read_back(luma.data, luma.stride, width, height).unwrap();
        let mut seen = self.seen.lock().unwrap();
        seen.push((frame.seq, frame.captured_us, painted));
        if seen.len() == 3 {
            self.demand.stop();
        }
    }

    fn again(&self, _: RawFrame) {}

    fn report(&self, report: Report<'_>) {
        match report {
            Report::Open(mode) => assert_eq!((mode.width, mode.height), (160, 120)),
            Report::Controls(_) => return,
            other => panic!("{other:?}"),
        }
        if !self.demand.wanted() {
            self.demand.stop();
        }
    }
}

fn watch(demand: &Demand) -> Vec<(u64, u64, Painted)> {
    let config = Config {
        width: 160,
        height: 120,
        fps: 500.0,
        transform: Transform::default(),
    };
    let watch = Arc::new(Watch {
        demand: demand.clone(),
        seen: Mutex::default(),
    });
    let port = Port::new(Arc::clone(&watch) as Arc<dyn Sink>, demand.clone());
    PatternSource::new(config, 1).unwrap().run(&port).unwrap();
    std::mem::take(&mut *watch.seen.lock().unwrap())
}

#[test]
fn frames_tell_the_number_and_time_that_the_source_gives_them() {
    let demand = Demand::default();
    let _viewer = demand.hold();
    let seen = watch(&demand);
    assert_eq!(seen.len(), 3);
    for ((seq, captured_us, painted), number) in seen.into_iter().zip(1..) {
        assert_eq!(seq, number);
        assert_eq!(painted, Painted { seq, captured_us });
    }
}

#[test]
fn nothing_is_painted_without_viewers() {
    assert_eq!(watch(&Demand::default()), []);
}

/// Notes whether a frame is painted as that renderer paints it, and stops the source once one is painted as the last is.
struct Compare {
    demand: Demand,
    renderers: [Renderer; 2],
    seen: Mutex<Vec<usize>>,
}

impl Sink for Compare {
    fn frame(&self, frame: RawFrame) {
        let Image::Yuv(pixels) = &frame.image else {
            panic!("the pattern is samples");
        };
        let Layout::I420([luma, ..]) = pixels.yuv().layout else {
            panic!("the pattern is I420");
        };
        let time = frame.seq as f64 / FPS;
        let is_of = |renderer: &Renderer| {
            let mut picture = Picture::new(640, 480);
            renderer.render_at(
                time,
                Look::default(),
                frame.seq,
                frame.captured_us,
                &mut picture,
            );
            picture.planes()[0] == luma.data
        };
        let which = self.renderers.iter().position(is_of);
        let which = which.expect("it is painted otherwise");
        self.seen.lock().unwrap().push(which);
        if which == 1 {
            self.demand.stop();
        }
    }

    fn again(&self, _: RawFrame) {}

    fn report(&self, _: Report<'_>) {}
}

const FPS: f64 = 100.0;

#[test]
fn the_first_picture_waits_for_a_coarse_scene_alone_and_the_whole_one_follows() {
    let demand = Demand::default();
    let _viewer = demand.hold();
    let compare = Arc::new(Compare {
        demand: demand.clone(),
        renderers: [
            Renderer::coarse(640, 480, FPS, 1),
            Renderer::new(640, 480, FPS, 1),
        ],
        seen: Mutex::default(),
    });
    let port = Port::new(Arc::clone(&compare) as Arc<dyn Sink>, demand.clone());
    let config = Config {
        width: 640,
        height: 480,
        fps: FPS,
        transform: Transform::default(),
    };
    PatternSource::new(config, 1).unwrap().run(&port).unwrap();
    let seen = compare.seen.lock().unwrap();
    assert_eq!(seen.first(), Some(&0));
    assert_eq!(seen.last(), Some(&1));
    assert!(seen.is_sorted(), "{seen:?}");
}
