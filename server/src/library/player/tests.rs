//! Plays a made-up morning to a viewer, by a clock that goes on only while nothing is left to do.

use super::*;
use bytes::Bytes;
use futures::FutureExt;
use pistreamer_recording::name::{Class, Name};
use pistreamer_recording::segment::{About, Cluster, header};
use std::convert::Infallible;
use std::path::Path;
use tempfile::TempDir;

const START_MS: u64 = 1_764_158_400_000;

fn write(root: &Path, times: &[u64]) {
    let name = Name {
        start_ms: times[0],
        class: Class::Continuous,
    };
    let path = root.join("door").join(name.path());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = header(&About {
        title: "Door".into(),
        start_ms: times[0],
        width: 320,
        height: 240,
    });
    for times_of_one in times.chunks(10) {
        let mut cluster = Cluster::default();
        for at_ms in times_of_one {
            cluster.push((at_ms - times[0]) as u32, Bytes::from_static(b"jpeg"));
        }
        let Ok(_) = cluster.write(|parts| {
            parts.iter().for_each(|part| file.extend(&**part));
            Ok::<_, Infallible>(())
        });
    }
    std::fs::write(path, file).unwrap();
}

/// Ten frames a second for ten seconds, nothing for a hundred, and once more ten seconds.
fn times() -> Vec<u64> {
    let ten_seconds = |from: u64| (0..100).map(move |n| from + n * 100);
    ten_seconds(START_MS)
        .chain(ten_seconds(START_MS + 110_000))
        .collect()
}

fn morning() -> (TempDir, Player) {
    let directory = tempfile::tempdir().unwrap();
    for file in times().chunks(100) {
        write(directory.path(), file);
    }
    let player = Player::new(&plays(directory.path())).unwrap();
    (directory, player)
}

fn plays(root: &Path) -> Plays {
    Plays {
        recordings: Some(Recordings::new(root.into())),
        camera: "door".into(),
        key: None,
        gap: Duration::from_secs(15),
    }
}

fn at(ms: u64, speed: f64) -> Play {
    Play {
        id: 7,
        at_us: Some((START_MS + ms) * 1000),
        speed: Some(speed),
        ..Play::default()
    }
}

/// What a viewer with room for everything gets until playing stands still.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// ms after the beginning.
    frames: Vec<u64>,
    states: Vec<PlaybackState>,
    gaps: Vec<(u64, u64)>,
}

async fn all(player: &mut Player) -> Seen {
    let mut seen = Seen::default();
    let after = |us: u64| us / 1000 - START_MS;
    loop {
        let next = tokio::time::timeout(Duration::from_secs(300), player.next(true));
        match next.await {
            Err(_) | Ok(Played::Live) => return seen,
            Ok(Played::Frame(frame)) => seen.frames.push(after(frame.captured_us)),
            Ok(Played::Told(told)) => match *told {
                ServerMessage::Playback(told) => {
                    assert_eq!((told.id, &told.reason), (7, &None));
                    if seen.states.last() != Some(&told.state) {
                        seen.states.push(told.state);
                    }
                }
                ServerMessage::Gap { from_us, to_us } => {
                    seen.gaps.push((after(from_us), after(to_us)));
                }
                other => panic!("{other:?}"),
            },
        }
    }
}

/// ms after the beginning of the next frame.
async fn next_frame(player: &mut Player) -> u64 {
    loop {
        if let Played::Frame(frame) = player.next(true).await {
            return frame.captured_us / 1000 - START_MS;
        }
    }
}

fn is(told: &ServerMessage, state: PlaybackState) -> bool {
    matches!(told, ServerMessage::Playback(told) if told.state == state)
}

fn frames() -> Vec<u64> {
    times().into_iter().map(|at_ms| at_ms - START_MS).collect()
}

use PlaybackState::{End, Gap, Live, Paused, Playing};

#[tokio::test(start_paused = true)]
async fn each_frame_comes_once_in_its_time_and_what_was_not_recorded_is_passed_over() {
    for (speed, seconds) in [(1.0, 19.8), (4.0, 5.0), (0.25, 79.2)] {
        let (_directory, mut player) = morning();
        player.play(&at(0, speed));
        let began = Instant::now();
        let seen = all(&mut player).await;
        assert_eq!(seen.frames, frames(), "at {speed}");
        assert_eq!(seen.states, [Playing, End]);
        assert_eq!(seen.gaps, [(9900, 110_000)]);
        // Less what `all` waits for in vain.
        let took = began.elapsed().as_secs_f64() - 300.0;
        assert!((took - seconds).abs() < 0.5, "{took} s at {speed}");
    }
}

#[tokio::test(start_paused = true)]
async fn backwards_they_come_in_the_other_order() {
    let (_directory, mut player) = morning();
    player.play(&at(200_000, -4.0));
    let seen = all(&mut player).await;
    let mut wanted = frames();
    wanted.reverse();
    assert_eq!(seen.frames, wanted);
    assert_eq!(seen.states, [Playing, End]);
    assert_eq!(seen.gaps, [(200_000, 119_900), (110_000, 9900)]);
}

