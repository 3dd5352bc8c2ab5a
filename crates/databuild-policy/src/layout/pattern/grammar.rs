//! The text of a pattern, taken apart: literals, words with modifiers and options, groups. What a word
//! means is in `words.rs`. Everything that logback takes and then quietly does wrong is a problem here.
//!
//! The grammar is that of logback's `PatternLayout`, whose manual and behaviour are the source.

use super::super::{Compat, PatternProblem};

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// Text as it stands.
    Literal(String),
    /// `%word{options}`.
    Word(Call),
    /// `%word(…){options}`, or `%(…)` with an empty word.
    Group(Call, Vec<Node>),
}

/// A use of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) word: String,
    pub(super) width: Width,
    pub(super) options: Vec<String>,
    /// Where its `%` stands, from 1, in characters.
    pub(super) column: usize,
}

/// What a modifier asks for, in UTF-16 units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Width {
    /// Padded to this.
    pub(super) min: usize,
    /// On the right instead of the left.
    pub(super) pad_right: bool,
    /// Cut to this.
    pub(super) max: Option<usize>,
    /// At the end instead of the beginning.
    pub(super) cut_end: bool,
}

/// Widest column: beyond it a modifier is a slip, and would be memory.
const WIDTH_MAX: usize = 10_000;
/// Groups in groups.
const DEPTH_MAX: usize = 32;

