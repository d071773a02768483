//! The inverse of [`crate::pack`](mod@crate::pack): members with its constant code → JPEG, without a general inflater.
//!
//! It answers only "this is the JPEG, CRC-32 and length prove it" or "ask the general way". Which error a message
//! deserves is for [`crate::unpack`](mod@crate::unpack) to find.

use crate::buffer::grow;
use crate::crc;
use crate::huffman::{
    FIELD_BITS, FIELDS, INVERSE, PROLOGUE, PROLOGUE_BITS, RARE_FIELD, rare_fields,
};
use crate::pack::{GZIP_HEADER, text_len};
use base64_simd::{AsOut, STANDARD};

/// JPEG bytes in a step of the inner loop: eight symbols.
const STEP: usize = 6;
/// JPEG bytes that are decoded, then summed as text, at a time, so that all of it stays in a level-1 cache.
const BLOCK: usize = 512 * STEP;
/// Bytes that the 8-byte store of a step writes beyond the step.
pub(crate) const OVERHANG: usize = 8 - STEP;

/// Decodes a message that [`pack`](crate::pack()) wrote into `jpeg` and returns the JPEG's length.
///
/// `None` where the message is anything else, however slightly, or holds more than `limit` bytes. `jpeg` never grows
/// beyond what both the limit and the message's own length allow, plus [`OVERHANG`].
pub(crate) fn unpack(message: &[u8], limit: usize, jpeg: &mut Vec<u8>) -> Option<usize> {
    let mut reader = Reader::after_prologue(message)?;
    let isize = u32::from_le_bytes(*message.last_chunk()?) as usize;
    let room = isize / 4 * 3;
    // No symbol is shorter than a field, so four of them never hold more than the three bytes that they stand for.
    if room > text_len(limit) / 4 * 3 || room > message.len() {
        return None;
    }
    grow(jpeg, room + OVERHANG);

    let mut crc = crc::Hasher::new();
    let mut text = [0; text_len(BLOCK)];
    let mut len = 0;
    loop {
        let steps = (room - len) / STEP * STEP;
        let block = jpeg.get_mut(len..len + steps.min(BLOCK) + OVERHANG)?;
        let decoded = reader.steps(block, &mut text);
        crc.update(&text[..text_len(decoded)]);
        len += decoded;
        if decoded < BLOCK {
            break;
        }
    }

    let tail = jpeg.get_mut(len..room)?;
    let tail_len = reader.tail(tail)?;
    crc.update(STANDARD.encode(&tail[..tail_len], text.as_mut_slice().as_out()));
    len += tail_len;

    let (sum, length) = reader.trailer()?;
    let proven = sum == crc.finalize() && length == text_len(len) as u32 && len <= limit;
    proven.then_some(len)
}

/// A position in a message, and its bits from there on.
struct Reader<'a> {
    message: &'a [u8],
    bit: usize,
}

impl<'a> Reader<'a> {
    /// Stands at the first symbol, if the message begins with pack's constant bytes.
    fn after_prologue(message: &'a [u8]) -> Option<Self> {
        let deflated = message.strip_prefix(&GZIP_HEADER)?;
        let (whole, rest) = PROLOGUE.split_at(PROLOGUE_BITS / 8);
        let next = *deflated.strip_prefix(whole)?.first()?;
        let mask = (1 << (PROLOGUE_BITS % 8)) - 1;
        rest.iter()
            .all(|last| (next ^ last) & mask == 0)
            .then_some(Self {
                message,
                bit: GZIP_HEADER.len() * 8 + PROLOGUE_BITS,
            })
    }

    /// At least 57 bits from the position on. Inside the deflate data there are always as many: the trailer follows.
    #[inline(always)]
    fn peek(&self) -> Option<u64> {
        let bytes = self.message.get(self.bit / 8..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes) >> (self.bit % 8))
    }

    /// Decodes whole steps until `jpeg` has only [`OVERHANG`] left, or something else than eight base64 symbols comes.
    /// Returns the number of JPEG bytes; their text stands at the beginning of `text`.
    fn steps(&mut self, jpeg: &mut [u8], text: &mut [u8; text_len(BLOCK)]) -> usize {
        let inverse: &[u32; 4096] = &INVERSE;
        let mut at = 0;
        for text in text.chunks_exact_mut(text_len(STEP)) {
            let Some(jpeg) = jpeg.get_mut(at..at + STEP + OVERHANG) else {
                break;
            };
            let Some((fields, len)) = self.peek().and_then(fields) else {
                break;
            };
            let pair = |i: u32| inverse[(fields >> (i * 2 * FIELD_BITS)) as usize & 0xfff];
            let pairs = [pair(0), pair(1), pair(2), pair(3)];
            let value = pairs
                .iter()
                .fold(0, |value, pair| value << 12 | u64::from(pair >> 16));
            jpeg.copy_from_slice(&(value << 16).to_be_bytes());
            for (text, pair) in text.chunks_exact_mut(2).zip(pairs) {
                text.copy_from_slice(&(pair as u16).to_le_bytes());
            }
            self.bit += len;
            at += STEP;
        }
        at
    }

    /// Decodes the last symbols one by one: at most seven, padding, the end of the block. Returns the number of bytes.
    fn tail(&mut self, out: &mut [u8]) -> Option<usize> {
        let (mut value, mut symbols, mut pads) = (0u64, 0, 0);
        loop {
            let bits = self.peek()?;
            let field = bits & 0x3f;
            let rare = field & RARE_FIELD == RARE_FIELD;
            self.bit += if rare { 7 } else { 6 };
            match (rare, bits >> 5 & 3) {
                (true, 0b11) => break,
                (true, 0b00) if pads < 2 => pads += 1,
                (true, 0b00) => return None,
                _ if pads > 0 || symbols == FIELDS - 1 => return None,
                _ => {
                    value = value << 6 | u64::from(INVERSE[field as usize] >> 22);
                    symbols += 1;
                }
            }
        }
        let unused = symbols * 6 % 8;
        if (symbols + pads) % 4 != 0 || value & ((1 << unused) - 1) != 0 {
            return None;
        }
        let len = (symbols * 6 / 8) as usize;
        let bytes = (value >> unused).to_be_bytes();
        out.get_mut(..len)?.copy_from_slice(&bytes[8 - len..]);
        Some(len)
    }

    /// CRC-32 and length from the trailer, if exactly a trailer follows (RFC 1952 §2.3.1).
    fn trailer(&self) -> Option<(u32, u32)> {
        let trailer: &[u8; 8] = self.message.get(self.bit.div_ceil(8)..)?.try_into().ok()?;
        let trailer = u64::from_le_bytes(*trailer);
        Some((trailer as u32, (trailer >> 32) as u32))
    }
}

