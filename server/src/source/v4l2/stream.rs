//! One running camera: its buffers go round between the kernel, this thread, and those who hold its pictures.
//!
//! What it is asked for belongs to [`super::modes`].

use super::modes::Offer;
use super::sys::{Device, Taken};
use super::thinning::Thinning;
use crate::source::device::format::Extents;
use crate::source::device::memory::Memory;
use crate::source::device::pictures::Pictures;
use crate::source::stills::Request;
use crate::source::{Config, Image, Mode, Port, SourceError, WEDGED};
use crate::util::clock;
use pistreamer_local_camera::{Filled, Format, Picture};
use pistreamer_protocol::message::Cause;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// Two stay with the camera, one is encoded, and one waits for that.
const BUFFERS: u32 = 5;

/// For a still: one is shown while the other is filled.
const BUFFERS_OF_STILL: u32 = 2;

/// What a camera needs after its first picture for exposure and colours to be those of now.
const SETTLES: Duration = Duration::from_millis(300);

/// No still is waited for longer: a slow camera's second picture has come by then.
const LONGEST_STILL: Duration = Duration::from_secs(15);

/// How often the thread looks whether it is to stop, where nothing else wakes it.
const LOOK: Duration = Duration::from_millis(100);

/// No camera is waited for longer, however slow it says that it is.
const LONGEST: Duration = Duration::from_secs(60);

/// How long stopping waits for pictures that are still being encoded: a descriptor that stays open keeps the node's number
/// from the camera that comes back.
const LAST_PICTURES: Duration = Duration::from_secs(1);

/// Why a camera did not start.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is no room for this mode on its bus; there may be for another.
    NoRoom,
    /// Another program has it.
    Busy(io::Error),
    /// As told.
    Failed(SourceError),
}

/// Why a stream ended that did not fail.
#[derive(Debug)]
pub(super) enum End {
    /// Its run is to end.
    Stopped,
    /// A still is to be taken, in another mode.
    ForStill(Request),
}

/// A running camera. It is stopped when this drops.
pub(super) struct Stream {
    /// Goes first: its memory is mapped.
    pictures: Pictures,
    buffers: Buffers,
    /// What a whole picture has at least, in bytes.
    least: usize,
    pub(super) mode: Mode,
    thinning: Option<Thinning>,
    sequence: Option<u32>,
}

/// The buffers of a device. They are its own again when this drops, whatever failed before.
struct Buffers(Arc<Device>);

