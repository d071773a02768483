//! Makes the download smaller: leaves function names, a third of it, out of optimized WebAssembly, and comments and
//! spaces out of the style sheet.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name, value| env::var(name).as_deref() == Ok(value);
    if is("CARGO_CFG_TARGET_ARCH", "wasm32") && is("DEBUG", "false") {
        // `target_features` goes with it: without that section, wasm-bindgen keeps to what Safari 16.0 to 16.3 run. Its
        // tables of externrefs end in "Out of bounds table access" there.
        println!("cargo::rustc-link-arg-bins=--strip-all");
    }

    const STYLE: &str = "src/chrome/style.css";
    println!("cargo::rerun-if-changed={STYLE}");
    let out = env::var_os("OUT_DIR").expect("Cargo tells build scripts where to write");
    fs::write(
        Path::new(&out).join("style.css"),
        tight(&fs::read_to_string(STYLE)?),
    )
}

/// A style sheet without comments, and spaces only where they part something. No text in it looks like a comment.
fn tight(style: &str) -> String {
    let mut bare = String::new();
    let mut rest = style;
    while let Some((before, comment)) = rest.split_once("/*") {
        bare.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    bare.push_str(rest);
    let mut tight = String::new();
    for word in bare.split_whitespace() {
        // Before a colon, a space makes another selector.
        let is_parted = word.starts_with(['{', '}']) || tight.ends_with(['{', '}', ';', ',', ':']);
        if !tight.is_empty() && !is_parted {
            tight.push(' ');
        }
        tight.push_str(word);
    }
    tight.replace(";}", "}")
}
