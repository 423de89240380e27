//! Received bytes through the whole protocol and back: frames decoded, unmasked, checked, made into
//! messages, echoed, framed. Each round begins with the copy that the kernel would make, for
//! payloads are unmasked where they lie.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ws4rs::proto::{Event, Header, Input, Opcode, Rules, WebSocket};

/// What the kernel hands over at once.
const RECEIVED: usize = 16 << 10;

fn stream(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stream");
    for (name, script) in [
        (
            "binary, 512 of 32 B",
            Script::new(Opcode::Binary, 32, 512, 1),
        ),
        ("text, 512 of 32 B", Script::new(Opcode::Text, 32, 512, 1)),
        (
            "binary, 128 of 125 B",
            Script::new(Opcode::Binary, 125, 128, 1),
        ),
        ("text, 128 of 125 B", Script::new(Opcode::Text, 125, 128, 1)),
        (
            "binary, 64 of 512 B",
            Script::new(Opcode::Binary, 512, 64, 1),
        ),
        ("text, 64 of 512 B", Script::new(Opcode::Text, 512, 64, 1)),
        (
            "binary, 16 of 4 KiB",
            Script::new(Opcode::Binary, 4 << 10, 16, 1),
        ),
        (
            "text, 16 of 4 KiB",
            Script::new(Opcode::Text, 4 << 10, 16, 1),
        ),
        (
            "binary, 4 of 64 KiB",
            Script::new(Opcode::Binary, 64 << 10, 4, 1),
        ),
        (
            "text, 4 of 64 KiB",
            Script::new(Opcode::Text, 64 << 10, 4, 1),
        ),
        (
            "text, 16 of 4 KiB in 8 fragments",
            Script::new(Opcode::Text, 4 << 10, 16, 8),
        ),
    ] {
        let mut kernel = vec![0; RECEIVED];
        let mut websocket = WebSocket::new(Rules::server(1 << 20));
        let mut said = Vec::new();
        script.play(&mut websocket, &mut kernel, |bytes| {
            said.extend_from_slice(bytes);
        });
        assert_eq!(said, script.answer);

        group.throughput(Throughput::Bytes(script.bytes.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut count = 0;
                script.play(&mut websocket, black_box(&mut kernel), |bytes| {
                    count += bytes.len();
                });
                assert_eq!(count, script.answer.len());
            });
        });
    }
    group.finish();
}

/// What a client sends, and what it gets for it.
struct Script {
    bytes: Vec<u8>,
    answer: Vec<u8>,
}

impl Script {
    /// `count` messages of `len` bytes, each in so many `parts`.
    fn new(opcode: Opcode, len: usize, count: usize, parts: usize) -> Self {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let payload: Vec<u8> = (0..len).map(|at| b' ' + (at % 95) as u8).collect();
        let (mut bytes, mut answer) = (Vec::new(), Vec::new());
        for _ in 0..count {
            for (index, part) in payload.chunks(len / parts).enumerate() {
                let first = index == 0;
                let header = Header {
                    fin: index + 1 == parts,
                    ..Header::whole(
                        if first { opcode } else { Opcode::Continuation },
                        part.len(),
                    )
                }
                .masked(key);
                let (head, size) = header.encode();
                bytes.extend_from_slice(&head[..size]);
                bytes.extend(part.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
            }
            let (head, size) = Header::whole(opcode, len).encode();
            answer.extend_from_slice(&head[..size]);
            answer.extend_from_slice(&payload);
        }
        Script { bytes, answer }
    }

    /// Plays it, a receive at a time, and tells what is said.
    fn play(&self, websocket: &mut WebSocket, kernel: &mut [u8], mut say: impl FnMut(&[u8])) {
        for part in self.bytes.chunks(RECEIVED) {
            let received = &mut kernel[..part.len()];
            received.copy_from_slice(part);
            let heard = websocket.hear(&mut Input::new(received), |event, outbound| {
                if let Event::Message(message) = event {
                    outbound.send(message);
                }
            });
            heard.expect("the script is lawful");
            while let Some(mut chunks) = websocket.outgoing() {
                chunks.iter().for_each(|chunk| say(chunk.as_slice()));
                chunks.advance(chunks.len());
                websocket.sent(chunks);
            }
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = stream
}
criterion_main!(benches);
