//! `[jobs.*]`: one job by itself.

use super::{Problems, name_help};
use crate::spec::JobSpec;
use crate::spec::command::{Command, CommandFault};
use crate::spec::draft::{CommandDraft, JobDraft};
use crate::spec::key::{KeyId, KeyKind, Keys};
use crate::spec::pattern::{Pattern, PatternError, PatternFault, Slot};
use crate::spec::problem::{Code, Place, nearest};
use databuild_model::ids::{AppName, JobLabel};
use databuild_model::spool::{Capture, OnParentDeath};
use std::path::{Component, Path, PathBuf};

/// Most attempts of one run: with more, a job that cannot succeed would fill the log for days.
const RETRIES_MAX: u32 = 100;

pub(super) fn check(draft: &JobDraft, keys: &Keys, problems: &mut Problems) -> Option<JobSpec> {
    let place = |part| Place::at(["jobs", draft.label.as_str(), part]);
    let job_place = || Place::at(["jobs", draft.label.as_str()]).name();
    let label = match JobLabel::parse(draft.label.as_str()) {
        Ok(label) => Some(label),
        Err(error) => {
            let message = format!("`{}` cannot be the name of a job: {error}", draft.label);
            problems.add(Code::BadName, job_place(), message, name_help(&error));
            None
        }
    };
    let out = patterns("out", draft, &draft.out, keys, problems);
    if draft.out.is_empty() {
        let message = format!("job `{}` makes nothing", draft.label);
        problems.add(
            Code::NoOutput,
            job_place(),
            message,
            "say what it makes: out = \"name/date={date}\"",
        );
    }
    let own = own_keys(draft, &out, keys, problems);
    let inputs = patterns("in", draft, &draft.inputs, keys, problems);
    // With a broken `out` its keys are not known, and every use of them would be called wrong.
    let sound = out.iter().all(Option::is_some) && !out.is_empty();
    if sound {
        for (at, pattern) in inputs.iter().enumerate() {
            check_bound(pattern.as_ref(), &own, keys, problems, || {
                list_place("in", draft, &draft.inputs, at)
            });
        }
    }
    if draft.run.is_none() {
        let message = format!("job `{}` has no command", draft.label);
        problems.add(
            Code::NoCommand,
            job_place(),
            message,
            "say how it is made: run = \"python make.py {out}\"",
        );
    }
    let command = |part, draft: Option<&CommandDraft>, problems: &mut Problems| {
        command(draft?, keys, sound.then_some(&own), problems, || place(part))
    };
    let run = command("run", draft.run.as_ref(), problems);
    let needs = command("needs", draft.needs.as_ref(), problems);
    let job = JobSpec {
        out: out.into_iter().flatten().collect(),
        inputs: inputs.into_iter().flatten().collect(),
        needs,
        retries: retries(draft, problems),
        timeout: problems.duration(draft.timeout.as_ref(), || place("timeout")),
        grace: problems.duration(draft.grace.as_ref(), || place("grace")),
        drain: problems.duration(draft.drain.as_ref(), || place("drain")),
        heartbeat: problems.duration(draft.heartbeat.as_ref(), || place("heartbeat")),
        app: app(draft, problems),
        job_type: job_type(draft, problems),
        env: env(draft, problems),
        dir: dir(draft, problems),
        capture: problems
            .choice(draft.capture.as_ref(), Capture::ALL, Capture::as_str, || place("capture")),
        on_parent_death: on_parent_death(draft, problems),
        output_rate_max: problems.size(draft.output_rate_max.as_ref(), || place("output_rate_max")),
        output_sample_max: output_sample_max(draft, problems),
        // A job without its command still takes part in what is checked across jobs.
        run: run.unwrap_or_else(Command::nothing),
        // Last: what else is wrong with a job is told though its name is.
        label: label?,
    };
    Some(job)
}

/// A list of one may be written without the list: then the text itself is the place.
fn list_place(part: &str, draft: &JobDraft, list: &[String], at: usize) -> Place {
    let place = Place::at(["jobs", draft.label.as_str(), part]);
    if list.len() == 1 { place } else { place.item(at) }
}

fn patterns(
    part: &'static str,
    draft: &JobDraft,
    texts: &[String],
    keys: &Keys,
    problems: &mut Problems,
) -> Vec<Option<Pattern>> {
    let mut found = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        let place = || list_place(part, draft, texts, at);
        if texts.iter().take(at).any(|known| known == text) {
            problems.add(
                Code::BadOutput,
                place(),
                format!("`{text}` stands in `{part}` twice"),
                "remove one",
            );
        }
        match Pattern::parse(text, keys) {
            Ok(pattern) => found.push(Some(pattern)),
            Err(errors) => {
                for error in errors {
                    pattern_problem(&error, keys, problems, place().within(error.at.clone()));
                }
                found.push(None);
            }
        }
    }
    found
}

