//! The protocol talks to itself: a server's `WebSocket` and a client's, with every compression that two
//! of us can agree on. Every message arrives as it was sent, in order, however the bytes are cut.

#[path = "support/random.rs"]
#[allow(unreachable_pub, dead_code)]
mod random;

use std::collections::{HashSet, VecDeque};
use std::sync::LazyLock;

use random::Random;
use ws4rs::proto::{
    Agreed, CloseCode, Deflate, Event, Header, Input, Message, Phase, Role, Rules, WebSocket,
};

#[test]
fn what_one_says_the_other_hears() {
    let mut seed = 1;
    for client in settings() {
        for server in settings() {
            let agreed = agree(client, server);
            converse(seed, agreed.as_ref().map(|(ours, theirs)| (ours, theirs)));
            seed += 1;
        }
    }
}

#[test]
fn without_compression_too() {
    for seed in 1..20 {
        converse(seed, None);
    }
}

/// All windows, with and without takeover.
fn settings() -> Vec<Deflate> {
    let narrow = Deflate::shared().window(9);
    let eager = Deflate::shared().threshold(0).level(1);
    let eight = Deflate::takeover(15).peer_window(8);
    let mut all = vec![Deflate::shared(), narrow, eager, eight];
    all.extend((9..=15).map(Deflate::takeover));
    all
}

/// What the client has agreed on, and the server.
fn agree(client: Deflate, server: Deflate) -> Option<(Agreed, Agreed)> {
    let offer = client.offer();
    let theirs = server.accept([offer.as_bytes()].into_iter())?;
    let ours = client.agree(theirs.to_string().as_bytes());
    Some((ours.expect("it answers the offer"), theirs))
}

fn converse(seed: u64, agreed: Option<(&Agreed, &Agreed)>) {
    let random = &mut Random(seed);
    let (ours, theirs) = agreed.unzip();
    let mut client = End::new(Rules::client(1 << 20), ours);
    let mut server = End::new(Rules::server(1 << 20), theirs);
    for _ in 0..60 {
        match random.below(8) {
            0 | 1 => client.say(word(random)),
            2 | 3 => server.say(word(random)),
            4 => client.write(random),
            5 => server.write(random),
            6 => client.read(&mut server, random),
            _ => server.read(&mut client, random),
        }
    }
    match random.below(3) {
        0 => client.say(Word::Close(1001)),
        1 => server.say(Word::Close(1000)),
        _ => {
            client.say(Word::Close(3000));
            server.say(Word::Close(4999));
        }
    }
    for _ in 0..10_000 {
        client.write(random);
        server.write(random);
        client.read(&mut server, random);
        server.read(&mut client, random);
        if client.is_done() && server.is_done() {
            break;
        }
    }
    for end in [&client, &server] {
        assert_eq!(end.socket.phase(), Phase::Closed, "{seed}");
        assert_eq!(end.said, [], "{seed}: said and not heard");
    }
    server.check_frames();
    client.check_frames();
}

fn word(random: &mut Random) -> Word {
    let len = match random.below(20) {
        0 => random.below(3),
        1 => 20_000 + random.below(50_001),
        2 => 1000 + random.below(5_000),
        _ => random.below(1000),
    };
    match random.below(10) {
        0 => Word::Ping(vec![b'?'; len.min(20)]),
        1 => Word::Binary((0..len).map(|_| random.next() as u8).collect()),
        2 => Word::Binary(vec![len as u8; len]),
        // Shrinks by no more than half.
        3 => Word::Text((0..len).map(|_| DIGITS[random.below(16)]).collect()),
        _ => {
            // From a stock that is larger than small windows: much has been said before.
            let from = random.below(STOCK.len() / 2);
            let text = "é".repeat(random.below(2)) + &STOCK[from..];
            Word::Text(text.chars().take(len).collect())
        }
    }
}

/// What is said, and should be heard.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16),
}

struct End {
    socket: WebSocket,
    role: Role,
    compresses: bool,
    /// Not heard yet.
    said: VecDeque<Word>,
    wire: VecDeque<u8>,
    /// All bytes that have left.
    sent: Vec<u8>,
}

