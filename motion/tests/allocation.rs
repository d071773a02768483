//! Nothing is allocated for a picture, once there was one of its size. Alone here: the allocator counts.

use pistreamer_motion::{Detector, Luma, Settings};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

struct Counting;

thread_local! {
    /// Of this thread alone: the test's harness allocates when it likes.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "only a global allocator sees every allocation")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: `at` came from `alloc` above with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WIDTH: usize = 80;
const HEIGHT: usize = 60;

/// A scene with edges, in which squares jump about and one goes its way. In the end a lamp is switched on.
fn draw(frame: usize, samples: &mut [u8]) {
    for (at, sample) in samples.iter_mut().enumerate() {
        let (x, y) = (at % WIDTH, at / WIDTH);
        let scene = 60 + (x / 5 * 37 + y / 7 * 53) % 90;
        let jumps = (x / 6 * 7 + y / 6 * 13 + frame * 31).is_multiple_of(41);
        let goes = (frame % 80..frame % 80 + 8).contains(&x) && (20..36).contains(&y);
        let scene = if frame < 400 { scene } else { scene / 2 + 90 };
        *sample = if jumps || goes { 230 } else { scene as u8 };
    }
}

#[test]
fn nothing_is_allocated_for_a_picture() {
    let mut detector = Detector::new(Settings::default());
    let mut samples = vec![0; WIDTH * HEIGHT];
    let mut moved = 0;
    for frame in 0..500 {
        draw(frame, &mut samples);
        let luma = Luma::new(&samples, WIDTH, HEIGHT).unwrap();
        let before = ALLOCATIONS.get();
        let seen = detector.feed(luma, Duration::from_millis(frame as u64 * 200));
        moved += usize::from(seen.score > 0);
        let allocated = ALLOCATIONS.get() - before;
        // The first two pictures bring the memory of two buffers that take turns.
        assert!(
            allocated == 0 || frame < 2,
            "{allocated} in picture {frame}"
        );
    }
    assert!(moved > 50, "{moved}");
}
