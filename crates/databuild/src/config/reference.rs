//! The table of keys as a page: `docs/reference/config.md`.

use super::table::{Entry, ROOT, Shape, State};
use super::tree::wanted;
use std::fmt::Write as _;

const HEAD: &str = "\
# The project file

<!-- Generated from crates/databuild/src/config/table.rs; UPDATE_EXPECT=1 cargo test -p databuild writes it. -->

`databuild.toml` stands in the project's folder; every command looks for it there and upwards. The
smallest one that makes something:

```toml
[jobs.report]
out = \"report/date={date}\"
run = \"python report.py --date {date} --out {out}\"
```

A key that is not on this page is an error, with the nearest one that is. `databuild check` tells all
errors at once, `databuild config --origin` what is in force and where it comes from, and `databuild
schema` prints a JSON Schema for editors.

A flag wins over a variable of the environment, that over this file, and the file over the default.

**Durations** are whole numbers with units, added up: `500ms`, `90s`, `10m`, `1h30m`, `3d`, `2w`.
**Sizes** have one unit: `100MB` is 10^8 bytes, `64MiB` is 2^26.

**Patterns** name partitions: `clean/date={date}/region={region}`. Between two keys stands a `/`, a
`=` or another character that values cannot have. In `in` a key may also be

| Written | Stands for |
| --- | --- |
| `{date}` | the run's own value |
| `{date-1d}` | the period before; units are `h` `d` `w` `m` `y` as the key counts |
| `{date-6d..date}` | a range, both ends included |
| `{date in month}` | all periods of one key within the run's value of a longer one |
| `region={*}` | every value of the key: of a list, or from the start of a time key to the newest period that is over |

What lies before `from` or after `until` of a time key does not exist and is left out, so that a
running total (`in = \"total/date={date-1d}\"`) has a beginning.

In commands, only a name directly between braces is a key: `${HOME}`, `{ print $1 }` and `{a,b}` stay
as they are.
";

/// The page.
pub(crate) fn page() -> String {
    let mut out = HEAD.to_owned();
    section("", ROOT, &mut out);
    later(&mut out);
    out
}

fn takes(shape: Shape) -> String {
    if let Shape::OneOf(words) = shape {
        return words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ");
    }
    wanted(shape).to_owned()
}

fn section(name: &str, entries: &'static [Entry], out: &mut String) {
    let rows: Vec<_> = entries.iter().filter(|entry| entry.state == State::Built).collect();
    if !name.is_empty() {
        out.push_str(
            "\n| Key | Takes | Default | Meaning | Example |\n| --- | --- | --- | --- | --- |\n",
        );
        for entry in &rows {
            let example = if entry.example.is_empty() {
                String::new()
            } else {
                format!("`{}`", entry.example)
            };
            // Writing into a String cannot fail.
            let (takes, default) = (takes(entry.shape), entry.default);
            writeln!(out, "| `{}` | {takes} | {default} | {} | {example} |", entry.name, entry.doc)
                .ok();
        }
    }
    for entry in rows {
        let inner =
            if name.is_empty() { entry.name.to_owned() } else { format!("{name}.{}", entry.name) };
        let (inner, entry) = match entry.shape {
            Shape::Named(named) => (format!("{inner}.{}", named.name), named),
            Shape::Table(_)
            | Shape::Text
            | Shape::Texts
            | Shape::List
            | Shape::Command
            | Shape::Number
            | Shape::Duration
            | Shape::Size
            | Shape::OneOf(_)
            | Shape::Address
            | Shape::Variables
            | Shape::Period
            | Shape::Key(_)
            | Shape::Anything => (inner, entry),
        };
        match entry.shape {
            Shape::Table(entries) => {
                writeln!(out, "\n## `[{inner}]`\n\n{}", entry.doc).ok();
                section(&inner, entries, out);
            }
            Shape::Key(entries) => {
                writeln!(
                    out,
                    "\n## `[keys]`\n\n{} For example `region = {}`.\n\nA table has:",
                    entry.doc, entry.example
                )
                .ok();
                section(&inner, entries, out);
            }
            Shape::Named(_)
            | Shape::Text
            | Shape::Texts
            | Shape::List
            | Shape::Command
            | Shape::Number
            | Shape::Duration
            | Shape::Size
            | Shape::OneOf(_)
            | Shape::Address
            | Shape::Variables
            | Shape::Period
            | Shape::Anything => {}
        }
    }
}

fn later(out: &mut String) {
    out.push_str("\n## Not built yet\n\nThese names are taken. A file that has one is refused (`DB0105`), because ignoring it would promise\nwhat does not happen.\n\n| Key | What it will be about |\n| --- | --- |\n");
    for (table, entries) in super::table::tables() {
        for entry in entries.iter().filter(|entry| entry.state == State::Later) {
            let name = if table.is_empty() {
                format!("[{}]", entry.name)
            } else {
                format!("[{table}] {}", entry.name)
            };
            writeln!(out, "| `{name}` | {} |", entry.doc).ok();
        }
    }
}
