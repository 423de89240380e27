//! The opening handshake, and what both ends know of each other behind it.

use std::io::Read;
use std::net::SocketAddr;

use crate::setting::everywhere;
use crate::wire::{Client, PING, PONG, REQUEST, TEXT, frame, request};

#[test]
fn the_handshake_and_what_came_right_behind_it() {
    everywhere(|setting| {
        let service = setting.start();
        let mut client = Client::connect(service.at(0));
        let mut bytes = REQUEST.as_bytes().to_vec();
        bytes.extend(frame(true, TEXT, b"behind"));
        bytes.extend(frame(true, PING, b"and a ping"));
        client.write(&bytes);
        assert!(client.head().starts_with("HTTP/1.1 101 "));
        client.expect_text("behind");
        client.expect(PONG, b"and a ping");
        client.goodbye();
        assert_eq!(service.closed(), ("closed by the peer".into(), 1000, true));

        for (asked, answer) in [
            (
                "GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_owned(),
                "HTTP/1.1 426 ",
            ),
            (REQUEST.replace("GET", "POST"), "HTTP/1.1 405 "),
            (request("/refuse", ""), "HTTP/1.1 403 "),
            (
                request("/", "Origin: https://elsewhere.example\r\n"),
                "HTTP/1.1 403 ",
            ),
            (
                "GET /health HTTP/1.1\r\nHost: here\r\n\r\n".to_owned(),
                "HTTP/1.1 200 ",
            ),
            (
                format!("GET /{} HTTP/1.1\r\n", "x".repeat(9000)),
                "HTTP/1.1 414 ",
            ),
        ] {
            let mut client = Client::connect(service.at(0));
            client.write(asked.as_bytes());
            let head = client.head();
            assert!(head.starts_with(answer), "{head}");
            let mut body = String::new();
            client.stream.read_to_string(&mut body).unwrap();
        }
    });
}

#[test]
fn a_subprotocol_is_agreed_on_and_known() {
    everywhere(|setting| {
        let service = setting.start();
        for (offered, agreed) in [
            ("Sec-WebSocket-Protocol: soap, chat.v1\r\n", "chat.v1"),
            ("Sec-WebSocket-Protocol: soap\r\n", "none"),
        ] {
            let mut client = Client::connect(service.at(0));
            let head = client.upgrade(&request("/", offered));
            assert_eq!(
                head.contains("Sec-WebSocket-Protocol: chat.v1\r\n"),
                agreed != "none"
            );
            client.text("/where");
            let told = client.receive();
            let told = String::from_utf8(told.payload).unwrap();
            assert!(told.ends_with(&format!(" {agreed}")), "{told}");
        }
    });
}

#[test]
fn an_upgrade_is_decided_by_another_thread() {
    everywhere(|setting| {
        let service = setting.start();
        let mut client = Client::connect(service.at(0));
        // What is said before the decision is answered after it.
        let mut bytes = request("/later", "").into_bytes();
        bytes.extend(frame(true, TEXT, b"early"));
        client.write(&bytes);
        let head = client.head();
        assert!(head.contains("X-Decided: later\r\n"), "{head}");
        client.expect_text("early");
        client.goodbye();

        for (path, answer) in [("/later-no", "HTTP/1.1 410 "), ("/never", "HTTP/1.1 503 ")] {
            let mut client = Client::connect(service.at(0));
            client.write(request(path, "").as_bytes());
            let head = client.head();
            assert!(head.starts_with(answer), "{head}");
            client.expect_end();
        }
    });
}

#[test]
fn addresses_are_told() {
    everywhere(|setting| {
        let service = setting.serve(setting.bare().bind("0.0.0.0:0").bind("[::1]:0"));
        let port = service.at(0).port();
        for address in [SocketAddr::from(([127, 0, 0, 1], port)), service.at(1)] {
            let mut client = Client::open(address);
            let ours = client.stream.local_addr().unwrap();
            client.text("/where");
            client.expect_text(&format!("{ours} {address} none"));
        }
    });
}
