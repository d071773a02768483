//! Puts a frame together: scene, sensor noise, writing, strip. Cheap enough to leave the processor to the rest.
//!
//! When a frame is due, and what happens to it, belongs to the server's `source/pattern`.

use super::canvas::byte;
use super::enlarge::enlarge;
use super::motif::{self, Motif};
use super::noise::{Rng, mix};
use super::overlay::Overlay;
use super::picture::Picture;
use super::scene::Scene;
use super::strip::{self, Painted};

/// Paints frames of one size. The same seed, number and time give the same picture.
pub struct Renderer {
    width: usize,
    height: usize,
    fps: f64,
    seed: u64,
    scene: Scene,
    overlay: Overlay,
    /// Sensor noise around [`NOISE_MEAN`]. Each line of a frame takes a piece from somewhere.
    noise: Vec<u8>,
    first_row: usize,
}

/// What is painted under the writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// What is shown.
    pub motif: Motif,
    /// Whether a sensor's noise lies over it.
    pub noise: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            motif: Motif::default(),
            noise: true,
        }
    }
}

/// Standard deviation of the sensor noise, in steps of 256.
const NOISE: f32 = 1.6;
const NOISE_MEAN: u8 = 12;
/// Places where a line's piece of noise may begin.
const NOISE_STARTS: usize = 1 << 15;

/// Most pixels of a coarse scene.
const COARSE: usize = 256 * 144;

/// The size of a coarse scene for pictures of that size: both even.
fn coarse_size(width: usize, height: usize) -> (usize, usize) {
    let by = (1..)
        .find(|by| width * height <= COARSE * by * by)
        .expect("some square is larger");
    (
        (width / by).next_multiple_of(2),
        (height / by).next_multiple_of(2),
    )
}

impl Renderer {
    /// Prepares the scene: a few frames' worth of memory, and about 0.15 s of time for 1280x720. Both sizes are even.
    pub fn new(width: usize, height: usize, fps: f64, seed: u64) -> Self {
        Self::with(Scene::new(width, height, seed), (width, height), fps, seed)
    }

    /// Prepares a coarse scene in a tenth of the time, to begin with. [`Self::refine`] takes the whole one. That of a small
    /// picture is not coarse.
    pub fn coarse(width: usize, height: usize, fps: f64, seed: u64) -> Self {
        let (small_width, small_height) = coarse_size(width, height);
        let scene = Scene::new(small_width, small_height, seed);
        Self::with(scene, (width, height), fps, seed)
    }

    /// Whether the scene is not yet the whole one.
    pub fn is_coarse(&self) -> bool {
        self.scene.size != (self.width, self.height)
    }

    /// Goes on with the whole scene, which was made for the renderer's size and seed.
    pub fn refine(&mut self, scene: Scene) {
        debug_assert_eq!(scene.size, (self.width, self.height));
        self.scene = scene;
    }

    fn with(scene: Scene, (width, height): (usize, usize), fps: f64, seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x006e_6f69_7365);
        let sample = |_| byte(f32::from(NOISE_MEAN) + NOISE * rng.normal());
        Self {
            width,
            height,
            fps,
            seed,
            scene,
            overlay: Overlay::new(width, height),
            noise: (0..NOISE_STARTS + width).map(sample).collect(),
            first_row: strip::top(height),
        }
    }

    /// Paints frame number `seq` over the whole picture, which must have the renderer's size.
    pub fn render(&self, seq: u64, captured_us: u64, picture: &mut Picture) {
        let (time, look) = (seq as f64 / self.fps, Look::default());
        self.render_at(time, look, seq, captured_us, picture);
    }

    /// As [`Self::render`], with the given look, and with the scene at `time`, in seconds since its beginning.
    pub fn render_at(
        &self,
        time: f64,
        look: Look,
        seq: u64,
        captured_us: u64,
        picture: &mut Picture,
    ) {
        debug_assert_eq!(
            (self.width, self.height),
            (picture.width(), picture.height())
        );
        match look.motif {
            Motif::Lake => self.lake(time, picture),
            Motif::ColourBars => motif::colour_bars(picture),
            Motif::Grey => motif::grey(picture),
        }
        if look.noise {
            self.expose(seq, picture);
        }
        self.overlay.paint(picture, seq, captured_us);
        strip::paint(
            picture.planes_mut(),
            self.width,
            self.height,
            Painted { seq, captured_us },
        );
    }

    fn lake(&self, time: f64, picture: &mut Picture) {
        if !self.is_coarse() {
            return self.scene.paint(time, picture);
        }
        let (width, height) = self.scene.size;
        let mut small = Picture::new(width, height);
        self.scene.paint(time, &mut small);
        enlarge(&small, picture);
    }

    /// The sensor's noise, down to where the strip begins.
    fn expose(&self, seq: u64, picture: &mut Picture) {
        let [luma, ..] = picture.planes_mut();
        let rows = luma.chunks_exact_mut(self.width).take(self.first_row);
        for (y, row) in rows.enumerate() {
            let start = mix(self.seed ^ mix(seq << 16 | y as u64)) as usize % NOISE_STARTS;
            for (sample, &noise) in row.iter_mut().zip(&self.noise[start..]) {
                *sample = sample.saturating_add(noise).saturating_sub(NOISE_MEAN);
            }
        }
    }
}
