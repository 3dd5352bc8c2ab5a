//! Places in a run's file: the cursor between two entries, and the page token that carries one
//! through a client. Encoding and checking only; nothing here opens a file.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use databuild_model::request::{JobLogsRequest, Order};

const TOKEN_VERSION: u8 = 1;
const TOKEN_BYTES: usize = 25;
const NO_REMAINDER: u64 = u64::MAX;

/// A place between two entries of one run. It stays right while the file grows and after the run is
/// sealed, because a run's file only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor {
    offset: u64,
}

impl Cursor {
    /// Before the first entry.
    pub const START: Cursor = Cursor { offset: 0 };

    /// The cursor that stood at `offset`; it is checked where it is used.
    pub const fn from_offset(offset: u64) -> Self {
        Cursor { offset }
    }

    /// Its distance from the beginning of the run's file, in bytes.
    pub const fn offset(self) -> u64 {
        self.offset
    }
}

/// Why a page token is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not one of ours.
    #[error("not a page token of this service")]
    Form,
    /// It belongs to another question, or was changed.
    #[error("the page token belongs to another request")]
    OtherRequest,
    /// What it points to is no longer there: a crash of the machine took the end of the file.
    #[error("the place of the page token is no longer there")]
    Gone,
}

/// Where the next page of one question begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageToken {
    /// The place: entries before it (after it, in descending order) were answered.
    pub(super) cursor: Cursor,
    /// How many entries of a tail are still to come.
    pub(super) remaining: Option<u64>,
}

impl PageToken {
    /// The token as clients see it, tied to `request` by a hash of all that shapes its answer.
    pub(super) fn encode(self, request: &JobLogsRequest) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes(request))
    }

    /// Reads a token that was made for the same question.
    pub(super) fn decode(text: &str, request: &JobLogsRequest) -> Result<Self, TokenError> {
        // The limit comes first: a hostile token must not cost memory.
        if text.len() != TOKEN_BYTES.div_ceil(3) * 4 - 2 {
            return Err(TokenError::Form);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Form)?;
        let mut rest = bytes.as_slice();
        let version = take::<1>(&mut rest).ok_or(TokenError::Form)?;
        if version != [TOKEN_VERSION] {
            return Err(TokenError::Form);
        }
        let offset = u64::from_le_bytes(take(&mut rest).ok_or(TokenError::Form)?);
        let remaining = u64::from_le_bytes(take(&mut rest).ok_or(TokenError::Form)?);
        let token = PageToken {
            cursor: Cursor { offset },
            remaining: (remaining != NO_REMAINDER).then_some(remaining),
        };
        if token.bytes(request) == bytes { Ok(token) } else { Err(TokenError::OtherRequest) }
    }

    fn bytes(self, request: &JobLogsRequest) -> Vec<u8> {
        let mut out = Vec::with_capacity(TOKEN_BYTES);
        out.push(TOKEN_VERSION);
        out.extend_from_slice(&self.cursor.offset.to_le_bytes());
        out.extend_from_slice(&self.remaining.unwrap_or(NO_REMAINDER).to_le_bytes());
        let check = check_of(&out, request);
        out.extend_from_slice(&check);
        out
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

/// A hash of the question and of the place, without the limit, which may change between pages.
fn check_of(place: &[u8], request: &JobLogsRequest) -> [u8; 8] {
    let filter = &request.filter;
    let mut hash = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hash.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(bytes);
    };
    part(place);
    part(request.job_run_id.as_str().as_bytes());
    for time in [filter.since, filter.until] {
        part(&time.map(|time| time.as_nanos().to_le_bytes()).unwrap_or_default());
        part(&[u8::from(time.is_some())]);
    }
    part(&[filter.levels.map_or(0xff, |levels| levels.bits()), filter.kinds().bits()]);
    for text in [&filter.include, &filter.exclude] {
        part(text.as_ref().map_or(&[], |text| text.pattern().as_bytes()));
        part(&[text.as_ref().map_or(0xff, |text| u8::from(text.ignores_case()))]);
    }
    part(&[match request.order {
        Order::Asc => 0,
        Order::Desc => 1,
    }]);
    part(&request.tail.unwrap_or(0).to_le_bytes());
    let digest = hash.finalize();
    let mut check = [0; 8];
    check.copy_from_slice(digest.as_bytes().split_at(8).0);
    check
}

#[cfg(test)]
mod tests;
