//! The query of a log request, read into the same `JobLogsRequest` that the command line builds.

use crate::server::params::Params;
use crate::server::problem::Problem;
use crate::wire::when;
use databuild_model::entry::Kind;
use databuild_model::ids::JobRunId;
use databuild_model::level::Level;
use databuild_model::limits;
use databuild_model::query::{KindSet, LevelSet, LogFilter, TextMatch};
use databuild_model::request::{JobLogsRequest, Order};
use databuild_model::time::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write;

/// The parameters of a log request.
pub(crate) const KNOWN: [&str; 10] =
    ["since", "until", "level", "kind", "q", "limit", "cursor", "order", "tail", "follow"];

/// What stays as it is in a query value.
const VALUE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b',');

/// A log request as it came over HTTP.
#[derive(Debug)]
pub(crate) struct LogsQuery {
    /// What is asked of the reader.
    pub(crate) request: JobLogsRequest,
    /// Whether to stay and send what comes.
    pub(crate) follow: bool,
    level: Option<Level>,
    kinds: Option<Vec<Kind>>,
}

impl LogsQuery {
    /// Reads `params` as a request for the log of `run`. Ages count back from `now`.
    pub(crate) fn parse(run: JobRunId, params: &Params, now: Timestamp) -> Result<Self, Problem> {
        let level = params.read(
            "level",
            "trace | debug | info | warn | error | fatal | 1-24",
            Level::parse,
        )?;
        let kinds =
            params.read("kind", "log | metric | event | manifest, with commas", |text| {
                text.split(',').map(Kind::parse).collect::<Option<Vec<Kind>>>()
            })?;
        let order = params.read("order", "asc | desc", Order::parse)?;
        let number = |name, lowest, highest| -> Result<Option<u32>, Problem> {
            let number = params.number(name, lowest, u64::from(highest))?;
            Ok(number.and_then(|number| u32::try_from(number).ok()))
        };
        let query = LogsQuery {
            request: JobLogsRequest {
                job_run_id: run,
                filter: LogFilter {
                    since: params.when("since", now)?,
                    until: params.when("until", now)?,
                    levels: level.map(LevelSet::at_least),
                    kinds: kinds.as_deref().map(KindSet::of),
                    include: params.try_read("q", "a text", TextMatch::contains)?,
                    exclude: None,
                },
                limit: number("limit", 1, limits::LOGS_LIMIT_MAX)?,
                page_token: params.get("cursor").map(str::to_owned),
                order: order.unwrap_or_default(),
                tail: number("tail", 0, u32::MAX)?,
            },
            follow: params.flag("follow")?,
            level,
            kinds,
        };
        query.check()
    }

    fn check(self) -> Result<Self, Problem> {
        let filter = &self.request.filter;
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && until <= since
        {
            return Err(Problem::parameter(
                "query",
                "until",
                &until.to_string(),
                format!("a time after since={since}"),
                format!("nothing is between since={since} and until={until}"),
            ));
        }
        Ok(self)
    }

