//! A kernel that says what its own drivers here never say: this program's `ioctl`, which stands before the C library's, tells
//! of an error that a test has asked for in place of calling the kernel, or afterwards that nothing was written.

#![expect(unsafe_code, reason = "it takes the place of a function of C")]

use crate::support::TestViewer;
use crate::{frames, serve, vivid};
use std::ffi::{c_int, c_ulong, c_void};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How often a call fails from now on.
#[derive(Default)]
struct Failing(AtomicU32);

impl Failing {
    fn next_is_it(&self) -> bool {
        let fewer = |left: u32| left.checked_sub(1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)
            .is_ok()
    }

    fn times(&self, times: u32) {
        self.0.store(times, Ordering::Relaxed);
    }
}

static NO_ROOM: Failing = Failing(AtomicU32::new(0));
static BUSY: Failing = Failing(AtomicU32::new(0));
static EMPTY: Failing = Failing(AtomicU32::new(0));

/// Whether cameras offer UYVY and nothing else, as some grabbers of HDMI do.
static UYVY_ALONE: AtomicBool = AtomicBool::new(false);

/// The control of which nothing is told but an error, as of a webcam whose firmware lies; 0 is none.
static BROKEN: AtomicU32 = AtomicU32::new(0);

/// Has nothing told of that control but an error, from now on.
pub(crate) fn break_control(id: u32) {
    BROKEN.store(id, Ordering::Relaxed);
}

/// What controls were set to, in order, and how often the device was asked about one.
static SET: Mutex<Vec<(u32, i32)>> = Mutex::new(Vec::new());
static ASKED: AtomicU32 = AtomicU32::new(0);

/// The controls that were set since the last call, each to its value, and how often the device was asked about one.
pub(crate) fn were_set() -> (Vec<(u32, i32)>, u32) {
    let set = std::mem::take(&mut *SET.lock().unwrap());
    (set, ASKED.swap(0, Ordering::Relaxed))
}

/// Answers a question about a format, of which there is one alone. `None` where the kernel answers.
fn uyvy_alone(argument: *mut c_void) -> Option<c_int> {
    /// Words of a v4l2_fmtdesc before its pixel format: index, type, flags and 32 bytes of text.
    const BEFORE: usize = 11;
    if !UYVY_ALONE.load(Ordering::Relaxed) {
        return None;
    }
    let words = argument.cast::<u32>();
    // SAFETY: the argument is a v4l2_fmtdesc.
    unsafe {
        if *words > 0 {
            *libc::__errno_location() = libc::EINVAL;
            return Some(-1);
        }
        *words.add(BEFORE) = u32::from_le_bytes(*b"UYVY");
    }
    Some(0)
}

/// `_IOC_NR` of `VIDIOC_ENUM_FMT`, `_S_FMT`, `_DQBUF` and `_STREAMON`, whose type is `V`.
const ENUM_FMT: c_ulong = 2;
const S_FMT: c_ulong = 5;
const DQBUF: c_ulong = 17;
const STREAMON: c_ulong = 18;
const S_CTRL: c_ulong = 28;
const QUERY_EXT_CTRL: c_ulong = 103;

/// Whether a question about a control is about the broken one, or would be answered with it.
fn is_about_broken(argument: *mut c_void) -> bool {
    /// `V4L2_CTRL_FLAG_NEXT_CTRL`.
    const NEXT: u32 = 0x8000_0000;
    let broken = BROKEN.load(Ordering::Relaxed);
    // SAFETY: the argument is a v4l2_query_ext_ctrl, whose first word that is.
    let asked = unsafe { *argument.cast::<u32>() };
    // The one before it is the brightness.
    broken != 0 && (asked == broken || asked == NEXT | (broken - 1))
}

