//! The table of keys as a page: `docs/reference/config.md`.

use super::table::{Entry, Section, Shape, State, sections};
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

`include = [\"apps/*.toml\"]` at the top makes further files a part of the project: they stand below its
folder, their tables are put beside those that stand here, and a name that is given twice is an error.
Relative paths in them are below the project's folder, too.

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
    let sections = sections();
    for section in &sections {
        if let Some(entry) = section.entry {
            heading(&section.path, entry, &mut out);
            keys(section.entries(), &mut out);
        }
    }
    later(&sections, &mut out);
    out
}

fn takes(shape: Shape) -> String {
    if let Shape::OneOf(words) = shape {
        return words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ");
    }
    wanted(shape).to_owned()
}

fn heading(path: &str, entry: &Entry, out: &mut String) {
    // Writing into a String cannot fail.
    if let Shape::Key(_) = entry.shape {
        let path = path.strip_suffix(".NAME").unwrap_or(path);
        writeln!(
            out,
            "\n## `[{path}]`\n\n{} For example `region = {}`.\n\nA table has:",
            entry.doc, entry.example
        )
        .ok();
    } else {
        writeln!(out, "\n## `[{path}]`\n\n{}", entry.doc).ok();
    }
}

fn keys(entries: &[Entry], out: &mut String) {
    out.push_str(
        "\n| Key | Takes | Default | Meaning | Example |\n| --- | --- | --- | --- | --- |\n",
    );
    for entry in entries.iter().filter(|entry| entry.state == State::Built) {
        let example = match entry.example {
            "" => String::new(),
            example => format!("`{example}`"),
        };
        let (takes, default) = (takes(entry.shape), entry.default);
        writeln!(out, "| `{}` | {takes} | {default} | {} | {example} |", entry.name, entry.told())
            .ok();
    }
}

fn later(sections: &[Section], out: &mut String) {
    out.push_str("\n## Not built yet\n\nThese names are taken. A file that has one is refused (`DB0105`), because ignoring it would promise\nwhat does not happen.\n\n| Key | What it will be about |\n| --- | --- |\n");
    for section in sections {
        for entry in section.entries().iter().filter(|entry| entry.state == State::Later) {
            let name = match section.path.as_str() {
                "" => format!("[{}]", entry.name),
                path => format!("[{path}] {}", entry.name),
            };
            writeln!(out, "| `{name}` | {} |", entry.doc).ok();
        }
    }
}
