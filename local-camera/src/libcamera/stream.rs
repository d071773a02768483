//! One running camera: requests go round between the camera, this thread, and the holders of pictures.
//!
//! What is asked of the camera belongs to [`super::setup`], when it gets its requests back to [`super::rate`].

mod still;

use super::controls::{Controls, Learned};
use super::event::{Event, Home};
use super::health::Health;
use super::manager::Lease;
use super::rate::Pace;
use super::request::{hand_on, slot};
use super::setup::{Rate, Use, rate};
use super::{Opened, Owner, setup};
use crate::{Config, Mode, SourceError};
use libcamera::camera::ActiveCamera;
use libcamera::control::ControlList;
use libcamera::controls::FrameDurationLimits;
use libcamera::framebuffer_allocator::FrameBufferAllocator;
use libcamera::request::{Request, RequestStatus, ReuseFlag};
use libcamera::stream::Stream;
use pistreamer_protocol::message::{Cause, Control, ControlValues};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// How long a camera that has to be paced rests between frames that are not wanted.
const IDLE: Duration = Duration::from_secs(1);

/// How often the thread looks whether it is to stop, where nothing else wakes it.
const LOOK: Duration = Duration::from_millis(100);

/// How often it counts the cameras, to notice one that was unplugged: libcamera's own notice of that leaks a camera each
/// time in the crate.
const COUNT: Duration = Duration::from_secs(1);

/// How long stopping waits for pictures that are still being encoded.
const LAST_PICTURES: Duration = Duration::from_secs(1);

/// Why a camera runs no more that has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its owner has it stop.
    Stopped,
    /// Long exposures that are no longer wanted keep it busy: it has to be opened anew.
    Behind,
    /// A still is to be taken, for which it has to be opened anew.
    ForStill,
}

/// A running camera.
///
/// The order of the fields is the order in which they must go, once [`Drop`] has stopped the camera: a request names
/// buffers of the allocator, the allocator and the camera belong to the manager behind the lease, and libcamera crashes
/// on whatever outlives what it belongs to. While the camera runs no request may go at all, because the virtual pipeline
/// still steps through a request after it has handed it back.
pub(super) struct Running {
    /// Each request, `None` while the camera has it.
    slots: Vec<Option<Request>>,
    events: Receiver<Event>,
    _allocator: FrameBufferAllocator,
    camera: ActiveCamera<'static>,
    lease: Lease,

    stream: Stream,
    /// Keeps the channel open. Callbacks and owners send there. It has room for every request twice, so sending never waits
    /// nor fails: a request is with the camera or lent, never both.
    _home: Home,
    pace: Pace,
    controls: Controls,
    /// As it was opened.
    mode: Mode,
    /// The rate that was told last.
    told_fps: f64,
    is_behind: bool,
    /// Requests that may be queued.
    idle: VecDeque<usize>,
    lent: usize,
    health: Health,
    /// Cameras of the manager when last counted, and when that was.
    cameras: (usize, Instant),
}