fn pattern_problem(error: &PatternError, keys: &Keys, problems: &mut Problems, place: Place) {
    let (code, help) = match &error.fault {
        PatternFault::Empty => {
            (Code::BadPath, "write a name and keys: clean/date={date}".to_owned())
        }
        PatternFault::Path => (
            Code::BadPath,
            "write folders below the root: no `.`, no `..`, no slash too many".to_owned(),
        ),
        PatternFault::Control => (Code::BadPath, "remove the character".to_owned()),
        PatternFault::NoDataset => {
            (Code::BadPath, "begin with a name: clean/date={date}".to_owned())
        }
        PatternFault::Brace => (Code::BadBraces, "close every `{` with `}`".to_owned()),
        PatternFault::Inside { .. } => (
            Code::BadBraces,
            "write {key}, {date-1d}, {date-6d..date}, {date in month} or {*}".to_owned(),
        ),
        PatternFault::UnknownKey { name } => (Code::UnknownKey, unknown_key_help(name, keys)),
        PatternFault::NotTime { name } => {
            (Code::BadRange, format!("name its values one by one, or all of them: {name}={{*}}"))
        }
        PatternFault::Unit { every, .. } => {
            (Code::BadRange, format!("count in {every}s: {}", offset_example(every)))
        }
        PatternFault::TwoKeys { first, .. } => {
            (Code::BadRange, format!("use one key at both ends: {{{first}-6d..{first}}}"))
        }
        PatternFault::Reversed { .. } => {
            (Code::BadRange, "put the earlier end first: {date-6d..date}".to_owned())
        }
        PatternFault::NotWithin { .. } => (
            Code::BadRange,
            "use a shorter period in a longer one: {date in month}, {hour in date}".to_owned(),
        ),
        PatternFault::StarWithoutKey => (Code::BadStar, "write it as region={*}".to_owned()),
        PatternFault::StarUnbounded { name, time: true } => (
            Code::BadStar,
            format!("give `{name}` a start: {name} = {{ every = \"day\", from = \"2025-01-01\" }}"),
        ),
        PatternFault::StarUnbounded { name, time: false } => {
            (Code::BadStar, format!("list them under [keys]: {name} = [\"a\", \"b\"]"))
        }
        PatternFault::Touching => (Code::Touching, "put a `/` between the two braces".to_owned()),
    };
    problems.add(code, place, error.fault.to_string(), help);
}

fn offset_example(every: &str) -> String {
    let letter = every.chars().next().unwrap_or('d');
    let name = if every == "day" { "date" } else { every };
    format!("{{{name}-1{letter}}}")
}

