//! Mosaics: strips of a picture below each other in a JPEG of their own, of which the stamp tells where they belong.

use super::cut::join;
use super::{Cut, Kind, MAX_LINES, Run, StripsError, Tiles, unfit, unlike};
use crate::stamp::Stamp;

/// A mosaic that is what its stamp tells, so that it can be drawn: each of its rows is a strip of the picture, and none is there
/// twice.
#[derive(Clone, Debug)]
pub struct Mosaic<'a> {
    stamp: Stamp,
    tiles: Tiles,
    cut: Cut<'a>,
    /// Strips of the picture beside each other.
    columns: u32,
}

/// Rows of a mosaic, and where they go in the picture: a rectangle as wide as the mosaic, at its left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Lines of the mosaic above them.
    pub from_y: u32,
    /// Pixels of the picture at their left, and above them.
    pub to: (u32, u32),
    /// Pixels of them that are in the picture.
    pub size: (u32, u32),
}

impl<'a> Mosaic<'a> {
    /// Reads a message's JPEG. `None` where it is a whole picture.
    ///
    /// # Errors
    /// Where it has no strips ([`Cut::read`]), where its stamp does not follow the grammar ([`Tiles::read`]) or does not fit it: a strip
    /// that the picture does not have or that is there twice, another number of rows, strips wider than the picture, more than
    /// [`MAX_LINES`], a `since` that is newer than it. Nothing of it may be drawn then.
    pub fn read(jpeg: &'a [u8]) -> Result<Option<Self>, StripsError> {
        let Some(tiles) = Tiles::read(jpeg)? else {
            return Ok(None);
        };
        let Some(stamp) = Stamp::read(jpeg) else {
            return unfit("it is not known which frame it is");
        };
        let cut = Cut::read(jpeg)?;
        if cut.columns() != 1 {
            return unfit("it has several strips beside each other");
        }
        let (width, height) = cut.size();
        let (strip_width, strip_height) = cut.strip_size();
        if u32::from(width) != strip_width || !u32::from(height).is_multiple_of(strip_height) {
            return unfit("its strips are cut off");
        }
        if u32::from(height) > MAX_LINES {
            return unfit("it has too many lines");
        }
        if tiles.rows() != cut.count() {
            return unfit("it has another number of rows");
        }
        let columns = columns(&tiles, cut.kind())?;
        if tiles.since > stamp.seq {
            return unfit("it goes on from a frame that is newer");
        }
        Ok(Some(Self {
            stamp,
            tiles,
            cut,
            columns,
        }))
    }

