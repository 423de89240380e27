//! Standard input as messages, messages as standard output: lines, blocks, and prompts.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use ws4rs::Owned;

/// Where messages are written.
pub(super) struct Screen {
    binary: bool,
    /// What is written there may steer it.
    terminal: bool,
    /// Somebody is sitting there.
    prompts: bool,
}

impl Screen {
    pub(super) fn new(binary: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Screen {
            binary,
            terminal,
            prompts: terminal && io::stdin().is_terminal(),
        }
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
            eprintln!("\r{CLEAR}{}", tame_line(text));
        }
    }

    /// Writes a message.
    pub(super) fn show(&self, message: &Owned) -> io::Result<()> {
        self.write(&mut io::stdout().lock(), message)
    }

    fn write(&self, out: &mut impl Write, message: &Owned) -> io::Result<()> {
        if self.prompts {
            write!(out, "\r{CLEAR}< {}\n> ", tame(message))?;
            return out.flush();
        }
        if self.terminal {
            out.write_all(tame(message).as_bytes())?;
        } else {
            out.write_all(message.as_bytes())?;
        }
        if !self.binary {
            out.write_all(b"\n")?;
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

/// A message for a terminal: nothing that a server could steer it with.
fn tame(message: &Owned) -> String {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    message.to_string().replace(steers, TAMED)
}

/// What a server said within a line of ours: nothing that it could steer a terminal with, nor begin
/// a line of its own.
pub(super) fn tame_line(text: &str) -> String {
    text.replace(char::is_control, TAMED)
}

/// What stands where a control character was.
const TAMED: &str = "\u{FFFD}";
/// Empties the line from the cursor on, where a prompt may stand.
const CLEAR: &str = "\x1b[K";
/// 64 KiB: what a pipe holds.
const BLOCK: usize = 64 << 10;
/// 64 MiB: far above what servers take as one message.
const LINE_MAX: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_steers_a_terminal() {
        let message = Owned::Text("a\tb\nc\x1b]0;d\x07\r\u{9b}2Je".to_owned());
        let tamed = "a\tb\nc\u{FFFD}]0;d\u{FFFD}\u{FFFD}\u{FFFD}2Je";
        for (terminal, prompts, expected) in [
            (false, false, format!("{message}\n")),
            (true, false, format!("{tamed}\n")),
            (true, true, format!("\r{CLEAR}< {tamed}\n> ")),
        ] {
            let screen = Screen {
                binary: false,
                terminal,
                prompts,
            };
            let mut out = Vec::new();
            screen.write(&mut out, &message).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