impl Running {
    /// Opens and starts the camera with that id, for its stream in the mode nearest to the wanted one.
    pub(super) fn start(
        lease: Lease,
        id: &str,
        wanted: &Config,
        purpose: Use,
    ) -> Result<(Self, Opened), SourceError> {
        let mut camera = lease.acquire(id)?;
        let (mut configuration, picture) = match purpose {
            Use::Stream => setup::choose(&camera, wanted)?,
            Use::Still => setup::largest(&camera, wanted.transform)?,
        };
        let still = match purpose {
            Use::Stream => setup::larger(&camera, wanted.transform, &picture),
            Use::Still => None,
        };
        let sizes = match purpose {
            Use::Stream => setup::sizes(&camera, picture.format, wanted.transform),
            Use::Still => Vec::new(),
        };
        let turn = setup::left_to_turn(wanted.transform, &configuration);
        camera
            .configure(&mut configuration)
            .map_err(|error| Cause::CameraNotConfigured {
                camera: id.into(),
                error: error.to_string(),
            })?;
        let stream = configuration
            .get(0)
            .and_then(|stream| stream.stream())
            .ok_or_else(|| Cause::NoVideo { camera: id.into() })?;
        drop(configuration);

        let mut allocator = FrameBufferAllocator::new(&camera);
        let buffers = allocator
            .alloc(&stream)
            .map_err(|error| Cause::CameraNotAllocated {
                camera: id.into(),
                error: error.to_string(),
            })?;
        let count = buffers.len();
        let (slots, buffers) = buffers
            .into_iter()
            .enumerate()
            .map(|(number, buffer)| slot(&mut camera, &stream, number, buffer))
            .collect::<Result<(Vec<_>, Vec<_>), _>>()
            .map_err(|error| Cause::CameraNotPrepared {
                camera: id.into(),
                error: error.to_string(),
            })?;

        let (sender, events) = sync_channel(2 * count);
        let done = sender.clone();
        camera.on_request_completed(move |request| {
            // On libcamera's thread, under the lock that queueing needs: nothing but sending is possible here. The
            // receiver outlives the camera; were it gone, destroying the request here would crash.
            if let Err(unsent) = done.try_send(Event::Done(request)) {
                std::mem::forget(unsent);
            }
        });

        let Rate {
            duration,
            longest,
            fps,
        } = rate(&camera, wanted.fps);
        let mode = Mode {
            width: picture.width,
            height: picture.height,
            fps,
        };
        let cameras = lease.count();
        let now = Instant::now();
        let mut running = Self {
            slots,
            events,
            _allocator: allocator,
            lease,
            stream,
            _home: Home(sender.clone()),
            pace: Pace::new(fps, count, now),
            controls: Controls::new(camera.controls(), 1e6 / fps, longest, turn),
            told_fps: mode.fps,
            is_behind: false,
            mode: mode.clone(),
            idle: (0..count).collect(),
            lent: 0,
            health: Health::new(count, fps, now),
            cameras: (cameras, now),
            camera,
        };
        let controls = duration.and_then(|duration| {
            let mut controls = ControlList::from_info_map(running.camera.controls())?;
            controls
                .set(FrameDurationLimits([duration; 2]))
                .is_ok()
                .then_some(controls)
        });
        running
            .camera
            .start(controls.as_deref())
            .map_err(|error| Cause::CameraNotStarted {
                camera: id.into(),
                error: error.to_string(),
            })?;
        let opened = Opened {
            id: id.to_owned(),
            mode,
            picture,
            turn,
            buffers,
            home: Home(sender),
            still,
            sizes,
        };
        Ok((running, opened))
    }

    /// Hands on frames until its owner has it stop or the camera fails.
    pub(super) fn run(&mut self, owner: &impl Owner) -> Result<End, SourceError> {
        while !owner.stopping() {
            self.rest(owner);
            self.take_commands(owner);
            if self.is_behind {
                return Ok(End::Behind);
            }
            if owner.begins_still() {
                return Ok(End::ForStill);
            }
            let queueing = owner.calls_driver();
            self.queue()?;
            drop(queueing);
            let wait = self.pace.wait(Instant::now());
            let wait = wait.filter(|_| !self.idle.is_empty()).unwrap_or(LOOK);
            match self.events.recv_timeout(wait.min(LOOK)) {
                Ok(Event::Done(request)) => self.done(request, owner)?,
                Ok(Event::Home(number)) => self.home(number),
                // The time is over; it cannot be disconnected, because a sender is among the fields.
                Err(_) => {}
            }
            let _looking = owner.calls_driver();
            self.look()?;
        }
        Ok(End::Stopped)
    }

    /// Takes what was set on the camera when it was open before.
    pub(super) fn set(&mut self, values: &ControlValues) {
        self.controls.set(values);
    }

    /// What was set on the camera.
    pub(super) fn were_set(&self) -> ControlValues {
        self.controls.were_set()
    }

    /// What can be set, each with its value now.
    pub(super) fn controls(&self) -> Vec<Control> {
        self.controls.list()
    }

    /// Takes what viewers set. The next request tells the camera.
    fn take_commands(&mut self, owner: &impl Owner) {
        let commands = owner.commands();
        if commands.is_empty() {
            return;
        }
        /// Opening the camera anew takes half a second, and what it has under way several frames.
        const LONG: f64 = 2e6;
        let before = self.controls.frame_duration();
        self.controls.set(&commands);
        owner.controls(&self.controls.list());
        let after = self.controls.frame_duration();
        self.is_behind = before > LONG && before > 2.0 * after;
        self.tell_rate(owner);
    }

    /// Tells the rate where a long exposure makes it another one.
    fn tell_rate(&mut self, owner: &impl Owner) {
        let duration = self.controls.frame_duration();
        let fps = self.mode.fps.min(1e6 / duration);
        if (fps - self.told_fps).abs() <= 0.02 * self.told_fps {
            return;
        }
        tracing::debug!("the exposure time makes it {fps:.2} frames per second");
        self.told_fps = fps;
        self.health.expect(fps);
        owner.mode(&Mode {
            fps,
            ..self.mode.clone()
        });
    }

