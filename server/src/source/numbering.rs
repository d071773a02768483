//! The seqs of one camera's frames: they only rise, whichever server numbered the frames first.
//!
//! The meaning of a seq belongs to [`super::RawFrame`].

/// Gives each frame its seq.
#[derive(Debug)]
pub(super) struct Numbering {
    /// The highest seq given.
    last: u64,
    /// Number of pictures so far.
    pub pictures: u64,
    /// The seq of the next frame that has none of its own.
    next: u64,
    /// Added to the frames' own seqs; not 0 once such a seq has fallen.
    offset: u64,
    /// The last frame's own seq, and its capture time in µs, which distinguishes it from that of a sender that has
    /// restarted, and how often all frames had been dropped by then.
    brought: Option<(u64, u64, u64)>,
}

/// The seq of a frame that has one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is new.
    New(u64),
    /// It repeats the last one.
    Again(u64),
}

impl Default for Numbering {
    fn default() -> Self {
        Self {
            last: 0,
            pictures: 0,
            next: 1,
            offset: 0,
            brought: None,
        }
    }
}

/// No counted seq can be this high. Half of what JSON's numbers carry, so that a client that sends the highest seq that is
/// kept leaves room to count on.
const LIMIT: u64 = 1 << 52;

impl Numbering {
    /// The seq that a frame of our own would get.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Takes the seq for a frame of our own.
    pub(super) fn own(&mut self) -> u64 {
        self.brought = None;
        self.count_on()
    }

    fn count_on(&mut self) -> u64 {
        self.give(self.next)
    }

    /// Skips the seqs of frames that were dropped.
    pub(super) fn skip(&mut self, frames: u64) {
        self.next += frames;
    }

    /// The seq of a frame that has one of its own: that one while it rises. If it falls, its sender has restarted, and its
    /// frames are numbered on from the last one. The last one once more is new where all frames were dropped meanwhile, as
    /// `forgets` counts.
    pub(super) fn keep(&mut self, seq: u64, captured_us: u64, forgets: u64) -> Kept {
        let brought = (seq, captured_us, forgets);
        if self.brought.replace(brought) == Some(brought) {
            return Kept::Again(self.last);
        }
        if seq >= LIMIT {
            return Kept::New(self.count_on());
        }
        let rising = seq.wrapping_add(self.offset);
        if rising > self.last && rising < LIMIT {
            return Kept::New(self.give(rising));
        }
        self.offset = self.next.wrapping_sub(seq);
        Kept::New(self.count_on())
    }

    fn give(&mut self, seq: u64) -> u64 {
        self.last = seq;
        self.pictures += 1;
        self.next = self.next.max(seq + 1);
        seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn seqs_that_rise_are_kept_with_their_gaps() {
        let mut numbering = Numbering::default();
        let kept = [5, 6, 9, 1000].map(|seq| numbering.keep(seq, seq, 0));
        assert_eq!(kept, [5, 6, 9, 1000].map(Kept::New));
    }

    #[test]
    fn what_was_left_out_does_not_renumber_the_rest() {
        let mut numbering = Numbering::default();
        assert_eq!(numbering.keep(5, 1, 0), Kept::New(5));
        numbering.skip(1);
        numbering.skip(1);
        numbering.skip(1);
        assert_eq!(numbering.keep(6, 2, 0), Kept::New(6));
    }

    #[test]
    fn after_a_restart_the_numbers_go_on_with_their_gaps() {
        let mut numbering = Numbering::default();
        let mut time = 0;
        let given = [100, 101, 1, 2, 5, 1].map(|seq| {
            time += 1;
            numbering.keep(seq, time, 0)
        });
        assert_eq!(given, [100, 101, 102, 103, 106, 107].map(Kept::New));
    }

    #[test]
    fn the_last_frame_once_more_changes_no_number() {
        let mut numbering = Numbering::default();
        assert_eq!(numbering.keep(7, 70, 0), Kept::New(7));
        assert_eq!(numbering.keep(7, 70, 0), Kept::Again(7));
        assert_eq!(numbering.keep(8, 80, 0), Kept::New(8));
        // The seventh of another server.
        assert_eq!(numbering.keep(8, 90, 0), Kept::New(9));
        assert_eq!(numbering.keep(8, 90, 0), Kept::Again(9));
    }

    #[test]
    fn a_frame_that_is_not_shown_any_more_is_new_when_it_comes_again() {
        let mut numbering = Numbering::default();
        assert_eq!(numbering.keep(7, 70, 0), Kept::New(7));
        assert_eq!(numbering.own(), 8);
        assert_eq!(numbering.keep(7, 70, 0), Kept::New(9));
        assert_eq!(numbering.keep(7, 70, 0), Kept::Again(9));
        assert_eq!(numbering.keep(7, 70, 1), Kept::New(10));
        assert_eq!(numbering.keep(8, 80, 1), Kept::New(11));
    }

    proptest! {
        #[test]
        fn whatever_comes_seqs_rise(seqs in prop::collection::vec(prop_oneof![any::<u64>(), 0..50_u64, Just(LIMIT - 1)], 1..50)) {
            let mut numbering = Numbering::default();
            let mut last = 0;
            for seq in seqs {
                let Kept::New(given) = numbering.keep(seq, last, 0) else {
                    continue;
                };
                prop_assert!(given > last && given < 1 << 53);
                last = given;
            }
        }
    }
}
