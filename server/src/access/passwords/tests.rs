//! Who is checked when, what is remembered of it, and how many may guess. No hash is computed here.

use super::super::hash::Hash;
use super::super::held::hold;
use super::super::key::{Entry, Key, Secret};
use super::super::known::FORGOTTEN;
use super::super::role::Role;
use super::*;
use std::collections::HashSet;

const RIGHT: &str = "correct horse";

fn held(name: &str) -> Arc<Held> {
    let hash =
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let secret = Secret::Argon2(Hash::try_from(hash.to_owned()).unwrap());
    let entry = Entry::new(name.parse().unwrap(), Role::View, secret);
    hold(entry, &Key::random().unwrap())
}

fn address(number: u32) -> IpAddr {
    IpAddr::from((0x0a00_0000 + number).to_be_bytes())
}

/// Passwords, at a moment of the test's own.
struct Bench {
    passwords: Passwords,
    now: Instant,
}

type Answer = oneshot::Receiver<Result<(), Refused>>;

impl Bench {
    fn new() -> Self {
        Self {
            passwords: Passwords::default(),
            // Later than anything that the test makes.
            now: Instant::now() + Duration::from_secs(60),
        }
    }

    fn show(&self, held: &Arc<Held>, typed: &str, from: u32) -> Judged {
        self.show_from(held, typed, address(from))
    }

    fn show_from(&self, held: &Arc<Held>, typed: &str, from: IpAddr) -> Judged {
        let typed = Password::new(typed);
        self.passwords.show(held, &typed, from, self.now)
    }

    /// Checks a guess from there where any may be checked.
    fn guess_from(&self, held: &Arc<Held>, from: &str) -> Judged {
        let judged = self.show_from(held, "guess", from.parse().unwrap());
        self.check();
        judged
    }

    /// An answer that was there at once.
    fn at_once(&self, held: &Arc<Held>, typed: &str, from: u32) -> Result<(), Refused> {
        match self.show(held, typed, from) {
            Judged::At(judged) => judged,
            Judged::Later { .. } => panic!("{typed} from {from} has to be checked"),
        }
    }

    fn queued(&self, held: &Arc<Held>, typed: &str, from: u32) -> Answer {
        match self.show(held, typed, from) {
            Judged::Later { answer, .. } => answer,
            Judged::At(judged) => panic!("{typed} from {from} is {judged:?}"),
        }
    }

    /// Checks what is next; what that was.
    fn check(&self) -> Option<String> {
        let (_, typed) = self.passwords.next(self.now)?;
        let typed = typed.as_str().to_owned();
        self.passwords.checked(typed == RIGHT, self.now);
        Some(typed)
    }

    /// Somebody was let in there.
    fn let_in(&self, held: &Arc<Held>, from: u32) {
        let mut answer = self.queued(held, RIGHT, from);
        assert_eq!(self.check().unwrap(), RIGHT);
        assert_eq!(answer.try_recv().unwrap(), Ok(()));
    }
}

fn is_throttled(judged: &Result<(), Refused>) -> bool {
    matches!(judged, Err(Refused::Throttled(_)))
}

#[test]
fn the_same_password_shown_by_many_at_once_is_one_check_and_then_none() {
    let (bench, anna) = (Bench::new(), held("anna"));
    let answers: Vec<_> = (0..12).map(|_| bench.queued(&anna, RIGHT, 1)).collect();
    let (_, typed) = bench.passwords.next(bench.now).unwrap();
    // Who comes while it is checked has its answer, too.
    let late = bench.queued(&anna, RIGHT, 1);
    bench.passwords.checked(typed.as_str() == RIGHT, bench.now);
    for mut answer in answers.into_iter().chain([late]) {
        assert_eq!(answer.try_recv().unwrap(), Ok(()));
    }
    assert_eq!(bench.check(), None);
    for from in [1, 2, 3] {
        assert_eq!(bench.at_once(&anna, RIGHT, from), Ok(()));
    }
    assert_eq!(bench.at_once(&anna, "wrong", 4), Err(Refused::Wrong));
    assert_eq!(bench.check(), None);
}

#[test]
fn guesses_at_once_are_no_more_than_guesses_one_by_one() {
    let (bench, anna) = (Bench::new(), held("anna"));
    let mut answers = Vec::new();
    for number in 0..12 {
        match bench.show(&anna, &number.to_string(), 1) {
            // Whoever hangs up has guessed all the same.
            Judged::Later { answer, .. } => answers.push(answer),
            Judged::At(judged) => assert!(is_throttled(&judged)),
        }
    }
    assert_eq!(answers.len(), 4);
    drop(answers);
    while bench.check().is_some() {}
    assert!(is_throttled(&bench.at_once(&anna, RIGHT, 1)));
    bench.queued(&held("bert"), "his own", 1);
}

#[test]
fn what_is_right_for_one_name_forgives_nothing_at_another() {
    let (bench, anna, bert) = (Bench::new(), held("anna"), held("bert"));
    for number in 0..4 {
        drop(bench.queued(&anna, &number.to_string(), 1));
    }
    while bench.check().is_some() {}
    bench.let_in(&bert, 1);
    assert_eq!(bench.at_once(&bert, RIGHT, 1), Ok(()));
    assert!(is_throttled(&bench.at_once(&anna, "guess", 1)));
}

