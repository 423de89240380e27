//! `permessage-deflate`, what is agreed on: a promise per test, as a server and as a client. D numbers
//! the rules of RFC 7692.
//!
//! Tables of short texts are written "this|that", so the first of "|that" is empty.
use ws4rs::proto::Deflate;
use ws4rs::proto::deflate::{Agreed, NotAgreed};
use ws4rs::proto::handshake::{Fields, Request};

const SHARED: Deflate = Deflate::shared();
const TAKEOVER: Deflate = Deflate::takeover(12);
/// Takes over, and limits nobody.
const WIDE: Deflate = Deflate::takeover(15);

const NONE: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

// --- a server ----------------------------------------------------------------------------------

#[test]
fn d01_an_offer_with_anything_unknown_bad_or_repeated_is_declined() {
    let bad = "x|server_no_context_takeover=1|server_no_context_takeover=\"\"|\
        client_no_context_takeover=true|server_max_window_bits|server_max_window_bits=|\
        client_max_window_bits=|Server_no_context_takeover|server_no_context_takeover;x=1|\
        server_no_context_takeover; server_no_context_takeover|\
        client_no_context_takeover; client_no_context_takeover|\
        server_max_window_bits=10; server_max_window_bits=10|\
        client_max_window_bits; client_max_window_bits|\
        client_max_window_bits; client_max_window_bits=10|\
        client_max_window_bits=10; client_max_window_bits|\
        server_max_window_bits=10 11|server_max_window_bits=10=10|=10||;|\
        server_max_window_bits=\"10|server_max_window_bits=10\"|server_max_window_bits=\"\\\"|\
        server_max_window_bits=\"1 0\"|server_max_window_bits=\"\"10\"\"|\
        server_max_window_bits='10'|server max_window_bits=10|\u{e9}";
    for parameters in bad.split('|') {
        let offer = format!("permessage-deflate; {parameters}");
        for ours in [SHARED, TAKEOVER, WIDE] {
            assert_eq!(answer(ours, &offer), None, "{offer}");
        }
    }
}

#[test]
fn d02_windows_are_8_to_15_without_a_zero_in_front() {
    let bad = "0|1|7|16|08|09|010|015|+9|-9|8.0|0x9|9a|a|150|1 0|10 10|١٠|18446744073709551624";
    for name in ["server_max_window_bits", "client_max_window_bits"] {
        for value in bad.split('|') {
            let offer = format!("permessage-deflate; {name}={value}");
            assert_eq!(answer(WIDE, &offer), None, "{offer}");
        }
        for bits in 8..=15 {
            let offer = format!("permessage-deflate; {name}={bits}");
            assert!(answer(WIDE, &offer).is_some(), "{offer}");
        }
    }
}

#[test]
fn d03_a_client_that_asks_us_to_forget_is_told_that_we_do() {
    let offer = "permessage-deflate; server_no_context_takeover";
    let agreed = accept(WIDE, offer).unwrap();
    assert_eq!(agreed.to_string(), offer);
    assert!(!agreed.takeover() && agreed.peer_takeover());

    let offer = "permessage-deflate; client_no_context_takeover";
    let agreed = accept(WIDE, offer).unwrap();
    assert_eq!(agreed.to_string(), offer);
    assert!(agreed.takeover() && !agreed.peer_takeover());

    assert_eq!(answer(WIDE, NONE).as_deref(), Some(NONE));
    // 7.1.1: and without being asked, where nothing is to be remembered.
    let agreed = accept(SHARED, "permessage-deflate").unwrap();
    assert_eq!(agreed.to_string(), NONE);
    assert!(!agreed.takeover() && !agreed.peer_takeover());
    assert_eq!((agreed.window(), agreed.peer_window()), (15, 15));
}

#[test]
fn d04_our_window_is_named_when_asked_for_and_not_larger() {
    for (ours, offered, named) in [
        (15, 15, 15),
        (15, 10, 10),
        (10, 15, 10),
        (9, 8, 8),
        (12, 9, 9),
    ] {
        for settings in [WIDE.window(ours), SHARED.window(ours)] {
            let offer = format!("permessage-deflate; server_max_window_bits={offered}");
            let agreed = accept(settings, &offer).unwrap();
            assert_eq!(agreed.window(), named);
            let wanted = format!("; server_max_window_bits={named}");
            assert!(agreed.to_string().contains(&wanted), "{agreed}");
        }
    }
    let agreed = accept(TAKEOVER, "permessage-deflate").unwrap();
    assert_eq!(agreed.window(), 12);
    assert!(!agreed.to_string().contains("server_max"));
}

