//! The kept totals of the metrics: how far the journals were counted, and what was counted up to
//! there. Both in one file, so that they move together. Page: `docs/formats/metrics-state.md`.

use super::bytes::{Reader, Writer};
use super::frame;
use databuild_metrics::aggregate::MetricsAggregator;
use databuild_metrics::guard::{Budget, Culprit};
use databuild_metrics::metric_templates;
use databuild_metrics::registry::{Exemplar, Series};
use databuild_model::ids::JobRunId;
use databuild_model::time::Timestamp;
use databuild_policy::naming::JournalName;
use std::collections::BTreeMap;

/// The first bytes of the file: name and version of the format.
pub const MAGIC: [u8; 8] = *b"DBMETRI\x01";

const HEAD: u8 = 1;
const JOURNAL: u8 = 2;
const RUN: u8 = 3;
const NAME: u8 = 4;
const LABEL_VALUE: u8 = 5;
const CULPRIT: u8 = 6;
const COUNTER: u8 = 7;
const GAUGE: u8 = 8;
const HISTOGRAM: u8 = 9;
const END: u8 = 10;

/// What is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsState {
    /// How far each journal is counted.
    pub journals: BTreeMap<JournalName, Counted>,
    /// Runs of which something is counted and that are not sealed.
    pub runs: BTreeMap<JobRunId, CountedRun>,
    /// How far the build event log is counted.
    pub builds_upto: u64,
    /// The latest time of an entry that is counted.
    pub newest: Timestamp,
    /// The totals.
    pub totals: MetricsAggregator,
}

/// How far a journal is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Behind the last record that is.
    pub offset: u64,
    /// That record says that the collector ended in order.
    pub closed: bool,
    /// The journal was made anew: what is not later than this may be counted already.
    pub known_until: Option<Timestamp>,
}

/// How far a run is counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CountedRun {
    /// The job.
    pub job_label: String,
    /// The kind of job.
    pub job_type: String,
    /// Behind the last line whose measurement is counted.
    pub points_upto: u64,
    /// Behind the last stretch whose entries are counted.
    pub entries_upto: u64,
}

/// Why bytes are not kept totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A version that this program does not know.
    #[error("not metric totals of version 1")]
    Format,
    /// Cut off or changed.
    #[error("the metric totals are damaged")]
    Damaged,
}

impl MetricsState {
    /// Nothing counted.
    pub fn new(labels: Vec<String>) -> Self {
        MetricsState {
            journals: BTreeMap::new(),
            runs: BTreeMap::new(),
            builds_upto: 0,
            newest: Timestamp::from_nanos(i64::MIN),
            totals: MetricsAggregator::new(Budget::default(), labels),
        }
    }

    /// The whole file.
    pub fn write(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let mut record = |kind, fill: &mut dyn FnMut(&mut Writer)| {
            let mut payload = Writer::default();
            fill(&mut payload);
            frame::write_record(kind, &payload.0, &mut out);
        };
        record(HEAD, &mut |w| {
            w.varint(self.builds_upto);
            w.zigzag(self.newest.as_nanos());
        });
        for (name, counted) in &self.journals {
            record(JOURNAL, &mut |w| counted.write(*name, w));
        }
        for (run, counted) in &self.runs {
            record(RUN, &mut |w| counted.write(run, w));
        }
        for name in self.totals.reported_names() {
            record(NAME, &mut |w| w.text(name));
        }
        for (label, value) in self.totals.label_values() {
            record(LABEL_VALUE, &mut |w| {
                w.text(label);
                w.text(value);
            });
        }
        for culprit in self.totals.registry().guard().culprits() {
            record(CULPRIT, &mut |w| write_culprit(&culprit, w));
        }
        for (family, labels, series) in self.totals.registry().all() {
            record(kind_of(series), &mut |w| {
                w.text(family.name);
                w.text(labels);
                write_series(series, w);
            });
        }
        record(END, &mut |_| ());
        out
    }

    /// Reads the whole file; `labels` are those that jobs may add from now on.
    pub fn read(bytes: &[u8], labels: Vec<String>) -> Result<MetricsState, StateError> {
        let magic = bytes.get(..MAGIC.len()).ok_or(StateError::Damaged)?;
        if magic != MAGIC {
            return Err(StateError::Format);
        }
        let mut state = MetricsState::new(labels);
        for record in frame::records(bytes, MAGIC.len()) {
            if record.kind == END && record.end == bytes.len() {
                return Ok(state);
            }
            state.take(record.kind, &mut Reader(record.payload)).ok_or(StateError::Damaged)?;
        }
        Err(StateError::Damaged)
    }

