//! Standard input as messages, messages as standard output: lines, blocks, and prompts.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use ws4rs::Owned;

/// Where messages are written.
pub(super) struct Screen {
    binary: bool,
    /// Somebody is sitting there.
    prompts: bool,
}

impl Screen {
    pub(super) fn new(binary: bool) -> Self {
        let prompts = io::stdin().is_terminal() && io::stdout().is_terminal();
        Screen { binary, prompts }
    }

    /// What belongs to it: what is read.
    pub(super) fn input(&self) -> Input {
        Input {
            binary: self.binary,
            prompts: self.prompts,
        }
    }

    /// Says how things are to somebody who sits there.
    pub(super) fn status(&self, text: &str) {
        if self.prompts {
            eprintln!("\r{CLEAR}{text}");
        }
    }

    /// Writes a message.
    pub(super) fn show(&self, message: &Owned) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.prompts {
            write!(out, "\r{CLEAR}< {}\n> ", tame(message))?;
        } else {
            out.write_all(message.as_bytes())?;
            if !self.binary {
                out.write_all(b"\n")?;
            }
        }
        out.flush()
    }
}

/// Where messages are read.
pub(super) struct Input {
    binary: bool,
    prompts: bool,
}

impl Input {
    /// The next message, `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Owned>> {
        if self.binary {
            return self.block();
        }
        if self.prompts {
            let mut out = io::stdout().lock();
            out.write_all(b"> ")?;
            out.flush()?;
        }
        self.line()
    }

    /// What is there, as soon as something is.
    fn block(&mut self) -> io::Result<Option<Owned>> {
        let mut block = vec![0; BLOCK];
        let count = loop {
            match io::stdin().lock().read(&mut block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        block.truncate(count);
        Ok((count > 0).then_some(Owned::Binary(block)))
    }

    /// A line without its end; the last one may have none.
    fn line(&mut self) -> io::Result<Option<Owned>> {
        let mut line = Vec::new();
        let stdin = io::stdin().lock();
        stdin.take(LINE_MAX + 1).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.len() as u64 > LINE_MAX {
            return Err(io::Error::other("a line over 64 MiB; try --binary"));
        }
        if line.pop_if(|byte| *byte == b'\n').is_some() {
            line.pop_if(|byte| *byte == b'\r');
        }
        match String::from_utf8(line) {
            Ok(text) => Ok(Some(Owned::Text(text))),
            Err(_) => Err(io::Error::other("a line that is not UTF-8; try --binary")),
        }
    }
}

/// For a terminal: nothing that a server could steer it with.
fn tame(message: &Owned) -> String {
    let text = message.to_string();
    let plain = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
    text.chars()
        .map(|c| {
            if plain(c) {
                c
            } else {
                char::REPLACEMENT_CHARACTER
            }
        })
        .collect()
}

/// Empties the line from the cursor on, where a prompt may stand.
const CLEAR: &str = "\x1b[K";
/// 64 KiB: what a pipe holds.
const BLOCK: usize = 64 << 10;
/// 64 MiB: far above what servers take as one message.
const LINE_MAX: u64 = 64 << 20;
