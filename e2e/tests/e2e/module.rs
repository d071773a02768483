//! The viewer's WebAssembly as a browser gets it: nothing in it that an iPhone with iOS 16 cannot run.

use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::Path;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// What Safari 15 has. Reference types, which it has as well, break in Safari 16.0 to 16.3.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::FLOATS);

#[test]
fn the_viewers_modules_run_in_every_safari_from_15_on() -> Result<()> {
    let dist = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../dist"));
    let mut modules = 0;
    for entry in fs::read_dir(dist).context("the viewer is not built")? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let module = fs::read(&path)?;
        let mut validator = Validator::new_with_features(FEATURES);
        validator
            .validate_all(&module)
            .with_context(|| path.display().to_string())?;
        for payload in Parser::new(0).parse_all(&module) {
            if let Payload::CustomSection(section) = payload? {
                // wasm-bindgen makes use of the features that `target_features` tells of; nobody reads the others.
                ensure!(false, "{}: section {}", path.display(), section.name());
            }
        }
        modules += 1;
    }
    ensure!(modules > 0, "there is no module in {}", dist.display());
    Ok(())
}
