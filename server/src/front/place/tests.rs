//! Who gets a place, and who has to give one up.

use super::*;
use crate::access::{Access, Credential, Entry, Key, Password, Secret, Store};
use crate::front::crowd::Limits;
use crate::session::Roster;
use std::sync::Barrier;

const LIMITS: Limits = Limits {
    members: 3,
    per_address: 20,
    guests: 40,
    viewers: 1,
};

fn address(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

fn enter(crowd: &Crowd, number: u8) -> Arc<Place> {
    Place::enter(crowd, address(number), false).into()
}

fn viewer() -> Arc<Viewer> {
    Roster::default().viewer((address(1), 1).into(), "0", "jpeg", None)
}

async fn grant() -> Grant {
    Access::open().judge(&[], address(0)).await.unwrap()
}

/// Who has the owner's key, or one that may only look.
struct Keyed {
    access: Access,
    keys: Vec<(&'static str, Key)>,
    _directory: tempfile::TempDir,
}

impl Keyed {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().into());
        let mut keys = Vec::new();
        for name in ["door", "shed"] {
            let key = Key::random().unwrap();
            let secret = Secret::Key(key.clone());
            let entry = Entry::new(name.parse().unwrap(), Role::View, secret);
            store.change(|keys| keys.keys.push(entry)).unwrap();
            keys.push((name, key));
        }
        let access = Access::with(store).unwrap();
        keys.push(("owner", access.owners_key().unwrap()));
        Self {
            access,
            keys,
            _directory: directory,
        }
    }

    async fn grant(&self, name: &str) -> Grant {
        let (_, key) = self.keys.iter().find(|(known, _)| *known == name).unwrap();
        let shown = [Credential::Key(Password::new(key.as_str()))];
        self.access.judge(&shown, address(0)).await.unwrap()
    }
}

fn staying(places: &[Arc<Place>]) -> usize {
    let staying = places.iter().filter(|place| !place.leave.is_cancelled());
    staying.count()
}

#[tokio::test]
async fn one_address_has_few_places_where_it_is_to_and_others_have_theirs() {
    let crowd = Crowd::new(LIMITS);
    let taken: Vec<_> = (0..50).map(|_| enter(&crowd, 1)).collect();
    assert_eq!(staying(&taken), LIMITS.per_address);
    assert!(!taken[49].leave.is_cancelled(), "the newest had to go");
    let other = enter(&crowd, 2);
    other.admit(&grant().await, address(2)).unwrap();
    assert_eq!(crowd.connections(), (1, LIMITS.per_address));
    drop((taken, other));
    assert_eq!(crowd.connections(), (0, 0));

    let proxied: Vec<_> = (0..30)
        .map(|_| Arc::new(Place::enter(&crowd, address(1), true)))
        .collect();
    assert_eq!(staying(&proxied), 30);
}

#[tokio::test]
async fn an_address_that_has_all_it_may_have_is_shared_by_its_keys_and_the_owner_comes_in() {
    let crowd = Crowd::new(Limits {
        members: 100,
        per_address: 6,
        ..LIMITS
    });
    let keys = Keyed::new();
    let (door, shed, owner) = (keys.grant("door"), keys.grant("shed"), keys.grant("owner"));
    let (door, shed, owner) = (door.await, shed.await, owner.await);
    let greedy: Vec<_> = (0..6).map(|_| enter(&crowd, 1)).collect();
    for place in &greedy {
        place.admit(&door, address(1)).unwrap();
    }
    // It may still show what lets it in, however many beside it say nothing.
    let guests: Vec<_> = (0..20).map(|_| enter(&crowd, 1)).collect();
    assert_eq!(crowd.connections(), (6, 4));
    let newest = |back: usize| &guests[19 - back];
    let full = newest(0).admit(&door, address(1));
    assert_eq!(full, Err(Full::Address(6)));
    newest(0).admit(&owner, address(1)).unwrap();
    newest(1).admit(&shed, address(1)).unwrap();
    assert_eq!(staying(&greedy), 4);
    assert_eq!(crowd.connections(), (6, 2));
    // Elsewhere there is room.
    let other = enter(&crowd, 2);
    other.admit(&door, address(2)).unwrap();
    assert_eq!((staying(&greedy), crowd.connections()), (4, (7, 2)));
}

#[test]
fn of_as_many_addresses_with_equally_many_strangers_the_one_idle_for_longest_goes() {
    let crowd = Crowd::new(Limits {
        guests: 5,
        ..LIMITS
    });
    let places = [1, 2, 2, 3, 3].map(|number| enter(&crowd, number));
    let busy = places[1].begin();
    let _sixth = enter(&crowd, 4);
    let gone = || {
        let gone = places.iter().filter(|place| place.leave.is_cancelled());
        gone.count()
    };
    assert!(places[2].leave.is_cancelled() && gone() == 1);
    let _seventh = enter(&crowd, 5);
    assert!(places[3].leave.is_cancelled() && gone() == 2);
    drop(busy);
}

