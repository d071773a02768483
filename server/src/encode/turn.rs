//! Mirrors and turns samples, for sources that cannot do it themselves.
//!
//! JPEGs are turned by libjpeg-turbo without being decoded, in [`pistreamer_picture::Whole::turned`].

use super::EncodeError;
use super::jpeg::{NEUTRAL, checked};
use super::scale::Planes;
use crate::source::{Layout, Plane, Yuv};
use pistreamer_protocol::jpeg::Orientation;

impl Planes {
    /// Becomes the picture turned like that. Where its width would be odd, the last column is cut off.
    ///
    /// `./dev bench encode` tells how long that takes.
    ///
    /// # Errors
    /// Planes that are too short for the size, and pictures of which nothing is left.
    pub(super) fn turn(&mut self, yuv: &Yuv<'_>, turn: Orientation) -> Result<(), EncodeError> {
        let size @ (width, height) = (yuv.width as usize, yuv.height as usize);
        let (turned_width, turned_height) = turn.displayed(size);
        let out @ (w, h) = (turned_width / 2 * 2, turned_height);
        if w == 0 || h == 0 || width < 2 {
            return Err(EncodeError::Size {
                width: yuv.width,
                height: yuv.height,
            });
        }
        let (half, half_out) = ((width / 2, height.div_ceil(2)), (w / 2, h.div_ceil(2)));
        self.resize(out);
        let [y_out, u_out, v_out] = &mut self.samples;
        match yuv.layout {
            Layout::I420([y, u, v]) => {
                Samples::of("Y", y, size)?.turn(turn, out, y_out);
                Samples::of("Cb", u, half)?.turn(turn, half_out, u_out);
                Samples::of("Cr", v, half)?.turn(turn, half_out, v_out);
            }
            Layout::Nv12([y, uv]) => {
                Samples::of("Y", y, size)?.turn(turn, out, y_out);
                let pairs = Samples::of("CbCr", uv, (half.0 * 2, half.1))?;
                pairs.every(2, 0, half).turn(turn, half_out, u_out);
                pairs.every(2, 1, half).turn(turn, half_out, v_out);
            }
            Layout::Yuyv(packed) | Layout::Uyvy(packed) => {
                let luma = usize::from(matches!(yuv.layout, Layout::Uyvy(_)));
                let packed = Samples::of("YCbYCr", packed, (width * 2, height))?;
                packed.every(2, luma, size).turn(turn, out, y_out);
                packed
                    .every(4, 1 - luma, half)
                    .of_two_lines()
                    .turn(turn, half_out, u_out);
                packed
                    .every(4, 3 - luma, half)
                    .of_two_lines()
                    .turn(turn, half_out, v_out);
            }
            Layout::Grey(y) => {
                Samples::of("Y", y, size)?.turn(turn, out, y_out);
                u_out.fill(NEUTRAL);
                v_out.fill(NEUTRAL);
            }
        }
        Ok(())
    }
}

/// Samples of one kind in a plane that may have others between them.
#[derive(Clone, Copy)]
struct Samples<'a> {
    data: &'a [u8],
    /// Bytes from one sample to the next.
    step: usize,
    /// Bytes from one line to the next.
    line: usize,
    /// The second line that a sample is the mean of begins after that many bytes; 0 where there is none.
    second: usize,
    size: (usize, usize),
}

impl<'a> Samples<'a> {
    /// All bytes of a plane.
    fn of(
        name: &'static str,
        plane: Plane<'a>,
        size @ (row, lines): (usize, usize),
    ) -> Result<Self, EncodeError> {
        let Plane { data, stride } = checked(name, plane, size)?;
        Ok(Self {
            data: &data[..stride * (lines - 1) + row],
            step: 1,
            line: stride,
            second: 0,
            size,
        })
    }

    /// Every `step`th byte of each line, from the one at `first` on.
    fn every(self, step: usize, first: usize, size: (usize, usize)) -> Self {
        Self {
            data: &self.data[first..],
            step,
            size,
            ..self
        }
    }

    /// The means of two lines each, where the size counts such pairs.
    fn of_two_lines(self) -> Self {
        Self {
            line: self.line * 2,
            second: self.line,
            ..self
        }
    }

    /// Where the sample lies that is seen at that place.
    fn at(&self, (mirror, quarters): (bool, u8), (x, y): (usize, usize)) -> isize {
        let (x, y) = (x as isize, y as isize);
        let (right, bottom) = (self.size.0 as isize - 1, self.size.1 as isize - 1);
        let (column, line) = match quarters {
            0 => (x, y),
            1 => (y, bottom - x),
            2 => (right - x, bottom - y),
            _ => (right - y, x),
        };
        let column = if mirror { right - column } else { column };
        line * self.line as isize + column * self.step as isize
    }

