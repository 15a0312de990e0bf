//! The rule of who gives way, with times that come in.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

const BOUNDS: Bounds = Bounds { all: 6, per_address: 3 };

fn at(host: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, host), port).into()
}

fn over<'a>(seats: impl IntoIterator<Item = &'a Seat>) -> Vec<bool> {
    seats.into_iter().map(Seat::is_over).collect()
}

fn count(seats: &Seats) -> usize {
    seats.taken().count
}

/// Connections of one host, from port 1 on, a millisecond apart from the first.
fn many(seats: &Seats, host: u8, ports: std::ops::RangeInclusive<u16>) -> Vec<Seat> {
    ports.map(|port| seats.enter_at(at(host, port), port.into()).expect("a seat")).collect()
}

#[test]
fn whoever_kept_its_address_waiting_longest_gives_way() {
    let seats = Seats::new(BOUNDS);
    let held = many(&seats, 1, 1..=3);
    // The first has sent its request meanwhile, and is waited for anew.
    held[0].0.waits_since(40);
    let newest = seats.enter_at(at(1, 4), 50).expect("a seat");
    assert_eq!(over(held.iter().chain([&newest])), [false, true, false, false]);
    let elsewhere = seats.enter_at(at(2, 1), 60).expect("a seat");
    assert_eq!(over([&held[0], &held[2], &newest, &elsewhere]), [false; 4]);
    assert_eq!(count(&seats), 4);
    drop(held);
    assert_eq!(count(&seats), 2);
}

#[test]
fn who_is_worked_for_is_never_ended() {
    let seats = Seats::new(BOUNDS);
    let held = many(&seats, 1, 1..=3);
    for seat in &held {
        seat.presence().is_worked_for();
        // Some of an answer is sent while the next request of the same connection is worked for.
        seat.took_some_at(9);
    }
    assert!(seats.enter_at(at(1, 4), 50).is_none(), "its address has its share");
    seats.end_waiting_before(1_000_000);
    assert_eq!(over(&held), [false; 3]);
    assert!(seats.enter_at(at(2, 1), 60).is_some());
}

#[test]
fn the_address_with_most_seats_gives_one_to_others() {
    let seats = Seats::new(BOUNDS);
    let eldest = seats.enter_at(at(11, 1), 0).expect("a seat");
    let crowd = many(&seats, 1, 1..=3);
    let few = [many(&seats, 12, 5..=5), many(&seats, 13, 5..=5)];
    assert_eq!(count(&seats), BOUNDS.all);
    let newest = seats.enter_at(at(2, 1), 10).expect("a seat");
    assert_eq!(over(&crowd), [true, false, false]);
    assert_eq!(over(few.iter().flatten().chain([&newest, &eldest])), [false; 4]);
    assert_eq!(count(&seats), BOUNDS.all);
}

#[test]
fn a_favored_address_has_no_share_and_keeps_its_seats() {
    let seats = Seats::new(BOUNDS);
    seats.favor([at(1, 0).ip().into()]);
    let favored = many(&seats, 1, 1..=5);
    let strangers: Vec<Seat> =
        (10..30).map(|host| seats.enter_at(at(host, 1), host.into()).expect("one")).collect();
    assert_eq!(over(&favored), [false; 5]);
    assert_eq!(strangers.iter().filter(|seat| !seat.is_over()).count(), 1);
    let again = seats.enter_at(at(1, 9), 50).expect("one");
    assert!(strangers.iter().all(Seat::is_over) && !again.is_over());
    assert!(!seats.enter_at(at(1, 10), 51).expect("its own eldest gives way").is_over());
    assert_eq!(over(&favored), [true, false, false, false, false]);
}

#[test]
fn a_subscriber_of_ipv6_has_one_share() {
    let seats = Seats::new(BOUNDS);
    let of = |host: u16| SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, host), 1));
    let held: Vec<Seat> =
        (1..=4).map(|host| seats.enter_at(of(host), host.into()).expect("one")).collect();
    assert_eq!(over(&held), [true, false, false, false]);
}

#[test]
fn what_takes_too_long_is_ended_and_what_settled_is_not() {
    let seats = Seats::new(BOUNDS);
    let held = many(&seats, 1, 1..=2);
    seats.settle(at(1, 2));
    seats.settle(at(1, 77));
    assert_eq!(count(&seats), 1);
    let reading = seats.enter_at(at(1, 3), 1).expect("one");
    reading.took_some_at(90);
    seats.end_waiting_before(50);
    assert_eq!(over(held.iter().chain([&reading])), [true, false, false]);
    drop(held);
    assert_eq!(count(&seats), 1);
}

#[tokio::test]
async fn one_that_is_ended_wakes_and_reads_the_end() {
    use tokio::io::AsyncReadExt as _;
    let seats = Seats::new(Bounds { all: 1, per_address: 1 });
    let (near, _far) = tokio::io::duplex(64);
    let mut reading = Seated::new(near, seats.enter(at(1, 1)).expect("one"));
    let read = tokio::spawn(async move { reading.read(&mut [0; 8]).await });
    tokio::task::yield_now().await;
    let _next = seats.enter(at(1, 2)).expect("one");
    assert_eq!(read.await.expect("ran").expect("read"), 0);
}

#[tokio::test]
async fn one_that_is_ended_while_it_sends_fails_instead_of_waiting() {
    use tokio::io::AsyncWriteExt as _;
    let seats = Seats::new(Bounds { all: 1, per_address: 1 });
    let (near, _far) = tokio::io::duplex(4);
    let mut writing = Seated::new(near, seats.enter(at(1, 1)).expect("one"));
    let written = tokio::spawn(async move { writing.write_all(b"more than fits").await });
    tokio::task::yield_now().await;
    let _next = seats.enter(at(1, 2)).expect("one");
    let error = written.await.expect("ran").expect_err("there is no room");
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}
