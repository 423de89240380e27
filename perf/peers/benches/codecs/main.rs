//! What the protocol costs without sockets: received bytes through each library and back, as an echo.
//! Frames decoded, unmasked, checked, made into messages, framed, written: into memory, 64 KiB at a time.
//! Every answer is compared before it is timed, and its length each time.
//! sockudo-ws brings mimalloc, and with it all of them allocate here, also ws4rs.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

mod libraries;
mod memory;
mod script;

use libraries::ECHOES;
use script::Script;

fn echo(criterion: &mut Criterion) {
    for script in Script::all() {
        let mut group = criterion.benchmark_group(script.name());
        group.throughput(Throughput::Bytes(script.bytes.len() as u64));
        for (name, make) in ECHOES {
            let mut echo = make();
            let mut said = Vec::with_capacity(script.answer.len());
            echo(&script.bytes, &mut said);
            assert!(
                said == script.answer,
                "{name} does not echo {}",
                script.name()
            );
            group.bench_function(*name, |bencher| {
                bencher.iter(|| {
                    said.clear();
                    echo(black_box(&script.bytes), &mut said);
                    assert_eq!(said.len(), script.answer.len());
                });
            });
        }
        group.finish();
    }
}

fn unmask(criterion: &mut Criterion) {
    for length in [32, 512, 64 << 10] {
        let mut group = criterion.benchmark_group(format!("unmask {length} B"));
        group.throughput(Throughput::Bytes(length as u64));
        let plain: Vec<u8> = (0..length).map(|at| at as u8).collect();
        for (name, unmask) in libraries::UNMASKS {
            let mut bytes = plain.clone();
            unmask(&mut bytes, script::KEY);
            assert!(bytes == script::masked(&plain), "{name} masks otherwise");
            group.bench_function(*name, |bencher| {
                bencher.iter(|| unmask(black_box(&mut bytes), script::KEY));
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = echo, unmask
}
criterion_main!(benches);
