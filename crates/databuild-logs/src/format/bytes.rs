//! Numbers and texts as bytes: LEB128 varints, zigzag for signed ones, length before text.

/// Appends values to a byte string.
#[derive(Debug, Default)]
pub struct Writer(pub Vec<u8>);

/// Takes values from the front of a byte string. Nothing is given once something was wrong.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl Writer {
    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Seven bits a byte, lowest first.
    pub fn varint(&mut self, mut value: u64) {
        while 0x80 <= value {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }

    /// A signed number: small ones of either sign take few bytes.
    pub fn zigzag(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// A flag byte, and the number if there is one.
    pub fn option(&mut self, value: Option<i64>) {
        match value {
            Some(value) => {
                self.u8(1);
                self.zigzag(value);
            }
            None => self.u8(0),
        }
    }

    /// The length, then the text.
    pub fn text(&mut self, text: &str) {
        self.varint(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Like [`Writer::text`]; nothing is an empty text.
    pub fn text_or_empty(&mut self, text: Option<&str>) {
        self.text(text.unwrap_or_default());
    }
}

impl<'a> Reader<'a> {
    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// This many bytes.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    /// A number; at most ten bytes, and no bits beyond 64.
    #[inline]
    pub fn varint(&mut self) -> Option<u64> {
        // Most numbers of an index are one byte long, and a large run has a million of them.
        match self.0.split_first() {
            Some((&first, rest)) if first < 0x80 => {
                self.0 = rest;
                Some(u64::from(first))
            }
            Some(_) | None => self.some_bytes().or_else(|| self.long_varint()),
        }
    }

    /// A number of at most eight bytes, if so many are left: taken as one word.
    fn some_bytes(&mut self) -> Option<u64> {
        const TOPS: u64 = 0x8080_8080_8080_8080;
        let word = u64::from_le_bytes(*self.0.first_chunk()?);
        let ends = !word & TOPS;
        let end = ends.checked_sub(1)?;
        let bits = word & (ends ^ end) & !TOPS;
        // Seven bits of each byte, a byte apart: pairs are pushed together, then fours.
        let pairs = bits & 0x007f_007f_007f_007f | (bits & 0x7f00_7f00_7f00_7f00) >> 1;
        let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
        let value = fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4;
        let len = usize::try_from(ends.trailing_zeros() / 8 + 1).ok()?;
        self.0 = self.0.get(len..)?;
        Some(value)
    }

    fn long_varint(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0u64, 0);
        for (at, byte) in self.0.iter().enumerate() {
            let bits = u64::from(byte & 0x7f);
            if 63 < shift || (shift == 63 && 1 < bits) {
                return None;
            }
            value |= bits << shift;
            if *byte < 0x80 {
                self.0 = self.0.get(at + 1..)?;
                return Some(value);
            }
            shift += 7;
        }
        None
    }

    /// A signed number.
    pub fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A number or none.
    pub fn option(&mut self) -> Option<Option<i64>> {
        match self.u8()? {
            0 => Some(None),
            1 => Some(Some(self.zigzag()?)),
            _ => None,
        }
    }

    /// A text.
    pub fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.varint()?).ok()?;
        std::str::from_utf8(self.take(len)?).ok()
    }
}

#[cfg(test)]
mod tests;