/// Takes `pattern` apart and says all that is wrong with its form.
pub(super) fn parse(pattern: &str, compat: Compat) -> (Vec<Node>, Vec<PatternProblem>) {
    let chars = pattern.chars().collect();
    let mut parser = Parser { chars, at: 0, depth: 0, problems: Vec::new(), compat };
    let mut nodes = parser.nodes();
    // A bracket that closes nothing: logback forgets the rest of the pattern.
    while parser.peek().is_some() {
        let column = parser.column();
        parser.problem(column, "this `)` closes nothing".to_owned(), "write `\\)` for a bracket");
        parser.at += 1;
        nodes.extend(parser.nodes());
    }
    (nodes, parser.problems)
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    problems: Vec<PatternProblem>,
    compat: Compat,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn column(&self) -> usize {
        self.at + 1
    }

    fn problem(&mut self, column: usize, what: String, remedy: &str) {
        self.problems.push(PatternProblem { column, what, remedy: remedy.to_owned() });
    }

    /// Up to a closing bracket or the end.
    fn nodes(&mut self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut literal = String::new();
        while let Some(next) = self.peek() {
            match next {
                ')' => break,
                '\\' => self.escape(&mut literal),
                '%' => {
                    if !literal.is_empty() {
                        nodes.push(Node::Literal(std::mem::take(&mut literal)));
                    }
                    nodes.extend(self.call());
                }
                _ => {
                    literal.push(next);
                    self.at += 1;
                }
            }
        }
        if !literal.is_empty() {
            nodes.push(Node::Literal(literal));
        }
        nodes
    }

    fn escape(&mut self, literal: &mut String) {
        let column = self.column();
        self.at += 1;
        let next = self.peek();
        self.at += usize::from(next.is_some());
        match next {
            Some(plain @ ('%' | '(' | ')' | '\\')) => literal.push(plain),
            Some('t') => literal.push('\t'),
            Some('n') => literal.push('\n'),
            Some('r') => literal.push('\r'),
            // Ends a word before a letter.
            Some('_') => {}
            Some(other) => self.problem(
                column,
                format!("`\\{other}` means nothing"),
                "known are \\% \\( \\) \\\\ \\t \\n \\r and \\_ ; write `\\\\` for a backslash",
            ),
            None => self.problem(
                column,
                "a backslash at the end".to_owned(),
                "write `\\\\` for a backslash",
            ),
        }
    }

    /// From a `%` on.
    fn call(&mut self) -> Option<Node> {
        let column = self.column();
        self.at += 1;
        let begin = self.at;
        while self.peek().is_some_and(|c| matches!(c, '0'..='9' | '-' | '.')) {
            self.at += 1;
        }
        let modifier: String = self.chars.get(begin..self.at).unwrap_or_default().iter().collect();
        let width = self.width(&modifier, column);
        match self.peek() {
            Some('(') => self.group(String::new(), width, column),
            Some(first) if is_word_start(first) => {
                let begin = self.at;
                while self.peek().is_some_and(is_word_part) {
                    self.at += 1;
                }
                let word: String =
                    self.chars.get(begin..self.at).unwrap_or_default().iter().collect();
                if self.peek() == Some('(') {
                    return self.group(word, width, column);
                }
                let options = self.options();
                Some(Node::Word(Call { word, width, options, column }))
            }
            Some(other) => {
                let what = format!("`%` must be followed by a word, not by `{other}`");
                self.problem(column, what, "write `\\%` for a percent sign");
                // `%%` is one mistake.
                self.at += usize::from(other == '%');
                None
            }
            None => {
                let what = "a `%` at the end".to_owned();
                self.problem(column, what, "write `\\%` for a percent sign");
                None
            }
        }
    }

    fn group(&mut self, word: String, width: Width, column: usize) -> Option<Node> {
        self.at += 1;
        self.depth += 1;
        let too_deep = self.depth > DEPTH_MAX;
        if too_deep {
            let what = format!("more than {DEPTH_MAX} groups within one another");
            self.problem(column, what, "make the pattern flatter");
            self.at = self.chars.len();
        }
        let inner = self.nodes();
        self.depth -= 1;
        if self.peek() == Some(')') {
            self.at += 1;
        } else if !too_deep {
            let what = "the bracket that opens here is never closed".to_owned();
            self.problem(column, what, "add `)`, or write `\\(` for a bracket");
        }
        let options = self.options();
        if self.compat != Compat::Databuild && options.is_empty() && self.peek() == Some('%') {
            let column = self.column();
            let what = "right after `)` logback prints a `%` instead of reading a word".to_owned();
            self.problem(column, what, "leave `compat` out, or put something between");
        }
        Some(Node::Group(Call { word, width, options, column }, inner))
    }

    /// `{a, 'b', "c"}` if it stands here.
    fn options(&mut self) -> Vec<String> {
        let column = self.column();
        if self.peek() != Some('{') {
            return Vec::new();
        }
        self.at += 1;
        let mut options = Vec::new();
        loop {
            while self.peek().is_some_and(|c| c.is_ascii_whitespace() || c == ',') {
                self.at += 1;
            }
            match self.peek() {
                None => {
                    let what = "the brace that opens here is never closed".to_owned();
                    self.problem(column, what, "add `}`");
                    break;
                }
                Some('}') => {
                    self.at += 1;
                    break;
                }
                Some(quote @ ('\'' | '"')) => options.extend(self.quoted(quote, column)),
                Some(_) => options.push(self.bare()),
            }
        }
        if self.peek() == Some('{') {
            let column = self.column();
            let what = "a second pair of braces would be printed as it stands".to_owned();
            self.problem(column, what, "put all options into one pair, separated by commas");
        }
        options
    }

    fn bare(&mut self) -> String {
        let begin = self.at;
        while self.peek().is_some_and(|c| !matches!(c, ',' | '}')) {
            self.at += 1;
        }
        let text: String = self.chars.get(begin..self.at).unwrap_or_default().iter().collect();
        text.trim().to_owned()
    }

    fn quoted(&mut self, quote: char, column: usize) -> Option<String> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let next = self.peek();
            self.at += usize::from(next.is_some());
            match next {
                None => {
                    let what = format!("an option that begins with {quote} is never closed");
                    self.problem(column, what, "close the quote");
                    return None;
                }
                Some(end) if end == quote => return Some(text),
                // Only the quote can be escaped; another pair stays, so that `'\\'` ends.
                Some('\\') if self.peek().is_some() => {
                    let escaped = self.peek();
                    text.extend((escaped != Some(quote)).then_some('\\'));
                    text.extend(escaped);
                    self.at += 1;
                }
                Some(other) => text.push(other),
            }
        }
    }

    fn width(&mut self, modifier: &str, column: usize) -> Width {
        let read = read_width(modifier);
        if read.is_none() {
            let what = format!("`{modifier}` is not a width");
            let remedy = "a width is [-]min[.[-]max] with whole numbers, as in %-20.30logger";
            self.problem(column, what, remedy);
        }
        read.unwrap_or_default()
    }
}

fn read_width(modifier: &str) -> Option<Width> {
    let number = |text: &str| -> Option<usize> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|it| digits && *it <= WIDTH_MAX)
    };
    let (min, max) = match modifier.split_once('.') {
        Some((min, max)) => (min, Some(max)),
        None => (modifier, None),
    };
    let mut width = Width::default();
    if !min.is_empty() {
        let digits = min.strip_prefix('-');
        width.pad_right = digits.is_some();
        width.min = number(digits.unwrap_or(min))?;
    }
    if let Some(max) = max {
        let digits = max.strip_prefix('-');
        width.cut_end = digits.is_some();
        width.max = Some(number(digits.unwrap_or(max))?);
    }
    Some(width)
}

/// What may begin a word, as in Java's identifiers.
fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

fn is_word_part(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit()
}
