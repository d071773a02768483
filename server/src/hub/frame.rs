//! A shared frame: its metadata, the stamped JPEG, and the forms made of it, each at most once.
//!
//! The forms belong to [`crate::form`] and to other consumers.

use super::{Rendition, Strips};
use crate::util::clock;
use bytes::Bytes;
use pistreamer_protocol::Stamp;
use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A frame's metadata.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// Rises by one for each frame of its camera.
    pub seq: u64,
    /// Unix time in µs of the start of exposure where the camera tells it, else of arrival.
    pub captured_us: u64,
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Width and height of the picture that the source delivered.
    pub full: (u32, u32),
    /// How many frames its camera has published up to this one: unlike `seq`, without gaps from before. 0 until then.
    pub number: u64,
    /// Which rendition it is, and the `seq` of the first of those frames, up to this one, that show the very same picture.
    pub content: (Rendition, u64),
    /// When it arrived, if its capture time is by another machine's clock.
    from_elsewhere: Option<Instant>,
}

/// A frame as consumers get it. It dereferences to its metadata.
pub struct Frame {
    meta: Meta,
    /// Made of the strips on first use, where nothing but they was encoded.
    jpeg: OnceLock<Bytes>,
    /// Where viewers keep strips.
    strips: Option<Arc<Strips>>,
    /// Whether all of it was encoded, and how many bytes were.
    is_whole: bool,
    encoded: usize,
    forms: [OnceLock<Box<dyn Any + Send + Sync>>; MOST_FORMS],
}

/// Most kinds of forms.
const MOST_FORMS: usize = 8;

/// What one kind of consumer makes of a frame, such as its message in a protocol.
pub trait Form: Send + Sync + 'static {
    /// Makes it.
    fn of(frame: &Frame) -> Self;
}

impl Deref for Frame {
    type Target = Meta;

    fn deref(&self) -> &Meta {
        &self.meta
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("meta", &self.meta)
            .field("bytes", &self.encoded)
            .finish_non_exhaustive()
    }
}

impl Frame {
    /// A frame of a stamped JPEG in the source's own size.
    pub fn new(seq: u64, captured_us: u64, (width, height): (u32, u32), jpeg: Bytes) -> Self {
        Self {
            meta: Meta {
                seq,
                captured_us,
                width,
                height,
                full: (width, height),
                number: 0,
                content: (Rendition::FULL, seq),
                from_elsewhere: None,
            },
            is_whole: true,
            encoded: jpeg.len(),
            jpeg: jpeg.into(),
            strips: None,
            forms: Default::default(),
        }
    }

    /// A frame of which so many bytes were encoded, of the strips that have changed.
    pub fn of_strips(seq: u64, captured_us: u64, strips: Arc<Strips>, encoded: usize) -> Self {
        let (width, height) = strips.series().size;
        let frame = Self::new(
            seq,
            captured_us,
            (width.into(), height.into()),
            Bytes::new(),
        );
        Self {
            jpeg: OnceLock::new(),
            is_whole: false,
            encoded,
            ..frame.with_strips(strips)
        }
    }

    /// The same frame for viewers that keep strips, too.
    pub fn with_strips(mut self, strips: Arc<Strips>) -> Self {
        self.strips = Some(strips);
        self
    }

    /// What viewers have that keep strips.
    pub fn strips(&self) -> Option<&Strips> {
        self.strips.as_deref()
    }

    /// Bytes that were encoded of it.
    pub fn encoded(&self) -> usize {
        self.encoded
    }

    /// The same frame, made of a picture of that size.
    pub fn of(mut self, full: (u32, u32)) -> Self {
        self.meta.full = full;
        self
    }

    /// The same frame with its time of arrival, for one whose capture time is by another machine's clock.
    pub fn from_elsewhere(mut self, came: Option<Instant>) -> Self {
        self.meta.from_elsewhere = came;
        self
    }

    /// When it was captured by the steady clock, or arrived, where its capture time is by another machine's clock.
    pub fn captured_at(&self) -> Instant {
        let now = Instant::now();
        let age = self.age_at(clock::now_us(), now);
        // One that is older than the machine has a clock that was just set: then it counts from now.
        now.checked_sub(age).unwrap_or(now)
    }

    /// How old it was at a time that is given by the wall clock and by the steady one. What another machine says of
    /// its capture is not compared with a clock of ours: then it counts from its arrival.
    pub fn age_at(&self, unix_us: u64, at: Instant) -> Duration {
        match self.from_elsewhere {
            Some(came) => at.saturating_duration_since(came),
            None => Duration::from_micros(unix_us.saturating_sub(self.captured_us)),
        }
    }

    /// The same frame, published with that number, as what follows on another one of its rendition.
    pub(super) fn after(
        mut self,
        rendition: Rendition,
        before: Option<&Self>,
        number: u64,
    ) -> Self {
        let same = before.filter(|before| self.shows_the_same(before));
        let since = same.map_or(self.seq, |before| before.content.1);
        self.meta.number = number;
        self.meta.content = (rendition, since);
        self
    }

    /// Returns true if its JPEG is that of the frame before but for the stamp.
    fn shows_the_same(&self, before: &Self) -> bool {
        match (self.is_whole, before.is_whole) {
            (true, true) => Stamp::is_all_that_differs(before.jpeg(), self.jpeg()),
            // Their strips are the picture.
            (false, false) => {
                let strips = self.strips.as_ref().zip(before.strips.as_ref());
                strips.is_some_and(|(now, before)| {
                    now.series().id == before.series().id && now.newest == before.newest
                })
            }
            _ => false,
        }
    }

    /// The stamped JPEG.
    pub fn jpeg(&self) -> &Bytes {
        self.jpeg.get_or_init(|| {
            let strips = self.strips.as_ref();
            strips.map_or_else(Bytes::new, |strips| strips.jpeg(self.seq, self.captured_us))
        })
    }

    /// The frame in that form. The first consumer that needs it makes it for all.
    pub fn form<F: Form>(&self) -> &F {
        let form = |slot: &'_ OnceLock<Box<dyn Any + Send + Sync>>| {
            // The first form takes the slot.
            let made = slot.get_or_init(|| Box::new(F::of(self)));
            made.is::<F>()
        };
        let slot = self.forms.iter().find(|slot| form(slot));
        slot.and_then(|slot| slot.get()?.downcast_ref())
            .expect("there are fewer kinds of forms than slots")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static MADE: AtomicUsize = AtomicUsize::new(0);

    struct Length(usize);

    impl Form for Length {
        fn of(frame: &Frame) -> Self {
            MADE.fetch_add(1, Ordering::Relaxed);
            Self(frame.jpeg().len())
        }
    }

    struct First(u8);

    impl Form for First {
        fn of(frame: &Frame) -> Self {
            Self(frame.jpeg()[0])
        }
    }

    #[test]
    fn each_form_is_made_once_however_many_ask_at_the_same_time() {
        let frame = Frame::new(1, 2, (16, 8), Bytes::from_static(b"\xff\xd8picture"));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(frame.form::<First>().0, 0xff));
                scope.spawn(|| assert_eq!(frame.form::<Length>().0, 9));
            }
        });
        // One that finds its slot taken is not made before it has its own.
        assert!(MADE.load(Ordering::Relaxed) >= 1);
        assert!(std::ptr::eq(frame.form::<Length>(), frame.form::<Length>()));
    }
}
