//! One handshake as a browser asks for it: scanned, parsed, answered.
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ws4rs::proto::handshake::{
    Acceptance, Fields, HeadLimits, Opening, OriginPolicy, Refusal, Request,
};

fn handshake(c: &mut Criterion) {
    let mut head = BROWSER.replace('\n', "\r\n").into_bytes();
    let mut out = Vec::with_capacity(512);
    answer(&mut head, usize::MAX, &mut out).expect("the browser's request is taken");
    assert!(out.starts_with(b"HTTP/1.1 101 ") && out.ends_with(ANSWER));

    let mut group = c.benchmark_group("handshake");
    group.throughput(Throughput::Bytes(head.len() as u64));
    for (name, size) in [
        ("whole", usize::MAX),
        ("by 100 bytes", 100),
        ("byte by byte", 1),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                answer(black_box(&mut head), size, &mut out).expect("it is taken again");
                assert!(out.ends_with(ANSWER));
            });
        });
    }
    group.finish();
}

fn answer(head: &mut [u8], size: usize, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let limits = HeadLimits::default();
    let mut opening = Opening::default();
    for part in head.chunks_mut(size) {
        if let Some((head, _)) = opening.receive(part, &limits)? {
            let mut fields = Fields::new();
            let request = Request::parse(head, &mut fields)?;
            assert!(OriginPolicy::SameHost.allows(&request));
            let chosen = request
                .choose(&["chat.v2", "chat.v1"])
                .expect("one is offered");
            let accepted = Acceptance::new().subprotocol(chosen).write(&request, out);
            accepted.expect("it asks for websocket");
            break;
        }
    }
    Ok(())
}

const ANSWER: &[u8] = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat.v1\r\n\r\n";

const BROWSER: &str = "GET /live/room?id=4711 HTTP/1.1
Host: www.example.com:8443
Connection: Upgrade
Pragma: no-cache
Cache-Control: no-cache
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36
Upgrade: websocket
Origin: https://www.example.com:8443
Sec-WebSocket-Version: 13
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en-GB,en;q=0.9,fr;q=0.8
Cookie: session=0123456789abcdef0123456789abcdef
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Protocol: soap, chat.v1
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits

";

criterion_group!(benches, handshake);
criterion_main!(benches);
