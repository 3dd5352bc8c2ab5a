//! A run's log as it grows, as a body: server-sent events, or one entry a line. The body asks the store
//! when the connection has room, so a slow client holds one batch and nothing queues up.

use crate::server::limits;
use crate::server::logs_query::LogsQuery;
use crate::server::media::Form;
use crate::server::params::Params;
use crate::server::problem::Problem;
use crate::server::service::Service;
use crate::server::stream;
use crate::wire::sse;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use databuild_logs::read::{Cursor, Followed, Follower, LogReader, ReadError, RunState, Step};
use databuild_model::cause::Cause;
use databuild_model::ids::JobRunId;
use futures_util::stream::try_unfold;
use serde::Serialize;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// How long a run that has a number may take until its log begins: it may wait for its turn behind
/// other jobs all day.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// In which form a tail is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TailForm {
    /// Server-sent events: ids, comments while nothing happens, an `end`.
    Events,
    /// The stored lines; the end of the body is the end of the run.
    Lines,
}

/// Follows the run of `query` from where the client left off.
pub(crate) async fn answer(
    service: &Arc<Service>,
    query: &LogsQuery,
    params: &Params,
    headers: &HeaderMap,
    form: TailForm,
) -> Result<Response, Problem> {
    query.check_follow()?;
    let after = resume_after(params, headers)?;
    let full = format!("{} logs are followed already", limits::TAILS_MAX);
    let permit = stream::place(service, full)?;
    let request = query.request.clone();
    let follower = service
        .blocking(move |service| {
            let run = &request.job_run_id;
            let cursor = place(service, run, after, request.tail.map(|n| (n, &request.filter)))?;
            let follower = service.reader().follow(run, request.filter.clone(), cursor);
            Ok(follower.with_patience(PATIENCE))
        })
        .await?;
    let tail = Tail {
        run: query.request.job_run_id.clone(),
        reader: service.reader().clone(),
        follower,
        form,
        after: after.unwrap_or(0),
        quiet: Duration::ZERO,
        stop: service.stop(),
        phase: Phase::Opening,
        _permit: permit,
    };
    let form = match form {
        TailForm::Events => Form::Sse,
        TailForm::Lines => Form::Ndjson,
    };
    let mut answer = stream::answer(form, try_unfold(tail, step));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// The sequence number after which the client wants to go on. What a browser sends by itself is newer
/// than what stands in the address.
pub(crate) fn resume_after(params: &Params, headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let expected = "the sequence number of an entry";
    if let Some(id) = headers.get("last-event-id") {
        let text = id.to_str().unwrap_or_default();
        let id = text.trim().parse().map_err(|_| {
            let detail = format!("Last-Event-ID {text:?} is not {expected}");
            Problem::parameter("header", "Last-Event-ID", text, expected, detail)
        })?;
        return Ok(Some(id));
    }
    params.read("after", expected, |text| text.parse().ok())
}

fn place(
    service: &Service,
    run: &JobRunId,
    after: Option<u64>,
    tail: Option<(u32, &databuild_model::query::LogFilter)>,
) -> Result<Cursor, Problem> {
    let reader = service.reader();
    let found = match (after, tail) {
        (None, Some((tail, filter))) => {
            reader.tail_cursor(run, filter, tail).map(|(cursor, _found)| cursor)
        }
        (after, _) => reader.cursor_after_sequence(run, after.unwrap_or(0)),
    };
    match found {
        // A run that waits for its turn has no log yet; it can be followed all the same.
        Err(ReadError::RunNotFound { .. }) if service.knows_run(run)? => Ok(Cursor::START),
        found => Ok(found?),
    }
}

struct Tail {
    run: JobRunId,
    reader: LogReader,
    follower: Follower,
    form: TailForm,
    /// Entries up to this sequence number are with the client already.
    after: u64,
    /// How long nothing was sent.
    quiet: Duration,
    stop: watch::Receiver<bool>,
    phase: Phase,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Following,
    Ended,
}

/// The next bytes to send; none after the end.
async fn step(mut tail: Tail) -> io::Result<Option<(Vec<u8>, Tail)>> {
    match (tail.phase, tail.form) {
        (Phase::Ended, _) => return Ok(None),
        (Phase::Opening, TailForm::Events) => {
            tail.phase = Phase::Following;
            return Ok(Some((sse::opening(), tail)));
        }
        (Phase::Opening, TailForm::Lines) | (Phase::Following, _) => {
            tail.phase = Phase::Following;
        }
    }
    loop {
        if *tail.stop.borrow() {
            tail.phase = Phase::Ended;
            return Ok(Some((tail.farewell("the service stops; connect again to go on"), tail)));
        }
        // The thread pool waits, not the runtime. A client that goes away drops this future; the
        // wait then ends by itself and its result with it.
        let waited = tokio::task::spawn_blocking(move || tail.wait());
        let (came, next) = waited.await.map_err(io::Error::other)?;
        tail = next;
        let out = match came.map_err(io::Error::other)? {
            Came::Nothing => tail.idle(),
            Came::Bytes(bytes) => bytes,
            Came::End(bytes) => {
                tail.phase = Phase::Ended;
                bytes
            }
        };
        if !out.is_empty() || tail.phase == Phase::Ended {
            tail.quiet = Duration::ZERO;
            return Ok(Some((out, tail)));
        }
    }
}

enum Came {
    Nothing,
    Bytes(Vec<u8>),
    End(Vec<u8>),
}

impl Tail {
    /// Waits a moment for news.
    fn wait(mut self) -> (Result<Came, ReadError>, Tail) {
        let came = self.news();
        (came, self)
    }

    fn news(&mut self) -> Result<Came, ReadError> {
        let mut out = Vec::new();
        match self.follower.next(limits::TAIL_WAIT)? {
            Step::Idle => Ok(Came::Nothing),
            Step::Lines(followed) => {
                self.render(&followed, &mut out);
                Ok(Came::Bytes(out))
            }
            Step::End(state) => {
                if self.form == TailForm::Events {
                    let end = End::of(&self.reader, &self.run, state);
                    sse::event(None, "end", &end.to_json(), &mut out);
                }
                Ok(Came::End(out))
            }
        }
    }

    /// Renders what the client does not have yet.
    fn render(&mut self, followed: &Followed, out: &mut Vec<u8>) {
        for (line, mark) in followed.lines.iter().zip(&followed.marks) {
            // What did not come from a wrapper has no number, and is sent as it comes.
            let id = (mark.sequence_number != 0).then_some(mark.sequence_number);
            if id.is_some_and(|id| id <= self.after) {
                continue;
            }
            match self.form {
                TailForm::Events => sse::event(id, mark.kind.content_key(), line, out),
                TailForm::Lines => {
                    out.extend_from_slice(line);
                    out.push(b'\n');
                }
            }
        }
    }

    /// What is sent when nothing came: a comment now and then.
    fn idle(&mut self) -> Vec<u8> {
        self.quiet += limits::TAIL_WAIT;
        if self.quiet < limits::KEEP_ALIVE {
            return Vec::new();
        }
        self.farewell("keep-alive")
    }

    /// A comment; lines have no such thing.
    fn farewell(&self, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        if self.form == TailForm::Events {
            sse::comment(text, &mut out);
        }
        out
    }
}

/// How a run ended, for a client that followed it.
#[derive(Debug, Serialize)]
struct End {
    state: &'static str,
    record: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
}

impl End {
    fn of(reader: &LogReader, run: &JobRunId, state: RunState) -> End {
        let end = reader.run_info(run).ok().and_then(|info| info.end);
        End {
            state: match end {
                Some(end) if end.cause == Cause::Success => "succeeded",
                Some(_) => "failed",
                None => "incomplete",
            },
            record: state.to_string(),
            cause: end.map(|end| end.cause.as_str()),
            exit_code: end.and_then(|end| end.exit_code),
            signal: end.and_then(|end| end.signal),
        }
    }

    fn to_json(&self) -> Vec<u8> {
        // Words and numbers: this cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
