//! Commands with `{in}`, `{out}` and keys in braces: parsed once, rendered for one run.
//!
//! Shells and awk use braces too. Only a name, or a name with an offset, directly between braces is
//! ours; `${HOME}`, `{ print }` and `{a,b}` stay as they are, and `{{name}}` is the text `{name}`.

use super::draft::CommandDraft;
use super::key::{KeyId, KeyKind, Keys};
use super::pattern::{Binding, parse_term, steps_of};
use super::period::Period;
use std::ops::Range;

/// A command as typed, its braces parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    text: String,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// For `sh -c`; values are quoted.
    Shell(Vec<Piece>),
    /// A program and its arguments; values are taken as they are.
    Direct(Vec<Vec<Piece>>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Inputs,
    Outputs,
    Key { key: KeyId, steps: i32 },
}

/// What stands for the braces in one run.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// All keys of the project.
    pub keys: &'a Keys,
    /// The keys of the run.
    pub binding: &'a Binding<'a>,
    /// What `{in}` stands for.
    pub inputs: &'a [String],
    /// What `{out}` stands for.
    pub outputs: &'a [String],
}

/// Something wrong in a command, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError {
    /// Which argument, if the command is a list.
    pub item: Option<usize>,
    /// Bytes of its text.
    pub at: Range<usize>,
    /// What is wrong.
    pub fault: CommandFault,
}

/// What can be wrong in a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandFault {
    /// Nothing to start.
    #[error("there is no command")]
    Empty,
    /// A NUL character, which no argument can carry.
    #[error("a command cannot have a NUL character")]
    Nul,
    /// A name in braces that is no key of the job.
    #[error("`{{{inside}}}` is not a key of this job")]
    UnknownBrace {
        /// What stands between the braces.
        inside: String,
    },
    /// An offset that does not fit its key.
    #[error("`{{{inside}}}` has no meaning")]
    Offset {
        /// What stands between the braces.
        inside: String,
    },
}

impl Command {
    /// Reads a command. `own` are the keys that the job's `out` has.
    pub fn parse(
        draft: &CommandDraft,
        keys: &Keys,
        own: &[KeyId],
    ) -> Result<Command, Vec<CommandError>> {
        let mut errors = Vec::new();
        let mut read = |text: &str, item| pieces(text, item, keys, own, &mut errors);
        let (text, form) = match draft {
            CommandDraft::Shell(text) => (text.clone(), Form::Shell(read(text, None))),
            CommandDraft::Direct(args) => {
                let shown: Vec<_> = args.iter().map(|arg| quoted(arg)).collect();
                let args = args.iter().enumerate().map(|(at, arg)| read(arg, Some(at)));
                (shown.join(" "), Form::Direct(args.collect()))
            }
        };
        let empty = match draft {
            CommandDraft::Shell(text) => text.trim().is_empty(),
            CommandDraft::Direct(args) => args.first().is_none_or(|program| program.is_empty()),
        };
        if empty {
            errors.push(CommandError { item: None, at: 0..0, fault: CommandFault::Empty });
        }
        if errors.is_empty() { Ok(Command { text, form }) } else { Err(errors) }
    }

    /// A command that starts nothing: what stands for one that cannot be read.
    pub(super) fn nothing() -> Command {
        Command { text: String::new(), form: Form::Direct(Vec::new()) }
    }

    /// The command as it was typed, in one text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The program that is started, if the text itself names it: a list without braces in its first
    /// element. What a shell starts is the shell's business.
    pub fn program(&self) -> Option<&str> {
        match &self.form {
            Form::Shell(_) => None,
            Form::Direct(args) => match args.first().map(Vec::as_slice) {
                Some([Piece::Text(program)]) => Some(program),
                Some(_) | None => None,
            },
        }
    }

    /// The program and its arguments for one run.
    pub fn render(&self, values: &Values<'_>) -> Vec<String> {
        match &self.form {
            Form::Shell(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    shell_piece(piece, values, &mut text);
                }
                vec!["sh".to_owned(), "-c".to_owned(), text]
            }
            Form::Direct(args) => {
                let mut rendered = Vec::with_capacity(args.len());
                for pieces in args {
                    direct_arg(pieces, values, &mut rendered);
                }
                rendered
            }
        }
    }
}