#[test]
fn whoever_comes_new_comes_before_a_flood_of_guesses() {
    let (bench, anna) = (Bench::new(), held("anna"));
    let mut guesses = HashSet::new();
    for round in 0..4 {
        for from in 0..15 {
            let guess = format!("{round} {from}");
            drop(bench.queued(&anna, &guess, from));
            guesses.insert(guess);
        }
    }
    let mut owner = bench.queued(&anna, RIGHT, 1000);
    assert_eq!(bench.check().unwrap(), RIGHT);
    assert_eq!(owner.try_recv().unwrap(), Ok(()));
    // From then on it is known what is wrong.
    assert_eq!(bench.check(), None);
    assert!(is_throttled(&bench.at_once(&anna, RIGHT, 3)));
}

#[test]
fn where_no_more_can_wait_the_greediest_is_told_to_come_again() {
    let (bench, anna) = (Bench::new(), held("anna"));
    let mut greedy: Vec<_> = (0..4)
        .map(|number| bench.queued(&anna, &number.to_string(), 1))
        .collect();
    let mut others: Vec<_> = (0..WAITING as u32)
        .map(|from| bench.queued(&anna, "guess", 100 + from))
        .collect();
    for answer in &mut greedy[1..] {
        assert!(is_throttled(&answer.try_recv().unwrap()));
    }
    assert!(is_throttled(&greedy[0].try_recv().unwrap()));
    assert!(others.iter_mut().all(|answer| answer.try_recv().is_err()));
    // Of equal ones the oldest.
    let mut newest = bench.queued(&anna, "guess", 1000);
    assert!(is_throttled(&others[0].try_recv().unwrap()));
    assert!(others[1].try_recv().is_err());
    bench.check().unwrap();
    assert_eq!(newest.try_recv().unwrap(), Err(Refused::Wrong));
    assert_eq!(bench.passwords.desk().waiting.len(), WAITING - 1);
    // What was not checked was no guess.
    bench.queued(&anna, "again", 1);
}

#[test]
fn where_it_was_right_before_others_wrong_ones_are_nothing() {
    let (bench, anna) = (Bench::new(), held("anna"));
    bench.let_in(&anna, 1);
    for from in 2..5000 {
        let judged = bench.at_once(&anna, "guess", from);
        assert!(judged.is_err());
    }
    // Also those of others behind the same address, if they are not very many.
    for _ in 0..60 {
        assert_eq!(bench.at_once(&anna, "guess", 1), Err(Refused::Wrong));
        assert_eq!(bench.at_once(&anna, RIGHT, 1), Ok(()));
    }
    // Else whoever is behind it could guess for ever.
    assert_eq!(bench.at_once(&anna, "guess", 1), Err(Refused::Wrong));
    assert!(is_throttled(&bench.at_once(&anna, RIGHT, 1)));
    let later = bench.now + Duration::from_secs(10);
    let bench = Bench {
        now: later,
        ..bench
    };
    assert_eq!(bench.at_once(&anna, RIGHT, 1), Ok(()));
}

#[test]
fn however_many_addresses_guess_they_try_few() {
    let (mut bench, anna) = (Bench::new(), held("anna"));
    bench.let_in(&anna, 0);
    let tried = |bench: &Bench, addresses: std::ops::Range<u32>| {
        let judged = addresses.map(|from| bench.at_once(&anna, "guess", from));
        judged
            .filter(|judged| *judged == Err(Refused::Wrong))
            .count()
    };
    assert_eq!(tried(&bench, 1..10_000), 601);
    bench.now += Duration::from_secs(10);
    assert_eq!(tried(&bench, 10_000..20_000), 10);
    assert_eq!(bench.at_once(&anna, RIGHT, 0), Ok(()));
}

#[test]
fn a_neighbour_with_addresses_without_end_uses_up_the_guesses_of_ipv6_neighbours_alone() {
    let (bench, anna) = (Bench::new(), held("anna"));
    let mut tried = 0;
    for number in 0..2000 {
        let judged = bench.guess_from(&anna, &format!("fe80::{number:x}"));
        tried += usize::from(matches!(judged, Judged::Later { .. }));
    }
    assert_eq!(tried, 301);
    bench.let_in(&anna, 1);
}

#[test]
fn others_of_the_same_network_do_not_use_up_the_patience_with_an_address_where_it_was_right() {
    let (bench, anna) = (Bench::new(), held("anna"));
    let owner = || bench.show_from(&anna, RIGHT, "2001:db8::1".parse().unwrap());
    let first = owner();
    bench.check().unwrap();
    assert!(matches!(first, Judged::Later { .. }));
    for number in 2..100 {
        bench.guess_from(&anna, &format!("2001:db8::{number:x}"));
    }
    assert!(matches!(owner(), Judged::At(Ok(()))));
}

#[test]
fn what_was_right_is_forgotten_with_its_password_and_after_a_day_without_it() {
    let (mut bench, anna) = (Bench::new(), held("anna"));
    bench.let_in(&anna, 1);
    bench.now += FORGOTTEN - Duration::from_secs(1);
    assert_eq!(bench.at_once(&anna, RIGHT, 1), Ok(()));
    bench.now += FORGOTTEN;
    drop(bench.queued(&anna, RIGHT, 1));
    bench.check().unwrap();
    // Another password of the same name.
    drop(bench.queued(&held("anna"), RIGHT, 1));
    assert_eq!(bench.at_once(&anna, RIGHT, 1), Ok(()));
}

#[test]
fn a_password_that_was_removed_while_it_waited_lets_nobody_in() {
    let (bench, anna) = (Bench::new(), held("anna"));
    let mut answer = bench.queued(&anna, RIGHT, 1);
    anna.ended.cancel();
    assert_eq!(bench.check(), None);
    assert_eq!(answer.try_recv().unwrap(), Err(Refused::Wrong));
}
