//! Unmasking and UTF-8 beside their naive twins: a byte at a time, and `std::str::from_utf8`.

use ws4rs::internal::simd::mask::{append, append_ascii, apply, apply_ascii, turn};
use ws4rs::internal::simd::text::{Buffer, NotUtf8, check, unmask};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const KEYS: [[u8; 4]; 4] = [KEY, [0; 4], [0, 0, 0, 1], [0xff; 4]];

/// The naive twin.
fn masked(bytes: &[u8], key: [u8; 4]) -> Vec<u8> {
    (0..bytes.len()).map(|i| bytes[i] ^ key[i % 4]).collect()
}

/// Every length and alignment near the edges, and some lengths around the blocks of `unmask`.
fn runs() -> impl Iterator<Item = (usize, usize)> {
    let short = (0..=300).flat_map(|len| (0..=40).map(move |offset| (len, offset)));
    let long = [
        1023, 1024, 1025, 4000, 4095, 4096, 4097, 4127, 8191, 8192, 8193, 20_001,
    ];
    short.chain(
        long.into_iter()
            .flat_map(|len| (0..=32).map(move |offset| (len, offset))),
    )
}

/// ASCII, but for one byte in every second run.
fn payload(len: usize, offset: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..len).map(|i| (i * 31 % 128) as u8).collect();
    if let (1, Some(byte)) = (offset % 2, bytes.get_mut(len * offset / 41)) {
        *byte |= 0x80;
    }
    bytes
}

#[test]
fn bytes_are_unmasked_in_place_and_their_neighbours_left_alone() {
    for (len, offset) in runs() {
        let bytes = payload(len, offset);
        let key = KEYS[len % 4];
        let mut frame = vec![0xa5; offset + len + 40];
        frame[offset..][..len].copy_from_slice(&masked(&bytes, key));
        let mut again = frame.clone();

        apply(&mut frame[offset..][..len], key);
        assert_eq!(frame[offset..][..len], bytes, "{len} bytes at {offset}");
        let ascii = apply_ascii(&mut again[offset..][..len], key);
        assert_eq!(ascii, bytes.is_ascii(), "{len} bytes at {offset}");
        assert_eq!(again, frame);

        assert!(frame[..offset].iter().all(|&byte| byte == 0xa5));
        assert!(frame[offset + len..].iter().all(|&byte| byte == 0xa5));
    }
}

#[test]
fn bytes_are_unmasked_behind_what_is_there() {
    for (len, offset) in runs() {
        let bytes = payload(len, offset);
        let frame = masked(&bytes, KEY);
        let mut wanted = vec![0xa5; offset];
        wanted.extend(&bytes);

        let mut to = Vec::with_capacity(offset + len);
        to.resize(offset, 0xa5);
        let capacity = to.capacity();
        let mut grown = to.clone();
        append(&mut to, &frame, KEY);
        assert_eq!((&to, to.capacity()), (&wanted, capacity));
        assert_eq!(append_ascii(&mut grown, &frame, KEY), bytes.is_ascii());
        assert_eq!(grown, wanted);
    }
}

#[test]
fn one_byte_anywhere_is_seen_not_to_be_ascii() {
    for len in 1..=200 {
        for at in 0..len {
            let mut bytes = vec![0x7f; len];
            bytes[at] = 0x80;
            let mut frame = masked(&bytes, KEY);
            assert!(!append_ascii(&mut Vec::new(), &frame, KEY));
            assert!(!apply_ascii(&mut frame, KEY), "{at} of {len}");
        }
    }
}

#[test]
fn a_payload_in_two_parts_needs_the_key_turned() {
    let bytes = payload(200, 1);
    for cut in 0..=200 {
        let mut frame = masked(&bytes, KEY);
        apply(&mut frame[..cut], KEY);
        apply(&mut frame[cut..], turn(KEY, cut));
        assert_eq!(frame, bytes);
    }
}

