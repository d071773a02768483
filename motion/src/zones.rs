//! Where motion counts, and where nothing is looked at.

use crate::blobs::Blob;
use crate::model::threshold;
use crate::settings::{Polygon, Settings};
use std::time::Duration;

/// One rule by which something counts: a zone's, or the whole picture's.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    polygon: Option<Polygon>,
    contrast: f32,
    /// Samples.
    pub(crate) min_area: f32,
    pub(crate) min_time: Duration,
}

/// Fewest samples that are something, however small the picture is.
const FEWEST: f32 = 4.0;

impl Rule {
    /// The rules of the settings, for pictures of that size: one a zone, or one for the whole picture.
    pub(crate) fn of(settings: &Settings, (width, height): (usize, usize)) -> Vec<Self> {
        let samples = |part: f32| (part * (width * height) as f32).max(FEWEST);
        if settings.zones.is_empty() {
            return vec![Self {
                polygon: None,
                contrast: threshold(settings.sensitivity),
                min_area: samples(settings.min_area),
                min_time: Duration::ZERO,
            }];
        }
        settings
            .zones
            .iter()
            .map(|zone| Self {
                polygon: Some(zone.polygon.clone()),
                contrast: threshold(zone.sensitivity.unwrap_or(settings.sensitivity)),
                min_area: samples(zone.min_area.unwrap_or(settings.min_area)),
                min_time: zone.min_time,
            })
            .collect()
    }

    /// Whether the blob is there, large enough and clear enough.
    pub(crate) fn counts(&self, blob: &Blob, (width, height): (usize, usize), calm: f32) -> bool {
        let (x, y) = blob.feet();
        let feet = (x / width as f32, y / height as f32);
        blob.area >= self.min_area * calm
            && blob.contrast >= self.contrast
            && self
                .polygon
                .as_ref()
                .is_none_or(|polygon| polygon.contains(feet))
    }
}

/// 0 for each sample that lies in a polygon, else 1.
pub(crate) fn mask(ignore: &[Polygon], (width, height): (usize, usize)) -> Vec<u8> {
    let is_seen = |at: usize| {
        let (x, y) = (at % width, at / width);
        let centre = (
            (x as f32 + 0.5) / width as f32,
            (y as f32 + 0.5) / height as f32,
        );
        !ignore.iter().any(|polygon| polygon.contains(centre))
    };
    (0..width * height)
        .map(|at| u8::from(is_seen(at)))
        .collect()
}

/// The lowest threshold of all sensitivities: what is noticed at all.
pub(crate) fn lowest_threshold(settings: &Settings) -> f32 {
    let own = settings
        .zones
        .iter()
        .map(|zone| zone.sensitivity.unwrap_or(settings.sensitivity));
    threshold(own.max().unwrap_or(settings.sensitivity))
}