impl Drop for Buffers {
    fn drop(&mut self) {
        // Both fail where it was unplugged, and there is nothing to do about it.
        if let Err(error) = self.0.stop() {
            tracing::debug!("stopping the camera: {error}");
        }
        if let Err(error) = self.0.request_buffers(0) {
            tracing::debug!("freeing the camera's buffers: {error}");
        }
        let deadline = Instant::now() + LAST_PICTURES;
        while Arc::strong_count(&self.0) > 1 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Stream {
    /// Starts a camera with that offer of its own.
    ///
    /// # Errors
    /// Where it refuses.
    pub(super) fn start(device: Device, offer: &Offer, wanted: &Config) -> Result<Self, Refusal> {
        Self::start_with(device, offer, wanted, BUFFERS)
    }

    /// The same for one picture.
    ///
    /// # Errors
    /// Where it refuses.
    pub(super) fn start_for_still(
        device: Device,
        offer: &Offer,
        wanted: &Config,
    ) -> Result<Self, Refusal> {
        Self::start_with(device, offer, wanted, BUFFERS_OF_STILL)
    }

    fn start_with(
        device: Device,
        offer: &Offer,
        wanted: &Config,
        buffers: u32,
    ) -> Result<Self, Refusal> {
        let failed = |cause: fn(String) -> Cause| {
            move |error: io::Error| match error.raw_os_error() {
                Some(libc::ENOSPC) => Refusal::NoRoom,
                Some(libc::EBUSY) => Refusal::Busy(error),
                Some(libc::ENODEV) => Refusal::Failed(Cause::Unplugged.into()),
                _ => Refusal::Failed(cause(error.to_string()).into()),
            }
        };
        let set = device
            .set_format(offer.fourcc, offer.size)
            .map_err(failed(|error| Cause::FormatFailed { error }))?;
        if set.pixel_format != offer.fourcc {
            let cause = Cause::OtherFormat {
                offered: offer.fourcc.escape_ascii().to_string(),
                given: set.pixel_format.escape_ascii().to_string(),
            };
            return Err(Refusal::Failed(cause.into()));
        }
        let fps = device.set_rate(offer.fps.unwrap_or(wanted.fps));
        let fps = fps.or(offer.fps).unwrap_or(wanted.fps);
        let picture = Picture {
            width: set.width,
            height: set.height,
            stride: stride(offer.format, set.width, set.stride),
            format: offer.format,
            limited: !set.full_range,
        };
        let count = device
            .request_buffers(buffers)
            .map_err(failed(|error| Cause::AllocatingFailed { error }))?;
        let buffers = Buffers(Arc::new(device));
        let device = &buffers.0;
        let memories: Vec<_> = (0..count as usize)
            .map(|number| {
                let (offset, len) = device.buffer(number)?;
                Memory::of_device(&**device, offset, len)
            })
            .collect::<io::Result<_>>()
            .map_err(failed(|error| Cause::MappingFailed { error }))?;
        let home = Arc::clone(device);
        let pictures = Pictures::new(
            picture,
            memories,
            Arc::new(move |number| {
                // Where it fails the camera has ended, which the thread that takes pictures finds.
                if let Err(error) = home.queue(number) {
                    tracing::debug!(number, "giving the camera a buffer back: {error}");
                }
            }),
        );
        for number in 0..count as usize {
            device
                .queue(number)
                .map_err(failed(|error| Cause::QueuingFailed { error }))?;
        }
        device
            .start()
            .map_err(failed(|error| Cause::StartingFailed { error }))?;
        Ok(Self {
            pictures,
            buffers,
            least: least(&picture),
            mode: Mode {
                width: set.width,
                height: set.height,
                fps: fps.min(wanted.fps),
            },
            thinning: Thinning::new(fps, wanted.fps),
            sequence: None,
        })
    }

    /// Hands on frames until the port's run is to end, or a still is to be taken. Wakes what sets controls whenever something is to
    /// be set.
    ///
    /// # Errors
    /// Where the camera is unplugged, fails, or is silent.
    pub(super) fn run(&mut self, port: &Port, wakes: &SyncSender<()>) -> Result<End, SourceError> {
        let patience = Duration::try_from_secs_f64(3.0 / self.mode.fps).unwrap_or(WEDGED);
        let patience = patience.clamp(WEDGED, LONGEST);
        let mut sign = Instant::now();
        let mut has_begun = false;
        while !port.demand().stopping() {
            if sign.elapsed() > patience {
                let seconds = patience.as_secs();
                return Err(Cause::Silent { seconds }.into());
            }
            if let Some(request) = port.still() {
                return Ok(End::ForStill(request));
            }
            let Some(taken) = self.take(port, wakes)? else {
                continue;
            };
            if self.done(taken, port) {
                sign = Instant::now();
                if !std::mem::replace(&mut has_begun, true) {
                    // Many webcams start with settings of their own.
                    port.repeat_commands();
                }
            }
        }
        Ok(End::Stopped)
    }

    /// One picture that is not handed on, once the camera has had time to settle, and when it was captured.
    ///
    /// # Errors
    /// Where the camera is unplugged, fails, or sends none.
    pub(super) fn still(
        &mut self,
        port: &Port,
        wakes: &SyncSender<()>,
    ) -> Result<(u64, Image), SourceError> {
        let began = Instant::now();
        let mut first = None;
        while began.elapsed() < LONGEST_STILL && !port.demand().stopping() {
            let Some(taken) = self.take(port, wakes)? else {
                continue;
            };
            if self.is_whole(&taken) {
                let since = *first.get_or_insert_with(|| {
                    port.repeat_commands();
                    Instant::now()
                });
                if since.elapsed() >= SETTLES {
                    let filled = filled(&taken);
                    match self.pictures.copy(filled) {
                        Ok(image) => return Ok((filled.captured_us, image)),
                        Err(problem) => tracing::debug!(problem, "the next picture is taken"),
                    }
                }
            }
            self.give_back(&taken, port);
        }
        let seconds = LONGEST_STILL.as_secs();
        Err(Cause::Silent { seconds }.into())
    }

    /// Waits a little for a buffer that the camera has filled.
    fn take(&self, port: &Port, wakes: &SyncSender<()>) -> Result<Option<Taken>, SourceError> {
        let device = &self.buffers.0;
        if port.has_commands() {
            // It is awake already, or there is nothing that sets.
            let _ = wakes.try_send(());
        }
        if !is_ready(device)? {
            return Ok(None);
        }
        let call = port.calls_driver();
        let taken = device.take();
        drop(call);
        let error = match taken {
            Ok(taken) => return Ok(Some(taken)),
            Err(error) => error,
        };
        match error.raw_os_error() {
            // It was ready, and yet there is nothing: not so fast.
            Some(libc::EAGAIN) => {
                port.demand().sleep(Duration::from_millis(10));
                Ok(None)
            }
            Some(libc::ENODEV) => Err(Cause::Unplugged.into()),
            _ => {
                let error = error.to_string();
                Err(Cause::StreamEnded { error }.into())
            }
        }
    }

    fn is_whole(&self, taken: &Taken) -> bool {
        !taken.damaged && taken.used >= self.least
    }

    fn give_back(&self, taken: &Taken, port: &Port) {
        let _call = port.calls_driver();
        if let Err(error) = self.buffers.0.queue(taken.number) {
            tracing::debug!("giving the camera a buffer back: {error}");
        }
    }

    /// A buffer is back from the camera. Returns true if it holds a picture.
    fn done(&mut self, taken: Taken, port: &Port) -> bool {
        let lost = self.sequence.replace(taken.sequence).map_or(0, |before| {
            taken.sequence.wrapping_sub(before).saturating_sub(1)
        });
        // A camera that counts anew, or oddly, has lost none.
        const PLAUSIBLE: u32 = 1000;
        if (1..PLAUSIBLE).contains(&lost) {
            tracing::debug!(lost, "the camera had no buffer for frames");
            // Where frames are left out anyway, these may be some of them.
            if port.demand().wanted() && self.thinning.is_none() {
                port.skipped(lost);
            }
        }
        let is_whole = self.is_whole(&taken);
        let lent = match is_whole {
            true => {
                let too_many = |thinning: &mut Thinning| !thinning.keeps(Instant::now());
                let thinned = self.thinning.as_mut().is_some_and(too_many);
                // Without consumers nothing is copied.
                let wanted = port.demand().wanted();
                if !wanted {
                    port.probed();
                }
                !thinned && wanted && self.pictures.hand_on(filled(&taken), port)
            }
            false => {
                port.broken(&if taken.damaged {
                    "the camera marked the picture as damaged".into()
                } else {
                    format!(
                        "the camera sent {} bytes of a picture of {}",
                        taken.used, self.least
                    )
                });
                false
            }
        };
        if !lent {
            self.give_back(&taken, port);
        }
        is_whole
    }
}

fn filled(taken: &Taken) -> Filled {
    Filled {
        number: taken.number,
        captured_us: captured_us(taken.timestamp_us),
        used: Some(taken.used),
    }
}

/// Waits a little for a picture, or for the end of the stream.
fn is_ready(device: &Device) -> Result<bool, SourceError> {
    let wait = Timespec::try_from(LOOK).expect("it is short");
    let mut ready = [PollFd::new(device, PollFlags::IN)];
    match poll(&mut ready, Some(&wait)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => {
            let error = error.to_string();
            Err(Cause::WaitingFailed { error }.into())
        }
    }
}

/// Bytes from one line to the next, where the device may not have said.
fn stride(format: Format, width: u32, told: u32) -> usize {
    let of_samples = match format {
        Format::Yuyv | Format::Uyvy => 2 * width,
        Format::Yuv420 | Format::Nv12 | Format::Grey | Format::Mjpeg => width,
    };
    told.max(of_samples) as usize
}

/// Bytes of a whole picture: up to its last sample, or enough that it can be a JPEG at all.
fn least(picture: &Picture) -> usize {
    let planes: Vec<_> = picture.planes().collect();
    let Some((last, before)) = planes.split_last() else {
        return 4;
    };
    let before: usize = before.iter().map(|plane| plane.stride * plane.lines).sum();
    before + last.stride * (last.lines - 1) + last.row
}

/// Unix time in µs of a moment of CLOCK_MONOTONIC, where that is a plausible one; else now.
fn captured_us(timestamp_us: Option<u64>) -> u64 {
    // Both clocks are read one right after the other, for each frame: a step of the wall clock shows in the very next stamp. The wall
    // clock comes first: whoever is held up in between makes a picture older, and not younger.
    let now_us = clock::now_us();
    let monotonic = clock_gettime(ClockId::Monotonic);
    let monotonic_us = monotonic.tv_sec as u64 * 1_000_000 + monotonic.tv_nsec as u64 / 1000;
    now_us.saturating_sub(age_us(timestamp_us, monotonic_us))
}

fn age_us(timestamp_us: Option<u64>, now_us: u64) -> u64 {
    let age = timestamp_us.and_then(|timestamp| now_us.checked_sub(timestamp));
    age.filter(|age| u128::from(*age) < WEDGED.as_micros())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plausible_timestamps_are_believed() {
        assert_eq!(age_us(Some(1_000_000), 1_020_000), 20_000);
        assert_eq!(age_us(None, 1_020_000), 0);
        assert_eq!(age_us(Some(1_020_001), 1_020_000), 0);
        assert_eq!(age_us(Some(1), 10_000_000), 0);
    }

    #[test]
    fn a_whole_picture_ends_with_its_last_sample() {
        let picture = |format, stride| Picture {
            width: 64,
            height: 49,
            stride,
            format,
            limited: true,
        };
        assert_eq!(least(&picture(Format::Yuyv, 128)), 128 * 49);
        assert_eq!(least(&picture(Format::Yuyv, 160)), 160 * 48 + 128);
        assert_eq!(least(&picture(Format::Nv12, 64)), 64 * 49 + 64 * 25);
        assert_eq!(least(&picture(Format::Grey, 64)), 64 * 49);
        assert_eq!(least(&picture(Format::Mjpeg, 0)), 4);
        assert_eq!(stride(Format::Yuyv, 64, 0), 128);
        assert_eq!(stride(Format::Uyvy, 64, 0), 128);
        assert_eq!(stride(Format::Nv12, 64, 96), 96);
    }
}
