//! A camera that is asked now and then, because it has no viewers.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_camera_without_viewers_is_probed_now_and_then_and_its_pictures_are_dropped() {
    for answer in [
        snapshot("Content-Type: image/jpeg\r\n", JPEG),
        parts("multipart/x; boundary=b", JPEG),
    ] {
        let camera = TestCamera::new().await;
        let seen = Arc::new(Seen::default());
        let port = Port::new(seen.clone(), Demand::default());
        let demand = port.demand().clone();
        let mut intake = Intake::new(&port, 30.0);
        let (mut patience, mut known) = (Patience::new(30.0), Known::default());
        let attending = attend(
            &camera.endpoint,
            &mut known,
            &mut patience,
            &demand,
            &mut intake,
        );
        let watching = async {
            sleep(Duration::from_secs(1)).await;
            assert_eq!((camera.asked(), seen.take()), (1, vec!["open"]));
            sleep(PROBE * 10).await;
            assert_eq!((camera.asked(), seen.take()), (10, vec![]));
            let hold = demand.hold();
            sleep(Duration::from_secs(1)).await;
            assert!(camera.asked() > 0);
            let frames = seen.take();
            assert!(frames.len() >= 3 && frames.iter().all(|it| *it == "frame"));
            drop(hold);
            sleep(remote::LINGER + Duration::from_secs(1)).await;
            let _ = (camera.asked(), seen.take());
            sleep(PROBE).await;
            assert_eq!((camera.asked(), seen.take()), (1, vec![]));
        };
        tokio::select! {
            error = attending => panic!("{error}"),
            _ = camera.serve(&answer) => {}
            () = watching => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_camera_that_goes_while_it_has_no_viewers_is_lost_with_the_next_probe() {
    let camera = TestCamera::new().await;
    let endpoint = camera.endpoint.clone();
    let port = Port::new(Arc::new(Seen::default()), Demand::default());
    let mut intake = Intake::new(&port, 30.0);
    let (mut patience, mut known) = (Patience::new(30.0), Known::default());
    let serving = async move {
        let answer = snapshot("Content-Type: image/jpeg\r\n", JPEG);
        let _ = timeout(Duration::from_secs(10), camera.serve(&answer)).await;
        drop(camera);
        std::future::pending::<()>().await;
    };
    let began = Instant::now();
    let error = tokio::select! {
        error = attend(&endpoint, &mut known, &mut patience, port.demand(), &mut intake) => error,
        () = serving => unreachable!("it waits for ever"),
    };
    assert!(error.to_string().contains("cannot fetch"), "{error}");
    assert_eq!(began.elapsed().as_secs(), PROBE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_a_camera_whose_pictures_are_broken_asks_once_a_second_and_says_why() {
    let camera = TestCamera::new().await;
    let seen = Arc::new(Seen::default());
    let port = Port::new(seen.clone(), Demand::default());
    let mut intake = Intake::new(&port, 30.0);
    let (mut patience, mut known) = (Patience::new(30.0), Known::default());
    let answer = snapshot("Content-Type: image/jpeg\r\n", b"hello");
    let error = tokio::select! {
        error = attend(&camera.endpoint, &mut known, &mut patience, port.demand(), &mut intake) => error,
        _ = camera.serve(&answer) => unreachable!("it waits for ever"),
    };
    assert!(
        error
            .to_string()
            .ends_with("for 5 s: it does not start with FF D8"),
        "{error}"
    );
    assert!(camera.asked() <= 6);
    assert_eq!(seen.take(), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn the_only_connection_that_a_camera_takes_is_kept_and_used() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let endpoint = Endpoint::parse(&url, &SCHEMES).unwrap();
    let seen = Arc::new(Seen::default());
    let port = Port::new(seen.clone(), Demand::default());
    let demand = port.demand().clone();
    let mut intake = Intake::new(&port, 30.0);
    let (mut patience, mut known) = (Patience::new(30.0), Known::default());
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        assert!(stream.read(&mut [0; 2048]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        loop {
            stream.write_all(JPEG).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
    };
    let watching = async {
        sleep(PROBE * 3).await;
        for _ in 0..2 {
            let _ = seen.take();
            let hold = demand.hold();
            sleep(Duration::from_secs(10)).await;
            let frames = seen.take();
            assert!(
                frames.len() >= 9 && frames.iter().all(|it| *it == "frame"),
                "{frames:?}"
            );
            drop(hold);
            sleep(remote::LINGER + Duration::from_secs(2)).await;
            let _ = seen.take();
            sleep(PROBE * 3).await;
            assert_eq!(seen.take(), Vec::<&str>::new());
        }
    };
    tokio::select! {
        error = attend(&endpoint, &mut known, &mut patience, &demand, &mut intake) => panic!("{error}"),
        () = serving => unreachable!("it has no end"),
        () = watching => {}
    }
}
