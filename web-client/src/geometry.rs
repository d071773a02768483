//! Where the picture lies on the stage: fit, rotation, mirror, zoom and pan. Pure numbers, in CSS pixels.
//!
//! Fingers and wheels belong to [`crate::chrome`].

/// How a picture of another shape than the stage is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Whole, with bars beside it.
    #[default]
    Contain,
    /// Without bars, cut at the edges.
    Cover,
}

impl Fit {
    /// Reads the attribute's value; anything unknown is [`Self::Contain`].
    pub fn from_name(name: &str) -> Self {
        match name {
            "cover" => Self::Cover,
            _ => Self::Contain,
        }
    }

    /// The attribute's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contain => "contain",
            Self::Cover => "cover",
        }
    }
}

/// What determines where an unzoomed picture lies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Layout {
    /// Width and height of the stage.
    pub stage: (f64, f64),
    /// Width and height of the picture as it is sent.
    pub picture: (f64, f64),
    /// How they are matched.
    pub fit: Fit,
    /// Clockwise quarter turns, 0 to 3.
    pub turns: u8,
    /// Whether left and right change places on the screen.
    pub mirror: bool,
}

/// Magnification, and where the picture's centre lies from the stage's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Zoom {
    /// 1 is fitted to the stage.
    pub factor: f64,
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

impl Default for Zoom {
    fn default() -> Self {
        Self {
            factor: 1.0,
            x: 0.0,
            y: 0.0,
        }
    }
}

/// The strongest magnification.
pub const MAX_ZOOM: f64 = 10.0;

