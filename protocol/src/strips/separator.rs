//! A row of a mosaic that is drawn nowhere.
//!
//! Where colours have half as many lines as brightness, decoders make those between from both neighbours, so that the last line of
//! a strip takes colour from the strip below it in the mosaic, which is another one than in the picture. A separator between them has
//! the colours that the picture has there.

use super::{Kind, StripsError, uncut, unlike};
use crate::jpeg::{self, DHT, DQT, SOS};

/// Makes separators for mosaics of one kind.
#[derive(Clone, Debug)]
pub struct Separators {
    /// MCUs in a strip.
    mcus: usize,
    /// Blocks of brightness in an MCU.
    luma_blocks: u32,
    luma: Coder,
    /// Cb and Cr.
    colours: [Coder; 2],
}

impl Separators {
    /// Separators that go with strips of this kind.
    ///
    /// # Errors
    /// Where they have no colours, several blocks of one in an MCU, or tables that cannot say all of them.
    pub fn new(like: &Kind) -> Result<Self, StripsError> {
        let separators = Self::read(like.head(), like.mcus() as usize);
        separators.map_or_else(|| uncut("its tables know no separators"), Ok)
    }

    /// A strip that is grey, and whose colours go in each MCU from those `above`, which are Cb and Cr of the last line of colours in
    /// the strip before on average, to those `below`, of the first line in the strip after. About 60 bytes.
    ///
    /// # Errors
    /// Where there are not as many of these as MCUs in a strip.
    pub fn strip(&self, above: &[[u8; 2]], below: &[[u8; 2]]) -> Result<Vec<u8>, StripsError> {
        if above.len() != self.mcus || below.len() != self.mcus {
            return unlike("a strip has not as many MCUs as there are colours");
        }
        let mut bits = Bits::default();
        let mut means = [0; 2];
        for (above, below) in above.iter().zip(below) {
            for _ in 0..self.luma_blocks {
                bits.put(self.luma.mean[0]);
                bits.put(self.luma.end);
            }
            for (channel, coder) in self.colours.iter().enumerate() {
                let [mean, slope] = coder.ramp(above[channel], below[channel]);
                bits.put_number(&coder.mean, mean - means[channel]);
                means[channel] = mean;
                if slope != 0 {
                    bits.put_number(&coder.slope, slope);
                }
                bits.put(coder.end);
            }
        }
        Ok(bits.finish())
    }

    fn read(head: &[u8], mcus: usize) -> Option<Self> {
        let mut divisors = [None; 4];
        let mut tables = Vec::new();
        let mut components = &[][..];
        let mut selected = &[][..];
        for segment in jpeg::segments(head).map_while(Result::ok) {
            let mut payload = segment.payload;
            match segment.marker {
                DQT => {
                    while let [kind @ 0..=3, rest @ ..] = payload {
                        let (table, rest) = rest.split_first_chunk::<64>()?;
                        // Of the mean, and the third in zigzag order: the first that rises from line to line.
                        divisors[usize::from(*kind)] = Some([table[0], table[2]]);
                        payload = rest;
                    }
                }
                DHT => {
                    while let [kind, rest @ ..] = payload {
                        let (counts, rest) = rest.split_first_chunk::<16>()?;
                        let count = counts.iter().copied().map(usize::from).sum();
                        let (symbols, rest) = rest.split_at_checked(count)?;
                        tables.push((*kind, Table { counts, symbols }));
                        payload = rest;
                    }
                }
                SOS => selected = payload.get(1..)?.as_chunks::<2>().0,
                marker if jpeg::is_frame_header(marker) => {
                    components = payload.get(6..)?.as_chunks::<3>().0;
                }
                _ => {}
            }
        }
        let coder = |([id, _, quantisation], [of, chosen]): (&[u8; 3], &[u8; 2])| {
            // The last one with that number counts.
            let table = |kind: u8| {
                let mut last = tables.iter().rev();
                last.find_map(|(number, table)| (*number == kind).then_some(table))
            };
            let (dc, ac) = (table(chosen >> 4)?, table(0x10 | chosen & 15)?);
            (id == of).then_some(Coder {
                mean: dc.codes(0)?,
                slope: ac.codes(0x10)?,
                end: ac.code(0)?,
                divisors: (*divisors.get(usize::from(*quantisation))?)?,
            })
        };
        let [[_, factors, _], [_, 0x11, _], [_, 0x11, _]] = components else {
            return None;
        };
        let mut coders = components.iter().zip(selected).map(coder);
        Some(Self {
            mcus,
            luma_blocks: u32::from(factors >> 4) * u32::from(factors & 15),
            luma: coders.next()??,
            colours: [coders.next()??, coders.next()??],
        })
    }
}

