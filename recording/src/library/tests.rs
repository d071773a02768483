//! Frames are found as in a list of all of them, whichever files they are in.

use super::*;
use crate::segment::{About, Cluster, header, trailer};
use proptest::prelude::*;
use std::convert::Infallible;
use std::fs;

/// Noon of a day; the recordings of the tests lie around the midnight before and the one after.
const START_MS: u64 = 1_764_158_400_000;

/// The JPEG of a frame says when it was recorded, and why.
fn jpeg(class: Class, at_ms: u64) -> Vec<u8> {
    format!("{} {at_ms}", class.word()).into_bytes()
}

/// Writes a file with frames at these times, of which the first one is its name. Each cluster has at most three, or one of the
/// sparse ones.
fn write(root: &Path, class: Class, times: &[u64], closed: bool) -> PathBuf {
    write_told(root, class, times, closed.then_some("{}"))
}

/// The same, closed with that tag.
pub(super) fn write_told(root: &Path, class: Class, times: &[u64], tag: Option<&str>) -> PathBuf {
    let name = Name {
        start_ms: times[0],
        class,
    };
    let path = root.join("door").join(name.path());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let about = About {
        title: "Door".into(),
        start_ms: times[0],
        width: 320,
        height: 240,
    };
    let mut file = header(&about);
    let mut cues = Vec::new();
    let mut last_ms = 0;
    let mut rest = times;
    let most = if class == Class::Sparse { 1 } else { 3 };
    while !rest.is_empty() {
        let mut cluster = Cluster::default();
        while let [at_ms, later @ ..] = rest {
            last_ms = (at_ms - times[0]) as u32;
            if cluster.frames() == most || !cluster.takes(last_ms, 100, 30_000) {
                break;
            }
            cluster.push(last_ms, jpeg(class, *at_ms).into());
            rest = later;
        }
        cues.push(Cue {
            at_ms: cluster.at_ms(),
            offset: file.len() as u64,
        });
        let Ok(_) = cluster.write(|parts| {
            parts.iter().for_each(|part| file.extend(&**part));
            Ok::<_, Infallible>(())
        });
    }
    if let Some(tag) = tag {
        let trailer = trailer(tag, &cues);
        let at = file.len() as u64;
        let closing = trailer.closing(&file, at, last_ms).unwrap();
        file.extend(&trailer.bytes);
        let from = crate::segment::CLOSED_AT as usize;
        file[from..from + closing.len()].copy_from_slice(&closing);
    }
    fs::write(&path, file).unwrap();
    path
}

fn found(library: &Library, at_ms: u64, near: Near) -> Option<(u64, Vec<u8>)> {
    let found = library.find("door", at_ms, near).unwrap();
    found.map(|found| (found.at_ms, found.jpeg.to_vec()))
}

/// Gaps between files and between frames: within a cluster, between clusters, hours, and days.
fn files() -> impl Strategy<Value = Vec<(Class, u64, Vec<u32>, bool)>> {
    let class = prop_oneof![
        Just(Class::Continuous),
        Just(Class::Event),
        Just(Class::Sparse)
    ];
    let gap = prop_oneof![1_u64..2000, 3_600_000_u64..8_000_000, DAY_MS..3 * DAY_MS];
    let frames = prop::collection::vec(1_u32..20_000, 0..12);
    prop::collection::vec((class, gap, frames, any::<bool>()), 0..8)
}

