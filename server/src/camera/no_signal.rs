//! The picture shown for a camera without one, to consumers that cannot be sent words beside frames. It is rendered once
//! for all of them.
//!
//! Rendering belongs to [`crate::encode`]; when to show it, to the consumer.

use super::{Camera, Phase};
use crate::encode::{EncodeError, has_letters_for, placard};
use crate::hub::Frame;
use crate::util::clock;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Minimum interval between renderings, however often the reason changes, and between the pictures that a reader is sent.
pub(crate) const NO_SIGNAL_INTERVAL: Duration = Duration::from_secs(1);

/// A camera's newest frame of this kind. The lock is held during rendering, so that others wait for its result.
#[derive(Clone, Debug, Default)]
pub(super) struct NoSignal(Arc<Mutex<Option<Rendered>>>);

#[derive(Debug)]
struct Rendered {
    words: Words,
    at: Instant,
    frame: Arc<Frame>,
}

#[derive(Clone, Debug, PartialEq)]
struct Words {
    title: &'static str,
    size: (u32, u32),
    name: String,
    reason: String,
    since: String,
}

impl Camera {
    /// A frame that says why there is no picture; `None` while the camera is live and delivers. It is rendered on a
    /// thread for slow work.
    pub async fn no_signal(&self) -> Option<Arc<Frame>> {
        let words = words(self)?;
        let mut slot = Arc::clone(&self.0.no_signal.0).lock_owned().await;
        if let Some(rendered) = &*slot
            && (rendered.words == words || rendered.at.elapsed() < NO_SIGNAL_INTERVAL)
        {
            return Some(Arc::clone(&rendered.frame));
        }
        let at = Instant::now();
        // It holds the slot even if the reader leaves meanwhile, so that the next one does not start over.
        let rendering = tokio::task::spawn_blocking(move || {
            let text = [&*words.name, &*words.reason, &*words.since];
            let jpeg = Bytes::from(placard(words.size, words.title, &text)?);
            let frame = Arc::new(Frame::new(0, clock::now_us(), words.size, jpeg));
            *slot = Some(Rendered {
                words,
                at,
                frame: Arc::clone(&frame),
            });
            Ok::<_, EncodeError>(frame)
        });
        let rendered = rendering.await.ok()?;
        rendered
            .inspect_err(|error| tracing::error!(%error, "cannot make the NO SIGNAL picture"))
            .ok()
    }
}

fn words(camera: &Camera) -> Option<Words> {
    let mut state = camera.state();
    if state.phase == Phase::Live {
        // Its device hangs without the source noticing.
        let silent = camera.silence(Duration::ZERO)?;
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
        title: match state.phase {
            Phase::Starting => "STARTING",
            _ => "NO SIGNAL",
        },
        size: (state.mode.width, state.mode.height),
        name: if has_letters_for(&state.name) {
            state.name
        } else {
            camera.id().to_string()
        },
        reason: state.reason.text,
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
            tiles: None,
        };
        let camera = Camera::idle("c0", config).unwrap();
        camera.report(&Report::Lost(&reason.into()));
        camera
    }

    #[test]
    fn a_name_without_letters_in_the_font_is_the_id_on_the_picture() {
        let camera = lost("unplugged");
        for (name, shown) in [("Tür, Überblick", "Tür, Überblick"), ("玄関カメラ", "c0")] {
            camera.report(&Report::Named(name));
            assert_eq!(words(&camera).unwrap().name, shown);
        }
    }

    #[tokio::test]
    async fn forty_readers_of_a_lost_camera_share_one_rendering() {
        let camera = lost("unplugged");
        let shown = join_all((0..40).map(|_| camera.no_signal())).await;
        let first = shown[0].as_ref().unwrap();
        assert!(
            shown
                .iter()
                .flatten()
                .all(|frame| Arc::ptr_eq(frame, first))
        );
        assert_eq!(shown.iter().flatten().count(), 40);
        tokio::time::pause();
        tokio::time::advance(10 * NO_SIGNAL_INTERVAL).await;
        let later = camera.no_signal().await.unwrap();
        assert!(Arc::ptr_eq(&later, first));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reason_that_changes_all_the_time_is_rendered_once_a_second() {
        let camera = lost("reason 0");
        let first = camera.no_signal().await.unwrap();
        for number in 1..100 {
            let reason = format!("reason {number}");
            camera.report(&Report::Lost(&reason.into()));
            assert!(Arc::ptr_eq(&camera.no_signal().await.unwrap(), &first));
        }
        tokio::time::advance(NO_SIGNAL_INTERVAL).await;
        assert!(!Arc::ptr_eq(&camera.no_signal().await.unwrap(), &first));
    }

    #[tokio::test]
    async fn a_reader_that_leaves_does_not_stop_the_rendering() {
        let camera = lost("unplugged");
        let mut reader = Box::pin(camera.no_signal());
        assert!(futures::poll!(&mut reader).is_pending());
        drop(reader);
        let slot = Arc::clone(&camera.0.no_signal.0);
        let shown = Arc::clone(&slot.lock().await.as_ref().unwrap().frame);
        assert!(Arc::ptr_eq(&camera.no_signal().await.unwrap(), &shown));
    }
}