impl Layout {
    /// Width and height of the turned picture, unscaled.
    pub fn turned(&self) -> (f64, f64) {
        let (width, height) = self.picture;
        if self.turns % 2 == 1 {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// CSS pixels that a line of the picture has at most at zoom 1, whatever its shape; infinite where the shape decides.
    pub fn longest_line(&self) -> f64 {
        match (self.fit, self.turns % 2) {
            (Fit::Cover, _) => f64::INFINITY,
            (Fit::Contain, 1) => self.stage.1,
            (Fit::Contain, _) => self.stage.0,
        }
    }

    /// CSS pixels per picture pixel at zoom 1.
    pub fn scale(&self) -> f64 {
        let (width, height) = self.turned();
        if width <= 0.0 || height <= 0.0 {
            return 1.0;
        }
        let (x, y) = (self.stage.0 / width, self.stage.1 / height);
        match self.fit {
            Fit::Contain => x.min(y),
            Fit::Cover => x.max(y),
        }
    }

    /// Whether a wide picture leaves most of a high stage empty, as on a phone that is held upright.
    pub fn is_lost_in_portrait(&self) -> bool {
        let (width, height) = self.turned();
        let part = width * height * self.scale().powi(2) / (self.stage.0 * self.stage.1);
        width > height && self.stage.1 > self.stage.0 && part < 0.5
    }

    /// The nearest zoom that leaves no gap which the unzoomed picture doesn't have.
    pub fn clamp(&self, zoom: Zoom) -> Zoom {
        let factor = zoom.factor.clamp(1.0, MAX_ZOOM);
        let (width, height) = self.turned();
        let scale = self.scale() * factor;
        let room = |picture: f64, stage: f64| ((picture * scale - stage) / 2.0).max(0.0);
        let (x, y) = (room(width, self.stage.0), room(height, self.stage.1));
        Zoom {
            factor,
            x: zoom.x.clamp(-x, x),
            y: zoom.y.clamp(-y, y),
        }
    }

    /// Zooms by a factor so that the point of the picture under `at` (from the stage's top left) stays under it.
    pub fn zoom_at(&self, zoom: Zoom, at: (f64, f64), by: f64) -> Zoom {
        let factor = (zoom.factor * by).clamp(1.0, MAX_ZOOM);
        let by = factor / zoom.factor;
        let (x, y) = (at.0 - self.stage.0 / 2.0, at.1 - self.stage.1 / 2.0);
        self.clamp(Zoom {
            factor,
            x: x - (x - zoom.x) * by,
            y: y - (y - zoom.y) * by,
        })
    }

    /// The picture's pixels → the stage's, as CSS `matrix(a, b, c, d, e, f)` with the origin at the top left.
    pub fn matrix(&self, zoom: Zoom) -> [f64; 6] {
        let scale = self.scale() * zoom.factor;
        let side = if self.mirror { -1.0 } else { 1.0 };
        let (cos, sin) = match self.turns % 4 {
            0 => (1.0, 0.0),
            1 => (0.0, 1.0),
            2 => (-1.0, 0.0),
            _ => (0.0, -1.0),
        };
        let [a, b, c, d] = [
            side * scale * cos,
            scale * sin,
            -side * scale * sin,
            scale * cos,
        ];
        let (x, y) = (self.picture.0 / 2.0, self.picture.1 / 2.0);
        let (centre_x, centre_y) = (self.stage.0 / 2.0 + zoom.x, self.stage.1 / 2.0 + zoom.y);
        [
            a,
            b,
            c,
            d,
            centre_x - a * x - c * y,
            centre_y - b * x - d * y,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout {
            stage: (1000.0, 1000.0),
            picture: (200.0, 100.0),
            ..Layout::default()
        }
    }

    fn place(matrix: [f64; 6], x: f64, y: f64) -> (f64, f64) {
        let [a, b, c, d, e, f] = matrix;
        (
            (a * x + c * y + e).round() + 0.0,
            (b * x + d * y + f).round() + 0.0,
        )
    }

    #[test]
    fn contain_shows_all_and_cover_leaves_no_bars() {
        let contain = layout().matrix(Zoom::default());
        assert_eq!(place(contain, 0.0, 0.0), (0.0, 250.0));
        assert_eq!(place(contain, 200.0, 100.0), (1000.0, 750.0));
        let cover = Layout {
            fit: Fit::Cover,
            ..layout()
        };
        let cover = cover.matrix(Zoom::default());
        assert_eq!(place(cover, 0.0, 0.0), (-500.0, 0.0));
        assert_eq!(place(cover, 200.0, 100.0), (1500.0, 1000.0));
    }

    #[test]
    fn a_quarter_turn_is_clockwise_and_fitted() {
        let turned = Layout {
            turns: 1,
            ..layout()
        };
        let matrix = turned.matrix(Zoom::default());
        assert_eq!(place(matrix, 0.0, 0.0), (750.0, 0.0));
        assert_eq!(place(matrix, 200.0, 0.0), (750.0, 1000.0));
    }

    #[test]
    fn mirror_swaps_left_and_right_of_the_screen_whatever_the_turn() {
        for turns in 0..4 {
            let plain = Layout { turns, ..layout() };
            let mirrored = Layout {
                mirror: true,
                ..plain
            };
            for (x, y) in [(0.0, 0.0), (200.0, 0.0), (30.0, 70.0)] {
                let (left, top) = place(plain.matrix(Zoom::default()), x, y);
                assert_eq!(
                    place(mirrored.matrix(Zoom::default()), x, y),
                    (1000.0 - left, top)
                );
            }
        }
    }

    #[test]
    fn the_point_under_the_finger_stays_there() {
        let layout = Layout {
            fit: Fit::Cover,
            ..layout()
        };
        let before = layout.matrix(Zoom::default());
        let (x, y) = place(before, 80.0, 40.0);
        let zoom = layout.zoom_at(Zoom::default(), (x, y), 3.0);
        assert_eq!(place(layout.matrix(zoom), 80.0, 40.0), (x, y));
        assert_eq!(zoom.factor, 3.0);
    }

    #[test]
    fn a_picture_cannot_be_pushed_off_the_stage() {
        let layout = layout();
        let zoom = layout.clamp(Zoom {
            factor: 4.0,
            x: 1e9,
            y: -1e9,
        });
        assert_eq!(place(layout.matrix(zoom), 0.0, 100.0), (0.0, 1000.0));
        let out = layout.zoom_at(zoom, (10.0, 10.0), 0.01);
        assert_eq!(out, Zoom::default());
        assert_eq!(
            layout.zoom_at(Zoom::default(), (0.0, 0.0), 1e9).factor,
            MAX_ZOOM
        );
    }

    #[test]
    fn before_the_first_picture_nothing_is_infinite() {
        let empty = Layout::default();
        assert!(empty.matrix(Zoom::default()).iter().all(|n| n.is_finite()));
    }
}
