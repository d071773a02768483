//! Sessions that other sites' pages would like to put into somebody's browser, or take out of it.

use crate::access::{Locked, basic};
use pistreamer::access::Role;
use serde_json::Value;

const EVIL: &str = "Origin: http://evil.example\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_elsewhere_signs_nobody_in_or_out() {
    let friend = "http://friend.example";
    let locked = Locked::start_with(|typed| typed.allow_origin = vec![friend.into()]);
    let attackers = locked.add("door", Role::View);
    let ask = format!("/api/v1/cameras?key={attackers}");
    locked.until(&ask, "", 200).await;
    // Whoever has a key can have a ticket for pages of any origin.
    let wanted = r#"{"origin":"http://evil.example"}"#;
    let given = locked
        .post("/api/v1/tickets", &basic("camera", &attackers), wanted)
        .await;
    let given: Value = serde_json::from_str(&given.body).unwrap();
    let ticket = given["ticket"].as_str().unwrap();
    let by_ticket = format!("/api/v1/session?ticket={ticket}");
    let form = format!("key={attackers}");
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let own = format!("Origin: http://{}\r\n", locked.server.address);
    for (path, from) in [
        ("/api/v1/session", EVIL),
        ("/api/v1/session", "Origin: null\r\n"),
        (by_ticket.as_str(), EVIL),
        ("/api/v1/session", &format!("Origin: {friend}\r\n")),
        ("/api/v1/session", "Sec-Fetch-Site: cross-site\r\n"),
        ("/api/v1/session", "Sec-Fetch-Site: same-site\r\n"),
    ] {
        let signed_in = locked.post(path, &format!("{kind}{from}"), &form).await;
        assert_eq!(signed_in.status, 403, "{path} {from}{}", signed_in.body);
        assert_eq!(signed_in.header("set-cookie"), "");
        let signed_out = locked.ask("DELETE", path, from).await;
        assert_eq!(signed_out.status, 403, "{path} {from}{}", signed_out.body);
        assert_eq!(signed_out.header("set-cookie"), "");
    }
    for from in [own.as_str(), "Sec-Fetch-Site: same-origin\r\n", ""] {
        let signed_in = locked
            .post("/api/v1/session", &format!("{kind}{from}"), &form)
            .await;
        assert_eq!(signed_in.status, 303, "{from}{}", signed_in.body);
        assert!(signed_in.header("set-cookie").contains("session.door."));
    }
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_gives_a_session_but_takes_none_away() {
    let locked = Locked::start();
    let attackers = locked.add("door", Role::View);
    let link = format!("/?camera=1&key={attackers}");
    locked
        .until(&format!("/api/v1/cameras?key={attackers}"), "", 200)
        .await;
    let owners = format!("Cookie: {}\r\n", locked.session(&locked.key()).await);
    let (name, _) = owners.split_once('=').unwrap();
    let over = format!("{name}=session.owner.9.x\r\n");
    let anonymous = String::new();
    for (cookie, site, gives) in [
        // Over plain HTTP, browsers don't say where a link was.
        (&owners, "", false),
        (&owners, "Sec-Fetch-Site: cross-site\r\n", false),
        (&owners, "Sec-Fetch-Site: same-site\r\n", false),
        (&owners, "Sec-Fetch-Site: none\r\n", true),
        (&owners, "Sec-Fetch-Site: same-origin\r\n", true),
        (&over, "", true),
        (&over, "Sec-Fetch-Site: cross-site\r\n", true),
        (&anonymous, "", true),
        (&anonymous, "Sec-Fetch-Site: cross-site\r\n", true),
    ] {
        let answer = locked.get(&link, &format!("{cookie}{site}")).await;
        assert_eq!(answer.status, 303, "{cookie}{site}");
        assert_eq!(answer.header("location"), "./?camera=1");
        let given = answer.header("set-cookie").contains("session.door.");
        assert_eq!(given, gives, "{cookie}{site}");
    }
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_the_own_origin_has_the_scheme_that_the_proxy_tells() {
    let locked = Locked::start();
    let basic = basic("camera", &locked.key());
    for (proto, origin, status) in [
        ("https", "https", 200),
        ("https", "http", 403),
        ("wss", "https", 200),
        ("wss", "http", 403),
        ("http", "http", 200),
        // A proxy that encrypts and does not say so.
        ("", "https", 200),
        ("", "http", 200),
    ] {
        let told = match proto {
            "" => String::new(),
            proto => format!("X-Forwarded-Proto: {proto}\r\n"),
        };
        let origin = format!("Origin: {origin}://{}\r\n", locked.server.address);
        let headers = format!("{basic}{told}{origin}");
        let answer = locked.get("/snapshot.jpg", &headers).await;
        assert_eq!(answer.status, status, "{told}{origin}");
    }
    locked.server.stop().await;
}
