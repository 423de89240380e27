//! One message deflated and inflated: for itself, and with the history of a connection.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ws4rs::internal::deflate::{Inflater, compress};
use ws4rs::internal::simd::text::Buffer;

const SIZES: [usize; 3] = [256, 1 << 10, 16 << 10];
const LEVELS: [u8; 3] = [1, 4, 6];
const LEVEL: u8 = 4;

/// A window, and whether there is a history of its size.
const WAYS: [(&str, u8, bool); 3] = [
    ("15 bits, alone", 15, false),
    ("12 bits, history", 12, true),
    ("15 bits, history", 15, true),
];

fn benches(criterion: &mut Criterion) {
    let mut next = 1;
    for (name, window, with_history) in WAYS {
        let history = json(usize::from(with_history) << window, &mut next);
        let mut group = criterion.benchmark_group(name);
        for size in SIZES {
            let message = json(size, &mut next);
            group.throughput(Throughput::Bytes(size as u64));
            for level in LEVELS {
                let name = format!("deflate, level {level}");
                let deflated = deflate(window, level, &history, &message);
                assert_eq!(inflate(&history, &deflated), message);
                group.bench_function(BenchmarkId::new(name, size), |bencher| {
                    let mut out = Vec::with_capacity(size);
                    bencher.iter(|| {
                        out.clear();
                        let message = black_box(&message);
                        assert!(compress(window, level, &history, message, &mut out));
                        out.len()
                    });
                });
            }
            let deflated = deflate(window, LEVEL, &history, &message);
            group.bench_function(BenchmarkId::new("inflate", size), |bencher| {
                bencher.iter(|| inflate(&history, black_box(&deflated)).len());
            });
        }
    }
    final_blocks(criterion);
}

/// The dearest payload there is for its length: streams of two bytes that end and begin anew.
fn final_blocks(criterion: &mut Criterion) {
    let payload = [0x03, 0x00].repeat(16 << 10);
    let history = vec![b' '; 1 << 6];
    assert_eq!(inflate(&history, &payload), b"");
    let mut group = criterion.benchmark_group("final blocks");
    group.throughput(Throughput::Bytes(payload.len() as u64));
    group.bench_function("inflate", |bencher| {
        bencher.iter(|| inflate(&history, black_box(&payload)).len());
    });
}

fn deflate(window: u8, level: u8, history: &[u8], message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(compress(window, level, history, message, &mut out));
    out
}

fn inflate(history: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut to = Buffer::new();
    let mut inflater = Inflater::start(history);
    inflater.inflate(payload, &mut to, 1 << 20).unwrap();
    inflater.finish().unwrap();
    to.take()
}

/// What a trading or a chat server might send: names repeat, numbers do not.
fn json(len: usize, next: &mut u64) -> Vec<u8> {
    let words = [
        "order", "filled", "price", "volume", "market", "limit", "cancel", "update",
    ];
    let mut number = |below: u64| {
        *next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*next >> 33) % below
    };
    let mut text = String::from("[");
    while text.len() < len {
        let word = words[number(8) as usize];
        let (id, price, note) = (number(10_000_000), number(100_000), number(8) as usize);
        text += &format!(
            "{{\"id\":{id},\"type\":\"{word}\",\"price\":{price}.{:02},",
            price % 97
        );
        text += &format!("\"user\":\"u{}\",\"note\":\"{}\"}},", id % 50, words[note]);
    }
    text.truncate(len);
    text.into_bytes()
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
        .sample_size(20)
}

criterion_group! { name = deflate_benches; config = short(); targets = benches }
criterion_main!(deflate_benches);
