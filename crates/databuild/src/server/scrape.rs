//! The metrics of the service: a thread of its own brings them up to date, a scrape only prints what
//! that thread published, so its cost has nothing to do with how many runs there were.

use crate::config::current::Current;
use crate::measure::{self, Measuring};
use crate::saver::host::Board;
use crate::server::params::Params;
use crate::server::problem::{Problem, Words};
use crate::server::service::Service;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use databuild_logs::collect::{CollectorStats, Health, LogCollector};
use databuild_logs::metrics_feed::FeedError;
use databuild_metrics::expose::{Format, expose};
use databuild_metrics::guard::Budget;
use databuild_metrics::own::{ConfigReload, Moment, OwnHealth};
use databuild_metrics::registry::Registry;
use databuild_model::clock::Clock;
use databuild_model::time::Timestamp;
use std::error::Error;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// The shortest time between two looks at the store.
const REFRESH_MIN: Duration = Duration::from_millis(20);

/// What the metrics are made from.
pub(crate) struct Measures {
    /// The store and the builds, or why they cannot be counted.
    pub(crate) measuring: Result<Measuring, FeedError>,
    /// How often they are looked at.
    pub(crate) interval: Duration,
    /// The collector of this process; none if it only answers questions.
    pub(crate) collector: Option<Weak<LogCollector>>,
    /// The settings.
    pub(crate) current: Arc<Current>,
    /// What the log saver of this process says; none if it runs none.
    pub(crate) saver: Option<Arc<Board>>,
}

/// What scrapes are answered from.
pub(crate) struct Metrics {
    clock: Arc<dyn Clock>,
    collector: Option<Weak<LogCollector>>,
    current: Arc<Current>,
    saver: Option<Arc<Board>>,
    own: Mutex<OwnHealth>,
    published: Mutex<Published>,
}

/// The last look at the store.
#[derive(Clone)]
struct Published {
    totals: Arc<Registry>,
    /// Which totals these are.
    version: u64,
    moment: Moment,
    newest: Option<Timestamp>,
    /// When all that was stored was known.
    complete_at: Option<Duration>,
    /// What went wrong the last time.
    failure: Option<String>,
}

/// The thread that looks at the store.
pub(crate) struct Refresher {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Metrics {
    /// What `measuring` knows from before, until a [`Refresher`] publishes more.
    pub(crate) fn new(measures: &Measures, clock: Arc<dyn Clock>) -> Arc<Metrics> {
        let failure = measures.measuring.as_ref().err().map(|error| chain(error));
        let measuring = measures.measuring.as_ref().ok();
        let totals = measuring.map(|measuring| Arc::new(measuring.totals().clone()));
        let published = Published {
            version: measuring.map_or(0, Measuring::version),
            totals: totals.unwrap_or_else(|| Arc::new(Registry::new(Budget::default()))),
            moment: Moment::default(),
            newest: measuring.and_then(Measuring::newest),
            complete_at: None,
            failure,
        };
        Arc::new(Metrics {
            current: Arc::clone(&measures.current),
            clock,
            collector: measures.collector.clone(),
            saver: measures.saver.clone(),
            own: Mutex::new(OwnHealth::new(env!("CARGO_PKG_VERSION"))),
            published: Mutex::new(published),
        })
    }

    /// Time that only goes on.
    pub(crate) fn mono(&self) -> Duration {
        self.clock.mono()
    }

    /// A request was answered.
    pub(crate) fn request(&self, route: &'static str, code: u16, began: Duration) {
        let seconds = self.mono().saturating_sub(began).as_secs_f64();
        self.own.lock().unwrap_or_else(PoisonError::into_inner).request(route, code, seconds);
    }

