//! Leaves the function names, a third of the download, out of optimized WebAssembly.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name, value| std::env::var(name).as_deref() == Ok(value);
    if is("CARGO_CFG_TARGET_ARCH", "wasm32") && is("DEBUG", "false") {
        println!("cargo::rustc-link-arg-bins=--strip-all");
        // wasm-bindgen looks there for what the browser has to know.
        println!("cargo::rustc-link-arg-bins=--keep-section=target_features");
    }
}
