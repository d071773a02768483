//! Parts of the picture, as people see it and as libcamera counts them: in pixels of the sensor, as its picture comes out, so
//! that mirroring in the sensor is part of it already. What is turned behind the camera is not.

use libcamera::geometry::Rectangle;
use pistreamer_protocol::jpeg::Orientation;

/// Where a place of a picture, in fractions of its sides, is once the picture is turned.
pub(super) fn turned(place: [f64; 4], turn: Orientation) -> [f64; 4] {
    // Differences of decimal fractions are not exact.
    let rest = |start: f64, length: f64| ((1.0 - start - length) * 1e6).round() / 1e6;
    let (is_mirrored, quarters) = turn.parts();
    let [left, top, width, height] = place;
    let left = if is_mirrored { rest(left, width) } else { left };
    (0..quarters).fold([left, top, width, height], |place, _| {
        let [left, top, width, height] = place;
        [rest(top, height), left, height, width]
    })
}

/// A part of the sensor's picture, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl From<Rectangle> for Area {
    fn from(rectangle: Rectangle) -> Self {
        Self {
            left: rectangle.x.into(),
            top: rectangle.y.into(),
            width: rectangle.width.into(),
            height: rectangle.height.into(),
        }
    }
}

impl From<Area> for Rectangle {
    fn from(area: Area) -> Self {
        Self {
            x: area.left.round() as i32,
            y: area.top.round() as i32,
            width: area.width.round() as u32,
            height: area.height.round() as u32,
        }
    }
}

impl Area {
    pub(super) fn is_empty(&self) -> bool {
        self.width < 1.0 || self.height < 1.0
    }

    pub(super) fn lies_in(&self, other: &Self) -> bool {
        !self.is_empty()
            && self.left >= other.left
            && self.top >= other.top
            && self.left + self.width <= other.left + other.width
            && self.top + self.height <= other.top + other.height
    }

    /// The part of this area with that place in it, in fractions of its sides.
    pub(super) fn part(&self, [left, top, width, height]: [f64; 4]) -> Self {
        Self {
            left: self.left + left * self.width,
            top: self.top + top * self.height,
            width: width * self.width,
            height: height * self.height,
        }
    }

    /// The same in the shape of this area, as nothing else fills a picture without being drawn out of shape, and no smaller than
    /// that.
    pub(super) fn zoomed(&self, [left, top, width, height]: [f64; 4], least: &Self) -> Self {
        let smallest = (least.width / self.width).max(least.height / self.height);
        let size = width.max(height).max(smallest).min(1.0);
        let place =
            |start: f64, length: f64| (start + length / 2.0 - size / 2.0).clamp(0.0, 1.0 - size);
        self.part([place(left, width), place(top, height), size, size])
    }

    /// Where another one lies in this one, in fractions of its sides.
    pub(super) fn place_of(&self, other: &Self) -> [f64; 4] {
        // As many digits as pixels are good for.
        let fraction = |length: f64, of: f64| ((length / of) * 1e4).round() / 1e4;
        [
            fraction(other.left - self.left, self.width).clamp(0.0, 1.0),
            fraction(other.top - self.top, self.height).clamp(0.0, 1.0),
            fraction(other.width, self.width).clamp(0.0, 1.0),
            fraction(other.height, self.height).clamp(0.0, 1.0),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENSOR: Area = Area {
        left: 16.0,
        top: 0.0,
        width: 4000.0,
        height: 2000.0,
    };
    const LEAST: Area = Area {
        left: 0.0,
        top: 0.0,
        width: 400.0,
        height: 128.0,
    };

    #[test]
    fn a_place_is_turned_with_its_picture_and_back() {
        let corner = [0.0, 0.0, 0.5, 0.25];
        for (mirrored, quarters, place) in [
            (false, 0, corner),
            (false, 1, [0.75, 0.0, 0.25, 0.5]),
            (false, 2, [0.5, 0.75, 0.5, 0.25]),
            (false, 3, [0.0, 0.5, 0.25, 0.5]),
            (true, 0, [0.5, 0.0, 0.5, 0.25]),
            (true, 1, [0.75, 0.5, 0.25, 0.5]),
        ] {
            let turn = Orientation::of(mirrored, quarters);
            assert_eq!(turned(corner, turn), place, "{mirrored} {quarters}");
            assert_eq!(turned(place, turn.inverse()), corner);
        }
    }

    #[test]
    fn a_part_is_shown_in_shape_within_the_picture_and_comes_back_as_it_is() {
        let middle = SENSOR.zoomed([0.25, 0.25, 0.5, 0.5], &LEAST);
        let rectangle = Rectangle::from(middle);
        assert_eq!((rectangle.x, rectangle.y), (1016, 500));
        assert_eq!((rectangle.width, rectangle.height), (2000, 1000));
        assert_eq!(SENSOR.place_of(&middle), [0.25, 0.25, 0.5, 0.5]);
        let whole = SENSOR.zoomed([0.0, 0.0, 1.0, 1.0], &LEAST);
        assert_eq!(whole, SENSOR);
        // A flat one at the edge becomes one of the picture's shape that lies in it.
        let flat = SENSOR.zoomed([0.0, 0.9, 0.4, 0.1], &LEAST);
        assert_eq!(SENSOR.place_of(&flat), [0.0, 0.6, 0.4, 0.4]);
        let tiny = SENSOR.zoomed([0.5, 0.5, 0.001, 0.001], &LEAST);
        assert_eq!(tiny.width, 400.0);
        assert!(tiny.lies_in(&SENSOR) && !SENSOR.lies_in(&tiny));
    }
}
