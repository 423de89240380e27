//! What an answer has to say for the connection to be open (C4 to C9, C11).

use http::StatusCode;
use ws4rs::proto::NotAgreed;
use ws4rs::proto::handshake::{Dialing, HeadLimits, NotOpened};

use super::asked::{Asked, plain};
use super::heads::{ACCEPT, YES, adding, good, with, without};
use super::player::{Told, accept, cut_at, keyed, play, play_keyed, play_to, play_whole, run};
use crate::head::head;

#[test]
fn c04_another_status_is_told_with_its_fields_and_never_followed() {
    for status in [
        200, 204, 301, 302, 307, 308, 400, 401, 403, 404, 407, 426, 429, 500, 503, 999,
    ] {
        // Even with all that a yes would have.
        let line = format!("HTTP/1.1 {status} What");
        let fields = [YES, &["Location: ws://b/", "Content-Length: 2"]].concat();
        let told = play(&head(&line, &fields));
        let Told::NotOpened(NotOpened::Refused(refused)) = told else {
            panic!("{told:?}");
        };
        assert_eq!(refused.status(), StatusCode::from_u16(status).unwrap());
        assert_eq!(refused.headers()["location"], "ws://b/");
        assert!(refused.body().is_empty());
        let text = NotOpened::Refused(refused).to_string();
        assert!(text.contains(&status.to_string()), "{text}");
    }
    // Of a server that speaks an older HTTP too.
    let told = play(b"HTTP/1.0 503 Busy\r\n\r\n");
    assert_eq!(told.status(), Some(503));
}

#[test]
fn c04_what_came_along_of_a_body_is_told_up_to_4_kib() {
    let head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\n";
    for (body, kept) in [(0, 0), (9, 9), (4096, 4096), (4097, 4096), (1 << 20, 4096)] {
        let bytes = [&head[..], &vec![b'x'; body]].concat();
        let Told::NotOpened(NotOpened::Refused(refused)) = play_whole(&bytes) else {
            panic!("not refused");
        };
        assert_eq!(refused.body(), vec![b'x'; kept]);
        assert_eq!(refused.headers()["content-length"], "9");
    }
    // What comes later is not waited for.
    let told = run(&plain(), |_| {
        cut_at(&[head, &b"why not"[..]].concat(), head.len() + 3)
    });
    let Told::NotOpened(NotOpened::Refused(refused)) = told else {
        panic!("not refused");
    };
    assert_eq!(refused.body(), b"why");
}

#[test]
fn c05_upgrade_is_websocket_in_any_case_and_nothing_else() {
    assert_eq!(
        play(&without("Upgrade")),
        Told::NotOpened(NotOpened::Upgrade)
    );
    for value in
        "|h2c|websockets|web socket|websocket/13|h2c, websocket|websocket, h2c|TLS/1.0".split('|')
    {
        assert_field("Upgrade", value, Err(NotOpened::Upgrade));
    }
    for value in "WebSocket|WEBSOCKET|websocket \t|,websocket,".split('|') {
        assert_field("Upgrade", value, Ok(()));
    }
    assert_field(
        "Upgrade",
        "websocket\r\nUpgrade: h2c",
        Err(NotOpened::Upgrade),
    );
}

#[test]
fn c06_connection_names_upgrade_in_any_case() {
    assert_eq!(
        play(&without("Connection")),
        Told::NotOpened(NotOpened::Connection)
    );
    for value in "|close|keep-alive|upgraded|up grade|\"upgrade\"|upgrade;q=1".split('|') {
        assert_field("Connection", value, Err(NotOpened::Connection));
    }
    for value in
        "upgrade|UPGRADE|keep-alive, Upgrade|,\tupgrade ,|x\r\nConnection: upgrade".split('|')
    {
        assert_field("Connection", value, Ok(()));
    }
}

