//! Finds the end of a response body incrementally. No I/O here.
//!
//! The choice of the framing belongs to `head`.

use super::head::Framing;
use bytes::{Bytes, BytesMut};

/// The state of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// That many bytes.
    Length(u64),
    /// Everything until the connection ends.
    UntilClose,
    /// The line that says how long a chunk is comes next.
    ChunkSize {
        /// True for the first one. If it is missing, the body has no chunks after all.
        first: bool,
    },
    /// That many bytes of a chunk, and the line end behind it.
    Chunk(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    /// Headers behind the last chunk, up to an empty line.
    Trailers,
    /// Nothing.
    Ended,
}

/// A piece of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Some of its bytes.
    Data(Bytes),
    /// The rest has not come yet.
    More,
    /// All of it has come.
    End,
}

/// A chunk that does not say how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its answer is cut into chunks without a length")]
pub struct BadChunk;

/// Longest line around chunks, in bytes.
const LONGEST_LINE: usize = 4096;

impl Body {
    /// The whole of a body.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(0) => Self::Ended,
            Framing::Length(len) => Self::Length(len),
            Framing::Chunked => Self::ChunkSize { first: true },
            Framing::UntilClose => Self::UntilClose,
        }
    }

    /// Takes the next piece from what came, which is not empty unless more is needed.
    ///
    /// # Errors
    /// If a chunk is expected and something else follows.
    pub fn take(&mut self, came: &mut BytesMut) -> Result<Piece, BadChunk> {
        loop {
            match self {
                Self::Ended => return Ok(Piece::End),
                _ if came.is_empty() => return Ok(Piece::More),
                Self::UntilClose => return Ok(Piece::Data(came.split().freeze())),
                Self::Length(left) | Self::Chunk(left) => {
                    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(came.len());
                    *left -= len as u64;
                    if *left == 0 {
                        *self = match self {
                            Self::Chunk(_) => Self::ChunkEnd,
                            _ => Self::Ended,
                        };
                    }
                    return Ok(Piece::Data(came.split_to(len).freeze()));
                }
                Self::ChunkSize { first } => {
                    let first = *first;
                    // What cannot be a length need not be waited for.
                    let can_be = |byte: &u8| byte.is_ascii_hexdigit() || byte.is_ascii_whitespace();
                    let line = match came.first() {
                        Some(byte) if can_be(byte) => line(came),
                        _ => Err(BadChunk),
                    };
                    let size = match line {
                        Ok(None) => return Ok(Piece::More),
                        Ok(Some(line)) => size(&came[..line]).map(|size| (size, line)),
                        Err(BadChunk) => None,
                    };
                    match size {
                        Some((size, line)) => {
                            let _ = came.split_to(line);
                            *self = match size {
                                0 => Self::Trailers,
                                size => Self::Chunk(size),
                            };
                        }
                        None if first => *self = Self::UntilClose,
                        None => return Err(BadChunk),
                    }
                }
                Self::ChunkEnd => {
                    let Some(line) = line(came)? else {
                        return Ok(Piece::More);
                    };
                    if !came.split_to(line).trim_ascii().is_empty() {
                        return Err(BadChunk);
                    }
                    *self = Self::ChunkSize { first: false };
                }
                Self::Trailers => {
                    let Some(line) = line(came)? else {
                        return Ok(Piece::More);
                    };
                    if came.split_to(line).trim_ascii().is_empty() {
                        *self = Self::Ended;
                    }
                }
            }
        }
    }
}

/// How many bytes a line has with its end, once that has come.
fn line(came: &BytesMut) -> Result<Option<usize>, BadChunk> {
    let end = memchr::memchr(b'\n', came).map(|at| at + 1);
    if end.unwrap_or(came.len()) > LONGEST_LINE {
        return Err(BadChunk);
    }
    Ok(end)
}

/// The length in the line before a chunk. Extensions after a semicolon are ignored.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    let digits = std::str::from_utf8(digits).ok()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a body holds that comes in pieces of that size, and whether it has ended.
    fn read(framing: Framing, bytes: &[u8], piece: usize) -> Result<(Vec<u8>, bool), BadChunk> {
        let mut body = Body::new(framing);
        let (mut came, mut all) = (BytesMut::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            came.extend_from_slice(piece);
            loop {
                match body.take(&mut came)? {
                    Piece::Data(data) => all.extend_from_slice(&data),
                    Piece::More => break,
                    Piece::End => return Ok((all, true)),
                }
            }
        }
        Ok((all, body == Body::Ended))
    }

    #[test]
    fn bodies_end_where_their_framing_says_however_they_are_cut() {
        let chunks = b"5\r\nhello\r\n6;x=y\n world\n0\r\nX: y\r\n\r\nmore";
        for piece in [1, 2, 7, 100] {
            let read = |framing, bytes| read(framing, bytes, piece).unwrap();
            assert_eq!(
                read(Framing::Chunked, chunks),
                (b"hello world".into(), true)
            );
            assert_eq!(read(Framing::Length(4), b"hello"), (b"hell".into(), true));
            assert_eq!(read(Framing::Length(9), b"hello"), (b"hello".into(), false));
            assert_eq!(
                read(Framing::UntilClose, b"hello"),
                (b"hello".into(), false)
            );
        }
    }

    #[test]
    fn a_body_without_chunks_is_taken_as_it_is_whatever_its_header_says() {
        for body in [
            &b"\xff\xd8\xff\xe0 \n"[..],
            b"--frame\r\n",
            b"\r\n--frame\r\n",
        ] {
            for piece in [1, 100] {
                let (all, _) = read(Framing::Chunked, body, piece).unwrap();
                assert_eq!(all, body);
            }
        }
    }

    #[test]
    fn chunks_without_a_length_are_an_error() {
        for bytes in [
            &b"5\r\nhelloworld\r\n"[..],
            b"5\r\nhello\r\nzz\r\n",
            b"5\r\nhello\r\nfffffffffffffffff\r\n",
            &[&b"1\r\na\r\n"[..], &[b'1'; 5000]].concat(),
        ] {
            assert_eq!(read(Framing::Chunked, bytes, 100), Err(BadChunk));
        }
    }
}
