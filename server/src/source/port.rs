//! A running source's ends: frames and state out, demand and commands in.
//!
//! What happens to them is up to the [`Sink`]; the seqs of frames belong to [`super::numbering`].

use super::commands::Orders;
use super::driver::{Call, Driver};
use super::numbering::{Kept, Numbering};
use super::stills::Request;
use super::{Commands, Image, Mode, RawFrame, Sizes, Stills};
use crate::demand::Demand;
use crate::util::handover::publishing;
use pistreamer_picture::Whole;
use pistreamer_protocol::Stamp;
use pistreamer_protocol::jpeg::{JpegError, Orientation};
use pistreamer_protocol::message::{Cause, Control, ControlValues, Reason};
use pistreamer_protocol::text;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Receives everything that a source delivers.
pub trait Sink: Send + Sync {
    /// Receives a new frame. Must not block: the source has the next one to fetch.
    fn frame(&self, frame: RawFrame);
    /// Receives the last frame once more. Must not block.
    fn again(&self, frame: RawFrame);
    /// Receives a report.
    fn report(&self, report: Report<'_>);
    /// How often it has dropped all frames: the last one is none that can be repeated then.
    fn forgets(&self) -> u64 {
        0
    }
}

/// What a source reports about itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Report<'a> {
    /// The device is open and delivers in this mode.
    Open(&'a Mode),
    /// The device has stopped delivering, with the reason.
    Lost(&'a Reason),
    /// The device is being opened or recreated, as another server tells it.
    Starting(&'a Reason),
    /// A broken picture was dropped, with the reason.
    Broken(&'a str),
    /// The camera's name, as another server tells it.
    Named(&'a str),
    /// Whether the pictures from here on are a test pattern, as another server tells it.
    TestPattern(bool),
    /// The controls with their present values.
    Controls(&'a [Control]),
    /// Values of controls that changed by themselves.
    Readings(&'a ControlValues),
}

/// The ends of a running source: frames and reports go out, demand and commands come in. Once its run is to end, everything
/// that it still sends is dropped.
#[derive(Clone)]
pub struct Port {
    sink: Arc<dyn Sink>,
    demand: Demand,
    numbering: Arc<Mutex<Numbering>>,
    commands: Commands,
    stills: Stills,
    sizes: Sizes,
    driver: Driver,
    /// How pictures are to be turned that the source has not turned itself, of one run.
    turn: Arc<Mutex<Orientation>>,
    /// Held while something passes, so that nothing of one run passes during the next.
    gate: Arc<Mutex<()>>,
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port")
            .field("demand", &self.demand)
            .field("numbering", &self.numbering)
            .finish_non_exhaustive()
    }
}

impl Port {
    /// A port whose first frame has seq 1.
    pub fn new(sink: Arc<dyn Sink>, demand: Demand) -> Self {
        Self {
            sink,
            demand,
            numbering: Arc::default(),
            commands: Commands::default(),
            stills: Stills::default(),
            sizes: Sizes::default(),
            driver: Driver::default(),
            turn: Arc::new(Mutex::new(Orientation::UPRIGHT)),
            gate: Arc::default(),
        }
    }

    /// The same with these commands.
    pub(crate) fn with_commands(self, commands: Commands) -> Self {
        Self { commands, ..self }
    }

    /// The same with these requests for stills.
    pub(crate) fn with_stills(self, stills: Stills) -> Self {
        Self { stills, ..self }
    }

    /// The same, with the sizes of its device noted there.
    pub(crate) fn with_sizes(self, sizes: Sizes) -> Self {
        Self { sizes, ..self }
    }

    /// The same, with its calls of the driver noted there.
    pub(crate) fn with_driver(self, driver: Driver) -> Self {
        Self { driver, ..self }
    }

    /// The same, with its pictures to be turned like that.
    pub(crate) fn with_turn(self, turn: Orientation) -> Self {
        let turn = Arc::new(Mutex::new(turn));
        Self { turn, ..self }
    }

    /// Notes how pictures are still to be turned by a source that does some of it itself. Call it before [`Self::open`].
    pub(super) fn leaves_to_turn(&self, turn: Orientation) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }

    fn turn(&self) -> Orientation {
        // Nothing panics while it holds this lock.
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a call of the device's driver begins, until what is returned is dropped. Such a call may never come back.
    pub(crate) fn calls_driver(&self) -> Call<'_> {
        self.driver.calls()
    }

    /// A port for another run of the same camera: its seqs continue. Nothing of a run that has been
    /// stopped passes any more once this returns.
    pub fn for_run(&self) -> Self {
        drop(self.gate());
        Self {
            demand: self.demand.for_run(),
            ..self.clone()
        }
    }

    /// Ends the run. Waits for what is passing at the moment: nothing passes any more once this returns.
    pub(crate) fn stop(&self) {
        let _gate = self.gate();
        self.demand.stop();
    }

    /// The seq of the next frame, for sources that paint it.
    pub fn next_seq(&self) -> u64 {
        self.numbering().next()
    }

    /// Number of pictures so far, including those that only probed for the camera.
    pub fn pictures(&self) -> u64 {
        self.numbering().pictures
    }

    /// Counts a picture that is not handed on.
    pub fn probed(&self) {
        self.numbering().pictures += 1;
    }

    fn numbering(&self) -> MutexGuard<'_, Numbering> {
        // Nothing panics while it holds this lock, and the state is valid at every point.
        self.numbering
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes something to the sink, unless the run is to end.
    fn pass(&self, to: impl FnOnce(&dyn Sink)) {
        publishing(|| {
            let _gate = self.gate();
            if !self.demand.stopping() {
                to(&*self.sink);
            }
        });
    }

    /// Hands on a frame and returns its seq. `captured_us` is Unix time in µs.
    pub fn frame(&self, captured_us: u64, image: Image) -> u64 {
        let seq = self.numbering().own();
        let frame = RawFrame {
            seq,
            captured_us,
            turn: self.turn(),
            image,
        };
        self.pass(|sink| sink.frame(frame));
        seq
    }

    /// Hands on a whole JPEG that arrived now, and returns its seq. A stamp that it has is kept: capture time and
    /// camera are those of the pistreamer that captured it, and so is the seq while it rises. After a restart over
    /// there the seq goes on from here instead, because frames are only ever seen in order; the rest of the stamp
    /// stays. The frame that was handed on last is none of its own: it came once more with a new connection, or was
    /// fetched twice, and only fills a gap.
    ///
    /// # Errors
    /// Where the stamp cannot be replaced because the JPEG's segments cannot be walked.
    pub fn arrived(&self, picture: Whole) -> Result<u64, JpegError> {
        let Some(stamp) = Stamp::read(picture.jpeg()) else {
            return Ok(self.frame(crate::util::clock::now_us(), Image::Jpeg(picture)));
        };
        publishing(|| self.keep(picture, stamp))
    }

    fn keep(&self, mut picture: Whole, stamp: Stamp) -> Result<u64, JpegError> {
        let captured_us = stamp.captured_us;
        let _gate = self.gate();
        if self.demand.stopping() {
            // The next run's frames are not numbered by it.
            return Ok(stamp.seq);
        }
        // A frame that is not shown any more would come too late under its old number.
        let forgets = self.sink.forgets();
        let kept = self.numbering().keep(stamp.seq, captured_us, forgets);
        let (Kept::New(seq) | Kept::Again(seq)) = kept;
        if seq != stamp.seq {
            picture = picture.with(&Stamp { seq, ..stamp })?;
        }
        let frame = RawFrame {
            seq,
            captured_us,
            turn: self.turn(),
            image: Image::Stamped(picture),
        };
        match kept {
            Kept::New(_) => self.sink.frame(frame),
            Kept::Again(_) => self.sink.again(frame),
        }
        Ok(seq)
    }

    fn report(&self, report: Report<'_>) {
        self.pass(|sink| sink.report(report));
    }

    /// Reports the controls with their present values. Call it at the start of a run, before [`Self::commands`], and after each
    /// change. It is the answer to all values that were taken: they have been applied, and what the camera made of them is what
    /// is reported, but for those that are marked as pending.
    pub fn controls(&self, controls: &[Control]) {
        self.pass(|sink| {
            sink.report(Report::Controls(controls));
            self.commands.answered(controls);
        });
    }

    /// The same where not all values have been applied that were taken.
    pub(super) fn controls_meanwhile(&self, controls: &[Control]) {
        self.report(Report::Controls(controls));
    }

    /// Reports values of controls that changed by themselves: those that are measured, and those that something automatic
    /// chooses. Call it four times a second at most.
    pub fn readings(&self, values: &ControlValues) {
        if !values.is_empty() {
            self.report(Report::Readings(values));
        }
    }

    /// Notes which device is open, by what is the same wherever it is plugged in: [`Self::commands`] gives what was set on it.
    /// Where a source doesn't say it, it is always the same one.
    pub fn opened_device(&self, device: &str) {
        self.pass(|sink| {
            let _judging = self.commands.judging();
            if self.commands.opened(device) {
                // What another one had is not to be taken for its own.
                sink.report(Report::Controls(&[]));
            }
        });
    }

    /// Has [`Self::commands`] give everything that was set once more: a device that is opened again has forgotten it.
    pub(super) fn command_anew(&self) {
        self.commands.begin_anew();
    }

    /// Has [`Self::commands`] give everything that was set once more, for a device that forgets it while it starts.
    pub(super) fn repeat_commands(&self) {
        self.commands.repeat();
    }

    /// Completes once [`Self::commands`] has some. Cancel-safe.
    pub(super) async fn wait_commands(&self) {
        self.commands.wait().await;
    }

    /// Notes that what is set is kept by another server: it is handed on once, and not set again by this one.
    pub(super) fn keeps_elsewhere(&self) {
        self.pass(|_| self.commands.are_kept_elsewhere(true));
    }

    /// Notes that the server that keeps what is set can be told.
    pub(super) fn reaches_keeper(&self) {
        self.pass(|_| self.commands.reaches_keeper(true));
    }

    /// Notes that it cannot be told any more.
    pub(super) fn leaves_keeper(&self) {
        self.pass(|_| self.commands.reaches_keeper(false));
    }

    /// Takes what the server that keeps what is set is to be told, in place of [`Self::commands`].
    pub(super) fn orders(&self) -> Orders {
        let _gate = self.gate();
        // From then on they are meant for the next run.
        if self.demand.stopping() {
            return Orders::default();
        }
        self.commands.take_orders()
    }

    /// Notes what that server refused of what it was told last, and why. Call it before [`Self::controls`].
    pub(super) fn refused(&self, refused: BTreeMap<String, String>) {
        self.pass(|_| self.commands.refused(refused));
    }

    /// Whether [`Self::commands`] has any. Cheap.
    pub(super) fn has_commands(&self) -> bool {
        self.commands.are_waiting()
    }

    /// Takes the values that were set since the last call; a pressed button has 1. Cheap if there are none.
    pub fn commands(&self) -> ControlValues {
        if !self.commands.are_waiting() {
            return ControlValues::new();
        }
        let _gate = self.gate();
        // From then on they are meant for the next run.
        if self.demand.stopping() {
            return ControlValues::new();
        }
        self.commands.take()
    }

    /// Tells the size of the stills that the device takes, before they are turned; `None` where it takes none that are larger
    /// than its pictures.
    pub(crate) fn takes_stills(&self, size: Option<(u32, u32)>) {
        let size = size.map(|size| self.turn().displayed(size));
        self.pass(|_| self.stills.offer(size));
    }

    /// Tells which sizes the device has, before they are turned.
    pub(crate) fn has_sizes(&self, sizes: Vec<(u32, u32)>) {
        self.pass(|_| self.sizes.offer(sizes));
    }

    /// Whether [`Self::still`] has a request. Cheap.
    pub(super) fn has_still(&self) -> bool {
        self.stills.is_asked()
    }

    /// Takes the request for a still. Where there is one, viewers are told that the stream stops for it, until [`Self::open`]: the
    /// source calls that again, and then answers.
    pub(crate) fn still(&self) -> Option<Request> {
        if !self.has_still() || self.demand.stopping() {
            return None;
        }
        let request = Request::new(self.stills.take()?);
        self.starting(Cause::TakingStill);
        Some(request)
    }

    /// A picture that is no frame of the stream. Viewers see a gap in `seq`. `turn` is how it is still to be turned.
    pub(crate) fn beside_stream(
        &self,
        captured_us: u64,
        image: Image,
        turn: Option<Orientation>,
    ) -> RawFrame {
        RawFrame {
            seq: self.numbering().own(),
            captured_us,
            turn: turn.unwrap_or_else(|| self.turn()),
            image,
        }
    }

    /// Reports that the device is open and delivers in this mode, before its pictures are turned.
    pub fn open(&self, mode: Mode) {
        let (width, height) = self.turn().displayed((mode.width, mode.height));
        self.report(Report::Open(&Mode {
            width,
            height,
            ..mode
        }));
    }

    /// Reports that the device has stopped delivering.
    pub fn lost(&self, reason: impl Into<Reason>) {
        self.report(Report::Lost(&reason.into()));
    }

    /// Reports that the device is being opened at the server that captures the pictures.
    pub fn starting(&self, reason: impl Into<Reason>) {
        self.report(Report::Starting(&reason.into()));
    }

    /// Reports the camera's name, as the server that captures the pictures tells it. Until then it is that of
    /// [`super::Source::camera`].
    pub fn named(&self, name: &str) {
        self.report(Report::Named(&text::plain(name)));
    }

    /// Reports whether the pictures from here on are a test pattern, as the server that captures them tells it. Until then
    /// it is as [`super::Source::camera`] says.
    pub fn test_pattern(&self, made_up: bool) {
        self.report(Report::TestPattern(made_up));
    }

    /// Reports a broken picture that was dropped. It counts as produced: viewers see a gap in `seq`.
    pub fn broken(&self, reason: &str) {
        self.numbering().skip(1);
        self.report(Report::Broken(reason));
    }

    /// Counts frames that the camera took and that nothing here has got: viewers see a gap in `seq`.
    pub fn skipped(&self, frames: u32) {
        self.numbering().skip(frames.into());
    }

    /// The camera's demand, to wait on.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    /// Tells that a report has come, and takes its time with it.
    struct Slow(Sender<()>, Mutex<Receiver<()>>);

    impl Sink for Slow {
        fn frame(&self, _: RawFrame) {}
        fn again(&self, _: RawFrame) {}
        fn report(&self, _: Report<'_>) {
            self.0.send(()).unwrap();
            self.1.lock().unwrap().recv().unwrap();
        }
    }

    #[test]
    fn no_report_of_a_run_comes_while_the_next_one_is_on() {
        let (came, coming) = channel();
        let (go_on, goes_on) = channel();
        let port = Port::new(Arc::new(Slow(came, Mutex::new(goes_on))), Demand::default());
        let run = port.for_run();
        let (next, is_next) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| run.lost("unplugged"));
            coming.recv().unwrap();
            run.demand().stop();
            scope.spawn(|| {
                port.for_run();
                next.send(()).unwrap();
            });
            // Where the next run waits for it, no time is too long.
            assert!(is_next.recv_timeout(Duration::from_millis(200)).is_err());
            go_on.send(()).unwrap();
            is_next.recv().unwrap();
            run.lost("still unplugged");
        });
        assert!(coming.try_recv().is_err());
    }
}