proptest! {
    #[test]
    fn the_frame_that_is_found_is_the_one_of_a_list(files in files(), asked in prop::collection::vec(0..10 * DAY_MS, 8)) {
        let directory = tempfile::tempdir().unwrap();
        let mut all = Vec::new();
        let mut at = [START_MS, START_MS + 250, START_MS + 500];
        for (class, gap, gaps, closed) in files {
            let start = &mut at[class as usize];
            *start += gap;
            let mut times = vec![*start];
            for gap in gaps {
                *start += u64::from(gap);
                times.push(*start);
            }
            write(directory.path(), class, &times, closed);
            all.extend(times.iter().map(|at_ms| (*at_ms, class)));
        }
        all.sort_unstable();
        let library = Library::new(directory.path().into());
        let of_list = all.iter().map(|(at_ms, _)| *at_ms);
        let asked = asked.into_iter().map(|ms| START_MS + ms).chain(of_list).chain([0, u64::MAX]);
        for at_ms in asked.collect::<Vec<_>>() {
            let before = all.iter().map(|(it, _)| *it).rfind(|it| *it <= at_ms);
            let after = all.iter().map(|(it, _)| *it).find(|it| *it >= at_ms);
            let time = |near| found(&library, at_ms, near).map(|(at_ms, _)| at_ms);
            prop_assert_eq!(time(Near::Before), before);
            prop_assert_eq!(time(Near::After), after);
            let nearest = before.into_iter().chain(after).min_by_key(|it| it.abs_diff(at_ms));
            prop_assert_eq!(time(Near::Nearest), nearest);
        }
        for class in Class::ALL {
            let (from_ms, to_ms) = (START_MS + 1000, START_MS + 4 * DAY_MS);
            let frames = library.frames("door", class, from_ms, to_ms).unwrap();
            let frames: Vec<_> = frames.map(|found| {
                let Found { at_ms, class, jpeg, .. } = found.unwrap();
                (at_ms, class, jpeg.to_vec())
            }).collect();
            let wanted = all.iter().filter(|(at_ms, it)| *it == class && (from_ms..=to_ms).contains(at_ms));
            let wanted: Vec<_> = wanted.map(|(at_ms, class)| (*at_ms, *class, jpeg(*class, *at_ms))).collect();
            prop_assert_eq!(frames, wanted);
        }
    }
}

#[test]
fn what_there_is_of_a_day_is_told_by_the_minute() {
    let directory = tempfile::tempdir().unwrap();
    let minute = |n: u64| START_MS + n * 60_000;
    write(
        directory.path(),
        Class::Continuous,
        &[minute(1), minute(2) + 10],
        true,
    );
    write(
        directory.path(),
        Class::Continuous,
        &[minute(4), minute(4) + 10],
        false,
    );
    write(
        directory.path(),
        Class::Sparse,
        &[minute(0), minute(6)],
        true,
    );
    let library = Library::new(directory.path().into());
    let covered = |gap_ms| {
        library
            .covered("door", minute(0), 60_000, 8, gap_ms)
            .unwrap()
    };
    use Have::{Full, None, Sparse};
    assert_eq!(
        covered(360_000),
        [Sparse, Full, Full, Sparse, Full, Sparse, Sparse, None]
    );
    // The camera was away in between, whether the file is closed or not.
    for closed in [true, false] {
        write(
            directory.path(),
            Class::Sparse,
            &[minute(0), minute(6)],
            closed,
        );
        assert_eq!(
            covered(359_999),
            [Sparse, Full, Full, None, Full, None, Sparse, None]
        );
    }
    // It began before what is asked for.
    let covered = library
        .covered("door", minute(5), 60_000, 2, 360_000)
        .unwrap();
    assert_eq!(covered, [Sparse, Sparse]);
    let hours = library.covered("door", START_MS - 3_600_000, 3_600_000, 2, 15_000);
    assert_eq!(hours.unwrap(), [None, Full]);
    assert_eq!(library.range("door").unwrap(), Some((minute(0), minute(6))));
    assert_eq!(library.range("yard").unwrap(), Option::None);
}

