//! Sessions: what ends them, and what is left of their list when it cannot be read or written.

use super::*;

#[tokio::test]
async fn a_session_outlives_a_restart_and_ends_with_its_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let access = Access::with(store.clone()).unwrap();
    let shown = [secret(None, access.owners_key().unwrap().as_str())];
    let grant = access.judge(&shown, SOMEWHERE).await.unwrap();
    let session = access.sign_in(&grant, "a test", SOMEWHERE).unwrap();

    let access = Access::with(store.clone()).unwrap();
    let shown = [Credential::Session(session.clone())];
    let again = access.judge(&shown, SOMEWHERE).await.unwrap();
    assert_eq!((again.via, again.role), (Via::Session, Role::Admin));
    let begotten = access.sign_in(&again, "a test", SOMEWHERE);
    assert_eq!(begotten, None, "a session begets a session");

    let until = CancellationToken::new();
    let following = tokio::spawn({
        let (access, until) = (access.clone(), until.clone());
        async move { access.follow(until).await }
    });
    store
        .change(|keys| keys.keys[0].secret = Secret::Key(Key::random().unwrap()))
        .unwrap();
    again.over().await;
    assert_eq!(judge(&access, &shown).await, Err(Refused::Expired));
    until.cancel();
    following.await.unwrap();
}

fn id(session: &str) -> String {
    session.split('.').nth(3).unwrap().to_owned()
}

#[tokio::test]
async fn a_session_that_would_outlast_400_days_is_refused_unless_the_clock_is_evidently_behind() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let access = Access::with(store.clone()).unwrap();
    let door = shows(&access, &store, "door").await;
    let (held, now_us) = (door.held.as_ref().unwrap(), clock::now_us());
    let day_us = 24 * 3600 * 1_000_000;
    let lasting = |days: u64| token::session(held, now_us + days * day_us, "aaaaaaaa", "x");
    let judged = async |session: String| judge(&access, &[Credential::Session(session)]).await;
    assert_eq!(judged(lasting(402)).await, Err(Refused::Expired));
    assert!(!access.knows_session(&lasting(402)));
    // Given before the clock was set back by an hour.
    assert_eq!(judged(lasting(400)).await, Ok(Role::View));
    let lasting = lasting(402);
    let token = token::parse_session(&lasting).unwrap();
    assert!(!token.is_within_a_session(now_us) && token.is_within_a_session(1000));
}

#[tokio::test]
async fn what_a_session_has_open_ends_with_the_session() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let access = Access::with(store.clone()).unwrap();
    let door = shows(&access, &store, "door").await;
    let soon_us = clock::now_us() + 500_000;
    let session = token::session(door.held.as_ref().unwrap(), soon_us, "aaaaaaaa", "x");
    let shown = [Credential::Session(session)];
    let open = access.judge(&shown, SOMEWHERE).await.unwrap();
    let over = tokio::time::timeout(Duration::from_secs(60), open.over());
    over.await.expect("it goes on without its session");
    assert_eq!(judge(&access, &shown).await, Err(Refused::Expired));
}

#[tokio::test]
async fn a_session_with_the_id_of_another_keys_ends_only_itself() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let access = Access::with(store.clone()).unwrap();
    let owner = shows(&access, &store, "owner").await;
    let owners = access.sign_in(&owner, "a test", SOMEWHERE).unwrap();
    let door = shows(&access, &store, "door").await;
    // As if two had come to the same one.
    let expires_us = clock::now_us() + 60_000_000;
    let same = token::session(door.held.as_ref().unwrap(), expires_us, &id(&owners), "x");
    let refused = judge(&access, &[Credential::Session(same)]).await;
    assert_eq!(refused, Err(Refused::Expired));
    let guest = Grant {
        session: Some(id(&owners)),
        ..door
    };
    assert!(!access.sign_out(&guest).await.unwrap());
    let shown = [Credential::Session(owners)];
    let grant = access.judge(&shown, SOMEWHERE).await.unwrap();
    assert!(access.sign_out(&grant).await.unwrap());
    assert_eq!(judge(&access, &shown).await, Err(Refused::Expired));
}

