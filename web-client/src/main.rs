//! The program that Trunk builds: registers the custom element. Everything else is in the library.

fn main() {
    pistreamer_viewer::start();
}
