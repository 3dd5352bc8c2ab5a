//! Rolling policies: when files are rolled, what they are called then and how many are kept.

use super::appender::Target;
use super::write::quoted;
use super::xml::{Node, Value, Xml};
use databuild_policy::roll::name::ArchiveName;
use databuild_policy::roll::period::{Period, Zone};

/// What logback rolls at if nothing is said.
const SIZE: u64 = 10 << 20;
/// Logback cuts windows that are wider than this.
const WINDOW_MAX: u64 = 20;

/// Keys that rolling becomes.
#[derive(Debug, Default)]
pub(super) struct Rolling {
    /// Of `rotate`.
    rotate: Vec<String>,
    /// Of `keep`.
    keep: Vec<String>,
    /// The name of the active file, if the appender names none.
    pub(super) file: Option<String>,
}

impl Rolling {
    /// The keys `rotate` and `keep`, where there are any.
    pub(super) fn keys(&self) -> Vec<(&'static str, String)> {
        let table = |key, parts: &Vec<String>| {
            (!parts.is_empty()).then(|| (key, format!("{{ {} }}", parts.join(", "))))
        };
        [table("rotate", &self.rotate), table("keep", &self.keep)].into_iter().flatten().collect()
    }
}

/// Reads `<rollingPolicy>` and `<triggeringPolicy>` of an appender.
pub(super) fn rolling(
    appender: Node<'_, '_>,
    target: &Target,
    xml: &mut Xml<'_>,
    notes: &mut Vec<String>,
) -> Rolling {
    let mut rolling = Rolling::default();
    let trigger = xml.element(appender, "triggeringpolicy");
    let Some(policy) = xml.element(appender, "rollingpolicy") else {
        xml.refuse(appender, "an appender that rolls has no <rollingPolicy>", "give it one");
        return rolling;
    };
    let class = xml.class(policy, "");
    xml.attributes(policy, &["class"]);
    let mut reader = Reader { target, xml, notes, rolling: &mut rolling };
    match class.rsplit('.').next().unwrap_or_default() {
        "FixedWindowRollingPolicy" if is_known(&class) => {
            reader.window(policy);
            match trigger {
                Some(trigger) => reader.size_trigger(trigger),
                None => reader.xml.refuse(
                    policy,
                    "a fixed window needs a <triggeringPolicy>",
                    "give it one: SizeBasedTriggeringPolicy",
                ),
            }
        }
        "TimeBasedRollingPolicy" if is_logback(&class) => {
            reader.time(policy, false);
            reader.no_trigger(trigger);
        }
        "SizeAndTimeBasedRollingPolicy" if is_logback(&class) => {
            reader.time(policy, true);
            reader.no_trigger(trigger);
        }
        _ => {
            let message = format!("a rolling policy of the class {class} cannot be imported");
            let help = "use TimeBased, SizeAndTimeBased or FixedWindowRollingPolicy";
            reader.xml.refuse(policy, message, help);
        }
    }
    rolling
}

fn is_logback(class: &str) -> bool {
    class.starts_with("ch.qos.logback.core.rolling.")
}

/// A class of logback or of CDAP, under both names of its packages.
fn is_known(class: &str) -> bool {
    let cdap = ["co.cask.cdap.logging.plugins.", "io.cdap.cdap.logging.plugins."];
    is_logback(class) || cdap.iter().any(|package| class.starts_with(package))
}

struct Reader<'r, 'x> {
    target: &'r Target,
    xml: &'r mut Xml<'x>,
    notes: &'r mut Vec<String>,
    rolling: &'r mut Rolling,
}

