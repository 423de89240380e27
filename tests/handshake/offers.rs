//! Subprotocols and extensions: what is offered, and what is chosen (S9, S10).

use http::StatusCode;
use ws4rs::proto::handshake::{AcceptError, Acceptance, Refusal, Response};

use super::player::{accept_with, assert_accepted, assert_refused, assert_taken, play, read};
use super::requests::{adding, offered, strings};

#[test]
fn s09_a_subprotocol_is_one_of_those_offered_or_none() {
    let bytes = adding("Sec-WebSocket-Protocol: soap, chat.v2,\tchat.v1");
    let chosen = |ours: &'static [&'static str]| read(&bytes, |r| r.choose(ours)).unwrap();
    assert_eq!(chosen(&["chat.v3", "chat.v1", "soap"]), Some("chat.v1"));
    assert_eq!(chosen(&["Soap", "chat", "chat.v1,"]), None);
    assert_eq!(chosen(&[]), None);

    let speak = |name: &'static str| accept_with(&Acceptance::new().subprotocol(name), &bytes);
    assert!(
        speak("chat.v2")
            .unwrap()
            .contains("\r\nSec-WebSocket-Protocol: chat.v2\r\n")
    );
    for name in ["chat", "CHAT.V2", "", "soap, chat.v2", "a\r\nX: y"] {
        assert_eq!(speak(name), Err(AcceptError::NotOffered(name.to_owned())));
    }
    let error = Response::from(AcceptError::NotOffered(String::new()));
    assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
    // None chosen, none sent.
    assert_eq!(play(&bytes).field("Sec-WebSocket-Protocol"), None);
    // What is no token is no offer, and does not spoil the others.
    let bytes = adding("Sec-WebSocket-Protocol: a b, \u{e9}, c/d, \"e\", f");
    assert_eq!(read(&bytes, offered), Ok(strings(&["f"])));
    assert_taken(&bytes);
}

#[test]
fn s10_extensions_are_never_volunteered_and_a_broken_offer_is_400() {
    let good = [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits, permessage-deflate",
        "x; y=\"z\"; w = 1 ;v",
        "x; y=\"a\\b\"",
    ];
    for value in good {
        let answer = play(&adding(&format!("Sec-WebSocket-Extensions: {value}")));
        assert_accepted(&answer);
        assert_eq!(answer.field("Sec-WebSocket-Extensions"), None);
    }
    let broken =
        ";|=|x;|x;;y|x y|x; =1|x; y=|x; y=\"\"|x; y=\"a b\"|x; y=\"a|x; y=a\"|x; y=\"a,b\"|\
        x; y=1=2|x; y=\"\\\"|x, y;|\"x\"|x; \u{e9}|x/y|x; y=\"a\"b"
            .split('|');
    for value in broken {
        let bytes = adding(&format!("Sec-WebSocket-Extensions: {value}"));
        assert_refused(&bytes, Refusal::Extensions);
    }
    assert_eq!(Refusal::Extensions.status(), 400);
}
