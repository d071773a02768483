//! The picture being painted: I420 in one piece of memory, and the recycling of that memory.
//!
//! Painting belongs to [`super::renderer`].

use crate::source::{Layout, Pixels, Plane, Yuv};
use std::sync::{Arc, Mutex, PoisonError};

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

impl Pixels for Picture {
    fn yuv(&self) -> Yuv<'_> {
        let [luma, cb, cr] = self.planes();
        let plane = |data, stride| Plane { data, stride };
        Yuv {
            width: self.width as u32,
            height: self.height as u32,
            layout: Layout::I420([
                plane(luma, self.width),
                plane(cb, self.width / 2),
                plane(cr, self.width / 2),
            ]),
        }
    }
}

/// Pictures that came back and can be painted again. Clones share them.
#[derive(Clone, Default)]
pub struct Pool {
    spare: Arc<Mutex<Vec<Picture>>>,
}

/// Most spare pictures that are kept; what comes back beyond them is freed. One is painted, one encoded and one waits.
const SPARE: usize = 3;

/// A picture that goes back to its pool when it is dropped.
pub struct Lent {
    /// `None` only inside drop.
    picture: Option<Picture>,
    pool: Pool,
}

impl Pool {
    /// A spare picture of that size, else a new one. What is in it is undefined.
    pub fn take(&self, width: usize, height: usize) -> Lent {
        let spare = self.spare().pop();
        let picture = spare
            .filter(|spare| (spare.width, spare.height) == (width, height))
            .unwrap_or_else(|| Picture::new(width, height));
        Lent {
            picture: Some(picture),
            pool: self.clone(),
        }
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Picture>> {
        // Nothing panics while it holds this lock, and a Vec is valid at every point.
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent {
    /// The picture, to paint on.
    pub fn picture(&mut self) -> &mut Picture {
        self.picture
            .as_mut()
            .expect("only drop takes the picture out")
    }
}

impl Pixels for Lent {
    fn yuv(&self) -> Yuv<'_> {
        self.picture
            .as_ref()
            .expect("only drop takes the picture out")
            .yuv()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut spare = self.pool.spare();
        if spare.len() < SPARE {
            spare.extend(self.picture.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(lent: &Lent) -> usize {
        match lent.yuv().layout {
            Layout::I420([luma, ..]) => luma.data.as_ptr() as usize,
            _ => unreachable!(),
        }
    }

    #[test]
    fn a_dropped_picture_is_used_again() {
        let pool = Pool::default();
        let (first, second) = (pool.take(16, 8), pool.take(16, 8));
        let mut given = [address(&first), address(&second)];
        drop((first, second));
        let (first, second) = (pool.take(16, 8), pool.take(16, 8));
        let mut again = [address(&first), address(&second)];
        given.sort_unstable();
        again.sort_unstable();
        assert_eq!(given, again);
    }

    #[test]
    fn no_more_than_a_few_spare_pictures_are_kept() {
        let pool = Pool::default();
        let many: Vec<_> = (0..10).map(|_| pool.take(16, 8)).collect();
        drop(many);
        assert_eq!(pool.spare().len(), SPARE);
    }
}
