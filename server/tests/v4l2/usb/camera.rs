//! A USB camera in this program: the kernel is handed one end of a socket, on which it speaks USB/IP with it (the kernel's
//! Documentation/usb/usbip_protocol.rst). It is a USB Video Class camera (UVC 1.1) that sends Motion-JPEG through a bulk endpoint.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What it is and sends.
#[derive(Clone)]
pub(super) struct Model {
    /// Its serial number.
    pub serial: String,
    /// One after the other at 1280x720.
    pub jpegs: Vec<Vec<u8>>,
    /// At 640x480.
    pub small: Vec<u8>,
}

/// A camera that is plugged in until this drops.
pub(super) struct UsbCamera {
    socket: UnixStream,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    model: Model,
    socket: Mutex<UnixStream>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What the host asked for last: `uvc_streaming_control`.
    probe: Vec<u8>,
    commit: Vec<u8>,
    streaming: bool,
    gone: bool,
    /// Transfers that wait for data: number and room.
    waiting: VecDeque<(u32, usize)>,
}

const SIZES: [(u16, u16); 2] = [(1280, 720), (640, 480)];
/// 30 fps, in units of 100 ns.
const INTERVAL: u32 = 333_333;
/// Bytes of one payload, with its header.
const PAYLOAD: usize = 16_384;

