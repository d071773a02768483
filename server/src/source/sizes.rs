//! The sizes that a camera's device has, for those who choose one.

use std::sync::{Arc, Mutex, PoisonError};

/// Most sizes that are told.
const MOST: usize = 64;

/// Widths and heights, before pictures are turned, the smallest first; none where the source does not know. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sizes(Arc<Mutex<Vec<(u32, u32)>>>);

impl Sizes {
    /// Notes the sizes that the device has, in whatever order it tells them.
    pub(crate) fn offer(&self, mut sizes: Vec<(u32, u32)>) {
        // The encoder takes pairs of pixels.
        sizes.retain(|(width, height)| *width > 0 && *height > 0 && width % 2 == 0);
        sizes.sort_unstable_by_key(|size| (area(*size), *size));
        sizes.dedup();
        sizes.truncate(MOST);
        // Nothing panics while it holds this lock.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sizes;
    }

    /// The sizes that it has.
    pub(crate) fn get(&self) -> Vec<(u32, u32)> {
        // Nothing panics while it holds this lock.
        let sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.clone()
    }
}

fn area((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_once_each_and_the_smallest_first() {
        let sizes = Sizes::default();
        let told = [(1280, 720), (0, 0), (641, 480), (640, 480), (1280, 720)];
        sizes.clone().offer(told.into());
        assert_eq!(sizes.get(), [(640, 480), (1280, 720)]);
        sizes.offer((1..1000).map(|n| (2 * n, n)).collect());
        assert_eq!(sizes.get().len(), MOST);
    }
}
