//! What is answered, and where it ends (H21 to H23).

use http::{HeaderName, HeaderValue, StatusCode, header};
use ws4rs::proto::handshake::{AcceptError, Acceptance, Refusal, Response};

use super::player::{Answer, accept_with, play};
use super::requests::{GET, adding, asking};
use crate::head::head;

#[test]
fn h21_the_101_carries_upgrade_and_neither_length_nor_coding() {
    let answer = play(&asking());
    assert_eq!(
        answer.text(),
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    );
    // Nor can a handler add them.
    for name in "content-length|transfer-encoding|upgrade|connection|sec-websocket-accept|\
        sec-websocket-protocol|sec-websocket-extensions|sec-websocket-version"
        .split('|')
    {
        let name = HeaderName::from_static(name);
        let accept = Acceptance::new().header(name.clone(), HeaderValue::from_static("0"));
        assert_eq!(
            accept_with(&accept, &asking()),
            Err(AcceptError::Reserved(name))
        );
    }
    let accept = Acceptance::new()
        .header(header::SET_COOKIE, HeaderValue::from_static("a=b"))
        .header(header::SET_COOKIE, HeaderValue::from_static("c=d"))
        .subprotocol("chat");
    let text = accept_with(&accept, &adding("Sec-WebSocket-Protocol: chat")).unwrap();
    assert!(
        text.ends_with(
            "xOo=\r\nSec-WebSocket-Protocol: chat\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n"
        ),
        "{text}"
    );
}

#[test]
fn h22_the_426_carries_upgrade_and_the_405_carries_allow() {
    let answer = play(&head(GET, &["Host: a"]));
    assert_eq!(
        answer.text(),
        "HTTP/1.1 426 Upgrade Required\r\n\
         Upgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Content-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
    let answer = play(&head("DELETE / HTTP/1.1", &["Host: a"]));
    assert_eq!(
        answer.text(),
        "HTTP/1.1 405 Method Not Allowed\r\n\
         Allow: GET\r\n\
         Content-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
}

#[test]
fn h23_every_error_has_a_length_and_closes() {
    for refusal in REFUSALS {
        let answer = Answer::of_response(&refusal.response());
        assert_eq!(answer.field("Content-Length"), Some("0"), "{refusal:?}");
        assert_eq!(answer.field("Connection"), Some("close"), "{refusal:?}");
        assert!(answer.text().ends_with("\r\n\r\n"));
        assert!(refusal.status().is_client_error() || refusal.status().is_server_error());
        assert!(!refusal.to_string().is_empty());
    }
}

#[test]
fn h23_a_response_ends_where_it_says() {
    let page = Response::new(StatusCode::OK)
        .header(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))
        .header(header::CONTENT_LENGTH, HeaderValue::from_static("999"))
        .header(header::CONNECTION, HeaderValue::from_static("keep-alive"))
        .header(
            header::TRANSFER_ENCODING,
            HeaderValue::from_static("chunked"),
        )
        .body("healthy\n");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\nConnection: close\r\n\r\n";
    assert_eq!(
        Answer::of_response(&page).text(),
        format!("{head}healthy\n")
    );
    let mut out = b"before".to_vec();
    page.write(true, &mut out);
    assert_eq!(out, format!("before{head}").as_bytes());

    let empty = Response::new(StatusCode::NO_CONTENT).body("not sent");
    assert_eq!(
        Answer::of_response(&empty).text(),
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    );
    // A final answer was wanted.
    let switching = Response::new(StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(
        Answer::of_response(&switching).status(),
        "500 Internal Server Error"
    );
}

const REFUSALS: [Refusal; 15] = [
    Refusal::Malformed,
    Refusal::LineTooLong,
    Refusal::TooManyFields,
    Refusal::HeadTooLong,
    Refusal::HttpVersion,
    Refusal::Target,
    Refusal::Host,
    Refusal::Content,
    Refusal::Method,
    Refusal::UpgradeRequired,
    Refusal::Version,
    Refusal::VersionMissing,
    Refusal::Key,
    Refusal::Extensions,
    Refusal::Origin,
];
