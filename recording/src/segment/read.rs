//! Reads segments: such as are being written, were cut off, or are damaged. Everything in a file may be wrong.

use super::ebml::{Head, LONGEST_HEAD, elements, id, uint};
use super::write::LARGEST_CLUSTER;
use super::{About, LARGEST_JPEG, Trailer};
use super::{BEFORE_2001_NS, Cue, DURATION_AT, INFO_AT, SEGMENT_DATA, SEGMENT_SIZE_AT};
use std::io;

/// Bytes that are read at places, such as those of a file.
pub trait ReadAt {
    /// Fills the buffer from there on. Returns less than its length only at the end.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// How many there are.
    ///
    /// # Errors
    /// Where the system does not tell.
    fn length(&self) -> io::Result<u64>;
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let from = usize::try_from(offset).map_or(self.len(), |offset| offset.min(self.len()));
        let len = buffer.len().min(self.len() - from);
        buffer[..len].copy_from_slice(&self[from..from + len]);
        Ok(len)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.as_slice().read_at(offset, buffer)
    }

    fn length(&self) -> io::Result<u64> {
        self.as_slice().length()
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buffer)
    }

    fn length(&self) -> io::Result<u64> {
        (**self).length()
    }
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The disk.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The content.
    #[error("{0}")]
    Content(&'static str),
}

/// Largest cluster that is read: any that was written is smaller.
const LARGEST: u64 = LARGEST_CLUSTER + LARGEST_JPEG as u64 + (64 << 10);

/// Bytes that are searched at a time.
const SEARCHED: usize = 64 << 10;

/// Longest tags that are read.
const LONGEST_TAGS: usize = 64 << 10;

/// Most bytes of the cues, of thousands of clusters.
const LONGEST_CUES: usize = 256 << 10;

/// Longest header that is read.
const LONGEST_HEADER: usize = 4096;

/// A segment that is being read.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    len: u64,
    about: About,
    /// As it says; 0 where it was not closed.
    duration_ms: u64,
    is_closed: bool,
    header: Vec<u8>,
}

/// One frame in a cluster's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAt {
    /// Its time since the segment's first frame.
    pub at_ms: u64,
    /// Where its JPEG is in the cluster's bytes.
    pub jpeg: std::ops::Range<usize>,
}

