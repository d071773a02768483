//! Which of the programs beside it a server takes for its cameras, by the libcamera that the system has, and what it does where
//! none fits, or one hangs. The libraries here are empty, and the programs tell of one camera each; the dynamic linker is the
//! real one.

use crate::process::{pistreamer, started, terminate};
use crate::support::{PATIENCE, Running, TestViewer};
use pistreamer_local_camera::CameraDescription;
use pistreamer_local_camera::process::{News, VERSION};
use pistreamer_protocol::message::ServerMessage;
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
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

    /// A program that tells of a camera whose model is its version.
    fn add_part(&self, version: &str) {
        self.add_part_that(version, &[], VERSION);
    }

    /// One that does something wrong besides, with its version of what is said.
    fn add_part_that(&self, version: &str, does: &[&str], of: &str) {
        let library = self.path(&format!("headers/libcamera-{version}.so"));
        self.compile_library(version, &library);
        let camera = CameraDescription {
            id: "fake".into(),
            model: Some(format!("of {version}")),
            location: None,
            formats: Vec::new(),
            controls: Vec::new(),
        };
        let hello = News::Hello { version: of.into() };
        let said = [
            ("HELLO", hello),
            ("CAMERA", News::Camera(camera)),
            ("LISTED", News::Listed),
            ("FAILED", News::Failed("it failed".into())),
        ];
        let said = said.map(|(name, news)| (name, serde_json::to_string(&news).unwrap()));
        let paths = ["STARTS", "RELEASE"].map(|name| {
            let path = self.path(name).into_os_string().into_string();
            (name, path.unwrap())
        });
        let macros = said.iter().chain(&paths);
        let macros = macros.map(|(name, text)| format!("-D{name}={text:?}"));
        let part = self.path(&format!("lib/pistreamer/camera-{version}"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/camera-part.c");
        let mut command = Command::new("cc");
        command.args(["-Wall", "-Wextra"]).args(macros).args(does);
        command.arg(source).arg(library).arg("-o").arg(part);
        assert!(command.status().unwrap().success());
    }

    fn compile_library(&self, version: &str, to: &Path) {
        let soname = format!("-Wl,-soname,libcamera.so.{version}");
        let source = self.path("library.c");
        std::fs::write(&source, "int camera(void) { return 0; }\n").unwrap();
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", &soname]);
        command.arg(source).arg("-o").arg(to);
        assert!(command.status().unwrap().success());
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

    /// A server with these cameras, and its address.
    fn serve(&self, cameras: &[&str]) -> (Running, SocketAddr) {
        let more = ["--listen", "127.0.0.1:0", "--no-auth"];
        let (child, url) = started(self.command(&[cameras, &more].concat()));
        let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
        (Running(child), address.parse().unwrap())
    }

    /// A program by the name of Raspberry Pi's.
    fn add_rpicam_vid(&self, script: &str) {
        self.add_program("rpicam-vid", script);
    }

    fn add_program(&self, name: &str, script: &str) {
        let program = self.path("bin").join(name);
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// The processes that were noted, once there are as many.
    fn starts(&self, count: usize) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = std::fs::read_to_string(self.path("STARTS")).unwrap_or_default();
            let processes: Vec<_> = text.lines().map(str::to_owned).collect();
            if processes.len() >= count && text.ends_with('\n') {
                return processes;
            }
            assert!(Instant::now() < deadline, "{processes:?} are too few");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
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

fn run(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(test);
}

/// Waits until a viewer is told of that reason.
async fn is_told(address: SocketAddr, part: &str) {
    let mut viewer = TestViewer::connect(address).await;
    let mut reason = viewer.hello().await.status.reason;
    while !reason.text.contains(part) {
        if let ServerMessage::State(status) = viewer.told().await {
            reason = status.reason;
        }
    }
}

fn runs(process: &str) -> bool {
    Path::new("/proc").join(process).exists()
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
    system.add_part_that("0.4", &[&format!("-DFIRST={hangs}")], VERSION);
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
    brings_the_pictures("rpicam-vid");
}

#[test]
fn rpicam_vid_is_found_by_its_old_name() {
    brings_the_pictures("libcamera-vid");
}

fn brings_the_pictures(program: &str) {
    let system = System::new(&["0.4"]);
    system.install("0.99");
    let picture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/tests/pictures/quarters.jpg");
    let script = format!(
        "if [ \"$1\" = --list-cameras ]; then\n    \
         echo '0 : imx219 [3280x2464 10-bit RGGB] (/base/imx219@10)'\nelse\n    \
         echo \"$*\" >'{}'\n    while cat '{}'; do sleep 0.05; done\nfi",
        system.path("asked").display(),
        picture.display()
    );
    system.add_program(program, &script);
    let (right, text) = system.cameras();
    assert!(right && text.contains("0: imx219"), "{text}");
    let (_server, address) =
        system.serve(&["--source", "libcamera", "--size", "320x240", "--fps", "20"]);
    run(async {
        let mut viewer = TestViewer::connect(address).await;
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

#[test]
fn one_that_may_be_right_at_the_next_attempt_is_not_replaced_by_rpicam_vid() {
    let system = System::new(&[]);
    system.add_part_that("0.4", &[], "of another package");
    system.install("0.4");
    system.add_rpicam_vid("echo '0 : imx219 [3280x2464 10-bit RGGB] (/base/imx219@10)'");
    let (right, text) = system.cameras();
    assert!(!right && text.contains("install it again"), "{text}");
}

#[test]
fn rpicam_vid_that_hangs_while_it_lists_its_cameras_ends_with_the_server() {
    let system = System::new(&["0.4"]);
    system.install("0.99");
    system.add_rpicam_vid(&format!(
        "echo $$ >>'{}'; exec sleep 120",
        system.path("STARTS").display()
    ));
    let (mut server, _) = system.serve(&["--source", "pattern", "--source", "libcamera"]);
    let processes = system.starts(1);
    assert!(runs(&processes[0]));
    assert!(terminate(&mut server.0).success());
    assert!(!runs(&processes[0]));
}

#[test]
fn a_process_that_cannot_be_ended_gets_no_other_one_beside_it() {
    let system = System::new(&[]);
    system.add_part_that("0.4", &["-DCANNOT_BE_ENDED"], VERSION);
    system.install("0.4");
    let release = system.path("RELEASE");
    let made = Command::new("mkfifo").arg(&release).status();
    assert!(made.unwrap().success());
    let (_server, address) = system.serve(&["--source", "libcamera"]);
    // As the next attempt says, in place of starting one.
    run(is_told(address, "cannot be ended"));
    let processes = system.starts(1);
    assert!(runs(&processes[0]));
    assert_eq!(processes.len(), 1);
    // Its driver comes back.
    std::fs::File::options().write(true).open(release).unwrap();
    system.starts(2);
    assert!(!runs(&processes[0]), "it is left behind");
}

#[test]
fn a_server_that_ends_leaves_no_process_behind_that_does_not_stop() {
    let system = System::new(&[]);
    system.add_part_that("0.4", &["-DIS_DEAF"], VERSION);
    system.install("0.4");
    let (mut server, _) = system.serve(&["--source", "libcamera"]);
    let processes = system.starts(1);
    assert!(runs(&processes[0]));
    assert!(terminate(&mut server.0).success());
    assert!(!runs(&processes[0]));
}

#[test]
fn a_process_that_hangs_at_the_start_holds_up_no_other_camera() {
    let system = System::new(&[]);
    system.add_part_that("0.4", &["-DHANGS_WHILE_IT_LISTS"], VERSION);
    system.install("0.4");
    let (_server, address) = system.serve(&["--source", "pattern", "--source", "libcamera:fake"]);
    run(async {
        TestViewer::connect(address).await.frame().await;
    });
    // It is the first one, whose time is not over.
    let processes = system.starts(1);
    assert!(runs(&processes[0]));
    assert_eq!(processes.len(), 1);
}
