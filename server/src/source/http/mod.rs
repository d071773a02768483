//! Any camera with an HTTP URL: an MJPEG stream, or a snapshot that is fetched again and again.
//!
//! What an answer's bytes mean belongs to `multipart`, the requests themselves to `get`, users and
//! passwords to `login`.

mod get;
pub(crate) mod login;
pub(crate) mod multipart;

use super::remote::{self, Intake};
use super::{Config, Outlet, Source, SourceError, WEDGED};
use crate::demand::Demand;
use get::{Answer, Connection};
use multipart::{Multipart, Part};
use pistreamer_client::Endpoint;
use pistreamer_protocol::DEFAULT_FRAME_LIMIT;
use pistreamer_protocol::message::Camera;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// The schemes of such URLs, each with whether it means TLS.
pub const SCHEMES: [(&str, bool); 2] = [("http", false), ("https", true)];

/// A camera at a URL.
#[derive(Debug)]
pub struct HttpSource {
    endpoint: Endpoint,
    fps: f64,
}

impl HttpSource {
    /// The camera at that URL. Of the configuration only the rate counts: snapshots are fetched so often.
    pub fn new(config: &Config, endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            fps: config.fps,
        }
    }
}

impl Source for HttpSource {
    fn camera(&self) -> Camera {
        Camera {
            id: String::new(),
            // Paths and queries of cameras hold passwords.
            name: self.endpoint.authority(),
            source: "http".into(),
            test_pattern: false,
        }
    }

    fn run(&mut self, outlet: &Outlet) -> Result<(), SourceError> {
        let mut intake = Intake::new(outlet, self.fps);
        let pace = Pace::new(self.fps);
        remote::run(outlet, async {
            loop {
                tokio::select! {
                    error = watch(&self.endpoint, pace, &mut intake) => return error,
                    () = remote::unwanted(outlet.demand()) => {}
                }
                tracing::debug!("nobody watches, so the camera is left alone");
                outlet.demand().until(Demand::wanted).await;
            }
        })
    }
}

/// How often pictures are expected.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// A snapshot is fetched so often.
    interval: Duration,
    /// Without a whole picture for so long, something is wrong.
    patience: Duration,
}

impl Pace {
    fn new(fps: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / fps);
        Self {
            interval,
            // A camera that is asked for few pictures may take its time for each.
            patience: WEDGED.max(interval * 3),
        }
    }

    fn wedged(self) -> SourceError {
        SourceError::new(format!(
            "the camera has sent no whole picture for {:?}",
            self.patience
        ))
    }
}

/// Fetches what is at the URL until something goes wrong.
async fn watch(endpoint: &Endpoint, pace: Pace, intake: &mut Intake) -> SourceError {
    let mut connection = Connection::new(endpoint.clone());
    let mut due = Instant::now();
    loop {
        let answer = timeout_at(Instant::now() + pace.patience, connection.get());
        let answer = match answer.await.unwrap_or_else(|_| Err(pace.wedged())) {
            Ok(answer) => answer,
            Err(error) => return error,
        };
        let kind = answer.content_type().to_owned();
        if let Some(boundary) = multipart::boundary(&kind) {
            let parts = Multipart::new(boundary, DEFAULT_FRAME_LIMIT);
            return stream(answer, parts, pace, intake).await;
        }
        if !kind.to_ascii_lowercase().starts_with("image/") {
            return SourceError::new(format!(
                "the answer is {kind:?}, which is neither an MJPEG stream nor a JPEG"
            ));
        }
        let image = timeout_at(
            Instant::now() + pace.patience,
            answer.whole(DEFAULT_FRAME_LIMIT),
        );
        match image.await.unwrap_or_else(|_| Err(pace.wedged())) {
            Ok(jpeg) => {
                if let Err(error) = intake.picture(jpeg) {
                    intake.broken(&error.to_string());
                }
            }
            Err(error) => return error,
        }
        due = (due + pace.interval).max(Instant::now());
        sleep_until(due).await;
    }
}

/// Hands on the parts of an MJPEG stream until it ends or brings nothing.
async fn stream(
    mut answer: Answer,
    mut parts: Multipart,
    pace: Pace,
    intake: &mut Intake,
) -> SourceError {
    let mut deadline = Instant::now() + pace.patience;
    loop {
        let bytes = match timeout_at(deadline, answer.chunk()).await {
            Ok(Ok(Some(bytes))) => bytes,
            Ok(Ok(None)) => return SourceError::new("the camera ended its stream"),
            Ok(Err(error)) => return error,
            Err(_) => return pace.wedged(),
        };
        parts.feed(&bytes);
        while let Some(part) = parts.next() {
            let result = match part {
                Part::Image(jpeg) => intake.picture(jpeg).map_err(|error| error.to_string()),
                Part::Broken(problem) => Err(problem),
            };
            match result {
                Ok(_) => deadline = Instant::now() + pace.patience,
                Err(problem) => intake.broken(&problem),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Mode, RawFrame, Sink};
    use super::*;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    struct Nowhere;

    impl Sink for Nowhere {
        fn frame(&self, _: RawFrame) {}
        fn open(&self, _: Mode) {}
        fn lost(&self, _: &str) {}
        fn broken(&self, _: &str) {}
        fn test_pattern(&self, _: bool) {}
    }

    /// What is made of a camera that answers so and then sends nothing more, and after how many seconds.
    async fn outcome(answer: &[u8], fps: f64) -> (String, u64) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let endpoint = Endpoint::parse(&url, &SCHEMES).unwrap();
        let mut intake = Intake::new(&Outlet::new(Arc::new(Nowhere), Demand::default()), 30.0);
        let camera = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 2048]).await.unwrap();
            stream.write_all(answer).await.unwrap();
            std::future::pending::<()>().await;
        };
        let began = Instant::now();
        tokio::select! {
            error = watch(&endpoint, Pace::new(fps), &mut intake) => {
                (error.to_string(), began.elapsed().as_secs())
            }
            () = camera => unreachable!("it waits for ever"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_camera_that_stalls_is_an_error_after_five_seconds_or_three_frame_times() {
        const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: ";
        for answer in [
            String::new(),
            format!("{HEAD}multipart/x-mixed-replace; boundary=b\r\n\r\n--b\r\n\r\n"),
            format!("{HEAD}image/jpeg\r\nContent-Length: 5000\r\n\r\nhalf"),
        ] {
            for (fps, patience) in [(30.0, 5), (1.0, 5), (0.1, 30)] {
                let (error, seconds) = outcome(answer.as_bytes(), fps).await;
                let expected = format!("no whole picture for {patience}s");
                assert!(error.contains(&expected), "{error}");
                assert_eq!(seconds, patience);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_picture_without_end_is_an_error() {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 99999999\r\n\r\n";
        let body = vec![7; DEFAULT_FRAME_LIMIT + 1];
        let (error, _) = outcome(&[head.as_bytes(), &body].concat(), 1.0).await;
        assert!(error.contains("more than 16777216 bytes"), "{error}");
    }
}
