//! What a frame costs on this machine: processor time of the thread that makes it, so that other programs do not count.

use crate::encode::JpegEncoder;
use crate::front::has_fast_aes;
use crate::source::Pixels as _;
use pistreamer_pattern::{Picture, Renderer};
use ring::aead::{
    AES_128_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};
use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const SIZE: (usize, usize) = (1280, 720);
const QUALITY: u8 = 80;
/// Bytes of a TLS record.
const RECORD: usize = 16 << 10;

/// Measures, for about that long, and says what came out.
///
/// # Errors
/// Where nothing can be encoded.
pub(super) fn run(takes: Duration) -> anyhow::Result<String> {
    let mut text = format!(
        "{}x{} at quality {QUALITY}, time of one core\n",
        SIZE.0, SIZE.1
    );
    let mut picture = Picture::new(SIZE.0, SIZE.1);
    let before = processor_time();
    Renderer::coarse(SIZE.0, SIZE.1, 30.0, 1).render(1, 0, &mut picture);
    let first = processor_time() - before;
    // As hard to encode as a camera's.
    Renderer::new(SIZE.0, SIZE.1, 30.0, 1).render(1, 0, &mut picture);

    let mut encoder = JpegEncoder::new()?;
    let jpeg = encoder.encode(&picture.yuv(), QUALITY)?.to_vec();
    let encode = cost(takes / 2, || {
        encoder.encode(&picture.yuv(), QUALITY).map(<[u8]>::len)
    });
    let pack = cost(takes / 5, || pistreamer_protocol::pack(&jpeg));
    let frame = encode + pack;
    let _ = writeln!(
        text,
        "the test pattern's first picture: {} µs\nencode: {} µs a frame, of {} kB\npack: {} µs a frame\n\
         together: {:.0} frames a second at most by one core",
        first.as_micros(),
        encode.as_micros(),
        jpeg.len() / 1000,
        pack.as_micros(),
        1.0 / frame.as_secs_f64()
    );
    for rate in [15.0, 30.0] {
        let share = frame.as_secs_f64() * rate * 100.0;
        let _ = writeln!(text, "at {rate} frames a second: {share:.0} % of one core");
    }
    let (aes, chacha) = (&AES_128_GCM, &CHACHA20_POLY1305);
    let speeds = [aes, chacha].map(|algorithm| speed(algorithm, takes / 10));
    let _ = writeln!(
        text,
        "TLS: AES-128-GCM {:.0} MB/s, ChaCha20-Poly1305 {:.0} MB/s; this server {}",
        speeds[0],
        speeds[1],
        if has_fast_aes() {
            "leaves the choice to the client"
        } else {
            "chooses ChaCha20"
        }
    );
    Ok(text)
}

/// Processor time that this thread has had.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// What an operation costs, repeated for some time.
fn cost<T>(takes: Duration, mut operation: impl FnMut() -> T) -> Duration {
    let (began, before) = (Instant::now(), processor_time());
    let mut times = 0;
    while times == 0 || began.elapsed() < takes {
        std::hint::black_box(operation());
        times += 1;
    }
    (processor_time() - before) / times
}

/// How much of a stream is encrypted in a second, in MB.
fn speed(algorithm: &'static Algorithm, takes: Duration) -> f64 {
    let key =
        UnboundKey::new(algorithm, &[7; 32][..algorithm.key_len()]).expect("it has that length");
    let key = LessSafeKey::new(key);
    let mut record = vec![0; RECORD];
    let time = cost(takes, || {
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut record)
            .map(|tag| tag.as_ref()[0])
    });
    RECORD as f64 / time.as_secs_f64() / 1e6
}
