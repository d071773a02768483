//! Cameras that the kernel's V4L2 offers ready for use: USB webcams, HDMI grabbers, loopbacks. It needs no library.
//!
//! The Raspberry Pi's camera modules are none of them: what V4L2 shows of those are parts, which libcamera puts together.

mod controls;
mod modes;
mod nodes;
mod still;
mod stream;
mod sys;
mod thinning;

use super::spec::{Ends, Entry, Identity, Kind, Options};
use super::{Config, Port, Source, SourceError};
use crate::kept::TRANSIENT;
use modes::Offer;
use nodes::{Camera, Node, System, Which};
use pistreamer_protocol::message::{self, Cause};
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::{Refusal, Stream};
use sys::Device;

/// A camera by its key, serial number or path; the first one by default.
pub(super) const KIND: Entry = Entry {
    usage: "v4l2, v4l2:/dev/video0, v4l2:ID",
    about: "a USB camera, or another one that V4L2 knows",
    parse: |typed| {
        let which = typed.rest.filter(|which| !which.is_empty());
        (typed.kind == "v4l2").then(|| Ok(Arc::new(V4l2(which.map(str::to_owned))) as _))
    },
};

#[derive(Debug)]
struct V4l2(Option<String>);

impl Kind for V4l2 {
    fn word(&self) -> &str {
        "v4l2"
    }

    fn identity(&self) -> Identity {
        match &self.0 {
            None => Identity::word("v4l2"),
            Some(which) => Identity {
                // The last part of a path, or of usb:046d:0825:AB12.
                word: which.rsplit(['/', ':']).next().unwrap_or(which).to_owned(),
                rest: format!("v4l2 {which}"),
            },
        }
    }

    fn device(&self) -> Option<String> {
        Some(format!("v4l2 {}", self.0.as_deref().unwrap_or_default()))
    }

    fn takes(&self) -> Options {
        Options {
            size: true,
            fps: true,
        }
    }

    fn build(&self, capture: &Config, _: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(V4l2Source::new(
            capture.clone(),
            self.0.as_deref(),
        )))
    }
}

/// What people are told of a camera.
pub(crate) struct Described {
    /// What selects it, wherever it is plugged in.
    pub id: String,
    pub name: String,
    /// What it is called now.
    pub node: String,
    /// Each format, by its four characters, with its sizes.
    pub formats: Vec<(String, Vec<String>)>,
}

/// Whether any camera is plugged in.
pub(crate) fn is_there() -> bool {
    !System::default().cameras().is_empty()
}

/// Whether anything is plugged in that may be a camera. Opens nothing.
pub(crate) fn may_be_there() -> bool {
    !System::default().nodes().is_empty()
}

/// Every camera that is plugged in.
pub(crate) fn list() -> Vec<Described> {
    let system = System::default();
    let described = |camera: Camera| {
        let formats = system.open(&camera.node).map(|device| formats(&device));
        Described {
            id: camera.node.key,
            name: camera.name,
            node: format!("/dev/{}", camera.node.name),
            formats: formats.unwrap_or_default(),
        }
    };
    system.cameras().into_iter().map(described).collect()
}

fn formats(device: &Device) -> Vec<(String, Vec<String>)> {
    let sizes = |fourcc: [u8; 4]| {
        let sizes = device.sizes(fourcc).map(|sizes| match sizes {
            sys::Sizes::One([width, height]) => format!("{width}x{height}"),
            sys::Sizes::Range([[least_w, most_w, _], [least_h, most_h, _]]) => {
                format!("{least_w}x{least_h} to {most_w}x{most_h}")
            }
        });
        (fourcc.escape_ascii().to_string(), sizes.collect())
    };
    device.formats().map(sizes).collect()
}

/// A camera of V4L2.
pub(crate) struct V4l2Source {
    config: Config,
    system: System,
    typed: Which,
    /// The camera that it was: the same one is looked for, at whatever node.
    known: Option<Camera>,
}

/// How often a camera that is not there is looked for.
const LOOK: Duration = Duration::from_millis(250);

/// How long a camera may be busy after it was plugged in, or after its stream has stopped.
const SETTLING: Duration = Duration::from_secs(2);

impl V4l2Source {
    /// The camera with that key, serial number or path, or the first one. It may be plugged in later.
    pub(crate) fn new(config: Config, which: Option<&str>) -> Self {
        let (system, typed) = (System::default(), Which::typed(which));
        let known = system.find(&typed).and_then(Result::ok);
        Self {
            config,
            system,
            typed,
            known,
        }
    }

    /// The camera, where it is plugged in now; the same one as before, if that is.
    fn find(&self) -> Option<Result<Camera, Cause>> {
        let known = self.known.as_ref().map(|known| known.node.key.clone());
        known
            .and_then(|key| self.system.find(&Which::Key(key)))
            .or_else(|| self.system.find(&self.typed))
    }

    /// Waits for the camera; `None` where the run is to end.
    fn wait(&self, port: &Port) -> Option<Camera> {
        let mut told = None;
        // What is told of a camera that is not plugged in. Others are opened to tell which there are.
        let mut missing = None;
        loop {
            let found = {
                let _call = port.calls_driver();
                self.find()
            };
            let cause = match found {
                Some(Ok(camera)) => return Some(camera),
                Some(Err(cause)) => cause,
                None => missing
                    .get_or_insert_with(|| self.system.missing(&self.typed))
                    .clone(),
            };
            if told.as_ref() != Some(&cause) {
                port.lost(cause.clone());
                tracing::warn!(reason = %cause, "no picture; looking for the camera");
                told = Some(cause);
            }
            if port.demand().sleep(LOOK) {
                return None;
            }
        }
    }