#[test]
fn d05_the_client_s_window_is_limited_only_where_that_was_offered() {
    let cases = [
        // Ours, the offer, the answer, the window.
        (12, "", "; client_no_context_takeover", 15),
        (15, "", "", 15),
        (
            12,
            "; client_max_window_bits",
            "; client_max_window_bits=12",
            12,
        ),
        (
            12,
            "; client_max_window_bits=15",
            "; client_max_window_bits=12",
            12,
        ),
        (
            12,
            "; client_max_window_bits=10",
            "; client_max_window_bits=10",
            10,
        ),
        (
            8,
            "; client_max_window_bits",
            "; client_max_window_bits=8",
            8,
        ),
        (15, "; client_max_window_bits", "", 15),
        (
            15,
            "; client_max_window_bits=9",
            "; client_max_window_bits=9",
            9,
        ),
    ];
    for (ours, offered, answered, window) in cases {
        let offer = format!("permessage-deflate{offered}");
        let agreed = accept(WIDE.peer_window(ours), &offer).unwrap();
        assert_eq!(agreed.to_string(), format!("permessage-deflate{answered}"));
        assert_eq!(agreed.peer_window(), window, "{offer}");
    }
    // Where nothing is remembered there is nothing to limit.
    for offered in ["", "; client_max_window_bits", "; client_max_window_bits=9"] {
        let offer = format!("permessage-deflate{offered}");
        assert_eq!(answer(SHARED.peer_window(9), &offer).as_deref(), Some(NONE));
    }
}

#[test]
fn d06_the_first_good_offer_is_taken_and_no_other() {
    let offers = "x-webkit-deflate-frame, permessage-deflate; unknown, foo; permessage-deflate, \
        permessage-deflate; server_max_window_bits=10, permessage-deflate";
    let taken = "permessage-deflate; server_max_window_bits=10";
    assert_eq!(answer(WIDE, offers).as_deref(), Some(taken));

    for none in "|x|permessage-bzip2|permessage-deflate2|Permessage-Deflate|permessage|\
        x; permessage-deflate|permessage-deflate; y, permessage-deflate; z"
        .split('|')
    {
        assert_eq!(answer(WIDE, none), None, "{none}");
    }
}

#[test]
fn d07_a_value_in_quotes_is_the_value() {
    let same = r#"=10|="10"|="1\0"|="\1\0"| = 10|	=	"10"|= "10" "#;
    for value in same.split('|') {
        let offer = format!(
            "permessage-deflate ;server_max_window_bits{value};client_max_window_bits{value}"
        );
        let taken = "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10";
        assert_eq!(answer(WIDE, &offer).as_deref(), Some(taken), "{offer}");
    }
}

#[test]
fn a_request_s_extensions_are_its_offers() {
    let mut head = *b"GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: a, b; c\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    let mut fields = Fields::new();
    let request = Request::parse(&mut head, &mut fields).unwrap();
    let agreed = TAKEOVER.accept(request.extensions()).unwrap();
    let wanted = "permessage-deflate; client_max_window_bits=12";
    assert_eq!(agreed.to_string(), wanted);
}

// --- a client ----------------------------------------------------------------------------------

#[test]
fn a_client_offers_what_it_is_ready_for() {
    let offers = [
        (
            SHARED,
            "permessage-deflate; client_max_window_bits; server_no_context_takeover; \
             client_no_context_takeover",
        ),
        (WIDE, "permessage-deflate; client_max_window_bits"),
        (
            TAKEOVER,
            "permessage-deflate; client_max_window_bits=12; server_max_window_bits=12",
        ),
    ];
    for (ours, offer) in offers {
        assert_eq!(ours.offer(), offer);
    }
}

#[test]
fn an_answer_that_fits_the_offer_is_agreed_on() {
    let name = "permessage-deflate";
    for (ours, answer, window, peer_window) in [
        (SHARED, "; server_no_context_takeover", 15, 15),
        (
            SHARED,
            "; server_no_context_takeover; server_max_window_bits=9",
            15,
            9,
        ),
        (
            SHARED,
            "; server_no_context_takeover; client_max_window_bits=8",
            8,
            15,
        ),
        (WIDE, "", 15, 15),
        (
            WIDE,
            "; client_max_window_bits=\"1\\0\" ; server_max_window_bits = 11",
            10,
            11,
        ),
        (TAKEOVER, "; server_max_window_bits=12", 12, 12),
        (
            TAKEOVER,
            "; server_max_window_bits=8;client_max_window_bits=12",
            12,
            8,
        ),
        (
            TAKEOVER,
            "; server_max_window_bits=10; server_no_context_takeover",
            12,
            10,
        ),
    ] {
        let agreed = ours.agree(format!("{name}{answer}").as_bytes()).unwrap();
        assert_eq!(
            (agreed.window(), agreed.peer_window()),
            (window, peer_window)
        );
        let takes_over = ours.takeover && !answer.contains("server_no_context");
        assert_eq!(agreed.peer_takeover(), takes_over, "{answer}");
        assert_eq!(agreed.takeover(), ours.takeover);
    }
    let agreed = WIDE.agree(NONE.as_bytes()).unwrap();
    assert!(!agreed.takeover() && !agreed.peer_takeover());
}

