//! Numbers as people read them, and sentences. Where the text goes belongs to [`crate::chrome`].
//!
//! Written with integers: the standard library's formatting of floats would cost the download 10 kB.

/// Marks a text that people see, written in English. With values, it is formatted; they are called `number`, `text` where they
/// are such a text themselves, and anything else where they stay as they are.
///
/// [`crate::chrome`] says it in their language where it writes it into the document, by a table of those in
/// `web-client/words/`, which have every text that is marked so.
macro_rules! words {
    ($text:literal) => {
        $text
    };
    ($text:literal, $($values:tt)+) => {
        format!($text, $($values)+)
    };
}
pub(crate) use words;

/// For fingers, once.
pub const TAP: &str = words!("A tap on the picture brings the controls back");
/// The encoder is silent.
pub const NOTHING_IS_RECORDED: &str =
    words!("Nothing is being recorded: this browser's encoder delivers nothing");
/// The recording has ended by itself.
pub const CLIP_IS_FULL: &str =
    words!("The clip has ended at 256 MB. Record again for the next one");

/// One digit after the point: `29.9`.
pub fn tenths(value: f64) -> String {
    let tenths = (value * 10.0).round().max(0.0) as u64;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// An age in ms: `12 ms`, `1.2 s`.
pub fn age(ms: f64) -> String {
    if ms < 999.5 {
        format!("{} ms", ms.round() as u64)
    } else {
        format!("{} s", tenths(ms / 1000.0))
    }
}

/// A length of time in whole seconds: `7 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`.
pub fn duration(ms: f64) -> String {
    let s = (ms.max(0.0) / 1000.0) as u64;
    match s {
        0..60 => words!("{number} s", number = s),
        60..3600 => words!(
            "{number} min {number2} s",
            number = s / 60,
            number2 = s % 60
        ),
        3600..86_400 => words!(
            "{number} h {number2} min",
            number = s / 3600,
            number2 = s / 60 % 60
        ),
        _ => words!(
            "{number} d {number2} h",
            number = s / 86_400,
            number2 = s / 3600 % 24
        ),
    }
}

/// A running time as a recorder shows it: `0:07`, `12:34`, `1:02:03`.
pub fn stopwatch(ms: f64) -> String {
    let s = (ms.max(0.0) / 1000.0) as u64;
    let (h, min, s) = (s / 3600, s / 60 % 60, s % 60);
    if h > 0 {
        format!("{h}:{min:02}:{s:02}")
    } else {
        format!("{min}:{s:02}")
    }
}

/// What may stand in a file's name on every system; anything else becomes `_`.
pub fn file_name(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '_'
            }
        })
        .take(64)
        .collect()
}

/// The server's refusal, for the user of the element: on a page of another origin, a key cannot be typed. `ticket` says
/// whether one was shown.
pub fn not_let_in(said: String, elsewhere: bool, ticket: bool) -> String {
    if ticket {
        return String::from(words!(
            "this ticket has expired, or is none of this server's: the page needs a new one"
        ));
    }
    if !elsewhere {
        return said;
    }
    let why = said.split(':').next().unwrap_or_default();
    words!(
        "{text}: give the key as src=\"…?key=KEY\", or a ticket in the attribute ticket",
        text = why
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(tenths(29.97), "30.0");
        assert_eq!(tenths(0.04), "0.0");
    }

    #[test]
    fn times_read_well() {
        assert_eq!(duration(7_900.0), "7 s");
        assert_eq!(duration(200_000.0), "3 min 20 s");
        assert_eq!(duration(7_500_000.0), "2 h 5 min");
        assert_eq!(duration(356_400_000.0), "4 d 3 h");
        assert_eq!(age(0.4), "0 ms");
        assert_eq!(age(999.4), "999 ms");
        assert_eq!(age(999.5), "1.0 s");
        assert_eq!(age(12_340.0), "12.3 s");
        assert_eq!(stopwatch(7_000.0), "0:07");
        assert_eq!(stopwatch(3_723_000.0), "1:02:03");
    }

    #[test]
    fn a_refusal_says_what_helps_on_the_page_where_it_is_read() {
        let said = "this camera needs an access key: open the server's page and show the key there";
        assert_eq!(not_let_in(said.into(), false, false), said);
        assert_eq!(
            not_let_in(said.into(), true, false),
            "this camera needs an access key: give the key as src=\"…?key=KEY\", or a ticket in the attribute ticket"
        );
        let over = "this session is over: open the server's page and show the key there";
        for elsewhere in [false, true] {
            let words = not_let_in(over.into(), elsewhere, true);
            assert!(words.starts_with("this ticket has expired"), "{words}");
        }
    }

    #[test]
    fn file_names_hold_nothing_that_a_system_refuses() {
        assert_eq!(file_name("/base/i2c@1: caméra"), "_base_i2c_1__cam_ra");
    }
}
