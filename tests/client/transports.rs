//! Over a stream of the caller's, and over a Unix socket.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use ws4rs::CloseCode;
use ws4rs::client::{Error, Wait};

use super::{SOON, builder, connect, dial};
use crate::host::{DEADLINE, PING, PONG, Peer, TEXT, answer, host, host_open};

#[test]
fn over_a_stream_of_the_callers() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let hosted = thread::spawn(move || {
        let mut peer = Peer::new(theirs);
        let request = peer.open();
        assert!(request.contains("Host: example.com\r\n"), "{request}");
        peer.expect_text("hello");
        peer.send(PING, b"?");
        peer.expect(PONG, b"?");
        peer.send(TEXT, b"hello");
        peer.farewell(1000);
    });
    // TLS is below it, for all that we know.
    let mut client = builder("wss://example.com/").connect_over(ours).unwrap();
    client.send("hello").unwrap();
    assert_eq!(client.recv().unwrap().unwrap(), "hello");
    client.close(CloseCode::NORMAL, "").unwrap();
    // TCP, or whatever it is, is the caller's to end.
    drop(client.into_inner().into_inner());
    hosted.join().unwrap();
}

#[test]
fn a_streams_own_clock_does_not_end_opening_and_closing() {
    // Shorter than what the server takes, and our limits are longer.
    const TICK: Duration = Duration::from_millis(20);
    let (url, hosted) = host(|mut peer| {
        let request = peer.request();
        thread::sleep(SOON);
        peer.write(answer(&request, "").as_bytes());
        peer.expect_close(1000);
        thread::sleep(SOON);
        peer.send(TEXT, b"last");
        peer.close(1000, "");
    });
    let over = dial(&url);
    over.set_read_timeout(Some(TICK)).unwrap();
    let asked = builder(&url).close_timeout(DEADLINE);
    let mut client = asked.connect_over(over).unwrap();
    let silent = client.recv();
    assert!(
        matches!(silent, Err(Error::Timeout(Wait::Read))),
        "{silent:?}"
    );
    let closed = client.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(closed.code, CloseCode::NORMAL);
    hosted.done();
}

/// What is no socket itself.
struct Wrapped(TcpStream);

impl Read for Wrapped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wrapped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn over_a_stream_with_a_socket_below_the_time_is_kept() {
    let (url, hosted) = host(|mut peer| peer.expect_cut());
    let below = dial(&url);
    let over = Wrapped(below.try_clone().unwrap());
    let late = builder(&url)
        .handshake_timeout(SOON)
        .connect_over_socket(over, below);
    assert!(matches!(late, Err(Error::Timeout(Wait::Handshake))));
    hosted.done();

    let (url, hosted) = host_open(|mut peer| {
        peer.expect_close(1000);
        peer.expect_cut();
    });
    let below = dial(&url);
    let over = Wrapped(below.try_clone().unwrap());
    let mut client = builder(&url)
        .close_timeout(SOON)
        .connect_over_socket(over, below)
        .unwrap();
    let late = client.close(CloseCode::NORMAL, "");
    assert!(matches!(late, Err(Error::Timeout(Wait::Close))), "{late:?}");
    hosted.done();
}

#[test]
fn over_a_unix_socket_by_its_url() {
    let path = std::env::temp_dir().join(format!("ws4rs-client-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let hosted = thread::spawn(move || {
        let mut peer = Peer::new(listener.accept().unwrap().0);
        let request = peer.open();
        assert!(request.starts_with("GET /x?y HTTP/1.1\r\n"), "{request}");
        peer.farewell(1000);
    });
    let mut client = connect(&format!("ws+unix:{}:/x?y", path.display()));
    assert_eq!(client.get_ref().peer_addr(), None);
    client.close(CloseCode::NORMAL, "").unwrap();
    hosted.join().unwrap();
    std::fs::remove_file(path).unwrap();
}
