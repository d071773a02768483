//! The one Huffman code that every packed frame uses, and the tables derived from it at compile time.
//!
//! Base64 of a JPEG is 64 nearly equiprobable symbols in which LZ77 finds nothing, so the code is a constant: 62 base64
//! symbols have 6 bits; the two rarest, `=` and the end of the block have 7 (62/64 + 4/128 = 1, a complete code).
//! Writing bits into a gzip member belongs to [`crate::pack`](mod@crate::pack).

use std::sync::LazyLock;

/// Size of a base64 alphabet.
const SYMBOLS: usize = 64;

/// The standard alphabet of RFC 4648 §4.
pub(crate) const ALPHABET: &[u8; SYMBOLS] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The two base64 symbols that get 7 bits: the rarest of 180 JPEGs (20 photographs, 4:2:0, three sizes, q50, q80, q95),
/// 1.11 % and 1.15 % of their text.
const RARE: [u8; 2] = *b"hs";

/// End of block, RFC 1951 §3.2.5.
const END_OF_BLOCK: usize = 256;

/// Number of literal/length codes sent: 0..=256, no match lengths.
const LITERALS: usize = 257;

/// A Huffman code as deflate writes it: first bit in bit 0.
#[derive(Clone, Copy)]
pub(crate) struct Code {
    pub bits: u16,
    pub len: u8,
}

const LENGTHS: [u8; LITERALS] = lengths();
const CODES: [Code; LITERALS] = assign(&LENGTHS);

/// `=`, the padding of RFC 4648.
pub(crate) const PAD: Code = CODES[b'=' as usize];
/// The end of the block.
pub(crate) const END: Code = CODES[END_OF_BLOCK];

/// One code for each base64 value 0..64.
pub(crate) static SINGLE: [Code; SYMBOLS] = singles();

/// Bits in a field: a 6-bit code, or the first six bits of a 7-bit one.
///
/// Eight symbols whose codes all have 6 bits are eight fields side by side: six bytes of JPEG are six bytes of code. The
/// rare symbols' codes are five ones, a bit, and that bit's inverse, so that a field tells their last bit too.
pub(crate) const FIELD_BITS: u32 = 6;
/// A field's low bits where it begins a 7-bit code.
pub(crate) const RARE_FIELD: u64 = 0b1_1111;
/// Fields that are handled at a time.
pub(crate) const FIELDS: u32 = 8;

/// For each 12 bits of JPEG, the fields of its two base64 symbols, the first in the low bits.
pub(crate) static PAIR: [u16; 4096] = pairs();

/// For each pair of fields, its two base64 symbols as they stand in memory (little-endian) in 0..16 and its 12 bits of
/// JPEG in 16..28. Made when it is first needed (in some µs): it doesn't compress, and browsers download this crate.
pub(crate) static INVERSE: LazyLock<[u32; 4096]> = LazyLock::new(inverse);

/// Bit 0 of each field.
const LOWEST: u64 = {
    let mut bits = 0;
    let mut field = 0;
    while field < FIELDS {
        bits |= 1 << (field * FIELD_BITS);
        field += 1;
    }
    bits
};

/// The highest bit of each field that begins a 7-bit code.
#[inline(always)]
pub(crate) const fn rare_fields(fields: u64) -> u64 {
    ((fields & (LOWEST * RARE_FIELD)) + LOWEST) & (LOWEST << 5)
}

/// Everything up to the first symbol: the block header (BFINAL = 1, BTYPE = 10) and the code lengths of RFC 1951 §3.2.7.
/// The last `PROLOGUE_BITS % 8` bits are in the low end of the last byte.
pub(crate) const PROLOGUE: [u8; PROLOGUE_BITS.div_ceil(8)] = {
    let mut bytes = [0; PROLOGUE_BITS.div_ceil(8)];
    let mut i = 0;
    while i < bytes.len() {
        bytes[i] = PROLOGUE_WRITER.bytes[i];
        i += 1;
    }
    bytes
};
/// Length of [`PROLOGUE`] in bits.
pub(crate) const PROLOGUE_BITS: usize = PROLOGUE_WRITER.len;
const PROLOGUE_WRITER: BitWriter = prologue();

const fn lengths() -> [u8; LITERALS] {
    let mut lengths = [0; LITERALS];
    let mut i = 0;
    while i < SYMBOLS {
        lengths[ALPHABET[i] as usize] = 6;
        i += 1;
    }
    lengths[RARE[0] as usize] = 7;
    lengths[RARE[1] as usize] = 7;
    lengths[b'=' as usize] = 7;
    lengths[END_OF_BLOCK] = 7;
    lengths
}

/// Canonical codes from code lengths, RFC 1951 §3.2.2.
const fn assign<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
    let mut codes = [Code { bits: 0, len: 0 }; N];
    let mut next = 0u16;
    let mut len = 1;
    while len <= 15 {
        next <<= 1;
        let mut symbol = 0;
        while symbol < N {
            if lengths[symbol] == len {
                codes[symbol] = Code {
                    bits: next.reverse_bits() >> (16 - len),
                    len,
                };
                next += 1;
            }
            symbol += 1;
        }
        len += 1;
    }
    codes
}

const fn singles() -> [Code; SYMBOLS] {
    let mut single = [PAD; SYMBOLS];
    let mut i = 0;
    while i < SYMBOLS {
        single[i] = CODES[ALPHABET[i] as usize];
        i += 1;
    }
    single
}

