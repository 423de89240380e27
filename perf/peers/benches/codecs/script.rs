//! What a client sends, and what it gets for it.

pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub struct Script {
    text: bool,
    length: usize,
    count: usize,
    pub bytes: Vec<u8>,
    pub answer: Vec<u8>,
}

impl Script {
    pub fn all() -> impl Iterator<Item = Script> {
        // Runs of 64 KiB and a little, then one message.
        let shapes = [
            (32, 2048),
            (125, 512),
            (512, 128),
            (64 << 10, 1),
            (1 << 20, 1),
        ];
        let texts = [false, true];
        texts.into_iter().flat_map(move |text| {
            shapes
                .into_iter()
                .map(move |(length, count)| Script::new(text, length, count))
        })
    }

    fn new(text: bool, length: usize, count: usize) -> Self {
        let payload: Vec<u8> = (0..length).map(|at| b' ' + (at % 95) as u8).collect();
        let (mut bytes, mut answer) = (Vec::new(), Vec::new());
        for _ in 0..count {
            head(text, length, true, &mut bytes);
            bytes.extend_from_slice(&KEY);
            bytes.extend(masked(&payload));
            head(text, length, false, &mut answer);
            answer.extend_from_slice(&payload);
        }
        Script {
            text,
            length,
            count,
            bytes,
            answer,
        }
    }

    pub fn name(&self) -> String {
        let kind = if self.text { "text" } else { "binary" };
        format!("echo {kind}, {} of {} B", self.count, self.length)
    }
}

fn head(text: bool, length: usize, masked: bool, out: &mut Vec<u8>) {
    out.push(if text { 0x81 } else { 0x82 });
    let bit = if masked { 0x80 } else { 0 };
    match length {
        0..126 => out.push(bit | length as u8),
        126..0x1_0000 => {
            out.push(bit | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(bit | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// By the book (5.3), a byte at a time.
pub fn masked(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .zip(KEY.iter().cycle())
        .map(|(byte, key)| byte ^ key)
        .collect()
}
