//! Small pictures of brightness, in which a sample is the mean of a block of 8×8 pixels.
//!
//! What takes them out of JPEGs is the caller's: a decoder that scales to an eighth delivers the same.

/// Pixels of the camera in a line of a block.
pub const BLOCK: usize = 8;

/// Longest line that is looked at as it is: larger pictures are divided by a whole number first, so that they cost no more.
const WIDEST: usize = 320;

/// Fewest samples in a line or column, also once they are divided.
const FEWEST: usize = 4;

/// Samples of brightness, in lines without gaps.
#[derive(Clone, Copy, Debug)]
pub struct Luma<'a> {
    samples: &'a [u8],
    width: usize,
    height: usize,
}

impl<'a> Luma<'a> {
    /// Samples of that size; `None` if there are not exactly that many, or fewer than 4 in a line or column.
    pub fn new(samples: &'a [u8], width: usize, height: usize) -> Option<Self> {
        let is_something = width.min(height) >= FEWEST;
        let fits = is_something && width.checked_mul(height) == Some(samples.len());
        fits.then_some(Self {
            samples,
            width,
            height,
        })
    }

    /// Samples in a line, and lines.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// All samples, line by line.
    pub fn samples(&self) -> &'a [u8] {
        self.samples
    }

    /// Writes the samples into `into`, in a size that is cheap to look at, and returns that size.
    pub(crate) fn reduced(&self, into: &mut Vec<f32>) -> (usize, usize) {
        into.clear();
        let (longest, shortest) = (self.width.max(self.height), self.width.min(self.height));
        let by = longest.div_ceil(WIDEST).min(shortest / FEWEST).max(1);
        if by == 1 {
            into.extend(self.samples.iter().map(|&sample| f32::from(sample)));
            return self.size();
        }
        let (width, height) = (self.width / by, self.height / by);
        let scale = 1.0 / (by * by) as f32;
        for y in 0..height {
            for x in 0..width {
                let line = |line| {
                    let at = (y * by + line) * self.width + x * by;
                    self.samples[at..at + by].iter()
                };
                let sum: u32 = (0..by)
                    .flat_map(line)
                    .map(|&sample| u32::from(sample))
                    .sum();
                into.push(sum as f32 * scale);
            }
        }
        (width, height)
    }
}

/// Writes the mean of each 8×8 block of a plane into `into`, and returns how many there are in a line and in a column. Blocks that the
/// picture does not fill are left out.
///
/// Returns None, and leaves `into` empty, where the plane is too small for its size.
pub fn eighth(
    plane: &[u8],
    stride: usize,
    (width, height): (usize, usize),
    into: &mut Vec<u8>,
) -> Option<(usize, usize)> {
    into.clear();
    let (across, down) = (width / BLOCK, height / BLOCK);
    let needed = (down * BLOCK).checked_sub(1)?.checked_mul(stride)?;
    if across == 0 || stride < width || plane.len() < needed.checked_add(across * BLOCK)? {
        return None;
    }
    into.resize(across * down, 0);
    let mut sums = [0_u16; BLOCK];
    for (y, means) in into.chunks_exact_mut(across).enumerate() {
        for (x, mean) in means.iter_mut().enumerate() {
            sums.fill(0);
            for line in 0..BLOCK {
                let at = (y * BLOCK + line) * stride + x * BLOCK;
                for (sum, &sample) in sums.iter_mut().zip(&plane[at..at + BLOCK]) {
                    *sum += u16::from(sample);
                }
            }
            *mean = ((sums.iter().sum::<u16>() + 32) / 64) as u8;
        }
    }
    Some((across, down))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eighth_is_the_mean_of_each_block() {
        let (width, height, stride) = (20, 17, 24);
        let plane: Vec<_> = (0..stride * height).map(|at| (at % 251) as u8).collect();
        let mut small = Vec::new();
        assert_eq!(
            eighth(&plane, stride, (width, height), &mut small),
            Some((2, 2))
        );
        for (at, &mean) in small.iter().enumerate() {
            let (x, y) = (at % 2 * 8, at / 2 * 8);
            let pixels = (0..64).map(|i| u32::from(plane[(y + i / 8) * stride + x + i % 8]));
            assert_eq!(u32::from(mean), (pixels.sum::<u32>() + 32) / 64);
        }
    }

    #[test]
    fn planes_that_are_too_small_give_nothing() {
        let mut small = Vec::new();
        assert_eq!(eighth(&[0; 100], 16, (16, 16), &mut small), None);
        assert_eq!(eighth(&[0; 256], 8, (16, 16), &mut small), None);
        assert_eq!(eighth(&[], 0, (0, 0), &mut small), None);
        assert!(small.is_empty());
        assert!(Luma::new(&[0; 15], 4, 4).is_none());
        assert!(Luma::new(&[0; 9], 3, 3).is_none());
        assert!(Luma::new(&[], usize::MAX, 4).is_none());
    }

    #[test]
    fn large_pictures_are_looked_at_in_a_smaller_size() {
        let samples: Vec<_> = (0..500 * 8).map(|at| (at % 500 / 2) as u8).collect();
        let mut reduced = Vec::new();
        let size = Luma::new(&samples, 500, 8).unwrap().reduced(&mut reduced);
        assert_eq!((size, reduced.len()), ((250, 4), 1000));
        assert_eq!(reduced[7], 7.0);
        let narrow = Luma::new(&samples[..4000], 4, 1000).unwrap();
        assert_eq!(narrow.reduced(&mut reduced), (4, 1000));
    }
}
