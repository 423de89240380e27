//! A WebSocket server of the plainest kind: one connection, blocking, over `std`, saying what a test
//! tells it to, with frame code of its own. Every wait has a deadline that fails the test.
#![allow(dead_code, unreachable_pub, unused_imports)]

#[path = "../support/noise.rs"]
mod noise;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

pub use noise::noise;

/// Longer than anything here takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A thread that plays the server to its end.
#[must_use]
pub struct Hosted<T>(thread::JoinHandle<T>);

impl<T> Hosted<T> {
    /// What it came to, or the panic it came to.
    pub fn done(self) -> T {
        match self.0.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Plays a server on the next connection to the URL.
pub fn host<T: Send + 'static>(
    script: impl FnOnce(Peer) -> T + Send + 'static,
) -> (String, Hosted<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/chat", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        script(Peer::new(stream))
    });
    (url, Hosted(thread))
}

/// The same, and the connection is open when the script begins.
pub fn host_open<T: Send + 'static>(
    script: impl FnOnce(Peer) -> T + Send + 'static,
) -> (String, Hosted<T>) {
    host(|mut peer| {
        peer.open();
        script(peer)
    })
}

/// A stream whose waits can be limited.
pub trait Wire: Read + Write {
    fn limit(&self);
    fn finish(&self);
}

impl Wire for TcpStream {
    fn limit(&self) {
        self.set_nodelay(true).unwrap();
        self.set_read_timeout(Some(DEADLINE)).unwrap();
        self.set_write_timeout(Some(DEADLINE)).unwrap();
    }

    fn finish(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl Wire for UnixStream {
    fn limit(&self) {
        self.set_read_timeout(Some(DEADLINE)).unwrap();
        self.set_write_timeout(Some(DEADLINE)).unwrap();
    }

    fn finish(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

/// The client, seen from the server.
#[derive(Debug)]
pub struct Peer<S = TcpStream> {
    pub stream: S,
    bytes: Vec<u8>,
    at: usize,
}

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub key: [u8; 4],
    pub payload: Vec<u8>,
}

impl<S: Wire> Peer<S> {
    pub fn new(stream: S) -> Self {
        stream.limit();
        Peer {
            stream,
            bytes: Vec::new(),
            at: 0,
        }
    }

    /// Reads the request and says yes.
    pub fn open(&mut self) -> String {
        self.open_with("", b"")
    }

    /// The same with more fields (each with its line end), and bytes in the same segment.
    pub fn open_with(&mut self, fields: &str, behind: &[u8]) -> String {
        let request = self.request();
        let answer = answer(&request, fields);
        self.write(&[answer.as_bytes(), behind].concat());
        request
    }

    /// The head of the request.
    pub fn request(&mut self) -> String {
        loop {
            let bytes = &self.bytes[self.at..];
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8(bytes[..end + 4].to_vec()).unwrap();
                self.at += end + 4;
                return head;
            }
            assert!(self.more() > 0, "the connection ended in the head");
        }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.write(&frame(true, opcode, payload));
    }

    pub fn close(&mut self, code: u16, reason: &str) {
        self.send(CLOSE, &closing(code, reason));
    }

    /// The next frame, held to what a client may send.
    pub fn receive(&mut self) -> Frame {
        let head = self.take(2);
        assert_eq!(head[0] & 0xF0, 0x80, "a fragment, or a reserved bit");
        assert_eq!(head[1] & 0x80, 0x80, "a frame without a mask");
        let len = match head[1] & 0x7F {
            126 => u64::from(u16::from_be_bytes(self.take(2).try_into().unwrap())),
            127 => u64::from_be_bytes(self.take(8).try_into().unwrap()),
            short => u64::from(short),
        };
        let key: [u8; 4] = self.take(4).try_into().unwrap();
        let mut payload = self.take(usize::try_from(len).unwrap());
        for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        let opcode = head[0] & 0x0F;
        Frame {
            opcode,
            key,
            payload,
        }
    }

    /// Sends the next message back.
    pub fn echo(&mut self) {
        let message = self.receive();
        self.send(message.opcode, &message.payload);
    }

    /// Does with each frame as it is told, until the client closes.
    pub fn answer(&mut self, mut answer: impl FnMut(&mut Self, Frame)) {
        loop {
            match self.receive() {
                frame if frame.opcode == CLOSE => return self.send(CLOSE, &frame.payload),
                frame => answer(self, frame),
            }
        }
    }

    pub fn expect(&mut self, opcode: u8, payload: &[u8]) {
        let frame = self.receive();
        assert_eq!(frame.opcode, opcode, "{} bytes", frame.payload.len());
        assert!(frame.payload == payload, "another payload");
    }

    pub fn expect_text(&mut self, text: &str) {
        self.expect(TEXT, text.as_bytes());
    }

    /// A Close with this code, whatever the reason.
    pub fn expect_close(&mut self, code: u16) {
        let frame = self.receive();
        assert_eq!(frame.opcode, CLOSE);
        assert_eq!(frame.payload.get(..2), Some(&code.to_be_bytes()[..]));
    }

    /// FIN, and not a byte before it.
    pub fn expect_end(&mut self) {
        assert_eq!(&self.bytes[self.at..], b"", "bytes behind the end");
        let got = self.more();
        assert_eq!(got, 0, "{:?}", &self.bytes[self.at..]);
    }

    /// The end, in whatever way, whatever comes before it.
    pub fn expect_cut(&mut self) {
        let mut buffer = [0; 64 << 10];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("not cut"),
                Err(_) => return,
            }
        }
    }

    /// The closing handshake, from the client, to the end of TCP, from here.
    pub fn farewell(mut self, code: u16) {
        self.expect_close(code);
        self.close(code, "");
        self.stream.finish();
        self.expect_end();
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.bytes.len() - self.at < count {
            assert!(self.more() > 0, "the connection ended in a frame");
        }
        let taken = self.bytes[self.at..self.at + count].to_vec();
        self.at += count;
        taken
    }

    fn more(&mut self) -> usize {
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
        }
        let had = self.bytes.len();
        self.bytes.resize(had + (256 << 10), 0);
        let got = self.stream.read(&mut self.bytes[had..]).unwrap();
        self.bytes.truncate(had + got);
        got
    }
}

/// The 101 to a request, with more fields (each with its line end).
pub fn answer(request: &str, fields: &str) -> String {
    let mut lines = request.lines();
    let key = lines.find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = tungstenite::handshake::derive_accept_key(key.unwrap().as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{fields}\r\n"
    )
}

/// A frame as a server sends it.
pub fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![if fin { 0x80 } else { 0 } | opcode];
    match payload.len() {
        len @ 0..=125 => bytes.push(len as u8),
        len @ 126..=0xFFFF => {
            bytes.push(126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// The payload of a Close.
pub fn closing(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}
