//! What is said and heard, by servers of our own and of somebody else's.

use std::io::{Read, Write};

use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode as TheirCode;
use ws4rs::{CloseCode, Deflate};

use super::dialled::{dial, listener};
use super::dialler::{Diallers, Told};
use crate::setting::everywhere;
use crate::wire::{DEADLINE, noise, prose};

#[test]
fn messages_of_every_size_come_back_however_they_are_compressed() {
    // Ours, theirs.
    let ways = [
        (None, None),
        (Some(Deflate::shared()), Some(Deflate::shared())),
        (Some(Deflate::takeover(10)), Some(Deflate::takeover(15))),
        (Some(Deflate::takeover(15)), Some(Deflate::shared())),
        (Some(Deflate::takeover(15)), None),
    ];
    everywhere(|setting| {
        for (ours, theirs) in ways {
            let server = setting.echo(|builder| builder.deflate(theirs));
            // Compression takes its time where nothing is optimized.
            let sizes = match ours {
                None => &SIZES[..],
                Some(_) => &SIZES[..SIZES.len() - 1],
            };
            // Room for all of it.
            let roomy = setting.bare().outbox_max(16 << 20);
            let clients = Diallers::start(roomy, move |peer, told| match told {
                Told::Open(..) => {
                    peer.text(&prose(10));
                    peer.ping(b"in between");
                    for size in sizes {
                        peer.binary(&noise(1, *size));
                        // What deflate makes smaller, and what it refers back to.
                        peer.text(&prose(*size));
                    }
                    peer.send_uncompressed("last");
                }
                Told::Text(text) if text == "last" => peer.close(CloseCode::NORMAL, "bye"),
                _ => {}
            });
            let mut asked = dial(&server.addresses()[0]);
            if let Some(deflate) = ours {
                asked = asked.deflate(deflate);
            }
            clients.connect(0, asked);
            clients.opened();
            assert_eq!(clients.next().1, Told::Text(prose(10)));
            assert_eq!(clients.next().1, Told::Pong(b"in between".to_vec()));
            for size in sizes {
                assert!(clients.next().1 == Told::Binary(noise(1, *size)), "{size}");
                assert!(clients.next().1 == Told::Text(prose(*size)), "{size}");
            }
            assert_eq!(clients.next().1, Told::Text("last".into()));
            let end = Told::Close(1000, "bye".into(), "closed here".into());
            assert_eq!(clients.next().1, end);
            clients.end();
        }
    });
}

/// To the longest message, about the lengths of headers, about what leaves at once.
const SIZES: [usize; 9] = [
    0,
    1,
    125,
    126,
    32_767,
    32_768,
    65_535,
    65_536,
    (1 << 20) - 1,
];

#[test]
fn somebody_elses_server_understands_us() {
    everywhere(|setting| {
        let (listener, dial) = listener();
        let clients = setting.dialler(|peer, told| match told {
            Told::Text(text) => drop(peer.text(&text.repeat(1000))),
            Told::Binary(bytes) => drop(peer.binary(bytes)),
            _ => {}
        });
        clients.connect(0, dial);
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut server = tungstenite::accept(stream).unwrap();
        for message in [
            tungstenite::Message::text("aé€😀b"),
            tungstenite::Message::binary(noise(1, 1 << 20)),
            tungstenite::Message::Ping(vec![1, 2].into()),
        ] {
            server.send(message.clone()).unwrap();
            let expected = match message {
                tungstenite::Message::Text(text) => text.repeat(1000).into(),
                tungstenite::Message::Ping(payload) => tungstenite::Message::Pong(payload),
                same => same,
            };
            assert!(server.read().unwrap() == expected);
        }
        let frame = CloseFrame {
            code: TheirCode::Restart,
            reason: "back soon".into(),
        };
        server.close(Some(frame)).unwrap();
        assert!(server.read().unwrap().is_close());
        let end = server.read().unwrap_err();
        assert!(matches!(end, tungstenite::Error::ConnectionClosed), "{end}");
        drop(server);
        clients.opened();
        assert!(matches!(clients.next().1, Told::Text(_)));
        assert!(matches!(clients.next().1, Told::Binary(_)));
        let end = Told::Close(1012, "back soon".into(), "closed by the peer".into());
        assert_eq!(clients.next().1, end);
        clients.end();
    });
}

// C11: in the segment of the 101, or each byte in one of its own.
#[test]
fn frames_come_with_the_answer() {
    everywhere(|setting| {
        for bytewise in [false, true] {
            let (listener, dial) = listener();
            let clients = setting.dialler(|_, _| {});
            clients.connect(0, dial);
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            let request = String::from_utf8(request).unwrap();
            let key = request.split_once("Key: ").unwrap().1;
            let accept = tungstenite::handshake::derive_accept_key(&key.as_bytes()[..24]);
            let answer = format!(
                "HTTP/1.1 101 Go\r\nupgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\n\
                 sec-websocket-accept: {accept}\r\n\r\n\u{1}"
            );
            // An unmasked fragment, and its end.
            let mut answer = answer.into_bytes();
            answer.extend(*b"\x02ab\x80\x01c");
            stream.set_nodelay(true).unwrap();
            if bytewise {
                for byte in answer {
                    stream.write_all(&[byte]).unwrap();
                }
            } else {
                stream.write_all(&answer).unwrap();
            }
            clients.opened();
            assert_eq!(clients.next().1, Told::Text("abc".into()));
            drop(stream);
            let Told::Close(1006, ..) = clients.next().1 else {
                panic!("it was lost");
            };
            clients.end();
        }
    });
}

// 7.1.1: by FIN, after the server's.
#[test]
fn the_server_closes_tcp_first() {
    everywhere(|setting| {
        let (listener, dial) = listener();
        let clients = setting.dialler(|peer, told| {
            if let Told::Open(..) = told {
                peer.close(CloseCode::NORMAL, "");
            }
        });
        clients.connect(0, dial);
        let (stream, _) = listener.accept().unwrap();
        let mut socket = stream.try_clone().unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut server = tungstenite::accept(stream).unwrap();
        assert!(server.read().unwrap().is_close());
        server.flush().unwrap_err();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(socket.read(&mut [0; 16]).unwrap(), 0);
        clients.opened();
        let end = Told::Close(1000, String::new(), "closed here".into());
        assert_eq!(clients.next().1, end);
        clients.end();
    });
}