#[tokio::test(start_paused = true)]
async fn fast_playing_leaves_frames_out_and_is_never_late() {
    for speed in [64.0, -64.0] {
        let (_directory, mut player) = morning();
        let from = if speed > 0.0 { 0 } else { 9900 };
        player.play(&at(from, speed));
        let began = Instant::now();
        let mut seen = 0;
        loop {
            let next = player.next(true).await;
            let elapsed = began.elapsed().as_secs_f64() * 1000.0 * speed;
            match next {
                Played::Frame(frame) => {
                    let shown = (frame.captured_us / 1000 - START_MS) as f64;
                    // Before the gap it stands where the clock is.
                    let position = from as f64 + elapsed;
                    if shown < 20_000.0 && shown != 9900.0 {
                        assert!(
                            (0.0..100.0 + 64.0).contains(&(position - shown)),
                            "{shown} at {position}"
                        );
                        seen += 1;
                    }
                }
                Played::Told(told) if is(&told, End) => break,
                _ => {}
            }
        }
        assert!((1..=3).contains(&seen), "{seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_no_room_gets_no_frame_of_before() {
    let (_directory, mut player) = morning();
    player.play(&at(0, 1.0));
    let told = player.next(false).await;
    assert!(
        matches!(&told, Played::Told(told) if is(told, Playing)),
        "{told:?}"
    );
    let none = tokio::time::timeout(Duration::from_secs(3), player.next(false)).await;
    assert!(none.is_err());
    assert_eq!(next_frame(&mut player).await, 3000);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_was_late_comes_also_where_it_is_still_that_of_the_position() {
    let (_directory, mut player) = morning();
    player.play(&at(50, 0.01));
    // What is told comes first, and then there is no room.
    while player.range.is_none() {
        assert!(matches!(player.next(true).await, Played::Told(_)));
    }
    let none = tokio::time::timeout(Duration::from_millis(50), player.next(false)).await;
    assert!(none.is_err());
    assert_eq!(next_frame(&mut player).await, 0);
    // Or where it was thrown away.
    player.again();
    assert_eq!(next_frame(&mut player).await, 0);
}

#[tokio::test(start_paused = true)]
async fn while_somebody_looks_for_a_place_each_request_is_answered_and_pictures_come() {
    let (_directory, mut player) = morning();
    for ms in [0, 5000, 9000] {
        player.play(&at(ms, 0.0));
        assert!(matches!(player.next(true).await, Played::Told(told) if is(&told, Paused)));
        // The next request comes before it is read.
        assert!(player.next(true).now_or_never().is_none());
    }
    // The picture of the first place, and the one of the last.
    let first = next_frame(&mut player).await;
    assert_eq!((first, next_frame(&mut player).await), (0, 9000));
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_no_time_begins_at_the_newest_picture_and_the_speed_is_the_one_of_before()
{
    let (_directory, mut player) = morning();
    player.play(&Play {
        id: 7,
        ..Play::default()
    });
    let seen = all(&mut player).await;
    assert_eq!(
        (seen.frames, seen.states),
        (vec![119_900], vec![Playing, End])
    );
    player.play(&at(119_000, 1.0));
    player.step(7, 1);
    player.play(&Play {
        id: 7,
        at_us: Some((START_MS + 119_500) * 1000),
        ..Play::default()
    });
    let seen = all(&mut player).await;
    assert_eq!(seen.frames, [119_500, 119_600, 119_700, 119_800, 119_900]);
}

#[tokio::test(start_paused = true)]
async fn backwards_nothing_is_missed_at_a_gap_though_every_look_is_a_little_late() {
    let (_directory, mut player) = morning();
    player.play(&at(110_200, -1.0));
    let mut frames = Vec::new();
    while frames.last() != Some(&9700) {
        frames.push(next_frame(&mut player).await);
        tokio::time::advance(Duration::from_micros(1300)).await;
    }
    assert_eq!(frames, [110_200, 110_100, 110_000, 9900, 9800, 9700]);
}

#[tokio::test(start_paused = true)]
async fn single_steps_go_both_ways_across_what_was_not_recorded() {
    let (_directory, mut player) = morning();
    player.play(&at(9850, 0.0));
    assert_eq!(all(&mut player).await.frames, [9800]);
    for (by, frame, states) in [
        (1, vec![9900], vec![Paused]),
        (1, vec![110_000], vec![Paused]),
        (-2, vec![9800], vec![Paused]),
        (3, vec![110_100], vec![Paused]),
        (1000, vec![110_100 + 9800], vec![Paused]),
        (1, vec![], vec![Paused, End]),
        (-99, vec![110_000], vec![Paused]),
    ] {
        player.step(7, by);
        let seen = all(&mut player).await;
        // After the last one there is none, and the place stays.
        assert_eq!((seen.frames, seen.states), (frame, states), "{by}");
    }
}

#[tokio::test(start_paused = true)]
async fn steps_that_come_faster_than_the_disk_answers_add_up() {
    let (_directory, mut player) = morning();
    player.play(&at(1000, 0.0));
    assert_eq!(all(&mut player).await.frames, [1000]);
    for _ in 0..3 {
        player.step(7, 1);
        assert!(matches!(player.next(true).await, Played::Told(told) if is(&told, Paused)));
        // The next one comes before it is read.
        assert!(player.next(true).now_or_never().is_none());
    }
    assert_eq!(all(&mut player).await.frames, [1100, 1300]);
    // What was chosen counts also where it was not sent yet.
    player.play(&at(5000, 0.0));
    player.step(7, -1);
    assert_eq!(all(&mut player).await.frames, [4900]);
    // And what was sent, where the clock has gone on since.
    player.play(&at(2000, 1.0));
    assert_eq!(next_frame(&mut player).await, 2000);
    let none = tokio::time::timeout(Duration::from_secs(3), player.next(false));
    assert!(none.await.is_err());
    player.step(7, 1);
    assert_eq!(all(&mut player).await.frames, [2100]);
}

#[tokio::test(start_paused = true)]
async fn steps_that_come_faster_than_the_link_takes_their_frames_add_up() {
    let (_directory, mut player) = morning();
    player.play(&at(1000, 0.0));
    assert_eq!(all(&mut player).await.frames, [1000]);
    for _ in 0..3 {
        player.step(7, 1);
        // It is read, and there is no room for it.
        while let Ok(told) = tokio::time::timeout(Duration::from_secs(3), player.next(false)).await
        {
            assert!(matches!(told, Played::Told(told) if is(&told, Paused)));
        }
    }
    assert_eq!(all(&mut player).await.frames, [1300]);
}

#[tokio::test(start_paused = true)]
async fn the_second_of_two_first_requests_begins_at_the_newest_picture_as_well() {
    let (_directory, mut player) = morning();
    let play = |speed| Play {
        id: 7,
        speed,
        ..Play::default()
    };
    player.play(&play(None));
    assert!(matches!(player.next(true).await, Played::Told(_)));
    assert!(player.next(true).now_or_never().is_none());
    player.play(&play(Some(0.0)));
    let seen = all(&mut player).await;
    // What was being read is shown as well.
    assert_eq!(seen.frames, [119_900, 119_900]);
    assert_eq!(seen.states, [Paused]);
}

#[tokio::test(start_paused = true)]
async fn it_pauses_where_it_was_asked_to_and_says_where_nothing_was_recorded() {
    let (_directory, mut player) = morning();
    let play = Play {
        until_us: Some((START_MS + 1000) * 1000),
        ..at(500, 2.0)
    };
    player.play(&play);
    let seen = all(&mut player).await;
    assert_eq!(seen.frames, [500, 600, 700, 800, 900, 1000]);
    assert_eq!(seen.states, [Playing, Paused]);
    player.play(&at(60_000, 0.0));
    let seen = all(&mut player).await;
    assert_eq!((seen.frames, seen.states), (vec![], vec![Paused, Gap]));
    // There already, by whatever speed.
    let play = Play {
        until_us: Some((START_MS + 1000) * 1000),
        ..at(1000, -1e-300)
    };
    player.play(&play);
    let seen = all(&mut player).await;
    assert_eq!(
        (seen.frames, seen.states),
        (vec![1000], vec![Playing, Paused])
    );
    // It is waited for where it is not passed over.
    let play = Play {
        skip_gaps: Some(false),
        ..at(9800, 1.0)
    };
    player.play(&play);
    let began = Instant::now();
    let seen = all(&mut player).await;
    assert_eq!(seen.states, [Playing, Gap, Playing, End]);
    assert_eq!(seen.gaps, [(9900, 110_000)]);
    assert_eq!(seen.frames, frames()[98..]);
    assert!(began.elapsed() > Duration::from_secs(300 + 109));
}

#[tokio::test(start_paused = true)]
async fn from_the_present_on_it_is_live_again() {
    let directory = tempfile::tempdir().unwrap();
    let now_ms = clock::now_us() / 1000;
    let times: Vec<_> = (0..30).map(|n| now_ms - 3000 + n * 100).collect();
    write(directory.path(), &times);
    let mut player = Player::new(&plays(directory.path())).unwrap();
    player.play(&Play {
        id: 7,
        at_us: Some((now_ms - 1000) * 1000),
        ..Play::default()
    });
    let seen = all(&mut player).await;
    assert_eq!(seen.frames.len(), 10);
    assert_eq!(seen.states, [Playing, Live]);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fails_is_told_and_nothing_recorded_is_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut player = Player::new(&plays(directory.path())).unwrap();
    player.play(&at(0, 1.0));
    assert_eq!(all(&mut player).await.states, [Playing, End]);
    std::fs::write(directory.path().join("door"), "a file").unwrap();
    player.play(&at(0, 1.0));
    let told = loop {
        if let Played::Told(told) = player.next(true).await
            && let ServerMessage::Playback(told) = *told
            && told.reason.is_some()
        {
            break told;
        }
    };
    assert_eq!((told.state, told.speed), (Paused, 0.0));
    let reason = told.reason.unwrap();
    assert!(
        reason.starts_with("recordings cannot be read: "),
        "{reason}"
    );
}