impl End {
    fn new(rules: Rules, agreed: Option<&Agreed>) -> Self {
        let role = rules.role;
        let mut socket = WebSocket::new(rules);
        if let Some(agreed) = agreed {
            socket = socket.deflate(agreed);
        }
        End {
            socket,
            role,
            compresses: agreed.is_some_and(|agreed| agreed.window() > 8),
            said: VecDeque::new(),
            wire: VecDeque::new(),
            sent: Vec::new(),
        }
    }

    fn say(&mut self, word: Word) {
        if self.socket.phase() != Phase::Open {
            return;
        }
        match &word {
            Word::Text(text) => _ = self.socket.send(text),
            Word::Binary(bytes) => _ = self.socket.send(bytes),
            Word::Ping(payload) => _ = self.socket.ping(payload),
            Word::Close(code) => {
                let code = CloseCode::new(*code).expect("a code");
                self.socket.close(code, "enough");
            }
            Word::Pong(_) => unreachable!("answers say themselves"),
        }
        self.said.push_back(word);
    }

    /// Some of what it has said leaves.
    fn write(&mut self, random: &mut Random) {
        while let Some(mut chunks) = self.socket.outgoing() {
            let count = 1 + random.below(chunks.len());
            let mut bytes = Vec::new();
            let mut gone = chunks.gone();
            for chunk in chunks.iter() {
                bytes.extend_from_slice(&chunk.as_slice()[gone..]);
                gone = 0;
            }
            bytes.truncate(count);
            chunks.advance(count);
            self.socket.sent(chunks);
            self.sent.extend_from_slice(&bytes);
            self.wire.extend(bytes);
            if random.below(3) == 0 {
                return;
            }
        }
    }

    /// Some of what has left the other arrives.
    fn read(&mut self, other: &mut End, random: &mut Random) {
        if other.wire.is_empty() {
            return;
        }
        let most = [10, 2000, other.wire.len()][random.below(3)];
        let count = 1 + random.below(most.min(other.wire.len()));
        let mut bytes: Vec<_> = other.wire.drain(..count).collect();
        let mut input = Input::new(&mut bytes);
        loop {
            let open = self.socket.phase() == Phase::Open;
            let Some(event) = self.socket.receive(&mut input).expect("lawful") else {
                return;
            };
            let heard = match event {
                Event::Message(Message::Text(text)) => Word::Text(text.to_owned()),
                Event::Message(Message::Binary(bytes)) => Word::Binary(bytes.to_vec()),
                Event::Ping(payload) => Word::Ping(payload.to_vec()),
                Event::Pong(payload) => Word::Pong(payload.to_vec()),
                Event::Close(close) => Word::Close(close.code.get()),
                other => panic!("{other:?}"),
            };
            // It answers in its turn.
            match &heard {
                Word::Ping(payload) if open => self.said.push_back(Word::Pong(payload.clone())),
                Word::Close(code) if open => self.said.push_back(Word::Close(*code)),
                _ => {}
            }
            // A server that has said Close is told the peer's only.
            let deaf = self.role == Role::Server && !open;
            while other.said.pop_front().expect("it was said") != heard {
                assert!(deaf, "{heard:?} came before what was said before it");
            }
        }
    }

    fn is_done(&self) -> bool {
        self.socket.phase() == Phase::Closed && self.said.is_empty()
    }

    /// 5.1, 5.3: a client masks every frame, each with a key of its own, a server none. And those who
    /// may compress do.
    fn check_frames(&self) {
        let reader = match self.role {
            Role::Server => Role::Client,
            Role::Client => Role::Server,
        };
        let (mut keys, mut count, mut compressed, mut at) = (HashSet::new(), 0, 0, 0);
        while let Some((header, size)) =
            Header::decode(&self.sent[at..], reader, true).expect("ours")
        {
            keys.extend(header.mask);
            count += 1;
            compressed += usize::from(header.compressed);
            at += size + header.len as usize;
        }
        match self.role {
            Role::Server => assert!(keys.is_empty()),
            // Two of a few dozen may be alike by chance: once in a million conversations.
            Role::Client => assert!(keys.len() + 1 >= count),
        }
        assert!(compressed == 0 || self.compresses);
        assert!(compressed > 0 || !self.compresses || self.sent.len() < 4000);
    }
}

const DIGITS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
];
static STOCK: LazyLock<String> =
    LazyLock::new(|| (0..9000).map(|n| format!("{} ", n * 7 % 1999)).collect());
