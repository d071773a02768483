//! What the reader of parts promises, however a stream is cut.

use super::*;
use proptest::prelude::*;

/// A whole JPEG of 8 lines with this many bytes of picture.
fn image(bytes: usize) -> Vec<u8> {
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0];
    jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    jpeg.resize(jpeg.len() + bytes, 0x12);
    jpeg.extend([0xff, 0xd9]);
    jpeg
}

fn read<'a>(boundary: impl Into<Option<&'a str>>, stream: &[u8], piece: usize) -> Vec<Part> {
    let mut multipart = Multipart::new(boundary.into(), 100_000);
    let mut parts = Vec::new();
    for piece in stream.chunks(piece) {
        multipart.feed(piece);
        while let Some(part) = multipart.next_part() {
            parts.push(part);
        }
    }
    parts
}

fn images(boundary: &str, stream: &[u8]) -> usize {
    let counts = [1, 2, 7, 100, 1 << 20].map(|piece| {
        let parts = read(boundary, stream, piece);
        for part in &parts {
            assert_eq!(*part, Part::Image(image(50).into()), "in pieces of {piece}");
        }
        parts.len()
    });
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    counts[0]
}

/// Whether a part is a picture that can be shown, by its bytes.
fn is_picture(part: &Part) -> bool {
    matches!(part, Part::Image(image) if jpeg::inspect(image).is_ok())
}

fn parts(head: &str, tail: &str) -> Vec<u8> {
    [head.as_bytes(), &image(50), tail.as_bytes()]
        .concat()
        .repeat(3)
}

#[test]
fn parts_come_with_and_without_lengths_and_with_any_line_end() {
    let len = image(50).len();
    for (head, tail) in [
        (
            format!("--b\r\nContent-Type: image/jpeg\r\nContent-Length: {len}\r\n\r\n"),
            "\r\n",
        ),
        (format!("--b\ncontent-length:{len}\n\n"), "\n"),
        ("--b\r\nContent-Type: image/jpeg\r\n\r\n".into(), "\r\n"),
        ("--b\r\n\r\n\r\n".into(), ""),
        ("b\nX-Other: 1\n\n".into(), "\n"),
        (
            format!("--b\r\nContent-Length: {}\r\n\r\n", len + 2),
            "\r\n",
        ),
    ] {
        let stream = [
            b"a preamble\r\n",
            &parts(&head, tail)[..],
            b"--b--\r\nthe end\r\n",
        ]
        .concat();
        assert_eq!(images("b", &stream), 3, "{head:?}");
    }
}

#[test]
fn dashes_of_the_boundary_are_anybodys() {
    for in_header in ["frame", "--frame", "----frame"] {
        for in_body in ["--frame", "----frame"] {
            let stream = parts(&format!("{in_body}\r\nA: b\r\n\r\n"), "\r\n");
            assert_eq!(images(in_header, &stream), 3, "{in_header} and {in_body}");
        }
    }
}

#[test]
fn a_part_without_a_length_is_whole_before_the_next_boundary() {
    let stream = [b"--b\r\n\r\n", &image(50)[..]].concat();
    assert_eq!(read("b", &stream, 10).len(), 1);
}

#[test]
fn the_jpeg_says_where_it_ends_whatever_its_header_says() {
    let len = image(50).len();
    let wrong = [0, 1, len - 20, len - 2, len - 1].into_iter().chain([
        len + 40,
        len + 73,
        len + 200,
        90_000,
    ]);
    for wrong in wrong {
        let head = format!("--b\r\nContent-Length: {wrong}\r\n\r\n");
        for tail in ["\r\n", "\n", "", "\0\0\0\0\r\n"] {
            assert_eq!(images("b", &parts(&head, tail)), 3, "{wrong}, {tail:?}");
        }
        let alone = [head.as_bytes(), &image(50)].concat();
        assert_eq!(read("b", &alone, 1).len(), 1, "{wrong}");
    }
}

