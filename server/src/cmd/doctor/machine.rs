//! The board, its processor and memory, its system, and the libcamera on it.

use super::reading::text;
use crate::source::libcamera::installed;
use pistreamer_protocol::text::plain;
use std::fmt::Write as _;
use std::path::Path;

/// The board and its system, in lines, by what is below that folder.
pub(super) fn told(root: &Path) -> String {
    let machine = Machine { root };
    let unknown = || String::from("unknown");
    let memory = |name: &str| {
        machine
            .memory(name)
            .map_or_else(unknown, |mb| mb.to_string())
    };
    format!(
        "pistreamer {}, built for {}\nboard: {}\nsystem: {}\nkernel: {}\nprocessor: {}\nmemory: {} MB, {} of them available\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        machine.board().unwrap_or_else(unknown),
        machine.system().unwrap_or_else(unknown),
        machine.kernel(),
        machine.processor(),
        memory("MemTotal"),
        memory("MemAvailable"),
    )
}

/// The libraries that the system has, in lines.
pub(super) fn libcamera(root: &Path) -> String {
    let mut text = String::new();
    for path in installed::libraries(root) {
        let below = path.strip_prefix(root).unwrap_or(&path);
        let _ = writeln!(text, "/{}", below.display());
    }
    if text.is_empty() {
        text.push_str("none is installed\n");
    }
    let programs = ["rpicam-vid", "libcamera-vid"];
    let has = |name: &&&str| root.join("usr/bin").join(name).exists();
    let _ = match programs.iter().find(has) {
        Some(name) => writeln!(text, "{name} is installed"),
        None => writeln!(text, "rpicam-vid is not installed"),
    };
    text
}

struct Machine<'a> {
    root: &'a Path,
}

impl Machine<'_> {
    fn read(&self, path: &str) -> Option<String> {
        text(&self.root.join(path))
    }

    /// A file's text as one line.
    fn line(&self, path: &str) -> Option<String> {
        let line = plain(&self.read(path)?);
        (!line.is_empty()).then_some(line)
    }

    /// The model, as boards of ARM and PCs tell it.
    fn board(&self) -> Option<String> {
        let model = self.line("proc/device-tree/model");
        model.or_else(|| self.line("sys/class/dmi/id/product_name"))
    }

    /// Release and architecture, which the program's may differ from.
    fn kernel(&self) -> String {
        let words = ["ostype", "osrelease", "arch"].map(|name| {
            let word = self.line(&format!("proc/sys/kernel/{name}"));
            word.unwrap_or_else(|| "?".into())
        });
        words.join(" ")
    }

    fn system(&self) -> Option<String> {
        let release = self.read("etc/os-release")?;
        let mut lines = release.lines();
        let name = lines.find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
        Some(name.trim_matches('"').to_owned())
    }

    /// How many cores, of what kind, how fast and how warm, and whether AES is fast.
    fn processor(&self) -> String {
        let text = self.read("proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(key, _)| key.trim() == name)
                .map(|(_, value)| value.trim())
        };
        let is_core = |line: &&str| line.starts_with("processor");
        let cores = text.lines().filter(is_core).count();
        let kind = match field("CPU part") {
            Some("0xb76") => "ARM1176",
            Some("0xc07") => "Cortex-A7",
            Some("0xd03") => "Cortex-A53",
            Some("0xd08") => "Cortex-A72",
            Some("0xd0b") => "Cortex-A76",
            Some(part) => part,
            None => field("model name").unwrap_or("unknown"),
        };
        let features = field("Features").or_else(|| field("flags"));
        let aes =
            features.is_some_and(|features| features.split(' ').any(|feature| feature == "aes"));
        let aes = if aes { "yes" } else { "no" };
        let mut told = format!("{cores} x {kind}, AES instructions: {aes}");
        let mut number = |path: &str, unit: &str| {
            let read = self.read(path);
            if let Some(number) = read.and_then(|text| text.parse::<i32>().ok()) {
                let _ = write!(told, ", {} {unit}", number / 1000);
            }
        };
        number(
            "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq",
            "MHz at most",
        );
        number("sys/class/thermal/thermal_zone0/temp", "°C");
        told
    }

    /// A line of /proc/meminfo, in MB.
    fn memory(&self, name: &str) -> Option<u64> {
        let text = self.read("proc/meminfo")?;
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kilobytes / 1024)
    }
}