fn shell_piece(piece: &Piece, values: &Values<'_>, text: &mut String) {
    let list = |items: &[String]| {
        let items: Vec<_> = items.iter().map(|item| quoted(item)).collect();
        items.join(" ")
    };
    match piece {
        Piece::Text(known) => text.push_str(known),
        Piece::Inputs => text.push_str(&list(values.inputs)),
        Piece::Outputs => text.push_str(&list(values.outputs)),
        Piece::Key { key, steps } => text.push_str(&quoted(&value(*key, *steps, values))),
    }
}

/// One argument for one run. An argument with `{in}` or `{out}` is repeated for each of them, so that
/// `--in={in}` works as well as `{in}` does.
fn direct_arg(pieces: &[Piece], values: &Values<'_>, rendered: &mut Vec<String>) {
    let repeats = pieces.iter().find_map(|piece| match piece {
        Piece::Inputs => Some(values.inputs.len()),
        Piece::Outputs => Some(values.outputs.len()),
        Piece::Text(_) | Piece::Key { .. } => None,
    });
    for nth in 0..repeats.unwrap_or(1) {
        let mut arg = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(known) => arg.push_str(known),
                Piece::Inputs => arg.extend(values.inputs.get(nth).map(String::as_str)),
                Piece::Outputs => arg.extend(values.outputs.get(nth).map(String::as_str)),
                Piece::Key { key, steps } => arg.push_str(&value(*key, *steps, values)),
            }
        }
        rendered.push(arg);
    }
}

fn value(key: KeyId, steps: i32, values: &Values<'_>) -> String {
    let own = values.binding.get(key).unwrap_or_default();
    match values.keys.get(key).kind {
        KeyKind::Time { every, .. } if steps != 0 => Period::parse(every, own)
            .and_then(|period| period.step(steps))
            .map_or_else(String::new, |period| period.to_string()),
        KeyKind::Time { .. } | KeyKind::List(_) | KeyKind::Any => own.to_owned(),
    }
}

/// A text as one word for a shell.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%_-+=:,./".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn pieces(
    text: &str,
    item: Option<usize>,
    keys: &Keys,
    own: &[KeyId],
    errors: &mut Vec<CommandError>,
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut known = String::new();
    let mut at = 0;
    if let Some(at) = text.find('\0') {
        errors.push(CommandError { item, at: at..at + 1, fault: CommandFault::Nul });
    }
    while let Some(brace) = text.get(at..).and_then(|rest| rest.find('{')).map(|found| at + found) {
        known.push_str(text.get(at..brace).unwrap_or_default());
        let rest = text.get(brace..).unwrap_or_default();
        if let Some(name) =
            rest.strip_prefix("{{").and_then(|rest| rest.split_once("}}")).map(|(name, _)| name)
            && parse_term(name).is_some()
        {
            known.extend(["{", name, "}"]);
            at = brace + name.len() + 4;
            continue;
        }
        let inside = rest.get(1..).and_then(|rest| rest.split_once('}')).map(|(inside, _)| inside);
        let term = inside
            .filter(|inside| !inside.contains(' '))
            .and_then(|inside| Some((inside, parse_term(inside)?)));
        let (Some((inside, term)), false) =
            (term, text.get(..brace).is_some_and(|before| before.ends_with('$')))
        else {
            known.push('{');
            at = brace + 1;
            continue;
        };
        let place = brace..brace + inside.len() + 2;
        at = place.end;
        match piece(inside, term, keys, own) {
            Ok(piece) => {
                if !known.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut known)));
                }
                pieces.push(piece);
            }
            Err(fault) => errors.push(CommandError { item, at: place, fault }),
        }
    }
    known.push_str(text.get(at..).unwrap_or_default());
    if !known.is_empty() {
        pieces.push(Piece::Text(known));
    }
    pieces
}

fn piece(
    inside: &str,
    (name, offset): (&str, Option<(i32, &str)>),
    keys: &Keys,
    own: &[KeyId],
) -> Result<Piece, CommandFault> {
    match (name, offset) {
        ("in", None) => return Ok(Piece::Inputs),
        ("out", None) => return Ok(Piece::Outputs),
        _ => {}
    }
    let unknown = || CommandFault::UnknownBrace { inside: inside.to_owned() };
    let key = keys.find(name).filter(|key| own.contains(key)).ok_or_else(unknown)?;
    let Some((amount, unit)) = offset else { return Ok(Piece::Key { key, steps: 0 }) };
    let steps = steps_of(keys.get(key), amount, unit)
        .map_err(|_| CommandFault::Offset { inside: inside.to_owned() })?;
    Ok(Piece::Key { key, steps })
}

#[cfg(test)]
mod tests;
