//! Just enough reading of Rust for the checks: code apart from comments and string literals, test
//! code apart from the product's. It never parses; what it cannot tell apart it calls code.

/// A Rust file, taken apart.
pub(crate) struct RustText {
    /// The file with comments and the insides of literals blanked, line for line.
    pub(crate) code: String,
    /// Every string literal as it stands in the source, without quotes, with its line from 1.
    pub(crate) literals: Vec<(usize, String)>,
    /// The first line (from 1) of an inline `#[cfg(test)] mod`, which ends the product's part.
    pub(crate) tests_from: Option<usize>,
}

impl RustText {
    /// Takes `text` apart.
    pub(crate) fn read(text: &str) -> RustText {
        let mut reader = Reader { rest: text, code: String::new(), literals: Vec::new(), line: 1 };
        while reader.step() {}
        let tests_from = inline_tests(&reader.code);
        RustText { code: reader.code, literals: reader.literals, tests_from }
    }

    /// The product's lines of code, each with its number from 1.
    pub(crate) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.tests_from.unwrap_or(usize::MAX);
        self.code
            .lines()
            .enumerate()
            .map(|(i, line)| (i + 1, line))
            .take_while(move |(n, _)| *n < end)
    }

    /// The product's string literals, each with its line.
    pub(crate) fn product_literals(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.tests_from.unwrap_or(usize::MAX);
        self.literals.iter().filter(move |(n, _)| *n < end).map(|(n, text)| (*n, text.as_str()))
    }

    /// Whether the end of a line, counted from 1, is inside a string literal.
    pub(crate) fn ends_in_literal(&self, line: usize) -> bool {
        self.literals
            .iter()
            .any(|(first, text)| (*first..first + text.matches('\n').count()).contains(&line))
    }
}

fn inline_tests(code: &str) -> Option<usize> {
    let mut marked = None;
    for (i, line) in code.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("#[cfg(test)]") {
            marked = Some(i + 1);
        } else if line.starts_with("mod ") && line.ends_with('{') && marked.is_some() {
            return marked;
        } else if !line.is_empty() && !line.starts_with("#[") {
            marked = None;
        }
    }
    None
}

struct Reader<'a> {
    rest: &'a str,
    code: String,
    literals: Vec<(usize, String)>,
    line: usize,
}

impl<'a> Reader<'a> {
    /// Reads one comment, literal or character; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        let in_word =
            self.code.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        if self.rest.starts_with("//") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.blank(end);
        } else if self.rest.starts_with("/*") {
            self.blank(block_comment(self.rest));
        } else if let Some((open, close)) = string_opening(self.rest).filter(|_| !in_word) {
            self.string(open, &close);
        } else if first == '\'' {
            match char_literal(self.rest) {
                Some(length) => self.blank(length),
                None => self.keep(1),
            }
        } else {
            self.keep(first.len_utf8());
        }
        true
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        self.line += taken.matches('\n').count();
        taken
    }

    fn keep(&mut self, length: usize) {
        let taken = self.take(length);
        self.code.push_str(taken);
    }

    fn blank(&mut self, length: usize) {
        let taken = self.take(length);
        self.code.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
    }

    fn string(&mut self, open: usize, close: &str) {
        let line = self.line;
        self.keep(open);
        let raw = close.len() > 1 || self.code.ends_with("r\"");
        let end = if raw { self.rest.find(close) } else { closing_quote(self.rest) };
        let inside = end.unwrap_or(self.rest.len());
        self.literals.push((line, self.rest.get(..inside).unwrap_or_default().to_owned()));
        self.blank(inside);
        self.keep(close.len());
    }
}

/// The length of a string literal's opening (`"`, `br##"` …) and the text that closes it.
fn string_opening(text: &str) -> Option<(usize, String)> {
    let after_kind = text.trim_start_matches(['b', 'c']);
    if text.len() - after_kind.len() > 1 {
        return None;
    }
    let after_raw = after_kind.strip_prefix('r').unwrap_or(after_kind);
    let is_raw = after_raw.len() < after_kind.len();
    let after_hashes = if is_raw { after_raw.trim_start_matches('#') } else { after_raw };
    let hashes = after_raw.len() - after_hashes.len();
    let inside = after_hashes.strip_prefix('"')?;
    Some((text.len() - inside.len(), format!("\"{}", "#".repeat(hashes))))
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(i, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(i)
    })
}

/// The length of a character literal; `None` for a lifetime.
fn char_literal(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    if let Some(escape) = inside.strip_prefix('\\') {
        let skip = escape.chars().next()?.len_utf8();
        return Some(2 + skip + escape.get(skip..)?.find('\'')? + 1);
    }
    let width = inside.chars().next()?.len_utf8();
    inside.get(width..)?.starts_with('\'').then_some(width + 2)
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}