#[test]
fn c07_accept_is_the_proof_for_our_key_with_its_case() {
    const NAME: &str = "Sec-WebSocket-Accept";
    assert_eq!(play(&without(NAME)), Told::NotOpened(NotOpened::Accept));
    let wrongs: [fn(&str, &str) -> String; 10] = [
        |_, _| String::new(),
        |key, _| key.to_owned(),
        |_, right| right.chars().map(swap).collect(),
        // That of another key.
        |_, _| "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned(),
        |_, right| right[..27].to_owned(),
        |_, right| format!("{right}="),
        |_, right| format!("\"{right}\""),
        |_, right| format!("{right}, {right}"),
        |_, right| format!("{right}\r\nSec-WebSocket-Accept: {right}"),
        |_, right| format!("x\r\nsec-websocket-accept: {right}"),
    ];
    for (n, wrong) in wrongs.iter().enumerate() {
        let told = play_keyed(&plain(), |key| with(NAME, &wrong(key, &accept(key))));
        assert_eq!(told, Told::NotOpened(NotOpened::Accept), "{n}");
    }
    for space in ["\t", "   ", " \t \t"] {
        let told = play(&with(NAME, &format!("{space}{ACCEPT}{space}")));
        assert_eq!(told, Told::opened(""));
    }
}

#[test]
fn c08_an_extension_that_was_not_offered_opens_nothing() {
    for value in
        "permessage-deflate|x|,x|x; y=1|;|\"|permessage-deflate; server_no_context_takeover"
            .split('|')
    {
        assert_field(
            "Sec-WebSocket-Extensions",
            value,
            Err(NotOpened::Extension(NotAgreed::Extension)),
        );
    }
    let second = "\r\nSec-WebSocket-Extensions: x";
    assert_field(
        "Sec-WebSocket-Extensions",
        second,
        Err(NotOpened::Extension(NotAgreed::Extension)),
    );
    // A list that names none.
    assert_field("Sec-WebSocket-Extensions", "", Ok(()));
    assert_field("Sec-WebSocket-Extensions", " , ", Ok(()));
}

#[test]
fn c09_one_subprotocol_of_those_offered_or_none() {
    let dial = plain().subprotocol("chat").subprotocol("Chat.v2");
    assert_eq!(play_to(&dial, &good()), Told::opened(""));
    for chosen in ["chat", "Chat.v2", " chat \t"] {
        let told = play_to(&dial, &with("Sec-WebSocket-Protocol", chosen));
        assert_eq!(told.subprotocol(), Some(chosen.trim()));
    }
    for wrong in
        "|CHAT|chat.v2|other|chat, Chat.v2|chat,|\"chat\"|chat\r\nSec-WebSocket-Protocol: chat|\
        chat\r\nSec-WebSocket-Protocol: Chat.v2|chat\r\nSec-WebSocket-Protocol:"
            .split('|')
    {
        let told = play_to(&dial, &with("Sec-WebSocket-Protocol", wrong));
        assert_eq!(told, Told::NotOpened(NotOpened::Subprotocol), "{wrong:?}");
    }
    assert_field(
        "Sec-WebSocket-Protocol",
        "chat",
        Err(NotOpened::Subprotocol),
    );
}

#[test]
fn c11_frames_behind_the_answer_are_not_lost() {
    for behind in [
        "\x01\x02ab",
        "\r\n\r\n",
        "\n",
        "\0",
        "HTTP/1.1 101 x\r\n\r\n",
    ] {
        let told = play(&[&good()[..], behind.as_bytes()].concat());
        assert_eq!(told, Told::opened(behind));
    }
}

#[test]
fn an_answer_is_what_was_sent() {
    let mut out = Vec::new();
    let mut dialing = plain().ask(&mut out).unwrap();
    let sent = adding("Set-Cookie: a=1\r\nX: \r\nset-cookie: b=2\r\nY: \u{e9}");
    let mut bytes = keyed(&sent, Asked::new(out).key());
    let limits = HeadLimits::default();
    let (answer, behind) = dialing.receive(&mut bytes, &limits).unwrap().unwrap();
    assert!(behind.is_empty());
    let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(answer.headers()["x"], "");
    assert_eq!(answer.headers()["y"].as_bytes(), "\u{e9}".as_bytes());
    assert_eq!(answer.subprotocol(), None);
    assert!(!format!("{answer:?}").contains("a=1"));
    assert!(size_of::<Dialing>() <= 16);
}

/// The other case for every letter.
fn swap(c: char) -> char {
    if c.is_ascii_lowercase() {
        c.to_ascii_uppercase()
    } else {
        c.to_ascii_lowercase()
    }
}

#[track_caller]
fn assert_field(name: &str, value: &str, expected: Result<(), NotOpened>) {
    let told = play(&with(name, value));
    let expected = expected.map_or_else(Told::NotOpened, |()| Told::opened(""));
    assert_eq!(told, expected, "{name}: {value:?}");
}
