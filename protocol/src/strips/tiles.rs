//! What a mosaic shows, as its stamp tells: three keys more than every stamp has.
//!
//! ```text
//! since = number              ; seq: shows what was seen since that frame, and needs the picture that it left
//! size  = w "x" h             ; pixels of the picture
//! tiles = item *( sep item )  ; rows of the mosaic, from the top
//! item  = strip [ "." count ] ; that strip and the count - 1 below it in the picture, decimal
//! sep   = "," / ";"           ; ";": one row of the mosaic lies between that is drawn nowhere
//! ```
//!
//! Numbers are decimal, without sign, and without zeros before others. A stamp has all of these keys or none.

use super::StripsError;
use crate::jpeg::{MAX_PIXELS, MAX_SIDE};
use crate::stamp;
use std::fmt;

/// The most lines that a mosaic has: textures of older graphics processors have no more.
pub const MAX_LINES: u32 = 8192;

/// The most rows that a mosaic has: of 8 lines each.
const MAX_ROWS: u32 = MAX_LINES / 8;

/// What a mosaic shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// The `seq` of a frame: it shows everything that has changed since then, and has to be drawn over what that frame and those
    /// after it left.
    pub since: u64,
    /// Pixels of the picture.
    pub size: (u16, u16),
    /// Rows of the mosaic, from the top.
    pub runs: Vec<Run>,
}

/// Rows of a mosaic that are below each other in the picture as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Number of the uppermost strip.
    pub strip: u32,
    /// How many there are, one at least.
    pub count: u32,
    /// Whether one row of the mosaic lies before them that is drawn nowhere. Not before the first ones.
    pub is_separated: bool,
}

impl Tiles {
    /// What the stamp of a JPEG tells. `None` where it has none of the keys, as whole pictures have, or no stamp at all.
    ///
    /// # Errors
    /// Where one of the keys is missing, there twice, or does not follow the grammar; where there are more rows than a mosaic of
    /// [`MAX_LINES`] may have; and where the size is one that no receiver takes.
    pub fn read(jpeg: &[u8]) -> Result<Option<Self>, StripsError> {
        let bad = |why| Err(StripsError::BadStamp { why });
        let [mut since, mut size, mut tiles] = [None; 3];
        for (key, value) in stamp::pairs(jpeg).into_iter().flatten() {
            let place = match key {
                "since" => &mut since,
                "size" => &mut size,
                "tiles" => &mut tiles,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return bad("a key is there twice");
            }
        }
        let (since, size, tiles) = match (since, size, tiles) {
            (None, None, None) => return Ok(None),
            (Some(since), Some(size), Some(tiles)) => (since, size, tiles),
            _ => return bad("a key is missing"),
        };
        let Some(since) = number(since) else {
            return bad("since is no number");
        };
        let size = size.split_once('x').and_then(|(width, height)| {
            let side = |text| number(text).and_then(|side| u16::try_from(side).ok());
            Some((side(width)?, side(height)?))
        });
        let is_size = |(width, height): &(u16, u16)| {
            let sides = 1..=MAX_SIDE;
            sides.contains(width)
                && sides.contains(height)
                && u32::from(*width) * u32::from(*height) <= MAX_PIXELS
        };
        let Some(size) = size.filter(is_size) else {
            return bad("size is none");
        };
        let Some(runs) = runs(tiles) else {
            return bad("tiles are none, or too many");
        };
        Ok(Some(Self { since, size, runs }))
    }

    /// Rows of the mosaic, with those that are drawn nowhere.
    pub fn rows(&self) -> u32 {
        let rows = self.runs.iter().map(Run::rows);
        rows.fold(0, u32::saturating_add)
    }
}

impl Run {
    fn rows(&self) -> u32 {
        self.count.saturating_add(self.is_separated.into())
    }
}

/// The keys as they stand in a stamp, with a space before each.
impl fmt::Display for Tiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = self.size;
        write!(f, " since={} size={width}x{height} tiles=", self.since)?;
        for (place, run) in self.runs.iter().enumerate() {
            match (place, run.is_separated) {
                (0, _) => {}
                (_, true) => f.write_str(";")?,
                (_, false) => f.write_str(",")?,
            }
            write!(f, "{}", run.strip)?;
            if run.count != 1 {
                write!(f, ".{}", run.count)?;
            }
        }
        Ok(())
    }
}

fn runs(mut text: &str) -> Option<Vec<Run>> {
    let mut runs = Vec::new();
    let mut rows = 0_u32;
    let mut is_separated = false;
    loop {
        let end = text.find([',', ';']);
        let item = &text[..end.unwrap_or(text.len())];
        let (strip, count) = match item.split_once('.') {
            Some((strip, count)) => (strip, number(count)?),
            None => (item, 1),
        };
        let run = Run {
            strip: number(strip)?.try_into().ok()?,
            count: u32::try_from(count).ok().filter(|count| *count > 0)?,
            is_separated,
        };
        rows = rows.saturating_add(run.rows());
        if rows > MAX_ROWS {
            return None;
        }
        runs.push(run);
        let Some(end) = end else {
            return Some(runs);
        };
        is_separated = text.as_bytes()[end] == b';';
        text = &text[end + 1..];
    }
}

/// Digits alone: no sign, as `parse` takes, and one way only to write each number.
fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = text == "0" || !text.starts_with('0');
    (is_plain && is_short).then(|| text.parse().ok()).flatten()
}
