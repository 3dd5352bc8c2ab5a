//! How something ended, in a few words: `exit 3`, `killed by SIGSEGV`, `timed out`.

use databuild_model::bel::RunSummary;
use databuild_model::cause::Cause;
use databuild_model::ids::{JobLabel, PartitionRef};

/// How a run ended.
pub(crate) fn words(summary: &RunSummary) -> String {
    let short = match summary.cause {
        Cause::Success => "ok".to_owned(),
        Cause::Exit => match summary.exit_code {
            Some(code) => format!("exit {code}"),
            None => "failed".to_owned(),
        },
        Cause::Signal => match summary.signal {
            Some(signal) => format!("killed by {}", signal_name(signal)),
            None => "killed".to_owned(),
        },
        Cause::Oom => "out of memory".to_owned(),
        Cause::Timeout => "timed out".to_owned(),
        Cause::Cancelled => "cancelled".to_owned(),
        Cause::LaunchFailed => match summary.exit_code {
            Some(127) => "could not be started: not found".to_owned(),
            Some(126) => "could not be started: not executable".to_owned(),
            Some(_) | None => "could not be started".to_owned(),
        },
        Cause::ConfigInvalid => "its configuration cannot be run".to_owned(),
        Cause::WrapperLost => "incomplete (wrapper lost)".to_owned(),
    };
    match &summary.reason {
        Some(reason) if !reason.is_empty() && !short.contains(':') => format!("{short}: {reason}"),
        Some(_) | None => short,
    }
}

/// `SIGKILL` for 9; `signal 64` where there is no common name.
pub(crate) fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

/// What a job makes, short: `date=2025-01-23` where the job's name says the rest already.
pub(crate) fn target(label: &JobLabel, outputs: &[PartitionRef]) -> String {
    let Some(first) = outputs.first() else {
        return String::new();
    };
    let short = first
        .as_str()
        .strip_prefix(label.as_str())
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(first.as_str());
    match outputs.len() {
        1 => short.to_owned(),
        n => format!("{short} +{}", n - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::{target, words};
    use databuild_model::bel::RunSummary;
    use databuild_model::cause::Cause;
    use databuild_model::ids::{JobLabel, PartitionRef};

    #[test]
    fn an_end_is_told_in_a_few_words() {
        let exit = RunSummary { exit_code: Some(3), ..RunSummary::of(Cause::Exit) };
        let killed = RunSummary { signal: Some(11), ..RunSummary::of(Cause::Signal) };
        let lost =
            RunSummary { reason: Some("not found".into()), ..RunSummary::of(Cause::LaunchFailed) };
        assert_eq!(words(&exit), "exit 3");
        assert_eq!(words(&killed), "killed by SIGSEGV");
        assert_eq!(words(&lost), "could not be started: not found");
    }

    #[test]
    fn a_target_does_not_repeat_the_jobs_name() {
        let label = JobLabel::parse("clean").expect("a label");
        let check = |refs: &[&str], expected: &str| {
            let refs: Vec<_> =
                refs.iter().map(|text| PartitionRef::parse(*text).expect("a ref")).collect();
            assert_eq!(target(&label, &refs), expected);
        };
        check(&["clean/date=2025-01-23"], "date=2025-01-23");
        check(&["cleaner/date=2025-01-23"], "cleaner/date=2025-01-23");
        check(&["clean/a=1", "clean/a=2", "x"], "a=1 +2");
        check(&[], "");
    }
}
