//! A place in JSON text and the steps that can be taken from it. Each step checks what it passes;
//! `None` means that the text is not what the step expects. Strings are checked for the escapes that
//! JSON forbids; UTF-8 and the absence of control characters are the caller's business.

use crate::limits;
use std::ops::Range;

#[derive(Clone)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// Length of the whole text.
    len: usize,
    escapes: Escapes,
}

/// Whether there may be a backslash anywhere in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    None,
    Some,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8], escapes: Escapes) -> Self {
        Cursor { rest: text, len: text.len(), escapes }
    }

    pub(super) fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    /// Whether nothing in the text is written with a backslash.
    pub(super) fn is_plain(&self) -> bool {
        self.escapes == Escapes::None
    }

    pub(super) fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }

    pub(super) fn byte(&mut self, wanted: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        (*first == wanted).then(|| self.rest = rest)
    }

    /// Text whose length the compiler knows: compared in a few words.
    pub(super) fn fixed<const N: usize>(&mut self, wanted: &[u8; N]) -> Option<()> {
        let (first, rest) = self.rest.split_first_chunk()?;
        (first == wanted).then(|| self.rest = rest)
    }

    /// So many bytes, whatever they are.
    pub(super) fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (first, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(first)
    }

    pub(super) fn literal(&mut self, wanted: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    pub(super) fn skip_blanks(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// The rest of a string whose opening quote was passed, without escapes; passes the closing one.
    pub(super) fn plain_string(&mut self) -> Option<&'a [u8]> {
        let len = self.special()?;
        let (inside, rest) = self.rest.split_at_checked(len)?;
        let (quote, rest) = rest.split_first()?;
        (*quote == b'"').then(|| self.rest = rest)?;
        Some(inside)
    }

    /// A string with its quotes; answers what stands between them, escapes as they are.
    #[inline]
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        self.byte(b'"')?;
        self.rest_of_string()
    }

    /// The rest of a string whose opening quote was passed.
    #[inline]
    pub(super) fn rest_of_string(&mut self) -> Option<&'a [u8]> {
        let (inside, rest) = self.rest.split_at_checked(self.special()?)?;
        let (special, behind) = rest.split_first()?;
        if *special == b'"' {
            self.rest = behind;
            return Some(inside);
        }
        self.rest_with_escapes(rest)
    }

    /// As [`Cursor::rest_of_string`], from the first backslash on.
    #[inline(never)]
    fn rest_with_escapes(&mut self, mut rest: &'a [u8]) -> Option<&'a [u8]> {
        let start = self.rest;
        loop {
            let (special, behind) = rest.split_first()?;
            if *special == b'"' {
                self.rest = behind;
                return start.get(..start.len() - rest.len());
            }
            self.rest = rest;
            self.escape()?;
            (_, rest) = self.rest.split_at_checked(self.special()?)?;
        }
    }

    /// How far the next quote or backslash is.
    ///
    /// Most strings are short, so the first bytes are looked at here; a long one is worth the call of
    /// a search that takes more at once.
    #[inline(never)]
    fn special(&self) -> Option<usize> {
        let (words, _) = self.rest.as_chunks::<8>();
        for (word, at) in words.iter().zip([0, 8, 16]) {
            let word = u64::from_le_bytes(*word);
            let found = match self.escapes {
                Escapes::None => zero_bytes(word ^ QUOTES),
                Escapes::Some => zero_bytes(word ^ QUOTES) | zero_bytes(word ^ BACKSLASHES),
            };
            if found != 0 {
                return Some(at + usize::try_from(found.trailing_zeros() / 8).ok()?);
            }
        }
        self.special_further_on()
    }

    #[inline(never)]
    fn special_further_on(&self) -> Option<usize> {
        match self.escapes {
            Escapes::None => memchr::memchr(b'"', self.rest),
            Escapes::Some => memchr::memchr2(b'"', b'\\', self.rest),
        }
    }

    fn escape(&mut self) -> Option<()> {
        self.byte(b'\\')?;
        let kind = self.peek()?;
        self.skip(1)?;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => match self.hex4()? {
                0xD800..=0xDBFF => {
                    self.fixed(b"\\u")?;
                    (0xDC00..=0xDFFF).contains(&self.hex4()?).then_some(())
                }
                0xDC00..=0xDFFF => None,
                _ => Some(()),
            },
            _ => None,
        }
    }

    fn hex4(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        digits
            .iter()
            .try_fold(0, |value, &digit| Some(value * 16 + char::from(digit).to_digit(16)?))
    }

    /// A whole number without sign, fraction or exponent that fits 64 bits.
    pub(super) fn whole_number(&mut self) -> Option<u64> {
        let mut value: u64 = 0;
        let digits = self.digits(|digit| value = value.wrapping_mul(10).wrapping_add(digit))?;
        let leading_zero = 1 < digits.len() && *digits.first()? == b'0';
        let ends = matches!(self.peek()?, b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
        if leading_zero || !ends {
            return None;
        }
        // Nineteen digits always fit.
        if 19 < digits.len() { std::str::from_utf8(digits).ok()?.parse().ok() } else { Some(value) }
    }

    pub(super) fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.skip(1)?;
        }
        if self.peek()? == b'0' {
            self.skip(1)?;
        } else {
            self.digits(|_| ())?;
        }
        if self.peek() == Some(b'.') {
            self.skip(1)?;
            self.digits(|_| ())?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.skip(1)?;
            if let Some(b'+' | b'-') = self.peek() {
                self.skip(1)?;
            }
            self.digits(|_| ())?;
        }
        Some(())
    }

    /// One digit or more; each is given to `digit`.
    fn digits(&mut self, mut digit: impl FnMut(u64)) -> Option<&'a [u8]> {
        let text = self.rest;
        while let Some((first, rest)) = self.rest.split_first() {
            let value = first.wrapping_sub(b'0');
            if 9 < value {
                break;
            }
            digit(u64::from(value));
            self.rest = rest;
        }
        text.get(..text.len() - self.rest.len()).filter(|digits| !digits.is_empty())
    }

    /// The members of an object whose opening brace was passed. Calls `member` with the cursor at
    /// each value, which it must pass. Answers where the closing brace stands, and passes it.
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<usize> {
        self.skip_blanks();
        if self.peek()? == b'}' {
            self.skip(1)?;
            return Some(self.at() - 1);
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
                b',' => self.skip(1)?,
                b'}' => {
                    self.skip(1)?;
                    return Some(self.at() - 1);
                }
                _ => return None,
            }
        }
    }

    /// The members of an object that is not empty and has no blanks, whose opening brace was passed. Calls
    /// `member` with each key, without its quotes, and where its value stands.
    #[inline]
    pub(super) fn dense_members(
        &mut self,
        mut member: impl FnMut(&'a [u8], Range<usize>),
    ) -> Option<()> {
        while self.dense_member(&mut member)? {}
        Some(())
    }

    /// One member, and what stands behind it. Whether that is another one.
    #[inline]
    pub(super) fn dense_member(
        &mut self,
        member: &mut impl FnMut(&'a [u8], Range<usize>),
    ) -> Option<bool> {
        let key = self.string()?;
        self.byte(b':')?;
        let value = self.at();
        if self.peek()? == b'"' { self.string().map(drop) } else { self.value() }?;
        member(key, value..self.at());
        if self.byte(b',').is_some() {
            return Some(true);
        }
        self.byte(b'}').map(|()| false)
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
                self.skip(1)?;
                self.members(|c, _| c.nested(depth + 1)).map(drop)
            }
            b'[' => self.items(depth),
            b't' => self.fixed(b"true"),
            b'f' => self.fixed(b"false"),
            b'n' => self.fixed(b"null"),
            _ => self.number(),
        }
    }

    fn items(&mut self, depth: usize) -> Option<()> {
        self.skip(1)?;
        self.skip_blanks();
        if self.peek()? == b']' {
            self.skip(1)?;
            return Some(());
        }
        loop {
            self.skip_blanks();
            self.nested(depth + 1)?;
            self.skip_blanks();
            match self.peek()? {
                b',' => self.skip(1)?,
                b']' => {
                    self.skip(1)?;
                    return Some(());
                }
                _ => return None,
            }
        }
    }
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
const QUOTES: u64 = LOW * 0x22;
const BACKSLASHES: u64 = LOW * 0x5C;

/// The highest bit of each byte that is zero. Bits above the lowest that is set may be wrong.
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}
