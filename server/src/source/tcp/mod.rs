//! Pictures that a camera pushes over TCP, as picamera's "capture to a network stream" recipe does.
//!
//! Parsing belongs to `pistreamer_network_camera::picamera`; sending, to `pistreamer push`.

use super::remote::{self, Intake};
use super::spec::{Ends, Entry, Identity, Kind, Options, SpecError};
use super::{Config, Port, Source, SourceError, WEDGED};
use crate::util::log_throttle::EventThrottle;
use pistreamer_network_camera::picamera::{Item, Reader};
use pistreamer_protocol::DEFAULT_FRAME_LIMIT;
use pistreamer_protocol::message::{Camera, Cause};
use std::cell::Cell;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// A connection is closed after this long without data.
const SILENCE: Duration = Duration::from_secs(10);

/// A connection is closed as well if its data make no picture for this long. Generous: a large picture takes long on a
/// bad link.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that has brought no picture for this long, and for twice as long as it took for the one before, gives way
/// to a new one: its camera may have lost power and come back.
const STALE: Duration = WEDGED;

/// The times at which pictures arrived.
#[derive(Clone, Copy, Debug)]
struct Rhythm {
    last: Instant,
    /// Between the last two.
    gap: Duration,
}

impl Rhythm {
    fn new() -> Self {
        Self {
            last: Instant::now(),
            gap: Duration::ZERO,
        }
    }

    /// Adds a picture that arrives now.
    fn next(self) -> Self {
        Self {
            last: Instant::now(),
            gap: self.last.elapsed(),
        }
    }

    /// Returns true if a picture is overdue.
    fn is_stale(self) -> bool {
        self.last.elapsed() >= STALE.max(self.gap * 2)
    }
}

/// A camera that pushes over TCP to an address of this machine.
pub(super) const KIND: Entry = Entry {
    usage: "tcp-listen:ADDRESS:PORT",
    about: "a script that pushes picamera's network stream to this address",
    parse: |typed| {
        let address = typed.rest.unwrap_or_default();
        (typed.kind == "tcp-listen").then(|| match address.parse() {
            Ok(address) => Ok(Arc::new(Tcp(address)) as _),
            Err(_) => Err(SpecError::BadListen(address.into())),
        })
    },
};

#[derive(Debug)]
struct Tcp(SocketAddr);

impl Kind for Tcp {
    fn word(&self) -> &str {
        "tcp-listen"
    }

    fn identity(&self) -> Identity {
        Identity::word(format!("tcp-{}", self.0.port()))
    }

    fn takes(&self) -> Options {
        Options {
            fps: true,
            ..Options::default()
        }
    }

    fn listens(&self) -> Option<SocketAddr> {
        Some(self.0)
    }

    fn build(&self, capture: &Config, _: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(TcpSource::bind(capture, self.0)?))
    }
}

/// The listening end.
#[derive(Debug)]
pub(crate) struct TcpSource {
    listener: TcpListener,
    address: SocketAddr,
    fps: f64,
}

impl TcpSource {
    /// Listens at that address; port 0 takes any free port. Only the rate of the configuration is used, to tell viewers.
    ///
    /// # Errors
    /// If it cannot listen on the address.
    pub(crate) fn bind(config: &Config, address: SocketAddr) -> Result<Self, SourceError> {
        let bind = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = bind().map_err(|error: std::io::Error| Cause::NotListening {
            address: address.to_string(),
            error: error.to_string(),
            host: address.ip().to_string(),
        })?;
        Ok(Self {
            listener,
            address,
            fps: config.fps,
        })
    }
}

impl Source for TcpSource {
    fn camera(&self) -> Camera {
        Camera {
            id: String::new(),
            name: format!("Pictures pushed to {}", self.address),
            source: "tcp-listen".into(),
            test_pattern: false,
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        if !self.address.ip().is_loopback() {
            tracing::warn!(
                address = %self.address,
                "any client that reaches this address may push pictures: picamera's stream has no keys"
            );
        }
        let failed = |error: std::io::Error| Cause::ListeningFailed {
            error: error.to_string(),
        };
        let listener = self.listener.try_clone().map_err(failed)?;
        let mut intake = Intake::new(port, self.fps);
        intake.lost(Cause::NothingPushedTo {
            address: self.address.to_string(),
        });
        remote::run(port, async {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => listen(&listener, &mut intake).await,
                Err(error) => failed(error).into(),
            }
        })
    }
}

