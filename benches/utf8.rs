//! Text unmasked and checked: in place, gathered in a buffer, and in two passes with the standard
//! library.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ws4rs::internal::simd::mask;
use ws4rs::internal::simd::text::{Buffer, unmask};

const SIZES: [usize; 4] = [125, 4 << 10, 64 << 10, 1 << 20];

/// A key that makes another text of each of these texts: what is unmasked in place can be unmasked
/// again.
const KEY: [u8; 4] = [1; 4];

fn texts() -> [(&'static str, String); 4] {
    let json = r#"{"id":1234567,"user":"alice","body":"as plain as it gets"},"#;
    [
        ("ascii", json.into()),
        ("one in a hundred", format!("{json}{}é", &json[..40])),
        (
            "latin",
            "Übergrößenträger müßten naïveté à la façade élégante. ".into(),
        ),
        ("cjk", "漢字仮名交じり文は日本語の表記法".into()),
    ]
}

fn benches(criterion: &mut Criterion) {
    for (name, sample) in texts() {
        let mut group = criterion.benchmark_group(name);
        for size in SIZES {
            let mut bytes = text(&sample, size);
            check(&mut bytes);

            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(BenchmarkId::new("unmask", size), |bencher| {
                bencher.iter(|| unmask(black_box(&mut bytes), black_box(KEY)).unwrap().len());
            });
            group.bench_function(BenchmarkId::new("two passes", size), |bencher| {
                bencher.iter(|| two_passes(black_box(&mut bytes), black_box(KEY)).len());
            });

            let mut buffer = Buffer::new();
            group.bench_function(BenchmarkId::new("buffer", size), |bencher| {
                bencher.iter(|| {
                    buffer.truncate(0);
                    buffer.append(black_box(&bytes), black_box(KEY));
                    buffer.check().unwrap();
                    buffer.text().unwrap().len()
                });
            });
        }
    }
}

fn text(sample: &str, size: usize) -> Vec<u8> {
    let text = sample.repeat(size / sample.len() + 1);
    let whole = (0..=size).rev().find(|&at| text.is_char_boundary(at));
    text[..whole.unwrap()].into()
}

fn two_passes(bytes: &mut [u8], key: [u8; 4]) -> &str {
    mask::apply(bytes, key);
    str::from_utf8(bytes).unwrap()
}

fn check(bytes: &mut [u8]) {
    let before = bytes.to_vec();
    let other = two_passes(bytes, KEY).to_owned();
    assert_eq!(unmask(bytes, KEY).unwrap().as_bytes(), before);
    assert_eq!(unmask(bytes, KEY).unwrap(), other);
    bytes.copy_from_slice(&before);
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
        .sample_size(20)
}

criterion_group! { name = utf8_benches; config = short(); targets = benches }
criterion_main!(utf8_benches);