    /// Makes a mosaic of rows that go together, in the order of `tiles`: strips of a picture of that kind, with
    /// [separators](super::Separators) where `tiles` says so. That the rows are ones is for the caller to see to.
    ///
    /// # Errors
    /// Where there are other rows than `tiles` says, too many, strips that such a picture does not have, and where it would go on from
    /// a frame that is newer than it.
    pub fn write<'s>(
        like: &Kind,
        stamp: &Stamp,
        tiles: &Tiles,
        rows: impl ExactSizeIterator<Item = &'s [u8]>,
    ) -> Result<Vec<u8>, StripsError> {
        let (width, line_count) = like.strip_size();
        let lines = tiles.rows().saturating_mul(line_count);
        if tiles.rows() as usize != rows.len() {
            return unfit("it has another number of rows");
        }
        if lines > MAX_LINES {
            return unfit("it has too many lines");
        }
        columns(tiles, like)?;
        if tiles.since > stamp.seq {
            return unfit("it goes on from a frame that is newer");
        }
        let Ok(width) = u16::try_from(width) else {
            return unfit("its strips are too wide");
        };
        let head = stamp.write_with(&like.head_of(width, lines as u16), &tiles.to_string())?;
        Ok(join(head, rows))
    }

    /// Its stamp, which a whole picture of that frame has as well.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// What it shows.
    pub fn tiles(&self) -> &Tiles {
        &self.tiles
    }

    /// Its strips: the number in the picture, and the bytes.
    pub fn strips(&self) -> impl Iterator<Item = (u32, &'a [u8])> + '_ {
        self.rows()
            .filter_map(|(strip, bytes)| Some((strip?, bytes)))
    }

    /// Where its rows go in the picture. Drawn in any order, one to one and without smoothing.
    pub fn draws(&self) -> impl Iterator<Item = Draw> + '_ {
        let (width, height) = self.cut.strip_size();
        let (full_width, full_height) = self.tiles.size;
        let mut from_y = 0;
        self.tiles.runs.iter().map(move |run| {
            from_y += u32::from(run.is_separated) * height;
            let to = (
                run.strip % self.columns * width,
                run.strip / self.columns * height,
            );
            let draw = Draw {
                from_y,
                to,
                size: (
                    width.min(u32::from(full_width) - to.0),
                    (run.count * height).min(u32::from(full_height) - to.1),
                ),
            };
            from_y += run.count * height;
            draw
        })
    }

    /// The whole picture that is there when this one was drawn over that one: what an encoder makes that had it, with the header of
    /// that picture and the stamp of this frame.
    ///
    /// # Errors
    /// Where they are not of the same camera, kind and size, where that picture has no stamp, is a mosaic itself or of a later frame,
    /// and where something lies between them that neither shows.
    pub fn onto(&self, whole: &Cut<'_>) -> Result<Vec<u8>, StripsError> {
        if Tiles::read(whole.jpeg())?.is_some() {
            return unlike("the picture is a mosaic itself");
        }
        if whole.size() != self.tiles.size {
            return unlike("the picture has another size");
        }
        if !whole.is_like(&self.cut) {
            return unlike("they have other tables or strips");
        }
        match Stamp::read(whole.jpeg()) {
            Some(stamp) => self.goes_on(&stamp)?,
            None => return unlike("it is not known which frame the picture is"),
        }
        let mut strips: Vec<_> = whole.strips().collect();
        for (number, bytes) in self.strips() {
            strips[number as usize] = bytes;
        }
        whole.whole(&self.stamp, strips.into_iter())
    }

    /// One mosaic of two, which is drawn as that one and then this one: this one's strips, and those of the older one that it has
    /// not. Rows that come together only here have no separator between them.
    ///
    /// # Errors
    /// Where they are not of the same camera, kind and picture, where the older one is newer, where something lies between them that
    /// neither shows, and where both have too many lines together.
    pub fn after(&self, older: &Mosaic<'_>) -> Result<Vec<u8>, StripsError> {
        if older.tiles.size != self.tiles.size || !older.cut.is_like(&self.cut) {
            return unlike("they are of other pictures");
        }
        self.goes_on(&older.stamp)?;
        let mut newer: Vec<_> = self.strips().map(|(strip, _)| strip).collect();
        newer.sort_unstable();
        let is_kept = |strip: u32| newer.binary_search(&strip).is_err();
        let mut runs = Vec::new();
        let mut rows = Vec::new();
        // Of the older one, a separator stays where the rows on both of its sides do.
        let mut separator = None;
        let mut previous_is_kept = false;
        for (strip, bytes) in older.rows() {
            let Some(strip) = strip else {
                separator = Some(bytes);
                continue;
            };
            let separator = separator.take().filter(|_| previous_is_kept);
            previous_is_kept = is_kept(strip);
            if previous_is_kept {
                rows.extend(separator.into_iter().chain([bytes]));
                extend(&mut runs, strip, separator.is_some(), self.columns);
            }
        }
        rows.extend(self.rows().map(|(_, bytes)| bytes));
        runs.extend_from_slice(&self.tiles.runs);
        let tiles = Tiles {
            since: self.tiles.since.min(older.tiles.since),
            size: self.tiles.size,
            runs,
        };
        Self::write(self.cut.kind(), &self.stamp, &tiles, rows.into_iter())
    }

    /// Whether it can be drawn over what that frame left.
    fn goes_on(&self, before: &Stamp) -> Result<(), StripsError> {
        let seq = before.seq;
        if before.camera != self.stamp.camera {
            return unlike("they are of two cameras");
        }
        if seq > self.stamp.seq {
            return unlike("what goes before is not older");
        }
        if seq < self.tiles.since {
            return unlike("something lies between them");
        }
        Ok(())
    }

    /// All rows; without a number those that are drawn nowhere.
    fn rows(&self) -> impl Iterator<Item = (Option<u32>, &'a [u8])> + '_ {
        let numbers = self.tiles.runs.iter().flat_map(|run| {
            let separator = run.is_separated.then_some(None);
            let strips = strips(*run, self.columns).map(Some);
            separator.into_iter().chain(strips)
        });
        numbers.zip(self.cut.strips())
    }
}

/// Another strip after these, in a run with the last one where it is below that.
fn extend(runs: &mut Vec<Run>, strip: u32, is_separated: bool, columns: u32) {
    match runs.last_mut() {
        Some(last) if !is_separated && last.strip + last.count * columns == strip => {
            last.count += 1;
        }
        _ => runs.push(Run {
            strip,
            count: 1,
            is_separated,
        }),
    }
}

fn strips(run: Run, columns: u32) -> impl Iterator<Item = u32> {
    (0..run.count).map(move |row| run.strip + row * columns)
}

/// How many strips the picture has beside each other, if it has all of these, and each of them once.
fn columns(tiles: &Tiles, like: &Kind) -> Result<u32, StripsError> {
    let Some((columns, rows)) = like.grid(tiles.size) else {
        return unfit("its strips do not divide the picture");
    };
    if tiles.runs.first().is_none_or(|first| first.is_separated) {
        return unfit("nothing stands before its first row");
    }
    let mut all = Vec::new();
    for run in &tiles.runs {
        let below = rows.saturating_sub(run.strip / columns);
        if !(1..=below).contains(&run.count) {
            return unfit("a strip is not in the picture");
        }
        all.extend(strips(*run, columns));
    }
    all.sort_unstable();
    if all.windows(2).any(|pair| pair[0] == pair[1]) {
        return unfit("a strip is there twice");
    }
    Ok(columns)
}
