//! The strips of a picture: where each of them lies in its planes.

/// How many lines of colours there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// As many as of brightness: 4:2:2. A strip has 8 lines.
    Half,
    /// Half as many: 4:2:0. A strip has 16 lines.
    Quarter,
}

/// Samples of one component.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// Lines from the top. The last one may be shorter than the stride.
    pub data: &'a [u8],
    /// Bytes from one line to the next.
    pub stride: usize,
}

/// How a picture is divided into strips, from left to right and from the top to the bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    width: usize,
    height: usize,
    sampling: Sampling,
    mcus: usize,
    columns: usize,
    rows: usize,
}

/// MCUs that a strip may have. Shorter ones cost more bytes for their markers, longer ones are sent for smaller reasons.
const MCUS: std::ops::RangeInclusive<usize> = 5..=20;

/// Bytes that a strip has on average at least: a restart costs about four.
const LEAST_BYTES: usize = 300;

impl Grid {
    /// Strips of that many MCUs; `None` where they do not divide the rows of a picture of that size.
    pub fn new(width: usize, height: usize, sampling: Sampling, mcus: usize) -> Option<Self> {
        let across = width.div_ceil(16);
        let is_grid = width > 0 && width.is_multiple_of(2) && height > 0;
        (is_grid && mcus > 0 && across.is_multiple_of(mcus)).then(|| Self {
            width,
            height,
            sampling,
            mcus,
            columns: across / mcus,
            rows: height.div_ceil(sampling.lines()),
        })
    }

    /// The shortest strips that are worth their markers in a picture whose JPEG has that many bytes. `None` where there are none.
    pub fn fitting(width: usize, height: usize, sampling: Sampling, bytes: usize) -> Option<Self> {
        let grids = MCUS.filter_map(|mcus| Self::new(width, height, sampling, mcus));
        let mut worth = grids.filter(|grid| bytes / grid.count() >= LEAST_BYTES);
        worth.next()
    }

    /// MCUs in a strip.
    pub fn mcus(&self) -> usize {
        self.mcus
    }

    /// Strips beside each other.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Strips of the picture.
    pub fn count(&self) -> usize {
        self.columns * self.rows
    }

    /// How many lines of colours there are.
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// Samples of a strip's planes, as they stand one after the other: width and lines of Y, Cb and Cr.
    pub fn parts(&self) -> [(usize, usize); 3] {
        let colours = (8 * self.mcus, 8);
        [(16 * self.mcus, self.sampling.lines()), colours, colours]
    }

    /// Samples of a strip.
    pub fn strip_len(&self) -> usize {
        self.parts()
            .iter()
            .map(|(width, lines)| width * lines)
            .sum()
    }

    /// Width and lines of the picture's planes.
    pub fn planes(&self) -> [(usize, usize); 3] {
        let lines = match self.sampling {
            Sampling::Half => self.height,
            Sampling::Quarter => self.height.div_ceil(2),
        };
        let colours = (self.width / 2, lines);
        [(self.width, self.height), colours, colours]
    }

    /// Mean Cb and Cr of each MCU in the first line of a strip's colours, and then of each in the last one: what is beside other
    /// strips where decoders mix the colours of neighbouring lines. Empty where they do not.
    pub fn edges(&self, picture: &[Plane<'_>; 3], strip: usize) -> Vec<[u8; 2]> {
        if self.sampling == Sampling::Half {
            return Vec::new();
        }
        let (column, row) = (strip % self.columns, strip / self.columns);
        let [_, (width, lines), _] = self.planes();
        let mean = |plane: &Plane<'_>, y: usize, left: usize| {
            let start = y * plane.stride + left.min(width - 1);
            let samples = &plane.data[start..start + 8.min(width - left.min(width - 1))];
            let sum: usize = samples.iter().copied().map(usize::from).sum();
            (sum / samples.len()) as u8
        };
        let lines = [8 * row, 8 * row + 7].map(|y| y.min(lines - 1));
        let of_line = |y| {
            let lefts = (0..self.mcus).map(move |mcu| 8 * (column * self.mcus + mcu));
            lefts.map(move |left| [mean(&picture[1], y, left), mean(&picture[2], y, left)])
        };
        lines.into_iter().flat_map(of_line).collect()
    }

