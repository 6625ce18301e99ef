//! Just enough of RESP to know where each top-level reply begins, where it ends, and how large it will be.

#[cfg(test)]
mod tests;

/// Why a connection was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    TooLarge,
    Malformed,
}

/// Follows the framing of RESP2 and RESP3.
#[derive(Debug)]
pub(super) struct Scanner {
    limit: u64,
    /// Bytes of the present top-level reply so far.
    size: u64,
    /// Values still to come in each aggregate that is open, outermost first.
    open: Vec<u64>,
    at: At,
}

#[derive(Debug, Clone, Copy)]
enum At {
    /// Before the first byte of a value.
    Kind,
    /// In the rest of a value's first line.
    Line { kind: u8, number: Number, after_cr: bool },
    /// In a string of known length, its line end included.
    Bytes { left: u64 },
}

/// The decimal number of a first line.
#[derive(Debug, Clone, Copy, Default)]
struct Number {
    value: u64,
    negative: bool,
    digits: bool,
}

/// How deep aggregates may lie in each other: the parser behind this stops there too.
const MAX_DEPTH: usize = 100;

/// The shortest value there is: a kind and a line end.
const SHORTEST: u64 = 3;

impl Scanner {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, size: 0, open: Vec::new(), at: At::Kind }
    }

    /// Reads on. `Err`: how many of the bytes are whole replies, and what is wrong with the one behind them.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), (usize, Cut)> {
        let (mut read, mut whole) = (0, 0);
        while read < bytes.len() {
            read += self.step(&bytes[read..]).map_err(|cut| (whole, cut))?;
            if self.size > self.limit {
                return Err((whole, Cut::TooLarge));
            }
            if self.open.is_empty() && matches!(self.at, At::Kind) {
                self.size = 0;
                whole = read;
            }
        }
        Ok(())
    }

    /// Takes at least one byte and says how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Cut> {
        if let At::Bytes { left } = &mut self.at {
            let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= taken as u64;
            self.size += taken as u64;
            if *left == 0 {
                self.value_ended();
            }
            return Ok(taken);
        }
        self.size += 1;
        self.byte(bytes[0])?;
        Ok(1)
    }

    fn byte(&mut self, byte: u8) -> Result<(), Cut> {
        let At::Line { kind, number, after_cr } = &mut self.at else {
            self.at = At::Line { kind: byte, number: Number::default(), after_cr: false };
            return if KINDS.contains(&byte) { Ok(()) } else { Err(Cut::Malformed) };
        };
        if *after_cr && byte == b'\n' {
            let (kind, number) = (*kind, *number);
            return self.line_ended(kind, number);
        }
        *after_cr = byte == b'\r';
        if counts(*kind) && byte != b'\r' {
            number.add(byte)?;
        }
        Ok(())
    }

    fn line_ended(&mut self, kind: u8, number: Number) -> Result<(), Cut> {
        match kind {
            b'$' | b'!' | b'=' => match number.length()? {
                None => self.value_ended(),
                Some(length) => self.string_follows(length)?,
            },
            b'*' | b'~' | b'>' => self.values_follow(number.length()?.unwrap_or(0))?,
            b'%' => self.values_follow(pairs(number.length()?.unwrap_or(0))?)?,
            b'|' => self.values_follow(pairs(number.length()?.unwrap_or(0))? + 1)?, // what it describes follows
            _ => self.value_ended(),
        }
        Ok(())
    }

    fn string_follows(&mut self, length: u64) -> Result<(), Cut> {
        let left = length.checked_add(2).ok_or(Cut::TooLarge)?;
        self.expect(left)?;
        self.at = At::Bytes { left };
        Ok(())
    }

    fn values_follow(&mut self, count: u64) -> Result<(), Cut> {
        if count == 0 {
            self.value_ended();
            return Ok(());
        }
        if self.open.len() == MAX_DEPTH {
            return Err(Cut::Malformed);
        }
        self.expect(count.checked_mul(SHORTEST).ok_or(Cut::TooLarge)?)?;
        self.open.push(count);
        self.at = At::Kind;
        Ok(())
    }

    /// Cuts before the bytes come: at least `more` of them belong to this reply.
    fn expect(&self, more: u64) -> Result<(), Cut> {
        if self.size.checked_add(more).is_none_or(|size| size > self.limit) { Err(Cut::TooLarge) } else { Ok(()) }
    }

    /// Closes the aggregates whose last value this was.
    fn value_ended(&mut self) {
        self.at = At::Kind;
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return;
            }
            self.open.pop();
        }
    }
}

/// The first bytes of values in RESP2 and RESP3.
const KINDS: &[u8] = b"+-:$*_,#(!=%~>|";

/// Whether the first line of such a value is a length.
fn counts(kind: u8) -> bool {
    b"$*!=%~>|".contains(&kind)
}

fn pairs(count: u64) -> Result<u64, Cut> {
    count.checked_mul(2).filter(|&count| count < u64::MAX).ok_or(Cut::TooLarge)
}

impl Number {
    fn add(&mut self, byte: u8) -> Result<(), Cut> {
        match byte {
            b'0'..=b'9' => {
                let more = self.value.checked_mul(10).and_then(|value| value.checked_add(u64::from(byte - b'0')));
                self.value = more.ok_or(Cut::TooLarge)?;
                self.digits = true;
                Ok(())
            }
            b'-' if !self.digits && !self.negative => {
                self.negative = true;
                Ok(())
            }
            _ => Err(Cut::Malformed),
        }
    }

    /// `None` is `-1`, RESP2's nil.
    fn length(self) -> Result<Option<u64>, Cut> {
        match self {
            Self { digits: true, negative: false, value } => Ok(Some(value)),
            Self { digits: true, negative: true, value: 1 } => Ok(None),
            _ => Err(Cut::Malformed),
        }
    }
}
