//! The frame header alone: decoded as a client sends it, encoded as a server does.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ws4rs::proto::{Header, Opcode, Role};

fn frame(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    group.throughput(Throughput::Elements(1));
    for (name, len) in [("7 bits", 32), ("16 bits", 4 << 10), ("64 bits", 1 << 20)] {
        let masked = Header {
            mask: Some([0x37, 0xfa, 0x21, 0x3d]),
            ..Header::whole(Opcode::Binary, len)
        };
        let (bytes, size) = masked.encode();
        let received = &bytes[..size];
        group.bench_function(format!("decode, {name}"), |bencher| {
            bencher.iter(|| {
                let decoded = Header::decode(black_box(received), Role::Server, false);
                assert_eq!(decoded, Ok(Some((masked, size))));
            });
        });

        let plain = Header::whole(Opcode::Binary, len);
        let expected = plain.encode();
        let back = Header::decode(&expected.0[..expected.1], Role::Client, false);
        assert_eq!(back, Ok(Some((plain, expected.1))));
        group.bench_function(format!("encode, {name}"), |bencher| {
            bencher.iter(|| {
                assert_eq!(black_box(&plain).encode(), expected);
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = frame
}
criterion_main!(benches);
