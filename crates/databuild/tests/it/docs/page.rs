//! What a page tells its reader to do, and whether what happened is what it says.

/// One thing that a page tells its reader to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Have a file.
    File {
        /// From where the reader is.
        name: String,
        /// All of it.
        text: String,
    },
    /// Type a command.
    Command {
        /// Of the page, from 1.
        line: usize,
        /// Without the prompt.
        command: String,
        /// What it prints, whole lines.
        expected: String,
    },
}

/// The steps of a page, in order.
pub(crate) fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let block: Vec<(usize, &str)> =
            lines.by_ref().take_while(|(_, line)| !line.starts_with("```")).collect();
        match info.split_once(' ') {
            Some((_, name)) => steps.push(Step::File {
                name: name.to_owned(),
                text: block.iter().map(|(_, line)| format!("{line}\n")).collect(),
            }),
            None if info == "console" => commands(&block, &mut steps),
            None => {}
        }
    }
    steps
}

fn commands(block: &[(usize, &str)], steps: &mut Vec<Step>) {
    for (number, line) in block {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step::Command {
                line: number + 1,
                command: command.to_owned(),
                expected: String::new(),
            }),
            (None, Some(Step::Command { command, expected, .. })) => {
                if expected.is_empty() && command.ends_with('\\') {
                    command.push('\n');
                    command.push_str(line);
                } else {
                    expected.push_str(line);
                    expected.push('\n');
                }
            }
            (None, Some(Step::File { .. }) | None) => {}
        }
    }
}

/// Whether the program said what the page says.
pub(crate) fn agree(expected: &str, said: &str) -> bool {
    let expected: Vec<&str> = expected.lines().collect();
    let said: Vec<&str> = said.lines().map(str::trim_end).collect();
    lines_agree(&expected, &said)
}

fn lines_agree(expected: &[&str], said: &[&str]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((&"…", rest)) => (0..=said.len()).any(|skip| lines_agree(rest, &said[skip..])),
        Some((first, rest)) => said
            .split_first()
            .is_some_and(|(line, said)| line_agrees(first, line) && lines_agree(rest, said)),
    }
}

/// Whether a line is what a page says, with `…` for anything.
fn line_agrees(expected: &str, line: &str) -> bool {
    match expected.split_once('…') {
        None => expected.trim_end() == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| line_agrees(after, &rest[at..]))
        }),
    }
}

#[test]
fn a_page_is_files_and_commands() {
    let page = "# A\n```toml a.toml\nx = 1\n```\n```text\n$ no\n```\n```console\n$ one\nout\n$ two \\\n  more\n```\n";
    let command = |line, command: &str, expected: &str| Step::Command {
        line,
        command: command.to_owned(),
        expected: expected.to_owned(),
    };
    let file = Step::File { name: "a.toml".to_owned(), text: "x = 1\n".to_owned() };
    assert_eq!(steps(page), [file, command(9, "one", "out\n"), command(11, "two \\\n  more", "")]);
}

#[test]
fn an_ellipsis_stands_for_anything() {
    assert!(agree("a…c\n", "abc\n"));
    assert!(agree("a\n…\nz\n", "a\nb\nc\nz\n"));
    assert!(agree("…\n", ""));
    assert!(!agree("a…c\n", "abd\n"));
    assert!(!agree("a\n", "a\nb\n"));
    assert!(!agree("", "a\n"));
}