const fn pairs() -> [u16; 4096] {
    let single = singles();
    let mut pairs = [0; 4096];
    let mut i = 0;
    while i < pairs.len() {
        let (first, second) = (single[i >> 6].bits & 63, single[i & 63].bits & 63);
        pairs[i] = first | second << FIELD_BITS;
        i += 1;
    }
    pairs
}

fn inverse() -> [u32; 4096] {
    let pairs = pairs();
    let mut inverse = [0; 4096];
    let mut i = 0;
    while i < inverse.len() {
        let text = [ALPHABET[i >> 6], ALPHABET[i & 63]];
        inverse[pairs[i] as usize] = (i as u32) << 16 | u16::from_le_bytes(text) as u32;
        i += 1;
    }
    inverse
}

/// Longest prologue that the writer holds; the real one is about 40 bytes.
const PROLOGUE_ROOM: usize = 96;

struct BitWriter {
    bytes: [u8; PROLOGUE_ROOM],
    len: usize,
}

impl BitWriter {
    const fn put(mut self, value: u32, count: usize) -> Self {
        let mut i = 0;
        while i < count {
            self.bytes[self.len / 8] |= (((value >> i) & 1) as u8) << (self.len % 8);
            self.len += 1;
            i += 1;
        }
        self
    }

    const fn code(self, code: Code) -> Self {
        self.put(code.bits as u32, code.len as usize)
    }
}

/// The order in which deflate sends the lengths of the code-length code, RFC 1951 §3.2.7.
const CODE_LENGTH_ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

const fn prologue() -> BitWriter {
    // Symbols used in the list of code lengths: 6, 7, 0 (a single zero), 16 (repeat the last 3 to 6 times), 17 (3 to 10
    // zeros) and 18 (11 to 138 zeros).
    let mut code_length_lengths = [0u8; 19];
    code_length_lengths[6] = 2;
    code_length_lengths[16] = 2;
    code_length_lengths[7] = 2;
    code_length_lengths[0] = 3;
    code_length_lengths[17] = 4;
    code_length_lengths[18] = 4;
    let codes = assign(&code_length_lengths);

    let mut writer = BitWriter {
        bytes: [0; PROLOGUE_ROOM],
        len: 0,
    };
    writer = writer.put(1, 1).put(2, 2);
    writer = writer.put((LITERALS - 257) as u32, 5).put(0, 5);
    let mut sent = CODE_LENGTH_ORDER.len();
    while code_length_lengths[CODE_LENGTH_ORDER[sent - 1]] == 0 {
        sent -= 1;
    }
    writer = writer.put(sent as u32 - 4, 4);
    let mut i = 0;
    while i < sent {
        writer = writer.put(code_length_lengths[CODE_LENGTH_ORDER[i]] as u32, 3);
        i += 1;
    }

    let mut symbol = 0;
    while symbol < LITERALS {
        let len = LENGTHS[symbol];
        let mut run = 1;
        while symbol + run < LITERALS && LENGTHS[symbol + run] == len {
            run += 1;
        }
        symbol += run;
        if len > 0 {
            writer = writer.code(codes[len as usize]);
            run -= 1;
        }
        while run > 0 {
            if len == 0 && run >= 11 {
                let count = if run < 138 { run } else { 138 };
                writer = writer.code(codes[18]).put(count as u32 - 11, 7);
                run -= count;
            } else if len == 0 && run >= 3 {
                writer = writer.code(codes[17]).put(run as u32 - 3, 3);
                run = 0;
            } else if len > 0 && run >= 3 {
                let count = if run < 6 { run } else { 6 };
                writer = writer.code(codes[16]).put(count as u32 - 3, 2);
                run -= count;
            } else {
                writer = writer.code(codes[len as usize]);
                run -= 1;
            }
        }
    }
    // One distance code of zero bits: "the data is all literals" (RFC 1951 §3.2.7).
    writer.code(codes[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_complete() {
        let kraft: u32 = LENGTHS
            .iter()
            .filter(|len| **len > 0)
            .map(|len| 128 >> len)
            .sum();
        assert_eq!(kraft, 128);
    }

    /// What [`FIELD_BITS`] says, and that padding and the end of the block are told from the rare symbols.
    #[test]
    fn a_7_bit_code_is_five_ones_and_two_bits_that_differ_for_base64_symbols_only() {
        for (symbol, code) in CODES.iter().enumerate() {
            match code.len {
                0 => {}
                6 => assert_ne!(u64::from(code.bits) & RARE_FIELD, RARE_FIELD),
                7 => {
                    assert_eq!(u64::from(code.bits) & RARE_FIELD, RARE_FIELD);
                    let last = match symbol {
                        END_OF_BLOCK => 0b11,
                        _ if symbol == usize::from(b'=') => 0b00,
                        _ if symbol == usize::from(RARE[0]) => 0b10,
                        _ => 0b01,
                    };
                    assert_eq!(code.bits >> 5, last);
                }
                other => panic!("{symbol} has {other} bits"),
            }
        }
    }

    #[test]
    fn rare_fields_are_found_whatever_stands_beside_them() {
        for fields in [0u64, !0, LOWEST, LOWEST << 5, 0x1234_5678_9abc_def0] {
            for field in 0..FIELDS {
                let is_rare = fields >> (field * FIELD_BITS) & RARE_FIELD == RARE_FIELD;
                let found = rare_fields(fields) >> (field * FIELD_BITS) & 63;
                assert_eq!(found, u64::from(is_rare) << 5);
            }
        }
    }
}
