//! The decisions, from the file to the grant.

mod sessions;

use super::*;
use crate::util::file_watch::Version;

const SOMEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fn secret(name: Option<&str>, secret: &str) -> Credential {
    Credential::Secret {
        name: name.map(str::to_owned),
        secret: Password::new(secret),
    }
}

/// A store with an owner's key, a key that may only view, and a password.
fn store(directory: &tempfile::TempDir) -> Store {
    let store = Store::new(directory.path().into());
    let entry = |name: &str, role, secret| Entry::new(name.parse().unwrap(), role, secret);
    store
        .change(|keys| {
            let key = Key::random().unwrap();
            keys.keys.push(entry("door", Role::View, Secret::Key(key)));
            let password = Secret::of_password("correct horse").unwrap();
            keys.keys.push(entry("anna", Role::Publish, password));
        })
        .unwrap();
    store
}

async fn judge(access: &Access, shown: &[Credential]) -> Result<Role, Refused> {
    access.judge(shown, SOMEWHERE).await.map(|grant| grant.role)
}

#[tokio::test]
async fn keys_and_passwords_let_in_with_their_role_and_nothing_else_does() {
    let directory = tempfile::tempdir().unwrap();
    let access = Access::with(store(&directory)).unwrap();
    let owners = access.owners_key().unwrap();
    let shouted = owners.as_str().to_ascii_uppercase();
    let grouped = format!(" {}-{} ", &shouted[..13], &shouted[13..]);
    for way in [
        secret(None, owners.as_str()),
        secret(Some("camera"), &grouped),
    ] {
        assert_eq!(judge(&access, &[way]).await, Ok(Role::Admin));
    }
    let good = secret(Some("anna"), "correct horse");
    assert_eq!(judge(&access, &[good]).await, Ok(Role::Publish));
    assert_eq!(judge(&access, &[]).await, Err(Refused::Nothing));
    assert_eq!(
        judge(&access, &[secret(Some("bert"), "correct horse")]).await,
        Err(Refused::Wrong)
    );
    assert_eq!(
        judge(&access, &[secret(None, "")]).await,
        Err(Refused::Wrong)
    );
}

#[tokio::test]
async fn who_guesses_must_wait_but_who_has_the_key_need_not() {
    let directory = tempfile::tempdir().unwrap();
    let access = Access::with(store(&directory)).unwrap();
    let guess = [secret(Some("anna"), "12345")];
    for _ in 0..4 {
        assert_eq!(judge(&access, &guess).await, Err(Refused::Wrong));
    }
    assert!(matches!(
        judge(&access, &guess).await,
        Err(Refused::Throttled(_))
    ));
    // The right password waits too: else the answer would tell that it is the right one.
    let right = [secret(Some("anna"), "correct horse")];
    assert!(matches!(
        judge(&access, &right).await,
        Err(Refused::Throttled(_))
    ));
    let key = secret(None, access.owners_key().unwrap().as_str());
    assert_eq!(judge(&access, &[key]).await, Ok(Role::Admin));
}

#[tokio::test]
async fn whoever_hangs_up_has_guessed_all_the_same_and_a_key_in_between_forgives_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let access = Access::with(store(&directory)).unwrap();
    let key = [secret(None, access.owners_key().unwrap().as_str())];
    for number in 0..4 {
        let guess = [secret(Some("anna"), &number.to_string())];
        // Dropped at its first wait.
        let _ = futures::poll!(std::pin::pin!(access.judge(&guess, SOMEWHERE)));
        judge(&access, &key).await.unwrap();
    }
    let guess = [secret(Some("anna"), "12345")];
    assert!(matches!(
        judge(&access, &guess).await,
        Err(Refused::Throttled(_))
    ));
}

