//! `path = "logs/{app}/error.log"`: a file for each combination of values. The template is code, values
//! are data: they are encoded, never read again as a template, and can never leave the literal base.

mod known;

use super::meet::PathShape;
use crate::layout::LayoutEvent;
use crate::problem::PatternProblem;
use std::fmt;

/// Most bytes of a name within a folder, on every file system that matters.
pub const NAME_BYTES_MAX: usize = 255;
/// Where a name is too long, so many bytes of it are kept before the sum of the whole.
const NAME_BYTES_KEPT: usize = 180;

/// What may stand in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathField {
    /// The application.
    App,
    /// The job.
    Job,
    /// The job run.
    Run,
    /// The build.
    Build,
    /// The level, in lower case.
    Level,
    /// The UTC date of the event, `2025-01-27`.
    Date,
    /// The partition.
    Partition,
    /// `stdout` or `stderr`.
    Stream,
    /// The logger.
    Logger,
}

impl PathField {
    const ALL: [(&'static str, PathField); 9] = [
        ("app", PathField::App),
        ("job", PathField::Job),
        ("run", PathField::Run),
        ("build", PathField::Build),
        ("level", PathField::Level),
        ("date", PathField::Date),
        ("partition", PathField::Partition),
        ("stream", PathField::Stream),
        ("logger", PathField::Logger),
    ];

    /// What an event says, but for its level and its date.
    fn text<'a>(self, event: &LayoutEvent<'a>) -> Option<&'a str> {
        Some(match self {
            PathField::App => event.app,
            PathField::Job => event.job,
            PathField::Run => event.run,
            PathField::Build => event.build,
            PathField::Partition => event.partition,
            PathField::Stream => event.stream,
            PathField::Logger => event.logger,
            PathField::Level | PathField::Date => return None,
        })
    }

    /// What stands in the braces.
    fn name(self) -> &'static str {
        PathField::ALL.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| *name)
    }
}

/// A path with fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    /// The literal beginning, up to and with a slash.
    base: String,
    /// Names below it; the last one is the file's.
    names: Vec<Vec<Piece>>,
}

/// A part of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    Field(PathField),
}

/// The template, as it is written.
impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)?;
        for (at, name) in self.names.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "/" })?;
            for piece in name {
                match piece {
                    Piece::Literal(text) => f.write_str(text)?,
                    Piece::Field(field) => write!(f, "{{{}}}", field.name())?,
                }
            }
        }
        Ok(())
    }
}

impl PathTemplate {
    /// Reads a template and says all that is wrong with it.
    pub fn parse(text: &str) -> Result<PathTemplate, Vec<PatternProblem>> {
        let mut problems = Vec::new();
        let pieces = pieces(text, &mut problems);
        let mut problem = |what: &str, remedy: &str| {
            problems.push(PatternProblem {
                column: 1,
                what: what.to_owned(),
                remedy: remedy.to_owned(),
            });
        };
        let literal = match pieces.first() {
            Some(Piece::Literal(literal)) => literal.as_str(),
            Some(Piece::Field(_)) | None => "",
        };
        // Of a literal path the folder is the base, else whatever stands before the first field.
        let base = literal.rfind('/').map_or("", |slash| literal.get(..=slash).unwrap_or(""));
        let after_scheme = base.split_once("://").map_or(base, |(_, rest)| rest);
        if after_scheme.trim_matches('/').is_empty() {
            problem(
                "a path needs a folder that is the same for all files",
                "begin with one, as in logs/{app}/error.log",
            );
        }
        let names = names(&pieces, base.len());
        if names.iter().any(Vec::is_empty) {
            problem("a path has no empty names", "leave one slash between names, none at the end");
        }
        let dots = |name: &Vec<Piece>| matches!(name.as_slice(), [Piece::Literal(it)] if it == "." || it == "..");
        if after_scheme.split('/').any(|name| name == "." || name == "..") || names.iter().any(dots)
        {
            problem("`.` and `..` have no place in a path", "write the folder that is meant");
        }
        if problems.is_empty() {
            Ok(PathTemplate { base: base.to_owned(), names })
        } else {
            Err(problems)
        }
    }