impl<R: ReadAt> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// Where there is none of ours.
    pub fn open(source: R) -> Result<Self, Broken> {
        let len = source.length()?;
        let mut header = vec![0; LONGEST_HEADER];
        let read = source.read_at(0, &mut header)?;
        header.truncate(read);
        let wrong = || Broken::Content("this is no recording of pistreamer");
        let head = |at: u64, wanted: u32| {
            let head = Head::read(header.get(at as usize..)?)?;
            (head.id == wanted).then_some(head)
        };
        head(0, id::EBML).ok_or_else(wrong)?;
        let segment = head(SEGMENT_SIZE_AT - 4, id::SEGMENT).ok_or_else(wrong)?;
        let info = head(INFO_AT, id::INFO)
            .and_then(|head| Some((head.len, usize::try_from(head.size?).ok()?)));
        let (head_len, info_len) = info.ok_or_else(wrong)?;
        let from = INFO_AT as usize + head_len;
        let info = header.get(from..).and_then(|rest| rest.get(..info_len));
        let info = info.ok_or_else(wrong)?;
        if header.get(DURATION_AT as usize - 3..DURATION_AT as usize) != Some(&[0x44, 0x89, 0x88]) {
            return Err(wrong());
        }
        let mut about = About {
            title: String::new(),
            start_ms: 0,
            width: 0,
            height: 0,
        };
        let mut duration_ms = 0;
        for (element, content) in elements(info) {
            match element {
                id::DATE_UTC => {
                    let date = content.try_into().map(i64::from_be_bytes);
                    let unix_ns = date.map_err(|_| wrong())?.saturating_add(BEFORE_2001_NS);
                    about.start_ms = (unix_ns / 1_000_000).max(0) as u64;
                }
                id::TITLE => about.title = String::from_utf8_lossy(content).into_owned(),
                id::DURATION => {
                    let duration = content.try_into().map(f64::from_be_bytes);
                    duration_ms = duration.map_err(|_| wrong())? as u64;
                }
                _ => {}
            }
        }
        let tracks_at = from + info_len;
        let tracks = head(tracks_at as u64, id::TRACKS)
            .and_then(|head| Some((tracks_at + head.len, usize::try_from(head.size?).ok()?)));
        let (from, tracks_len) = tracks.ok_or_else(wrong)?;
        let tracks = header.get(from..).and_then(|rest| rest.get(..tracks_len));
        let entry = elements(tracks.ok_or_else(wrong)?).find(|(it, _)| *it == id::TRACK_ENTRY);
        let video =
            entry.and_then(|(_, entry)| elements(entry).find(|(element, _)| *element == id::VIDEO));
        for (element, content) in elements(video.ok_or_else(wrong)?.1) {
            let side = uint(content).and_then(|side| u32::try_from(side).ok());
            match element {
                id::PIXEL_WIDTH => about.width = side.ok_or_else(wrong)?,
                id::PIXEL_HEIGHT => about.height = side.ok_or_else(wrong)?,
                _ => {}
            }
        }
        header.truncate(from + tracks_len);
        Ok(Self {
            is_closed: segment.size.is_some_and(|size| SEGMENT_DATA + size == len),
            source,
            len,
            about,
            duration_ms,
            header,
        })
    }

    /// What the header says.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// How long it is, as it says itself; 0 where it was not closed.
    pub fn duration_ms(&self) -> u64 {
        self.duration_ms
    }

    /// Its clusters, by their sizes: what is in them is not read.
    pub fn clusters(&self) -> Clusters<'_, R> {
        Clusters {
            reader: self,
            at: self.header.len() as u64,
            end: self.header.len() as u64,
            is_torn: false,
        }
    }

    /// What it says of itself as JSON; `None` where it was not closed, or says nothing.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(crate) fn tag(&self) -> io::Result<Option<String>> {
        let Some(at) = self.part_at(id::TAGS) else {
            return Ok(None);
        };
        // Nothing but the cues follows.
        let len = self.len.saturating_sub(at).min(LONGEST_TAGS as u64);
        let mut bytes = vec![0; len as usize];
        let read = self.source.read_at(at, &mut bytes)?;
        let inside = |content, wanted| {
            let mut elements = elements(content);
            elements.find_map(|(it, inner)| (it == wanted).then_some(inner))
        };
        let text = inside(&bytes[..read], id::TAGS)
            .and_then(|tags| inside(tags, id::TAG))
            .and_then(|tag| inside(tag, id::SIMPLE_TAG))
            .and_then(|simple| inside(simple, id::TAG_STRING));
        Ok(text.map(|text| String::from_utf8_lossy(text).into_owned()))
    }

    /// When its clusters begin, in ms since its first frame, as its end says; `None` where it was not closed.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(crate) fn cue_times(&self) -> io::Result<Option<Vec<u64>>> {
        let Some(at) = self.part_at(id::CUES) else {
            return Ok(None);
        };
        let mut bytes = vec![0; LONGEST_CUES];
        let read = self.source.read_at(at, &mut bytes)?;
        let cues = elements(&bytes[..read]).find(|(it, _)| *it == id::CUES);
        let time = |point| {
            let mut inside = elements(point);
            inside.find_map(|(it, time)| (it == id::CUE_TIME).then(|| uint(time))?)
        };
        let points = cues.map(|(_, cues)| elements(cues).filter(|(it, _)| *it == id::CUE_POINT));
        Ok(points.map(|points| points.filter_map(|(_, point)| time(point)).collect()))
    }

    /// Where one of the parts behind its clusters is, as its beginning says.
    fn part_at(&self, part: u32) -> Option<u64> {
        let between = self.header.get(SEGMENT_DATA as usize..INFO_AT as usize)?;
        let (_, seeks) = elements(between).find(|(it, _)| *it == id::SEEK_HEAD)?;
        elements(seeks).find_map(|(_, seek)| {
            let of = |wanted| elements(seek).find(|(it, _)| *it == wanted);
            let (_, target) = of(id::SEEK_ID)?;
            let (_, position) = of(id::SEEK_POSITION)?;
            let is_wanted = target == part.to_be_bytes();
            is_wanted
                .then(|| uint(position)?.checked_add(SEGMENT_DATA))
                .flatten()
        })
    }

    /// The bytes of a cluster, and the frames in it; `None` where its checksum or anything else in it is wrong.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn cluster(&self, cue: Cue, len: u64) -> io::Result<Option<(Vec<u8>, Vec<FrameAt>)>> {
        let Some(len) = usize::try_from(len)
            .ok()
            .filter(|_| cue.offset.saturating_add(len) <= self.len)
        else {
            return Ok(None);
        };
        let mut bytes = vec![0; len];
        if self.source.read_at(cue.offset, &mut bytes)? < len {
            return Ok(None);
        }
        let frames = frames(&bytes);
        Ok(frames.map(|frames| (bytes, frames)))
    }

    /// Where the next whole cluster begins, from there on, whose checksum is right and whose time is not before that one.
    ///
    /// # Errors
    /// Where the bytes cannot be read.
    pub(crate) fn find_cluster(&self, from: u64, after_ms: u32) -> io::Result<Option<u64>> {
        let id = id::CLUSTER.to_be_bytes();
        let mut bytes = vec![0; SEARCHED];
        let mut at = from;
        loop {
            let read = self.source.read_at(at, &mut bytes)?;
            let places = bytes[..read].windows(id.len()).enumerate();
            for (place, _) in places.filter(|(_, window)| *window == id) {
                let mut walk = Clusters {
                    at: at + place as u64,
                    ..self.clusters()
                };
                if let Some(Element::Cluster(cue, len)) = walk.element()?
                    && cue.at_ms >= after_ms
                    && self.cluster(cue, len)?.is_some()
                {
                    return Ok(Some(cue.offset));
                }
            }
            if read < SEARCHED {
                return Ok(None);
            }
            // One may lie across the two.
            at += (read - (id.len() - 1)) as u64;
        }
    }

    /// What closes it, with this trailer behind its last cluster.
    pub(crate) fn closing(&self, trailer: &Trailer, at: u64, duration_ms: u32) -> Option<Vec<u8>> {
        trailer.closing(&self.header, at, duration_ms)
    }
}