/// Takes one camera after the other.
async fn listen(listener: &tokio::net::TcpListener, intake: &mut Intake) -> SourceError {
    let mut next = accept(listener).await;
    loop {
        next = match attend(listener, next, intake).await {
            Ok(successor) => successor,
            Err(end) => {
                intake.lost(end);
                accept(listener).await
            }
        };
    }
}

type Arrival = (TcpStream, SocketAddr);

/// Reads from one camera until it ends, or until another takes its place.
async fn attend(
    listener: &tokio::net::TcpListener,
    (mut stream, peer): Arrival,
    intake: &mut Intake,
) -> Result<Arrival, Cause> {
    static CAME: EventThrottle = EventThrottle::new();
    if let Some(times) = CAME.again() {
        tracing::info!(%peer, times, "a camera started pushing");
    }
    let rhythm = Cell::new(Rhythm::new());
    let mut reading = pin!(read(&mut stream, &rhythm, intake));
    loop {
        tokio::select! {
            biased;
            end = &mut reading => {
                end.log(peer);
                return Err(end.cause());
            }
            other = accept(listener) => {
                if rhythm.get().is_stale() {
                    static REPLACED: EventThrottle = EventThrottle::new();
                    if let Some(times) = REPLACED.again() {
                        tracing::warn!(%peer, by = %other.1, times, "replaced a camera that sends no more pictures");
                    }
                    return Ok(other);
                }
                static REFUSED: EventThrottle = EventThrottle::new();
                if let Some(times) = REFUSED.again() {
                    tracing::warn!(refused = %other.1, pushing = %peer, times, "refused a second camera: only one can push");
                }
            }
        }
    }
}

