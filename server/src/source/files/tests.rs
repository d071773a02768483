//! What a camera of files promises, over real files and a sink that records.

use super::*;
use crate::demand::{Demand, Hold};
use crate::source::{RawFrame, Report, Sink};
use pistreamer_protocol::jpeg;
use std::borrow::Cow;
use std::fs;
use std::sync::{Arc, Mutex};
use tiny::jpeg;
use two_in_one::two_in_one;

#[path = "../../../../picture/tests/pictures/tiny.rs"]
mod tiny;
#[path = "../../../../picture/tests/pictures/two_in_one.rs"]
mod two_in_one;

/// Everything that a source says. Stops it after this many frames and broken pictures.
#[derive(Default)]
struct Record {
    log: Mutex<Vec<String>>,
    stop_after: usize,
    demand: Demand,
}

impl Record {
    fn add(&self, entry: String, counts: bool) {
        let mut log = self.log.lock().unwrap();
        log.push(entry);
        let counted = log
            .iter()
            .filter(|entry| !entry.starts_with("open"))
            .count();
        if counts && counted >= self.stop_after {
            self.demand.stop();
        }
    }
}

impl Sink for Record {
    fn frame(&self, frame: RawFrame) {
        let Image::Jpeg(picture) = frame.image else {
            panic!("files are JPEGs");
        };
        let info = jpeg::inspect(picture.jpeg()).unwrap();
        let mended = jpeg::mend(picture.jpeg()).map(|mended| mended.jpeg);
        assert!(matches!(mended, Ok(Cow::Borrowed(_))));
        self.add(format!("frame {} is {}", frame.seq, info.width), true);
    }

    fn again(&self, _: RawFrame) {}

    fn report(&self, report: Report<'_>) {
        match report {
            Report::Open(mode) => self.add(format!("open {}x{}", mode.width, mode.height), false),
            Report::Broken(reason) => self.add(format!("broken {reason}"), true),
            other => panic!("{other:?}"),
        }
    }
}

/// What a source says until this many frames and broken pictures arrived, and how it ended.
fn watch(path: &Path, stop_after: usize) -> (Vec<String>, Result<(), SourceError>) {
    let demand = Demand::default();
    let _viewer = demand.hold();
    let record = Arc::new(Record {
        stop_after,
        demand: demand.clone(),
        ..Record::default()
    });
    let port = Port::new(Arc::clone(&record) as Arc<dyn Sink>, demand);
    let result = source(path).run(&port);
    let log = std::mem::take(&mut *record.log.lock().unwrap());
    (log, result)
}

fn source(path: &Path) -> FilesSource {
    let config = Config {
        width: 640,
        height: 480,
        fps: 1000.0,
        transform: Default::default(),
    };
    FilesSource::new(config, path).unwrap()
}

