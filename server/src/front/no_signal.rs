//! What readers of MJPEG are shown of a camera without a picture: one rendering for all of them.
//!
//! How words become a picture belongs to [`super::placard`], and when one is shown to [`super::live`].

use super::api::silence;
use super::placard::placard;
use crate::camera::{Camera, Phase};
use crate::util::clock;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

/// A camera is rendered at most this often, however often its reason changes. Readers are shown one as often.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// The newest no-signal picture of each camera. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct NoSignal(Arc<Mutex<HashMap<String, Slot>>>);

/// Locked while a picture is rendered, so that others wait for that one.
type Slot = Arc<tokio::sync::Mutex<Option<Rendered>>>;

#[derive(Debug)]
struct Rendered {
    words: Words,
    at: Instant,
    jpeg: Bytes,
}

#[derive(Clone, Debug, PartialEq)]
struct Words {
    size: (u32, u32),
    name: String,
    reason: String,
    since: String,
}

impl NoSignal {
    /// The picture that says why there is none; `None` while the camera is live and delivers. It is rendered on a thread for
    /// slow work.
    pub(super) async fn of(&self, camera: &Camera) -> Option<Bytes> {
        let words = words(camera)?;
        let mut slot = self.slot(camera.id()).lock_owned().await;
        if let Some(rendered) = &*slot
            && (rendered.words == words || rendered.at.elapsed() < INTERVAL)
        {
            return Some(rendered.jpeg.clone());
        }
        let at = Instant::now();
        // It keeps the slot where the reader leaves meanwhile, so that the next one does not begin anew.
        let rendering = tokio::task::spawn_blocking(move || {
            let text = [&*words.name, &*words.reason, &*words.since];
            let jpeg = Bytes::from(placard(words.size, "NO SIGNAL", &text)?);
            *slot = Some(Rendered {
                words,
                at,
                jpeg: jpeg.clone(),
            });
            Ok::<_, crate::encode::EncodeError>(jpeg)
        });
        let rendered = rendering.await.ok()?;
        rendered
            .inspect_err(|error| tracing::error!(%error, "cannot say that there is no signal"))
            .ok()
    }

    fn slot(&self, camera: &str) -> Slot {
        // Nothing panics while it holds this lock.
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(camera.to_owned()).or_default())
    }
}

fn words(camera: &Camera) -> Option<Words> {
    let mut state = camera.state();
    if state.phase == Phase::Live {
        // Its device hangs, and its source does not know.
        let silent = silence(camera, Duration::ZERO)?;
        state.reason = "the camera delivers nothing any more".into();
        state.since_us = clock::now_us().saturating_sub(silent.as_micros() as u64);
    }
    let since = i64::try_from(state.since_us / 1_000_000).unwrap_or_default();
    let since = OffsetDateTime::from_unix_timestamp(since)
        .map(|at| {
            let ((year, month, day), (hour, minute, second)) = (at.to_calendar_date(), at.to_hms());
            let month = u8::from(month);
            format!("since {year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
        })
        .unwrap_or_default();
    Some(Words {
        size: (state.mode.width, state.mode.height),
        name: state.name,
        reason: state.reason,
        since,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Config;
    use crate::source::Report;
    use futures::future::join_all;

    fn lost(reason: &str) -> Camera {
        let config = Config {
            most: 1,
            quality: 80,
        };
        let camera = Camera::idle("0", config).unwrap();
        camera.report(&Report::Lost(reason));
        camera
    }

    #[tokio::test]
    async fn forty_readers_of_a_lost_camera_share_one_rendering() {
        let (pictures, camera) = (NoSignal::default(), lost("unplugged"));
        let shown = join_all((0..40).map(|_| pictures.of(&camera))).await;
        let first = shown[0].as_ref().unwrap();
        assert!(
            shown
                .iter()
                .flatten()
                .all(|jpeg| jpeg.as_ptr() == first.as_ptr())
        );
        assert_eq!(shown.iter().flatten().count(), 40);
        tokio::time::pause();
        tokio::time::advance(10 * INTERVAL).await;
        let later = pictures.of(&camera).await.unwrap();
        assert_eq!(later.as_ptr(), first.as_ptr());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reason_that_changes_all_the_time_is_rendered_once_a_second() {
        let (pictures, camera) = (NoSignal::default(), lost("reason 0"));
        let first = pictures.of(&camera).await.unwrap();
        for number in 1..100 {
            let reason = format!("reason {number}");
            camera.report(&Report::Lost(&reason));
            assert_eq!(pictures.of(&camera).await.unwrap().as_ptr(), first.as_ptr());
        }
        tokio::time::advance(INTERVAL).await;
        assert_ne!(pictures.of(&camera).await.unwrap(), first);
    }

    #[tokio::test]
    async fn a_reader_that_leaves_does_not_stop_the_rendering() {
        let (pictures, camera) = (NoSignal::default(), lost("unplugged"));
        let mut reader = Box::pin(pictures.of(&camera));
        assert!(futures::poll!(&mut reader).is_pending());
        drop(reader);
        let slot = pictures.slot(camera.id());
        let shown = slot.lock().await.as_ref().unwrap().jpeg.clone();
        assert_eq!(pictures.of(&camera).await.unwrap().as_ptr(), shown.as_ptr());
    }
}
