//! What is written is read again, whatever is cut off.

use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::convert::Infallible;

fn about() -> About {
    About {
        title: "Front door".into(),
        start_ms: 1_764_152_130_123,
        width: 1280,
        height: 720,
    }
}

/// A segment of frames in clusters of three, and where each cluster ends.
fn segment(frames: &[Vec<u8>], closed: bool) -> (Vec<u8>, Vec<u64>) {
    let mut file = header(&about());
    let (mut cues, mut ends) = (Vec::new(), Vec::new());
    for (n, frames) in frames.chunks(3).enumerate() {
        let mut cluster = Cluster::default();
        for (at, jpeg) in frames.iter().enumerate() {
            cluster.push((n * 300 + at * 100) as u32, Bytes::from(jpeg.clone()));
        }
        cues.push(Cue {
            at_ms: cluster.at_ms(),
            offset: file.len() as u64,
        });
        let written = cluster.write(|parts| {
            parts.iter().for_each(|part| file.extend(&**part));
            Ok::<_, Infallible>(())
        });
        ends.push(file.len() as u64);
        let Ok(len) = written;
        assert_eq!(len, ends[ends.len() - 1] - cues[cues.len() - 1].offset);
    }
    if closed {
        let at = file.len() as u64;
        let trailer = trailer("{}", &cues);
        let closing = trailer.closing(&file, at, 1234).unwrap();
        file.extend(&trailer.bytes);
        let from = CLOSED_AT as usize;
        file[from..from + closing.len()].copy_from_slice(&closing);
        assert!(from + closing.len() < 512, "more than a sector");
    }
    (file, ends)
}

fn read(file: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let reader = Reader::open(file).unwrap();
    let mut frames = Vec::new();
    for cluster in reader.clusters() {
        let (cue, len) = cluster.unwrap();
        let (bytes, found) = reader.cluster(cue, len).unwrap().unwrap();
        frames.extend(
            found
                .into_iter()
                .map(|frame| (frame.at_ms, bytes[frame.jpeg].to_vec())),
        );
    }
    frames
}

fn times(frames: &[Vec<u8>]) -> Vec<(u64, Vec<u8>)> {
    let with_time = frames.iter().enumerate();
    with_time
        .map(|(n, jpeg)| (n as u64 * 100, jpeg.clone()))
        .collect()
}

#[test]
fn a_header_has_the_bytes_that_are_documented() {
    let header = header(&about());
    assert!(header.len() < 300, "{}", header.len());
    assert_eq!(header[..5], [0x1A, 0x45, 0xDF, 0xA3, 0xA3]);
    let segment = [0x18, 0x53, 0x80, 0x67, 1, 255, 255, 255, 255, 255, 255, 255];
    assert_eq!(header[40..52], segment);
    assert_eq!(header[52..54], [0xEC, 0xBE]);
    assert_eq!(header[116..120], [0x15, 0x49, 0xA9, 0x66]);
    let reader = Reader::open(header.as_slice()).unwrap();
    assert_eq!(*reader.about(), about());
    assert!(!reader.is_closed());
    let long = About {
        title: "é".repeat(300),
        ..about()
    };
    let header = super::header(&long);
    assert!(header.len() < 512, "more than a sector: {}", header.len());
    let read = Reader::open(header.as_slice())
        .unwrap()
        .about()
        .title
        .clone();
    assert!(long.title.starts_with(&read) && read.len() > 100);
}

proptest! {
    #[test]
    fn frames_are_read_as_they_were_written_also_where_the_end_is_cut_off(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..20),
        cut in 0.0..1.0_f64,
    ) {
        let (closed, _) = segment(&frames, true);
        prop_assert_eq!(read(&closed), times(&frames));
        let reader = Reader::open(closed.as_slice()).unwrap();
        prop_assert!(reader.is_closed());
        prop_assert_eq!(reader.duration_ms(), 1234);
        let (open, ends) = segment(&frames, false);
        let begin = header(&about()).len();
        let cut = begin + ((open.len() - begin) as f64 * cut) as usize;
        let whole = ends.iter().filter(|end| **end <= cut as u64).count();
        let expected = &frames[..(whole * 3).min(frames.len())];
        prop_assert_eq!(read(&open[..cut]), times(expected));
        let reader = Reader::open(&open[..cut]).unwrap();
        let mut clusters = reader.clusters();
        clusters.by_ref().for_each(drop);
        let end = ends[..whole].last().copied().unwrap_or(begin as u64);
        prop_assert_eq!(clusters.end(), end);
        prop_assert_eq!(clusters.is_torn(), cut as u64 > end);
    }

    #[test]
    fn a_changed_byte_in_a_cluster_is_noticed(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 3..9),
        at in 0.0..1.0_f64,
        bit in 0..8_u8,
    ) {
        let (mut file, _) = segment(&frames, false);
        let begin = header(&about()).len();
        let at = begin + ((file.len() - begin) as f64 * at) as usize;
        file[at] ^= 1 << bit;
        let reader = Reader::open(file.as_slice()).unwrap();
        let mut clusters = reader.clusters();
        let mut whole = 0;
        for cluster in &mut clusters {
            let (cue, len) = cluster.unwrap();
            whole += reader.cluster(cue, len).unwrap().map_or(0, |(_, frames)| frames.len());
        }
        prop_assert!(whole < frames.len());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 1..9),
        at in 0..500_usize,
    ) {
        let (mut file, _) = segment(&frames, true);
        let at = at.min(file.len());
        let len = bytes.len().min(file.len() - at);
        file[at..at + len].copy_from_slice(&bytes[..len]);
        if let Ok(reader) = Reader::open(file.as_slice()) {
            for cluster in reader.clusters() {
                let (cue, len) = cluster.unwrap();
                reader.cluster(cue, len).unwrap();
            }
        }
    }
}
