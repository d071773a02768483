//! Behind a proxy that nobody told the server about, such as Trunk's while the viewer is worked on: its own pages are the
//! server's own, and no other page gets anything through it.

use crate::support::{TestServer, TestViewer};
use tokio_tungstenite::tungstenite::Error;

/// What Trunk makes of a request to `http://localhost:8080/ws`: the backend's host without its port, and what it was asked
/// for.
const TRUNK: [(&str, &str); 2] = [
    ("host", "127.0.0.1"),
    ("x-forwarded-host", "localhost:8080"),
];

/// The status with which a WebSocket is answered.
async fn status(server: &TestServer, headers: &[(&'static str, &str)]) -> u16 {
    match TestViewer::connect_with(server, "/ws", headers).await {
        Ok(mut viewer) => {
            viewer.hello().await;
            101
        }
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_proxy_may_look_and_no_page_beside_it() {
    let server = TestServer::start(|_| ());
    let asked =
        async |origin: &str| status(&server, &[&TRUNK[..], &[("origin", origin)]].concat()).await;
    assert_eq!(asked("http://localhost:8080").await, 101);
    assert_eq!(status(&server, &TRUNK).await, 101);
    for other in [
        "http://localhost:9999",
        "http://localhost",
        // The Host that Trunk sends, with the port that browsers leave out.
        "http://127.0.0.1",
        "http://127.0.0.1:8080",
        "http://evil.example:8080",
        "null",
    ] {
        assert_eq!(asked(other).await, 403, "{other}");
    }
    // Without a proxy the page of another port stays one.
    let origin = ("origin", "http://localhost:8080");
    assert_eq!(status(&server, &[origin]).await, 403);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_ours_gets_nothing_through_a_proxy_that_answers_to_every_name() {
    for trusted in [false, true] {
        let server = TestServer::start(|typed| {
            typed.host = vec!["cam.example.org".into()];
            typed.allow_origin = vec!["https://dash.example".into()];
            if trusted {
                typed.trusted_proxy = vec!["127.0.0.1".parse().unwrap()];
            }
        });
        let asked = async |host, forwarded| {
            status(&server, &[("host", host), ("x-forwarded-host", forwarded)]).await
        };
        let (trunk, rebound) = ("localhost:8080", "rebound.evil.example:8080");
        assert_eq!(asked("127.0.0.1", trunk).await, 101);
        assert_eq!(asked("127.0.0.1", "cam.example.org").await, 101);
        assert_eq!(asked("127.0.0.1", "dash.example").await, 101);
        assert_eq!(asked("127.0.0.1", rebound).await, 421);
        // A rebinding page can say of itself what it likes, but not what it is called.
        assert_eq!(asked(rebound, trunk).await, 421);
        for both in [
            "localhost:8080, rebound.evil.example",
            "rebound.evil.example, localhost:8080",
        ] {
            assert_eq!(asked("127.0.0.1", both).await, 421, "{both}");
        }
        server.stop().await;
    }
}