#[tokio::test]
async fn a_flood_of_strangers_pushes_its_own_out_and_nobody_who_was_let_in() {
    let crowd = Crowd::new(LIMITS);
    let owner = enter(&crowd, 1);
    owner.admit(&grant().await, address(1)).unwrap();
    let newcomer = enter(&crowd, 2);
    let flood: Vec<_> = (0..200)
        .map(|number| enter(&crowd, 10 + number % 3))
        .collect();
    assert_eq!(crowd.connections(), (1, LIMITS.guests));
    assert!(!owner.leave.is_cancelled() && !newcomer.leave.is_cancelled());
    assert!(staying(&flood) < LIMITS.guests);
    newcomer.admit(&grant().await, address(2)).unwrap();
    drop((flood, owner, newcomer));
    assert_eq!(crowd.connections(), (0, 0));
}

#[test]
fn strangers_behind_a_proxy_count_under_their_own_addresses() {
    let crowd = Crowd::new(Limits {
        guests: 4,
        ..LIMITS
    });
    let proxied: Vec<_> = [1, 2, 2, 3]
        .map(|number| {
            let place = Arc::new(Place::enter(&crowd, address(9), true));
            place.used_by(address(number));
            place
        })
        .into();
    let _fifth = Place::enter(&crowd, address(9), true);
    let gone: Vec<_> = proxied
        .iter()
        .map(|place| place.leave.is_cancelled())
        .collect();
    assert_eq!(gone, [false, true, false, false]);
}

#[test]
fn of_strangers_those_whose_request_is_answered_stay() {
    let crowd = Crowd::new(Limits {
        guests: 3,
        ..LIMITS
    });
    let places: Vec<_> = (0..3).map(|_| enter(&crowd, 1)).collect();
    let busy = places[0].begin();
    let _fourth = enter(&crowd, 1);
    assert!(places[1].leave.is_cancelled());
    drop(busy);
    // The first one has been idle for a shorter time than the third.
    let _fifth = enter(&crowd, 1);
    assert!(!places[0].leave.is_cancelled() && places[2].leave.is_cancelled());
}

#[tokio::test]
async fn those_that_were_let_in_have_a_limit_too_and_share_it() {
    let crowd = Crowd::new(LIMITS);
    let grant = grant().await;
    let places: Vec<_> = (0..4).map(|_| enter(&crowd, 1)).collect();
    let admitted: Vec<_> = places
        .iter()
        .map(|place| place.admit(&grant, address(1)))
        .collect();
    let own = Own {
        credential: None,
        address: 3,
    };
    assert_eq!(
        admitted,
        [Ok(()), Ok(()), Ok(()), Err(Full::Connections(3, own))]
    );
    places[0].admit(&grant, address(1)).unwrap();
    assert_eq!(crowd.connections(), (3, 1));
    // Of the three, one is busy, and the newest of the others goes.
    let busy = places[2].begin();
    let other = enter(&crowd, 2);
    other.admit(&grant, address(2)).unwrap();
    assert_eq!(crowd.connections(), (3, 1));
    assert!(places[1].leave.is_cancelled());
    assert_eq!(places[1].admit(&grant, address(1)), Err(Full::Evicted));
    drop((places, other, busy));
    assert_eq!(crowd.connections(), (0, 0));
}

#[tokio::test]
async fn of_many_that_come_at_once_no_more_look_than_may() {
    const MOST: usize = 5;
    let crowd = Crowd::new(Limits {
        members: 100,
        viewers: MOST,
        ..LIMITS
    });
    let (grant, together) = (grant().await, Barrier::new(16));
    let places: Vec<_> = (0..16).map(|_| enter(&crowd, 1)).collect();
    let looking = std::thread::scope(|scope| {
        let look = |place: &Arc<Place>| {
            together.wait();
            place.admit(&grant, address(1)).unwrap();
            place.look(viewer()).is_ok()
        };
        let coming: Vec<_> = places
            .iter()
            .map(|place| scope.spawn(move || look(place)))
            .collect();
        let came = coming.into_iter().map(|thread| thread.join().unwrap());
        came.filter(|looks| *looks).count()
    });
    assert_eq!((looking, staying(&places)), (MOST, 16));
}

#[tokio::test(start_paused = true)]
async fn a_stranger_has_a_minute_and_who_was_let_in_stays() {
    let crowd = Crowd::new(LIMITS);
    let began = tokio::time::Instant::now();
    assert_eq!(enter(&crowd, 1).over().await, Over::Evicted);
    assert_eq!(began.elapsed(), STAY);
    let member = enter(&crowd, 1);
    let over = member.over();
    tokio::pin!(over);
    assert!(tokio::time::timeout(STAY / 2, &mut over).await.is_err());
    member.admit(&grant().await, address(1)).unwrap();
    assert!(tokio::time::timeout(STAY * 60, &mut over).await.is_err());
    member.leave.cancel();
    assert_eq!(over.await, Over::Evicted);
}