    /// What went wrong with the last look at the store.
    pub(crate) fn failure(&self) -> Option<String> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).failure.clone()
    }

    /// What the collector of this process is doing.
    pub(crate) fn collector(&self) -> Option<CollectorStats> {
        Some(self.collector.as_ref()?.upgrade()?.stats())
    }

    /// What hinders the collector of this process.
    pub(crate) fn health(&self) -> Option<Health> {
        Some(self.collector.as_ref()?.upgrade()?.health())
    }

    /// Free bytes and size of the disk of the logs, at the last look.
    pub(crate) fn disk(&self) -> Option<(u64, u64)> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).moment.disk
    }

    fn publish(&self, measuring: &Measuring, outcome: Result<Moment, String>, began: Duration) {
        let now = self.mono();
        let seconds = now.saturating_sub(began).as_secs_f64();
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.refresh(seconds, outcome.is_ok());
        drop(own);
        let version = measuring.version();
        let known = self.published.lock().unwrap_or_else(PoisonError::into_inner).version;
        // Ten thousand series are a megabyte: they are copied when they are others, and while nobody waits.
        let totals = (known != version).then(|| Arc::new(measuring.totals().clone()));
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(moment) => {
                if let Some(totals) = totals {
                    (published.totals, published.version) = (totals, version);
                }
                published.newest = measuring.newest();
                published.moment = moment;
                published.complete_at = Some(now);
                published.failure = None;
            }
            // What could not be kept is not shown: it might have to be taken back.
            Err(why) => published.failure = Some(why),
        }
    }

    /// `beside` is what others than this know of the moment.
    fn text(&self, format: Format, beside: Moment) -> String {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (wall, mono) = (self.clock.wall(), self.mono());
        let posted = self.saver.as_ref().map(|board| board.read());
        let moment = Moment {
            journal_age: published.newest.map(|newest| wall.since(newest).as_secs_f64()),
            cursor_age: published.complete_at.map(|at| mono.saturating_sub(at).as_secs_f64()),
            refreshed: Some(published.failure.is_none()),
            collector: self.collector().as_ref().map(measure::of_collector),
            process: measure::of_this_process(),
            config: self.current.says().map(|says| ConfigReload {
                in_use: says.in_use(),
                successful: says.usable.is_ok(),
                success_seconds: measure::seconds(says.since),
            }),
            cache: beside.cache,
            streams: beside.streams,
            saver: posted.map(|posted| posted.stats),
            ..published.moment
        };
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).at(&moment, wall);
        expose(&[&own, &published.totals], format)
    }
}

impl Refresher {
    /// Looks at the store at once and then every interval.
    pub(crate) fn start(metrics: &Arc<Metrics>, measures: Measures) -> io::Result<Refresher> {
        let (stop, stopped) = sync_channel(0);
        let interval = measures.interval.max(REFRESH_MIN);
        let metrics = Arc::clone(metrics);
        let work = move || refresh(&metrics, measures, interval, &stopped);
        let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(work)?;
        Ok(Refresher { stop, thread })
    }

    /// Ends the thread.
    pub(crate) fn close(self) {
        drop(self.stop);
        // A panic was told on stderr when it happened.
        self.thread.join().ok();
    }
}

fn refresh(metrics: &Metrics, measures: Measures, every: Duration, stop: &Receiver<()>) {
    let (mut measuring, current) = (measures.measuring.ok(), measures.current);
    loop {
        current.look();
        if let Some(measuring) = &mut measuring {
            let began = metrics.mono();
            let outcome = measuring.refresh().and_then(|()| {
                let now = metrics.clock.wall();
                measuring.look_at_usage(now, began);
                Ok(measuring.moment(now)?)
            });
            metrics.publish(measuring, outcome.map_err(|error| chain(&error)), began);
        }
        match stop.recv_timeout(every) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Totals of all job runs, builds and logs, and the health of this service, for Prometheus.
#[utoipa::path(get, path = "/api/v1/metrics", operation_id = "metrics", tag = "service", responses(
    (status = 200, description = "The Prometheus text format 0.0.4, or by `Accept` OpenMetrics 1.0, whose exemplars name the job run behind a number",
        content((String = "text/plain"), (String = "application/openmetrics-text"))),
    (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
))]
pub(crate) async fn metrics(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Params::parse(query.as_deref(), &[])?;
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = Format::negotiate(&accepts.collect::<Vec<_>>().join(","));
    let text =
        service.blocking(move |service| Ok(service.metrics().text(format, service.moment())));
    let text = text.await?;
    Ok(([(header::CONTENT_TYPE, format.content_type())], text).into_response())
}
