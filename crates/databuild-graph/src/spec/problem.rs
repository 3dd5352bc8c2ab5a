//! What can be wrong with a project: a closed list of codes, and where in the project it is.

use std::ops::Range;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What is wrong with a project. The text of a code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All codes, in the order of their text.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code that people see, and that `databuild explain` knows.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }
        }
    };
}
pub(crate) use codes;

codes! {
    /// A project, application or job has a name that is none.
    BadName = "DB0201",
    /// A key has a name that is none, or one that means something else.
    BadKeyName = "DB0202",
    /// A list of values is empty, repeats one, or holds what is no value.
    BadValues = "DB0203",
    /// A time key with a wrong length, start or end.
    BadTimeKey = "DB0204",
    /// Braces that are not closed, or hold something else than a key.
    BadBraces = "DB0205",
    /// A key that is not declared.
    UnknownKey = "DB0206",
    /// An offset or range that has no meaning.
    BadRange = "DB0207",
    /// `{*}` where its values cannot be known.
    BadStar = "DB0208",
    /// A pattern that is not a path below the root.
    BadPath = "DB0209",
    /// Two braces without a separator.
    Touching = "DB0210",
    /// A job that makes nothing.
    NoOutput = "DB0211",
    /// A job without a command.
    NoCommand = "DB0212",
    /// A key that the job's `out` does not have.
    Unbound = "DB0213",
    /// Patterns of one `out` with different keys, or with a range.
    BadOutput = "DB0214",
    /// Two patterns that make the same partition.
    MadeTwice = "DB0215",
    /// A job that needs what it makes.
    NeedsItself = "DB0216",
    /// Jobs that need one another in a circle.
    Cycle = "DB0217",
    /// A job that needs its own past, without a beginning.
    NoBeginning = "DB0218",
    /// A command that is empty or has a brace that is no key.
    BadCommand = "DB0219",
    /// A text that is no duration.
    BadDuration = "DB0220",
    /// A text that is no size.
    BadSize = "DB0221",
    /// A number outside its range.
    BadNumber = "DB0222",
    /// A folder outside the project, or a root that is none.
    BadFolder = "DB0223",
    /// A variable with a name that is none, or one of ours.
    BadVariable = "DB0224",
    /// A word that is none of those that there are.
    BadChoice = "DB0225",
}

/// A step into a project: the name in a table, or the place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An entry of a table.
    Name(String),
    /// An element of a list, from 0.
    Item(usize),
}

/// Where in a project something is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// From the whole project inwards: `jobs`, `clean`, `out`, 0. A step that does not exist (a
    /// list of one may be written without the list) ends the way.
    pub path: Vec<Step>,
    /// Bytes of the text there; all of it if absent.
    pub within: Option<Range<usize>>,
    /// Whether the name of the last step is meant, and not what it stands for.
    pub name: bool,
}

impl Place {
    /// The place at the end of these names.
    pub fn at<'a>(names: impl IntoIterator<Item = &'a str>) -> Place {
        let path = names.into_iter().map(|name| Step::Name(name.to_owned())).collect();
        Place { path, ..Place::default() }
    }

    /// One element of the list here.
    #[must_use]
    pub fn item(mut self, index: usize) -> Place {
        self.path.push(Step::Item(index));
        self
    }

    /// These bytes of the text here.
    #[must_use]
    pub fn within(mut self, range: Range<usize>) -> Place {
        self.within = Some(range);
        self
    }

    /// The name here.
    #[must_use]
    pub fn name(mut self) -> Place {
        self.name = true;
        self
    }
}

/// Something wrong in a project, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecProblem {
    /// The kind of problem.
    pub code: Code,
    /// What is wrong, in a line.
    pub message: String,
    /// What to do, in a line.
    pub help: String,
    /// Where.
    pub place: Place,
}

/// The known name that `typed` was most likely meant to be, if one is near.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance =
        |name: &&'a str| strsim::osa_distance(&typed.to_lowercase(), &name.to_lowercase());
    let best = known.into_iter().min_by_key(distance)?;
    // A third of the letters may be wrong, and one always.
    (distance(&best) <= typed.chars().count().max(3) / 3).then_some(best)
}