    /// Stops the camera and waits a little for the pictures that others still hold, so that their memory is free when the
    /// camera is opened again.
    pub(super) fn stop(mut self) {
        if let Err(error) = self.camera.stop() {
            tracing::debug!("stopping the camera: {error}");
        }
        let deadline = Instant::now() + LAST_PICTURES;
        while self.lent > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(Event::Home(_)) => self.lent -= 1,
                Ok(Event::Done(_)) => {}
                // They keep their memory mapped and do no harm.
                Err(_) => {
                    tracing::debug!("{} pictures are still in use", self.lent);
                    return;
                }
            }
        }
    }

    /// Waits for the next tick of a paced camera while no frames are wanted, and not a moment longer.
    fn rest(&mut self, owner: &impl Owner) {
        // With requests out their frames would wait here and come out old.
        if self.pace.paced() && !self.health.busy() && !owner.wanted() {
            owner.wait_wanted(IDLE);
            self.pace.restart(Instant::now());
        }
    }

    /// Gives the camera every request that it may have now.
    fn queue(&mut self) -> Result<(), SourceError> {
        while let Some(number) = self.idle.front().copied() {
            let now = Instant::now();
            if self.pace.wait(now).is_some() {
                break;
            }
            let Some(mut request) = self.slots[number].take() else {
                self.idle.pop_front();
                continue;
            };
            request.reuse(ReuseFlag::REUSE_BUFFERS);
            self.controls.tell(request.controls_mut());
            if let Err((request, error)) = self.camera.queue_request(request) {
                self.slots[number] = Some(request);
                let error = error.to_string();
                return Err(Cause::RequestsRefused { error }.into());
            }
            self.idle.pop_front();
            self.pace.queued(now);
            self.health.queued(now);
        }
        Ok(())
    }

    /// A request is back from the camera.
    fn done(&mut self, request: Request, owner: &impl Owner) -> Result<(), SourceError> {
        let now = Instant::now();
        let number = request.cookie() as usize;
        let Some(learned) = self.take_back(&request, now)? else {
            self.keep(number, request);
            self.idle.push_back(number);
            return Ok(());
        };
        if learned.is_more || learned.is_settled {
            owner.controls(&self.controls.list());
            self.tell_rate(owner);
        } else if !learned.values.is_empty() {
            owner.readings(&learned.values);
        }
        if self.pace.arrived(now) {
            tracing::info!("the camera delivers faster than asked, so its requests are paced");
        }
        let lent = owner.wanted() && hand_on(&request, &self.stream, owner);
        self.keep(number, request);
        if lent {
            self.lent += 1;
        } else {
            self.idle.push_back(number);
        }
        Ok(())
    }

    /// What a request that is back has taught; `None` where the camera has not filled its buffer.
    fn take_back(
        &mut self,
        request: &Request,
        now: Instant,
    ) -> Result<Option<Learned>, SourceError> {
        if request.status() != RequestStatus::Complete {
            self.controls.cancelled();
            self.health.cancelled()?;
            return Ok(None);
        }
        self.health.completed(now);
        Ok(Some(self.controls.learn(request.metadata(), now)))
    }

    fn keep(&mut self, number: usize, request: Request) {
        self.slots[number] = Some(request);
    }

    fn home(&mut self, number: usize) {
        // One of before the camera was opened anew may come late.
        if self.lent > 0 {
            self.lent -= 1;
            self.idle.push_back(number);
        }
    }

    /// Notices a camera that is gone or silent.
    fn look(&mut self) -> Result<(), SourceError> {
        let now = Instant::now();
        self.health.check(now)?;
        let (before, counted) = self.cameras;
        if now - counted < COUNT {
            return Ok(());
        }
        // Counting is free, asking by id is not: see `Lease::camera`.
        let cameras = self.lease.count();
        self.cameras = (cameras, now);
        if cameras != before && self.lease.camera(self.camera.id()).is_none() {
            return Err(Cause::Unplugged.into());
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Does nothing where the camera is stopped or was never started.
        let _ = self.camera.stop();
        // Stopping sent back every request that the camera had. They go now, with those in the slots.
        while self.events.try_recv().is_ok() {}
    }
}