/// The clusters of a segment, each with its length.
#[derive(Debug)]
pub struct Clusters<'r, R> {
    reader: &'r Reader<R>,
    at: u64,
    end: u64,
    is_torn: bool,
}

impl<R> Clusters<'_, R> {
    /// Behind the last cluster, or the header, that was returned.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Whether something follows that is neither whole nor known.
    pub fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Where that begins.
    pub(crate) fn torn_at(&self) -> u64 {
        self.at
    }

    /// Goes on from there.
    pub(crate) fn go_on(&mut self, at: u64) {
        self.at = at;
        self.is_torn = false;
    }
}

/// Bytes of a cluster that tell its length and its time.
const CLUSTER_BEGIN: usize = 20;

impl<R: ReadAt> Iterator for Clusters<'_, R> {
    type Item = io::Result<(Cue, u64)>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.reader.len && !self.is_torn {
            match self.element() {
                Ok(Some(Element::Cluster(cue, len))) => return Some(Ok((cue, len))),
                Ok(Some(Element::Other)) => {}
                Ok(None) => self.is_torn = true,
                Err(error) => {
                    self.is_torn = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// What a segment consists of.
enum Element {
    Cluster(Cue, u64),
    /// What is around them.
    Other,
}

impl<R: ReadAt> Clusters<'_, R> {
    /// Passes over the next element; `None` where there is no whole one that belongs here.
    fn element(&mut self) -> io::Result<Option<Element>> {
        let mut bytes = [0; CLUSTER_BEGIN + LONGEST_HEAD];
        let read = self.reader.source.read_at(self.at, &mut bytes)?;
        let whole = || {
            let bytes = &bytes[..read];
            let head = Head::read(bytes)?;
            let len = head.size?.checked_add(head.len as u64)?;
            let end = self.at.checked_add(len)?;
            if end > self.reader.len {
                return None;
            }
            let element = match head.id {
                id::CLUSTER if len <= LARGEST => {
                    // Behind the checksum.
                    let whole = bytes.len().min(usize::try_from(len).ok()?);
                    let rest = bytes.get(head.len + 6..whole)?;
                    let (_, time) = elements(rest)
                        .next()
                        .filter(|(element, _)| *element == id::TIMESTAMP)?;
                    let at_ms = u32::try_from(uint(time)?).ok()?;
                    let offset = self.at;
                    Element::Cluster(Cue { at_ms, offset }, len)
                }
                id::TAGS | id::CUES | id::VOID => Element::Other,
                _ => return None,
            };
            Some((element, end))
        };
        let Some((element, end)) = whole() else {
            return Ok(None);
        };
        self.at = end;
        if let Element::Cluster(..) = element {
            self.end = end;
        }
        Ok(Some(element))
    }
}

/// The frames in a cluster's bytes; `None` where anything in them is wrong.
fn frames(cluster: &[u8]) -> Option<Vec<FrameAt>> {
    let head = Head::read(cluster).filter(|head| head.id == id::CLUSTER)?;
    let content = &cluster[head.len..];
    let (_, crc) = elements(content)
        .next()
        .filter(|(it, _)| *it == id::CRC_32)?;
    let checked = content.get(2 + crc.len()..)?;
    let crc = u32::from_le_bytes(crc.try_into().ok()?);
    if crc32fast::hash(checked) != crc {
        return None;
    }
    let mut inner = elements(checked);
    let (_, time) = inner.next().filter(|(it, _)| *it == id::TIMESTAMP)?;
    let cluster_ms = uint(time)?;
    let mut frames = Vec::new();
    for (element, block) in inner {
        let [0x81, high, low, _, jpeg @ ..] = block else {
            return None;
        };
        if element != id::SIMPLE_BLOCK {
            return None;
        }
        let from = jpeg.as_ptr() as usize - cluster.as_ptr() as usize;
        frames.push(FrameAt {
            at_ms: cluster_ms.checked_add_signed(i16::from_be_bytes([*high, *low]).into())?,
            jpeg: from..from + jpeg.len(),
        });
    }
    Some(frames)
}
