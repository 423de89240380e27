//! Unmasking: a byte at a time, in place, while copying; and copying first.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ws4rs::internal::simd::mask;

// The short and the usual message, the longest control payload, a page, a receive buffer, a lot.
const SIZES: [usize; 7] = [16, 64, 125, 1 << 10, 4 << 10, 16 << 10, 1 << 20];
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Where a payload lies behind its header: aligned to nothing.
const HEADER: usize = 6;

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    for size in SIZES {
        let mut frame = vec![b'x'; HEADER + size];
        let payload = &mut frame[HEADER..];
        check(payload);

        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("bytes", size), |bencher| {
            bencher.iter(|| bytes(black_box(payload), black_box(KEY)));
        });
        group.bench_function(BenchmarkId::new("apply", size), |bencher| {
            bencher.iter(|| mask::apply(black_box(payload), black_box(KEY)));
        });
        group.bench_function(BenchmarkId::new("apply_ascii", size), |bencher| {
            bencher.iter(|| mask::apply_ascii(black_box(payload), black_box(KEY)));
        });

        let mut to = Vec::with_capacity(size);
        group.bench_function(BenchmarkId::new("append", size), |bencher| {
            bencher.iter(|| {
                to.clear();
                mask::append(black_box(&mut to), black_box(payload), black_box(KEY));
            });
        });
        group.bench_function(BenchmarkId::new("copy, then apply", size), |bencher| {
            bencher.iter(|| {
                to.clear();
                to.extend_from_slice(black_box(payload));
                mask::apply(black_box(&mut to), black_box(KEY));
            });
        });
    }
}

/// The naive twin.
#[inline(never)]
fn bytes(payload: &mut [u8], key: [u8; 4]) {
    for (i, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[i & 3];
    }
}

fn check(payload: &mut [u8]) {
    let before = payload.to_vec();
    bytes(payload, KEY);
    let mut appended = Vec::new();
    mask::append(&mut appended, payload, KEY);
    assert_eq!(appended, before);
    mask::apply(payload, KEY);
    assert_eq!(payload, before);
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
        .sample_size(20)
}

criterion_group! { name = mask_benches; config = short(); targets = benches }
criterion_main!(mask_benches);
