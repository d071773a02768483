//! A picture as viewers keep it that are sent only what changed: its strips, each with the frame at which it was last encoded.
//!
//! What has changed is decided in [`crate::encode`]; what a viewer lacks, and the bytes of that, belong to [`crate::form`].

use bytes::Bytes;
use pistreamer_protocol::Stamp;
use pistreamer_protocol::strips::{Kind, Separators};
use std::fmt;
use std::sync::Arc;

/// What the strips of a series have in common.
#[derive(Debug)]
pub struct Series {
    /// Which one it is: numbers of frames of another one mean nothing.
    pub id: u64,
    /// The camera's id, for stamps.
    pub camera: String,
    /// What makes a JPEG of them.
    pub kind: Kind,
    /// What keeps colours apart; `None` where neighbours do not mix.
    pub separators: Option<Separators>,
    /// Pixels of the picture.
    pub size: (u16, u16),
    /// Strips beside each other.
    pub columns: usize,
    /// MCUs in a strip.
    pub mcus: usize,
}

/// One strip.
#[derive(Clone)]
pub struct Strip {
    /// The frame at which it was last encoded.
    pub seq: u64,
    /// Colours of its edges, and its bytes.
    data: Arc<[u8]>,
}

/// All strips of a picture.
#[derive(Clone, Debug)]
pub struct Strips {
    series: Arc<Series>,
    /// From left to right, and from the top to the bottom.
    pub all: Vec<Strip>,
    /// The last frame at which one of them was encoded.
    pub newest: u64,
}

/// Mean Cb and Cr of each MCU in a line.
type Colours<'a> = &'a [[u8; 2]];

impl Strip {
    /// A strip of a frame. Its edges are Cb and Cr of each MCU, of the first line and then of the last one.
    pub fn new(seq: u64, edges: Colours<'_>, bytes: &[u8]) -> Self {
        Self {
            seq,
            data: edges.as_flattened().iter().chain(bytes).copied().collect(),
        }
    }
}

impl fmt::Debug for Strip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}", self.data.len(), self.seq)
    }
}

impl Strips {
    /// The strips of a series' first picture.
    pub fn new(series: Series, all: Vec<Strip>) -> Self {
        let newest = all.iter().map(|strip| strip.seq).max();
        Self {
            series: Arc::new(series),
            all,
            newest: newest.unwrap_or_default(),
        }
    }

    /// Others in the place of all strips.
    pub fn with_all(&self, all: Vec<Strip>) -> Self {
        let newest = all.iter().map(|strip| strip.seq).max();
        Self {
            series: Arc::clone(&self.series),
            all,
            newest: newest.unwrap_or_default(),
        }
    }

    /// What they have in common.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// Puts another one in the place of a strip.
    pub fn replace(&mut self, number: usize, strip: Strip) {
        self.newest = self.newest.max(strip.seq);
        self.all[number] = strip;
    }

    /// A strip's part of a JPEG.
    pub fn bytes(&self, number: usize) -> &[u8] {
        &self.all[number].data[self.edges_len()..]
    }

    /// The colours of a strip's first line, and of its last one.
    pub fn edges(&self, number: usize) -> (Colours<'_>, Colours<'_>) {
        let edges = &self.all[number].data[..self.edges_len()];
        edges.as_chunks().0.split_at(self.series.mcus)
    }

    fn edges_len(&self) -> usize {
        match self.series.separators {
            Some(_) => 4 * self.series.mcus,
            None => 0,
        }
    }

    /// The whole picture.
    pub fn jpeg(&self, seq: u64, captured_us: u64) -> Bytes {
        let Series {
            camera, kind, size, ..
        } = self.series();
        let stamp = Stamp {
            seq,
            captured_us,
            camera: camera.clone(),
        };
        let strips = (0..self.all.len()).map(|number| self.bytes(number));
        let jpeg = kind.picture(&stamp, *size, strips);
        jpeg.expect("they are the strips of such a picture").into()
    }
}