impl UsbCamera {
    /// Plugs it in at that port of the virtual hub.
    pub(super) fn plug_in(port: u32, model: Model) -> Self {
        let (ours, kernels) = UnixStream::pair().unwrap();
        // Port, socket, device number, and the speed of USB 2.
        let attach = format!("{port} {} {} 3", kernels.as_raw_fd(), port + 1);
        let mut attached = Err(std::io::ErrorKind::Other.into());
        // The port is free a moment after what was in it is gone.
        for _ in 0..100 {
            attached = std::fs::write("/sys/devices/platform/vhci_hcd.0/attach", &attach);
            if attached.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        attached.unwrap();
        let shared = Arc::new(Shared {
            model,
            socket: Mutex::new(ours.try_clone().unwrap()),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let spawn = |run: fn(&Shared, UnixStream)| {
            let (shared, socket) = (Arc::clone(&shared), ours.try_clone().unwrap());
            std::thread::spawn(move || run(&shared, socket))
        };
        Self {
            threads: vec![spawn(Shared::answer), spawn(|shared, _| shared.stream())],
            socket: ours,
            shared,
        }
    }
}

impl Drop for UsbCamera {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        self.shared.state.lock().unwrap().gone = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A control transfer: its eight bytes (USB 2.0, 9.3), and the data of one that writes.
struct Setup<'a> {
    kind: u8,
    request: u8,
    value: u16,
    index: u16,
    length: usize,
    data: &'a [u8],
}

impl Shared {
    /// Answers what the kernel sends until it or the camera is gone.
    fn answer(&self, mut socket: UnixStream) {
        let mut head = [0; 48];
        while socket.read_exact(&mut head).is_ok() {
            let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
            let (command, number, is_in, endpoint) = (word(0), word(4), word(12) == 1, word(16));
            match command {
                1 => {
                    let length = word(24) as usize;
                    let mut data = vec![0; if is_in { 0 } else { length }];
                    if socket.read_exact(&mut data).is_err() {
                        break;
                    }
                    if endpoint != 0 {
                        let mut state = self.state.lock().unwrap();
                        state.waiting.push_back((number, length));
                        self.changed.notify_all();
                        continue;
                    }
                    let setup = Setup {
                        kind: head[40],
                        request: head[41],
                        value: u16::from_le_bytes([head[42], head[43]]),
                        index: u16::from_le_bytes([head[44], head[45]]),
                        length: u16::from_le_bytes([head[46], head[47]]).into(),
                        data: &data,
                    };
                    match self.control(&setup) {
                        Some(mut answer) => {
                            answer.truncate(setup.length);
                            let (sent, wrote) = match is_in {
                                true => (answer.as_slice(), answer.len()),
                                false => (&[][..], data.len()),
                            };
                            self.complete(number, 0, sent, wrote);
                        }
                        // EPIPE: the endpoint stalls.
                        None => self.complete(number, -32, &[], 0),
                    }
                }
                _ => {
                    let unlinked = word(20);
                    let mut state = self.state.lock().unwrap();
                    let before = state.waiting.len();
                    state.waiting.retain(|(number, _)| *number != unlinked);
                    let was_waiting = state.waiting.len() < before;
                    drop(state);
                    // ECONNRESET where it was taken back.
                    let status: i32 = if was_waiting { -104 } else { 0 };
                    let mut answer = [4, number, 0, 0, 0].map(u32::to_be_bytes).concat();
                    answer.extend(status.to_be_bytes());
                    answer.extend([0; 24]);
                    let _ = self.socket.lock().unwrap().write_all(&answer);
                }
            }
        }
        self.state.lock().unwrap().gone = true;
        self.changed.notify_all();
    }

    /// Completes a transfer.
    fn complete(&self, number: u32, status: i32, data: &[u8], wrote: usize) {
        let mut answer = [3, number, 0, 0, 0].map(u32::to_be_bytes).concat();
        answer.extend(status.to_be_bytes());
        answer.extend((wrote as u32).to_be_bytes());
        answer.extend([0; 20]);
        answer.extend(data);
        let _ = self.socket.lock().unwrap().write_all(&answer);
    }

    /// The answer to a control transfer; `None` where there is no such thing.
    fn control(&self, setup: &Setup<'_>) -> Option<Vec<u8>> {
        const STANDARD: u8 = 0x80;
        const GET_STATUS: u8 = 0;
        const GET_DESCRIPTOR: u8 = 6;
        const SET_INTERFACE: u8 = 11;
        match (setup.kind, setup.request) {
            (STANDARD, GET_DESCRIPTOR) => self.descriptor(setup.value),
            (STANDARD, GET_STATUS) => Some(vec![0, 0]),
            // To the device and to an interface.
            (0 | 1, request) => {
                if request == SET_INTERFACE {
                    self.state.lock().unwrap().streaming = false;
                }
                Some(Vec::new())
            }
            // uvcvideo stops a bulk stream by clearing the endpoint.
            (2, 1) => {
                self.state.lock().unwrap().streaming = false;
                Some(Vec::new())
            }
            _ if setup.index & 0xff == 1 => self.streaming_interface(setup),
            // It has no controls.
            _ => None,
        }
    }

    /// Which picture and rate, asked for and agreed upon (UVC 1.1, 4.3.1.1).
    fn streaming_interface(&self, setup: &Setup<'_>) -> Option<Vec<u8>> {
        const SET_CUR: u8 = 0x01;
        const GET_CUR: u8 = 0x81;
        const GET_MIN: u8 = 0x82;
        const GET_MAX: u8 = 0x83;
        const GET_LEN: u8 = 0x85;
        const GET_INFO: u8 = 0x86;
        const GET_DEF: u8 = 0x87;
        const COMMIT: u16 = 2;
        let mut state = self.state.lock().unwrap();
        match setup.request {
            SET_CUR => {
                let frame = setup.data.get(3).copied().unwrap_or(1).clamp(1, 2);
                state.probe = streaming_control(frame);
                if setup.value >> 8 == COMMIT {
                    state.commit = state.probe.clone();
                    state.streaming = true;
                    self.changed.notify_all();
                }
                Some(Vec::new())
            }
            GET_CUR if !state.probe.is_empty() => Some(state.probe.clone()),
            GET_CUR | GET_MIN | GET_MAX | GET_DEF => Some(streaming_control(1)),
            GET_LEN => Some(34_u16.to_le_bytes().to_vec()),
            GET_INFO => Some(vec![3]),
            _ => None,
        }
    }

    fn descriptor(&self, value: u16) -> Option<Vec<u8>> {
        let text = |text: &str| {
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            [&[units.len() as u8 + 2, 3], &units[..]].concat()
        };
        match value.to_be_bytes() {
            [1, _] => Some(device()),
            [2, _] => Some(configuration()),
            [3, 0] => Some(vec![4, 3, 9, 4]),
            [3, 1] => Some(text("pistreamer lab")),
            [3, 2] => Some(text("Lab camera")),
            [3, 3] => Some(text(&self.model.serial)),
            _ => None,
        }
    }

    /// Sends pictures while the host wants some.
    fn stream(&self) {
        let mut frame_id = 0;
        let mut due = Instant::now();
        for count in 0.. {
            let size = {
                let mut state = self.state.lock().unwrap();
                while !state.streaming && !state.gone {
                    state = self.changed.wait(state).unwrap();
                    due = Instant::now();
                }
                if state.gone {
                    return;
                }
                state.commit[3]
            };
            due += Duration::from_nanos(100) * INTERVAL;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let model = &self.model;
            let jpeg = match size {
                1 => &model.jpegs[count % model.jpegs.len()],
                _ => &model.small,
            };
            frame_id ^= 1;
            for (at, piece) in jpeg.chunks(PAYLOAD - 2).enumerate() {
                const END_OF_HEADER: u8 = 0x80;
                const END_OF_FRAME: u8 = 2;
                let is_last = (at + 1) * (PAYLOAD - 2) >= jpeg.len();
                let flags = END_OF_HEADER | frame_id | if is_last { END_OF_FRAME } else { 0 };
                let Some((number, room)) = self.next_transfer() else {
                    break;
                };
                let payload = [&[2, flags], piece].concat();
                assert!(payload.len() <= room, "the host has no room for a payload");
                self.complete(number, 0, &payload, payload.len());
            }
        }
    }

    /// A transfer that waits for data; `None` once none is wanted.
    fn next_transfer(&self) -> Option<(u32, usize)> {
        let mut state = self.state.lock().unwrap();
        loop {
            if state.gone || !state.streaming {
                return None;
            }
            if let Some(transfer) = state.waiting.pop_front() {
                return Some(transfer);
            }
            state = self.changed.wait(state).unwrap();
        }
    }
}

/// `uvc_streaming_control` of Motion-JPEG in that size.
fn streaming_control(frame: u8) -> Vec<u8> {
    let (width, height) = SIZES[usize::from(frame) - 1];
    let mut control = vec![1, 0, 1, frame];
    control.extend(INTERVAL.to_le_bytes());
    control.extend([0; 10]);
    control.extend((u32::from(width) * u32::from(height) * 2).to_le_bytes());
    control.extend((PAYLOAD as u32).to_le_bytes());
    control.extend(48_000_000_u32.to_le_bytes());
    control.extend([0; 4]);
    control
}

fn device() -> Vec<u8> {
    let mut device = vec![18, 1, 0, 2, 0xef, 2, 1, 64];
    for number in [0x1d6b_u16, 0x0104, 0x0100] {
        device.extend(number.to_le_bytes());
    }
    // Texts: maker, product, serial number; and one configuration.
    device.extend([1, 2, 3, 1]);
    device
}

/// The configuration: a control interface with a sensor, and a streaming interface with Motion-JPEG (UVC 1.1, 3.7 and 3.9).
fn configuration() -> Vec<u8> {
    let terminals: [&[u8]; 3] = [
        // Camera terminal 1, without controls.
        &[
            18, 0x24, 2, 1, 0x01, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0,
        ],
        // Processing unit 2, without controls.
        &[12, 0x24, 5, 2, 1, 0, 0, 2, 0, 0, 0, 0],
        // Output terminal 3: streaming.
        &[9, 0x24, 3, 3, 0x01, 0x01, 0, 2, 0],
    ];
    let terminals = terminals.concat();
    let mut control = vec![13, 0x24, 1, 0x10, 0x01];
    control.extend((13 + terminals.len() as u16).to_le_bytes());
    control.extend(48_000_000_u32.to_le_bytes());
    control.extend([1, 1]);
    control.extend(terminals);

    // Motion-JPEG with two sizes, each at one rate; and the colours of BT.601.
    let mut formats = vec![11, 0x24, 6, 1, 2, 1, 1, 0, 0, 0, 0];
    for (number, (width, height)) in SIZES.into_iter().enumerate() {
        formats.extend([30, 0x24, 7, number as u8 + 1, 0]);
        formats.extend(width.to_le_bytes());
        formats.extend(height.to_le_bytes());
        let pixels = u32::from(width) * u32::from(height);
        for value in [pixels * 8, pixels * 240, pixels * 2, INTERVAL] {
            formats.extend(value.to_le_bytes());
        }
        formats.push(1);
        formats.extend(INTERVAL.to_le_bytes());
    }
    formats.extend([6, 0x24, 0x0d, 1, 1, 4]);
    let mut streaming = vec![14, 0x24, 1, 1];
    streaming.extend((14 + formats.len() as u16).to_le_bytes());
    streaming.extend([0x81, 0, 3, 0, 0, 0, 1, 0]);
    streaming.extend(formats);

    let body = [
        // Both interfaces belong together.
        &[8, 0x0b, 0, 2, 0x0e, 3, 0, 2][..],
        &[9, 4, 0, 0, 0, 0x0e, 1, 0, 2],
        &control,
        &[9, 4, 1, 0, 1, 0x0e, 2, 0, 0],
        &streaming,
        // A bulk endpoint of 512 bytes.
        &[7, 5, 0x81, 2, 0, 2, 0],
    ]
    .concat();
    let mut configuration = vec![9, 2];
    configuration.extend((9 + body.len() as u16).to_le_bytes());
    configuration.extend([2, 1, 0, 0x80, 250]);
    configuration.extend(body);
    configuration
}