    /// Whether the parameters fit a tail, which has no end to count from.
    pub(crate) fn check_follow(&self) -> Result<(), Problem> {
        let request = &self.request;
        let wrong = [
            ("limit", request.limit.is_some()),
            ("cursor", request.page_token.is_some()),
            ("order", request.order == Order::Desc),
        ];
        match wrong.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((name, _)) => Err(Problem::parameter(
                "query",
                name,
                "",
                "nothing, together with follow",
                format!("{name} has no meaning when the log is followed; use tail, since or after"),
            )),
        }
    }

    /// The question without its place and size, with ages resolved: what identifies an answer.
    pub(crate) fn canonical(&self) -> String {
        let filter = &self.request.filter;
        let mut out = String::new();
        let mut add = |name: &str, value: &str| {
            let separator = if out.is_empty() { "" } else { "&" };
            let value = utf8_percent_encode(value, VALUE);
            // Writing to a String cannot fail.
            write!(out, "{separator}{name}={value}").unwrap_or_default();
        };
        for (name, time) in [("since", filter.since), ("until", filter.until)] {
            if let Some(time) = time {
                // A moment near 1970 would be refused as a number.
                let nanos = time.as_nanos();
                let small = nanos.saturating_abs() < when::NANOS_MIN;
                let text = if small { time.to_string() } else { nanos.to_string() };
                add(name, &text);
            }
        }
        if let Some(level) = self.level {
            add("level", &level.as_str().to_ascii_lowercase());
        }
        if let Some(kinds) = &self.kinds {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            add("kind", &names.join(","));
        }
        if let Some(text) = &filter.include {
            add("q", text.source());
        }
        if self.request.order == Order::Desc {
            add("order", Order::Desc.as_str());
        }
        if let Some(tail) = self.request.tail {
            add("tail", &tail.to_string());
        }
        out
    }

    /// The target of the page after one that answered `token`.
    pub(crate) fn next_target(&self, path: &str, token: &str) -> String {
        let mut target = format!("{path}?");
        let question = self.canonical();
        if !question.is_empty() {
            target.push_str(&question);
            target.push('&');
        }
        let token = utf8_percent_encode(token, VALUE);
        write!(target, "cursor={token}").unwrap_or_default();
        if let Some(limit) = self.request.limit {
            write!(target, "&limit={limit}").unwrap_or_default();
        }
        target
    }
}

/// Reads a job run id out of a path. It was decoded once, by the router.
pub(crate) fn run_id(text: &str) -> Result<JobRunId, Problem> {
    JobRunId::parse(text).map_err(|error| {
        Problem::parameter(
            "path",
            "job_run_id",
            text,
            "A-Z a-z 0-9 . _ -, at most 128, no leading dot; or BUILD.RUN such as 42.6",
            format!("this is no job run id: {error}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, LogsQuery};
    use crate::server::params::Params;
    use databuild_model::ids::JobRunId;
    use databuild_model::time::Timestamp;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(query: &str, expect: &Expect) {
        let now = Timestamp::parse("2025-01-27T12:00:00Z").expect("a time");
        let run = JobRunId::parse("run").expect("an id");
        let said = Params::parse(Some(query), &KNOWN)
            .and_then(|params| LogsQuery::parse(run, &params, now))
            .map_or_else(|p| format!("error: {}", p.detail()), |q| q.next_target("/p", "T+"));
        expect.assert_eq(&said);
    }

    #[test]
    fn the_next_page_asks_the_same_question() {
        check("", &expect!["/p?cursor=T%2B"]);
        check(
            "since=15m&level=WARN&limit=2&q=a%26b",
            &expect!["/p?since=1737978300000000000&level=warn&q=a%26b&cursor=T%2B&limit=2"],
        );
        check(
            "kind=job_event,log&order=desc&tail=5&until=1970-01-02T00:00:00Z",
            &expect!["/p?until=1970-01-02T00:00:00Z&kind=event,log&order=desc&tail=5&cursor=T%2B"],
        );
    }

    #[test]
    fn says_what_is_wrong() {
        check(
            "level=loud",
            &expect![[
                r#"error: level="loud" is not valid, expected is trace | debug | info | warn | error | fatal | 1-24"#
            ]],
        );
        check(
            "kind=log,x",
            &expect![[
                r#"error: kind="log,x" is not valid, expected is log | metric | event | manifest, with commas"#
            ]],
        );
        check(
            "limit=0",
            &expect![[
                r#"error: limit="0" is not valid, expected is a whole number from 1 to 10000"#
            ]],
        );
        check(
            "since=1737973845",
            &expect![
                "error: since: 1737973845 looks like seconds; give 2025-01-27T10:30:45Z, RFC 3339, an age such as 15m, or nanoseconds"
            ],
        );
        check(
            "since=1h&until=2h",
            &expect![
                "error: nothing is between since=2025-01-27T11:00:00Z and until=2025-01-27T10:00:00Z"
            ],
        );
    }
}