/// The next eight symbols in fields of equal size, and the number of bits that they take. `None` where one of them is
/// padding or the end of the block.
///
/// A 7-bit code is known by its first five bits. Where there is none (five steps of six), the fields are the bits as
/// they are: no step waits for the lengths in the one before it.
#[inline(always)]
fn fields(mut bits: u64) -> Option<(u64, usize)> {
    let mut len = (FIELDS * FIELD_BITS) as usize;
    let mut rare = rare_fields(bits);
    while rare != 0 {
        let first = rare & rare.wrapping_neg();
        // The bits after the five ones tell padding (00) and the end (11) from the two rare symbols (01 and 10).
        if (bits ^ bits >> 1) & first == 0 {
            return None;
        }
        let below = (first << 1) - 1;
        bits = bits & below | bits >> 1 & !below;
        len += 1;
        rare = rare_fields(bits) & !below;
    }
    Some((bits, len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unpacker;
    use crate::huffman::{ALPHABET, END, PAD, SINGLE};
    use proptest::prelude::*;

    /// A message in the constant code whose text is any sequence of base64 symbols (0..64) and padding (64).
    fn message(symbols: &[usize]) -> Vec<u8> {
        let mut out = [GZIP_HEADER.as_slice(), &PROLOGUE].concat();
        let mut bit = GZIP_HEADER.len() * 8 + PROLOGUE_BITS;
        let mut text = Vec::new();
        let codes = symbols.iter().map(|symbol| {
            text.push(ALPHABET.get(*symbol).copied().unwrap_or(b'='));
            SINGLE.get(*symbol).copied().unwrap_or(PAD)
        });
        for code in codes.collect::<Vec<_>>().into_iter().chain([END]) {
            for i in 0..code.len {
                if bit.is_multiple_of(8) {
                    out.push(0);
                }
                out[bit / 8] |= ((code.bits >> i & 1) as u8) << (bit % 8);
                bit += 1;
            }
        }
        out.extend(crc::hash(&text).to_le_bytes());
        out.extend((text.len() as u32).to_le_bytes());
        out
    }

    fn both_agree(message: &[u8]) {
        for limit in [4, 50, 1 << 20] {
            let short = Unpacker::new(limit).unpack(message).map(<[u8]>::to_vec);
            let general = Unpacker::new(limit).unpack_any(message).map(<[u8]>::to_vec);
            assert_eq!(short, general);
        }
    }

    #[test]
    fn what_pack_writes_is_taken() {
        let mut jpeg = Vec::new();
        // Miri has patience for few.
        let step = if cfg!(miri) { 40 } else { 1 };
        let lens = (0..100).chain(3060..3090).chain([6144, 10_000]);
        for len in lens.step_by(step) {
            let bytes: Vec<u8> = (0..len).map(|i| ((i * i) >> 3) as u8).collect();
            let message = crate::pack(&bytes);
            assert_eq!(unpack(&message, len, &mut jpeg), Some(len));
            assert_eq!(jpeg[..len], bytes);
            assert_eq!(
                unpack(&message, len.wrapping_sub(1).min(len), &mut jpeg).is_some(),
                len == 0
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 4096 }))]

        /// Padding anywhere, lengths that are no multiple of four, bits that no byte uses: refused or decided alike.
        #[test]
        fn texts_in_the_constant_code_get_the_general_answer(
            // SOI is "/9g" to "/9j".
            start in prop_oneof![Just(vec![63, 61, 35, 63]), Just(vec![63, 61])],
            middle in proptest::collection::vec(prop_oneof![9 => 0..64usize, 1 => Just(33usize), 1 => Just(44)], 0..40),
            // EOI is "/9k=", "/2Q==" behind other bits, or "…/Z".
            end in prop_oneof![
                Just(vec![63, 61, 36, 64]), Just(vec![63, 61, 37, 64]), Just(vec![15, 63, 25]), Just(vec![3, 63, 54, 16, 64, 64]),
                proptest::collection::vec(0..=64usize, 0..6),
            ],
        ) {
            both_agree(&message(&[start, middle, end].concat()));
        }
    }
}
