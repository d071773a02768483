//! What drives a camera. Each module has one part of it.

mod clock;
mod controls;
mod event;
mod format;
mod health;
mod list;
mod manager;
mod rate;
mod request;
mod setup;
mod stream;

pub use event::Home;
pub use list::{available, list};
pub use manager::Lease;

use crate::{Buffer, Config, Filled, Mode, Picture, SourceError, Still, find};
use pistreamer_protocol::jpeg::Orientation;
use pistreamer_protocol::message::{Control, ControlValues};
use setup::Use;
use std::time::Duration;
use stream::{End, Running};

/// Who a running camera works for.
pub trait Owner {
    /// Notes that a call of the device's driver begins, until what is returned is dropped. Such a call may never come back.
    fn calls_driver(&self) -> impl Sized;

    /// Whether the camera is to stop. It is asked at least ten times a second, but for while frames are waited for that are
    /// not wanted.
    fn stopping(&self) -> bool;

    /// Whether frames are wanted.
    fn wanted(&self) -> bool;

    /// Blocks until frames are wanted, the camera is to stop, or the time is over.
    fn wait_wanted(&self, timeout: Duration);

    /// Takes the values that were set since the last call. Cheap if there are none.
    fn commands(&self) -> ControlValues;

    /// The controls have these values, from the start and after each change.
    fn controls(&self, controls: &[Control]);

    /// Controls have changed to these values by themselves.
    fn readings(&self, values: &ControlValues);

    /// The camera is open.
    ///
    /// # Errors
    /// Where the owner cannot use its buffers.
    fn open(&self, opened: Opened) -> Result<(), SourceError>;

    /// The camera delivers in another mode from here on.
    fn mode(&self, mode: &Mode);

    /// A picture is there. Returns true if the owner keeps its buffer until it sends it home.
    fn filled(&self, filled: Filled) -> bool;

    /// A picture was dropped, with the reason.
    fn broken(&self, reason: &str);

    /// Whether a still is to be taken: the stream stops for it then, [`Self::still`] follows, and [`Self::open`] once the camera
    /// streams again. Cheap if none is.
    fn begins_still(&self) -> bool;

    /// The still that was asked for, or why there is none.
    fn still(&self, still: Result<Still, SourceError>);
}

/// What an open camera delivers.
#[derive(Debug)]
pub struct Opened {
    /// The camera's id.
    pub id: String,
    /// What viewers are told.
    pub mode: Mode,
    /// How its pictures lie in memory.
    pub picture: Picture,
    /// How they are still to be turned, where the camera cannot do all of it.
    pub turn: Orientation,
    /// Where they are.
    pub buffers: Vec<Buffer>,
    /// Where buffers that were kept go back to.
    pub home: Home,
    /// Width and height of the stills that the camera takes, where they are larger than its pictures.
    pub still: Option<(u32, u32)>,
    /// Widths and heights that the camera has.
    pub sizes: Vec<(u32, u32)>,
}

/// Runs the camera with that id or index in [`list`], or the first one, until its owner has it stop.
///
/// # Errors
/// When the camera cannot be opened, is unplugged or silent.
pub fn capture(
    config: &Config,
    which: Option<&str>,
    owner: &impl Owner,
) -> Result<(), SourceError> {
    let mut set = ControlValues::new();
    let mut open = None;
    // What the camera's algorithms have learned goes on while it is opened anew.
    let _lease = Lease::new()?;
    loop {
        let starting = owner.calls_driver();
        let lease = Lease::new()?;
        let mut ids: Vec<_> = lease
            .cameras()
            .map(|camera| camera.id().to_owned())
            .collect();
        let which = open.as_deref().or(which);
        let id = ids.swap_remove(find(&ids, which)?);
        let (mut running, opened) = Running::start(lease, &id, config, Use::Stream)?;
        running.set(&set);
        drop(starting);
        let result = owner.open(opened).and_then(|()| {
            owner.controls(&running.controls());
            running.run(owner)
        });
        let stopping = owner.calls_driver();
        set = running.were_set();
        running.stop();
        drop(stopping);
        match result? {
            End::Stopped => return Ok(()),
            End::Behind => tracing::info!(
                "the camera is opened anew, because it would finish its long exposures first"
            ),
            End::ForStill => owner.still(take_still(&id, config, &set, owner)),
        }
        open = Some(id);
    }
}

/// Takes one picture in the camera's full size, with what was set.
fn take_still(
    id: &str,
    config: &Config,
    set: &ControlValues,
    owner: &impl Owner,
) -> Result<Still, SourceError> {
    let starting = owner.calls_driver();
    let (mut running, mut opened) = Running::start(Lease::new()?, id, config, Use::Still)?;
    running.set(set);
    drop(starting);
    let taken = running.still(owner);
    let _stopping = owner.calls_driver();
    running.stop();
    let filled = taken?;
    Ok(Still {
        picture: opened.picture,
        turn: opened.turn,
        buffer: opened.buffers.swap_remove(filled.number),
        filled: Filled {
            number: 0,
            ..filled
        },
    })
}