#[tokio::test]
async fn whatever_is_changed_in_a_session_or_ticket_makes_it_worthless() {
    let directory = tempfile::tempdir().unwrap();
    let access = Access::with(store(&directory)).unwrap();
    let shown = [secret(None, access.owners_key().unwrap().as_str())];
    let grant = access.judge(&shown, SOMEWHERE).await.unwrap();
    let session = access.sign_in(&grant, "a test", SOMEWHERE).unwrap();
    let scope = Ticket {
        camera: Some("0".into()),
        origin: Some("http://dash.example".into()),
        expires_us: clock::now_us() + 60_000_000,
    };
    let ticket = grant.ticket(&scope).unwrap();
    let judged = access
        .judge(&[Credential::Ticket(ticket.clone())], SOMEWHERE)
        .await
        .unwrap();
    assert_eq!(
        (judged.role, judged.ticket.as_ref()),
        (Role::View, Some(&scope))
    );
    assert_eq!(judged.ticket(&scope), None, "a ticket begets a ticket");
    assert!(access.ticket_admits(&ticket, "http://dash.example"));
    assert!(!access.ticket_admits(&ticket, "http://evil.example"));

    for place in 0..session.len() {
        let mut forged = session.clone().into_bytes();
        forged[place] ^= 1;
        let forged = String::from_utf8(forged).unwrap();
        assert_eq!(
            judge(&access, &[Credential::Session(forged.clone())]).await,
            Err(Refused::Expired),
            "{forged}"
        );
    }
    for place in 0..ticket.len() {
        let mut forged = ticket.clone().into_bytes();
        forged[place] ^= 1;
        let forged = String::from_utf8(forged).unwrap();
        assert!(judge(&access, &[Credential::Ticket(forged)]).await.is_err());
    }
    // A session is no ticket, nor the other way round.
    assert!(
        judge(&access, &[Credential::Session(ticket)])
            .await
            .is_err()
    );
    assert!(
        judge(&access, &[Credential::Ticket(session)])
            .await
            .is_err()
    );
    let over = Ticket {
        expires_us: clock::now_us() - 1,
        ..scope
    };
    let over = grant.ticket(&over).unwrap();
    assert_eq!(
        judge(&access, &[Credential::Ticket(over)]).await,
        Err(Refused::Expired)
    );
}

#[test]
fn no_secret_is_shown_by_accident() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let keys = store.read().unwrap();
    let access = Access::with(store).unwrap();
    let shown = format!(
        "{keys:?} {access:?} {:?}",
        secret(Some("anna"), "correct horse")
    );
    assert!(!shown.contains("correct horse"));
    assert!(!shown.contains(keys.owners().unwrap().as_str()));
    assert!(!shown.contains("$argon2"));
}

fn sessions_file(store: &Store) -> std::path::PathBuf {
    store.directory().join("sessions.json")
}

/// Somebody who shows that key.
async fn shows(access: &Access, store: &Store, name: &str) -> Grant {
    let keys = store.read().unwrap();
    let entry = keys.get(&name.parse().unwrap()).unwrap();
    let Secret::Key(key) = &entry.secret else {
        panic!("a password")
    };
    let shown = [secret(None, key.as_str())];
    access.judge(&shown, SOMEWHERE).await.unwrap()
}

#[tokio::test]
async fn who_has_a_key_can_make_neither_a_session_nor_a_ticket() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let access = Access::with(store.clone()).unwrap();
    let keys = store.read().unwrap();
    let door = keys.get(&"door".parse().unwrap()).unwrap();
    let Secret::Key(key) = &door.secret else {
        panic!("a password")
    };
    let signing = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_str().as_bytes());
    let forge = |text: String| {
        let tag = ring::hmac::sign(&signing, text.as_bytes());
        format!(
            "{text}.{}",
            data_encoding::BASE64URL_NOPAD.encode(tag.as_ref())
        )
    };
    let expires_us = clock::now_us() + 60_000_000;
    let session = forge(format!("session.door.{expires_us}.aaaaaaaa.eA"));
    let ticket = forge(format!("ticket.door.{expires_us}.."));
    for forged in [Credential::Session(session), Credential::Ticket(ticket)] {
        assert_eq!(judge(&access, &[forged]).await, Err(Refused::Expired));
    }
    assert_eq!(access.sessions(), []);
    // The secret is the file's owner's alone, and no other server's.
    let mode = std::os::unix::fs::MetadataExt::mode(&sessions_file(&store).metadata().unwrap());
    assert_eq!(mode & 0o777, 0o600);
    let session = access.sign_in(&shows(&access, &store, "door").await, "a test", SOMEWHERE);
    let other = tempfile::tempdir().unwrap();
    let other = Store::new(other.path().into());
    other.change(|keys| keys.keys.push(door.clone())).unwrap();
    let shown = [Credential::Session(session.unwrap())];
    assert_eq!(judge(&access, &shown).await, Ok(Role::View));
    let other = Access::with(other).unwrap();
    assert_eq!(judge(&other, &shown).await, Err(Refused::Expired));
}
