//! Programs that show or watch the stream by themselves: mpv, VLC and motion, and ffmpeg as Frigate starts it. `./dev test`
//! installs them.
//!
//! Each is shown a picture of one brightness, shows the key for it in its own way, and has to write it down again. Programs
//! that do one thing and end belong to `software`.

use crate::software::{missing, run};
use crate::support::{PATIENCE, Running, TestServer, TestViewer, picture};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tokio::time::timeout;

/// Of the picture that is shown; far from the grey that programs show where there is none.
const BRIGHTNESS: u8 = 220;

/// A server that shows the picture.
struct Showing {
    server: TestServer,
    key: String,
    /// The picture and the keys are in it, and there is room for more.
    directory: TempDir,
}

impl Showing {
    /// Where its stream is, with that user and password before the host.
    fn url(&self, user: &str) -> String {
        format!("http://{user}{}/stream.mjpg", self.server.address)
    }

    /// For players that take the key in the address.
    fn url_with_key(&self) -> String {
        self.url(&format!("camera:{}@", self.key))
    }
}

fn showing() -> Showing {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shown.jpg");
    std::fs::write(&path, picture((320, 240), BRIGHTNESS)).unwrap();
    let source = format!("files:{}", path.display());
    let state = subdirectory(&directory, "state");
    let server = TestServer::start(|typed| {
        typed.source = vec![source];
        typed.no_auth = false;
        typed.state_dir = Some(state.clone());
    });
    let kept = std::fs::read_to_string(state.join("keys.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    let key = kept["keys"][0]["secret"]["key"].as_str().unwrap();
    Showing {
        server,
        key: key.into(),
        directory,
    }
}

fn subdirectory(directory: &TempDir, name: &str) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::create_dir(&path).unwrap();
    path
}

/// Files in a directory whose names begin so, in order.
fn files(directory: &Path, beginning: &str) -> Vec<PathBuf> {
    let begins = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(beginning)
    };
    let entries = std::fs::read_dir(directory).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(begins);
    paths.sort();
    paths
}

/// Whether the JPEG of that path is the picture that was shown, encoded once more.
fn assert_shown(path: &Path) {
    let mut decoder = jpeg_decoder::Decoder::new(std::fs::File::open(path).unwrap());
    let mut pixels = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    // VLC writes the decoder's blocks whole.
    assert!(
        info.width == 320 && (240..=256).contains(&info.height),
        "{path:?}: {info:?}"
    );
    pixels.truncate(pixels.len() / usize::from(info.height) * 240);
    let mean = pixels.iter().copied().map(u64::from).sum::<u64>() / pixels.len() as u64;
    assert!(
        mean.abs_diff(BRIGHTNESS.into()) < 4,
        "{path:?} has brightness {mean}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mpv_plays_the_stream() {
    let showing = showing();
    let out = showing.directory.path().join("played");
    let arguments = [
        "--no-config",
        "--vo=image",
        &format!("--vo-image-outdir={}", out.display()),
        "--frames=20",
        &showing.url_with_key(),
    ];
    run("mpv", "mpv", &arguments).await;
    let pictures = files(&out, "0");
    assert_eq!(pictures.len(), 20, "{pictures:?}");
    for path in pictures {
        assert_shown(&path);
    }
    showing.server.stop().await;
}

/// VLC plays without end, and refuses to be root.
#[tokio::test(flavor = "multi_thread")]
async fn vlc_plays_the_stream() {
    let showing = showing();
    let directory = &showing.directory;
    let out = subdirectory(directory, "scene");
    let log = directory.path().join("log");
    let mut vlc = Command::new("cvlc");
    vlc.args(["--no-audio", "--vout=dummy", "--video-filter=scene"])
        .args(["--scene-ratio=1", "--scene-format=jpg"])
        .arg(format!("--scene-path={}", out.display()))
        .arg(showing.url_with_key())
        .env("HOME", &out)
        .stdin(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap());
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        /// `nobody`.
        const NOBODY: u32 = 65534;
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open).unwrap();
        std::os::unix::fs::chown(&out, Some(NOBODY), Some(NOBODY)).unwrap();
        vlc.uid(NOBODY).gid(NOBODY).current_dir("/");
    }
    let vlc = vlc
        .spawn()
        .unwrap_or_else(|error| missing("vlc-bin vlc-plugin-base", "cvlc", error));
    let vlc = Running(vlc);
    // The last one may still be written.
    let path = format!("/ws?key={}", showing.key);
    let mut viewer = TestViewer::connect_with(&showing.server, &path, &[])
        .await
        .unwrap();
    let played = timeout(PATIENCE, async {
        while files(&out, "scene").len() <= 20 {
            viewer.frame().await;
        }
    });
    if played.await.is_err() {
        panic!("VLC: {}", std::fs::read_to_string(log).unwrap());
    }
    drop(vlc);
    for path in &files(&out, "scene")[..20] {
        assert_shown(path);
    }
    drop(viewer);
    showing.server.stop().await;
}

