//! What can be wrong with settings, where, and how it is shown.

use std::ops::Range;

/// What is wrong with a project file or the environment, apart from what it means.
///
/// What a project means is checked by the graph, which has codes of its own (`DB02…`, `DB03…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    /// Not TOML.
    Syntax,
    /// No file, or not readable.
    NoFile,
    /// A key that does not exist.
    UnknownKey,
    /// A value of another type.
    WrongType,
    /// A key whose meaning is not built yet.
    NotBuilt,
    /// A variable that looks like one of ours.
    UnknownVariable,
    /// A variable whose value has no meaning.
    BadVariable,
    /// An address that is none, or not this machine's own.
    BadAddress,
    /// A metric label that cannot be.
    BadLabel,
    /// A folder that cannot be written.
    NotWritable,
    /// A program that is not there.
    NoProgram,
    /// A folder that is not there.
    NoFolder,
    /// Files that cannot be included.
    BadInclude,
    /// A name that stands in two files.
    DefinedTwice,
    /// A pipeline with a name that is none, or that another one has.
    BadPipelineName,
    /// A key that a pipeline needs.
    MissingKey,
    /// A path of files that cannot be.
    BadPath,
    /// A layout with a slip in it.
    BadLayout,
    /// A selection of events with a slip in it.
    BadSelector,
    /// A pipeline that can take nothing.
    TakesNothing,
    /// Two pipelines that can write the same file.
    SameFile,
    /// A name of rolled files that cannot be.
    BadRollName,
    /// Rolling or keeping that cannot work as it says.
    BadRotation,
    /// A time zone that does not exist.
    BadZone,
    /// A mode that is none, or keeps ourselves out.
    BadMode,
    /// A plugin that cannot be started.
    BadPlugin,
    /// A setting of the saver outside its range.
    BadSaver,
    /// A test of the saver that means nothing.
    BadTest,
    /// A configuration that is not XML.
    ImportSyntax,
    /// Something in a configuration of logback that has no counterpart.
    ImportRefused,
    /// A value in it that is none, or cannot be kept.
    ImportValue,
    /// A variable in it without a value.
    ImportVariable,
}

impl Code {
    /// All codes.
    #[cfg(test)]
    pub(crate) const ALL: [Code; 32] = [
        Code::Syntax,
        Code::NoFile,
        Code::UnknownKey,
        Code::WrongType,
        Code::NotBuilt,
        Code::UnknownVariable,
        Code::BadVariable,
        Code::BadAddress,
        Code::BadLabel,
        Code::NotWritable,
        Code::NoProgram,
        Code::NoFolder,
        Code::BadInclude,
        Code::DefinedTwice,
        Code::BadPipelineName,
        Code::MissingKey,
        Code::BadPath,
        Code::BadLayout,
        Code::BadSelector,
        Code::TakesNothing,
        Code::SameFile,
        Code::BadRollName,
        Code::BadRotation,
        Code::BadZone,
        Code::BadMode,
        Code::BadPlugin,
        Code::BadSaver,
        Code::BadTest,
        Code::ImportSyntax,
        Code::ImportRefused,
        Code::ImportValue,
        Code::ImportVariable,
    ];

    /// The code that people see.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Code::Syntax => "DB0101",
            Code::NoFile => "DB0102",
            Code::UnknownKey => "DB0103",
            Code::WrongType => "DB0104",
            Code::NotBuilt => "DB0105",
            Code::UnknownVariable => "DB0106",
            Code::BadVariable => "DB0107",
            Code::BadAddress => "DB0108",
            Code::BadLabel => "DB0109",
            Code::NotWritable => "DB0110",
            Code::NoProgram => "DB0111",
            Code::NoFolder => "DB0112",
            Code::BadInclude => "DB0113",
            Code::DefinedTwice => "DB0114",
            Code::BadPipelineName => "DB0401",
            Code::MissingKey => "DB0402",
            Code::BadPath => "DB0403",
            Code::BadLayout => "DB0404",
            Code::BadSelector => "DB0405",
            Code::TakesNothing => "DB0406",
            Code::SameFile => "DB0407",
            Code::BadRollName => "DB0408",
            Code::BadRotation => "DB0409",
            Code::BadZone => "DB0410",
            Code::BadMode => "DB0411",
            Code::BadPlugin => "DB0412",
            Code::BadSaver => "DB0413",
            Code::BadTest => "DB0414",
            Code::ImportSyntax => "DB0421",
            Code::ImportRefused => "DB0422",
            Code::ImportValue => "DB0423",
            Code::ImportVariable => "DB0424",
        }
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Nothing is started.
    Error,
    /// It works, and likely not as meant.
    Warning,
}

/// Something wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What `databuild explain` takes.
    pub(crate) code: &'static str,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: String,
    /// Bytes of the file; none if it is not about the file.
    pub(crate) span: Option<Range<usize>>,
}

impl Problem {
    /// An error.
    pub(crate) fn error(
        code: Code,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        let (message, help) = (message.into(), help.into());
        Problem { severity: Severity::Error, code: code.as_str(), message, help, span }
    }

    /// A warning.
    pub(crate) fn warning(
        code: Code,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(code, None, message, help) }
    }
}

/// Names joined as a person would: `a`, `b` or `c`.
pub(crate) fn one_of(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// The known names that are nearest to what was typed, if any is near: all that are equally near.
pub(crate) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let typed = typed.to_lowercase();
    let measured: Vec<_> = known
        .into_iter()
        .map(|name| (strsim::osa_distance(&typed, &name.to_lowercase()), name))
        .collect();
    // A third of the letters may be wrong, and one always.
    let most = typed.chars().count().max(3) / 3;
    let Some(least) =
        measured.iter().map(|(distance, _)| *distance).min().filter(|&least| least <= most)
    else {
        return Vec::new();
    };
    measured
        .into_iter()
        .filter(|(distance, _)| *distance == least)
        .map(|(_, name)| name)
        .take(3)
        .collect()
}
