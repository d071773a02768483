//! A renderer that begins at once with a coarse scene, and goes on with the whole one as soon as that is painted.
//!
//! Painting it takes a Raspberry Pi Zero 2 W two seconds, in which viewers would see nothing.

use pistreamer_pattern::{Look, Picture, Renderer, Scene};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Paints frames of one size.
pub(super) struct Refined {
    renderer: Renderer,
    /// Brings the whole scene, once.
    scene: Option<Receiver<Scene>>,
}

impl Refined {
    pub(super) fn new(width: usize, height: usize, fps: f64, seed: u64) -> Self {
        let coarse = Renderer::coarse(width, height, fps, seed);
        if !coarse.is_coarse() {
            return Self::whole(coarse);
        }
        let (send, scene) = sync_channel(1);
        let paint = move || {
            // The source may have ended.
            let _ = send.send(Scene::new(width, height, seed));
        };
        match thread::Builder::new().name("pattern".into()).spawn(paint) {
            Ok(_) => Self {
                renderer: coarse,
                scene: Some(scene),
            },
            Err(error) => {
                tracing::debug!(%error, "the test pattern is painted before its first picture");
                Self::whole(Renderer::new(width, height, fps, seed))
            }
        }
    }

    fn whole(renderer: Renderer) -> Self {
        Self {
            renderer,
            scene: None,
        }
    }

    /// As [`Renderer::render_at`].
    pub(super) fn render_at(
        &self,
        time: f64,
        look: Look,
        seq: u64,
        captured_us: u64,
        picture: &mut Picture,
    ) {
        self.renderer
            .render_at(time, look, seq, captured_us, picture);
    }

    /// Goes on with the whole scene, where that is painted.
    pub(super) fn refine(&mut self) {
        if let Some(scene) = self.scene.as_ref().and_then(|scene| scene.try_recv().ok()) {
            self.renderer.refine(scene);
            self.scene = None;
        }
    }
}