    /// The part that is the same for all files, with a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The fields that decide between files.
    pub fn fields(&self) -> impl Iterator<Item = PathField> {
        self.names.iter().flatten().filter_map(|piece| match piece {
            Piece::Field(field) => Some(*field),
            Piece::Literal(_) => None,
        })
    }

    /// Appends the path of `event`'s file.
    pub fn render(&self, event: &LayoutEvent<'_>, out: &mut String) {
        out.push_str(&self.base);
        for (n, name) in self.names.iter().enumerate() {
            if 0 < n {
                out.push('/');
            }
            let begin = out.len();
            for piece in name {
                match piece {
                    Piece::Literal(literal) => out.push_str(literal),
                    Piece::Field(field) => value(*field, event, out),
                }
            }
            shorten(begin, out);
        }
    }

    /// Appends what decides between files: where two events have the same key, they have the same path.
    /// Cheaper than the path, so that whoever remembers paths need not render them.
    pub fn key(&self, event: &LayoutEvent<'_>, out: &mut Vec<u8>) {
        for piece in self.names.iter().flatten() {
            let Piece::Field(field) = piece else { continue };
            match field.text(event) {
                Some(text) => out.extend_from_slice(text.as_bytes()),
                None if *field == PathField::Date => {
                    out.extend_from_slice(&event.timestamp.day().number().to_le_bytes());
                }
                None => out.extend_from_slice(event.level.as_str().as_bytes()),
            }
            // No text has this byte.
            out.push(0xFF);
        }
    }

    /// The texts that decide between files, if they are at most `N` and no date is among them: of two events
    /// that borrow the same texts here, the path is the same.
    pub fn texts<'a, const N: usize>(&self, event: &LayoutEvent<'a>) -> Option<[&'a str; N]> {
        let mut texts = [""; N];
        let mut places = texts.iter_mut();
        for piece in self.names.iter().flatten() {
            if let Piece::Field(field) = piece {
                let level = (*field == PathField::Level).then(|| event.level.as_str());
                *places.next()? = field.text(event).or(level)?;
            }
        }
        Some(texts)
    }

    /// Whether some event could have the same file under both. Errs on the side of yes.
    pub fn may_meet(&self, other: &PathTemplate) -> bool {
        PathShape::of_active(self).may_meet(&PathShape::of_active(other))
    }

    /// The same below `folder`, unless it is absolute or a URI.
    #[must_use]
    pub fn below(mut self, folder: &str) -> PathTemplate {
        if !self.base.starts_with('/') && !self.base.contains("://") {
            self.base = format!("{}/{}", folder.trim_end_matches('/'), self.base);
        }
        self
    }

    /// The paths of those events alone whose `field` is `value`.
    #[must_use]
    pub fn assume(&self, field: PathField, value: &str) -> PathTemplate {
        let mut sure = self.clone();
        for name in &mut sure.names {
            for (n, piece) in name.iter_mut().enumerate() {
                if *piece == Piece::Field(field) {
                    // Where a name begins, a dot is written otherwise.
                    let mut text = String::from(if n == 0 { "/" } else { "x" });
                    encode(value, &mut text);
                    *piece = Piece::Literal(text.split_off(1));
                }
            }
        }
        sure
    }

    /// The name of the files, if it is the same for all.
    pub fn literal_name(&self) -> Option<&str> {
        match self.names.last().map(Vec::as_slice) {
            Some([Piece::Literal(name)]) => Some(name),
            Some(_) | None => None,
        }
    }

    /// All pieces, from the base on.
    pub(super) fn flat(&self) -> Vec<Piece> {
        let (mut folder, file) = self.split();
        folder.extend(file.iter().cloned());
        folder
    }

    /// The folder, with a slash at its end, and the file's name.
    pub(super) fn split(&self) -> (Vec<Piece>, &[Piece]) {
        let mut folder = vec![Piece::Literal(self.base.clone())];
        let Some((file, names)) = self.names.split_last() else { return (folder, &[]) };
        for name in names {
            folder.extend(name.iter().cloned());
            folder.push(Piece::Literal("/".to_owned()));
        }
        (folder, file)
    }
}

