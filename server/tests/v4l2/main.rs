//! Cameras of a kernel's own drivers: vivid, which also fails as it is told to, and a USB camera that this program plays itself.
//!
//! It is run by `tools/camera-vm.sh`, as root of a machine that has those drivers and nothing else, one test after the other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scripted;
#[path = "../server/support.rs"]
#[expect(dead_code, reason = "these tests need only some of it")]
mod support;
mod usb;
mod vivid;

use jpeg_decoder::Decoder;
use std::path::Path;
use std::process::Command;
use support::{Received, TestServer, TestViewer};

/// Loads a module of the kernel.
fn load(module: &str, options: &[&str]) {
    let folder = std::env::var("CAMERA_VM_MODULES").expect("tools/camera-vm.sh runs these tests");
    let file = Path::new(&folder).join(format!("{module}.ko"));
    let loaded = Command::new("busybox")
        .arg("insmod")
        .arg(file)
        .args(options)
        .status();
    assert!(loaded.unwrap().success(), "{module} is not loaded");
}

/// Sets a control of a device, as another program on the machine may.
fn set(node: &str, control: &str) {
    let set = Command::new("v4l2-ctl")
        .args(["--device", node, "--set-ctrl", control])
        .status();
    assert!(set.unwrap().success(), "{node} does not take {control}");
}

/// A server with these cameras, in that size and at that rate.
fn serve(sources: &[&str], size: &str, fps: f64) -> TestServer {
    TestServer::start(|flags| {
        flags.source = sources.iter().map(|&source| source.into()).collect();
        flags.capture.size = Some(size.into());
        flags.capture.fps = Some(fps);
    })
}

/// Descriptors of this process that lead to a video device.
fn open_devices() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let paths = links.filter_map(|link| std::fs::read_link(link.path()).ok());
    paths
        .filter(|path| path.to_string_lossy().starts_with("/dev/video"))
        .count()
}

/// The next frames of a viewer, whose seqs rise.
async fn frames(viewer: &mut TestViewer, count: usize) -> Vec<Received> {
    let mut frames: Vec<Received> = Vec::new();
    while frames.len() < count {
        let frame = viewer.frame().await;
        let before = frames.last().map_or(0, |frame| frame.stamp.seq);
        assert!(frame.stamp.seq > before, "the seq falls");
        frames.push(frame);
    }
    frames
}

/// Width, height and RGB of a JPEG.
fn decoded(jpeg: &[u8]) -> (usize, usize, Vec<u8>) {
    let mut decoder = Decoder::new(jpeg);
    let rgb = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    (info.width.into(), info.height.into(), rgb)
}
