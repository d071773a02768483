//! Links over a pipe that holds little.

use super::*;
use bytes::Bytes;
use std::cell::RefCell;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::sleep_until;

/// What the pipe between a link and its viewer holds.
const PIPE: usize = 1000;

async fn pair() -> (Link<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(PIPE);
    (Link::new(ours, Vec::new()).await, theirs)
}

fn frame(seq: u64, bytes: usize) -> Arc<Frame> {
    let jpeg = Bytes::from(vec![seq as u8; bytes]);
    Arc::new(Frame::new(seq, seq, (2, 2), jpeg))
}

/// A frame's message whole: header and body.
fn message(frame: &Frame) -> Vec<u8> {
    let payload = form::payload(frame, WireFormat::Jpeg, Kept::Nothing);
    [payload.header(), payload.body()].concat()
}

/// Sends all that there is, and returns the numbers of the frames that were begun.
async fn send(link: &mut Link<DuplexStream>, newer: &RefCell<Option<Arc<Frame>>>) -> Vec<u64> {
    let mut begun = Vec::new();
    loop {
        let sent = poll_fn(|cx| link.poll_send(cx, || newer.borrow_mut().take()));
        match sent.await.unwrap() {
            Sent::Begun(frame, _) => begun.push(frame.seq),
            Sent::Frame(..) => {}
            Sent::All => return begun,
        }
    }
}

async fn heard(link: &mut Link<DuplexStream>) -> Message {
    if let Some(until) = link.deaf_until() {
        sleep_until(until).await;
        link.listen(until);
    }
    let heard = poll_fn(|cx| link.poll_hear(cx)).await;
    heard.unwrap().unwrap()
}

#[tokio::test]
async fn a_frame_of_which_nothing_is_sent_gives_way_to_a_newer_one() {
    let (mut link, mut viewer) = pair().await;
    let full = vec![0; PIPE];
    let stream = &mut link.socket.get_mut().stream;
    stream.write_all(&full).await.unwrap();
    let newest = frame(2, 10);
    let newer = RefCell::default();
    link.send_frame(frame(1, 5000), WireFormat::Jpeg, Kept::Nothing);
    {
        let mut sending = std::pin::pin!(send(&mut link, &newer));
        assert!(futures::poll!(sending.as_mut()).is_pending());
        *newer.borrow_mut() = Some(Arc::clone(&newest));
        viewer.read_exact(&mut vec![0; PIPE]).await.unwrap();
        assert_eq!(sending.await, [2]);
    }
    let mut came = vec![0; message(&newest).len()];
    viewer.read_exact(&mut came).await.unwrap();
    assert_eq!(came, message(&newest));
}

#[tokio::test]
async fn a_viewer_is_heard_in_the_middle_of_a_frame_and_answered_after_it() {
    let (mut link, mut viewer) = pair().await;
    let large = frame(1, 5000);
    let none = RefCell::default();
    link.send_frame(Arc::clone(&large), WireFormat::Jpeg, Kept::Nothing);
    {
        let mut sending = std::pin::pin!(send(&mut link, &none));
        assert!(futures::poll!(sending.as_mut()).is_pending());
    }
    // A text "ack", a ping, and a text "late", masked with zeros.
    viewer.write_all(b"\x81\x83\0\0\0\0ack").await.unwrap();
    viewer.write_all(b"\x89\x80\0\0\0\0").await.unwrap();
    viewer.write_all(b"\x81\x84\0\0\0\0late").await.unwrap();
    assert_eq!(heard(&mut link).await, Message::text("ack"));
    link.say(Message::text("heard")).unwrap();
    assert!(heard(&mut link).await.is_ping());
    assert_eq!(heard(&mut link).await, Message::text("late"));
    let mut came = vec![0; message(&large).len() + b"\x81\x05heard\x8a\0".len()];
    let receiving = viewer.read_exact(&mut came);
    let (begun, received) = futures::future::join(send(&mut link, &none), receiving).await;
    received.unwrap();
    assert!(begun.is_empty(), "it was begun before");
    let (large_came, answers) = came.split_at(message(&large).len());
    assert_eq!(large_came, message(&large), "something is in the middle");
    assert_eq!(answers, b"\x81\x05heard\x8a\0");
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_not_taken_stay_within_a_bound_and_cost_the_viewer_nothing_else() {
    let (mut link, mut viewer) = pair().await;
    let large = frame(1, 5000);
    let none = RefCell::default();
    link.send_frame(Arc::clone(&large), WireFormat::Jpeg, Kept::Nothing);
    {
        let mut sending = std::pin::pin!(send(&mut link, &none));
        assert!(futures::poll!(sending.as_mut()).is_pending());
    }
    let answer = "an answer, ".repeat(10);
    for number in 0..2 * OUTBOUND_LIMIT / answer.len() {
        link.say(Message::text(answer.clone())).unwrap();
        // A ping with a number, masked with zeros.
        let ping = [0x89, 0x82, 0, 0, 0, 0, (number >> 8) as u8, number as u8];
        viewer.write_all(&ping).await.unwrap();
        assert!(heard(&mut link).await.is_ping());
    }
    let receiving = async {
        let mut came = Vec::new();
        let mut piece = [0; PIPE];
        let last = [0x8a, 2];
        let number = (2 * OUTBOUND_LIMIT / answer.len() - 1) as u16;
        while !came.ends_with(&[last, number.to_be_bytes()].concat()) {
            let read = viewer.read(&mut piece).await.unwrap();
            came.extend_from_slice(&piece[..read]);
        }
        came
    };
    let (_, came) = futures::future::join(send(&mut link, &none), receiving).await;
    let answers = came.len() - message(&large).len();
    assert!(
        (OUTBOUND_LIMIT / 2..=OUTBOUND_LIMIT + 4).contains(&answers),
        "{answers} bytes of answers came"
    );
}
