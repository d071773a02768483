//! Pictures that follow each other in one file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "pictures/tiny.rs"]
mod tiny;
#[path = "pictures/two_in_one.rs"]
mod two_in_one;

use pistreamer_picture::reel::{Found, Reel};
use std::io;
use tiny::jpeg;
use two_in_one::{PADDING, two_in_one};

/// A receiver's limit.
const LARGEST: usize = 16 << 20;

fn reel(parts: &[Vec<u8>], largest: usize) -> Vec<String> {
    /// Gives a few bytes at a time, as pipes and network disks may.
    struct Trickle(io::Cursor<Vec<u8>>);
    impl io::Read for Trickle {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let end = into.len().min(7);
            self.0.read(&mut into[..end])
        }
    }
    let mut reel = Reel::new(Trickle(io::Cursor::new(parts.concat())), largest);
    let mut log = Vec::new();
    while let Some(found) = reel.next_picture().unwrap() {
        log.push(match found {
            Found::Picture(picture) => {
                assert_eq!(picture.jpeg().len(), picture.info.len);
                format!("{}", picture.info.width)
            }
            Found::Broken(reason) => reason,
        });
    }
    log
}

#[test]
fn a_broken_picture_in_a_file_costs_only_itself() {
    let whole = jpeg(1).len();
    let cut = |len| jpeg(2)[..len].to_vec();
    assert_eq!(
        reel(&[jpeg(1), cut(whole - 5), jpeg(3)], 1000),
        [
            "1".to_string(),
            format!(
                "the picture at byte {whole} of the file: byte {} is 0xd8 where a marker has to start",
                whole - 4
            ),
            "3".to_string()
        ]
    );
    let last = reel(&[jpeg(1), cut(whole - 5)], 1000);
    assert_eq!(
        last[1],
        format!(
            "the picture at byte {whole} of the file: it is cut off: {} bytes and no FF D9",
            whole - 5
        )
    );
    let headless = reel(&[jpeg(2)[9..].to_vec(), jpeg(3)], 1000);
    assert_eq!(
        headless,
        [
            format!(
                "the picture that ends at byte {} of the file: it has no start",
                whole - 9
            ),
            "3".to_string()
        ]
    );
}

#[test]
fn a_broken_pictures_preview_is_not_shown() {
    let preview = jpeg(9);
    let mut broken = jpeg(2);
    let length = (preview.len() + 2) as u16;
    let exif = [&[0xff, 0xe1], &length.to_be_bytes()[..], &preview].concat();
    broken.splice(2..2, exif);
    broken.truncate(broken.len() - 5);
    let log = reel(&[broken, jpeg(3)], 1000);
    assert_eq!(log.len(), 2);
    assert_eq!(log[1], "3");
}

#[test]
fn what_stands_between_pictures_is_passed_over() {
    let header = b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n".to_vec();
    let log = reel(
        &[header.clone(), jpeg(1), header, jpeg(2), vec![0; 9]],
        1000,
    );
    assert_eq!(log, ["1", "2"]);
}

#[test]
fn a_picture_in_a_file_that_exceeds_the_limit_is_broken() {
    let mut large = jpeg(2);
    large.splice(large.len() - 2..large.len() - 2, vec![0x55; 5000]);
    for pieces in [1, 200] {
        // The limit below and above what is read at once.
        let largest = 300 * pieces;
        let mut large = large.clone();
        large.splice(100..100, vec![0x55; 5000 * pieces]);
        let log = reel(&[jpeg(1), large, jpeg(3)], largest);
        assert_eq!(log.len(), 3);
        assert_eq!(
            log[1],
            format!(
                "the picture at byte {} of the file: it is larger than {largest} bytes",
                jpeg(1).len()
            )
        );
        assert_eq!(log[2], "3");
    }
}

#[test]
fn a_large_file_is_never_held_whole() {
    /// An endless repetition of one picture, counted.
    struct Endless {
        picture: Vec<u8>,
        at: usize,
        given: usize,
    }
    impl io::Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            for byte in &mut *into {
                *byte = self.picture[self.at];
                self.at = (self.at + 1) % self.picture.len();
            }
            self.given += into.len();
            assert!(
                self.given < 4 << 20,
                "far more is read than the pictures take"
            );
            Ok(into.len())
        }
    }
    let endless = Endless {
        picture: jpeg(5),
        at: 0,
        given: 0,
    };
    let mut reel = Reel::new(endless, LARGEST);
    for _ in 0..20_000 {
        assert!(matches!(
            reel.next_picture().unwrap(),
            Some(Found::Picture(_))
        ));
    }
}

#[test]
fn of_a_file_that_holds_several_pictures_only_the_first_is_taken() {
    let phone = two_in_one(&jpeg(9), &jpeg(4));
    let log = reel(&[phone.clone(), jpeg(5), phone.clone()], 1000);
    assert_eq!(log, ["9", "5", "9"]);
    // One whose second picture was taken away, as programs do that know nothing of it.
    let alone = phone[..phone.len() - PADDING - jpeg(4).len()].to_vec();
    assert_eq!(reel(&[alone, jpeg(5)], 1000), ["9", "5"]);
}
