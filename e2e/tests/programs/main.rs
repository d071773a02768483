//! Programs that show our cameras to their own users: each is set up as docs/integrations.md says, and has to show the
//! picture. `./dev test` installs them from the Python package index, in the versions that stand in the files beside this
//! one.
//!
//! Players and tools that Debian has are in the server's tests.

mod home_assistant;
mod moonraker;
mod octoprint;

use anyhow::{Context as _, Result, ensure};
use pistreamer_e2e::fake::picture;
use pistreamer_e2e::server::Locked;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// Of the picture that is shown; far from the greys that programs show where there is none.
const BRIGHTNESS: u8 = 220;

/// Of the picture that is shown.
const SIZE: (usize, usize) = (320, 240);

/// A server that wants its key and shows one picture, and a directory for the program that looks at it.
struct Showing {
    locked: Locked,
    directory: TempDir,
}

impl Showing {
    fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("shown.jpg");
        std::fs::write(&file, picture(SIZE, BRIGHTNESS)?)?;
        let source = format!("files:{}", file.display());
        let locked = Locked::start(&["--source", &source])?;
        let showing = Self { locked, directory };
        // Programs wait less long for a camera than an idle one takes to start.
        run(Command::new("curl").args([
            "-sf",
            "-o",
            "/dev/null",
            &showing.url_with_key("snapshot.jpg"),
        ]))?;
        Ok(showing)
    }

    fn key(&self) -> &str {
        &self.locked.key
    }

    /// The address of one of its paths, without the key.
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.locked.server.url())
    }

    /// The same with the key as a browser's address takes it.
    fn url_with_key(&self, path: &str) -> String {
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{}{separator}key={}", self.url(path), self.key())
    }
}

/// Another project's server. It is killed with this value.
struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    fn start(command: &mut Command, log: PathBuf) -> Result<Self> {
        let output = File::create(&log)?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let child = command
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        Ok(Self { child, log })
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it still runs.
    fn check(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        ensure!(ended.is_none(), "it ended: {}", self.said());
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A command of a program that `./dev test` has installed.
fn installed(program: &str, command: &str) -> Result<PathBuf> {
    let programs = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools/programs");
    let path = programs.join(program).join("bin").join(command);
    ensure!(
        path.exists(),
        "{program} is missing: `./dev test` installs it as {}",
        path.display()
    );
    Ok(path)
}

/// An address of this machine that no other test listens on, so that a program that wants to be told a port can have any.
fn own_address() -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.83.{high}.{low}")
}

/// What is said by a command that has to succeed.
fn run(command: &mut Command) -> Result<Output> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output)
}

/// Whether that JPEG shows the picture, in its middle at least.
fn ensure_shown(jpeg: &[u8]) -> Result<()> {
    let image = turbojpeg::decompress(jpeg, turbojpeg::PixelFormat::GRAY)?;
    let middle = image.pixels[image.height / 2 * image.pitch + image.width / 2];
    ensure!(
        middle.abs_diff(BRIGHTNESS) < 4,
        "the middle of {}x{} has brightness {middle}",
        image.width,
        image.height
    );
    Ok(())
}