fn directory(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

#[test]
fn a_directory_is_shown_in_natural_order_over_and_over() {
    let directory = directory(&[
        ("img10.jpg", jpeg(10)),
        ("img2.JPEG", jpeg(2)),
        ("notes.txt", b"no picture".to_vec()),
        ("._img1.jpg", b"no picture".to_vec()),
    ]);
    let (log, result) = watch(directory.path(), 3);
    result.unwrap();
    assert_eq!(
        log,
        [
            "open 2x8",
            "frame 1 is 2",
            "open 10x8",
            "frame 2 is 10",
            "open 2x8",
            "frame 3 is 2"
        ]
    );
}

#[test]
fn a_corrupt_file_is_counted_by_name_and_leaves_a_gap() {
    let mut cut = jpeg(2);
    cut.truncate(30);
    let directory = directory(&[
        ("1.jpg", jpeg(1)),
        ("2.jpg", cut),
        ("3.jpg", Vec::new()),
        ("4.jpg", [jpeg(1), b"a camera's padding".to_vec()].concat()),
    ]);
    let (log, result) = watch(directory.path(), 4);
    result.unwrap();
    assert_eq!(
        log,
        [
            "open 1x8",
            "frame 1 is 1",
            "broken 2.jpg: it is cut off: 30 bytes and no FF D9",
            "broken 3.jpg: it does not start with FF D8",
            "frame 4 is 1"
        ]
    );
}

#[test]
fn a_file_of_more_than_the_limit_is_broken_and_not_read() {
    let directory = directory(&[("1.jpg", jpeg(1))]);
    let large = fs::File::create(directory.path().join("2.jpg")).unwrap();
    // Sparse: takes no room on the disk.
    large.set_len(1 << 40).unwrap();
    let (log, result) = watch(directory.path(), 2);
    result.unwrap();
    assert_eq!(
        log[2],
        format!("broken 2.jpg: it is larger than {LARGEST} bytes")
    );
}

#[test]
fn a_file_of_many_jpegs_is_shown_over_and_over() {
    let directory = directory(&[("all.mjpeg", [jpeg(1), jpeg(1), jpeg(3)].concat())]);
    let (log, result) = watch(&directory.path().join("all.mjpeg"), 4);
    result.unwrap();
    assert_eq!(
        log,
        [
            "open 1x8",
            "frame 1 is 1",
            "frame 2 is 1",
            "open 3x8",
            "frame 3 is 3",
            "open 1x8",
            "frame 4 is 1"
        ]
    );
}

#[test]
fn nothing_to_show_is_an_error_that_says_what_to_do() {
    let empty = directory(&[]);
    let bad = directory(&[("1.jpg", b"no picture".to_vec()), ("no.mjpeg", Vec::new())]);
    // What browsers show, but for the marker of its frame header: SOF0 becomes SOF3.
    let mut lossless = jpeg(1);
    let sof = lossless.windows(2).position(|it| it == [0xff, 0xc0]);
    lossless[sof.unwrap() + 1] = 0xc3;
    let kind = directory(&[("1.jpg", lossless.clone()), ("2.mjpeg", lossless)]);
    for (path, what) in [
        (empty.path().join("missing"), "cannot read"),
        (empty.path().to_owned(), "no .jpg file is in"),
        (
            bad.path().to_owned(),
            ": 1.jpg: it does not start with FF D8;",
        ),
        (bad.path().join("no.mjpeg"), "no JPEG is at"),
        (
            kind.path().to_owned(),
            " can be shown: 1.jpg: no browser shows it: it is a lossless jpeg;",
        ),
        (
            kind.path().join("2.mjpeg"),
            "byte 0 of the file: no browser shows it: it is a lossless jpeg;",
        ),
        (
            PathBuf::from("/dev/null"),
            "is neither a directory nor a file",
        ),
    ] {
        let (_, result) = watch(&path, 100);
        let text = result.unwrap_err().to_string();
        assert!(text.contains(what), "{text}");
        assert!(text.contains("give a directory of .jpg files"), "{text}");
        assert!(text.contains(&path.display().to_string()), "{text}");
    }
}

#[test]
fn only_one_picture_is_read_without_viewers() {
    // The size is told, and the source then ends promptly although there never was a viewer.
    let directory = directory(&[("1.jpg", jpeg(1)), ("2.jpg", b"no picture".to_vec())]);
    struct StopWhenOpen(Demand);
    impl Sink for StopWhenOpen {
        fn frame(&self, _: RawFrame) {
            panic!("no frame is wanted");
        }
        fn again(&self, _: RawFrame) {}
        fn report(&self, report: Report<'_>) {
            match report {
                Report::Open(_) => self.0.stop(),
                other => panic!("the second file is read: {other:?}"),
            }
        }
    }
    let demand = Demand::default();
    let sink = Arc::new(StopWhenOpen(demand.clone()));
    source(directory.path())
        .run(&Port::new(sink, demand))
        .unwrap();
}

#[test]
fn a_file_that_is_rewritten_in_place_costs_the_pictures_that_were_torn_and_no_more() {
    /// Tears the file apart after each frame, and makes it whole again once that was noticed.
    struct Rewriter {
        path: PathBuf,
        torn: Mutex<Vec<Vec<u8>>>,
        log: Mutex<Vec<&'static str>>,
        demand: Demand,
    }
    impl Sink for Rewriter {
        fn frame(&self, _: RawFrame) {
            self.log.lock().unwrap().push("frame");
            match self.torn.lock().unwrap().pop() {
                Some(torn) if torn.is_empty() => fs::remove_file(&self.path).unwrap(),
                Some(torn) => fs::write(&self.path, torn).unwrap(),
                None => self.demand.stop(),
            }
        }
        fn again(&self, _: RawFrame) {}
        fn report(&self, report: Report<'_>) {
            match report {
                Report::Open(_) => {}
                Report::Broken(_) => {
                    self.log.lock().unwrap().push("broken");
                    fs::write(&self.path, jpeg(1)).unwrap();
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let directory = directory(&[("cam.jpg", jpeg(1))]);
    let path = directory.path().join("cam.jpg");
    let demand = Demand::default();
    let _viewer = demand.hold();
    let sink = Arc::new(Rewriter {
        path: path.clone(),
        torn: Mutex::new(vec![
            jpeg(1)[..20].to_vec(),
            Vec::new(),
            b"\xff\xd8\xff".to_vec(),
            b"no picture".to_vec(),
        ]),
        log: Mutex::default(),
        demand: demand.clone(),
    });
    let port = Port::new(Arc::clone(&sink) as Arc<dyn Sink>, demand);
    source(&path).run(&port).unwrap();
    let log = sink.log.lock().unwrap();
    let frames = log.iter().filter(|it| **it == "frame").count();
    assert_eq!((frames, log.len() - frames), (5, 4), "{log:?}");
}

#[test]
fn pictures_that_come_and_go_meanwhile_are_shown_and_left_out() {
    /// Replaces the second picture by a third once both were shown twice, and stops when that is there.
    struct Replacer {
        directory: PathBuf,
        broken: Mutex<Vec<String>>,
        demand: Demand,
    }
    impl Sink for Replacer {
        fn frame(&self, frame: RawFrame) {
            let Image::Jpeg(picture) = frame.image else {
                panic!("files are JPEGs");
            };
            if frame.seq == 4 {
                fs::write(self.directory.join("3.jpg"), jpeg(3)).unwrap();
                fs::remove_file(self.directory.join("2.jpg")).unwrap();
            }
            if picture.info.width == 3 {
                self.demand.stop();
            }
            assert!(frame.seq <= 4 || picture.info.width != 2);
            assert!(frame.seq < 60_000, "it is not shown");
        }
        fn again(&self, _: RawFrame) {}
        fn report(&self, report: Report<'_>) {
            if let Report::Broken(reason) = report {
                self.broken.lock().unwrap().push(reason.to_owned());
            }
        }
    }
    let directory = directory(&[("1.jpg", jpeg(1)), ("2.jpg", jpeg(2))]);
    let demand = Demand::default();
    let _viewer = demand.hold();
    let sink = Arc::new(Replacer {
        directory: directory.path().into(),
        broken: Mutex::default(),
        demand: demand.clone(),
    });
    let port = Port::new(Arc::clone(&sink) as Arc<dyn Sink>, demand);
    source(directory.path()).run(&port).unwrap();
    assert_eq!(*sink.broken.lock().unwrap(), [""; 0]);
}

#[test]
fn what_is_shown_first_after_a_pause_is_read_then() {
    /// Writes the pictures anew while nobody watches: before the first viewer, and between two.
    struct Pausing {
        rewrite: Box<dyn Fn(u16) + Send + Sync>,
        viewer: Mutex<Option<Hold>>,
        log: Mutex<Vec<String>>,
        demand: Demand,
    }
    impl Pausing {
        /// Nobody watches for a moment, in which the pictures become so wide.
        fn pause(&self, width: u16) {
            let mut viewer = self.viewer.lock().unwrap();
            *viewer = None;
            (self.rewrite)(width);
            *viewer = Some(self.demand.hold());
        }
    }
    impl Sink for Pausing {
        fn frame(&self, frame: RawFrame) {
            let Image::Jpeg(picture) = frame.image else {
                panic!("files are JPEGs");
            };
            let width = picture.info.width;
            self.log.lock().unwrap().push(format!("frame {width}"));
            match width {
                4 => self.demand.stop(),
                width => self.pause(width + 1),
            }
        }
        fn again(&self, _: RawFrame) {}
        fn report(&self, report: Report<'_>) {
            match report {
                Report::Open(mode) => {
                    self.log
                        .lock()
                        .unwrap()
                        .push(format!("open {}", mode.width));
                    if self.viewer.lock().unwrap().is_none() {
                        self.pause(2);
                    }
                }
                Report::Broken(reason) => {
                    self.log.lock().unwrap().push(format!("broken {reason}"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let many = |width| [jpeg(width), jpeg(width), jpeg(width), jpeg(width)].concat();
    for (name, rewritten) in [
        ("cam.jpg", "cam.jpg"),
        ("all.mjpeg", "all.mjpeg"),
        ("", "2.jpg"),
    ] {
        // Counted once, though it is come upon twice.
        let directory = directory(&[("1.jpg", b"no picture".to_vec())]);
        let path = directory.path().join(rewritten);
        let rewrite = move |width| {
            let anew = path.with_extension("new");
            let content = if rewritten == "all.mjpeg" {
                many(width)
            } else {
                jpeg(width)
            };
            fs::write(&anew, content).unwrap();
            fs::rename(&anew, &path).unwrap();
        };
        rewrite(1);
        let demand = Demand::default();
        let sink = Arc::new(Pausing {
            rewrite: Box::new(rewrite),
            viewer: Mutex::default(),
            log: Mutex::default(),
            demand: demand.clone(),
        });
        let port = Port::new(Arc::clone(&sink) as Arc<dyn Sink>, demand);
        source(&directory.path().join(name)).run(&port).unwrap();
        let log = std::mem::take(&mut *sink.log.lock().unwrap());
        let (broken, told): (Vec<_>, Vec<_>) =
            log.iter().partition(|entry| entry.starts_with("broken"));
        let expected = [
            "open 1", "open 2", "frame 2", "open 3", "frame 3", "open 4", "frame 4",
        ];
        assert_eq!(told, expected, "{name}");
        // The directory is passed over three times until there are three frames.
        assert_eq!(broken.len(), if name.is_empty() { 3 } else { 0 }, "{log:?}");
    }
}

#[test]
fn of_a_file_that_holds_several_pictures_only_the_first_is_shown() {
    let phone = two_in_one(&jpeg(9), &jpeg(4));
    let directory = directory(&[("1.jpg", phone)]);
    for path in [directory.path().to_owned(), directory.path().join("1.jpg")] {
        let (log, result) = watch(&path, 3);
        result.unwrap();
        assert_eq!(
            log,
            ["open 9x8", "frame 1 is 9", "frame 2 is 9", "frame 3 is 9"]
        );
    }
}