impl Reader<'_, '_> {
    fn window(&mut self, policy: Node<'_, '_>) {
        self.xml.elements(policy, &["filenamepattern", "minindex", "maxindex"]);
        let number = |tag: &str, default: u64, xml: &mut Xml<'_>| {
            xml.value(policy, tag).and_then(|value| xml.number(&value)).unwrap_or(default)
        };
        let (min, max) = (number("minindex", 1, self.xml), number("maxindex", 7, self.xml));
        if max < min {
            self.xml.refuse(
                policy,
                "the window ends before it begins",
                "let maxIndex be minIndex or more",
            );
            return;
        }
        if WINDOW_MAX < max - min {
            self.notes
                .push(format!("Logback would have kept {} files of this window.", WINDOW_MAX + 1));
        }
        self.rolling.rotate.push(format!("window = {{ min = {min}, max = {max} }}"));
        if let Some(name) = self.name(policy) {
            if name.1.every().is_some() || !name.1.has_index() {
                let help = "write %i and no %d: app.%i.log";
                self.xml.wrong(&name.0, "files of a window are told apart by %i alone", help);
            }
            if self.target.file.is_none() {
                self.xml.refuse(
                    policy,
                    "a fixed window needs a <file>",
                    "name the file that is written",
                );
            }
        }
    }

    fn size_trigger(&mut self, trigger: Node<'_, '_>) {
        let class = self.xml.class(trigger, "");
        self.xml.attributes(trigger, &["class"]);
        if !is_known(&class) || !class.ends_with(".SizeBasedTriggeringPolicy") {
            let message = format!("a triggering policy of the class {class} cannot be imported");
            self.xml.refuse(trigger, message, "use SizeBasedTriggeringPolicy");
            return;
        }
        self.xml.elements(trigger, &["maxfilesize", "checkincrement"]);
        let size = self.xml.value(trigger, "maxfilesize");
        if size.is_none() && !is_logback(&class) {
            let help = "give it one: <maxFileSize>100MB</maxFileSize>";
            self.xml.refuse(trigger, "CDAP's policy fails without a <maxFileSize>", help);
        }
        self.size(size);
    }

    fn size(&mut self, value: Option<Value>) {
        let bytes = match value {
            None => {
                self.notes.push("Logback rolls at 10MB if no size is given.".to_owned());
                Some(SIZE)
            }
            Some(value) => size(&value, self.xml),
        };
        if let Some(bytes) = bytes {
            self.rolling.rotate.insert(0, format!("size = \"{}\"", shown(bytes)));
        }
    }

    fn no_trigger(&mut self, trigger: Option<Node<'_, '_>>) {
        if let Some(trigger) = trigger {
            let message = "a <triggeringPolicy> beside a policy that triggers itself";
            let help = "take it out; for both time and size use SizeAndTimeBasedRollingPolicy";
            self.xml.refuse(trigger, message, help);
        }
    }

    fn time(&mut self, policy: Node<'_, '_>, mut sized: bool) {
        let inner = "timebasedfilenamingandtriggeringpolicy";
        self.xml.elements(
            policy,
            &[
                "filenamepattern",
                "maxhistory",
                "totalsizecap",
                "cleanhistoryonstart",
                "maxfilesize",
                "checkincrement",
                inner,
            ],
        );
        let mut size = self.xml.value(policy, "maxfilesize");
        if let Some(inner) = self.xml.element(policy, inner) {
            let class = self.xml.class(inner, "");
            self.xml.attributes(inner, &["class"]);
            self.xml.elements(inner, &["maxfilesize", "checkincrement"]);
            if class.ends_with(".SizeAndTimeBasedFNATP") && is_logback(&class) {
                sized = true;
                size = self.xml.value(inner, "maxfilesize");
            } else {
                let message = format!("{class} cannot be imported");
                self.xml.refuse(inner, message, "use SizeAndTimeBasedRollingPolicy");
            }
        } else if !sized && size.is_some() {
            let message =
                "TimeBasedRollingPolicy has no <maxFileSize>: logback does not look at it";
            self.xml.refuse(
                policy,
                message,
                "use SizeAndTimeBasedRollingPolicy, or take the size out",
            );
        }
        let name = self.name(policy);
        if sized {
            if size.is_none() {
                self.xml.refuse(
                    policy,
                    "the policy has no <maxFileSize>",
                    "give it one: <maxFileSize>100MB</maxFileSize>",
                );
            } else {
                self.size(size);
            }
        }
        let Some((value, name)) = name else { return };
        let Some((period, _)) = name.every() else {
            self.xml.wrong(&value, "the pattern has no %d", "say which period: %d{yyyy-MM-dd}");
            return;
        };
        if sized && !name.has_index() {
            self.xml.wrong(
                &value,
                "the pattern has no %i",
                "files of one period need it: app.%d.%i.log",
            );
        }
        let period = *period;
        let word = Period::ALL.iter().find(|(_, it)| *it == period).map_or("day", |it| it.0);
        self.rolling.rotate.insert(usize::from(sized), format!("every = \"{word}\""));
        self.keep(policy, period);
    }

    fn keep(&mut self, policy: Node<'_, '_>, period: Period) {
        let periods = self.xml.value(policy, "maxhistory").and_then(|it| self.xml.number(&it));
        if let Some(periods) = periods.filter(|it| 0 < *it) {
            let (each, unit) = match period {
                Period::Second => (1, "s"),
                Period::Minute => (1, "m"),
                Period::Hour => (1, "h"),
                Period::Day => (1, "d"),
                Period::Week => (1, "w"),
                Period::Month => (31, "d"),
            };
            let age = (periods + 1).saturating_mul(each);
            self.rolling.keep.push(format!("age = \"{age}{unit}\""));
            self.notes.push(format!("maxHistory counts {periods} periods besides the current one; here it is the age of a file, up to a period longer. `keep.files` would count files."));
        }
        if let Some(value) = self.xml.value(policy, "totalsizecap")
            && let Some(bytes) = size(&value, self.xml).filter(|it| 0 < *it)
        {
            self.rolling.keep.push(format!("total = \"{}\"", shown(bytes)));
            if periods.is_none_or(|it| it == 0) {
                self.notes.push(
                    "Logback does not look at totalSizeCap without maxHistory; here it counts."
                        .to_owned(),
                );
            }
        }
        if let Some(value) = self.xml.value(policy, "cleanhistoryonstart") {
            self.xml.flag(&value);
            self.notes.push("Old files are always looked for at the start, too.".to_owned());
        }
    }

    /// The name of rolled files, checked; it has to be in the folder of the file itself.
    fn name(&mut self, policy: Node<'_, '_>) -> Option<(Value, ArchiveName)> {
        let Some(value) = self.xml.value(policy, "filenamepattern") else {
            self.xml.refuse(policy, "the policy has no <fileNamePattern>", "give it one");
            return None;
        };
        // CDAP puts the number of its saver there.
        let text = if self.target.cdap {
            value.text.replace("instanceId", "0")
        } else {
            value.text.clone()
        };
        let text = text.as_str();
        let at_date = text.find('%').unwrap_or(text.len());
        let before = text.get(..at_date).unwrap_or_default();
        let here = match &self.target.file {
            Some(file) => file.rsplit_once('/').map_or("", |it| it.0),
            None => before.rsplit_once('/').map_or("", |it| it.0),
        };
        let below =
            |here: &str| text.strip_prefix(here)?.strip_prefix('/').filter(|_| !here.is_empty());
        let name = if self.target.cdap || here.is_empty() { Some(text) } else { below(here) };
        let Some((folder, name)) = name.filter(|it| !it.starts_with('/')).map(|name| (here, name))
        else {
            let message =
                "rolled files stand in the folder of the file that they were, or below it";
            let help = "let the pattern begin with the folder of <file>";
            self.xml.wrong(&value, message, help);
            return None;
        };
        if let Some(ending) = [".zip", ".xz"].iter().find(|it| name.ends_with(**it)) {
            let message = format!("rolled files are not compressed as `{ending}`");
            self.xml.wrong(&value, message, "let the pattern end with .gz");
            return None;
        }
        let columns = text.chars().count() - name.chars().count();
        let zone = Zone::UTC;
        match ArchiveName::parse(name, &zone) {
            Ok(parsed) => {
                self.rolling.rotate.push(format!("name = {}", quoted(name)));
                if self.target.file.is_none() {
                    self.stem(folder, name);
                }
                Some((value, parsed))
            }
            Err(problems) => {
                for problem in problems {
                    let column = columns + problem.column;
                    self.xml.wrong_at(&value, column, problem.what, problem.remedy);
                }
                None
            }
        }
    }

    /// The file that is written where logback writes into the dated one: the pattern without its date.
    fn stem(&mut self, folder: &str, name: &str) {
        let mut stem = String::new();
        let mut rest = name.trim_end_matches(".gz");
        while let Some(at) = rest.find('%') {
            let before = rest.get(..at).unwrap_or_default();
            stem.push_str(before.trim_end_matches(['.', '-', '_']));
            let word = rest.get(at..).unwrap_or_default();
            let braced = word.get(2..).is_some_and(|it| it.starts_with('{'));
            let digits = word.chars().skip(1).take_while(char::is_ascii_digit).count();
            let end =
                if braced { word.find('}').map_or(word.len(), |it| it + 1) } else { 2 + digits };
            rest = word.get(end..).unwrap_or_default();
        }
        stem.push_str(rest);
        let stem = stem.rsplit('/').next().unwrap_or_default().trim_start_matches(['.', '-', '_']);
        let stem = if stem.is_empty() || stem.starts_with('.') {
            format!("current{stem}")
        } else {
            stem.to_owned()
        };
        let file = if folder.is_empty() { stem } else { format!("{folder}/{stem}") };
        self.notes.push(format!("Logback writes into the dated file itself; here the newest is {file} until it is rolled."));
        self.rolling.file = Some(file);
    }
}

/// A size as logback writes it: units count by 1,024.
fn size(value: &Value, xml: &mut Xml<'_>) -> Option<u64> {
    let text = value.text.to_ascii_lowercase();
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let factor = match unit.strip_suffix('s').unwrap_or(unit) {
        "" => Some(1),
        "kb" => Some(1 << 10),
        "mb" => Some(1 << 20),
        "gb" => Some(1_u64 << 30),
        _ => None,
    };
    let bytes = factor.and_then(|factor| number.parse::<u64>().ok()?.checked_mul(factor));
    if bytes.is_none() {
        let message = format!("`{}` is not a size", value.text);
        xml.wrong(value, message, "write a whole number with KB, MB or GB");
    }
    bytes
}

/// A size as it stands in a project file, in the largest unit that divides it.
fn shown(bytes: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| 0 < bytes && bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}
