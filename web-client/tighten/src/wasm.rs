//! A WebAssembly module's outermost structure: sections, and the names of imports (WebAssembly Core 2.0, §5.5).
//!
//! Whether the code in it is valid is the browser's question, and before it a test's (`e2e/tests/e2e/module.rs`).

use std::collections::HashMap;
use std::fmt;

/// What begins a module of version 1.
const PREAMBLE: &[u8] = b"\0asm\x01\0\0\0";
const CUSTOM: u8 = 0;
const IMPORT: u8 = 2;
const EXPORT: u8 = 7;
const DATA: u8 = 11;
/// Under this name, wasm-bindgen's script gives a module what it imports.
pub(crate) const SCRIPT: &str = "./viewer_bg.js";
/// A shorter one.
pub(crate) const SHORT_SCRIPT: &str = "s";

/// The bytes are no module, or one with something in it that this doesn't know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a WebAssembly module that can be tightened: {}",
            self.0
        )
    }
}

/// The module without custom sections and with short names for what it imports and exports; these by their old names.
pub(crate) fn tighten(module: &[u8]) -> Result<(Vec<u8>, HashMap<String, String>), Malformed> {
    let sections = module.strip_prefix(PREAMBLE);
    let mut input = Reader(sections.ok_or(Malformed("no preamble"))?);
    let (mut tight, mut names) = (PREAMBLE.to_vec(), HashMap::new());
    while !input.0.is_empty() {
        let id = input.byte()?;
        let content = input.prefixed()?;
        match id {
            CUSTOM => {}
            IMPORT => {
                tight.push(id);
                push_prefixed(&mut tight, &imports(content, &mut names)?);
            }
            EXPORT => {
                tight.push(id);
                push_prefixed(&mut tight, &exports(content, &mut names)?);
            }
            DATA => {
                tight.push(id);
                push_prefixed(&mut tight, &without_paths(content));
            }
            _ => {
                tight.push(id);
                push_prefixed(&mut tight, content);
            }
        }
    }
    Ok((tight, names))
}

/// The import section with short names.
fn imports(section: &[u8], names: &mut HashMap<String, String>) -> Result<Vec<u8>, Malformed> {
    let mut input = Reader(section);
    let count = input.number()?;
    let mut tight = Vec::new();
    push_number(&mut tight, count);
    for _ in 0..count {
        let from = match input.prefixed()? {
            from if from == SCRIPT.as_bytes() => SHORT_SCRIPT.as_bytes(),
            from => from,
        };
        push_prefixed(&mut tight, from);
        // Another one is that of an export of ours, which needs no code between.
        push_prefixed(&mut tight, shorter(input.prefixed()?, names)?);
        // A function and its type: wasm-bindgen imports nothing else.
        if input.byte()? != 0 {
            return Err(Malformed("an import that is no function"));
        }
        tight.push(0);
        push_number(&mut tight, input.number()?);
    }
    Ok(tight)
}

/// The export section with short names.
fn exports(section: &[u8], names: &mut HashMap<String, String>) -> Result<Vec<u8>, Malformed> {
    let mut input = Reader(section);
    let count = input.number()?;
    let mut tight = Vec::new();
    push_number(&mut tight, count);
    for _ in 0..count {
        push_prefixed(&mut tight, shorter(input.prefixed()?, names)?);
        tight.push(input.byte()?);
        push_number(&mut tight, input.number()?);
    }
    Ok(tight)
}

/// The short name for one that wasm-bindgen has made up, or the name.
fn shorter<'a>(
    name: &'a [u8],
    names: &'a mut HashMap<String, String>,
) -> Result<&'a [u8], Malformed> {
    let text = std::str::from_utf8(name).map_err(|_| Malformed("no UTF-8"))?;
    if !(text.starts_with("__wb") || text.starts_with("__wasm_bindgen")) {
        return Ok(name);
    }
    let number = names.len();
    let short = names
        .entry(text.to_owned())
        .or_insert_with(|| short(number));
    Ok(short.as_bytes())
}

/// The data with blanks in place of the paths of other people's code, which only panics in it would tell. Each ends with a
/// zero byte. Where another text stands before one without such an end, both stay.
fn without_paths(data: &[u8]) -> Vec<u8> {
    let mut bare = data.to_vec();
    for path in bare.split_mut(|byte| *byte == 0) {
        let starts: [&[u8]; 2] = [b"/rustc/", b"/.cargo/registry/src/"];
        let is_inside = |start: &[u8]| path.windows(start.len()).any(|part| part == start);
        let is_one = path.len() < LONGEST_PATH
            && path.windows(3).filter(|part| part == b".rs").count() == 1
            && path
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/._+@-".contains(byte));
        let is_path = is_one && path.starts_with(b"/") && path.ends_with(b".rs");
        if is_path && starts.into_iter().any(is_inside) {
            path.fill(b' ');
        }
    }
    bare
}