    fn take(&mut self, kind: u8, r: &mut Reader<'_>) -> Option<()> {
        match kind {
            HEAD => {
                self.builds_upto = r.varint()?;
                self.newest = Timestamp::from_nanos(r.zigzag()?);
            }
            JOURNAL => {
                let (name, counted) = Counted::read(r)?;
                self.journals.insert(name, counted);
            }
            RUN => {
                let (run, counted) = CountedRun::read(r)?;
                self.runs.insert(run, counted);
            }
            NAME => self.totals.restore_name(r.text()?),
            LABEL_VALUE => self.totals.restore_label_value(r.text()?, r.text()?),
            CULPRIT => {
                let culprit = read_culprit(r)?;
                self.totals.registry_mut().guard_mut().restore(culprit);
            }
            COUNTER | GAUGE | HISTOGRAM => {
                let (name, labels) = (r.text()?, r.text()?.to_owned());
                let series = read_series(kind, r)?;
                // A family that this version no longer has goes.
                if let Some(family) = metric_templates::find(name) {
                    self.totals.registry_mut().restore(family, labels, series);
                }
            }
            _ => return None,
        }
        Some(())
    }
}

impl Counted {
    fn write(&self, name: JournalName, w: &mut Writer) {
        w.text(&name.file_name());
        w.varint(self.offset);
        w.u8(u8::from(self.closed));
        w.option(self.known_until.map(Timestamp::as_nanos));
    }

    fn read(r: &mut Reader<'_>) -> Option<(JournalName, Counted)> {
        let name = JournalName::parse(r.text()?)?;
        let (offset, closed) = (r.varint()?, r.u8()? != 0);
        let known_until = r.option()?.map(Timestamp::from_nanos);
        Some((name, Counted { offset, closed, known_until }))
    }
}

impl CountedRun {
    fn write(&self, run: &JobRunId, w: &mut Writer) {
        w.text(run.as_str());
        w.text(&self.job_label);
        w.text(&self.job_type);
        w.varint(self.points_upto);
        w.varint(self.entries_upto);
    }

    fn read(r: &mut Reader<'_>) -> Option<(JobRunId, CountedRun)> {
        let run = JobRunId::parse(r.text()?).ok()?;
        let (job_label, job_type) = (r.text()?.to_owned(), r.text()?.to_owned());
        let (points_upto, entries_upto) = (r.varint()?, r.varint()?);
        Some((run, CountedRun { job_label, job_type, points_upto, entries_upto }))
    }
}

fn write_culprit(culprit: &Culprit, w: &mut Writer) {
    w.text(&culprit.family);
    w.text(&culprit.job_label);
    w.text(&culprit.label);
    w.varint(culprit.count);
}

fn read_culprit(r: &mut Reader<'_>) -> Option<Culprit> {
    Some(Culprit {
        family: r.text()?.to_owned(),
        job_label: r.text()?.to_owned(),
        label: r.text()?.to_owned(),
        count: r.varint()?,
    })
}

fn kind_of(series: &Series) -> u8 {
    match series {
        Series::Counter { .. } => COUNTER,
        Series::Gauge { .. } => GAUGE,
        Series::Histogram { .. } => HISTOGRAM,
    }
}

fn write_series(series: &Series, w: &mut Writer) {
    match series {
        Series::Counter { total, exemplar } => {
            write_float(*total, w);
            write_exemplar(exemplar.as_ref(), w);
        }
        Series::Gauge { value, at_nanos } => {
            write_float(*value, w);
            w.zigzag(*at_nanos);
        }
        Series::Histogram { buckets, sum, exemplars } => {
            write_float(*sum, w);
            w.varint(buckets.len() as u64);
            for (count, exemplar) in buckets.iter().zip(exemplars) {
                w.varint(*count);
                write_exemplar(exemplar.as_ref(), w);
            }
        }
    }
}

fn read_series(kind: u8, r: &mut Reader<'_>) -> Option<Series> {
    let value = read_float(r)?;
    Some(match kind {
        COUNTER => Series::Counter { total: value, exemplar: read_exemplar(r)? },
        GAUGE => Series::Gauge { value, at_nanos: r.zigzag()? },
        _ => {
            let (mut buckets, mut exemplars) = (Vec::new(), Vec::new());
            for _ in 0..r.varint()? {
                buckets.push(r.varint()?);
                exemplars.push(read_exemplar(r)?);
            }
            Series::Histogram { buckets, sum: value, exemplars }
        }
    })
}

fn write_exemplar(exemplar: Option<&Exemplar>, w: &mut Writer) {
    w.u8(u8::from(exemplar.is_some()));
    if let Some(Exemplar { job_run_id, value, at_nanos }) = exemplar {
        w.text(job_run_id);
        write_float(*value, w);
        w.zigzag(*at_nanos);
    }
}

fn read_exemplar(r: &mut Reader<'_>) -> Option<Option<Exemplar>> {
    if r.u8()? == 0 {
        return Some(None);
    }
    let job_run_id = r.text()?.to_owned();
    Some(Some(Exemplar { job_run_id, value: read_float(r)?, at_nanos: r.zigzag()? }))
}

fn write_float(value: f64, w: &mut Writer) {
    w.0.extend_from_slice(&value.to_bits().to_le_bytes());
}

fn read_float(r: &mut Reader<'_>) -> Option<f64> {
    let bytes: [u8; 8] = r.take(8)?.try_into().ok()?;
    Some(f64::from_bits(u64::from_le_bytes(bytes))).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests;