fn unknown_key_help(name: &str, keys: &Keys) -> String {
    match nearest(name, keys.iter().map(|key| key.name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("declare it under [keys]: {name} = \"any\", or a list of its values"),
    }
}

/// The keys of a run. All patterns of `out` have the same, so that any of its partitions says all.
fn own_keys(
    draft: &JobDraft,
    out: &[Option<Pattern>],
    keys: &Keys,
    problems: &mut Problems,
) -> Vec<KeyId> {
    let mut own: Option<Vec<KeyId>> = None;
    for (at, pattern) in out.iter().enumerate() {
        let Some(pattern) = pattern else { continue };
        let place = || list_place("out", draft, &draft.out, at);
        for (slot, range) in pattern.slots() {
            if matches!(slot, Slot::Range { .. } | Slot::Within { .. }) {
                let help = format!(
                    "write {{{}}}: a run is named by its own values",
                    keys.get(slot.key()).name
                );
                problems.add(
                    Code::BadOutput,
                    place().within(range),
                    "`out` cannot have an offset or a range",
                    help,
                );
            }
        }
        let mut bound = pattern.binds();
        bound.sort_unstable();
        match &own {
            None => own = Some(bound),
            Some(first) if *first == bound => {}
            Some(first) => {
                let names: Vec<_> = first.iter().map(|&key| keys.get(key).name.as_str()).collect();
                let help = format!(
                    "use the same keys in each: {}",
                    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
                );
                problems.add(
                    Code::BadOutput,
                    place(),
                    "the patterns of `out` have different keys",
                    help,
                );
            }
        }
    }
    own.unwrap_or_default()
}

fn check_bound(
    pattern: Option<&Pattern>,
    own: &[KeyId],
    keys: &Keys,
    problems: &mut Problems,
    place: impl Fn() -> Place,
) {
    for (slot, range) in pattern.into_iter().flat_map(Pattern::slots) {
        let Some(key) = slot.needs().filter(|key| !own.contains(key)) else { continue };
        let name = &keys.get(key).name;
        let help = match keys.get(key).kind {
            KeyKind::List(_) | KeyKind::Time { from: Some(_), .. } => {
                format!("add {{{name}}} to `out`, or read all of them: {name}={{*}}")
            }
            KeyKind::Time { from: None, .. } => {
                format!("add {{{name}}} to `out`, or name what it lies in: {{{name} in month}}")
            }
            KeyKind::Any => format!("add {{{name}}} to `out`"),
        };
        problems.add(
            Code::Unbound,
            place().within(range),
            format!("`out` does not say which `{name}`"),
            help,
        );
    }
}

fn command(
    draft: &CommandDraft,
    keys: &Keys,
    own: Option<&Vec<KeyId>>,
    problems: &mut Problems,
    place: impl Fn() -> Place,
) -> Option<Command> {
    let all: Vec<KeyId> = keys.iter().filter_map(|key| keys.find(&key.name)).collect();
    let own = own.unwrap_or(&all);
    let errors = match Command::parse(draft, keys, own) {
        Ok(command) => return Some(command),
        Err(errors) => errors,
    };
    for error in errors {
        let help = match &error.fault {
            CommandFault::Empty => "write a command, or `true` for nothing to do".to_owned(),
            CommandFault::Nul => "remove the character".to_owned(),
            CommandFault::UnknownBrace { inside } => {
                let names = own.iter().map(|&key| keys.get(key).name.as_str());
                match nearest(inside, names.chain(["in", "out"])) {
                    Some(near) => format!(
                        "did you mean `{{{near}}}`? For the text itself write `{{{{{inside}}}}}`"
                    ),
                    None => format!(
                        "use {{in}}, {{out}} or a key of `out`; for the text itself write `{{{{{inside}}}}}`"
                    ),
                }
            }
            CommandFault::Offset { .. } => "an offset fits a time key: {date-1d}".to_owned(),
        };
        let place = match error.item {
            Some(item) => place().item(item),
            None => place(),
        };
        let place = if error.at.is_empty() { place } else { place.within(error.at.clone()) };
        problems.add(Code::BadCommand, place, error.fault.to_string(), help);
    }
    None
}

fn retries(draft: &JobDraft, problems: &mut Problems) -> u32 {
    let Some(typed) = draft.retries else { return 0 };
    match u32::try_from(typed) {
        Ok(retries) if retries <= RETRIES_MAX => retries,
        _ => {
            let place = Place::at(["jobs", draft.label.as_str(), "retries"]);
            let help = format!("use 0 to {RETRIES_MAX}");
            problems.add(Code::BadNumber, place, format!("`retries` cannot be {typed}"), help);
            0
        }
    }
}

fn on_parent_death(draft: &JobDraft, problems: &mut Problems) -> Option<OnParentDeath> {
    let typed = draft.on_parent_death.as_ref();
    problems.choice(typed, OnParentDeath::ALL, OnParentDeath::as_str, || {
        Place::at(["jobs", draft.label.as_str(), "on_parent_death"])
    })
}

fn output_sample_max(draft: &JobDraft, problems: &mut Problems) -> Option<u64> {
    let typed = draft.output_sample_max?;
    let lines = u64::try_from(typed).ok().filter(|lines| 0 < *lines);
    if lines.is_none() {
        let place = Place::at(["jobs", draft.label.as_str(), "output_sample_max"]);
        let message = format!("`output_sample_max` cannot be {typed}");
        problems.add(Code::BadNumber, place, message, "use 1 or more; without it all is kept");
    }
    lines
}

fn app(draft: &JobDraft, problems: &mut Problems) -> Option<AppName> {
    let typed = draft.app.as_ref()?;
    match AppName::parse(typed.as_str()) {
        Ok(app) => Some(app),
        Err(error) => {
            let place = Place::at(["jobs", draft.label.as_str(), "app"]);
            let message = format!("`{typed}` cannot be the name of an application: {error}");
            problems.add(Code::BadName, place, message, name_help(&error));
            None
        }
    }
}

fn job_type(draft: &JobDraft, problems: &mut Problems) -> Option<String> {
    let typed = draft.job_type.as_ref()?;
    match AppName::parse(typed.as_str()) {
        Ok(_) => Some(typed.clone()),
        Err(error) => {
            let place = Place::at(["jobs", draft.label.as_str(), "type"]);
            problems.add(
                Code::BadName,
                place,
                format!("`{typed}` cannot be a type of job"),
                name_help(&error),
            );
            None
        }
    }
}

fn dir(draft: &JobDraft, problems: &mut Problems) -> Option<PathBuf> {
    let typed = draft.dir.as_ref()?;
    let path = Path::new(typed);
    let below =
        path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !below || typed.is_empty() || typed.contains('\0') {
        let place = Place::at(["jobs", draft.label.as_str(), "dir"]);
        let message = format!("`{typed}` is not a folder below the project's");
        problems.add(Code::BadFolder, place, message, "write a relative path without `..`");
        return None;
    }
    Some(path.components().filter(|part| matches!(part, Component::Normal(_))).collect())
}

fn env(draft: &JobDraft, problems: &mut Problems) -> std::collections::BTreeMap<String, String> {
    for (name, value) in &draft.env {
        let place = Place::at(["jobs", draft.label.as_str(), "env", name.as_str()]);
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            let help = "use a name without `=`, and a text without NUL";
            problems.add(Code::BadVariable, place, format!("`{name}` cannot be a variable"), help);
        } else if name.starts_with("DATABUILD_") {
            let help = "use another name: these are given by the build";
            problems.add(
                Code::BadVariable,
                place.name(),
                format!("the variable `{name}` is taken"),
                help,
            );
        }
    }
    draft.env.clone()
}
