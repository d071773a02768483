//! JPEG → one gzip member (RFC 1952) whose content is the JPEG's base64 text (RFC 4648 §4), written directly.
//!
//! A general deflate searches base64 text for repetitions that are not there. This encoder emits one dynamic-Huffman
//! block with constant code lengths ([`crate::huffman`]), so that packing is a table look-up for each 12 bits of JPEG.
//! Reading packed frames back belongs to [`crate::unpack`](mod@crate::unpack).

use crate::crc;
use crate::huffman::{Code, END, PAD, PAIR, PROLOGUE, PROLOGUE_BITS, SINGLE, rare_fields};
use base64_simd::{AsOut, STANDARD};

/// The gzip header: deflate, no flags, no time, no extra flags, unknown system (RFC 1952 §2.3.1). Constant, so that the
/// same JPEG always packs to the same bytes.
pub(crate) const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// JPEG bytes in a step of the inner loop: 48 bits, eight base64 symbols.
const STEP: usize = 6;

/// JPEG bytes whose text is made, summed and coded at a time, so that all of it stays in a level-1 cache.
const BLOCK: usize = 512 * STEP;

/// Room for the codes of one block: 8 symbols of at most 7 bits a step, plus what the last 8-byte store overhangs.
const CODED_ROOM: usize = BLOCK / STEP * 7 + 16;

/// Packs a JPEG, or any other bytes.
///
/// The result is about 1.004 × the size of a photograph's JPEG, and at most 7/6 × that of any input plus 42 bytes.
pub fn pack(jpeg: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    pack_into(jpeg, &mut out);
    out
}

/// Packs like [`pack`] into a buffer of the caller's, which is cleared first: for callers that keep the allocation.
pub fn pack_into(jpeg: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.reserve(jpeg.len() + jpeg.len() / 100 + GZIP_HEADER.len() + PROLOGUE.len() + 32);
    out.extend_from_slice(&GZIP_HEADER);

    let (whole, rest) = PROLOGUE.split_at(PROLOGUE_BITS / 8);
    out.extend_from_slice(whole);
    let mut bits = Bits {
        acc: u64::from(rest.first().copied().unwrap_or(0)),
        len: PROLOGUE_BITS as u32 % 8,
    };

    let mut crc = crc::Hasher::new();
    let mut text = [0; BLOCK / 3 * 4];
    let mut coded = [0; CODED_ROOM];
    let mut blocks = jpeg.chunks_exact(BLOCK);
    for block in &mut blocks {
        crc.update(STANDARD.encode(block, text.as_mut_slice().as_out()));
        let end = code_steps(&mut bits, block, &mut coded);
        out.extend_from_slice(&coded[..end]);
    }

    let block = blocks.remainder();
    crc.update(STANDARD.encode(block, text.as_mut_slice().as_out()));
    let (steps, tail) = block.split_at(block.len() / STEP * STEP);
    let mut end = code_steps(&mut bits, steps, &mut coded);
    for group in tail.chunks(3) {
        for code in symbols(group) {
            end = bits.put(u64::from(code.bits), u32::from(code.len), &mut coded, end);
        }
    }
    end = bits.put(u64::from(END.bits), u32::from(END.len), &mut coded, end);
    if bits.len > 0 {
        coded[end] = bits.acc as u8;
        end += 1;
    }
    out.extend_from_slice(&coded[..end]);

    out.extend_from_slice(&crc.finalize().to_le_bytes());
    // ISIZE is the length modulo 2³² (RFC 1952 §2.3.1).
    out.extend_from_slice(&(text_len(jpeg.len()) as u32).to_le_bytes());
}

/// Length of the base64 text of this many bytes.
pub(crate) const fn text_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// The codes of one group of base64 (1 to 3 bytes), padded to four symbols.
fn symbols(group: &[u8]) -> [Code; 4] {
    let byte = |i| u32::from(group.get(i).copied().unwrap_or(0));
    let value = byte(0) << 16 | byte(1) << 8 | byte(2);
    let symbol = |i: u32| SINGLE[(value >> (18 - 6 * i)) as usize & 63];
    [
        symbol(0),
        symbol(1),
        if group.len() > 1 { symbol(2) } else { PAD },
        if group.len() > 2 { symbol(3) } else { PAD },
    ]
}

/// Bits that don't fill a byte yet; always fewer than 8 between calls.
struct Bits {
    acc: u64,
    len: u32,
}

impl Bits {
    /// Appends at most 56 bits and returns the new end of what is whole in `out`.
    #[inline(always)]
    fn put(&mut self, bits: u64, len: u32, out: &mut [u8; CODED_ROOM], at: usize) -> usize {
        self.acc |= bits << self.len;
        out[at..at + 8].copy_from_slice(&self.acc.to_le_bytes());
        let len = self.len + len;
        self.acc >>= len & !7;
        self.len = len & 7;
        at + len as usize / 8
    }

    /// Appends 48 bits; how many are left over does not change.
    #[inline(always)]
    fn put_bytes(&mut self, bits: u64, out: &mut [u8; CODED_ROOM], at: usize) -> usize {
        self.acc |= bits << self.len;
        out[at..at + 8].copy_from_slice(&self.acc.to_le_bytes());
        self.acc >>= 48;
        at + 6
    }
}

/// Codes whole steps and returns how many bytes of `out` are whole.
fn code_steps(state: &mut Bits, block: &[u8], out: &mut [u8; CODED_ROOM]) -> usize {
    // A copy that lives in registers.
    let mut bits = Bits { ..*state };
    let mut end = 0;
    let mut wide = block.chunks_exact(4 * STEP);
    for steps in &mut wide {
        let steps: &[u8; 4 * STEP] = steps.try_into().expect("chunks_exact gives whole chunks");
        // 8-byte loads that stay inside the chunk: three with the step in front, the last with it at the end.
        let word = |at: usize| {
            let (_, from) = steps.split_at(at);
            u64::from_be_bytes(*from.first_chunk().expect("at most 16 of 24"))
        };
        for value in [word(0) >> 16, word(6) >> 16, word(12) >> 16, word(16)] {
            end = code_step(&mut bits, value, out, end);
        }
    }
    for step in wide.remainder().chunks_exact(STEP) {
        let value = step
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        end = code_step(&mut bits, value, out, end);
    }
    *state = bits;
    end
}

/// Codes the low 48 bits of `value`. Where no symbol is rare (five steps of six), no step waits for the one before it.
#[inline(always)]
fn code_step(bits: &mut Bits, value: u64, out: &mut [u8; CODED_ROOM], at: usize) -> usize {
    let pair = |shift: u32| u64::from(PAIR[(value >> shift) as usize & 0xfff]);
    let mut fields = pair(36) | pair(24) << 12 | pair(12) << 24 | pair(0) << 36;
    let mut rare = rare_fields(fields);
    if rare == 0 {
        return bits.put_bytes(fields, out, at);
    }
    // From the last to the first, each moves what follows it by one bit.
    let mut len = 48;
    while rare != 0 {
        let last = 1 << rare.ilog2();
        let below = (last << 1) - 1;
        fields = fields & below | (fields & !below) << 1 | (!fields & last) << 1;
        rare ^= last;
        len += 1;
    }
    bits.put(fields, len, out, at)
}
