//! What our client asks for, our server understands, and the other way round.

use http::header;
use ws4rs::proto::handshake::{Acceptance, Dial, Fields, HeadLimits, Opening, Request, Url};

use super::asked::{url, value};

#[test]
fn c02_whatever_url_is_taken_asks_our_server_for_what_it_says() {
    let interesting = "\0\t\n\r \"#%/:;=?@[\\]^|\u{7f}\u{e9}\u{2028}0aA.";
    for text in "wss://u:p@example.com:81/a/b?c=d|ws://[::1]:9/|ws+unix:/a:/b?c|ws+unix:///a%3A:?b"
        .split('|')
    {
        for at in (0..=text.len()).filter(|&at| text.is_char_boundary(at)) {
            let (before, behind) = text.split_at(at);
            let others = interesting.chars().flat_map(|c| {
                let without = behind.get(1..).unwrap_or_default();
                [
                    format!("{before}{c}{behind}"),
                    format!("{before}{c}{without}"),
                ]
            });
            for text in others.chain([before.to_owned(), behind.to_owned()]) {
                let Ok(url) = Url::parse(&text) else {
                    continue;
                };
                let again = Url::parse(&url.to_string()).expect(&text);
                assert_eq!(again.endpoint(), url.endpoint(), "{text:?}");
                assert_eq!(again.to_string(), url.to_string(), "{text:?}");
                assert_taken_by_our_server(&Dial::new(url));
            }
        }
    }
}

#[test]
fn our_client_and_our_server_understand_each_other() {
    for text in "ws://a|wss://u:p@[::1]:9/x y?é|ws+unix:/run/x:/chat?x=1|WS://A:80//?".split('|') {
        let dial = Dial::new(url(text))
            .subprotocol("chat.v2")
            .subprotocol("chat")
            .origin(value("https://a"))
            .header(header::COOKIE, value("a=1"));
        assert_taken_by_our_server(&dial);
    }
}

#[track_caller]
pub(super) fn assert_taken_by_our_server(dial: &Dial) {
    let mut asked = Vec::new();
    let mut dialing = dial.ask(&mut asked).unwrap();
    let limits = HeadLimits::default();
    let mut opening = Opening::default();
    let (head, behind) = opening.receive(&mut asked, &limits).unwrap().unwrap();
    assert!(behind.is_empty());
    let mut fields = Fields::new();
    let request = Request::parse(head, &mut fields).unwrap();
    assert!(request.is_upgrade());
    assert_eq!(request.target(), dial.url().target());
    assert_eq!(request.host(), dial.url().host());
    assert!(request.to_http().is_ok());

    let chosen = request.choose(&["chat"]);
    let mut acceptance = Acceptance::new().header(header::SERVER, value("x"));
    if let Some(name) = chosen {
        acceptance = acceptance.subprotocol(name);
    }
    let mut answered = Vec::new();
    acceptance.write(&request, &mut answered).unwrap();
    let (answer, behind) = dialing.receive(&mut answered, &limits).unwrap().unwrap();
    assert!(behind.is_empty());
    assert_eq!(answer.subprotocol(), chosen);
    assert_eq!(answer.headers()[header::SERVER], "x");
}
