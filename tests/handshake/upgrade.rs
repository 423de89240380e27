//! What asks for a WebSocket, and for which (H24, S2 to S8).

use ws4rs::proto::handshake::{AcceptError, Acceptance, Refusal, accept_key};

use super::player::{
    assert_plain, assert_refused, assert_taken, assert_upgrade_required, play, read,
};
use super::requests::{KEY, VERSION, adding, asking, request, with, without};
use crate::head::head;

#[test]
fn h24_an_upgrade_that_connection_does_not_name_is_ignored() {
    assert_plain(&without("Connection"));
    for value in "keep-alive|close|upgrades|up, grade|\"upgrade\"|websocket".split('|') {
        assert_plain(&with("Connection", value));
    }
    // Nor is the rest of it looked at.
    let bytes = with("Connection", "close\r\nSec-WebSocket-Key: again");
    assert_plain(&bytes);
}

#[test]
fn s02_upgrade_holds_websocket_as_a_whole_value_in_any_case() {
    for value in [
        "websocket",
        "WebSocket",
        "WEBSOCKET",
        "h2c, websocket",
        "websocket,h2c",
    ] {
        assert_taken(&with("Upgrade", value));
    }
    for value in "|websockets|web socket|websocket/13|xwebsocket|h2c|\"websocket\"".split('|') {
        assert_plain(&with("Upgrade", value));
    }
    assert_plain(&without("Upgrade"));
}

#[test]
fn s03_connection_holds_the_token_upgrade() {
    for value in
        "Upgrade|upgrade|UPGRADE|keep-alive, Upgrade|upgrade,x|x ,\tUpgrade\t, y".split('|')
    {
        assert_taken(&with("Connection", value));
    }
}

#[test]
fn s04_the_key_comes_once_and_is_16_bytes_in_base64() {
    assert_refused(&without(KEY), Refusal::Key);
    let bytes = with(
        KEY,
        "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    );
    assert_refused(&bytes, Refusal::Key);
    for key in "|x|dGhlIHNhbXBsZSBub25jZQ|dGhlIHNhbXBsZSBub25jZQ=|dGhlIHNhbXBsZSBub25jZQ===|\
        dGhlIHNhbXBsZSBub25j|dGhlIHNhbXBsZSBub25jZWE=|dGhlIHNhbXBsZSBub25jZWFi|\
        dGhlIHNhbXBsZSBub25jZ===|dGhlIHNhbXBsZSBub2 jZQ==|dGhlIHNhbXBsZSBub2-jZQ==|\
        dGhlIHNhbXBsZSBub2_jZQ==|========================|dGhlIHNhbXBsZSBub\u{e9}jZQ==|\
        dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="
        .split('|')
    {
        let answer = play(&with(KEY, key));
        assert_eq!(answer.refused, Some(Refusal::Key), "{key:?}");
        assert_eq!(answer.status(), "400 Bad Request");
    }
    for key in ["AAAAAAAAAAAAAAAAAAAAAA==", "/+/+/+/+/+/+/+/+/+/+/w=="] {
        assert_eq!(play(&with(KEY, key)).refused, None);
    }
    // RFC 6455 4.1 has this one, whose last character carries bits beyond the 16th byte.
    assert_eq!(play(&with(KEY, "AQIDBAUGBwgJCgsMDQ4PEC==")).refused, None);
}

#[test]
fn s05_the_version_comes_once() {
    assert_refused(&without(VERSION), Refusal::VersionMissing);
    let bytes = with(VERSION, "13\r\nSec-WebSocket-Version: 13");
    assert_refused(&bytes, Refusal::VersionMissing);
    assert_eq!(Refusal::VersionMissing.status(), 400);
}

#[test]
fn s06_a_wrong_version_is_426_and_told_ours() {
    for version in [
        "8", "12", "14", "0", "255", "013", "13.0", "8, 13", "x", "-13", "",
    ] {
        let answer = play(&with(VERSION, version));
        assert_upgrade_required(&answer, Refusal::Version);
    }
}

#[test]
fn s07_a_request_that_asks_wrongly_is_an_error() {
    let broken = [
        (without(KEY), 400),
        (without(VERSION), 400),
        (with(VERSION, "7"), 426),
        (adding("Sec-WebSocket-Extensions: ;"), 400),
        (without("Host"), 400),
        (request("PUT / HTTP/1.1"), 405),
        (request("GET / HTTP/2.0"), 505),
    ];
    for (bytes, status) in broken {
        assert_eq!(play(&bytes).refused.map(Refusal::status).unwrap(), status);
    }
    // A plain one is no error yet: whoever serves pages may answer it.
    let plain = head("GET /health?full HTTP/1.1", &["Host: a"]);
    let seen = read(&plain, |r| {
        (
            r.is_upgrade(),
            r.key().is_some(),
            r.path() == "/health",
            r.refusal(),
        )
    });
    assert_eq!(seen, Ok((false, false, true, Refusal::UpgradeRequired)));
    let accepted = read(&plain, |r| Acceptance::new().write(r, &mut Vec::new()));
    assert_eq!(accepted, Ok(Err(AcceptError::NotAskedFor)));
}

#[test]
fn s08_the_accept_key_is_that_of_the_rfc() {
    assert_eq!(
        &accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
        b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    let answer = play(&asking());
    assert_eq!(
        answer.field("Sec-WebSocket-Accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
}
