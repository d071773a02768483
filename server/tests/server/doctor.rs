//! `pistreamer doctor`: what it tells of a board and of a server, that it tells no secret, and that it ends whatever the files
//! are that it reads. A driver that hangs is tested among the programs beside the server.

use crate::process::{pistreamer, said, started};
use crate::support::Running;
use pistreamer::access::Store;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A system's files.
struct System(TempDir);

impl System {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A path in a folder, which is made.
    fn path(&self, path: &str) -> std::path::PathBuf {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(path), content).unwrap();
    }

    /// What it tells of them.
    fn told(&self) -> String {
        let root = self.0.path().to_str().unwrap();
        let (right, text) = said(pistreamer(&["doctor", "--seconds", "0", "--root", root]));
        assert!(right, "{text}");
        text
    }
}

/// The command with that configuration, and what it says.
fn with_configuration(directory: &Path, text: &str) -> (bool, String) {
    let file = directory.join("pistreamer.toml");
    fs::write(&file, text).unwrap();
    let mut command = pistreamer(&["doctor", "--seconds", "0"]);
    command.current_dir(directory);
    said(command)
}

#[test]
fn doctor_tells_of_a_board_and_neither_its_serial_number_nor_its_names() {
    let system = System::new();
    system.write("proc/device-tree/model", "Raspberry Pi Zero 2 W Rev 1.0\0");
    system.write("proc/device-tree/serial-number", "00000000deadbeef\0");
    system.write("etc/hostname", "annas-pi\n");
    system.write("proc/sys/kernel/hostname", "annas-pi\n");
    system.write(
        "etc/os-release",
        "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
    );
    system.write("etc/group", "root:x:0:\nvideo:x:44:anna\nanna:x:1000:\n");
    system.write("proc/sys/kernel/ostype", "Linux\n");
    system.write("proc/sys/kernel/osrelease", "6.12.47+rpt-rpi-v8\n");
    system.write("proc/sys/kernel/arch", "aarch64\n");
    system.write(
        "proc/meminfo",
        "MemTotal:         437612 kB\nMemAvailable:     204800 kB\n",
    );
    let core = "Features\t: fp asimd crc32\nCPU part\t: 0xd03\n";
    let cores: String = (0..4)
        .map(|at| format!("processor\t: {at}\n{core}\n"))
        .collect();
    system.write("proc/cpuinfo", cores + "Serial\t\t: 00000000deadbeef\n");
    system.write(
        "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq",
        "1000000\n",
    );
    system.write("sys/class/thermal/thermal_zone0/temp", "48312\n");
    for name in ["libcamera.so.0.5", "libcamera-base.so.0.5", "libcamera.so"] {
        system.write(&format!("usr/lib/aarch64-linux-gnu/{name}"), "");
    }
    symlink("usr/lib", system.path("lib")).unwrap();
    system.write("usr/bin/rpicam-vid", "");
    for name in ["dev/video10", "dev/video2", "dev/dma_heap/linux,cma"] {
        system.write(name, "");
    }
    let told = system.told();
    for line in [
        "  board: Raspberry Pi Zero 2 W Rev 1.0\n",
        "  system: Debian GNU/Linux 12 (bookworm)\n",
        "  kernel: Linux 6.12.47+rpt-rpi-v8 aarch64\n",
        "  processor: 4 x Cortex-A53, AES instructions: no, 1000 MHz at most, 48 °C\n",
        "  memory: 427 MB, 200 of them available\n",
        "libcamera\n  /usr/lib/aarch64-linux-gnu/libcamera.so.0.5\n  rpicam-vid is installed\n",
        "use them: /dev/video2 video10\n",
        "use them: /dev/dma_heap/linux,cma\n",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    for secret in ["deadbeef", "anna"] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
}

#[test]
fn doctor_ends_whatever_the_files_are_that_it_reads() {
    let system = System::new();
    let bare = system.told();
    for line in [
        "board: unknown",
        "system: unknown",
        "memory: unknown MB",
        "none for cameras",
        "none is installed",
    ] {
        assert!(bare.contains(line), "{line}: {bare}");
    }
    // A pipe without a writer.
    let pipe = system.path("proc/device-tree/model");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    system.write(
        "sys/class/dmi/id/product_name",
        "Board\u{1b}]0;title\u{7}\u{202e}\nboard: of gold\n",
    );
    fs::create_dir_all(system.path("etc/os-release/PRETTY_NAME=x")).unwrap();
    symlink("/dev/zero", system.path("proc/cpuinfo")).unwrap();
    symlink("osrelease", system.path("proc/sys/kernel/osrelease")).unwrap();
    system.write("proc/sys/kernel/ostype", b"\xff\xfe\0Li\x80nux");
    let meminfo = File::create(system.path("proc/meminfo")).unwrap();
    meminfo.set_len(1 << 40).unwrap();
    system.write("sys/class/thermal/thermal_zone0/temp", "1e999");
    system.write("etc/group", "video\n:::\nvideo:x:x\n".repeat(1 << 16));
    let odd = OsStr::from_bytes(b"video\xff");
    File::create(system.path("dev/x").with_file_name(odd)).unwrap();
    for number in 0..3000 {
        system.write(&format!("dev/video{number}"), "");
    }
    system.write("dev/video\u{1b}[2J\n", "");
    system.write("usr/lib/libcamera.so.0.7\n\u{1b}[2J", "");
    symlink("../lib", system.path("usr/lib/a-linux-b")).unwrap();
    let told = system.told();
    assert!(
        !told.contains(['\u{1b}', '\u{7}', '\u{202e}', '\0']),
        "{told}"
    );
    assert!(told.contains("board: Board ]0;title"), "{told}");
    assert!(!told.contains("\n  board: of gold"), "{told}");
    assert!(told.contains("system: unknown"), "{told}");
    assert!(told.len() < 20_000, "{told}");
}

#[test]
fn doctor_tells_how_a_server_is_set_up_and_none_of_its_secrets() {
    let directory = tempfile::Builder::new().prefix("annas").tempdir().unwrap();
    let state = directory.path().join("state");
    Store::new(state.clone()).open().unwrap();
    let (child, url) = started(pistreamer(&[
        "--source",
        "pattern",
        "--listen",
        "127.0.0.1:0",
        "--no-auth",
    ]));
    let _server = Running(child);
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
    let right = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\nstate_dir = \"{}\"\n[tls]\nkind = \"self-signed\"\n\
         [[camera]]\nname = \"annas garden\"\nsource = \"http://anna:s3cret@annas.example/video?token=s3cret\"\n\
         [[camera]]\nsource = \"pattern\"\n",
        state.display()
    );
    let (is_right, told) = with_configuration(directory.path(), &right);
    assert!(is_right, "{told}");
    for line in [
        "cameras: 2: http, pattern\n",
        &format!("port {port}, from this machine alone: a server answers /healthz with "),
        "encrypted: with a certificate of its own\n",
        "keys: needed; they are in a directory elsewhere, mode 0700, this user's\n",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    let (wrong, refused) =
        with_configuration(directory.path(), &right.replace("\"pattern\"", "s3cret"));
    assert!(!wrong, "{refused}");
    for line in [
        "its configuration has 1 error",
        "pistreamer: the report says what does not work here, under: server\n",
    ] {
        assert!(refused.contains(line), "{line}: {refused}");
    }
    let keys = fs::read_to_string(state.join("keys.json")).unwrap();
    for told in [told, refused] {
        for secret in ["s3cret", "anna"] {
            assert!(!told.contains(secret), "{secret}: {told}");
        }
        // A key is a long word.
        for word in told.split(|c: char| !c.is_alphanumeric()) {
            assert!(word.len() < 20 || !keys.contains(word), "{word}: {told}");
        }
    }
}

#[test]
fn doctor_measures_what_a_frame_costs() {
    let (right, text) = said(pistreamer(&["doctor", "--seconds", "0.2"]));
    assert!(right, "{text}");
    for begins in [
        "the test pattern's first picture: ",
        "encode: ",
        "pack: ",
        "together: ",
        "at 15 frames a second: ",
        "at 30 frames a second: ",
        "TLS: AES-128-GCM ",
    ] {
        let mut lines = text.lines().map(str::trim_start);
        let line = lines.find(|line| line.starts_with(begins)).expect(begins);
        let number = line.strip_prefix(begins).unwrap().split(' ').next();
        assert!(number.unwrap().parse::<f64>().unwrap() > 0.0, "{line}");
    }
    let (right, text) = said(pistreamer(&["doctor", "--seconds", "NaN"]));
    assert!(!right && text.contains("choose one from 0"), "{text}");
}
