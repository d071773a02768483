//! Whether decoders take a JPEG, as far as its headers tell: what libjpeg refuses, browsers do not show.
//!
//! Whether all of its picture is there shows only when it is decoded.

use super::{DHT, DQT, DRI, JPG, JpegError, SOS, Segment, is_frame_header, segments};

/// A component of the frame: its id, its sampling factors and the number of its quantisation table.
type Component = [u8; 3];

/// Checks what comes before the picture data.
pub(super) fn check(jpeg: &[u8]) -> Result<(), JpegError> {
    let mut frame: Option<&[Component]> = None;
    let mut quantisation = 0_u8;
    for segment in segments(jpeg) {
        let segment = segment?;
        match segment.marker {
            DQT => quantisation |= quantisation_tables(&segment)?,
            DHT => huffman_tables(&segment)?,
            DRI if segment.payload.len() != 2 => {
                return Err(JpegError::BadLength { at: segment.at });
            }
            JPG => return refuse("it has a segment that is reserved"),
            SOS => return scan(&segment, frame, quantisation),
            marker if is_frame_header(marker) => {
                if frame.is_some() {
                    return refuse("it has two frame headers");
                }
                frame = Some(components(&segment)?);
            }
            _ => {}
        }
    }
    Err(JpegError::NoPictureData)
}

fn refuse<T>(why: &'static str) -> Result<T, JpegError> {
    Err(JpegError::Undecodable { why })
}

/// The components of a frame (T.81 B.2.2).
fn components<'a>(segment: &Segment<'a>) -> Result<&'a [Component], JpegError> {
    match segment.marker {
        0xc0..=0xc2 | 0xc9 | 0xca => {}
        0xc3 | 0xc7 | 0xcb | 0xcf => return refuse("it is a lossless jpeg"),
        _ => return refuse("it is a hierarchical jpeg"),
    }
    let bad_length = JpegError::BadLength { at: segment.at };
    let &[precision, _, _, _, _, count, ref rest @ ..] = segment.payload else {
        return Err(bad_length);
    };
    match precision {
        8 => {}
        12 => return refuse("its samples have 12 bits"),
        _ => return refuse("its samples have not 8 bits"),
    }
    if !matches!(count, 1 | 3 | 4) {
        return refuse("it has neither 1 nor 3 nor 4 colour components");
    }
    let (components, rest) = rest.as_chunks();
    if components.len() != usize::from(count) || !rest.is_empty() {
        return Err(bad_length);
    }
    for direction in [|factors| factors >> 4, |factors: u8| factors & 15] {
        let factors = components.iter().map(|[_, factors, _]| direction(*factors));
        let most = factors.clone().max().unwrap_or_default();
        let good = |factor| (1..=4).contains(&factor) && most.is_multiple_of(factor);
        if !factors.into_iter().all(good) {
            return refuse("its sampling factors are impossible");
        }
    }
    Ok(components)
}

/// Checks the first scan (T.81 B.2.3).
fn scan(
    segment: &Segment<'_>,
    frame: Option<&[Component]>,
    quantisation: u8,
) -> Result<(), JpegError> {
    let frame = frame.ok_or(JpegError::NoFrameHeader)?;
    let bad_length = Err(JpegError::BadLength { at: segment.at });
    let [count, rest @ ..] = segment.payload else {
        return bad_length;
    };
    let count = usize::from(*count);
    if !(1..=4).contains(&count) || rest.len() != count * 2 + 3 {
        return bad_length;
    }
    let (selected, _) = rest[..count * 2].as_chunks::<2>();
    for [selected, _] in selected {
        let Some([_, _, table]) = frame.iter().find(|[id, ..]| id == selected) else {
            return refuse("its picture data is of a component that its frame header lacks");
        };
        if *table > 3 || quantisation >> table & 1 == 0 {
            return refuse("a quantisation table is missing");
        }
    }
    Ok(())
}

/// Which tables a segment has, a bit for each (T.81 B.2.4.1).
fn quantisation_tables(segment: &Segment<'_>) -> Result<u8, JpegError> {
    let bad_length = JpegError::BadLength { at: segment.at };
    let mut tables = 0;
    let mut rest = segment.payload;
    while let [kind, after @ ..] = rest {
        let (bytes, number) = (64 << (kind >> 4).min(1), kind & 15);
        if number > 3 {
            return refuse("a quantisation table has an impossible number");
        }
        tables |= 1 << number;
        rest = after.get(bytes..).ok_or(bad_length)?;
    }
    Ok(tables)
}

/// Checks the tables in a segment (T.81 B.2.4.2): as many values as codes, and no more codes than fit.
fn huffman_tables(segment: &Segment<'_>) -> Result<(), JpegError> {
    let bad_length = JpegError::BadLength { at: segment.at };
    let mut rest = segment.payload;
    while let [kind, after @ ..] = rest {
        let (counts, after) = after.split_first_chunk::<16>().ok_or(bad_length)?;
        let codes: usize = counts.iter().copied().map(usize::from).sum();
        if kind & 0xec != 0 || codes > 256 {
            return refuse("a Huffman table is impossible");
        }
        rest = after.get(codes..).ok_or(bad_length)?;
    }
    Ok(())
}
