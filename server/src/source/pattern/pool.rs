//! The test pattern's pictures as the encoder takes them, and the recycling of their memory.

use crate::source::{Layout, Pixels, Plane, Yuv};
use pistreamer_pattern::Picture;
use std::sync::{Arc, Mutex, PoisonError};

impl Pixels for Picture {
    fn yuv(&self) -> Yuv<'_> {
        let [luma, cb, cr] = self.planes();
        let plane = |data, stride| Plane { data, stride };
        Yuv {
            width: self.width() as u32,
            height: self.height() as u32,
            layout: Layout::I420([
                plane(luma, self.width()),
                plane(cb, self.width() / 2),
                plane(cr, self.width() / 2),
            ]),
        }
    }
}

/// Pictures that came back and can be painted again. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Pool {
    spare: Arc<Mutex<Vec<Picture>>>,
}

/// Most spare pictures that are kept; what comes back beyond them is freed. One is painted, one encoded and one waits.
const SPARE: usize = 3;

/// A picture that goes back to its pool when it is dropped.
pub(super) struct Lent {
    /// `None` only inside drop.
    picture: Option<Picture>,
    pool: Pool,
}

impl Pool {
    /// A spare picture of that size, else a new one. What is in it is undefined.
    pub(super) fn take(&self, width: usize, height: usize) -> Lent {
        let spare = self.spare().pop();
        let picture = spare
            .filter(|spare| (spare.width(), spare.height()) == (width, height))
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
    pub(super) fn picture(&mut self) -> &mut Picture {
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
