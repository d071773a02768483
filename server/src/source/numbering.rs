//! The seqs of one camera's frames: they only rise, whoever numbered the frames first.
//!
//! What a seq is for belongs to [`super::RawFrame`].

/// Gives each frame its seq.
#[derive(Debug)]
pub(super) struct Numbering {
    /// The highest seq given.
    last: u64,
    /// The seq of the next frame that brings none of its own.
    next: u64,
    /// What is added to seqs that frames bring along; not 0 once such a seq fell.
    offset: u64,
}

impl Default for Numbering {
    fn default() -> Self {
        Self {
            last: 0,
            next: 1,
            offset: 0,
        }
    }
}

/// A seq from here on cannot be one that was counted. Half of what JSON's numbers carry: whoever sends the highest that is
/// kept leaves room to count on.
const LIMIT: u64 = 1 << 52;

impl Numbering {
    /// The seq that a frame of our own would get.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The seq of a frame of our own.
    pub fn own(&mut self) -> u64 {
        self.give(self.next)
    }

    /// A frame of our own was left out.
    pub fn skip(&mut self) {
        self.next += 1;
    }

    /// The seq of a frame that brings one along: that one, while it rises. Where it falls, its sender has begun anew, and
    /// its frames are numbered on from here.
    pub fn keep(&mut self, seq: u64) -> u64 {
        if seq >= LIMIT {
            return self.own();
        }
        let rising = seq.wrapping_add(self.offset);
        if rising > self.last && rising < LIMIT {
            return self.give(rising);
        }
        self.offset = self.next.wrapping_sub(seq);
        self.own()
    }

    fn give(&mut self, seq: u64) -> u64 {
        self.last = seq;
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
        let kept = [5, 6, 9, 1000].map(|seq| numbering.keep(seq));
        assert_eq!(kept, [5, 6, 9, 1000]);
    }

    #[test]
    fn what_was_left_out_does_not_renumber_the_rest() {
        let mut numbering = Numbering::default();
        assert_eq!(numbering.keep(5), 5);
        numbering.skip();
        numbering.skip();
        numbering.skip();
        assert_eq!(numbering.keep(6), 6);
    }

    #[test]
    fn after_a_restart_the_numbers_go_on_with_their_gaps() {
        let mut numbering = Numbering::default();
        let given = [100, 101, 1, 2, 5, 1].map(|seq| numbering.keep(seq));
        assert_eq!(given, [100, 101, 102, 103, 106, 107]);
    }

    proptest! {
        #[test]
        fn whatever_comes_seqs_rise(seqs in prop::collection::vec(prop_oneof![any::<u64>(), 0..50_u64, Just(LIMIT - 1)], 1..50)) {
            let mut numbering = Numbering::default();
            let mut last = 0;
            for seq in seqs {
                let given = numbering.keep(seq);
                prop_assert!(given > last && given < 1 << 53);
                last = given;
            }
        }
    }
}