#[unsafe(no_mangle)]
extern "C" fn ioctl(fd: c_int, request: c_ulong, argument: *mut c_void) -> c_int {
    let number = (request >> 8 & 0xff == c_ulong::from(b'V')).then_some(request & 0xff);
    match number {
        Some(S_CTRL) => {
            // SAFETY: the argument is a v4l2_control: an id, and a value.
            let control = unsafe { *argument.cast::<(u32, i32)>() };
            SET.lock().unwrap().push(control);
        }
        Some(QUERY_EXT_CTRL) => drop(ASKED.fetch_add(1, Ordering::Relaxed)),
        _ => {}
    }
    let error = match number {
        Some(STREAMON) if NO_ROOM.next_is_it() => Some(libc::ENOSPC),
        Some(QUERY_EXT_CTRL) if is_about_broken(argument) => Some(libc::EIO),
        Some(S_FMT) if BUSY.next_is_it() => Some(libc::EBUSY),
        _ => None,
    };
    if number == Some(ENUM_FMT)
        && let Some(result) = uyvy_alone(argument)
    {
        return result;
    }
    if let Some(error) = error {
        // SAFETY: the place is the thread's own.
        unsafe { *libc::__errno_location() = error };
        return -1;
    }
    // SAFETY: the caller's arguments, as they are.
    let result = unsafe { libc::syscall(libc::SYS_ioctl, fd, request, argument) } as c_int;
    if number == Some(DQBUF) && result == 0 && EMPTY.next_is_it() {
        const BYTES_USED: usize = 2;
        // SAFETY: the argument is a v4l2_buffer, whose third word that is.
        unsafe { *argument.cast::<u32>().add(BYTES_USED) = 0 };
    }
    result
}

/// What the camera has counted as broken.
async fn broken(server: &crate::support::TestServer) -> u64 {
    let status = server.json("/api/v1/status").await;
    status["cameras"][0]["broken"].as_u64().unwrap()
}

#[tokio::test]
async fn where_the_bus_has_no_room_another_mode_is_taken_and_where_for_none_it_is_told() {
    vivid::plugged_in();
    NO_ROOM.times(1);
    let server = serve(&["v4l2:/dev/video0"], "640x360", 15.0);
    let mut viewer = TestViewer::connect(&server).await;
    frames(&mut viewer, 3).await;
    server.stop().await;

    NO_ROOM.times(u32::MAX);
    let server = serve(&["v4l2:/dev/video0"], "640x360", 15.0);
    server
        .camera_is(|camera| {
            let reason = camera["reason"].as_str().unwrap_or_default();
            reason.contains("no room") && reason.contains("plug it in elsewhere")
        })
        .await;
    NO_ROOM.times(0);
    server.camera_is(|camera| camera["state"] == "live").await;
    server.stop().await;
}

#[tokio::test]
async fn a_camera_that_is_busy_for_a_moment_is_live_and_empty_pictures_are_broken_ones() {
    vivid::plugged_in();
    BUSY.times(2);
    let server = serve(&["v4l2:/dev/video0"], "320x180", 15.0);
    let mut viewer = TestViewer::connect(&server).await;
    let seen = frames(&mut viewer, 3).await;
    assert_eq!(broken(&server).await, 0);
    EMPTY.times(3);
    let after = frames(&mut viewer, 10).await;
    assert_eq!(broken(&server).await, 3);
    let taken = after[9].stamp.seq - seen[2].stamp.seq;
    assert!(taken >= 13, "{taken}: the gap is not counted");
    server.stop().await;
}

#[tokio::test]
async fn a_camera_that_has_uyvy_alone_is_shown_in_its_colours_and_in_each_size() {
    vivid::plugged_in();
    UYVY_ALONE.store(true, Ordering::Relaxed);
    let server = serve(&["v4l2:/dev/video0"], "640x360", 15.0);
    for (path, size) in [("/ws", (640, 360)), ("/ws?width=320", (320, 180))] {
        let mut viewer = TestViewer::connect_with(&server, path, &[]).await.unwrap();
        let seen = frames(&mut viewer, 5).await;
        assert_eq!(vivid::check_bars(&seen[4].jpeg), size);
    }
    server.stop().await;
    UYVY_ALONE.store(false, Ordering::Relaxed);
}