    fn turn(&self, turn: Orientation, (width, height): (usize, usize), out: &mut [u8]) {
        let parts = turn.parts();
        for (y, out) in out.chunks_exact_mut(width).take(height).enumerate() {
            let start = self.at(parts, (0, y));
            let step = self.at(parts, (1, y)) - start;
            let mut at = start;
            for out in out {
                let sample = self.data[at as usize];
                *out = match self.data.get(at as usize + self.second) {
                    Some(second) if self.second > 0 => sample.midpoint(*second),
                    _ => sample,
                };
                at += step;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plane whose samples are made by where they are, with a gap after each line but the last.
    fn plane(row: usize, lines: usize, at: impl Fn(usize, usize) -> u8) -> (Vec<u8>, usize) {
        let stride = row + 6;
        let mut data = vec![255; stride * (lines - 1) + row];
        for y in 0..lines {
            for x in 0..row {
                data[y * stride + x] = at(x, y);
            }
        }
        (data, stride)
    }

    fn view((data, stride): &(Vec<u8>, usize)) -> Plane<'_> {
        Plane {
            data,
            stride: *stride,
        }
    }

    fn luma(x: usize, y: usize) -> u8 {
        (10 * y + x) as u8
    }
    fn cb(x: usize, y: usize) -> u8 {
        (60 + 10 * y + x) as u8
    }
    fn cr(x: usize, y: usize) -> u8 {
        (130 + 10 * y + x) as u8
    }

    /// The lines of a plane, as they are turned by hand.
    fn by_hand(
        turn: Orientation,
        (width, height): (usize, usize),
        at: impl Fn(usize, usize) -> u8,
    ) -> Vec<Vec<u8>> {
        let (mirror, quarters) = turn.parts();
        let line = |y| (0..width).map(|x| at(x, y)).collect::<Vec<_>>();
        let mut picture: Vec<_> = (0..height).map(line).collect();
        if mirror {
            picture.iter_mut().for_each(|line| line.reverse());
        }
        for _ in 0..quarters {
            let columns = 0..picture[0].len();
            picture = columns
                .map(|x| picture.iter().rev().map(|line| line[x]).collect())
                .collect();
        }
        picture
    }

    #[test]
    fn every_turn_of_every_layout_is_that_by_hand() {
        for (width, height) in [(8_usize, 6_usize), (6, 8), (8, 5), (2, 2)] {
            let half = (width / 2, height.div_ceil(2));
            let y = plane(width, height, luma);
            let u = plane(half.0, half.1, cb);
            let v = plane(half.0, half.1, cr);
            let uv = plane(width, half.1, |x, y| match x % 2 {
                0 => cb(x / 2, y),
                _ => cr(x / 2, y),
            });
            let packed = plane(width * 2, height, |x, y| match x % 4 {
                1 => cb(x / 4, y / 2),
                3 => cr(x / 4, y / 2),
                _ => luma(x / 2, y),
            });
            let swapped = plane(width * 2, height, |x, y| match x % 4 {
                0 => cb(x / 4, y / 2),
                2 => cr(x / 4, y / 2),
                _ => luma(x / 2, y),
            });
            let layouts = [
                Layout::I420([view(&y), view(&u), view(&v)]),
                Layout::Nv12([view(&y), view(&uv)]),
                Layout::Yuyv(view(&packed)),
                Layout::Uyvy(view(&swapped)),
                Layout::Grey(view(&y)),
            ];
            for layout in layouts {
                let yuv = Yuv {
                    width: width as u32,
                    height: height as u32,
                    layout,
                };
                for turn in (1..=8).filter_map(Orientation::new) {
                    let mut planes = Planes::default();
                    planes.turn(&yuv, turn).unwrap();
                    let turned = planes.yuv();
                    let (w, h) = turn.displayed((width, height));
                    let w = w / 2 * 2;
                    assert_eq!((turned.width, turned.height), (w as u32, h as u32));
                    let Layout::I420(planes) = turned.layout else {
                        panic!("it has three planes");
                    };
                    let chroma = (w / 2, h.div_ceil(2));
                    let neutral = |_: usize, _: usize| NEUTRAL;
                    let is_grey = matches!(layout, Layout::Grey(_));
                    let expected = [
                        (by_hand(turn, (width, height), luma), (w, h)),
                        (
                            if is_grey {
                                by_hand(turn, half, neutral)
                            } else {
                                by_hand(turn, half, cb)
                            },
                            chroma,
                        ),
                        (
                            if is_grey {
                                by_hand(turn, half, neutral)
                            } else {
                                by_hand(turn, half, cr)
                            },
                            chroma,
                        ),
                    ];
                    for (plane, (lines, (w, h))) in planes.iter().zip(expected) {
                        let lines = lines.into_iter().take(h).map(|line| line[..w].to_vec());
                        assert_eq!(plane.data, lines.flatten().collect::<Vec<_>>(), "{turn:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn short_planes_and_tiny_pictures_are_errors() {
        let short = [0; 10];
        let plane = Plane {
            data: &short,
            stride: 16,
        };
        let yuv = |width, height| Yuv {
            width,
            height,
            layout: Layout::Grey(plane),
        };
        let turn = Orientation::of(false, 1);
        for (width, height) in [(16, 8), (2, 1), (0, 4), (4, 0)] {
            assert!(Planes::default().turn(&yuv(width, height), turn).is_err());
        }
    }
}
