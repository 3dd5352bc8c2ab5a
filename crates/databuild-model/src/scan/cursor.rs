//! A place in JSON text and the steps that can be taken from it. Each step checks what it passes;
//! `None` means that the text is not what the step expects. Strings are checked for the escapes that
//! JSON forbids; UTF-8 and the absence of control characters are the caller's business.

use crate::limits;

pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Cursor { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn at_end(&self) -> bool {
        self.at == self.text.len()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn byte(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    pub(super) fn literal(&mut self, wanted: &[u8]) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        rest.starts_with(wanted).then(|| self.at += wanted.len())
    }

    pub(super) fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// The rest of a string whose opening quote was passed, without escapes; passes the closing one.
    pub(super) fn plain_string(&mut self) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..)?;
        let len = rest.iter().position(|&b| b == b'"' || b == b'\\')?;
        let inside = rest.get(..len)?;
        (*rest.get(len)? == b'"').then(|| self.at += len + 1)?;
        Some(inside)
    }

    /// A string with its quotes; answers what stands between them, escapes as they are.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        self.byte(b'"')?;
        let start = self.at;
        loop {
            let rest = self.text.get(self.at..)?;
            self.at += special(rest)?;
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return self.text.get(start..self.at - 1);
                }
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        self.at += 1;
        let kind = self.peek()?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => match self.hex4()? {
                0xD800..=0xDBFF => {
                    self.literal(b"\\u")?;
                    (0xDC00..=0xDFFF).contains(&self.hex4()?).then_some(())
                }
                0xDC00..=0xDFFF => None,
                _ => Some(()),
            },
            _ => None,
        }
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at.checked_add(4)?)?;
        self.at += 4;
        digits
            .iter()
            .try_fold(0, |value, &digit| Some(value * 16 + char::from(digit).to_digit(16)?))
    }

    /// A whole number without sign, fraction or exponent that fits 64 bits.
    pub(super) fn whole_number(&mut self) -> Option<u64> {
        let start = self.at;
        let mut value: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            self.at += 1;
        }
        let len = self.at - start;
        let leading_zero = 1 < len && *self.text.get(start)? == b'0';
        let ends = matches!(self.peek()?, b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
        (0 < len && !leading_zero && ends).then_some(value)
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (start < self.at).then_some(())
    }

    /// The members of an object whose opening brace was passed. Calls `member` with the cursor at
    /// each value, which it must pass. Answers where the closing brace stands, and passes it.
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<usize> {
        self.skip_blanks();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(self.at - 1);
        }
        loop {
            self.skip_blanks();
            let key = self.string()?;
            self.skip_blanks();
            self.byte(b':')?;
            self.skip_blanks();
            member(self, key)?;
            self.skip_blanks();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(self.at - 1);
                }
                _ => return None,
            }
        }
    }

    /// Any value.
    pub(super) fn value(&mut self) -> Option<()> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Option<()> {
        if limits::JSON_DEPTH_MAX < depth {
            return None;
        }
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => {
                self.at += 1;
                self.members(|c, _| c.nested(depth + 1)).map(drop)
            }
            b'[' => self.items(depth),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number(),
        }
    }

    fn items(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        self.skip_blanks();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.skip_blanks();
            self.nested(depth + 1)?;
            self.skip_blanks();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }
}

/// How far the next quote or backslash is.
///
/// Most strings are short, so the first words are looked at here, eight bytes at a time; a long one
/// is worth the call of a vectorised search.
fn special(text: &[u8]) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const WORDS_HERE: usize = 4;
    let (words, _) = text.as_chunks::<8>();
    for (n, word) in words.iter().take(WORDS_HERE).enumerate() {
        let word = u64::from_le_bytes(*word);
        // A byte of `x - LOW & !x & HIGH` is set where `x` has a zero byte; the lowest one is exact.
        let zero = |x: u64| x.wrapping_sub(LOW) & !x;
        let found = (zero(word ^ (LOW * 0x22)) | zero(word ^ (LOW * 0x5C))) & HIGH;
        if found != 0 {
            return Some(n * 8 + usize::try_from(found.trailing_zeros() / 8).ok()?);
        }
    }
    let done = words.len().min(WORDS_HERE) * 8;
    memchr::memchr2(b'"', b'\\', text.get(done..)?).map(|at| done + at)
}
