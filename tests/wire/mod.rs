//! A WebSocket client of the plainest kind: blocking, over `std`, with frame code of its own that
//! shares nothing with the crate. Every wait has a deadline that fails the test.
#![allow(dead_code, unreachable_pub, unused_imports)]

#[path = "../support/noise.rs"]
mod noise;

use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

pub use noise::noise;

/// Longer than anything here takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

pub const REQUEST: &str = "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A request for `path`, with more `fields` (each with its line end).
pub fn request(path: &str, fields: &str) -> String {
    let request = REQUEST.replacen("GET /", &format!("GET {path}"), 1);
    request.replacen("Host:", &format!("{fields}Host:"), 1)
}

/// What a client writes to and reads from.
pub trait Wire: Read + Write + Sized + Debug {
    fn finish(&self);
    fn again(&self) -> Self;
    fn deadline(&self);
}

impl Wire for TcpStream {
    fn finish(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }

    fn again(&self) -> Self {
        self.try_clone().unwrap()
    }

    fn deadline(&self) {
        self.set_nodelay(true).unwrap();
        self.set_read_timeout(Some(DEADLINE)).unwrap();
        self.set_write_timeout(Some(DEADLINE)).unwrap();
    }
}

impl Wire for UnixStream {
    fn finish(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }

    fn again(&self) -> Self {
        self.try_clone().unwrap()
    }

    fn deadline(&self) {
        self.set_read_timeout(Some(DEADLINE)).unwrap();
        self.set_write_timeout(Some(DEADLINE)).unwrap();
    }
}

/// One end of a conversation.
#[derive(Debug)]
pub struct Client<S = TcpStream> {
    pub stream: S,
    /// Read and not yet used: `bytes[at..]`.
    bytes: Vec<u8>,
    at: usize,
}

/// A frame as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = &self.payload[..self.payload.len().min(40)];
        let text = String::from_utf8_lossy(start);
        write!(
            f,
            "Frame({}, {} bytes: {text:?})",
            self.opcode,
            self.payload.len()
        )
    }
}

impl Client {
    /// Connected, nothing said yet.
    pub fn connect(address: SocketAddr) -> Self {
        Client::new(TcpStream::connect_timeout(&address, DEADLINE).unwrap())
    }

    /// Connected and upgraded.
    pub fn open(address: SocketAddr) -> Self {
        let mut client = Client::connect(address);
        client.upgrade(REQUEST);
        client
    }
}

impl<S: Wire> Client<S> {
    pub fn new(stream: S) -> Self {
        stream.deadline();
        Client {
            stream,
            bytes: Vec::new(),
            at: 0,
        }
    }

    /// Sends a request and expects a 101, of which it gives the head.
    pub fn upgrade(&mut self, request: &str) -> String {
        self.write(request.as_bytes());
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        // RFC 6455 1.3: the answer to the key above.
        assert!(
            head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            "{head}"
        );
        head
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends a whole message, or a control frame.
    pub fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.write(&frame(true, opcode, payload));
    }

    pub fn text(&mut self, text: &str) {
        self.send(TEXT, text.as_bytes());
    }

    pub fn close(&mut self, code: u16) {
        self.send(CLOSE, &code.to_be_bytes());
    }

    /// The head of an HTTP answer.
    pub fn head(&mut self) -> String {
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

    /// The next frame, held to what a server may send.
    pub fn receive(&mut self) -> Frame {
        let head = self.take(2);
        let (fin, opcode) = (head[0] & 0x80 != 0, head[0] & 0x0F);
        assert_eq!(head[0] & 0x70, 0, "a reserved bit");
        assert_eq!(head[1] & 0x80, 0, "a masked frame");
        assert!(fin && opcode != 0, "a fragment");
        let len = match head[1] {
            126 => {
                let len = u64::from(u16::from_be_bytes(self.take(2).try_into().unwrap()));
                assert!(len > 125, "a length too long");
                len
            }
            127 => {
                let len = u64::from_be_bytes(self.take(8).try_into().unwrap());
                assert!(len > 0xFFFF, "a length too long");
                len
            }
            short => u64::from(short),
        };
        assert!(opcode < 8 || len <= 125, "a control frame too long");
        Frame {
            opcode,
            payload: self.take(usize::try_from(len).unwrap()),
        }
    }

    pub fn expect(&mut self, opcode: u8, payload: &[u8]) {
        let frame = self.receive();
        let expected = Frame {
            opcode,
            payload: payload.to_vec(),
        };
        if frame != expected {
            let at = frame.payload.iter().zip(payload).position(|(a, b)| a != b);
            panic!("{frame:?} and not {expected:?}, different from byte {at:?}");
        }
    }

    pub fn expect_text(&mut self, text: &str) {
        self.expect(TEXT, text.as_bytes());
    }

    /// A Close with this code, whatever the reason.
    pub fn expect_close(&mut self, code: u16) {
        let frame = self.receive();
        assert_eq!(frame.opcode, CLOSE, "{frame:?}");
        assert_eq!(
            frame.payload.get(..2),
            Some(&code.to_be_bytes()[..]),
            "{frame:?}"
        );
    }

    /// FIN, and not a byte before it.
    pub fn expect_end(&mut self) {
        assert_eq!(&self.bytes[self.at..], b"", "bytes behind the end");
        let got = self.more();
        assert_eq!(got, 0, "{:?}", &self.bytes[self.at..]);
    }

    /// FIN, and ours for it: the server need not linger.
    pub fn ended(mut self) {
        self.expect_end();
    }

    /// The end, in whatever way, whatever comes before it.
    pub fn expect_cut(&mut self) {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if is_late(&error) => panic!("not cut within the deadline"),
                Err(_) => return,
            }
        }
    }

    /// The closing handshake, from here.
    pub fn goodbye(mut self) {
        self.close(1000);
        self.expect_close(1000);
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
        self.bytes.resize(had + (64 << 10), 0);
        let got = self.stream.read(&mut self.bytes[had..]).unwrap();
        self.bytes.truncate(had + got);
        got
    }
}

/// A frame as a client sends it.
pub fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![if fin { 0x80 } else { 0 } | opcode];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=0xFFFF => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    let key = [0x37, 0xFA, 0x21, payload.len() as u8];
    bytes.extend(key);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
    bytes
}

/// Text of so many bytes, with characters of every length in it.
pub fn prose(len: usize) -> String {
    let mut text: String = "aé€😀b ".chars().cycle().take(len / 2).collect();
    while text.len() > len {
        text.pop();
    }
    text.extend(std::iter::repeat_n('x', len - text.len()));
    text
}

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