    /// Opens the camera in the best mode that it agrees to.
    fn start(&self, node: &Node, port: &Port) -> Result<Started, SourceError> {
        self.persist(node, port, || self.try_to_start(node, port))
    }

    /// Tries for as long as a camera may be busy: after it was plugged in, or while its last pictures are being encoded.
    fn persist<T>(
        &self,
        node: &Node,
        port: &Port,
        attempt: impl Fn() -> Result<T, Refusal>,
    ) -> Result<T, SourceError> {
        let began = Instant::now();
        loop {
            let busy = match attempt() {
                Ok(started) => return Ok(started),
                Err(Refusal::Busy(error)) => error,
                Err(Refusal::NoRoom) => {
                    return Err(Cause::NoRoomOnBus.into());
                }
                Err(Refusal::Failed(error)) => return Err(error),
            };
            if began.elapsed() > SETTLING || port.demand().sleep(LOOK / 2) {
                return Err(self.system.why_not(node, &busy).into());
            }
        }
    }

    /// Opens a node, to start a stream on it.
    fn open(&self, node: &Node) -> Result<Device, Refusal> {
        match self.system.open(node) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Err(Refusal::Busy(error)),
            Err(error) => Err(Refusal::Failed(self.system.why_not(node, &error).into())),
            Ok(device) => Ok(device),
        }
    }

    fn try_to_start(&self, node: &Node, port: &Port) -> Result<Started, Refusal> {
        let call = port.calls_driver();
        let device = self.open(node)?;
        let offers = modes::ranked(modes::offers(&device, &self.config), &self.config);
        let Some(best) = offers.first().copied() else {
            let theirs: Vec<_> = device
                .formats()
                .map(|fourcc| fourcc.escape_ascii().to_string())
                .collect();
            let formats = theirs.join(", ");
            return Err(Refusal::Failed(Cause::NoFormat { formats }.into()));
        };
        let largest = modes::largest(&device, &self.config);
        let sizes = modes::sizes(&device);
        drop((device, call));
        for offer in &offers {
            if port.demand().stopping() {
                break;
            }
            let _call = port.calls_driver();
            match Stream::start(self.open(node)?, offer, &self.config) {
                Ok(stream) => {
                    if *offer != best {
                        tracing::warn!(
                            "there was no room on the USB bus for {}: another camera on the same hub leaves less; it may help to \
                             plug one in elsewhere",
                            words(&best)
                        );
                    }
                    let size = (stream.mode.width, stream.mode.height);
                    return Ok(Started {
                        still: largest.filter(|largest| largest.is_larger_than(size)),
                        offer: *offer,
                        stream,
                        sizes,
                    });
                }
                Err(Refusal::NoRoom) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Err(Refusal::NoRoom)
    }
}

/// A camera that runs.
struct Started {
    stream: Stream,
    offer: Offer,
    /// Those that the camera has.
    sizes: Vec<(u32, u32)>,
    /// What a still is taken with, where that has more pixels.
    still: Option<Offer>,
}

/// An offer, for people.
fn words(offer: &Offer) -> String {
    let [width, height] = offer.size;
    let rate = offer
        .fps
        .map_or_else(String::new, |fps| format!(" at {fps:.4}"));
    format!(
        "{width}x{height}{} as {}",
        rate.trim_end_matches('0').trim_end_matches('.'),
        offer.fourcc.escape_ascii()
    )
}

impl Source for V4l2Source {
    fn camera(&self) -> message::Camera {
        let name = match (&self.known, &self.typed) {
            (Some(known), _) => known.name.clone(),
            (None, Which::Any) => "camera".into(),
            (None, Which::Node(path)) => path.display().to_string(),
            (None, Which::Key(key)) => key.clone(),
        };
        message::Camera {
            id: String::new(),
            name,
            source: "v4l2".into(),
            test_pattern: false,
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        let Some(camera) = self.wait(port) else {
            return Ok(());
        };
        if self
            .known
            .as_ref()
            .is_none_or(|known| known.name != camera.name)
        {
            port.named(&camera.name);
        }
        let Started {
            stream,
            offer,
            sizes,
            still,
        } = self.start(&camera.node, port)?;
        tracing::info!(
            device = format!("/dev/{}", camera.node.name),
            id = camera.node.key,
            "the camera sends {}",
            words(&offer)
        );
        match &camera.node.lasting {
            Some(device) => port.opened_device(device),
            // From then on it may be another one.
            None => port.opened_device(&format!("{TRANSIENT}{}", camera.node.key)),
        }
        self.known = Some(camera);
        port.open(stream.mode.clone());
        port.has_sizes(sizes);
        port.takes_stills(still.map(|offer| offer.size.into()));
        // Where the node cannot be opened once more, it has pictures and no controls.
        let device = self
            .known
            .as_ref()
            .map(|known| self.system.open(&known.node));
        let (wakes, woken) = std::sync::mpsc::sync_channel(1);
        let mut ending = None;
        let result = std::thread::scope(|scope| {
            if let Some(Ok(device)) = device {
                scope.spawn(move || controls::attend(&device, &woken, port));
            }
            let result = self.follow(stream, still, port, &wakes);
            // Which ends the other thread.
            drop(wakes);
            // Until it has, which a camera that answers no question of it delays.
            ending = Some(port.calls_driver());
            result.map(drop)
        });
        drop(ending);
        result
    }
}
