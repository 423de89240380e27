//! A dial that is refused, and what comes home of what was said to it.

use std::time::Duration;

use ws4rs::internal::chunk::Chunks;
use ws4rs::internal::reactor::{Close, EVENTS_PER_TURN};

use super::dials::{Refusing, dial, expect_refused, is_given_up_or_refused};
use crate::house::*;

on_every_kernel! {
    a_refused_connect_is_told_with_its_error
    a_refused_connect_brings_the_send_home_untouched
    a_refused_connect_is_told_by_the_send_while_reading_is_paused
    a_finish_of_a_refused_connect_ends_it
    a_finish_before_a_refusal_is_heard_does_not_hide_it
}

fn a_refused_connect_is_told_with_its_error(mut house: House) {
    let port = Refusing::new();
    for _ in 0..50 {
        let token = dial(&mut house, port.address());
        expect_refused(&mut house, token, None);
        house.driver.close(token, Close::Finish);
        assert!(house.turn(Duration::ZERO).is_empty());
    }
}

fn a_refused_connect_brings_the_send_home_untouched(mut house: House) {
    let port = Refusing::new();
    for chunks in 1..50 {
        let token = dial(&mut house, port.address());
        let mut words = Chunks::new();
        for _ in 0..chunks {
            words.share(b"hello".as_slice().into());
        }
        let length = words.len();
        house.send(token, words);
        expect_refused(&mut house, token, Some(length));
    }
}

fn a_refused_connect_is_told_by_the_send_while_reading_is_paused(mut house: House) {
    let port = Refusing::new();
    for said_before in [false, true] {
        let token = dial(&mut house, port.address());
        house.driver.read(token, false);
        if !said_before {
            let told = house.turn(Duration::ZERO);
            assert!(told.is_empty(), "{told:?}");
        }
        house.send(token, own(b"hello"));
        expect_refused(&mut house, token, Some(5));
    }
}

fn a_finish_of_a_refused_connect_ends_it(mut house: House) {
    let port = Refusing::new();
    for paused in [false, true] {
        for _ in 0..20 {
            let token = dial(&mut house, port.address());
            house.driver.read(token, !paused);
            house.driver.close(token, Close::Finish);
            house.until(|told| is_given_up_or_refused(told, token));
        }
    }
}

/// The sends of others fill the turn: of the last ones the kernel has given the reason away by then, but
/// nobody has heard it.
fn a_finish_before_a_refusal_is_heard_does_not_hide_it(mut house: House) {
    let port = Refusing::new();
    for _ in 0..EVENTS_PER_TURN {
        let token = dial(&mut house, port.address());
        house.send(token, own(b"hello"));
    }
    let mut silent: Vec<_> = (0..20).map(|_| dial(&mut house, port.address())).collect();
    house.turn(PATIENCE);
    silent.retain(|token| house.open.contains_key(token));
    for &token in &silent {
        house.driver.close(token, Close::Finish);
    }
    house.until(|told| {
        if !matches!(told, Told::Sent(..)) {
            silent.retain(|&token| !is_given_up_or_refused(told, token));
        }
        silent.is_empty()
    });
}
