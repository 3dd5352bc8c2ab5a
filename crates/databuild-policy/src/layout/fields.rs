//! The fields of an event: which of them have a place of their own, and the others, read when a layout or a
//! filter asks for them.

use databuild_model::entry::field;
use databuild_model::scan::PlainMembers;
use std::fmt;

/// Names and values of an event, in order.
#[derive(Clone, Copy)]
pub struct Fields<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    Pairs(&'a [(&'a str, &'a str)]),
    Stored(&'a [u8], Taken),
}

impl<'a> Fields<'a> {
    /// None at all.
    pub const NONE: Fields<'static> = Fields(Form::Pairs(&[]));

    /// Those of a stored line that are not `taken`: `object` is their object as it stands there, in a line
    /// that is plain and of which a scanner has told the fields.
    pub fn stored(object: &'a [u8], taken: Taken) -> Fields<'a> {
        Fields(Form::Stored(object, taken))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        let (pairs, object, taken): (&[_], &[u8], _) = match self.0 {
            Form::Pairs(pairs) => (pairs, b"", Taken::default()),
            Form::Stored(object, taken) => (&[], object, taken),
        };
        let stored = PlainMembers::of(object).filter(move |(key, _)| !taken.has(key.as_bytes()));
        pairs.iter().copied().chain(stored)
    }

    /// The value of the last field called `name`.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().filter(|(key, _)| *key == name).last().map(|(_, value)| value)
    }
}

impl Default for Fields<'_> {
    fn default() -> Self {
        Fields::NONE
    }
}

impl<'a> From<&'a [(&'a str, &'a str)]> for Fields<'a> {
    fn from(pairs: &'a [(&'a str, &'a str)]) -> Self {
        Fields(Form::Pairs(pairs))
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Where a field is shown that has a place of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Logger,
    Thread,
    Trace,
    Nowhere,
}

/// Jobs call what has a place of its own by several names; the usual ones have the lowest numbers, and count
/// most.
fn place_of(key: &[u8]) -> Option<(Place, u8)> {
    Some(match key {
        b"logger" => (Place::Logger, 0),
        b"logger_name" => (Place::Logger, 1),
        b"loggerName" => (Place::Logger, 2),
        b"source" => (Place::Logger, 3),
        b"thread" => (Place::Thread, 0),
        b"thread_name" => (Place::Thread, 1),
        b"threadName" => (Place::Thread, 2),
        b"exception" => (Place::Trace, 0),
        b"exc_info" => (Place::Trace, 1),
        b"stack_trace" => (Place::Trace, 2),
        b"stacktrace" => (Place::Trace, 3),
        b"traceback" => (Place::Trace, 4),
        key if key == field::RAW_BASE64.as_bytes() => (Place::Nowhere, 0),
        _ => return None,
    })
}

/// What fields say that a layout shows in places of its own: in each what stands under the most usual name,
/// and of one that stands twice the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<V> {
    /// Who says it.
    pub logger: Option<V>,
    /// On which thread.
    pub thread: Option<V>,
    /// The traceback.
    pub trace: Option<V>,
    /// Which fields that were.
    pub taken: Taken,
}

impl<V> Default for Named<V> {
    fn default() -> Self {
        Named { logger: None, thread: None, trace: None, taken: Taken::default() }
    }
}

impl<V> Named<V> {
    /// Looks at one field; fields come in their order.
    #[inline]
    pub fn offer(&mut self, key: &[u8], value: V) {
        // All of these names are as long, and most others are not.
        if !(6 <= key.len() && key.len() <= 11) {
            return;
        }
        let Some((place, rank)) = place_of(key) else { return };
        let (best, taken) = match place {
            Place::Logger => (&mut self.logger, &mut self.taken.logger),
            Place::Thread => (&mut self.thread, &mut self.taken.thread),
            Place::Trace => (&mut self.trace, &mut self.taken.trace),
            Place::Nowhere => {
                self.taken.any = true;
                return;
            }
        };
        if taken.is_none_or(|known| rank < known) {
            (*best, *taken) = (Some(value), Some(rank));
            self.taken.any = true;
        }
    }
}

/// Fields that are shown in places of their own, or that only our own tools read, by the ranks of their names.
/// Those with a less usual name stay fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    logger: Option<u8>,
    thread: Option<u8>,
    trace: Option<u8>,
    any: bool,
}

impl Taken {
    /// Whether the field called `key` is one of them.
    pub fn has(&self, key: &[u8]) -> bool {
        if !self.any {
            return false;
        }
        let Some((place, rank)) = place_of(key) else { return false };
        match place {
            Place::Logger => self.logger == Some(rank),
            Place::Thread => self.thread == Some(rank),
            Place::Trace => self.trace == Some(rank),
            Place::Nowhere => true,
        }
    }
}

/// Takes what has a place of its own, and what only our own tools read, out of the fields from `from` on.
/// Only those are looked at: the fields of a whole batch can stand before them.
pub fn take_named<'a>(fields: &mut Vec<(&'a str, &'a str)>, from: usize) -> Named<&'a str> {
    let mut named = Named::default();
    for (key, value) in fields.get(from..).unwrap_or_default() {
        named.offer(key.as_bytes(), *value);
    }
    if named.taken.any {
        let mut kept = from;
        for at in from..fields.len() {
            if fields.get(at).is_some_and(|(key, _)| !named.taken.has(key.as_bytes())) {
                fields.swap(kept, at);
                kept += 1;
            }
        }
        fields.truncate(kept);
    }
    named
}