/// A Huffman code: its bits, and how many there are.
type Code = (u32, u32);

/// The most bits of a number: those of a mean's difference.
const MOST_BITS: usize = 11;

/// How a component's blocks are coded.
#[derive(Clone, Debug)]
struct Coder {
    /// Codes of how many bits the mean's difference has.
    mean: [Code; MOST_BITS + 1],
    /// The same of the slope, and of the coefficient before it, which is zero.
    slope: [Code; MOST_BITS + 1],
    /// Nothing more is in this block.
    end: Code,
    /// What the mean and the slope are divided by.
    divisors: [u8; 2],
}

impl Coder {
    /// Quantised mean and slope of a block that goes from one value to the other.
    fn ramp(&self, above: u8, below: u8) -> [i32; 2] {
        /// The coefficient of a block that rises by one from its first line to its last (T.81 A.3.3):
        /// √2 / 7 · Σ (y − 3.5) cos((2y + 1) π / 16), for y from 0 to 7.
        const SLOPE: f64 = -2.603_1;
        let (above, below) = (f64::from(above), f64::from(below));
        let mean = 4.0 * (above + below) - 1024.0;
        let slope = SLOPE * (below - above);
        let quantised =
            |value: f64, divisor: u8| (value / f64::from(divisor.max(1))).round() as i32;
        [
            quantised(mean, self.divisors[0]),
            quantised(slope, self.divisors[1]),
        ]
    }
}

/// A Huffman table (T.81 B.2.4.2).
#[derive(Clone, Copy)]
struct Table<'a> {
    counts: &'a [u8; 16],
    symbols: &'a [u8],
}

impl Table<'_> {
    /// The code of a symbol (T.81 C.2).
    fn code(&self, symbol: u8) -> Option<Code> {
        let (mut code, mut symbols) = (0_u32, self.symbols);
        for (count, len) in self.counts.iter().zip(1..) {
            let (these, others) = symbols.split_at_checked(usize::from(*count))?;
            if let Some(place) = these.iter().position(|one| *one == symbol) {
                let code = code + place as u32;
                // A table with too many codes has some that do not fit.
                return (code >> len == 0).then_some((code, len));
            }
            code = (code + u32::from(*count)) << 1;
            symbols = others;
        }
        None
    }

    /// Those of the symbols from `first` on, by their numbers of bits. Ten bits are the most of an AC coefficient, and none is its
    /// least: these are not asked for.
    fn codes(&self, first: u8) -> Option<[Code; MOST_BITS + 1]> {
        let mut codes = [(0, 0); MOST_BITS + 1];
        for (bits, code) in (first..).zip(&mut codes) {
            let is_used = first == 0 || (1..=10).contains(&(bits - first));
            if is_used {
                *code = self.code(bits)?;
            }
        }
        Some(codes)
    }
}

/// Picture data as it is written.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Bits that are no whole byte yet.
    pending: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, (bits, count): Code) {
        self.pending = self.pending << count | bits;
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.pending >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
        self.pending &= (1 << self.count) - 1;
    }

    /// How many bits a number has, and these (T.81 F.1.2.1).
    fn put_number(&mut self, codes: &[Code; MOST_BITS + 1], number: i32) {
        let most = (1 << MOST_BITS) - 1;
        let number = number.clamp(-most, most);
        let len = 32 - number.unsigned_abs().leading_zeros();
        self.put(codes[len as usize]);
        let bits = if number < 0 {
            (number - 1) as u32 & ((1 << len) - 1)
        } else {
            number as u32
        };
        self.put((bits, len));
    }

    /// Ones up to a whole byte.
    fn finish(mut self) -> Vec<u8> {
        let left = (8 - self.count) % 8;
        self.put(((1 << left) - 1, left));
        self.bytes
    }
}
