//! The letters: strokes on a grid of 8 by 12, drawn at any size, so that no font file is needed.
//!
//! Only the characters that the pattern paints are here; any other is blank. Painting belongs to [`super::canvas`].

/// A glyph at a certain size, as line segments in pixels from its upper left corner.
pub(crate) struct Glyph {
    pub width: f32,
    segments: Vec<(Point, Point)>,
}

type Point = (f32, f32);

/// One movement of the pen.
enum Stroke {
    /// Through corners.
    Sharp(&'static [(i8, i8)]),
    /// Along a curve that the points pull towards them.
    Round(&'static [(i8, i8)]),
}
use Stroke::{Round, Sharp};

/// Width of a glyph's grid over its height.
const ASPECT: f32 = 0.58;
const GRID: (f32, f32) = (8.0, 12.0);

/// Pixels from one letter's left side to the next one's. All digits are equally wide.
pub(crate) fn advance(letter: char, size: f32) -> f32 {
    match letter {
        ':' | '.' => 0.44 * size,
        ' ' => 0.6 * size,
        _ => (ASPECT + 0.3) * size,
    }
}

/// The width of a text, without the space after its last letter.
pub(crate) fn width(text: &str, size: f32) -> f32 {
    text.chars()
        .map(|letter| advance(letter, size))
        .sum::<f32>()
        - 0.3 * size
}

impl Glyph {
    /// The letter, `size` pixels high.
    pub(crate) fn new(letter: char, size: f32) -> Self {
        let narrow = matches!(letter, ':' | '.');
        let grid = |&(x, y): &(i8, i8)| {
            let x = f32::from(x) - if narrow { 4.0 } else { 0.0 };
            (
                x / GRID.0 * ASPECT * size + if narrow { 0.07 * size } else { 0.0 },
                f32::from(y) / GRID.1 * size,
            )
        };
        let mut segments = Vec::new();
        for stroke in strokes(letter) {
            let points: Vec<Point> = match stroke {
                Sharp(points) => points.iter().map(grid).collect(),
                Round(points) => rounded(&points.iter().map(grid).collect::<Vec<_>>()),
            };
            segments.extend(points.windows(2).map(|pair| (pair[0], pair[1])));
        }
        Self {
            width: if narrow { 0.14 } else { ASPECT } * size,
            segments,
        }
    }

    /// How far a point is from the nearest stroke; infinitely far from a blank.
    pub(crate) fn distance(&self, point: Point) -> f32 {
        self.segments
            .iter()
            .map(|&(from, to)| distance_squared(point, from, to))
            .fold(f32::INFINITY, f32::min)
            .sqrt()
    }
}

/// The square of how far a point is from a line.
pub(crate) fn distance_squared(point: Point, from: Point, to: Point) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (px, py) = (point.0 - from.0, point.1 - from.1);
    let length = dx * dx + dy * dy;
    let along = match length > 0.0 {
        true => ((px * dx + py * dy) / length).clamp(0.0, 1.0),
        false => 0.0,
    };
    (px - dx * along).powi(2) + (py - dy * along).powi(2)
}

/// Chaikin's corner cutting, twice; the ends stay.
fn rounded(points: &[Point]) -> Vec<Point> {
    let mut points = points.to_vec();
    for _ in 0..2 {
        let mut cut = vec![points[0]];
        for pair in points.windows(2) {
            let between = |t: f32| {
                (
                    pair[0].0 + (pair[1].0 - pair[0].0) * t,
                    pair[0].1 + (pair[1].1 - pair[0].1) * t,
                )
            };
            cut.extend([between(0.25), between(0.75)]);
        }
        cut.push(points[points.len() - 1]);
        points = cut;
    }
    points
}

#[rustfmt::skip]
fn strokes(letter: char) -> &'static [Stroke] {
    match letter {
        '0' => &[Round(&[(4, 0), (6, 0), (8, 1), (8, 4), (8, 8), (8, 11), (6, 12), (4, 12), (2, 12), (0, 11), (0, 8),
                 (0, 4), (0, 1), (2, 0), (4, 0)])],
        '1' => &[Sharp(&[(1, 3), (5, 0), (5, 12)])],
        '2' => &[Round(&[(0, 3), (0, 1), (2, 0), (4, 0), (6, 0), (8, 1), (8, 3), (8, 5), (7, 6), (0, 12)]),
                 Sharp(&[(0, 12), (8, 12)])],
        '3' => &[Round(&[(0, 2), (1, 0), (4, 0), (7, 0), (8, 1), (8, 3), (8, 5), (7, 6), (3, 6)]),
                 Round(&[(3, 6), (7, 6), (8, 7), (8, 9), (8, 11), (7, 12), (4, 12), (1, 12), (0, 10)])],
        '4' => &[Sharp(&[(5, 0), (0, 9), (8, 9)]), Sharp(&[(6, 5), (6, 12)])],
        '5' => &[Sharp(&[(7, 0), (1, 0), (1, 5)]),
                 Round(&[(1, 5), (2, 4), (4, 4), (7, 4), (8, 6), (8, 8), (8, 10), (7, 12), (4, 12), (1, 12), (0, 10)])],
        '6' => &[Round(&[(7, 1), (6, 0), (4, 0), (1, 0), (0, 3), (0, 6), (0, 8)]),
                 Round(&[(4, 5), (7, 5), (8, 7), (8, 8), (8, 10), (7, 12), (4, 12), (1, 12), (0, 10), (0, 8), (0, 7),
                 (1, 5), (4, 5)])],
        '7' => &[Sharp(&[(0, 0), (8, 0), (3, 12)])],
        '8' => &[Round(&[(4, 0), (6, 0), (7, 1), (7, 3), (7, 5), (6, 6), (4, 6), (2, 6), (1, 5), (1, 3), (1, 1), (2, 0),
                 (4, 0)]),
                 Round(&[(4, 6), (7, 6), (8, 7), (8, 9), (8, 11), (7, 12), (4, 12), (1, 12), (0, 11), (0, 9), (0, 7),
                 (1, 6), (4, 6)])],
        '9' => &[Round(&[(1, 11), (2, 12), (4, 12), (7, 12), (8, 9), (8, 6), (8, 4)]),
                 Round(&[(4, 7), (1, 7), (0, 5), (0, 4), (0, 2), (1, 0), (4, 0), (7, 0), (8, 2), (8, 4), (8, 5), (7, 7),
                 (4, 7)])],
        ':' => &[Sharp(&[(4, 4), (4, 4)]), Sharp(&[(4, 10), (4, 10)])],
        '.' => &[Sharp(&[(4, 12), (4, 12)])],
        '-' => &[Sharp(&[(1, 6), (7, 6)])],
        'A' => &[Sharp(&[(0, 12), (4, 0), (8, 12)]), Sharp(&[(1, 8), (7, 8)])],
        'C' => &[Round(&[(8, 3), (8, 1), (7, 0), (4, 0), (1, 0), (0, 2), (0, 6), (0, 10), (1, 12), (4, 12), (7, 12),
                 (8, 11), (8, 9)])],
        'E' => &[Sharp(&[(8, 0), (0, 0), (0, 12), (8, 12)]), Sharp(&[(0, 6), (6, 6)])],
        'F' => &[Sharp(&[(8, 0), (0, 0), (0, 12)]), Sharp(&[(0, 6), (6, 6)])],
        'M' => &[Sharp(&[(0, 12), (0, 0), (4, 7), (8, 0), (8, 12)])],
        'N' => &[Sharp(&[(0, 12), (0, 0), (8, 12), (8, 0)])],
        'P' => &[Sharp(&[(0, 12), (0, 0), (4, 0)]), Round(&[(4, 0), (7, 0), (8, 2), (8, 3), (8, 5), (7, 7), (4, 7)]),
                 Sharp(&[(4, 7), (0, 7)])],
        'R' => &[Sharp(&[(0, 12), (0, 0), (4, 0)]), Round(&[(4, 0), (7, 0), (8, 2), (8, 3), (8, 5), (7, 7), (4, 7)]),
                 Sharp(&[(0, 7), (4, 7), (8, 12)])],
        'S' => &[Round(&[(8, 3), (8, 1), (7, 0), (4, 0), (1, 0), (0, 1), (0, 3), (0, 5), (1, 6), (4, 6), (7, 6), (8, 7),
                 (8, 9), (8, 11), (7, 12), (4, 12), (1, 12), (0, 11), (0, 9)])],
        'T' => &[Sharp(&[(0, 0), (8, 0)]), Sharp(&[(4, 0), (4, 12)])],
        'U' => &[Sharp(&[(0, 0), (0, 7)]), Round(&[(0, 7), (0, 10), (1, 12), (4, 12), (7, 12), (8, 10), (8, 7)]),
                 Sharp(&[(8, 7), (8, 0)])],
        _ => &[],
    }
}