fn pieces(text: &str, problems: &mut Vec<PatternProblem>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars().enumerate();
    while let Some((n, c)) = chars.next() {
        let mut problem = |what: String, remedy: String| {
            problems.push(PatternProblem { column: n + 1, what, remedy });
        };
        match c {
            '{' => {
                let word: String =
                    chars.by_ref().map(|(_, c)| c).take_while(|c| *c != '}').collect();
                let field = PathField::ALL.iter().find(|(name, _)| *name == word);
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                if field.is_none() {
                    problem(format!("there is no field {{{word}}}"), nearest(&word));
                }
                // Some field, so that its name is not empty too.
                pieces.push(Piece::Field(field.map_or(PathField::App, |(_, field)| *field)));
            }
            '}' => {
                problem("this } closes nothing".to_owned(), "fields stand in {braces}".to_owned())
            }
            c if c.is_control() => {
                problem("a control character".to_owned(), "leave it out".to_owned());
            }
            c => literal.push(c),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

fn nearest(word: &str) -> String {
    let near = PathField::ALL
        .iter()
        .map(|(name, _)| (strsim::damerau_levenshtein(name, word), *name))
        .filter(|(distance, name)| *distance <= name.len() / 2)
        .min();
    match near {
        Some((_, name)) => format!("did you mean {{{name}}}?"),
        None => {
            let names: Vec<String> =
                PathField::ALL.iter().map(|(name, _)| format!("{{{name}}}")).collect();
            format!("there are {}", names.join(" "))
        }
    }
}

/// The names after the first `skip` bytes, which are literal.
fn names(pieces: &[Piece], skip: usize) -> Vec<Vec<Piece>> {
    let mut names = vec![Vec::new()];
    for (n, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Field(_) => {
                names.last_mut().into_iter().for_each(|name| name.push(piece.clone()))
            }
            Piece::Literal(literal) => {
                let literal = if n == 0 { literal.get(skip..).unwrap_or("") } else { literal };
                for (k, part) in literal.split('/').enumerate() {
                    if 0 < k {
                        names.push(Vec::new());
                    }
                    if !part.is_empty()
                        && let Some(name) = names.last_mut()
                    {
                        name.push(Piece::Literal(part.to_owned()));
                    }
                }
            }
        }
    }
    names
}

fn value(field: PathField, event: &LayoutEvent<'_>, out: &mut String) {
    match field.text(event) {
        Some(text) => encode(text, out),
        None if field == PathField::Date => out.push_str(&event.timestamp.day().to_string()),
        None => out.extend(event.level.as_str().chars().map(|c| c.to_ascii_lowercase())),
    }
}

/// Appends `text` so that it is part of one name, and different texts stay different: letters, digits and
/// `-_.=` stand for themselves, other bytes are `%XX`, and nothing is `%`.
fn encode(text: &str, out: &mut String) {
    if text.is_empty() {
        out.push('%');
        return;
    }
    let at_start = out.is_empty() || out.ends_with('/');
    for (n, byte) in text.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=');
        // A name that begins with a dot is hidden, or is `..`.
        let dot = byte == b'.' && !(n == 0 && at_start);
        if plain || dot {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            let digit = |half: u8| HEX.get(usize::from(half)).copied().map_or('0', char::from);
            out.push('%');
            out.push(digit(byte >> 4));
            out.push(digit(byte & 15));
        }
    }
}

/// Cuts the name from `begin` on to what a folder takes; the sum of the whole keeps it apart from others.
fn shorten(begin: usize, out: &mut String) {
    let name = out.get(begin..).unwrap_or_default();
    if name.len() <= NAME_BYTES_MAX {
        return;
    }
    let short = cut(name, NAME_BYTES_KEPT);
    out.truncate(begin);
    out.push_str(&short);
}

/// At most the first `keep` bytes of `name`, and the sum of the whole, which keeps it apart from others.
pub(crate) fn cut(name: &str, keep: usize) -> String {
    let mut keep = keep.min(name.len());
    while !name.is_char_boundary(keep) {
        keep -= 1;
    }
    let sum = blake3::hash(name.as_bytes()).to_hex();
    format!("{}~{}", name.get(..keep).unwrap_or_default(), sum.get(..32).unwrap_or_default())
}

#[cfg(test)]
mod tests;
