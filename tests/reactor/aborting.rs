//! What is cut, by us or by the peer, is told once, and what is told it later does nothing.

use std::io::{self, Read, Write};
use std::time::Duration;

use ws4rs::internal::reactor::{Close, Token};

use crate::house::*;

on_every_kernel! {
    an_abort_resets_and_is_told_once
    an_abort_brings_the_send_home_first
    a_reset_is_told_once_and_is_an_error
    a_reset_brings_the_send_home_first
    a_send_on_a_closing_connection_comes_home_untouched
    stale_tokens_do_nothing
}

fn an_abort_resets_and_is_told_once(mut house: House) {
    let (token, mut peer) = house.pair();
    peer.write_all(b"unheard").unwrap();
    house.driver.close(token, Close::Abort);
    house.driver.close(token, Close::Abort);
    house.until(|told| matches!(told, Told::Closed(_, Ok(()))));
    house.driver.close(token, Close::Abort);
    assert!(house.turn(Duration::ZERO).is_empty());
    let error = peer.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

fn an_abort_brings_the_send_home_first(mut house: House) {
    let (token, peer) = house.pair();
    let left = house.fill(token);
    assert!((1..32 << 20).contains(&left), "sent in part, and stuck");
    house.driver.close(token, Close::Abort);
    let mut home = None;
    house.until(|told| {
        if let Told::Sent(_, rest) = told {
            home = Some(rest.len());
        }
        matches!(told, Told::Closed(_, Ok(())))
    });
    assert_eq!(home, Some(left));
    drop(peer);
}

fn a_reset_is_told_once_and_is_an_error(mut house: House) {
    for _ in 0..20 {
        let (token, peer) = house.pair();
        reset(peer);
        house.until(|told| matches!(told, Told::Closed(of, Err(_)) if *of == token));
        house.driver.close(token, Close::Finish);
        assert!(house.turn(Duration::ZERO).is_empty());
    }
}

fn a_reset_brings_the_send_home_first(mut house: House) {
    for _ in 0..20 {
        let (token, peer) = house.pair();
        house.fill(token);
        reset(peer);
        let mut home = 0;
        house.until(|told| {
            home += usize::from(matches!(told, Told::Sent(..)));
            matches!(told, Told::Closed(of, Err(_)) if *of == token)
        });
        assert_eq!(home, 1);
    }
}

fn a_send_on_a_closing_connection_comes_home_untouched(mut house: House) {
    for how in [Close::Finish, Close::Abort] {
        let (token, peer) = house.pair();
        house.driver.close(token, how);
        house.send(token, own(b"too late"));
        house.until(|told| matches!(told, Told::Sent(_, rest) if rest.len() == 8));
        drop(peer);
        house.until(|told| matches!(told, Told::Closed(_, Ok(()))));
    }
}

fn stale_tokens_do_nothing(mut house: House) {
    let (stale, peer) = house.pair();
    house.driver.close(stale, Close::Abort);
    house.until(|told| matches!(told, Told::Closed(..)));
    drop(peer);
    let (token, mut peer) = house.pair();
    assert_ne!(stale, token);
    for stale in [
        stale,
        Token {
            index: 77,
            generation: 0,
        },
    ] {
        house.driver.read(stale, false);
        assert!(house.driver.send(stale, own(b"lost")).is_none());
        house.driver.finish(stale, own(b"lost"));
        house.driver.close(stale, Close::Abort);
    }
    peer.write_all(b"alive").unwrap();
    house.until(
        |told| matches!(told, Told::Received(of, bytes) if *of == token && bytes == b"alive"),
    );
    house.send(token, own(b"well"));
    house.until(|told| matches!(told, Told::Sent(_, rest) if rest.is_empty()));
    assert_eq!(read(&mut peer, 4), b"well");
}
