//! Compiles the server again when the viewer that it embeds was built again.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../dist");
}
