//! A question about the log of one job run, and its answer: what CLI and service both build and hand
//! to `LogReader`. The protobuf forms are in [`crate::proto`].

use crate::entry::JobLogEntry;
use crate::ids::JobRunId;
use crate::query::LogFilter;

/// Which entries of one run are wanted, and how many at once.
#[derive(Debug, Clone)]
pub struct JobLogsRequest {
    /// The run.
    pub job_run_id: JobRunId,
    /// Which of its entries.
    pub filter: LogFilter,
    /// At most so many entries in the answer; `None` means as many as a page holds in bytes.
    pub limit: Option<u32>,
    /// Where the page before ended, as its answer said.
    pub page_token: Option<String>,
    /// From the first entry on, or from the last one back.
    pub order: Order,
    /// Only the last so many matching entries.
    pub tail: Option<u32>,
}

/// In which order entries are answered. The order is that of the run, never of clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Order {
    /// As they happened.
    #[default]
    Asc,
    /// The last one first.
    Desc,
}

/// The answer in owned form; the reader itself answers stored bytes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobLogsResponse {
    /// The entries, in the order asked for.
    pub entries: Vec<JobLogEntry>,
    /// Whether there is a next page now.
    pub has_more: bool,
    /// What to ask for to get it; empty if there is none.
    pub next_page_token: String,
}

impl JobLogsRequest {
    /// A request for everything of `job_run_id`.
    pub fn all_of(job_run_id: JobRunId) -> Self {
        JobLogsRequest {
            job_run_id,
            filter: LogFilter::default(),
            limit: None,
            page_token: None,
            order: Order::Asc,
            tail: None,
        }
    }
}

impl Order {
    /// `asc` or `desc`.
    pub fn as_str(self) -> &'static str {
        match self {
            Order::Asc => "asc",
            Order::Desc => "desc",
        }
    }

    /// Reads `asc` or `desc`.
    pub fn parse(text: &str) -> Option<Order> {
        [Order::Asc, Order::Desc].into_iter().find(|order| order.as_str() == text)
    }
}
