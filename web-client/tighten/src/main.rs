//! Makes what wasm-bindgen has written smaller. Trunk runs this after each build (`hooks` in Trunk.toml).
//!
//! A WebAssembly module and its script name each function that crosses between them by its name and a hash of 16 digits,
//! hashes that gzip cannot shorten: here they become short names, on both sides. So do the names that a script has for
//! itself. Custom sections, comments, spaces and paths of libraries go, and like functions are put beside one another. How the modules are compiled is decided in the workspace's `profile.viewer`.

mod lexer;
mod locals;
mod order;
mod script;
mod wasm;

use std::io::{Error, ErrorKind};
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // In debug builds of the viewer, names are worth more than bytes.
    if env::var("TRUNK_PROFILE").is_ok_and(|profile| profile == "debug") {
        return Ok(());
    }
    let folder = env::var_os("TRUNK_STAGING_DIR")
        .ok_or_else(|| Error::other("TRUNK_STAGING_DIR is not set: `trunk build` runs this"))?;
    tighten(Path::new(&folder))
}

/// Tightens each module with its script, and then every script, in a folder and those in it.
fn tighten(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if path.is_dir() {
            tighten(&path)?;
        } else if let Some(stem) = name.and_then(|name| name.strip_suffix("_bg.wasm")) {
            rename(&path, &folder.join(format!("{stem}.js")))?;
        }
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "js") {
            let text = fs::read_to_string(&path)?;
            fs::write(&path, locals::shorten(&text))?;
        }
    }
    Ok(())
}

/// Gives the imports of a module short names, in the module and in its script.
fn rename(module: &Path, script: &Path) -> io::Result<()> {
    let because = |why: wasm::Malformed| {
        let text = format!("{}: {why}", module.display());
        Error::new(ErrorKind::InvalidData, text)
    };
    let (tight, names) = wasm::tighten(&fs::read(module)?).map_err(because)?;
    let renamed = script::plainer(&script::rename(&fs::read_to_string(script)?, &names));
    let renamed = renamed.replace(wasm::SCRIPT, wasm::SHORT_SCRIPT);
    fs::write(module, order::by_likeness(&tight).map_err(because)?)?;
    fs::write(script, renamed)
}