#[tokio::test]
async fn where_it_is_lost_which_sessions_have_ended_all_have() {
    for lost in [
        "{",
        "",
        "\"\"",
        r#"{"sessions":[],"ended":[]}"#,
        "removed",
        "large",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory);
        let access = Access::with(store.clone()).unwrap();
        let owner = shows(&access, &store, "owner").await;
        let session = access.sign_in(&owner, "a test", SOMEWHERE).unwrap();
        assert!(access.end_session(&owner, &id(&session)).await.unwrap());
        let path = sessions_file(&store);
        let large = " ".repeat((1 << 20) + 1);
        match lost {
            "removed" => std::fs::remove_file(&path).unwrap(),
            "large" => std::fs::write(&path, &large).unwrap(),
            text => std::fs::write(&path, text).unwrap(),
        }
        let access = Access::with(store.clone()).unwrap();
        let shown = [Credential::Session(session)];
        assert_eq!(
            judge(&access, &shown).await,
            Err(Refused::Expired),
            "{lost}"
        );
        let aside = store.directory().join("sessions-unreadable.json");
        let readable = matches!(lost, "removed" | r#"{"sessions":[],"ended":[]}"#);
        assert_eq!(aside.exists(), !readable, "{lost}");
        // And those that sign in now stay so.
        let owner = shows(&access, &store, "owner").await;
        let session = access.sign_in(&owner, "a test", SOMEWHERE).unwrap();
        let access = Access::with(store).unwrap();
        let shown = [Credential::Session(session)];
        assert_eq!(judge(&access, &shown).await, Ok(Role::Admin), "{lost}");
    }
}

#[tokio::test]
async fn a_running_server_replaces_a_list_that_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let access = Access::with(store.clone()).unwrap();
    let owner = shows(&access, &store, "owner").await;
    let ended = access.sign_in(&owner, "a test", SOMEWHERE).unwrap();
    assert!(access.end_session(&owner, &id(&ended)).await.unwrap());
    let stays = access.sign_in(&owner, "a test", SOMEWHERE).unwrap();
    let until = CancellationToken::new();
    until.cancel();
    // From here on it has nothing of its own to write.
    access.follow(until).await;
    std::fs::write(sessions_file(&store), "{").unwrap();
    let until = CancellationToken::new();
    let following = tokio::spawn({
        let (access, until) = (access.clone(), until.clone());
        async move { access.follow(until).await }
    });
    // The old one is put aside before the new one is there.
    while !std::fs::read(sessions_file(&store)).is_ok_and(|text| text != b"{") {
        tokio::task::yield_now().await;
    }
    until.cancel();
    following.await.unwrap();
    let access = Access::with(store).unwrap();
    let shown = [Credential::Session(stays)];
    assert_eq!(judge(&access, &shown).await, Ok(Role::Admin));
    let shown = [Credential::Session(ended)];
    assert_eq!(judge(&access, &shown).await, Err(Refused::Expired));
}

#[tokio::test]
async fn a_change_of_keys_is_noticed_while_the_list_of_sessions_waits_to_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let access = Access::with(store.clone()).unwrap();
    let (owner, door) = (
        shows(&access, &store, "owner").await,
        shows(&access, &store, "door").await,
    );
    access.sign_in(&owner, "a test", SOMEWHERE).unwrap();
    let lock = crate::state_dir::lock(store.directory()).unwrap();
    let until = CancellationToken::new();
    let following = tokio::spawn({
        let (access, until) = (access.clone(), until.clone());
        async move { access.follow(until).await }
    });
    let mut keys = store.read().unwrap();
    for (grant, name) in [(&door, "door"), (&owner, "owner")] {
        // By the first one's end, the list is about to be written.
        keys.keys.retain(|entry| entry.name.as_str() != name);
        store.write("keys.json", &keys).unwrap();
        grant.over().await;
    }
    drop(lock);
    until.cancel();
    following.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_list_of_sessions_is_written_at_most_every_half_minute() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let access = Access::with(store.clone()).unwrap();
    let owner = shows(&access, &store, "owner").await;
    let until = CancellationToken::new();
    let following = tokio::spawn({
        let (access, until) = (access.clone(), until.clone());
        async move { access.follow(until).await }
    });
    let mut writings = 0;
    let mut version = Version::of(&sessions_file(&store));
    for _ in 0..120 {
        access.sign_in(&owner, "a test", SOMEWHERE).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = Version::of(&sessions_file(&store));
        writings += usize::from(now != version);
        version = now;
    }
    assert!((3..=5).contains(&writings), "{writings}");
    until.cancel();
    following.await.unwrap();
    assert_eq!(
        store.sessions(&store.read().unwrap().keys).unwrap().len(),
        120
    );
}

#[tokio::test]
async fn a_session_that_is_pushed_out_of_the_list_loses_what_it_has_open() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let access = Access::with(store.clone()).unwrap();
    let door = shows(&access, &store, "door").await;
    let first = access.sign_in(&door, "a test", SOMEWHERE).unwrap();
    let shown = [Credential::Session(first)];
    let open = access.judge(&shown, SOMEWHERE).await.unwrap();
    for _ in 0..200 {
        access.sign_in(&door, "a test", SOMEWHERE).unwrap();
    }
    open.over().await;
    // It is listed again, and what it opens now can be ended.
    let again = access.judge(&shown, SOMEWHERE).await.unwrap();
    assert!(access.sign_out(&again).await.unwrap());
    again.over().await;
}
