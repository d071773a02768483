//! Which of the programs beside it a server takes for its cameras, by the libcamera that the system has, and what it does where
//! none fits. The libraries here are empty, and the programs tell of one camera each; the dynamic linker is the real one.

use crate::process::{pistreamer, started};
use crate::support::{Running, TestViewer};
use pistreamer_local_camera::CameraDescription;
use pistreamer_local_camera::process::{News, VERSION};
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A system with the server installed, and no libcamera yet.
struct System(TempDir);

impl System {
    /// With programs for these versions.
    fn new(parts: &[&str]) -> Self {
        // Beside the program, which has too many bytes to be copied.
        let program = Path::new(env!("CARGO_BIN_EXE_pistreamer"));
        let system = Self(tempfile::tempdir_in(program.parent().unwrap()).unwrap());
        for folder in ["bin", "lib/pistreamer", "libraries", "headers"] {
            std::fs::create_dir_all(system.path(folder)).unwrap();
        }
        std::fs::hard_link(program, system.path("bin/pistreamer")).unwrap();
        for version in parts {
            system.add_part(version);
        }
        system
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn compile(&self, source: &str, to: &Path, more: &[&str]) {
        let file = self.path("a.c");
        std::fs::write(&file, source).unwrap();
        let mut command = Command::new("cc");
        command.arg(file).arg("-o").arg(to).args(more);
        assert!(command.status().unwrap().success());
    }

    /// A program that tells of a camera whose model is its version.
    fn add_part(&self, version: &str) {
        self.add(version, "");
    }

    /// The same, which does that first, once it is asked for its cameras.
    fn add(&self, version: &str, first: &str) {
        let library = self.path(&format!("headers/libcamera-{version}.so"));
        self.compile_library(version, &library);
        let version_told = News::Hello {
            version: VERSION.into(),
        };
        let camera = News::Camera(CameraDescription {
            id: "fake".into(),
            model: Some(format!("of {version}")),
            location: None,
            formats: Vec::new(),
            controls: Vec::new(),
        });
        let messages = [version_told, camera, News::Listed];
        let sends = messages.map(|message| {
            let json = serde_json::to_string(&message).unwrap();
            format!("send(0, {json:?}, {}, 0);", json.len())
        });
        let source = format!(
            "#include <signal.h>\n#include <stdio.h>\n#include <sys/socket.h>\n#include <unistd.h>\nint camera(void);\nint main(void) {{ char order[4096]; {} recv(0, order, sizeof order, 0); \
             {first} {} {} return camera(); }}\n",
            sends[0], sends[1], sends[2]
        );
        let part = self.path(&format!("lib/pistreamer/camera-{version}"));
        self.compile(&source, &part, &[library.to_str().unwrap()]);
    }

    fn compile_library(&self, version: &str, to: &Path) {
        let soname = format!("-Wl,-soname,libcamera.so.{version}");
        let source = "int camera(void) { return 0; }\n";
        self.compile(source, to, &["-shared", "-fPIC", &soname]);
    }

    /// Installs that version of libcamera.
    fn install(&self, version: &str) {
        self.compile_library(
            version,
            &self.path(&format!("libraries/libcamera.so.{version}")),
        );
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let of_tests = pistreamer(arguments);
        let mut command = Command::new(self.path("bin/pistreamer"));
        command.args(arguments);
        for (name, value) in of_tests.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        // The program may need one of its own.
        let mut libraries = vec![self.path("libraries")];
        libraries.extend(std::env::split_paths(
            &std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default(),
        ));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = [self.path("bin")]
            .into_iter()
            .chain(std::env::split_paths(&path));
        command
            .env("LD_LIBRARY_PATH", std::env::join_paths(libraries).unwrap())
            .env("PATH", std::env::join_paths(path).unwrap())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command
    }

    /// What `pistreamer cameras` says.
    fn cameras(&self) -> (bool, String) {
        self.said(&["cameras"])
    }

    fn said(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.command(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }
}

#[test]
fn the_newest_program_that_the_system_has_a_libcamera_for_is_taken() {
    let system = System::new(&["0.4", "0.5", "0.6"]);
    // One that is newer than all of them, whatever this machine has.
    system.install("0.99");
    let (right, text) = system.cameras();
    assert!(!right, "{text}");
    assert!(
        text.contains("libcamera 0.99 is installed; this pistreamer knows 0.4 to 0.6: update it"),
        "{text}"
    );
    for (installed, newest) in [("0.4", "0.4"), ("0.6", "0.6"), ("0.5", "0.6")] {
        system.install(installed);
        let (right, text) = system.cameras();
        assert!(right && text.contains(&format!("0: of {newest}")), "{text}");
        let (right, text) = system.said(&["doctor", "--seconds", "0"]);
        let told = format!("camera program\n  camera-{newest}\ncameras\n  0: of {newest}\n");
        assert!(right && text.contains(&told), "{text}");
    }
}

#[test]
fn doctor_ends_with_the_whole_report_where_a_driver_hangs_and_leaves_no_process() {
    let system = System::new(&[]);
    let lock = system.path("lock");
    let opens = format!("freopen(\"{}\", \"w\", stdout);", lock.display());
    let hangs = format!("signal(SIGTERM, SIG_IGN); {opens} for (;;) pause();");
    assert!(
        Command::new("mkfifo")
            .arg(&lock)
            .status()
            .unwrap()
            .success()
    );
    let mut open = std::fs::OpenOptions::new();
    let mut alive = open
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&lock)
        .unwrap();
    system.add("0.4", &hangs);
    system.install("0.4");
    let (right, text) = system.said(&["doctor", "--seconds", "0"]);
    assert!(!right, "{text}");
    for told in [
        "camera program\n  camera-0.4\n",
        "the camera's driver has not come back for 20 s",
        "\nserver\n",
        "under: cameras\n",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    // The process that hung had it open, and is gone.
    assert_eq!(alive.read(&mut [0]).unwrap(), 0);
}

#[test]
fn where_none_fits_rpicam_vid_brings_the_pictures() {
    let system = System::new(&["0.4"]);
    system.install("0.99");
    let picture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/tests/pictures/quarters.jpg");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --list-cameras ]; then\n    \
         echo '0 : imx219 [3280x2464 10-bit RGGB] (/base/imx219@10)'\nelse\n    \
         echo \"$*\" >'{}'\n    while cat '{}'; do sleep 0.05; done\nfi\n",
        system.path("asked").display(),
        picture.display()
    );
    let program = system.path("bin/rpicam-vid");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let (right, text) = system.cameras();
    assert!(right && text.contains("0: imx219"), "{text}");
    let arguments = ["--source", "libcamera", "--size", "320x240", "--fps", "20"];
    let more = ["--listen", "127.0.0.1:0", "--no-auth"];
    let (child, url) = started(system.command(&[&arguments[..], &more].concat()));
    let _server = Running(child);
    let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut viewer =
            TestViewer::connect(address.parse::<std::net::SocketAddr>().unwrap()).await;
        assert_eq!(viewer.hello().await.camera.name, "imx219");
        for _ in 0..5 {
            viewer.frame().await;
        }
    });
    let asked = std::fs::read_to_string(system.path("asked")).unwrap();
    assert!(
        asked.contains("--codec mjpeg")
            && asked.contains("--width 320 --height 240 --framerate 20"),
        "{asked}"
    );
}