async fn accept(listener: &tokio::net::TcpListener) -> Arrival {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                // Out of descriptors, most likely. Cameras wait in the backlog.
                static REFUSED: EventThrottle = EventThrottle::new();
                if let Some(times) = REFUSED.again() {
                    tracing::warn!(%error, times, "cannot accept a camera for now");
                }
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Why a camera's connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the camera ended its stream")]
    Ended,
    #[error("the camera's connection ended")]
    Left,
    #[error("the camera's connection ended in the middle of a picture")]
    Half,
    #[error("the camera has been silent for {SILENCE:?}")]
    Silent,
    #[error("the camera has sent no whole picture for {PATIENCE:?}")]
    Slow,
    #[error("the camera's connection broke: {0}")]
    Broke(#[from] std::io::Error),
    #[error("picture {number} of the camera is broken: {problem}")]
    Broken { number: u64, problem: String },
}

impl End {
    /// What viewers are told until another camera comes.
    fn cause(self) -> Cause {
        match self {
            Self::Ended => Cause::TcpEnded,
            Self::Left => Cause::TcpLeft,
            Self::Half => Cause::TcpCutOff,
            Self::Silent => Cause::TcpSilent {
                seconds: SILENCE.as_secs(),
            },
            Self::Slow => Cause::TcpSlow {
                seconds: PATIENCE.as_secs(),
            },
            Self::Broke(error) => Cause::TcpBroke {
                error: error.to_string(),
            },
            Self::Broken { number, problem } => Cause::TcpPictureBroken { number, problem },
        }
    }

    fn log(&self, peer: SocketAddr) {
        static ENDS: EventThrottle = EventThrottle::new();
        let Some(times) = ENDS.again() else { return };
        if matches!(self, Self::Ended | Self::Left) {
            tracing::info!(%peer, times, "{self}");
        } else {
            tracing::warn!(%peer, times, "{self}");
        }
    }
}

async fn read(stream: &mut TcpStream, rhythm: &Cell<Rhythm>, intake: &mut Intake) -> End {
    let mut reader = Reader::new(DEFAULT_FRAME_LIMIT);
    let mut number = 1;
    loop {
        loop {
            let problem = match reader.next_item() {
                Ok(None) => break,
                Ok(Some(Item::End)) => return End::Ended,
                Ok(Some(Item::Image(jpeg))) => match intake.picture(jpeg) {
                    Ok(_) => {
                        rhythm.set(rhythm.get().next());
                        number += 1;
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
                Err(error) => error.to_string(),
            };
            intake.broken(&problem);
            return End::Broken { number, problem };
        }
        let left = (rhythm.get().last + PATIENCE).saturating_duration_since(Instant::now());
        match timeout(SILENCE.min(left), stream.read_buf(reader.space())).await {
            Ok(Ok(0)) if reader.is_between_images() => return End::Left,
            Ok(Ok(0)) => return End::Half,
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return End::Broke(error),
            Err(_) if left < SILENCE => return End::Slow,
            Err(_) => return End::Silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RawFrame, Report, Sink};
    use super::*;
    use crate::demand::Demand;
    use std::sync::Arc;
    use tokio::io::AsyncWriteExt;

    struct Nowhere;

    impl Sink for Nowhere {
        fn frame(&self, _: RawFrame) {}
        fn again(&self, _: RawFrame) {}
        fn report(&self, _: Report<'_>) {}
    }

    fn jpeg() -> Vec<u8> {
        let pixels = [7; 64];
        let image = turbojpeg::Image {
            pixels: &pixels[..],
            width: 8,
            pitch: 8,
            height: 8,
            format: turbojpeg::PixelFormat::GRAY,
        };
        let jpeg = turbojpeg::compress(image, 80, turbojpeg::Subsamp::Gray).unwrap();
        jpeg.to_vec()
    }

    async fn arrival() -> (tokio::net::TcpListener, TcpStream, Arrival, Intake) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let camera = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let arrival = accept(&listener).await;
        let port = Port::new(Arc::new(Nowhere), Demand::default());
        (listener, camera, arrival, Intake::new(&port, 30.0))
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_camera_is_let_go() {
        let (listener, _camera, arrival, mut intake) = arrival().await;
        let began = Instant::now();
        let end = attend(&listener, arrival, &mut intake).await;
        assert!(matches!(end, Err(Cause::TcpSilent { .. })), "{end:?}");
        assert_eq!(began.elapsed().as_secs(), SILENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_camera_that_drips_is_let_go() {
        let (listener, mut camera, arrival, mut intake) = arrival().await;
        let began = Instant::now();
        let drip = async {
            camera.write_all(&1000_u32.to_le_bytes()).await.unwrap();
            camera.write_all(&[0xff, 0xd8]).await.unwrap();
            loop {
                sleep(SILENCE / 2).await;
                camera.write_all(&[7]).await.unwrap();
            }
        };
        let end = tokio::select! {
            end = attend(&listener, arrival, &mut intake) => end,
            () = drip => unreachable!("it has no end"),
        };
        assert!(matches!(end, Err(Cause::TcpSlow { .. })), "{end:?}");
        assert_eq!(began.elapsed().as_secs(), PATIENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_camera_that_is_slow_keeps_its_place() {
        let (listener, mut camera, arrival, mut intake) = arrival().await;
        let address = listener.local_addr().unwrap();
        let jpeg = jpeg();
        let pictures = async {
            for _ in 0..3 {
                sleep(STALE + STALE / 2).await;
                camera
                    .write_all(&(jpeg.len() as u32).to_le_bytes())
                    .await
                    .unwrap();
                camera.write_all(&jpeg).await.unwrap();
            }
            sleep(STALE + STALE / 4).await;
            let other = TcpStream::connect(address).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            drop(camera);
            other
        };
        let (end, _other) = tokio::join!(attend(&listener, arrival, &mut intake), pictures);
        assert!(matches!(end, Err(Cause::TcpLeft)), "{end:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_camera_that_brings_no_pictures_gives_way_to_another() {
        let (listener, _camera, arrival, mut intake) = arrival().await;
        let address = listener.local_addr().unwrap();
        let other = async {
            sleep(STALE).await;
            TcpStream::connect(address).await.unwrap()
        };
        let (successor, other) = tokio::join!(attend(&listener, arrival, &mut intake), other);
        assert_eq!(successor.unwrap().1, other.local_addr().unwrap());
    }
}
