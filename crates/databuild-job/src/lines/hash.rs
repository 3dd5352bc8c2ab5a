//! The hash of a stream's raw bytes, made as they are read.

/// BLAKE3 from the first byte on. It cannot be saved, so whoever begins later has none.
#[derive(Debug, Default)]
pub(super) struct StreamHash(Option<State>);

#[derive(Debug)]
struct State {
    hasher: Box<blake3::Hasher>,
    /// Bytes that are in it.
    upto: u64,
}

impl StreamHash {
    /// For a stream that is read from `offset` on.
    pub(super) fn from(offset: u64) -> Self {
        let state = || State { hasher: Box::default(), upto: 0 };
        StreamHash((offset == 0).then(state))
    }

    /// Takes `bytes`, which stand at `offset`. What it has already it does not take again.
    pub(super) fn take(&mut self, offset: u64, bytes: &[u8]) {
        let Some(state) = &mut self.0 else { return };
        let Some(known) = state.upto.checked_sub(offset) else {
            self.0 = None;
            return;
        };
        let new = usize::try_from(known).ok().and_then(|known| bytes.get(known..));
        if let Some(new) = new {
            state.hasher.update(new);
            state.upto += new.len() as u64;
        }
    }

    /// Of all bytes so far, hexadecimal.
    pub(super) fn hex(&self) -> Option<String> {
        self.0.as_ref().map(|it| it.hasher.finalize().to_hex().to_string())
    }
}
