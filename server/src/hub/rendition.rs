//! A rendition of a camera's picture, and what a consumer's limits ask for. Pure.
//!
//! Which ones are made for all consumers together belongs to [`super::plan`].

/// What renditions a camera may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most renditions of a camera at a time, the full one included; at least 1.
    pub most: usize,
    /// JPEG quality without a wish for less, 1 to 100.
    pub quality: u8,
    /// How changes are looked for, for consumers that keep strips; `None` where each frame is whole to everybody.
    pub tiles: Option<pistreamer_tiles::Config>,
}

/// A consumer's limits; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Pixels in a line: the consumer gets the smallest rendition that has as many.
    pub max_width: Option<u32>,
    /// JPEG quality.
    pub quality: Option<u8>,
    /// It keeps strips, and has use for what changed alone.
    pub tiles: bool,
}

/// One way to make a camera's picture: a size and a quality. All consumers that want it share its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rendition {
    /// How often width and height are halved, 0 to [`MOST_HALVINGS`].
    pub halvings: u8,
    /// JPEG quality; `None` is the server's own, or what the source delivers.
    pub quality: Option<u8>,
}

/// The smallest rendition has an eighth of the width: as far as libjpeg-turbo scales.
pub(crate) const MOST_HALVINGS: u8 = 3;

/// No rendition has fewer pixels in a line than this.
const NARROWEST: u32 = 64;

/// Qualities are rounded up to multiples of this, so that viewers with similar wishes share.
const QUALITY_STEP: u8 = 10;

impl Rendition {
    /// The source's own size and the server's quality.
    pub const FULL: Self = Self {
        halvings: 0,
        quality: None,
    };

    /// The best fit for pictures of that width: the smallest size that reaches the wanted width, at most full, and the
    /// wanted quality, at most the server's.
    pub fn fitting(limits: Limits, width: u32, config: Config) -> Self {
        let halvings = limits.max_width.map_or(0, |max_width| {
            let reaches = |halvings: &u8| width >> halvings >= max_width.max(NARROWEST);
            (1..=MOST_HALVINGS).rev().find(reaches).unwrap_or(0)
        });
        let quality = limits
            .quality
            // A viewer may say anything: more than 100 is no limit.
            .map(|quality| quality.min(100).div_ceil(QUALITY_STEP) * QUALITY_STEP)
            .filter(|quality| (1..config.quality).contains(quality));
        Self { halvings, quality }
    }

    /// The cheapest rendition, of those made and the full one, that is no smaller and no worse than this one.
    pub(super) fn served_by(self, made: &[Self]) -> Self {
        let best = u8::MAX;
        let will_do = |other: &&Self| {
            other.halvings <= self.halvings
                && other.quality.unwrap_or(best) >= self.quality.unwrap_or(best)
        };
        let full = Self::FULL;
        let made = made.iter().filter(will_do).min_by_key(|made| made.cost());
        made.filter(|made| made.cost() < full.cost())
            .copied()
            .unwrap_or(full)
    }

    /// Orders renditions by their cost to send: pixels first, then quality.
    pub(super) fn cost(self) -> (u64, u64) {
        let pixels = 1 << (2 * (MOST_HALVINGS - self.halvings));
        (pixels, u64::from(self.quality.unwrap_or(u8::MAX)))
    }

    /// How much another rendition exceeds this one: by surplus pixels, which fill the link, then by quality.
    pub(super) fn excess(self, other: Self) -> u64 {
        let ((pixels, quality), (more_pixels, more_quality)) = (self.cost(), other.cost());
        (more_pixels - pixels) * 1000 + more_quality.saturating_sub(quality)
    }
}
