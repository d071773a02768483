//! Sessions by a clock that is set: what would take half a minute, and what must not take a tenth of a second.

use super::*;
use crate::camera::Camera;
use crate::hub::Limits;
use crate::source::{Mode, Report};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::{BoxFuture, join};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

const CONFIG: Config = Config {
    send_timeout: Duration::from_secs(10),
    ping_interval: Duration::from_secs(20),
};

/// What the pipe between a session and a viewer with a narrow link holds.
const PIPE: usize = 1000;

/// Bytes of a frame, which doesn't fit through at once.
const LARGE: usize = 20 * PIPE;

/// A command takes effect within this.
const PROMPT: Duration = Duration::from_millis(100);

/// A text of a viewer's, masked with zeros.
fn said(text: &str) -> Vec<u8> {
    let mut message = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(short @ ..126) => message.push(0x80 | short),
        _ => {
            message.push(0x80 | 126);
            message.extend((text.len() as u16).to_be_bytes());
        }
    }
    message.extend([0; 4]);
    message.extend(text.as_bytes());
    message
}

/// A session, its camera, and the viewer's end.
struct Stage {
    camera: Camera,
    roster: Roster,
    viewer: DuplexStream,
    session: JoinHandle<End>,
    stop: oneshot::Sender<Stop>,
    began: Instant,
}

impl Stage {
    async fn new(pipe: usize) -> Self {
        let config = hub::Config {
            most: 3,
            quality: 80,
            tiles: None,
        };
        let camera = Camera::idle("c0", config).unwrap();
        camera.report(&Report::Open(&Mode {
            width: 640,
            height: 480,
            fps: 30.0,
        }));
        let roster = Roster::default();
        let entry = roster.enter(roster.viewer(([127, 0, 0, 1], 1).into(), "0", "jpeg", None));
        let (ours, viewer) = duplex(pipe);
        let (stop, stopped) = oneshot::channel();
        let stopped: BoxFuture<_> = Box::pin(async { stopped.await.unwrap() });
        let link = Link::new(ours, Vec::new()).await;
        let subscription = camera.subscribe(Limits::default());
        let session = run(
            link,
            subscription,
            WireFormat::Jpeg,
            entry,
            CONFIG,
            Allowed::default(),
            stopped,
        );
        Self {
            camera,
            roster,
            viewer,
            session: tokio::spawn(session),
            stop,
            began: Instant::now(),
        }
    }

    /// With a viewer that has taken its hello and a part of a frame, and takes nothing now.
    async fn stuck() -> Self {
        let mut stage = Self::new(PIPE).await;
        let mut header = [0; 4];
        stage.viewer.read_exact(&mut header).await.unwrap();
        assert_eq!(header[..2], [0x81, 126]);
        let hello = usize::from(u16::from_be_bytes([header[2], header[3]]));
        stage.viewer.read_exact(&mut vec![0; hello]).await.unwrap();
        stage.publish(1);
        // Nothing else goes on, so that time passes only once the pipe is full.
        sleep(Duration::from_millis(1)).await;
        stage.began = Instant::now();
        stage
    }

    fn publish(&self, seq: u64) {
        let jpeg = Bytes::from(vec![seq as u8; LARGE]);
        let frame = Frame::new(seq, seq, (640, 480), jpeg);
        self.camera.feed().publish(hub::Rendition::FULL, frame);
    }

    async fn say(&mut self, text: &str) {
        self.viewer.write_all(&said(text)).await.unwrap();
    }