#[test]
fn an_answer_that_does_not_fit_the_offer_is_refused() {
    use NotAgreed::{Extension, Parameter, Takeover, Window};
    for (ours, answers, why) in [
        (
            WIDE,
            "|x|permessage-deflate-frame|x; permessage-deflate|\"permessage-deflate\"",
            Extension,
        ),
        (
            WIDE,
            "permessage-deflate;|permessage-deflate; x|permessage-deflate; client_max_window_bits|\
             permessage-deflate; server_max_window_bits|permessage-deflate; server_max_window_bits=7|\
             permessage-deflate; client_max_window_bits=09|permessage-deflate; client_max_window_bits=16|\
             permessage-deflate; server_no_context_takeover=1|\
             permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            Parameter,
        ),
        // 7.1.1.1
        (
            SHARED,
            "permessage-deflate|permessage-deflate; client_no_context_takeover",
            Takeover,
        ),
        // 7.1.2
        (
            TAKEOVER,
            "permessage-deflate|permessage-deflate; server_max_window_bits=13|\
             permessage-deflate; server_no_context_takeover|\
             permessage-deflate; server_max_window_bits=12; client_max_window_bits=13",
            Window,
        ),
    ] {
        for answer in answers.split('|') {
            assert_eq!(ours.agree(answer.as_bytes()), Err(why), "{answer}");
        }
    }
}

#[test]
fn two_of_us_always_agree_and_on_the_same() {
    let mut all = vec![SHARED, SHARED.window(9), SHARED.peer_window(8)];
    all.extend((9..=15).map(Deflate::takeover));
    all.extend((8..=15).map(|bits| WIDE.peer_window(bits)));
    for client in &all {
        for server in &all {
            let theirs = accept(*server, &client.offer()).unwrap();
            let ours = client.agree(theirs.to_string().as_bytes()).unwrap();
            assert_eq!(ours.to_string(), theirs.to_string());
            assert_eq!(ours.takeover(), theirs.peer_takeover());
            assert_eq!(ours.peer_takeover(), theirs.takeover());
            // Each remembers at least as much as the other refers to.
            assert!(!ours.takeover() || ours.window() <= theirs.peer_window());
            assert!(!ours.peer_takeover() || theirs.window() <= ours.peer_window());
            // And nobody more than they set.
            assert!(!ours.peer_takeover() || ours.peer_window() <= client.peer_window);
            assert!(!theirs.peer_takeover() || theirs.peer_window() <= server.peer_window);
        }
    }
}

// --- settings ----------------------------------------------------------------------------------

#[test]
fn impossible_settings_are_named_and_nothing_is_agreed_on() {
    for good in [
        SHARED,
        TAKEOVER,
        WIDE,
        SHARED.level(1),
        SHARED.level(9).window(9).peer_window(8),
    ] {
        assert_eq!(good.fault(), None);
    }
    for bad in [
        SHARED.level(0),
        SHARED.level(10),
        SHARED.window(8),
        SHARED.window(16),
        SHARED.peer_window(7),
        SHARED.peer_window(16),
        Deflate::takeover(8),
        Deflate::takeover(16),
    ] {
        assert!(bad.fault().is_some());
        assert_eq!(
            accept(bad, "permessage-deflate; client_max_window_bits"),
            None
        );
        assert_eq!(bad.agree(NONE.as_bytes()), Err(NotAgreed::Settings));
        let _ = bad.offer();
    }
}

#[test]
fn level_and_threshold_come_along() {
    let ours = TAKEOVER.level(7).threshold(333);
    let agreed = accept(ours, "permessage-deflate").unwrap();
    assert_eq!((agreed.level(), agreed.threshold()), (7, 333));
    let never = SHARED.threshold(usize::MAX);
    let agreed = accept(never, "permessage-deflate").unwrap();
    assert!(agreed.threshold() >= u32::MAX as usize);
}

#[test]
fn what_is_agreed_on_is_a_few_bytes() {
    assert!(size_of::<Agreed>() <= 16);
}

/// Split as a request splits its field.
fn accept(ours: Deflate, offers: &str) -> Option<Agreed> {
    let offers = offers.split(',').map(|offer| offer.trim().as_bytes());
    ours.accept(offers.filter(|offer| !offer.is_empty()))
}

fn answer(ours: Deflate, offers: &str) -> Option<String> {
    accept(ours, offers).map(|agreed| agreed.to_string())
}
