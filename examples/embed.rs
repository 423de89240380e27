//! The protocol alone, over `std::net`, a thread for each connection: bytes in, events and bytes
//! out. Whoever has a loop, a runtime or a transport of their own begins here.
//!
//! `cargo run --example embed`

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use ws4rs::proto::handshake::{Acceptance, Fields, HeadLimits, Opening, Refusal, Request};
use ws4rs::proto::{Event, Input, Phase, Rules, WebSocket};

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:9001")?;
    println!("listening on ws://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            if let Err(error) = serve(&stream) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

fn serve(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut buffer = [0; 16 << 10];
    // What came right behind the request belongs to the conversation.
    let Some(behind) = open(stream, &mut buffer)? else {
        return goodbye(stream, &mut buffer);
    };

    stream.set_read_timeout(None)?;
    let mut websocket = WebSocket::new(Rules::server(1 << 20));
    let mut received = behind.len();
    buffer[..received].copy_from_slice(&behind);
    loop {
        let mut input = Input::new(&mut buffer[..received]);
        let heard = websocket.hear(&mut input, |event, outbound| {
            if let Event::Message(message) = event {
                outbound.send(message);
            }
        });
        // Pongs and closes are among it. After a violation too: that is how the peer learns of it.
        while let Some(mut chunks) = websocket.outgoing() {
            chunks.write_to(stream)?;
            websocket.sent(chunks);
        }
        if let Err(violation) = heard {
            eprintln!("{violation}");
        }
        if websocket.phase() == Phase::Closed {
            return goodbye(stream, &mut buffer);
        }
        received = stream.read(&mut buffer)?;
        if received == 0 {
            return Ok(());
        }
    }
}

/// The opening handshake. Gives the bytes behind the request, or nothing if it was refused.
fn open(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<Vec<u8>>> {
    let mut opening = Opening::default();
    let mut out = Vec::new();
    let behind = loop {
        let received = stream.read(buffer)?;
        if received == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match opening.receive(&mut buffer[..received], &HeadLimits::default()) {
            Ok(None) => {}
            Ok(Some((head, behind))) => {
                let answered = answer(head, &mut out);
                break answered.map(|()| behind.to_vec());
            }
            Err(refusal) => break Err(refusal),
        }
    };
    if let Err(refusal) = &behind {
        refusal.response().write(false, &mut out);
    }
    stream.write_all(&out)?;
    Ok(behind.ok())
}

fn answer(head: &mut [u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
    let mut fields = Fields::new();
    let request = Request::parse(head, &mut fields)?;
    let accepted = Acceptance::new().write(&request, out);
    accepted.map_err(|_| request.refusal())
}

/// Says that nothing more comes, and reads until the peer says so too: to close with bytes unread
/// would reset the connection, and our last words could be lost.
fn goodbye(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    for _ in 0..4 {
        if stream.read(buffer)? == 0 {
            break;
        }
    }
    Ok(())
}
