//! Columns of text: as wide as their widest cell, two blanks between them, no blank at the line's end.

/// A table under construction. Cells are plain or painted text; paint does not count as width.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a heading.
    pub(crate) fn with_heading(names: &[&str]) -> Self {
        Table { rows: vec![names.iter().map(|&name| name.to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as lines.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths = vec![0; columns];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(shown_width(cell));
            }
        }
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (width, cell) in widths.iter().zip(row) {
                line.push_str(cell);
                let pad = width.saturating_sub(shown_width(cell)) + 2;
                line.extend(std::iter::repeat_n(' ', pad));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Characters that are seen: those of a colour sequence are not.
pub(crate) fn shown_width(text: &str) -> usize {
    let mut width = 0;
    let mut in_sequence = false;
    for c in text.chars() {
        match (in_sequence, c) {
            (false, '\u{1b}') => in_sequence = true,
            (false, _) => width += 1,
            (true, 'm') => in_sequence = false,
            (true, _) => {}
        }
    }
    width
}

/// `text` in at most `width` characters, with `…` for what was cut.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::{Table, cut};
    use crate::render::paint::Paint;
    use expect_test::expect;

    #[test]
    fn columns_line_up_whatever_the_paint() {
        let mut table = Table::with_heading(&["BUILD", "STATE", "JOBS"]);
        table.row(vec!["42".into(), Paint::new(true).bad("failed"), "12✔ 1✘".into()]);
        table.row(vec!["7".into(), "ok".into(), String::new()]);
        let text = table.render().replace('\u{1b}', "^");
        expect![[r#"
            BUILD  STATE   JOBS
            42     ^[31mfailed^[0m  12✔ 1✘
            7      ok
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn long_text_is_cut_with_a_sign() {
        assert_eq!(cut("report/date=2025", 20), "report/date=2025");
        assert_eq!(cut("report/date=2025", 7), "report…");
    }
}