    /// A strip's part of each plane, where all of it lies in the picture.
    pub(crate) fn inside<'a>(
        &self,
        picture: &[Plane<'a>; 3],
        strip: usize,
    ) -> Option<[Plane<'a>; 3]> {
        let (column, row) = (strip % self.columns, strip / self.columns);
        let is_inside = (column + 1) * 16 * self.mcus <= self.width
            && (row + 1) * self.sampling.lines() <= self.height;
        let mut parts = *picture;
        for (part, (width, lines)) in parts.iter_mut().zip(self.parts()) {
            part.data = part
                .data
                .get(row * lines * part.stride + column * width..)?;
        }
        is_inside.then_some(parts)
    }

    /// Width and lines of a strip's parts that are in the picture.
    pub(crate) fn visible(&self, strip: usize) -> [(usize, usize); 3] {
        let (column, row) = (strip % self.columns, strip / self.columns);
        let mut visible = self.planes();
        for ((right, bottom), (width, lines)) in visible.iter_mut().zip(self.parts()) {
            *right = right.saturating_sub(column * width).min(width);
            *bottom = bottom.saturating_sub(row * lines).min(lines);
        }
        visible
    }

    /// Copies a strip's samples. What lies beyond the picture's ends is like its last column and line, as encoders have it.
    pub(crate) fn copy(&self, picture: &[Plane<'_>; 3], strip: usize, into: &mut [u8]) {
        let (column, row) = (strip % self.columns, strip / self.columns);
        let mut into = into;
        for ((plane, (width, lines)), (of_width, of_lines)) in
            picture.iter().zip(self.parts()).zip(self.planes())
        {
            let (part, rest) = into.split_at_mut(width * lines);
            into = rest;
            let left = column * width;
            let there = width.min(of_width.saturating_sub(left)).max(1);
            for (line, out) in part.chunks_exact_mut(width).enumerate() {
                let y = (row * lines + line).min(of_lines - 1);
                let start = y * plane.stride + left.min(of_width - 1);
                let (copied, beyond) = out.split_at_mut(there);
                copied.copy_from_slice(&plane.data[start..start + there]);
                beyond.fill(copied[there - 1]);
            }
        }
    }
}

impl Sampling {
    /// Lines of a strip.
    pub fn lines(self) -> usize {
        match self {
            Self::Half => 8,
            Self::Quarter => 16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_divide_rows_and_are_worth_their_markers() {
        let mcus = |width, height, bytes| {
            Grid::fitting(width, height, Sampling::Quarter, bytes).map(|grid| grid.mcus())
        };
        assert_eq!(mcus(1280, 720, 220_000), Some(5));
        assert_eq!(mcus(1280, 720, 140_000), Some(8));
        assert_eq!(mcus(1280, 720, 57_000), Some(20));
        assert_eq!(mcus(1280, 720, 10_000), None);
        // 103 and 127 MCUs.
        assert_eq!(mcus(1640, 1232, 1_000_000), None);
        assert_eq!(mcus(2028, 1520, 1_000_000), None);
        assert_eq!(mcus(0, 720, 180_000), None);
        for width in [640, 800, 1296, 1920, 2304, 2592, 4608] {
            assert!(mcus(width, 1080, 4_000_000).is_some(), "{width}");
        }
    }

    #[test]
    fn beyond_the_picture_is_its_last_column_and_line() {
        let grid = Grid::new(10, 9, Sampling::Half, 1);
        let grid = grid.expect("one MCU divides everything");
        let luma: Vec<u8> = (0..90).collect();
        let chroma: Vec<u8> = (0..45).collect();
        let plane = |data, stride| Plane { data, stride };
        let picture = [
            plane(&luma[..], 10),
            plane(&chroma[..], 5),
            plane(&chroma[..], 5),
        ];
        let mut strip = vec![0; grid.strip_len()];
        grid.copy(&picture, 1, &mut strip);
        assert_eq!(
            strip[..16],
            [
                80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 89, 89, 89, 89, 89, 89
            ]
        );
        assert_eq!(strip[16 * 7..16 * 8], strip[..16]);
        assert_eq!(strip[16 * 8..][..8], [40, 41, 42, 43, 44, 44, 44, 44]);
        assert!(grid.inside(&picture, 0).is_none() && grid.inside(&picture, 1).is_none());
    }
}
