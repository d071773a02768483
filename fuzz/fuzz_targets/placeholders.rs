//! Fills arbitrary text with a secret from a file: it comes in whole and encoded, nothing else changes, and errors never show it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer::fuzzing::filled;
use std::cell::LazyCell;
use std::io::Write;
use tempfile::NamedTempFile;

const SECRET: &str = "hunter#2/ä";
const ENCODED: &str = "hunter%232%2F%C3%A4";

/// Stands for the placeholder, and is in no path.
const HERE: char = '\u{1}';

fn file() -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("there is room for a file");
    writeln!(file, "{SECRET}").expect("there is room for a line");
    file
}

thread_local! {
    static FILE: LazyCell<NamedTempFile> = LazyCell::new(file);
}

fuzz_target!(|text: &str| {
    if text.contains("hunter") || text.contains("/") && text.contains("file:") {
        return;
    }
    FILE.with(|file| {
        let placeholder = format!("${{file:{}}}", file.path().display());
        let typed = text.replace(HERE, &placeholder);
        match filled(&typed) {
            Ok(whole) if typed == placeholder => assert_eq!(whole, SECRET),
            // Other placeholders are variables of the environment, or open ends.
            Ok(whole) if !text.contains("${") => assert_eq!(whole, text.replace(HERE, ENCODED)),
            Ok(whole) => assert_eq!(
                whole.matches(ENCODED).count(),
                text.chars().filter(|letter| *letter == HERE).count()
            ),
            Err(error) => assert!(!format!("{error} {error:?}").contains("hunter")),
        }
    });
});