/// It takes a snapshot each second, and is ended by the first one.
#[tokio::test(flavor = "multi_thread")]
async fn motion_watches_the_stream() {
    let showing = showing();
    let out = subdirectory(&showing.directory, "snapshots");
    let configuration = showing.directory.path().join("motion.conf");
    let text = format!(
        "setup_mode off
log_file {0}/log
netcam_url {1}
netcam_userpass camera:{2}
width 320
height 240
framerate 15
target_dir {0}
text_right
picture_output off
movie_output off
webcontrol_port 0
stream_port 0
snapshot_interval 1
on_picture_save kill -s TERM $PPID
",
        out.display(),
        showing.url(""),
        showing.key
    );
    std::fs::write(&configuration, text).unwrap();
    let arguments = ["-n", "-c", configuration.to_str().unwrap()];
    run("motion", "motion", &arguments).await;
    assert_shown(&out.join("lastsnap.jpg"));
    let log = std::fs::read_to_string(out.join("log")).unwrap();
    assert!(log.contains("connected"), "{log}");
    showing.server.stop().await;
}

/// The arguments that Frigate gives to its ffmpeg before the address, by its presets for MJPEG and for snapshots, and
/// behind it, to look for objects five times a second.
#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_looks_at_stream_and_snapshots_as_frigate_lets_it() {
    const MJPEG: &str = "-user_agent Frigate -avoid_negative_ts make_zero -fflags nobuffer -flags low_delay \
        -strict experimental -fflags +genpts+discardcorrupt -use_wallclock_as_timestamps 1";
    const SNAPSHOTS: &str = "-r 5 -stream_loop -1 -f image2 -avoid_negative_ts make_zero -fflags nobuffer \
        -flags low_delay -strict experimental -fflags +genpts+discardcorrupt -use_wallclock_as_timestamps 1";
    const DETECT: &str =
        "-r 5 -vf fps=5,scale=320:240 -threads 2 -f rawvideo -pix_fmt yuv420p -frames:v 10";
    /// Of one frame: luma, and two planes of a quarter of its size.
    const FRAME_BYTES: usize = 320 * 240 * 3 / 2;
    let showing = showing();
    let out = subdirectory(&showing.directory, "detect");
    let snapshots = showing
        .url_with_key()
        .replace("/stream.mjpg", "/snapshot.jpg");
    for (arguments, url) in [(MJPEG, showing.url_with_key()), (SNAPSHOTS, snapshots)] {
        let file = out.join("frames.yuv");
        let mut all = vec!["-hide_banner", "-loglevel", "warning", "-y"];
        all.extend(arguments.split_whitespace());
        all.extend(["-i", &url]);
        all.extend(DETECT.split_whitespace());
        all.push(file.to_str().unwrap());
        run("ffmpeg", "ffmpeg", &all).await;
        let frames = std::fs::read(&file).unwrap();
        assert_eq!(frames.len(), 10 * FRAME_BYTES, "{url}");
        // JPEG's full range becomes video's: 16 to 235.
        let wanted = 16 + u32::from(BRIGHTNESS) * 219 / 255;
        for frame in frames.chunks(FRAME_BYTES) {
            let luma = u32::from(frame[320 * 120 + 160]);
            assert!(luma.abs_diff(wanted) < 4, "{url}: luma {luma}");
        }
    }
    showing.server.stop().await;
}