/// Every run of bytes that a decoder could take for a character, and their neighbours.
fn characters() -> Vec<Vec<u8>> {
    let ends = [0x00, 0x7f, 0x80, 0xa0, 0xbf, 0xc0, 0xff];
    let mut all = vec![vec![]];
    all.extend((0..=0xff).map(|a| vec![a]));
    for (a, b) in (0..=0xff).flat_map(|a| (0..=0xff).map(move |b| (a, b))) {
        all.push(vec![a, b]);
    }
    for (a, b) in (0xe0..=0xf8).flat_map(|a| (0..=0xff).map(move |b| (a, b))) {
        all.extend(ends.map(|c| vec![a, b, c]));
    }
    for (a, b) in (0xf0..=0xf5).flat_map(|a| (0x70..=0xc4).map(move |b| (a, b))) {
        all.extend(ends.map(|c| vec![a, b, c, 0x80]));
        all.extend(ends.map(|d| vec![a, b, 0xbf, d]));
    }
    all
}

#[test]
fn every_character_is_judged_as_the_standard_library_does() {
    for bytes in characters() {
        let wanted = str::from_utf8(&bytes).map_err(|_| NotUtf8);
        assert_eq!(check(&bytes), wanted);
        assert_eq!(unmask(&mut masked(&bytes, KEY), KEY), wanted, "{bytes:x?}");
    }
}

#[test]
fn every_character_fails_at_its_first_bad_byte() {
    for bytes in characters() {
        byte_by_byte(&mut Buffer::new(), &bytes);
    }
}

#[test]
fn a_character_may_lie_across_the_blocks_anywhere() {
    let samples = ["é", "한", "🦀", "\u{80}\u{800}\u{10000}\u{10ffff}"].map(str::as_bytes);
    let bad: [&[u8]; 6] = [
        b"\xc3",
        b"\xe0\x9f\xbf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xf0\x9f\xa6",
    ];
    for block in [64, 4096, 8192] {
        for (at, sample) in
            (block - 5..block + 5).flat_map(|at| samples.iter().chain(&bad).map(move |s| (at, s)))
        {
            for len in [at + sample.len(), at + 20, 12_300] {
                let mut bytes = vec![b'x'; len.max(at + sample.len())];
                bytes[at..][..sample.len()].copy_from_slice(sample);
                let wanted = str::from_utf8(&bytes).map_err(|_| NotUtf8);
                let text = unmask(&mut masked(&bytes, KEY), KEY).map(str::len);
                assert_eq!(text, wanted.map(str::len), "{sample:x?} at {at} of {len}");
            }
        }
    }
}

#[test]
fn a_long_text_is_the_same_text_unmasked() {
    for sample in ["{\"k\":1}", "naïve ", "漢字かな", "🦀a", "日x"] {
        let text = sample.repeat(30_000 / sample.len());
        for len in (0..300).chain([4095, 4096, 4097, 8190, 8192, 8195, 29_000]) {
            let text = &text[..boundary(text.as_str(), len)];
            assert_eq!(unmask(&mut masked(text.as_bytes(), KEY), KEY), Ok(text));
        }
    }
}

fn boundary(text: &str, len: usize) -> usize {
    (0..=len)
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap()
}

#[test]
fn a_text_in_two_parts_is_the_same_text() {
    let text =
        "ASCII, naïve café, 漢字, 🦀🦀; and as much again in ASCII, so that the wide loops run.";
    for cut in 0..=text.len() {
        let mut buffer = Buffer::new();
        for part in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
            buffer.append(&masked(part, KEY), KEY);
            assert_eq!(buffer.check(), Ok(()));
            let whole = str::from_utf8(buffer.as_slice()).map_err(|_| NotUtf8);
            assert_eq!(buffer.text(), whole);
        }
        assert_eq!(buffer.text(), Ok(text));
    }
    byte_by_byte(&mut Buffer::new(), text.as_bytes());
}

