//! One picture of the test pattern, held in memory.

use anyhow::Context as _;
use pistreamer::demand::Demand;
use pistreamer::source::pattern::PatternSource;
use pistreamer::source::{
    Config, Image, Layout, Mode, Outlet, Pixels, Plane, RawFrame, Sink, Source, Transform, Yuv,
};
use std::sync::{Arc, Mutex};

/// Planes of a picture in 4:2:0.
pub struct Held {
    width: u32,
    height: u32,
    planes: [(Vec<u8>, usize); 3],
}

impl Held {
    /// Its samples.
    pub fn yuv(&self) -> Yuv<'_> {
        let [y, u, v] = &self.planes;
        Yuv {
            width: self.width,
            height: self.height,
            layout: Layout::I420([y, u, v].map(|(data, stride)| Plane {
                data,
                stride: *stride,
            })),
        }
    }
}

/// A picture as a source lends it.
pub struct Lent(pub Arc<Held>);

impl Pixels for Lent {
    fn yuv(&self) -> Yuv<'_> {
        self.0.yuv()
    }
}

/// Keeps the first frame, and then wants no more.
struct First {
    demand: Demand,
    held: Mutex<Option<Held>>,
}

impl Sink for First {
    fn frame(&self, frame: RawFrame) {
        if let Image::Yuv(pixels) = frame.image {
            let yuv = pixels.yuv();
            if let Layout::I420(planes) = yuv.layout {
                let held = Held {
                    width: yuv.width,
                    height: yuv.height,
                    planes: planes.map(|plane| (plane.data.to_vec(), plane.stride)),
                };
                *self.held.lock().expect("nobody panics with it") = Some(held);
            }
        }
        self.demand.stop();
    }

    fn again(&self, _: RawFrame) {}
    fn open(&self, _: Mode) {}
    fn lost(&self, _: &str) {}
    fn broken(&self, _: &str) {}
    fn test_pattern(&self, _: bool) {}
}

/// The test pattern's first picture.
pub fn pattern((width, height): (u32, u32)) -> anyhow::Result<Held> {
    let config = Config {
        width,
        height,
        fps: 30.0,
        transform: Transform::default(),
    };
    let demand = Demand::default();
    let _wanted = demand.hold();
    let first = Arc::new(First {
        demand: demand.clone(),
        held: Mutex::default(),
    });
    let outlet = Outlet::new(Arc::clone(&first) as Arc<dyn Sink>, demand);
    PatternSource::new(config, 1)?.run(&outlet)?;
    let held = first.held.lock().expect("nobody panics with it").take();
    held.context("the test pattern gave no samples in 4:2:0")
}
