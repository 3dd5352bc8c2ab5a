//! A scenario of rolling, read from its line. What the parts mean stands in `xtask/oracle/Rolling.java`.

use databuild_model::time::Timestamp;
use databuild_policy::roll::RotationPolicy;
use databuild_policy::roll::keep::KeepPolicy;
use databuild_policy::roll::name::ArchiveName;
use databuild_policy::roll::period::Zone;
use databuild_policy::roll::plan::ArchiveNaming;
use std::collections::HashMap;
use std::time::Duration;

/// 2023-01-27T00:00:00Z.
const BASE: i64 = 1_674_777_600;

/// All times are seconds since 1970.
pub(super) struct Scenario {
    /// `time`, `size` and so on, each with its numbers.
    words: HashMap<String, Vec<u64>>,
    /// The file that is written, unless logback writes into the dated one.
    pub(super) active: Option<String>,
    name: Result<ArchiveName, String>,
    /// Name, when it was changed, and bytes.
    pub(super) before: Vec<(String, i64, u64)>,
    pub(super) script: Vec<Step>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Start(i64),
    Event { at: i64, bytes: u64, by_hand: bool },
}

impl Scenario {
    pub(super) fn parse(line: &str) -> Scenario {
        let parts: Vec<&str> = line.split('\t').collect();
        let [kind, active, pattern, before, script] = parts[..] else { panic!("{line}") };
        let mut words: HashMap<String, Vec<u64>> = HashMap::new();
        let mut last = "";
        for word in kind.split(' ') {
            match word.parse() {
                Ok(number) => words.get_mut(last).unwrap().push(number),
                Err(_) => {
                    last = word;
                    words.insert(word.to_owned(), Vec::new());
                }
            }
        }
        let number = |text: &str| text.parse::<i64>().unwrap();
        let (first, rest) = script.split_once(' ').unwrap();
        let begin = BASE + number(&first[1..]);
        let step = |step: &str| match step.strip_prefix('+') {
            Some(at) => Step::Start(begin + number(at)),
            None => {
                let (at, bytes) = step.trim_start_matches('!').split_once(':').unwrap();
                let by_hand = step.starts_with('!');
                Step::Event { at: begin + number(at), bytes: bytes.parse().unwrap(), by_hand }
            }
        };
        let file = |text: &str| {
            let (name, rest) = text.rsplit_once('@').unwrap();
            let (changed, bytes) = rest.split_once(':').unwrap();
            (name.to_owned(), begin + number(changed), bytes.parse().unwrap())
        };
        Scenario {
            words,
            active: (active != "-").then(|| active.to_owned()),
            name: ArchiveName::parse(pattern, &Zone::UTC)
                .map_err(|problems| problems[0].what.clone()),
            before: before.split(' ').filter(|it| !it.is_empty()).map(file).collect(),
            script: std::iter::once("+0").chain(rest.split(' ')).map(step).collect(),
        }
    }

    pub(super) fn number(&self, word: &str) -> Option<u64> {
        self.words.get(word)?.first().copied()
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.words.contains_key(word)
    }

    /// The naming of ours, or what is wrong with it. Read once: that is most of the work.
    pub(super) fn naming(&self) -> Result<ArchiveNaming, String> {
        let name = self.name.clone()?;
        if self.has("time") && name.every().is_none() {
            return Err("a file that is rolled by time needs a date in its name".to_owned());
        }
        Ok(match self.words.get("window").map(Vec::as_slice) {
            Some([min, max]) => ArchiveNaming::Window { name, min: *min, max: *max },
            _ => ArchiveNaming::Dated(name),
        })
    }

    pub(super) fn rotation(&self, naming: &ArchiveNaming) -> RotationPolicy {
        RotationPolicy {
            bytes_max: self.number("size"),
            every: naming.name().every().cloned(),
            idle: None,
        }
    }

    /// So many days as logback keeps periods; all scenarios that keep have a file a day.
    pub(super) fn keep(&self) -> KeepPolicy {
        let days = self.number("history").map(|days| Duration::from_secs(days * 86_400));
        KeepPolicy { files: None, age: days, bytes: self.number("total") }
    }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

/// The text of an event or of a file that was there, without its line feed.
pub(super) fn padded(text: &str, bytes: u64) -> String {
    let dots = usize::try_from(bytes).unwrap().saturating_sub(1 + text.len());
    format!("{text}{}", ".".repeat(dots))
}

/// The lines of a file: numbers of events in a row are joined.
pub(super) fn content<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut shown: Vec<String> = Vec::new();
    let mut run: Option<(u64, u64)> = None;
    for line in lines {
        let text = line.trim_end_matches('.');
        match (text.parse::<u64>(), run) {
            (Ok(event), Some((first, last))) if event == last + 1 => {
                *shown.last_mut().unwrap() = format!("{first}-{event}");
                run = Some((first, event));
            }
            (event, _) => {
                shown.push(text.to_owned());
                run = event.ok().map(|event| (event, event));
            }
        }
    }
    // One name for many files: what each has stands apart.
    shown.join(",").replace(",+,", "+")
}
