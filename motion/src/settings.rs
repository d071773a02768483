//! What the owner of a camera decides about its motion: sensitivity, and where motion counts.
//!
//! Files and flags that say so belong to the caller. What is here is valid: a [`Detector`](crate::Detector) checks nothing again.

use std::time::Duration;

/// Most zones of a camera.
pub const MOST_ZONES: usize = 16;

/// Most corners of a polygon.
const MOST_CORNERS: usize = 64;

/// What counts as motion.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// 1 … 100: 25 more halve the difference in brightness that is noticed.
    pub sensitivity: u8,
    /// Smallest part of the picture that counts, 0 … 1.
    pub min_area: f32,
    /// Where motion counts; none: everywhere.
    pub zones: Vec<Zone>,
    /// Where nothing is looked at.
    pub ignore: Vec<Polygon>,
    /// Time without motion that ends an event.
    pub after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sensitivity: 50,
            min_area: 0.0004,
            zones: Vec::new(),
            ignore: Vec::new(),
            after: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// Checks the values.
    ///
    /// # Errors
    /// Where one is outside of its range.
    pub fn check(&self) -> Result<(), SettingsError> {
        let sensitivities = self.zones.iter().filter_map(|zone| zone.sensitivity);
        for sensitivity in sensitivities.chain([self.sensitivity]) {
            if !(1..=100).contains(&sensitivity) {
                return Err(SettingsError::Sensitivity(sensitivity));
            }
        }
        let areas = self.zones.iter().filter_map(|zone| zone.min_area);
        for area in areas.chain([self.min_area]) {
            if !(0.0..=1.0).contains(&area) {
                return Err(SettingsError::Area(area));
            }
        }
        if self.zones.len() > MOST_ZONES {
            return Err(SettingsError::Zones(self.zones.len()));
        }
        Ok(())
    }
}

/// A part of the picture where motion counts. Something is in it when the point between its feet is.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub polygon: Polygon,
    /// Its own sensitivity.
    pub sensitivity: Option<u8>,
    /// Its own smallest part of the picture.
    pub min_area: Option<f32>,
    /// Time for which something has to move in it.
    pub min_time: Duration,
}

/// Three or more corners, with coordinates 0 … 1 from the left and from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct Polygon(Vec<(f32, f32)>);

impl Polygon {
    /// A polygon with these corners.
    ///
    /// # Errors
    /// For fewer than 3 corners, too many, and coordinates outside of 0 … 1.
    pub fn new(corners: Vec<(f32, f32)>) -> Result<Self, SettingsError> {
        if !(3..=MOST_CORNERS).contains(&corners.len()) {
            return Err(SettingsError::Corners(corners.len()));
        }
        let all = corners.iter().flat_map(|&(x, y)| [x, y]);
        if let Some(outside) = all.into_iter().find(|at| !(0.0..=1.0).contains(at)) {
            return Err(SettingsError::Outside(outside));
        }
        Ok(Self(corners))
    }

    /// The corners.
    pub fn corners(&self) -> &[(f32, f32)] {
        &self.0
    }

    /// Whether a point is inside, by the number of edges on its right.
    pub fn contains(&self, (x, y): (f32, f32)) -> bool {
        let mut is_inside = false;
        let mut before = self.0[self.0.len() - 1];
        for &corner in &self.0 {
            let ((ax, ay), (bx, by)) = (before, corner);
            if (ay > y) != (by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax) {
                is_inside = !is_inside;
            }
            before = corner;
        }
        is_inside
    }
}

/// Why settings cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// A sensitivity outside of its range.
    #[error("sensitivity {0} is not 1 to 100")]
    Sensitivity(u8),
    /// A part of the picture outside of its range.
    #[error("min_area {0} is not 0 to 1, where 1 is the whole picture")]
    Area(f32),
    /// Too many zones.
    #[error("{0} zones are more than {MOST_ZONES}")]
    Zones(usize),
    /// Too few or too many corners.
    #[error("a polygon has 3 to {MOST_CORNERS} corners, not {0}")]
    Corners(usize),
    /// A corner outside of the picture.
    #[error(
        "coordinate {0} is not 0 to 1: they count from the left and from the top, and 1 is the right or the bottom"
    )]
    Outside(f32),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polygon(corners: &[(f32, f32)]) -> Result<Polygon, SettingsError> {
        Polygon::new(corners.to_vec())
    }

    #[test]
    fn a_polygon_with_a_notch_contains_what_is_inside() {
        let notched =
            polygon(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.2), (0.0, 1.0)]).unwrap();
        assert!(notched.contains((0.1, 0.5)) && notched.contains((0.9, 0.5)));
        assert!(!notched.contains((0.5, 0.5)) && !notched.contains((1.1, 0.5)));
    }

    #[test]
    fn wrong_settings_say_what_is_wrong() {
        assert_eq!(
            polygon(&[(0.0, 0.0), (1.0, 1.0)]),
            Err(SettingsError::Corners(2))
        );
        let outside = polygon(&[(0.0, 0.0), (1.5, 0.0), (1.0, 1.0)]);
        assert_eq!(outside, Err(SettingsError::Outside(1.5)));
        assert!(polygon(&[(0.0, 0.0), (f32::NAN, 0.0), (1.0, 1.0)]).is_err());
        let with = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check()
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert_eq!(
            with(|it| it.sensitivity = 0),
            Err(SettingsError::Sensitivity(0))
        );
        assert_eq!(with(|it| it.min_area = 2.0), Err(SettingsError::Area(2.0)));
    }
}