    /// Waits until the predicate holds, which is at once.
    async fn promptly(&self, such: impl Fn(&Self) -> bool) {
        while !such(self) {
            assert!(self.began.elapsed() < PROMPT, "it was not heard");
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn is_paused(&self) -> bool {
        self.roster.viewers()[0].is_paused()
    }

    /// Everything that comes until nothing comes any more.
    async fn rest(&mut self) -> Vec<u8> {
        let mut came = Vec::new();
        let mut piece = [0; PIPE];
        // Less than until a ping.
        let quiet = CONFIG.ping_interval / 2;
        while let Ok(read) = timeout(quiet, self.viewer.read(&mut piece)).await {
            match read.unwrap() {
                0 => break,
                read => came.extend_from_slice(&piece[..read]),
            }
        }
        came
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_heard_while_a_frame_is_stuck_and_nothing_follows_the_frame() {
    let mut stage = Stage::stuck().await;
    stage.say(r#"{"type":"pause"}"#).await;
    stage.promptly(Stage::is_paused).await;
    assert!(!stage.camera.feed().demand().wanted());
    let came = stage.rest().await;
    assert_eq!(came.len(), LARGE + 4, "more than the frame came");
    assert!(!stage.session.is_finished());
    stage.say(r#"{"type":"resume"}"#).await;
    stage.began = Instant::now();
    stage.promptly(|stage| !stage.is_paused()).await;
    stage.publish(2);
    stage.publish(5);
    let came = stage.rest().await;
    assert_eq!(came[..4], [0x82, 126, 0x4e, 0x20]);
    assert_eq!(came[4..], vec![5; LARGE], "a skip over a pause was told");
}

#[tokio::test(start_paused = true)]
async fn a_wish_is_heard_while_a_frame_is_stuck_and_counts_from_the_next_frame_on() {
    let mut stage = Stage::stuck().await;
    stage.say(r#"{"type":"want","max_width":320}"#).await;
    let half = hub::Rendition {
        halvings: 1,
        quality: None,
    };
    stage
        .promptly(|stage| stage.camera.feed().plan(640).renditions() == [half])
        .await;
    let small = Frame::new(2, 2, (320, 240), Bytes::from_static(&[2; 10])).of((640, 480));
    stage.camera.feed().publish(half, small);
    let came = stage.rest().await;
    let next = &came[LARGE + 4..];
    assert_eq!(next[..12], [&[0x82, 10][..], &[2; 10]].concat());
    let told = String::from_utf8_lossy(&next[12..]);
    assert!(told.contains(r#""type":"rendition""#), "{told}");
    assert!(told.contains(r#""width":320"#), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_is_heard_while_a_frame_is_stuck_and_answered_where_the_frame_still_gets_through()
{
    for takes in [false, true] {
        let mut stage = Stage::stuck().await;
        let goodbye = b"\x88\x82\0\0\0\0\x03\xe8";
        stage.viewer.write_all(goodbye).await.unwrap();
        stage.promptly(|stage| stage.roster.is_empty()).await;
        assert!(!stage.camera.feed().demand().wanted());
        if takes {
            let came = stage.rest().await;
            assert_eq!(came[LARGE + 4..], *b"\x88\x02\x03\xe8");
        }
        assert!(matches!(stage.session.await.unwrap(), End::Left));
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_has_to_stop_ends_at_once_though_a_frame_is_stuck() {
    for stop in [Stop::Shutdown, Stop::SignedOut] {
        let stage = Stage::stuck().await;
        stage.stop.send(stop).unwrap();
        let end = stage.session.await.unwrap();
        assert!(stage.began.elapsed() < PROMPT, "it took a while");
        assert_eq!(end.to_string(), End::from(stop).to_string());
        assert!(stage.roster.is_empty());
        // What the pipe held, and neither the rest of the frame nor a word in the middle of it.
        let mut came = Vec::new();
        let mut viewer = stage.viewer;
        viewer.read_to_end(&mut came).await.unwrap();
        assert_eq!(came.len(), PIPE);
        assert_eq!(came[4..], vec![1; PIPE - 4]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_has_to_go_is_told_why_where_a_frame_is_nearly_through() {
    let mut stage = Stage::stuck().await;
    stage.stop.send(Stop::SignedOut).unwrap();
    let mut came = vec![0; LARGE + 4 + 14];
    stage.viewer.read_exact(&mut came).await.unwrap();
    assert_eq!(came[LARGE + 4..], *b"\x88\x0c\x11\x31signed out");
}

#[tokio::test(start_paused = true)]
async fn of_many_states_while_a_frame_is_stuck_the_newest_is_told() {
    let mut stage = Stage::stuck().await;
    for number in 0..100 {
        let reason = format!("reason {number}");
        stage.camera.report(&Report::Lost(&reason.into()));
        sleep(Duration::from_millis(1)).await;
    }
    let came = stage.rest().await;
    let told = String::from_utf8_lossy(&came[LARGE + 4..]);
    assert_eq!(told.matches(r#""type":"state""#).count(), 1, "{told}");
    assert!(told.contains("reason 99"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_takes_a_little_all_the_time_gets_the_frame_and_one_that_stops_does_not() {
    let mut stage = Stage::stuck().await;
    for _ in 0..=LARGE / 500 {
        sleep(CONFIG.send_timeout / 2).await;
        let mut piece = [0; 500];
        assert!(stage.viewer.read(&mut piece).await.unwrap() > 0);
    }
    stage.publish(2);
    let stopped = Instant::now();
    let end = stage.session.await.unwrap();
    assert!(matches!(end, End::Stalled(_)), "{end}");
    let took = stopped.elapsed().as_secs_f64();
    assert!((9.9..10.2).contains(&took), "it took {took} s");
}

#[tokio::test(start_paused = true)]
async fn what_a_stuck_viewer_is_refused_takes_no_more_memory_than_an_answer_has_room_for() {
    let mut stage = Stage::stuck().await;
    let name = "x".repeat(4000);
    for id in 0..2000 {
        let set = format!(r#"{{"type":"set","id":{id},"values":{{"{name}":1}}}}"#);
        stage.say(&set).await;
    }
    let rest = stage.rest().await;
    assert!(rest.len() < LARGE + (200 << 10), "{} bytes", rest.len());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_messages_is_heard_at_the_rate_and_waits_with_the_viewer() {
    const RATE: u32 = 500;
    const FLOOD: u32 = 2 * RATE + 200;
    let stage = Stage::new(1 << 16).await;
    let began = Instant::now();
    let mut viewer = WebSocketStream::from_raw_socket(stage.viewer, Role::Client, None).await;
    for id in 1..=FLOOD {
        let ping = format!(r#"{{"type":"ping","id":{id}}}"#);
        futures::SinkExt::send(&mut viewer, Message::text(ping))
            .await
            .unwrap();
        // All answers but the last one are read before it.
        if id % 100 == 0 {
            let last = format!(r#""id":{id},"#);
            while !viewer
                .next()
                .await
                .unwrap()
                .unwrap()
                .to_text()
                .unwrap()
                .contains(&last)
            {}
        }
    }
    let took = began.elapsed().as_secs_f64();
    assert!((1.9..2.1).contains(&took), "it took {took} s");
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_answers_no_ping_goes_within_half_a_minute_also_while_it_is_paused() {
    for says in [r#"{"type":"pause"}"#, r#"{"type":"want"}"#] {
        let mut stage = Stage::new(1 << 16).await;
        stage.say(says).await;
        // Its system takes everything, and its program hangs.
        let taking = async {
            let mut taken = Vec::new();
            stage.viewer.read_to_end(&mut taken).await
        };
        let (end, taken) = join(stage.session, taking).await;
        taken.unwrap();
        let end = end.unwrap();
        assert!(matches!(end, End::Stalled(_)), "{says}: {end}");
        assert!(
            stage.began.elapsed() <= Duration::from_secs(31),
            "{says}: {:?}",
            stage.began.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_answers_pings_may_be_paused_for_hours() {
    let mut stage = Stage::new(1 << 16).await;
    stage.say(r#"{"type":"pause"}"#).await;
    let mut viewer = WebSocketStream::from_raw_socket(stage.viewer, Role::Client, None).await;
    let answering = async { while let Some(Ok(_)) = viewer.next().await {} };
    let hours = Duration::from_secs(4 * 3600);
    let both = join(stage.session, answering);
    assert!(timeout(hours, both).await.is_err(), "it was let go");
}
