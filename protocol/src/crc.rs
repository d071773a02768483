//! CRC-32 of gzip members (RFC 1952 §2.3.1).
//!
//! Natively it is crc32fast's, which has instructions of the processor for it. WebAssembly has none, and there its tables
//! would be an eighth of the viewer's download: 16 KiB that no compression makes smaller. They are computed here instead.

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crc32fast::{Hasher, hash};
#[cfg(target_arch = "wasm32")]
pub(crate) use sliced::{Hasher, hash};

#[cfg(any(test, target_arch = "wasm32"))]
mod sliced {
    use std::array;
    use std::sync::LazyLock;

    /// Bytes in a step of the loop: what they do to the sum is looked up in a table of each one's own.
    const SLICE: usize = 16;

    /// The polynomial, its bits reversed (RFC 1952 §8).
    const POLYNOMIAL: u32 = 0xedb8_8320;

    type Tables = [[u32; 256]; SLICE];

    static TABLES: LazyLock<Tables> = LazyLock::new(tables);

    fn tables() -> Tables {
        let first = array::from_fn(|byte| {
            (0..8).fold(byte as u32, |sum, _| {
                (sum >> 1) ^ if sum & 1 == 1 { POLYNOMIAL } else { 0 }
            })
        });
        let mut tables = [first; SLICE];
        for slice in 1..SLICE {
            tables[slice] = tables[slice - 1].map(|sum| (sum >> 8) ^ first[usize::from(sum as u8)]);
        }
        tables
    }

    /// A sum that grows.
    pub(crate) struct Hasher {
        inverted: u32,
    }

    impl Hasher {
        pub(crate) fn new() -> Self {
            Self { inverted: !0 }
        }

        pub(crate) fn update(&mut self, bytes: &[u8]) {
            let tables = &*TABLES;
            let (slices, rest) = bytes.as_chunks::<SLICE>();
            for slice in slices {
                let mut slice = *slice;
                for (byte, sum) in slice.iter_mut().zip(self.inverted.to_le_bytes()) {
                    *byte ^= sum;
                }
                // The first byte has the most bytes behind it.
                let looked_up = slice.iter().zip(tables.iter().rev());
                self.inverted =
                    looked_up.fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)]);
            }
            for byte in rest {
                let looked_up = tables[0][usize::from(self.inverted as u8 ^ byte)];
                self.inverted = (self.inverted >> 8) ^ looked_up;
            }
        }

        pub(crate) fn finalize(self) -> u32 {
            !self.inverted
        }
    }

    pub(crate) fn hash(bytes: &[u8]) -> u32 {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::sliced;

    #[test]
    fn the_check_value_of_the_catalogues_comes_out() {
        assert_eq!(sliced::hash(b"123456789"), 0xcbf4_3926);
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(if cfg!(miri) { 8 } else { 256 }))]

        #[test]
        fn it_is_the_sum_that_crc32fast_has(bytes: Vec<u8>, cut: proptest::sample::Index) {
            let mut hasher = sliced::Hasher::new();
            let (first, second) = bytes.split_at(cut.index(bytes.len() + 1));
            hasher.update(first);
            hasher.update(second);
            proptest::prop_assert_eq!(hasher.finalize(), crc32fast::hash(&bytes));
        }
    }
}