const LONGEST_PATH: usize = 256;

/// A name for each number, `a0` and so on: none that JavaScript knows.
fn short(number: usize) -> String {
    let letter = char::from(b'a' + (number % 26) as u8);
    format!("{letter}{}", number / 26)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed("too short"))?;
        self.0 = rest;
        Ok(*first)
    }

    /// An unsigned LEB128 of at most 32 bits.
    fn number(&mut self) -> Result<u32, Malformed> {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed("a number that is too long"))
    }

    /// Bytes with their length before them.
    fn prefixed(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.number()? as usize;
        let (content, rest) = self.0.split_at_checked(len).ok_or(Malformed("too short"))?;
        self.0 = rest;
        Ok(content)
    }
}

pub(crate) fn push_number(into: &mut Vec<u8>, mut number: u32) {
    while number > 0x7f {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

pub(crate) fn push_prefixed(into: &mut Vec<u8>, content: &[u8]) {
    push_number(
        into,
        u32::try_from(content.len()).expect("a part of a module is below 4 GiB"),
    );
    into.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module that imports two functions and has a type, a custom section before and one behind.
    fn module() -> Vec<u8> {
        let mut module = PREAMBLE.to_vec();
        module.extend(b"\x00\x06\x04nameX\x01\x04\x01\x60\x00\x00");
        let import = b"\x02\x01m\x0c__wbg_now_0f\x00\x00\x01m\x0d__wbg_then_ab\x00\x00";
        module.push(IMPORT);
        push_prefixed(&mut module, import);
        module.extend(b"\x00\x02\x01x");
        module
    }

    #[test]
    fn imports_get_short_names_and_custom_sections_go() {
        let (tight, names) = tighten(&module()).unwrap();
        let mut expected = PREAMBLE.to_vec();
        expected.extend(b"\x01\x04\x01\x60\x00\x00");
        expected.extend(b"\x02\x0f\x02\x01m\x02a0\x00\x00\x01m\x02b0\x00\x00");
        assert_eq!(tight, expected);
        assert_eq!(names["__wbg_now_0f"], "a0");
        assert_eq!(names["__wbg_then_ab"], "b0");
    }

    #[test]
    fn exports_of_wasm_bindgens_own_get_short_names_and_the_script_one_too() {
        let mut module = PREAMBLE.to_vec();
        module.extend(b"\x02\x16\x01\x0e./viewer_bg.js\x03__w\x00\x00");
        module.extend(b"\x07\x0f\x02\x04view\x00\x00\x04__wb\x00\x01");
        let (tight, names) = tighten(&module).unwrap();
        let mut expected = PREAMBLE.to_vec();
        expected.extend(b"\x02\x09\x01\x01s\x03__w\x00\x00");
        expected.extend(b"\x07\x0d\x02\x04view\x00\x00\x02a0\x00\x01");
        assert_eq!(tight, expected);
        assert_eq!(names["__wb"], "a0");
    }

    #[test]
    fn paths_of_libraries_are_blank_and_those_of_the_viewer_stay() {
        let data = b"not /rustc/ a path\0/rustc/59/library/x.rs\0/home/me/.cargo/registry/src/i/x.rs\0web-client/src/x.rs\0\
            /api/v1 lost, again in/rustc/59/x.rs\0/wall.rs/rustc/59/x.rs\0";
        let bare = String::from_utf8(without_paths(data)).unwrap();
        assert_eq!(bare.len(), data.len());
        let parts: Vec<&str> = bare.split('\0').map(str::trim).collect();
        assert_eq!(
            parts,
            [
                "not /rustc/ a path",
                "",
                "",
                "web-client/src/x.rs",
                "/api/v1 lost, again in/rustc/59/x.rs",
                "/wall.rs/rustc/59/x.rs",
                ""
            ]
        );
    }

    #[test]
    fn what_a_script_exports_is_imported_by_its_own_name() {
        let mut module = PREAMBLE.to_vec();
        module.extend(b"\x02\x0b\x01\x01m\x05touch\x00\x00");
        let (tight, names) = tighten(&module).unwrap();
        assert_eq!((tight, names.len()), (module, 0));
    }

    #[test]
    fn no_two_imports_share_a_name() {
        let mut names: Vec<String> = (0..1000).map(short).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 1000);
    }

    #[test]
    fn what_is_no_module_is_refused_wherever_it_ends() {
        assert_eq!(tighten(b"<html>"), Err(Malformed("no preamble")));
        let module = module();
        let ends = [8, 16, 22, module.len() - 4];
        for len in 0..module.len() {
            // Where a section ends, the module may.
            if !ends.contains(&len) {
                assert!(tighten(&module[..len]).is_err(), "{len}");
            }
        }
    }
}
