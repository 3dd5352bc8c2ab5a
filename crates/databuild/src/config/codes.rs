//! Every code that an error can have, explained: what it means, a wrong sample and a right one.

mod file;
mod plan;
mod project;
mod saver;

/// What `databuild explain CODE` says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Explanation {
    /// The code.
    pub(crate) code: &'static str,
    /// What is wrong, in a few words.
    pub(crate) title: &'static str,
    /// What it means and what to do.
    pub(crate) text: &'static str,
    /// A sample that has the error.
    pub(crate) wrong: Sample,
    /// The same without it.
    pub(crate) right: Sample,
}

/// A sample.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sample {
    /// A whole project file.
    File(&'static str),
    /// Something else: a command, a situation.
    Text(&'static str),
}

impl Sample {
    /// The sample as it is shown.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Sample::File(text) | Sample::Text(text) => text,
        }
    }
}

const fn file(
    code: &'static str,
    title: &'static str,
    text: &'static str,
    wrong: &'static str,
    right: &'static str,
) -> Explanation {
    Explanation { code, title, text, wrong: Sample::File(wrong), right: Sample::File(right) }
}

const fn told(
    code: &'static str,
    title: &'static str,
    text: &'static str,
    wrong: &'static str,
    right: &'static str,
) -> Explanation {
    Explanation { code, title, text, wrong: Sample::Text(wrong), right: Sample::Text(right) }
}

/// All explanations, in the order of their codes.
pub(crate) fn all() -> impl Iterator<Item = &'static Explanation> {
    file::ALL.iter().chain(project::ALL).chain(plan::ALL).chain(saver::ALL)
}

/// The explanation of a code, however it is written: `DB0103`, `db103`, `103`.
pub(crate) fn find(code: &str) -> Option<&'static Explanation> {
    let digits = code.trim().trim_start_matches(['D', 'B', 'd', 'b']);
    let number: u32 = digits.parse().ok()?;
    let code = format!("DB{number:04}");
    all().find(|explanation| explanation.code == code)
}

impl Explanation {
    /// The explanation as people read it.
    pub(crate) fn page(&self) -> String {
        let sample = |sample: Sample| {
            let indented: Vec<_> =
                sample.text().trim_end().lines().map(|line| format!("    {line}")).collect();
            indented.join("\n")
        };
        let (wrong, right) = (sample(self.wrong), sample(self.right));
        format!(
            "{}: {}\n\n{}\n\nwrong\n{wrong}\n\nright\n{right}\n",
            self.code, self.title, self.text
        )
    }
}

#[cfg(test)]
mod tests;
