//! Numbers a camera's publications: like `seq`, but without the gaps from before publication.
//!
//! What is kept of the frames themselves belongs to [`super::Feed`].

use std::collections::VecDeque;

/// The numbers of the last frames.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// `seq` and number of each, rising.
    recent: VecDeque<(u64, u64)>,
}

/// How many are remembered: far more than are encoded at the same time.
const REMEMBERED: usize = 256;

impl Numbers {
    /// How many frames with a `seq` up to this one were published, this one included where it is the newest of all, and
    /// whether it is that. The same frame has the same number in every rendition.
    pub(super) fn number(&mut self, seq: u64) -> (u64, bool) {
        let last = self.recent.back().copied();
        match last {
            Some((newest, _)) if seq <= newest => {
                let known = self.recent.iter().rev().find(|(known, _)| *known <= seq);
                (known.map_or(0, |(_, number)| *number), false)
            }
            _ => {
                let number = last.map_or(1, |(_, number)| number + 1);
                if self.recent.len() == REMEMBERED {
                    self.recent.pop_front();
                }
                self.recent.push_back((seq, number));
                (number, true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_left_out_and_a_frame_has_one_number_in_all_renditions() {
        let mut numbers = Numbers::default();
        let given = [10, 20, 10, 20, 40, 30, 40, 1000].map(|seq| numbers.number(seq));
        assert_eq!(
            given.map(|(number, _)| number),
            [1, 2, 1, 2, 3, 2, 3, 4],
            "the late 30 counts as the one before"
        );
        let newest = [10, 20, 40, 1000];
        assert_eq!(given.iter().filter(|(_, new)| *new).count(), newest.len());
    }

    #[test]
    fn memory_is_bounded() {
        let mut numbers = Numbers::default();
        for seq in 0..10_000 {
            assert_eq!(numbers.number(seq), (seq + 1, true));
        }
        assert_eq!(numbers.recent.len(), REMEMBERED);
        assert_eq!(numbers.number(9_999), (10_000, false));
    }
}
