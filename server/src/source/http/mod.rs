//! Any camera with an HTTP URL: an MJPEG stream, or a snapshot that is fetched again and again.
//!
//! What an answer's bytes mean belongs to `multipart`, the requests themselves to `get`, where redirects lead to `location`,
//! users and passwords to `login`.

mod get;
mod location;
pub(crate) mod login;
pub(crate) mod multipart;
mod walk;

use super::remote::{self, Intake};
use super::{Config, Outlet, Source, SourceError, WEDGED};
use crate::demand::Demand;
use bytes::Bytes;
use get::{Answer, Connection};
use multipart::{Multipart, Part};
use pistreamer_client::Endpoint;
use pistreamer_protocol::jpeg::JpegError;
use pistreamer_protocol::message::Camera;
use pistreamer_protocol::{DEFAULT_FRAME_LIMIT, jpeg};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

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
        let task = attend(&self.endpoint, pace, outlet.demand(), &mut intake);
        remote::run(outlet, task)
    }
}

/// A camera that nobody watches is asked so often whether it still has pictures.
const PROBE: Duration = Duration::from_secs(30);

/// A probe whose snapshot is broken takes its time for another.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Fetches pictures while somebody watches, and at other times one now and then, which goes nowhere: so the camera's state is
/// known. Ends with what goes wrong.
async fn attend(
    endpoint: &Endpoint,
    pace: Pace,
    demand: &Demand,
    intake: &mut Intake,
) -> SourceError {
    loop {
        let watched = demand.wanted();
        let turn = async {
            if watched {
                remote::unwanted(demand).await;
            } else {
                demand.until(Demand::wanted).await;
            }
        };
        let mut pictures = Pictures::new(intake, pace, watched);
        tokio::select! {
            end = fetch(endpoint, &mut pictures) => if let Err(error) = end {
                return error;
            },
            () = turn => {}
        }
        if intake.is_open() && !demand.wanted() {
            tracing::debug!("nobody watches, so the camera is left alone");
            tokio::select! {
                () = demand.until(Demand::wanted) => {}
                () = sleep(PROBE) => {}
            }
        }
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
}

/// What comes from the camera, and for how long nothing good has.
struct Pictures<'a> {
    intake: &'a mut Intake,
    pace: Pace,
    /// Else the first whole picture is enough, and goes nowhere: whoever comes next would see an old one.
    watched: bool,
    /// When patience is over.
    deadline: Instant,
    /// Why what came last was no picture.
    problem: Option<String>,
}

impl<'a> Pictures<'a> {
    fn new(intake: &'a mut Intake, mut pace: Pace, watched: bool) -> Self {
        if !watched {
            pace.interval = pace.interval.max(PROBE_INTERVAL);
        }
        Self {
            intake,
            pace,
            watched,
            deadline: Instant::now() + pace.patience,
            problem: None,
        }
    }

    /// Takes what came, and tells whether that is enough.
    ///
    /// # Errors
    /// Where nothing good has come for too long.
    fn take(&mut self, part: Part) -> Result<bool, SourceError> {
        let taken = match part {
            Part::Image(jpeg) => self.hand_on(jpeg).map_err(|error| error.to_string()),
            Part::Broken(problem) => Err(problem),
        };
        match taken {
            Ok(()) => {
                self.problem = None;
                self.deadline = Instant::now() + self.pace.patience;
                Ok(!self.watched)
            }
            Err(problem) => {
                if self.watched {
                    self.intake.broken(&problem);
                }
                self.problem = Some(problem);
                if Instant::now() >= self.deadline {
                    return Err(self.wedged());
                }
                Ok(false)
            }
        }
    }

    fn hand_on(&mut self, jpeg: Bytes) -> Result<(), JpegError> {
        if self.watched {
            self.intake.picture(jpeg)?;
        } else {
            let info = jpeg::inspect(&jpeg)?;
            self.intake.probed((info.width.into(), info.height.into()));
        }
        Ok(())
    }

    /// What is done before patience is over, from now on.
    async fn soon<T>(
        &self,
        task: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        let done = timeout(self.pace.patience, task).await;
        done.unwrap_or_else(|_| Err(self.wedged()))
    }

    fn wedged(&self) -> SourceError {
        let why = self.problem.as_ref().map(|problem| format!(": {problem}"));
        SourceError::new(format!(
            "the camera has sent no whole picture for {:?}{}",
            self.pace.patience,
            why.unwrap_or_default()
        ))
    }
}