#[test]
fn what_is_damaged_or_somebody_elses_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let times: Vec<u64> = (0..9).map(|n| START_MS + n * 100).collect();
    let path = write(directory.path(), Class::Continuous, &times, true);
    let mut bytes = fs::read(&path).unwrap();
    // In the second of three clusters.
    let at = bytes
        .windows(4)
        .position(|four| four == [0x1F, 0x43, 0xB6, 0x75]);
    let second = at.unwrap() + (bytes.len() - at.unwrap()) / 3;
    bytes[second + 20] ^= 1;
    fs::write(&path, bytes).unwrap();
    fs::write(path.with_file_name("130000.000Z.c.mkv"), "nothing").unwrap();
    fs::write(path.with_file_name("holidays.mkv"), "somebody's").unwrap();
    let library = Library::new(directory.path().into());
    let time = |at_ms, near| found(&library, at_ms, near).map(|(at_ms, _)| at_ms);
    assert_eq!(time(START_MS + 450, Near::Before), Some(START_MS + 200));
    assert_eq!(time(START_MS + 450, Near::After), Some(START_MS + 600));
    assert_eq!(time(u64::MAX, Near::Before), Some(START_MS + 800));
    for wrong in ["..", "a/b", "", "."] {
        assert!(library.find(wrong, 0, Near::After).is_err(), "{wrong}");
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_gives_its_whole_frames() {
    let directory = tempfile::tempdir().unwrap();
    let times: Vec<u64> = (0..6).map(|n| START_MS + n * 100).collect();
    let path = write(directory.path(), Class::Continuous, &times, false);
    let bytes = fs::read(&path).unwrap();
    let mut last = 0;
    for len in 0..=bytes.len() {
        fs::write(&path, &bytes[..len]).unwrap();
        let library = Library::new(directory.path().into());
        let found = found(&library, u64::MAX, Near::Before);
        let count = found.map_or(0, |(at_ms, _)| (at_ms - START_MS) / 100 + 1);
        assert!(
            count >= last && [0, 3, 6].contains(&count),
            "{count} of {len}"
        );
        last = count;
    }
    assert_eq!(last, 6);
}

/// A film of all frames of a span, as its reader sees it: their times and their JPEGs.
fn filmed(library: &Library, from_ms: u64, to_ms: u64) -> Vec<(u64, Vec<u8>)> {
    let frames = library.frames("door", Class::Continuous, from_ms, to_ms);
    let Some(clip) = Clip::of(frames.unwrap(), "Door", 0, "{}").unwrap() else {
        return Vec::new();
    };
    let bytes: Vec<u8> = clip.flat_map(Result::unwrap).collect();
    let reader = Reader::open(&bytes).unwrap();
    let start_ms = reader.about().start_ms;
    let mut frames = Vec::new();
    for cluster in reader.clusters() {
        let (cue, len) = cluster.unwrap();
        let (bytes, found) = reader.cluster(cue, len).unwrap().unwrap();
        let found = found.into_iter();
        frames.extend(found.map(|it| (start_ms + it.at_ms, bytes[it.jpeg].to_vec())));
    }
    frames
}

#[test]
fn a_film_of_several_files_has_each_frame_at_its_time() {
    let directory = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for file in 0..4 {
        let times: Vec<u64> = (0..30).map(|n| START_MS + file * 7000 + n * 130).collect();
        write(directory.path(), Class::Continuous, &times, file % 2 == 0);
        all.extend(times);
    }
    let library = Library::new(directory.path().into());
    for (from_ms, to_ms) in [
        (0, u64::MAX / 2),
        (all[7], all[100]),
        (all[40] + 1, all[41]),
        (all[29] + 1, all[30] - 1),
    ] {
        let wanted = all.iter().filter(|at_ms| (from_ms..=to_ms).contains(at_ms));
        let wanted: Vec<_> = wanted
            .map(|at_ms| (*at_ms, jpeg(Class::Continuous, *at_ms)))
            .collect();
        assert_eq!(filmed(&library, from_ms, to_ms), wanted);
    }
}

/// Frames of a span as the archive of them has them, read by another program.
fn unzipped(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    const READ: &str = "
import sys, zipfile, io, json
archive = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
assert archive.testzip() is None
json.dump([(it.filename, list(it.date_time), archive.read(it).hex()) for it in archive.infolist()], sys.stdout)";
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut python = Command::new("python3")
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is missing");
    python.stdin.take().unwrap().write_all(bytes).unwrap();
    let done = python.wait_with_output().unwrap();
    assert!(done.status.success());
    let read: Vec<(String, [u32; 6], String)> = serde_json::from_slice(&done.stdout).unwrap();
    let hex = |text: &str| -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    };
    for (name, [year, month, day, hour, minute, second], _) in &read[1..] {
        let time = format!("{year}{month:02}{day:02}T{hour:02}{minute:02}{second:02}");
        // To two seconds.
        let [told, named] = [&time, &name[..15]].map(|it| it[13..].parse::<u32>().unwrap());
        assert!(
            time[..13] == name[..13] && named - told < 2,
            "{time} {name}"
        );
    }
    let read = read.into_iter();
    read.map(|(name, _, content)| (name, hex(&content)))
        .collect()
}

