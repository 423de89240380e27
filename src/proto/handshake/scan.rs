//! Finds the end of a head, of a request or an answer, as its bytes arrive, and holds it to its
//! limits on the way. Looks at every byte once, however the head is cut; knows lines, and nothing of
//! what is in them (RFC 9112 2.1, 2.2). The whole head goes to `Request::parse`, or to `dialing`.
use super::Refusal;
use super::fields::is_token_byte;

/// How far the search for the end of a head has come.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    seen: usize,
    part: Part,
    fields: usize,
    // Of the line under way: its bytes so far, and whether the last of them is a CR.
    line: usize,
    cr: bool,
}

#[derive(Debug, Clone, Copy, Default)]
enum Part {
    #[default]
    FirstLine,
    Fields,
}

impl Scan {
    /// Looks at the next bytes, each of which is shown to it once.
    ///
    /// `Ok(Some(n))`: the head ends with the n-th of these bytes. `Ok(None)`: it goes on.
    pub fn scan(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Refusal> {
        let room = limits.bytes.saturating_sub(self.seen);
        // What lies beyond the limit is never looked at, so no cut changes which limit is told.
        let (within, beyond) = bytes.split_at(room.min(bytes.len()));
        let mut rest = within;
        while let Some(at) = line_feed(rest) {
            let (text, behind) = rest.split_at(at);
            self.take(text, limits)?;
            rest = behind.get(1..).unwrap_or_default();
            if self.end_line() {
                return Ok(Some(within.len() - rest.len()));
            }
        }
        self.take(rest, limits)?;
        self.seen += within.len();
        if beyond.is_empty() {
            Ok(None)
        } else {
            Err(Refusal::HeadTooLong)
        }
    }

    /// More of the line under way, without its LF.
    fn take(&mut self, text: &[u8], limits: &HeadLimits) -> Result<(), Refusal> {
        let (Some(&first), Some(&last)) = (text.first(), text.last()) else {
            return Ok(());
        };
        let at_start = self.line == 0;
        self.line += text.len();
        self.cr = last == b'\r';
        match self.part {
            // Told at once what would else wait for its line to end: TLS on the wrong port.
            Part::FirstLine if at_start && first != b'\r' && !is_token_byte(first) => {
                Err(Refusal::Malformed)
            }
            Part::FirstLine if self.text() > limits.line => Err(Refusal::LineTooLong),
            Part::Fields if self.text() > 0 && self.fields >= limits.fields => {
                Err(Refusal::TooManyFields)
            }
            _ => Ok(()),
        }
    }

    /// The LF of the line under way. Is it the end of the head?
    fn end_line(&mut self) -> bool {
        let empty = self.text() == 0;
        self.line = 0;
        self.cr = false;
        match self.part {
            // 9112 2.2: empty lines before the request line are skipped; `bytes` bounds them.
            Part::FirstLine if empty => {}
            Part::FirstLine => self.part = Part::Fields,
            Part::Fields if empty => return true,
            Part::Fields => self.fields += 1,
        }
        false
    }

    fn text(&self) -> usize {
        // cr => line > 0
        self.line - usize::from(self.cr)
    }
}

/// How large the head of a request may be, or of an answer. A peer pays for its own bytes, we for
/// keeping them, so there is no limit that is "none".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// The whole head, empty lines and line ends included; beyond it 431. 16 KiB: a browser sends
    /// about 600 B, and 4 KiB of cookies for each of two domains leave half of it free.
    pub bytes: usize,
    /// The first line without its line end; beyond it 414. 8 KiB: RFC 9112 3 asks for at least
    /// 8000 octets, and tokens in query strings grow.
    pub line: usize,
    /// Field lines; beyond it 431. 100: a browser sends about 15, proxies add about 10.
    pub fields: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        HeadLimits {
            bytes: 16 * 1024,
            line: 8 * 1024,
            fields: 100,
        }
    }
}

/// Where the first LF is. By sixteen bytes at a time, which compiles to one comparison.
fn line_feed(bytes: &[u8]) -> Option<usize> {
    let (blocks, _) = bytes.as_chunks::<16>();
    let without = |block: &&[u8; 16]| !block.iter().fold(false, |any, &b| any | (b == b'\n'));
    let skipped = 16 * blocks.iter().take_while(without).count();
    let at = bytes.get(skipped..)?.iter().position(|&b| b == b'\n')?;
    Some(skipped + at)
}
