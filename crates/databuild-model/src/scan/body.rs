//! What stands under the one key of an entry's content, in one pass that checks it: how severe, and where its
//! texts are.

use super::cursor::Cursor;
use super::text_at;
use crate::entry::{Kind, Stream};
use crate::level::Level;
use std::ops::Range;

/// Where the texts of a log entry stand in its line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    /// The message, without its quotes; empty if there is none.
    pub message: Range<usize>,
    /// The object of the fields, with its braces; empty if there is none.
    pub fields: Range<usize>,
    /// What carried it.
    pub stream: Option<Stream>,
    /// Nothing in the whole line is written with a backslash: each text is what stands there.
    pub is_plain: bool,
    /// Each of the fields was told while the line was scanned: they are written as this project does.
    pub are_fields_told: bool,
}

/// What stands under the one key of `content`.
pub(super) struct Body<'a> {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
    pub(super) level: Option<Level>,
    pub(super) inner: bool,
    pub(super) event_type: Option<&'a str>,
    pub(super) texts: Option<Texts>,
}

/// The texts of a log entry, as far as they were passed.
#[derive(Default)]
struct Told {
    texts: Texts,
    /// Which of them.
    seen: u8,
    /// Only the reader knows what counts.
    odd: bool,
}

impl Told {
    const MESSAGE: u8 = 1;
    const FIELDS: u8 = 2;
    const STREAM: u8 = 4;
    /// Fields that were not told one by one.
    const PASSED_OVER: u8 = 8;

    #[inline]
    fn see(&mut self, what: u8) {
        self.odd |= self.seen & what != 0;
        self.seen |= what;
    }

    #[inline]
    fn message(&mut self, from: usize, c: &Cursor<'_>) {
        self.see(Told::MESSAGE);
        self.texts.message = from..c.at().saturating_sub(1);
    }

    #[inline]
    fn fields(&mut self, from: usize, c: &Cursor<'_>) {
        self.see(Told::FIELDS);
        self.texts.fields = from..c.at();
    }

    #[inline]
    fn stream(&mut self, name: &[u8]) {
        self.see(Told::STREAM);
        self.texts.stream = match name {
            b"stdout" => Some(Stream::Stdout),
            b"stderr" => Some(Stream::Stderr),
            _ => None,
        };
        self.odd |= self.texts.stream.is_none();
    }

    /// The member `key`, whose value begins at `from` and is passed.
    #[inline(never)]
    fn any(&mut self, key: &[u8], from: usize, c: &Cursor<'_>, text: &[u8]) {
        match (key, text.get(from)) {
            (b"message", Some(b'"')) => self.message(from + 1, c),
            (b"fields", Some(b'{')) => {
                self.seen |= Told::PASSED_OVER;
                self.fields(from, c);
            }
            (b"stream", Some(b'"')) => {
                let name = text.get(from + 1..c.at().saturating_sub(1));
                self.stream(name.unwrap_or_default());
            }
            (b"message" | b"fields" | b"stream", _) => self.odd = true,
            // It might be any of them.
            _ => self.odd |= key.contains(&b'\\'),
        }
    }

    #[inline]
    fn texts(mut self, c: &Cursor<'_>) -> Option<Texts> {
        self.texts.is_plain = c.is_plain();
        self.texts.are_fields_told = self.seen & Told::PASSED_OVER == 0;
        (!self.odd).then_some(self.texts)
    }
}

impl<'a> Body<'a> {
    /// A log entry whose first key is its level, up to whose value the cursor has come.
    #[inline]
    pub(super) fn shaped_log(
        c: &mut Cursor<'a>,
        text: &'a [u8],
        mut field: impl FnMut(&'a [u8], Range<usize>),
    ) -> Option<Self> {
        let start = c.at().checked_sub("{\"level\":\"".len())?;
        let level = level_of(c.plain_string()?)?;
        let mut told = Told::default();
        while c.byte(b',').is_some() {
            if c.fixed(b"\"message\":\"").is_some() {
                let from = c.at();
                c.rest_of_string()?;
                told.message(from, c);
            } else if c.fixed(b"\"stream\":\"").is_some() {
                told.stream(c.rest_of_string()?);
            } else if c.fixed(b"\"fields\":{").is_some() {
                let from = c.at().checked_sub(1)?;
                if c.byte(b'}').is_none() {
                    c.dense_members(&mut field)?;
                }
                told.fields(from, c);
            } else if c.fixed(b"\"offset\":").is_some() || c.fixed(b"\"bytes\":").is_some() {
                c.number()?;
            } else {
                let key = c.string()?;
                c.byte(b':')?;
                let from = c.at();
                (key != b"level").then(|| c.value())??;
                told.any(key, from, c, text);
            }
        }
        let span = start..c.at() + 1;
        c.byte(b'}')?;
        let (level, texts) = (Some(level), told.texts(c));
        Some(Body { kind: Kind::Log, span, level, inner: false, event_type: None, texts })
    }

    pub(super) fn read(kind: Kind, c: &mut Cursor<'a>, text: &'a [u8]) -> Option<Self> {
        let start = c.at();
        let (span, inner) = (start..start, false);
        let mut body = Body { kind, span, level: None, inner, event_type: None, texts: None };
        let mut told = Told::default();
        c.byte(b'{')?;
        let end = c.members(|c, key| match (kind, key) {
            (Kind::Log, b"level") if body.level.is_none() => {
                c.byte(b'"')?;
                body.level = Some(level_of(c.plain_string()?)?);
                Some(())
            }
            (Kind::Log, b"level") => None,
            (Kind::Log, _) => {
                let from = c.at();
                c.value()?;
                told.any(key, from, c, text);
                Some(())
            }
            (Kind::Event, b"event_type") => {
                let from = c.at() + 1;
                c.value()?;
                body.event_type = text_at(text, from..c.at().checked_sub(1)?);
                Some(())
            }
            (Kind::Event, b"job_label") | (Kind::Manifest, b"task") => {
                body.inner = true;
                c.value()
            }
            (Kind::Metric | Kind::Event | Kind::Manifest, _) => c.value(),
        })?;
        body.span = start..end + 1;
        if kind == Kind::Log {
            body.level?;
            body.texts = told.texts(c);
        }
        Some(body)
    }
}

/// Only the strict spelling: an alias such as `warning` goes the lenient way.
fn level_of(name: &[u8]) -> Option<Level> {
    Some(match name {
        b"TRACE" => Level::Trace,
        b"DEBUG" => Level::Debug,
        b"INFO" => Level::Info,
        b"WARN" => Level::Warn,
        b"ERROR" => Level::Error,
        b"FATAL" => Level::Fatal,
        _ => return None,
    })
}