#[test]
fn an_archive_has_a_file_for_each_frame_whyever_it_was_recorded_and_says_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let times = |from: u64, count: u64, step: u64| -> Vec<u64> {
        (0..count).map(|n| START_MS + from + n * step).collect()
    };
    write(
        directory.path(),
        Class::Continuous,
        &times(0, 30, 100),
        true,
    );
    write(
        directory.path(),
        Class::Event,
        &times(40_000, 7, 300),
        false,
    );
    write(
        directory.path(),
        Class::Sparse,
        &times(500, 8, 10_000),
        true,
    );
    let library = Library::new(directory.path().into());
    let merged = library.merged("door", None, 0, START_MS * 2).unwrap();
    let merged: Vec<_> = merged.map(Result::unwrap).collect();
    // Beside others, sparse ones are left out.
    let mut wanted = times(0, 30, 100);
    wanted.extend(times(10_500, 3, 10_000));
    wanted.extend(times(40_000, 7, 300));
    wanted.extend(times(50_500, 3, 10_000));
    assert_eq!(merged.iter().map(|it| it.at_ms).collect::<Vec<_>>(), wanted);
    let about = ("clip.json", b"{}".to_vec());
    let zip = Zip::of(merged.iter().cloned().map(Ok), about);
    let bytes: Vec<u8> = zip.flat_map(Result::unwrap).collect();
    let read = unzipped(&bytes);
    assert_eq!(read[0], ("clip.json".into(), b"{}".to_vec()));
    assert_eq!(read[1].0, "20251126T120000.000Z-000000001.jpg");
    let contents: Vec<_> = read[1..].iter().map(|(_, content)| &content[..]).collect();
    assert_eq!(
        contents,
        merged.iter().map(|it| &it.jpeg[..]).collect::<Vec<_>>()
    );
    let only = library
        .merged("door", Some(Class::Event), 0, START_MS * 2)
        .unwrap();
    assert_eq!(only.count(), 7);
}

#[test]
fn an_archive_of_more_files_than_the_old_format_counts_is_read_to_the_last() {
    let found = |n: u64| Found {
        at_ms: START_MS + n * 100,
        class: Class::Continuous,
        size: (1, 1),
        jpeg: Bytes::from(n.to_le_bytes().to_vec()),
    };
    let zip = Zip::of((0..66_000).map(|n| Ok(found(n))), ("clip.json", Vec::new()));
    let bytes: Vec<u8> = zip.flat_map(Result::unwrap).collect();
    let read = unzipped(&bytes);
    assert_eq!(read.len(), 66_001);
    assert!(
        (0..)
            .zip(&read[1..])
            .all(|(n, (_, content))| *content == u64::to_le_bytes(n))
    );
}

#[test]
fn what_is_missing_of_a_span_is_known_before_it_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let at = |s: u64| START_MS + s * 1000;
    let seconds = |from: u64, count: u64, step: u64| -> Vec<u64> {
        (0..count).map(|n| at(from + n * step)).collect()
    };
    write(directory.path(), Class::Event, &seconds(100, 21, 1), true);
    write(directory.path(), Class::Event, &seconds(121, 10, 1), false);
    write(directory.path(), Class::Sparse, &seconds(0, 21, 10), true);
    write(directory.path(), Class::Sparse, &seconds(300, 4, 10), true);
    let library = Library::new(directory.path().into());
    let survey = |class, from, to| {
        let span = (at(from), at(to));
        library.survey("door", class, span, 15_000).unwrap()
    };
    let all = survey(None, 0, 400);
    assert_eq!(all.range(), Some((at(0), at(330))));
    assert_eq!(all.missing, [(at(200), at(300)), (at(330), at(400))]);
    let last = at(130);
    assert!(
        all.sparse[0] == (at(0), at(100)) && all.sparse[1].0.abs_diff(last) <= 2000,
        "{all:?}"
    );
    assert_eq!(all.resized_ms, None);
    let within = survey(None, 105, 125);
    assert_eq!((within.missing, within.sparse), (vec![], vec![]));
    let nothing = survey(None, 220, 280);
    assert_eq!(
        (nothing.range(), &nothing.missing[..]),
        (None, &[(at(220), at(280))][..])
    );
    assert_eq!(survey(Some(Class::Continuous), 0, 100).range(), None);
    // A frame a minute, of what is there, and quickly over what is not.
    let lapse = |to, every| library.lapse("door", (at(0), to), every);
    let times = |lapse: Lapse| lapse.map(|it| it.unwrap().at_ms).collect::<Vec<_>>();
    assert_eq!(
        times(lapse(at(400), 60_000)),
        [0, 60, 120, 180, 300, 330].map(at)
    );
    assert_eq!(times(lapse(at(3_000_000), 25_000)).len(), 11);
    // Nothing from outside of the span, though it is nearer.
    let within = library.lapse("door", (at(14) + 1, at(26)), 10_000);
    assert_eq!(times(within), [20].map(at));
}
