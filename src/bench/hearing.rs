//! Whether what came is what was expected, byte for byte, and what is wrong if it is not.

use std::fmt::{self, Display};

use ws4rs::proto::Message;

use super::line::Tally;
use super::task::{Answers, Task};

/// What went wrong, on which connection.
#[derive(Debug)]
pub(super) struct Fault {
    number: usize,
    what: String,
}

impl Fault {
    pub(super) fn of(tally: &Tally, what: &dyn Display) -> Self {
        Fault {
            number: tally.number,
            what: what.to_string(),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}: {}", self.number, self.what)
    }
}

/// A message has come.
#[inline(always)]
pub(super) fn check(
    tally: &mut Tally,
    message: Message<'_>,
    task: &mut impl Task,
) -> Result<(), Fault> {
    let text = task.answers().is_text();
    if matches!(message, Message::Text(_)) == text
        && let Some(expected) = task.answers().expected(tally)
        && expected == message.as_bytes()
    {
        tally.heard += 1;
        return Ok(());
    }
    match task.forgives() {
        true => Ok(()),
        false => Err(wrong(*tally, message, task)),
    }
}

/// Bytes have come that belong to messages without frames; `at` bytes of the first came before.
#[inline(always)]
pub(super) fn check_bytes(
    tally: &mut Tally,
    at: &mut usize,
    mut bytes: &[u8],
    task: &mut impl Task,
) -> Result<(), Fault> {
    // The first message has not begun.
    if tally.heard == 0 && *at == 0 {
        bytes = &bytes[task.take_preamble(tally, bytes)..];
    }
    while !bytes.is_empty() {
        let Some(expected) = task.answers().expected(tally) else {
            return Err(unasked(*tally, bytes.len()));
        };
        let rest = &expected[*at..];
        let (come, later) = bytes.split_at(bytes.len().min(rest.len()));
        if come != &rest[..come.len()] {
            return Err(differs(*tally, *at, come, rest));
        }
        *at += come.len();
        if *at == expected.len() {
            *at = 0;
            tally.heard += 1;
        }
        bytes = later;
    }
    Ok(())
}

/// What is wrong with this message: first what would explain all of it.
#[cold]
fn wrong(tally: Tally, message: Message<'_>, task: &mut impl Task) -> Fault {
    let nth = tally.heard;
    let got = message.as_bytes();
    let Some(expected) = task.answers().expected(&tally) else {
        return unasked(tally, got.len());
    };
    if expected == got {
        return Fault::of(
            &tally,
            &format!("message {nth} is of the other kind, text or binary"),
        );
    }
    let expected = expected.to_vec();
    if let Some(other) = other(tally, got, task) {
        let what = format!("instead of message {nth} came message {other}: {MISPLACED}");
        return Fault::of(&tally, &what);
    }
    if expected.len() != got.len() {
        let what = format!(
            "message {nth} has {} bytes instead of {}",
            got.len(),
            expected.len()
        );
        return Fault::of(&tally, &what);
    }
    differs(tally, 0, got, &expected)
}

/// Which of the messages around the next one this is.
fn other(tally: Tally, got: &[u8], task: &mut impl Task) -> Option<u64> {
    let next = tally.heard;
    let mut around = (next + 1..next + LOOK_AROUND).chain(next.saturating_sub(LOOK_AROUND)..next);
    around.find(|&heard| task.answers().expected(&Tally { heard, ..tally }) == Some(got))
}

#[cold]
fn differs(tally: Tally, before: usize, got: &[u8], expected: &[u8]) -> Fault {
    let mut pairs = got.iter().zip(expected).enumerate();
    let first = pairs.find(|(_, (got, expected))| got != expected);
    let (at, (got, expected)) = first.unwrap_or((0, (&0, &0)));
    let what = format!(
        "message {} has a wrong byte at {}: {got:#04x} instead of {expected:#04x}",
        tally.heard,
        before + at
    );
    Fault::of(&tally, &what)
}

#[cold]
fn unasked(tally: Tally, bytes: usize) -> Fault {
    let what = format!("message {} of {bytes} bytes was not asked for", tally.heard);
    Fault::of(&tally, &what)
}

const MISPLACED: &str = "lost, repeated or out of order";
/// 16 messages before and behind are looked at for the one that has come.
const LOOK_AROUND: u64 = 16;
