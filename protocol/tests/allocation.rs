//! Unpacking allocates no more than its limit allows, whatever a message claims. Alone here: it counts every allocation.

mod common;

use common::{JPEG, PACKED, framed, gzip};
use pistreamer_protocol::unpack::SLACK;
use pistreamer_protocol::{UnpackError, Unpacker, pack};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "only a global allocator sees every allocation")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(
            NOW.fetch_add(layout.size(), Relaxed) + layout.size(),
            Relaxed,
        );
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `at` came from `alloc` above with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Largest number of bytes that stood allocated at a time beyond those before.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = work();
    (result, PEAK.load(Relaxed) - before)
}

/// The one test of this file, so that no other thread allocates.
#[test]
#[cfg_attr(miri, ignore = "200 MiB take an hour there")]
fn no_message_makes_the_buffers_larger_than_the_limit_allows() {
    const LIMIT: usize = 100_000;
    /// miniz_oxide's state, which lives while it inflates.
    const INFLATER: usize = 11_000;
    // Growing a buffer may hold the old and the new one at a time.
    let text = LIMIT.div_ceil(3) * 4 + SLACK;
    let bound = 2 * text + 2 * (LIMIT + SLACK) + INFLATER;

    let bomb = gzip(&vec![b'A'; 200 << 20], 9);
    assert!(bomb.len() < 300_000);
    let mut modest_bomb = bomb.clone();
    let isize = modest_bomb.len() - 4;
    modest_bomb[isize..].copy_from_slice(&4u32.to_le_bytes());
    let mut boast = PACKED.to_vec();
    let isize = boast.len() - 4;
    boast[isize..].copy_from_slice(&u32::MAX.to_le_bytes());
    let exact = framed(&common::hard(LIMIT - 4)[2]);
    let large = framed(&common::hard(LIMIT - 3)[2]);
    let messages = [
        pack(&exact),
        pack(&large),
        bomb,
        modest_bomb,
        boast,
        pack(JPEG),
    ];

    for first in &messages {
        for second in &messages {
            let mut unpacker = Unpacker::new(LIMIT);
            let ((), most) = peak(|| {
                for message in [first, second] {
                    for result in [
                        unpacker.unpack(message).map(<[u8]>::len),
                        unpacker.unpack_any(message).map(<[u8]>::len),
                    ] {
                        assert!(
                            matches!(
                                result,
                                Ok(..=LIMIT)
                                    | Err(UnpackError::TooLarge { .. } | UnpackError::WrongLength)
                            ),
                            "{result:?}"
                        );
                    }
                }
            });
            assert!(most <= bound, "{most} bytes, more than {bound}");
        }
    }

    let (length, most) = peak(|| Unpacker::new(LIMIT).unpack(PACKED).map(<[u8]>::len));
    assert_eq!(length, Ok(JPEG.len()));
    assert!(
        most <= JPEG.len() + 16,
        "the short way took {most} bytes for {}",
        JPEG.len()
    );

    // A small message cannot claim a large buffer: deflate expands at most 1032 times.
    let (result, most) = peak(|| {
        Unpacker::default()
            .unpack(b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x07\xff\xff\xff\xff\xff\xff\xff\xff")
            .map(<[u8]>::len)
    });
    assert_eq!(result, Err(UnpackError::Corrupt));
    assert!(most <= INFLATER + 10 * 1032, "{most} bytes");
}