#[test]
fn a_jpeg_may_contain_what_looks_like_a_delimiter() {
    let comment = b"\xff\xfe\x00\x14--b and\r\n--b\r\n\r\nso";
    let mut jpeg = image(50);
    jpeg.splice(40..40, *b"\r\n--b\r\n\r\n--b");
    jpeg.splice(2..2, *comment);
    let len = jpeg.len();
    for length in [
        "",
        &format!("Content-Length: {len}\r\n"),
        &format!("Content-Length: {}\r\n", len - 3),
        &format!("Content-Length: {}\r\n", len + 60),
    ] {
        let head = format!("--b\r\n{length}\r\n");
        let stream = [head.as_bytes(), &jpeg, b"\r\n"].concat().repeat(3);
        for piece in [1, 7, 1000] {
            let parts = read("b", &stream, piece);
            let whole = || Part::Image(jpeg.clone().into());
            assert_eq!(parts, [whole(), whole(), whole()], "{length:?}");
        }
    }
}

#[test]
fn a_jpeg_that_is_cut_off_where_its_header_says_does_not_run_on_into_the_next() {
    // As if a segment began that goes on for 2605 bytes.
    let mut cut = image(50)[..40].to_vec();
    cut.push(0xff);
    let part = |jpeg: &[u8]| {
        let head = format!("--b\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        [head.as_bytes(), jpeg, b"\n"].concat()
    };
    let good = part(&image(5000));
    let stream = [&good[..], &part(&cut), &good, &good].concat();
    for piece in [1, 7, 1000, 1 << 20] {
        let whole = || Part::Image(image(5000).into());
        let expected = [whole(), Part::Image(cut.clone().into()), whole(), whole()];
        assert_eq!(read("b", &stream, piece), expected);
    }
}

#[test]
fn a_jpeg_without_an_end_ends_before_the_next_delimiter() {
    let open = &image(5000)[..5000 + 20];
    let len = open.len();
    for length in [
        String::new(),
        format!("Content-Length: {len}\r\n"),
        format!("Content-Length: {}\r\n", len + 2),
        "Content-Length: 12\r\n".into(),
        "Content-Length: -1\r\n".into(),
    ] {
        for delimiter in ["--b", "--another", "--b--"] {
            let head = format!("{delimiter}\r\nContent-Type: image/jpeg\r\n{length}\r\n");
            let stream = [head.as_bytes(), open, b"\r\n"].concat().repeat(4);
            for piece in [1, 7, 1000, 1 << 20] {
                let parts = read("b", &stream, piece);
                let images = parts.iter().filter(|part| {
                    matches!(part, Part::Image(jpeg) if jpeg.starts_with(open) && jpeg.len() <= len + 2)
                });
                assert_eq!(
                    (images.count(), parts.len()),
                    (3, 3),
                    "{delimiter}, {length:?}"
                );
            }
        }
    }
}

#[test]
fn bytes_between_segments_and_before_a_marker_do_not_end_a_jpeg() {
    let mut jpeg = image(50);
    jpeg.splice(15..15, *b"junk\xff\x00\xff\xd3\xff\xff");
    jpeg.splice(2..2, [0; 12]);
    let stream = [b"--b\r\n\r\n", &jpeg[..], b"\r\n"].concat().repeat(2);
    for piece in [1, 7, 1000] {
        let whole = || Part::Image(jpeg.clone().into());
        assert_eq!(read("b", &stream, piece), [whole(), whole()]);
    }
}

#[test]
fn a_boundary_that_differs_from_the_headers_is_that_of_the_stream() {
    for told in ["frame", "FRAME", "\"frame\"", "-", "frame;x", ""] {
        for delimiter in [
            "--frame",
            "--Frame",
            "--\"frame\"",
            "----frame--",
            "--my frame",
            "frame",
        ] {
            for head in [
                "",
                "Content-Type: image/jpeg\r\n",
                "\r\nContent-Type: image/jpeg\r\n",
            ] {
                if delimiter == "frame" && head.starts_with("\r\n") {
                    continue;
                }
                let stream = parts(&format!("{delimiter}\r\n{head}\r\n"), "\r\n");
                assert_eq!(
                    images(told, &stream),
                    3,
                    "{told:?}, {delimiter:?}, {head:?}"
                );
            }
        }
    }
    // What looks like one does no harm once it is known which ones are.
    let stream = [&parts("--b\r\n\r\n", "\r\n--c\r\n\r\n")[..], b"--b\r\n"].concat();
    assert_eq!(images("b", &stream), 3);
    let preamble = [b"-- hello --\r\n", &parts("--b\r\n\r\n", "\r\n")[..]].concat();
    assert_eq!(images("b", &preamble), 3);
}

#[test]
fn parts_may_have_no_header_no_delimiter_or_lengths_that_are_none() {
    for head in [
        "",
        "\r\n",
        "Content-Type: image/jpeg\n\n",
        "Content-Type: multipart/x; boundary=--b\r\nContent-Length: 5000000000\r\n\r\n",
        "--b\nContent-Length: -1\n\n",
        "--b\r\nContent-Length:\r\n\r\n",
        "--b\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n",
        "--b\r\nHTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n",
    ] {
        assert_eq!(images("b", &parts(head, "\r\n")), 3, "{head:?}");
    }
}

#[test]
fn the_end_of_a_stream_ends_its_last_picture() {
    let stream = parts("--b\r\n\r\n", "\r\n");
    let mut multipart = Multipart::new(Some("b"), 100_000);
    multipart.feed(&stream[..stream.len() - 4]);
    assert!(multipart.next_part().is_some() && multipart.next_part().is_some());
    assert_eq!(
        (multipart.next_part(), multipart.held()),
        (None, image(50).len() - 2)
    );
    let open = image(50)[..image(50).len() - 2].to_vec();
    assert_eq!(multipart.finish(), Some(Part::Image(open.into())));
    assert_eq!(multipart.finish(), None);
}

#[test]
fn broken_jpegs_are_not_read_again_for_each_delimiter_in_them() {
    const NESTED: usize = 1000;
    let mut stream = b"x".to_vec();
    for number in 0..NESTED {
        // A segment up to where all of them end.
        let len = (NESTED - 1 - number) * 12 + 2;
        stream.extend(b"\n--b\n\n\xff\xd8\xff\xfe");
        stream.extend((len as u16).to_be_bytes());
    }
    stream.extend(b"\xff\xda\x00\x02");
    stream.resize(stream.len() + 60_000, 0x12);
    stream.extend(b"\xff\xd8\r\n--b\r\n\r\n");
    stream.extend(image(50));
    for piece in [7, 1000, 1 << 20] {
        let parts = read("b", &stream, piece);
        let Some((last, broken)) = parts.split_last() else {
            panic!("nothing came");
        };
        assert_eq!(*last, Part::Image(image(50).into()));
        assert!((1..5).contains(&broken.len()), "{} times", broken.len());
    }
}

#[test]
fn a_boundary_that_was_not_announced_is_that_of_the_first_delimiter() {
    for begin in ["", "\r\n", "a preamble\r\n\r\n"] {
        let stream = [
            begin.as_bytes(),
            &parts("--a frame\r\nContent-Type: image/jpeg\r\n\r\n", "\r\n"),
            b"--other\r\n\r\n",
            &image(50),
        ]
        .concat();
        for piece in [1, 7, 1000] {
            assert_eq!(read(None, &stream, piece).len(), 3, "{begin:?}");
        }
    }
    assert_eq!(read(None, &parts("----\r\n\r\n", "\r\n"), 7).len(), 3);
}

#[test]
fn broken_parts_cost_themselves() {
    let good = [b"--b\r\n\r\n", &image(50)[..], b"\r\n"].concat();
    for bad in [
        &b"--b\r\n\r\nno picture\r\n"[..],
        b"--b\r\n\r\n\xff\xd8\xff\xd9\r\n",
        b"--b\r\nContent-Length: 6\r\n\r\nhello!\r\n",
        b"--b\r\nContent-Length: 999999999\r\n\r\nhello!\r\n",
        b"--b\r\nA: b\r\n",
    ] {
        let stream = [&good, bad, &good].concat();
        let parts = read("b", &stream, 16);
        let pictures: Vec<_> = parts.iter().map(is_picture).collect();
        assert_eq!(pictures, [true, false, true], "{parts:?}");
    }
}

#[test]
fn a_part_without_an_end_is_given_up_at_the_limit() {
    let mut multipart = Multipart::new(Some("b"), 10_000);
    multipart.feed(b"--b\r\n\r\n");
    multipart.feed(&image(0)[..25]);
    let mut broken = 0;
    for _ in 0..100 {
        multipart.feed(&[0x55; 1000]);
        while let Some(part) = multipart.next_part() {
            assert!(matches!(part, Part::Broken(_)));
            broken += 1;
        }
        assert!(multipart.held() <= LONGEST_HEAD + 1000);
    }
    assert_eq!(broken, 1);
}

#[test]
fn what_is_too_long_is_read_alike_however_it_is_cut() {
    let good = [b"--b\r\n\r\n", &image(50)[..], b"\r\n"].concat();
    let long = vec![b'x'; LONGEST_HEAD + 1];
    let too_large = [b"--b\r\n\r\n", &image(100_000)[..], b"\r\n"].concat();
    let cut = [b"--b\r\n\r\n", &image(50)[..40]].concat();
    for (bad, broken) in [
        // A delimiter that is not the end of its line is none, however long that is.
        ([b"--b ", &long[..], b"\n"].concat(), 0),
        ([b"--b\nA: ", &long[..], b"\n\n"].concat(), 1),
        (too_large, 1),
        (cut, 1),
    ] {
        let stream = [&good[..], &bad, &good].concat();
        let whole = read("b", &stream, stream.len());
        let pictures = whole.iter().filter(|part| is_picture(part)).count();
        assert_eq!((pictures, whole.len()), (2, 2 + broken));
        for piece in [1, 7, 1000] {
            assert_eq!(read("b", &stream, piece), whole, "in pieces of {piece}");
        }
    }
}

#[test]
fn boundaries_are_found_quoted_or_not() {
    let kind = |text| boundary(text);
    assert_eq!(kind("multipart/x-mixed-replace;boundary=abc"), Some("abc"));
    assert_eq!(
        kind("Multipart/Mixed; a=b; Boundary=\"--a b\""),
        Some("--a b")
    );
    assert_eq!(
        kind("multipart/x-mixed-replace; a=\"\\\";\"; boundary=\"a;b=c\"; d=e"),
        Some("a;b=c")
    );
    for none in [
        "image/jpeg",
        "multipart/x-mixed-replace",
        "multipart/x; boundary=--",
        "text/html; boundary=x",
        "é;é=é",
        "",
    ] {
        assert_eq!(kind(none), None);
    }
}

proptest! {
    #[test]
    fn garbage_never_panics_and_is_read_alike_however_it_is_cut(
        pieces in prop::collection::vec(prop_oneof![
            Just(b"--b\r\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"Content-Length: 77\n".to_vec()),
            Just(image(50)),
            Just(image(50)[..30].to_vec()),
            prop::collection::vec(any::<u8>(), 0..20),
        ], 0..20),
        piece in 1..50_usize,
    ) {
        let stream = pieces.concat();
        let whole = read("b", &stream, stream.len().max(1));
        prop_assert_eq!(read("b", &stream, piece), whole);
    }
}