/// The buffer says after each byte what the standard library says of all of them.
fn byte_by_byte(buffer: &mut Buffer, bytes: &[u8]) {
    for (i, byte) in bytes.iter().enumerate() {
        buffer.append(&[byte ^ KEY[0]], KEY);
        let so_far = str::from_utf8(&bytes[..=i]);
        let hopeless = so_far.is_err_and(|error| error.error_len().is_some());
        assert_eq!(buffer.check().is_err(), hopeless, "{:x?}", &bytes[..=i]);
        assert_eq!(buffer.text(), so_far.map_err(|_| NotUtf8));
        if hopeless {
            return;
        }
    }
}

#[test]
fn text_that_was_not_checked_is_not_given() {
    let mut buffer = Buffer::new();
    assert_eq!(buffer.text(), Ok(""));
    buffer.append("é".as_bytes(), [0; 4]);
    assert_eq!(buffer.text(), Err(NotUtf8));
    assert_eq!(buffer.check(), Ok(()));
    assert_eq!(buffer.text(), Ok("é"));
}

#[test]
fn ascii_does_not_mend_an_unfinished_character() {
    let mut buffer = Buffer::new();
    buffer.append(b"\xc3", [0; 4]);
    assert_eq!(buffer.check(), Ok(()));
    buffer.append(b"a", [0; 4]);
    assert_eq!(buffer.text(), Err(NotUtf8));
    assert_eq!(buffer.check(), Err(NotUtf8));
}

#[test]
fn a_text_cut_short_can_be_continued() {
    let text = "aé漢🦀z";
    for len in 0..=text.len() + 1 {
        let mut buffer = Buffer::new();
        buffer.append(text.as_bytes(), [0; 4]);
        assert_eq!(buffer.check(), Ok(()));
        buffer.truncate(len);
        assert_eq!(buffer.text().ok(), text.get(..len.min(text.len())));
        assert_eq!(buffer.check(), Ok(()));
        buffer.append(text.as_bytes().get(len..).unwrap_or_default(), [0; 4]);
        assert_eq!(buffer.check(), Ok(()));
        assert_eq!(buffer.text(), Ok(text));
    }
}

#[test]
fn bytes_that_are_no_text_can_be_cut_short() {
    let mut buffer = Buffer::new();
    buffer.append(b"\x80\x80\x80", [0; 4]);
    buffer.truncate(1);
    assert_eq!(buffer.as_slice(), b"\x80");
    buffer.truncate(0);
    assert_eq!(buffer.text(), Ok(""));
}

#[test]
fn what_was_in_a_room_is_no_part_of_the_text() {
    let mut buffer = Buffer::new();
    buffer.append("aé".as_bytes(), [0; 4]);
    assert_eq!(buffer.check(), Ok(()));
    let mut room = Vec::with_capacity(100);
    room.extend(*b"\xff\xff");
    let room_taken = room.capacity();
    buffer.move_to(room);
    assert_eq!((buffer.len(), buffer.capacity()), (3, room_taken - 2));
    assert_eq!((buffer.text(), buffer.memory()), (Ok("aé"), room_taken));

    buffer.append("漢z".as_bytes(), [0; 4]);
    assert_eq!(buffer.check(), Ok(()));
    buffer.truncate(5);
    assert_eq!(buffer.text(), Err(NotUtf8));
    buffer.append("漢".as_bytes().split_at(2).1, [0; 4]);
    assert_eq!(buffer.check(), Ok(()));
    buffer.fit();
    assert_eq!(buffer.take_text(), Ok("aé漢".into()));
    assert_eq!((buffer.is_empty(), buffer.memory()), (true, 0));
}

#[test]
fn an_emptied_buffer_begins_anew() {
    let mut buffer = Buffer::new();
    buffer.move_to(Vec::with_capacity(100));
    let capacity = buffer.capacity();
    buffer.append(b"text", [0; 4]);
    buffer.truncate(0);
    assert_eq!((buffer.len(), buffer.capacity()), (0, capacity));
    buffer.append(b"\xff", [0; 4]);
    assert_eq!(buffer.text(), Err(NotUtf8));
    assert_eq!(buffer.take(), b"\xff");
    assert_eq!((buffer.is_empty(), buffer.capacity()), (true, 0));
    assert_eq!(buffer.text(), Ok(""));
}
