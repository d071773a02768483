//! A server that shows files.

use pistreamer::app::App;
use pistreamer::config::Config;
use pistreamer_bench::picture;
use pistreamer_bench::url::Url;
use std::net::SocketAddr;
use tempfile::TempDir;

/// Frames a second.
pub(crate) const FPS: f64 = 30.0;

/// It ends with the value.
pub(crate) struct Server {
    pub address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
    _pictures: TempDir,
}

impl Server {
    /// Its pictures have this many bytes; there may be further flags.
    pub(crate) fn start(bytes: usize, flags: &[&str]) -> Self {
        Self::show(picture::directory(bytes).unwrap(), flags)
    }

    /// It shows the pictures of a directory.
    pub(crate) fn show(pictures: TempDir, flags: &[&str]) -> Self {
        let source = format!("files:{}", pictures.path().display());
        let fps = FPS.to_string();
        let usual = [
            "--source",
            &source,
            "--listen",
            "127.0.0.1:0",
            "--fps",
            &fps,
        ];
        let config = Config::from_flags([&usual, flags].concat()).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let guard = runtime.enter();
        let app = App::start(&config).unwrap();
        drop(guard);
        let url: Url = app.urls()[0].parse().unwrap();
        runtime.spawn(app.run(std::future::pending()));
        Self {
            address: url.address,
            runtime: Some(runtime),
            _pictures: pictures,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
