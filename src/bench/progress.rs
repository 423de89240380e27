//! A line on the terminal while it runs, rewritten; where standard error is no terminal, nothing.

use std::io::{IsTerminal, Write};

use super::lines::Lines;
use super::score::Score;

#[derive(Debug)]
pub(super) struct Progress {
    terminal: bool,
    last: u64,
    count: u64,
    shown: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Progress {
            terminal: std::io::stderr().is_terminal(),
            last: 0,
            count: 0,
            shown: false,
        }
    }

    /// Shows what has happened since the last look.
    pub(super) fn look(&mut self, lines: &Lines, score: &mut Score, now: u64) {
        let (p99, count) = (score.look(), score.count);
        let seconds = |ns: u64| ns as f64 / 1e9;
        let rate = count.saturating_sub(self.count) as f64 / seconds(now - self.last).max(1e-9);
        (self.last, self.count) = (now, count);
        if !self.terminal {
            return;
        }
        let at = seconds(now);
        let open = lines.open;
        let live = match count {
            0 => String::new(),
            _ => format!("  {rate:.0} per second  p99 {:.1} us", p99 as f64 / 1e3),
        };
        let mut out = std::io::stderr().lock();
        let _ = write!(out, "\r\x1b[K{at:.1} s  {open} open{live}");
        let _ = out.flush();
        self.shown = true;
    }
}

impl Drop for Progress {
    /// Takes the line away.
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}
