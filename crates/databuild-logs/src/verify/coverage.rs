//! Which bytes of a stream entries stand for. Ranges come in the order of the file and are expected to
//! follow each other; what they leave out are holes, until something fills or names them.

use super::Problem;
use databuild_model::entry::Stream;
use std::ops::Range;

/// Most holes, and most gaps, that are kept apart; further ones are one with the last. Beyond this
/// nobody reads them one by one.
const HOLES_MAX: usize = 10_000;

/// The bytes of one stream.
#[derive(Debug, Default)]
pub struct Coverage {
    /// Everything before is covered, or in `holes`.
    next: u64,
    /// In order, apart from each other.
    holes: Vec<Range<u64>>,
    /// What gap events say is missing; without an end if nobody knows it.
    named: Vec<(u64, Option<u64>, String)>,
    /// Bytes that came again, and the first of them.
    again: u64,
    again_from: Option<u64>,
}

impl Coverage {
    /// An entry stands for `bytes` bytes from `from` on.
    pub fn cover(&mut self, from: u64, bytes: u64) {
        let to = from.saturating_add(bytes);
        if self.next < from {
            self.add_hole(self.next..from);
        } else if from < self.next {
            self.fill(from..to.min(self.next));
        }
        self.next = self.next.max(to);
    }

    fn add_hole(&mut self, hole: Range<u64>) {
        let full = HOLES_MAX <= self.holes.len();
        match self.holes.last_mut() {
            Some(last) if last.end == hole.start => last.end = hole.end,
            Some(last) if full => last.end = hole.end,
            Some(_) | None => self.holes.push(hole),
        }
    }

    /// Something came later than what stands behind it.
    fn fill(&mut self, range: Range<u64>) {
        let mut filled = 0;
        let mut rest = Vec::new();
        for hole in std::mem::take(&mut self.holes) {
            let common = range.start.max(hole.start)..range.end.min(hole.end);
            if common.is_empty() {
                rest.push(hole);
                continue;
            }
            filled += common.end - common.start;
            let around = [hole.start..common.start, common.end..hole.end];
            rest.extend(around.into_iter().filter(|part| !part.is_empty()));
        }
        self.holes = rest;
        let again = (range.end - range.start).saturating_sub(filled);
        if 0 < again {
            self.again += again;
            self.again_from.get_or_insert(range.start);
        }
    }

    /// A gap event says that these bytes are missing.
    pub fn name(&mut self, from: u64, to: Option<u64>, reason: &str) {
        if self.named.len() < HOLES_MAX {
            self.named.push((from, to, reason.to_owned()));
        }
    }

    /// Bytes that entries stand for, each once.
    pub fn stored(&self) -> u64 {
        let holes: u64 = self.holes.iter().map(|hole| hole.end - hole.start).sum();
        self.next - holes
    }

    /// What is missing or there twice, if `read` bytes were read; an unknown number of bytes behind
    /// the last entry is nobody's claim.
    pub fn problems(mut self, stream: Stream, read: Option<u64>, into: &mut dyn FnMut(Problem)) {
        if let Some(read) = read {
            if self.next < read {
                self.add_hole(self.next..read);
            } else if read < self.next {
                into(Problem::TooMuch { stream, said: read, stored: self.stored() });
            }
            self.next = self.next.max(read);
        }
        self.named.sort();
        for hole in &self.holes {
            explain(hole.clone(), &self.named, &mut |part, reason| {
                into(Problem::Bytes { stream, from: part.start, to: Some(part.end), reason });
            });
        }
        // What nobody read is missing too, if somebody says so.
        for (from, to, reason) in self.named {
            if to.is_none_or(|to| self.next < to) {
                let from = from.max(self.next);
                into(Problem::Bytes { stream, from, to, reason: Some(reason) });
            }
        }
        if let Some(from) = self.again_from {
            into(Problem::Overlap { stream, from, bytes: self.again });
        }
    }
}

/// Takes a hole apart by the reasons that cover its parts. `named` is in order.
fn explain(
    hole: Range<u64>,
    named: &[(u64, Option<u64>, String)],
    part: &mut dyn FnMut(Range<u64>, Option<String>),
) {
    let mut at = hole.start;
    for (from, to, reason) in named {
        let common = at.max(*from)..to.unwrap_or(u64::MAX).min(hole.end);
        if common.is_empty() {
            continue;
        }
        if at < common.start {
            part(at..common.start, None);
        }
        at = common.end;
        part(common, Some(reason.clone()));
    }
    if at < hole.end {
        part(at..hole.end, None);
    }
}

#[cfg(test)]
mod tests;
