//! Browsers in which a person signs in: a key is traded for a session, which ends with it.

use crate::access::Locked;
use crate::support::TestViewer;
use pistreamer::access::Role;
use pistreamer_protocol::message::CLOSE_SIGNED_OUT;
use tokio_tungstenite::tungstenite::{Error, Message};

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_trades_the_key_for_a_session_and_forgets_it() {
    let locked = Locked::start();
    let key = locked.key();
    let cookie = format!("Cookie: {}\r\n", locked.session(&key).await);
    let snapshot = locked.get("/snapshot.jpg", &cookie).await;
    assert_eq!(snapshot.status, 200);
    // A page of another server on this host can make the browser send the cookie, and still not show the picture.
    assert_eq!(
        snapshot.header("cross-origin-resource-policy"),
        "same-origin"
    );
    assert_eq!(locked.get("/api/v1/session", &cookie).await.status, 200);

    // A page takes no admin key in its address, which browsers remember.
    for path in [
        "/?",
        "/embed?",
        "/?action=x&",
        "/?action&",
        "/embed?action=x&",
    ] {
        let refused = locked.get(&format!("{path}key={key}"), "").await;
        assert_eq!(refused.status, 403, "{path}");
        assert!(
            refused.body.contains("no admin key") && refused.body.contains("pistreamer key add")
        );
        assert_eq!(refused.header("set-cookie"), "");
    }
    let snapshot = locked
        .get(&format!("/?action=snapshot&key={key}"), "")
        .await;
    assert_eq!(snapshot.status, 200);
    let key = locked.add("door", Role::View);
    locked
        .until(&format!("/api/v1/cameras?key={key}"), "", 200)
        .await;
    let redirect = locked.get(&format!("/?camera=1&key={key}"), "").await;
    assert_eq!(redirect.status, 303);
    assert_eq!(redirect.header("location"), "./?camera=1");
    assert!(!redirect.header("set-cookie").contains("Secure"));
    // Programs follow no redirect, and keep no cookie.
    let snapshot = locked
        .get(&format!("/?action=snapshot&key={key}"), "")
        .await;
    assert_eq!(snapshot.status, 200);
    let odd = locked.get(&format!("/?a=1?%6bey={key}"), "").await;
    assert_eq!(odd.header("location"), "./?a=1");
    let https = "X-Forwarded-Proto: https\r\n";
    let redirect = locked.get(&format!("/?key={key}"), https).await;
    assert_eq!(redirect.header("location"), "./");
    assert!(redirect.header("set-cookie").ends_with("; Secure"));

    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let posted = locked
        .post("/api/v1/session", form, &format!("name=&key={key}"))
        .await;
    assert_eq!((posted.status, posted.header("location")), (303, "../../"));
    for (body, status) in [
        (r#"{"key":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}"#, 401),
        (r#"{"kez":""}"#, 400),
        (r#"{"key":"a","code":"b"}"#, 400),
        (r#"{"code":"AAAAAAAAAAAA"}"#, 401),
        ("", 400),
    ] {
        let answer = locked.post("/api/v1/session", "", body).await;
        assert_eq!(answer.status, status, "{body}");
        assert_eq!(answer.header("set-cookie"), "");
    }
    let left = locked.ask("DELETE", "/api/v1/session", &cookie).await;
    assert!(left.header("set-cookie").contains("Max-Age=0"));
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_by_a_rotated_key_is_signed_out_and_nobody_else() {
    let locked = Locked::start();
    let owner = locked.key();
    let door = locked.add("door", Role::View);
    locked
        .until(&format!("/api/v1/cameras?key={door}"), "", 200)
        .await;
    let cookie = locked.session(&door).await;
    let by_key = format!("/ws?key={owner}");
    let mut owners = TestViewer::connect_with(&locked.server, &by_key, &[])
        .await
        .unwrap();
    let mut doors = TestViewer::connect_with(&locked.server, "/ws", &[("cookie", &cookie)])
        .await
        .unwrap();
    let stream = tokio::spawn({
        let address = locked.server.address;
        async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let request =
                format!("GET /stream.mjpg?key={door} HTTP/1.1\r\nHost: {address}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            stream.read_to_end(&mut Vec::new()).await.unwrap()
        }
    });
    owners.frame().await;
    doors.frame().await;
    locked
        .store
        .change(|keys| keys.keys.retain(|entry| entry.name.as_str() != "door"))
        .unwrap();
    loop {
        if let Message::Close(Some(close)) = doors.next().await.expect("closed without a word") {
            assert_eq!(u16::from(close.code), CLOSE_SIGNED_OUT);
            break;
        }
    }
    assert!(stream.await.unwrap() > 0);
    let again = TestViewer::connect_with(&locked.server, "/ws", &[("cookie", &cookie)]).await;
    assert!(matches!(again, Err(Error::Http(answer)) if answer.status() == 401));
    let seq = owners.frame().await.stamp.seq;
    while owners.frame().await.stamp.seq < seq + 5 {}
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_asked_for_where_it_can_help() {
    let locked = Locked::start();
    let challenge = async |headers: &str| {
        let answer = locked.get("/snapshot.jpg", headers).await;
        assert_eq!(answer.status, 401);
        !answer.header("www-authenticate").is_empty()
    };
    assert!(challenge("").await);
    assert!(challenge("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\n").await);
    assert!(challenge("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n").await);
    assert!(!challenge("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n").await);
    assert!(!challenge("Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n").await);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_the_form_leads_back_to_the_camera_that_was_asked_for_and_nowhere_else()
{
    let locked = Locked::start();
    let key = locked.key();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (query, back) in [
        ("?camera=pattern&fit=cover", "../../?camera=pattern"),
        ("?camera=0", "../../?camera=0"),
        (
            "?camera=//evil.example",
            "../../?camera=%2F%2Fevil%2Eexample",
        ),
        (
            "?camera=%22%3e%3cscript%3e%0d%0aSet-Cookie:a",
            "../../?camera=%22%3E%3Cscript%3E%0D%0ASet%2DCookie%3Aa",
        ),
        ("?camera=", "../../"),
        ("", "../../"),
    ] {
        for page in ["/", "/embed", "/login.html"] {
            let asked = locked.get(&format!("{page}{query}"), "").await;
            let (_, action) = asked
                .body
                .split_once("<form method=\"post\" action=\"")
                .unwrap();
            let (action, _) = action.split_once('"').unwrap();
            let body = format!("name=&key={key}");
            let signed_in = locked.post(&format!("/{action}"), form, &body).await;
            let answer = (signed_in.status, signed_in.header("location"));
            assert_eq!(answer, (303, back), "{page}{query}");
        }
    }
    let cookie = format!("Cookie: {}\r\n", locked.session(&key).await);
    let page = locked.get("/?camera=pattern", &cookie).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(
        page.body.contains(r#"src="stream.mjpg?camera=pattern""#),
        "{}",
        page.body
    );
    let page = locked.get("/", &cookie).await;
    assert!(page.body.contains(r#"src="stream.mjpg""#), "{}", page.body);
    locked.server.stop().await;
}