/// Fetches what is at the URL until something goes wrong, or until there was enough.
async fn fetch(endpoint: &Endpoint, pictures: &mut Pictures<'_>) -> Result<(), SourceError> {
    let mut connection = Connection::new(endpoint.clone());
    let mut due = Instant::now();
    loop {
        let mut answer = pictures.soon(connection.get()).await?;
        if let Some(packing) = answer.packing() {
            return Err(SourceError::new(format!(
                "the answer has the Content-Encoding {packing:?}, and pictures are only taken as they are"
            )));
        }
        let kind = answer.content_type().to_owned();
        if multipart::is_multipart(&kind) {
            return stream(answer, multipart::boundary(&kind), pictures).await;
        }
        match Kind::of(&kind) {
            Kind::Jpeg => {}
            Kind::Unsure if pictures.soon(answer.begins_with(&jpeg::SOI)).await? => {}
            _ if kind.is_empty() => {
                return Err(SourceError::new(
                    "the answer has no Content-Type and does not begin as a JPEG does",
                ));
            }
            _ => {
                return Err(SourceError::new(format!(
                    "the answer is {kind:?}, which is neither an MJPEG stream nor a JPEG"
                )));
            }
        }
        let image = pictures.soon(answer.whole(DEFAULT_FRAME_LIMIT)).await?;
        if pictures.take(multipart::image_of(image))? {
            return Ok(());
        }
        due = (due + pictures.pace.interval).max(Instant::now());
        sleep_until(due).await;
    }
}

/// What a Content-Type other than multipart stands for.
enum Kind {
    Jpeg,
    /// The first bytes tell.
    Unsure,
    Other,
}

impl Kind {
    fn of(content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "image/jpeg" | "image/jpg" | "image/pjpeg" => Self::Jpeg,
            "" | "application/octet-stream" => Self::Unsure,
            kind if kind.starts_with("image/") => Self::Unsure,
            _ => Self::Other,
        }
    }
}

/// Takes the parts of an MJPEG stream until it ends, brings nothing, or has brought enough.
async fn stream(
    mut answer: Answer,
    boundary: Option<&str>,
    pictures: &mut Pictures<'_>,
) -> Result<(), SourceError> {
    let mut parts = Multipart::new(boundary, DEFAULT_FRAME_LIMIT);
    if boundary.is_none() {
        pictures.problem = Some("its Content-Type names no boundary".to_owned());
    }
    pictures.deadline = Instant::now() + pictures.pace.patience;
    loop {
        let bytes = match timeout_at(pictures.deadline, answer.chunk()).await {
            Ok(bytes) => bytes?,
            Err(_) => return Err(pictures.wedged()),
        };
        let Some(bytes) = bytes else {
            return Err(SourceError::new("the camera ended its stream"));
        };
        parts.feed(&bytes);
        while let Some(part) = parts.next() {
            if pictures.take(part)? {
                return Ok(());
            }
        }
    }
}

