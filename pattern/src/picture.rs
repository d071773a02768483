//! The picture being painted: I420 in one piece of memory.
//!
//! Painting belongs to [`super::renderer`], and recycling that memory to the consumer of the pictures.

/// An I420 picture, full-range BT.601: the luminance plane, then Cb and Cr of half the width and height, without gaps.
pub struct Picture {
    width: usize,
    height: usize,
    data: Vec<u8>,
}

impl Picture {
    /// A black picture. Both sizes are even.
    pub fn new(width: usize, height: usize) -> Self {
        debug_assert!(width.is_multiple_of(2) && height.is_multiple_of(2));
        let mut data = vec![128; width * height * 3 / 2];
        data[..width * height].fill(0);
        Self {
            width,
            height,
            data,
        }
    }

    /// Pixels in a line.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Lines.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Y, Cb and Cr. The stride of Y is the width, that of the others half of it.
    pub fn planes(&self) -> [&[u8]; 3] {
        let (luma, chroma) = self.data.split_at(self.width * self.height);
        let (cb, cr) = chroma.split_at(chroma.len() / 2);
        [luma, cb, cr]
    }

    /// The same, to paint on.
    pub fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        let (luma, chroma) = self.data.split_at_mut(self.width * self.height);
        let (cb, cr) = chroma.split_at_mut(chroma.len() / 2);
        [luma, cb, cr]
    }
}