/// The items of a header between separators that stand outside of quotes.
fn items(header: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    header
        .split(move |character| {
            let begins_or_ends = character == '"' && !escaped;
            quoted ^= begins_or_ends;
            escaped = quoted && character == '\\' && !escaped;
            character == separator && !quoted
        })
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::{Mode, RawFrame, Sink};
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// The smallest JPEG of 16x8 pixels.
    const JPEG: &[u8] = b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x08\x00\x10\x01\x01\x11\x00\
        \xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x12\xff\xd9";

    /// Keeps what happens: `open`, `frame` and so on.
    #[derive(Default)]
    struct Seen(Mutex<Vec<&'static str>>);

    impl Seen {
        fn add(&self, what: &'static str) {
            self.0.lock().unwrap().push(what);
        }

        fn take(&self) -> Vec<&'static str> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    impl Sink for Seen {
        fn frame(&self, _: RawFrame) {
            self.add("frame");
        }
        fn again(&self, _: RawFrame) {}
        fn open(&self, mode: Mode) {
            assert_eq!((mode.width, mode.height), (16, 8));
            self.add("open");
        }
        fn lost(&self, _: &str) {
            self.add("lost");
        }
        fn broken(&self, _: &str) {
            self.add("broken");
        }
        fn test_pattern(&self, _: bool) {}
    }

    /// A camera that answers each request so, and then says nothing more.
    struct TestCamera {
        listener: TcpListener,
        endpoint: Endpoint,
        asked: AtomicUsize,
    }

    impl TestCamera {
        async fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap());
            Self {
                listener,
                endpoint: Endpoint::parse(&url, &SCHEMES).unwrap(),
                asked: AtomicUsize::new(0),
            }
        }

        async fn serve(&self, answer: &[u8]) -> ! {
            loop {
                let (mut stream, _) = self.listener.accept().await.unwrap();
                while matches!(stream.read(&mut [0; 2048]).await, Ok(1..)) {
                    self.asked.fetch_add(1, Ordering::Relaxed);
                    if stream.write_all(answer).await.is_err() {
                        break;
                    }
                }
            }
        }

        fn asked(&self) -> usize {
            self.asked.swap(0, Ordering::Relaxed)
        }
    }

    fn snapshot(headers: &str, body: &[u8]) -> Vec<u8> {
        let len = body.len();
        let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {len}\r\n\r\n");
        [head.as_bytes(), body].concat()
    }

    fn parts(content_type: &str, jpeg: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n");
        let part = [b"--b\r\n\r\n", jpeg, b"\r\n"].concat();
        [head.as_bytes(), &part.repeat(3), b"--b\r\n"].concat()
    }

    /// What is made of a camera that answers so while somebody watches: the error, after how many seconds, and what was seen.
    async fn outcome(answer: &[u8], fps: f64) -> (String, u64, Vec<&'static str>) {
        let camera = TestCamera::new().await;
        let seen = Arc::new(Seen::default());
        let outlet = Outlet::new(seen.clone(), Demand::default());
        let mut intake = Intake::new(&outlet, fps);
        let mut pictures = Pictures::new(&mut intake, Pace::new(fps), true);
        let began = Instant::now();
        let error = tokio::select! {
            end = fetch(&camera.endpoint, &mut pictures) => end.unwrap_err(),
            _ = camera.serve(answer) => unreachable!("it waits for ever"),
        };
        (error.to_string(), began.elapsed().as_secs(), seen.take())
    }

    /// Whether the camera's pictures are handed on, for seconds.
    async fn shows(answer: &[u8]) -> bool {
        let patience = Duration::from_secs(4);
        let camera = TestCamera::new().await;
        let seen = Arc::new(Seen::default());
        let outlet = Outlet::new(seen.clone(), Demand::default());
        let mut intake = Intake::new(&outlet, 30.0);
        let mut pictures = Pictures::new(&mut intake, Pace::new(30.0), true);
        tokio::select! {
            end = fetch(&camera.endpoint, &mut pictures) => panic!("{end:?}"),
            _ = camera.serve(answer) => {}
            () = sleep(patience) => {}
        }
        let seen = seen.take();
        seen.len() > 3 && seen.starts_with(&["open"]) && seen[1..].iter().all(|it| *it == "frame")
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
                let (error, seconds, _) = outcome(answer.as_bytes(), fps).await;
                let expected = format!("no whole picture for {patience}s");
                assert!(error.ends_with(&expected), "{error}");
                assert_eq!(seconds, patience);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_camera_whose_pictures_are_all_broken_is_an_error_that_says_why() {
        let no_jpeg = "it does not start with FF D8";
        for (answer, why) in [
            (snapshot("Content-Type: image/jpeg\r\n", b"hello"), no_jpeg),
            (
                snapshot("Content-Type: image/jpeg\r\n", &JPEG[..20]),
                "it is cut off: 20 bytes and no FF D9",
            ),
            (parts("multipart/x; boundary=b", b"hello"), no_jpeg),
            (parts("multipart/x", b"hello"), no_jpeg),
        ] {
            for (fps, patience) in [(30.0, 5), (0.1, 30)] {
                let (error, seconds, seen) = outcome(&answer, fps).await;
                let expected = format!("no whole picture for {patience}s: {why}");
                assert!(error.ends_with(&expected), "{error}");
                assert_eq!(seconds, patience);
                assert!(seen.iter().all(|it| *it == "broken"), "{seen:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_mjpeg_stream_without_a_boundary_is_said_where_none_is_found() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x\r\n\r\nno boundary\r\n";
        let (error, ..) = outcome(answer, 30.0).await;
        assert!(
            error.ends_with("for 5s: its Content-Type names no boundary"),
            "{error}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_are_no_jpegs_are_refused_by_name_at_once() {
        for (headers, body, said) in [
            (
                "Content-Type: image/png\r\n",
                &b"\x89PNG\r\n"[..],
                "\"image/png\"",
            ),
            ("Content-Type: text/html\r\n", JPEG, "\"text/html\""),
            ("", b"<html>", "no Content-Type"),
            ("", b"", "no Content-Type"),
            (
                "Content-Type: image/jpeg\r\nContent-Encoding: gzip\r\n",
                b"\x1f\x8b",
                "the Content-Encoding \"gzip\"",
            ),
        ] {
            let (error, seconds, seen) = outcome(&snapshot(headers, body), 30.0).await;
            assert!(error.contains(said), "{error}");
            assert_eq!((seconds, seen), (0, vec![]));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn jpegs_are_taken_whatever_the_answer_says_of_them() {
        let padded = |padding: &[u8]| [JPEG, padding].concat();
        for (headers, body) in [
            ("Content-Type: image/jpeg\r\n", padded(b"")),
            ("Content-Type: image/jpeg\r\n", padded(b"\r\n")),
            ("Content-Type: image/jpeg\r\n", padded(&[0; 1000])),
            ("Content-Type: IMAGE/JPG; q=1\r\n", padded(b"")),
            ("Content-Type: image/png\r\n", padded(b"")),
            ("Content-Type: application/octet-stream\r\n", padded(b"")),
            ("", padded(b"")),
            ("Content-Encoding: identity\r\n", padded(b"")),
            (
                "Server : cam\r\nno header\r\nContent-Type : image/jpeg\r\n",
                padded(b""),
            ),
        ] {
            assert!(shows(&snapshot(headers, &body)).await, "{headers}");
        }
        for kind in [
            "multipart/x; boundary=b",
            "multipart/x",
            "Multipart/x;boundary=--",
        ] {
            let (_, _, seen) = outcome(&parts(kind, JPEG), 30.0).await;
            assert_eq!(seen, ["open", "frame", "frame", "frame"], "{kind}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_picture_without_end_is_an_error() {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 99999999\r\n\r\n";
        let body = vec![7; DEFAULT_FRAME_LIMIT + 1];
        let (error, ..) = outcome(&[head.as_bytes(), &body].concat(), 1.0).await;
        assert!(error.contains("more than 16777216 bytes"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_camera_that_nobody_watches_is_probed_now_and_then_and_its_pictures_go_nowhere() {
        for answer in [
            snapshot("Content-Type: image/jpeg\r\n", JPEG),
            parts("multipart/x; boundary=b", JPEG),
        ] {
            let camera = TestCamera::new().await;
            let seen = Arc::new(Seen::default());
            let outlet = Outlet::new(seen.clone(), Demand::default());
            let demand = outlet.demand().clone();
            let mut intake = Intake::new(&outlet, 30.0);
            let attending = attend(&camera.endpoint, Pace::new(30.0), &demand, &mut intake);
            let watching = async {
                sleep(Duration::from_secs(1)).await;
                assert_eq!((camera.asked(), seen.take()), (1, vec!["open"]));
                sleep(PROBE * 10).await;
                assert_eq!((camera.asked(), seen.take()), (10, vec![]));
                let hold = demand.hold();
                sleep(Duration::from_secs(1)).await;
                assert!(camera.asked() > 0);
                let frames = seen.take();
                assert!(frames.len() >= 3 && frames.iter().all(|it| *it == "frame"));
                drop(hold);
                sleep(remote::LINGER + Duration::from_secs(1)).await;
                let _ = (camera.asked(), seen.take());
                sleep(PROBE).await;
                assert_eq!((camera.asked(), seen.take()), (1, vec![]));
            };
            tokio::select! {
                error = attending => panic!("{error}"),
                _ = camera.serve(&answer) => {}
                () = watching => {}
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_camera_that_goes_while_nobody_watches_is_lost_with_the_next_probe() {
        let camera = TestCamera::new().await;
        let endpoint = camera.endpoint.clone();
        let outlet = Outlet::new(Arc::new(Seen::default()), Demand::default());
        let mut intake = Intake::new(&outlet, 30.0);
        let serving = async move {
            let answer = snapshot("Content-Type: image/jpeg\r\n", JPEG);
            let _ = timeout(Duration::from_secs(10), camera.serve(&answer)).await;
            drop(camera);
            std::future::pending::<()>().await;
        };
        let began = Instant::now();
        let error = tokio::select! {
            error = attend(&endpoint, Pace::new(30.0), outlet.demand(), &mut intake) => error,
            () = serving => unreachable!("it waits for ever"),
        };
        assert!(error.to_string().contains("cannot fetch"), "{error}");
        assert_eq!(began.elapsed().as_secs(), PROBE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_of_a_camera_whose_pictures_are_broken_asks_once_a_second_and_says_why() {
        let camera = TestCamera::new().await;
        let seen = Arc::new(Seen::default());
        let outlet = Outlet::new(seen.clone(), Demand::default());
        let mut intake = Intake::new(&outlet, 30.0);
        let answer = snapshot("Content-Type: image/jpeg\r\n", b"hello");
        let error = tokio::select! {
            error = attend(&camera.endpoint, Pace::new(30.0), outlet.demand(), &mut intake) => error,
            _ = camera.serve(&answer) => unreachable!("it waits for ever"),
        };
        assert!(
            error
                .to_string()
                .ends_with("for 5s: it does not start with FF D8"),
            "{error}"
        );
        assert!(camera.asked() <= 6);
        assert_eq!(seen.take(), Vec::<&str>::new());
    }
}
